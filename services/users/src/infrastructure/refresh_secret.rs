//! The text of refresh tokens. The database has only their hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use storage::secret::Secret;

use crate::infrastructure::tables::refresh_token::RefreshTokenId;

/// Tells people and scanners for leaked secrets what the text is.
const PREFIX: &str = "trt_";

/// 256 random bits as a text.
pub(crate) fn generate() -> String {
    text(Secret::generate().bytes())
}

/// The text of the token that another is exchanged for. Whoever presents that other one again makes it anew, so that every
/// process can repeat an answer of which it has only the hash; nobody can without it and the key.
pub(crate) fn successor(key: &Secret, spent: &str, id: RefreshTokenId) -> String {
    // A key shorter than SHA-256's block of 64 bytes is padded with zeros (RFC 2104).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key.bytes());
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(id.to_string().as_bytes());
    mac.update(&[0]);
    mac.update(spent.as_bytes());
    text(&mac.finalize().into_bytes().into())
}

/// What is stored of a token. A plain hash will do: nobody guesses 256 random bits.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn text(bytes: &[u8; 32]) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}
