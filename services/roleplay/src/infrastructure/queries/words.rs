//! Words in texts, as searches look for them.

use sea_orm::ExprTrait;
use sea_orm::sea_query::{Expr, Func, LikeExpr};

use crate::domain::search::Word;

/// Whether a text has a word. `folded` is the folded text, or nothing where the database can fold `text` itself and where a release
/// before migration 0008 wrote it.
pub(super) fn has_word(folded: Expr, text: Expr, word: &Word) -> Expr {
    let lower = || Expr::from(Func::lower(text.clone()));
    let as_written = lower().like(containing(&word.written));
    let as_folded = Expr::from(Func::coalesce([folded.clone(), lower()]));
    let in_old = folded.is_null().and(as_written);
    as_folded.like(containing(&word.folded)).or(in_old)
}

/// A pattern for texts that have this one within.
pub(super) fn containing(text: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}
