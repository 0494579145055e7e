//! Which of the cards that a picture carries is read: the newest that can be, whatever it stands in.

use std::borrow::Cow;

use super::{Card, CardError, Warning, encoded, import::read_json};

/// The most that are tried; nobody writes more than two.
const MOST: usize = 8;

/// A card's text and where it stands: `ccv3`, `chara` or `EXIF`.
pub(super) type Carried<'a> = (&'static str, Result<Cow<'a, [u8]>, CardError>);

/// The first of these, the newest first, that can be read and isn't empty; `None` if there are none at all. The given name is for
/// a card without one.
pub(super) fn newest_good<'a>(
    texts: impl Iterator<Item = Carried<'a>>,
    name: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Card>, CardError> {
    let (mut skipped, mut spare, mut refusal) = (Vec::new(), None, None);
    for (place, text) in texts.take(MOST) {
        let mut told = Vec::new();
        let problem = match text.and_then(|text| read(&text, &mut told)) {
            Ok(card) => match lack(&card) {
                None => {
                    warnings.append(&mut skipped);
                    warnings.append(&mut told);
                    return Ok(Some(card));
                }
                Some(lack) => {
                    let better = |(kept, _, _): &(Card, _, _)| kept.has_no_name();
                    if spare.as_ref().is_none_or(better) {
                        spare = Some((card, told, skipped.len()));
                    }
                    lack
                }
            },
            Err(problem) => {
                refusal.get_or_insert_with(|| problem.clone());
                problem
            }
        };
        let problem = problem.to_string();
        skipped.push(Warning::SkippedCard { place, problem });
    }
    let Some((card, mut told, at)) = spare else {
        return refusal.map_or(Ok(None), Err);
    };
    skipped.remove(at);
    warnings.append(&mut skipped);
    warnings.append(&mut told);
    card.named(name).map(Some)
}

/// Why another card is better than this one, if there is one.
fn lack(card: &Card) -> Option<CardError> {
    if card.has_no_name() {
        return Some(CardError::EmptyName);
    }
    card.is_bare().then_some(CardError::EmptyCard)
}

fn read(text: &[u8], warnings: &mut Vec<Warning>) -> Result<Card, CardError> {
    let json = encoded::json(text, warnings)?;
    read_json(&json, warnings)
}
