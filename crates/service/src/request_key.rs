//! Ids that clients give to requests (AIP-155): a repeat does nothing more, and another request under an id is refused.

use std::fmt;

use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::fields;

/// The field that holds the id, in every request that has one.
pub const REQUEST_ID: &str = "request_id";

/// The id of a request, and what tells the request apart from another under the same id.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The method.
    pub method: &'static str,
    /// What the client calls it.
    pub id: String,
    /// SHA-256 of the method and the request: kept beside the id, since the request itself may be long and is private.
    pub hash: Vec<u8>,
}

impl RequestKey {
    /// The key of a request of `method`, whose id was taken out of it; none without an id.
    ///
    /// # Errors
    /// The id is no text that a database keeps.
    pub fn of(
        method: &'static str,
        id: String,
        request: &impl Message,
    ) -> Result<Option<Self>, Status> {
        if id.is_empty() {
            return Ok(None);
        }
        let id = fields::text(REQUEST_ID, id)?;
        let mut hash = Sha256::new();
        hash.update(method.as_bytes());
        // No method's name has it, so that no method with a request reads as another with another.
        hash.update([0]);
        hash.update(request.encode_to_vec());
        let hash = hash.finalize().to_vec();
        Ok(Some(Self { method, id, hash }))
    }

    /// True where what was kept is of the same request. Of requests before hashes were kept there is none, and they count as
    /// the same.
    #[must_use]
    pub fn is_of(&self, kept: Option<&[u8]>) -> bool {
        kept.is_none_or(|kept| kept == self.hash)
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestKey")
            .field(&self.method)
            .field(&self.id)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(method: &'static str, id: &str, request: &str) -> Option<RequestKey> {
        RequestKey::of(method, id.to_owned(), &request.to_owned()).unwrap()
    }

    #[test]
    fn tells_requests_apart_by_method_and_content() {
        let first = key("Send", "r", "Hello").unwrap();
        assert!(first.is_of(Some(&key("Send", "r", "Hello").unwrap().hash)));
        assert!(!first.is_of(Some(&key("Send", "r", "Bye").unwrap().hash)));
        assert!(!first.is_of(Some(&key("Repeat", "r", "Hello").unwrap().hash)));
        assert!(first.is_of(None));
    }

    #[test]
    fn needs_an_id_that_can_be_kept() {
        assert_eq!(key("Send", "", "Hello"), None);
        assert!(RequestKey::of("Send", "a\0".to_owned(), &()).is_err());
    }
}
