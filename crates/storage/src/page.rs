//! Page tokens: where the next page begins, opaque to clients and sealed, so that nobody makes one up and none works
//! on another list or for another person.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tonic::Status;
use troupe_proto::{Reason, error};

use crate::secret::Secret;

const SEAL_BYTES: usize = 16;

/// Seals and opens the page tokens of a service.
#[derive(Debug, Clone)]
pub struct PageTokens {
    key: Secret,
}

impl PageTokens {
    /// Tokens under a key of the service.
    pub fn new(key: Secret) -> Self {
        Self { key }
    }

    /// A token for `cursor`. The scope names the list, the person and the filter it belongs to.
    pub fn seal(&self, scope: &str, cursor: &[u8]) -> String {
        let mut token = self.mac(scope, cursor)[..SEAL_BYTES].to_vec();
        token.extend_from_slice(cursor);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The cursor of a token; `None` for the empty token, which means the first page.
    pub fn open(&self, scope: &str, token: &str) -> Result<Option<Vec<u8>>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = || refused("doesn't come from this list: start again without it");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let (seal, cursor) = bytes.split_at_checked(SEAL_BYTES).ok_or_else(refused)?;
        let mut mac = self.keyed(scope);
        mac.update(cursor);
        mac.verify_truncated_left(seal).map_err(|_| refused())?;
        Ok(Some(cursor.to_vec()))
    }

    fn mac(&self, scope: &str, cursor: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed(scope);
        mac.update(cursor);
        mac.finalize().into_bytes().into()
    }

    fn keyed(&self, scope: &str) -> Hmac<Sha256> {
        let mut mac = self.key.mac();
        mac.update(scope.as_bytes());
        mac.update(&[0]);
        mac
    }
}

/// The refusal of a page token, with what is wrong with it.
pub fn refused(description: &str) -> Status {
    error::field_at_fault(Reason::PageTokenInvalid, "page_token", description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_its_own_tokens_and_no_others() {
        let tokens = PageTokens::new(Secret::generate());
        let token = tokens.seal("messages/alice", b"cursor");
        assert_eq!(
            tokens.open("messages/alice", &token).unwrap().unwrap(),
            b"cursor"
        );
        assert_eq!(tokens.open("messages/alice", "").unwrap(), None);
        assert!(tokens.open("messages/bob", &token).is_err());
        assert!(
            PageTokens::new(Secret::generate())
                .open("messages/alice", &token)
                .is_err()
        );
        for bad in ["x", "!!!!", "AAAA", &token[1..]] {
            let refused = tokens.open("messages/alice", bad).unwrap_err();
            assert_eq!(error::reason_of(&refused), Some(Reason::PageTokenInvalid));
        }
    }
}
