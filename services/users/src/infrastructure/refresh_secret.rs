//! The text of refresh tokens. The database has only their hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::secret::Secret;
use sha2::{Digest, Sha256};

/// Tells people and scanners for leaked secrets what the text is.
const PREFIX: &str = "trt_";

/// 256 random bits as a text.
pub(crate) fn generate() -> String {
    format!(
        "{PREFIX}{}",
        URL_SAFE_NO_PAD.encode(Secret::generate().bytes())
    )
}

/// What is stored of a token. A plain hash will do: nobody guesses 256 random bits.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
