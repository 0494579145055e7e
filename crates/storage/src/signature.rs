//! Signatures of what a service gives out to be shown again, such as an address that needs no access token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use crate::secret::Secret;

const BYTES: usize = 16;

/// Signs texts under a key of the service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Secret,
}

impl Signer {
    /// Signatures under a key of the service, which signs nothing else.
    pub fn new(key: Secret) -> Self {
        Self { key }
    }

    /// The signature of a text: 22 characters that an address can hold as they are.
    pub fn sign(&self, text: &str) -> String {
        let mut mac = self.key.mac();
        mac.update(text.as_bytes());
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..BYTES])
    }

    /// Whether a signature is the text's. It takes as long for a wrong one, wherever it is wrong.
    pub fn is_signed(&self, text: &str, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let mut mac = self.key.mac();
        mac.update(text.as_bytes());
        signature.len() == BYTES && mac.verify_truncated_left(&signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_one_text_s_under_one_key() {
        let signer = Signer::new(Secret::generate());
        let signature = signer.sign("a/1");
        assert_eq!(signature.len(), 22);
        assert!(signer.is_signed("a/1", &signature));
        assert!(!signer.is_signed("a/2", &signature));
        assert!(!Signer::new(Secret::generate()).is_signed("a/1", &signature));
        // Neither a part of it nor more than it.
        for odd in ["", "AA", "!", &signature[..20], &format!("{signature}AA")] {
            assert!(!signer.is_signed("a/1", odd), "{odd}");
        }
    }
}
