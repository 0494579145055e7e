//! Pages of lists: how long they are, and the tokens that lead from one to the next.

use std::fmt::Display;
use std::str::FromStr;

use storage::page::{PageTokens, refused};
use tonic::Status;

const DEFAULT_SIZE: usize = 50;
const MAX_SIZE: usize = 200;

/// Reads the pages that requests ask for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pages(PageTokens);

/// A page that a request asks for. What begins it is a cursor, which names the last thing of the page before.
#[derive(Debug)]
pub struct Page<'p, C> {
    pages: &'p Pages,
    scope: String,
    size: usize,
    /// Behind what it begins; `None` for the first page.
    pub after: Option<C>,
}

impl Pages {
    /// Pages whose tokens are sealed by these.
    pub fn new(tokens: PageTokens) -> Self {
        Self(tokens)
    }

    /// The page of `page_size` things that `page_token` leads to: of 50 where it is 0, and of 200 where it is more. The scope
    /// names the list, the person and the filter: a token is good for one of them.
    ///
    /// # Errors
    /// The list gave out no such token, or a release did that wrote cursors differently.
    pub fn read<C: FromStr>(
        &self,
        scope: impl Into<String>,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<'_, C>, Status> {
        let scope = scope.into();
        let after = self.0.open(&scope, page_token)?.map(|cursor| {
            let text = str::from_utf8(&cursor).ok();
            let stale = || refused("is out of date: start again without it");
            text.and_then(|text| text.parse().ok()).ok_or_else(stale)
        });
        Ok(Page {
            after: after.transpose()?,
            size: match usize::try_from(page_size) {
                Ok(0) | Err(_) => DEFAULT_SIZE,
                Ok(size) => size.min(MAX_SIZE),
            },
            scope,
            pages: self,
        })
    }
}

impl<C: Display> Page<'_, C> {
    /// How many things it has at most.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many things to read for [`Page::cut`]: one more than the page has tells whether there is another.
    pub fn limit(&self) -> usize {
        self.size + 1
    }

    /// The token of the page that begins at a cursor; empty for none.
    pub fn next(&self, cursor: Option<C>) -> String {
        let seal = |cursor: C| {
            self.pages
                .0
                .seal(&self.scope, cursor.to_string().as_bytes())
        };
        cursor.map(seal).unwrap_or_default()
    }

    /// Cuts what was read to the page, and gives the token of the next one; it is empty after the last.
    pub fn cut<T>(&self, mut read: Vec<T>, cursor: impl FnOnce(&T) -> C) -> (Vec<T>, String) {
        if read.len() <= self.size {
            return (read, String::new());
        }
        read.truncate(self.size);
        let next = self.next(read.last().map(cursor));
        (read, next)
    }
}

#[cfg(test)]
mod tests {
    use storage::secret::Secret;
    use troupe_proto::{Reason, error};

    use super::*;

    fn pages() -> Pages {
        Pages::new(PageTokens::new(Secret::generate()))
    }

    fn list(page: &Page<'_, u32>) -> Vec<u32> {
        (1..=5)
            .filter(|number| page.after.is_none_or(|after| *number > after))
            .take(page.limit())
            .collect()
    }

    #[test]
    fn pages_have_everything_once_and_end() {
        let (pages, mut token, mut seen) = (pages(), String::new(), Vec::new());
        loop {
            let page = pages.read("numbers", 2, &token).unwrap();
            let (numbers, next) = page.cut(list(&page), |last| *last);
            seen.extend(numbers);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        let whole: Page<'_, u32> = pages.read("numbers", 0, "").unwrap();
        assert_eq!(whole.size(), DEFAULT_SIZE);
        let most: Page<'_, u32> = pages.read("numbers", 1_000, "").unwrap();
        assert_eq!(most.size(), MAX_SIZE);
    }

    #[test]
    fn a_token_of_another_list_and_a_cursor_of_another_release_are_refused() {
        let pages = pages();
        let page = pages.read("numbers", 2, "").unwrap();
        let (_, token) = page.cut(list(&page), |last| *last);
        let refused = pages.read::<u32>("letters", 2, &token).unwrap_err();
        assert_eq!(error::reason_of(&refused), Some(Reason::PageTokenInvalid));
        let stale = pages.0.seal("numbers", b"two");
        let refused = pages.read::<u32>("numbers", 2, &stale).unwrap_err();
        assert_eq!(error::reason_of(&refused), Some(Reason::PageTokenInvalid));
        assert!(refused.message().contains("page_token"), "{refused}");
    }
}
