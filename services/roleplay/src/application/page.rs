//! Pages of things of any size: a page ends where it would have too much, so that it fits an answer of gRPC, and has one thing at
//! least.

/// Bytes of documents after which a page ends that has them.
pub(super) const DOCUMENT_BYTES: i64 = 1 << 20;

/// How many are looked for: one more than a page has tells whether there is another.
pub(super) fn wanted(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)
}

/// Those of what was found, each with its size, that fit a page of at most this size; and whether there are more.
pub(super) fn fitting<T: Copy>(found: &[(T, i64)], limit: usize, most: i64) -> (Vec<T>, bool) {
    let (mut size, mut page) = (0, Vec::new());
    for (id, own_size) in found.iter().take(limit) {
        size += own_size;
        if size > most && !page.is_empty() {
            break;
        }
        page.push(*id);
    }
    let more = page.len() < found.len();
    (page, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_by_number_or_size_and_is_never_empty() {
        let found = [('a', 70), ('b', 20), ('c', 20), ('d', 1)];
        let page = |limit, most| fitting(&found, limit, most);
        assert_eq!(page(10, 1_000), (vec!['a', 'b', 'c', 'd'], false));
        assert_eq!(page(3, 1_000), (vec!['a', 'b', 'c'], true));
        assert_eq!(page(10, 90), (vec!['a', 'b'], true));
        assert_eq!(page(10, 5), (vec!['a'], true));
        assert_eq!(fitting::<char>(&[], 10, 5), (vec![], false));
    }
}
