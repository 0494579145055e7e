//! The keys that sign access tokens: made at the first start, kept in the database.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mesh::token::{Claims, TOKEN_TYPE};
use platform::Timestamp;
use sea_orm::DbErr;
use sha2::{Digest, Sha256};
use storage::Database;
use storage::secret::Secret;

use super::queries;
use super::tables::signing_key;

/// A public key, for verifiers.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    /// Thumbprint (RFC 7638).
    pub(crate) id: String,
    /// The key, base64url without padding.
    pub(crate) x: String,
}

/// The keys in force.
pub(crate) struct SigningKeys {
    header: Header,
    signs: EncodingKey,
    public: Vec<PublicKey>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeys")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Keys that can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(transparent)]
    Storage(#[from] DbErr),
    #[error("the stored signing key {0} is damaged: restore the users database from a backup")]
    Damaged(String),
}

impl SigningKeys {
    /// Loads the keys, making the first one if there is none.
    pub(crate) async fn load_or_create(db: &Database, now: Timestamp) -> Result<Self, KeyError> {
        let rows = db
            .transaction(move |tx| {
                Box::pin(async move {
                    let mut rows = queries::signing_keys::list_in_force(tx).await?;
                    if rows.is_empty() {
                        let row = new_row(now);
                        queries::signing_keys::insert(tx, row.clone()).await?;
                        rows.push(row);
                    }
                    Ok::<_, DbErr>(rows)
                })
            })
            .await?;
        Self::from_rows(&rows)
    }

    /// The first row signs.
    fn from_rows(rows: &[signing_key::Model]) -> Result<Self, KeyError> {
        let damaged = |row: &signing_key::Model| KeyError::Damaged(row.id.clone());
        let mut keys = Vec::new();
        for row in rows {
            let seed = row.seed.as_slice().try_into().map_err(|_| damaged(row))?;
            let key = SigningKey::from_bytes(seed);
            if thumbprint(&public_text(&key)) != row.id {
                return Err(damaged(row));
            }
            keys.push(key);
        }
        let (Some(newest), Some(row)) = (keys.first(), rows.first()) else {
            return Err(KeyError::Damaged("(none)".to_owned()));
        };
        let der = newest.to_pkcs8_der().map_err(|_| damaged(row))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(row.id.clone());
        Ok(Self {
            header,
            signs: EncodingKey::from_ed_der(der.as_bytes()),
            public: keys.iter().map(public_key).collect(),
        })
    }

    /// An access token.
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, claims, &self.signs)
    }

    /// The public keys.
    pub(crate) fn public(&self) -> &[PublicKey] {
        &self.public
    }
}

fn new_row(now: Timestamp) -> signing_key::Model {
    let seed = Secret::generate();
    let key = SigningKey::from_bytes(seed.bytes());
    signing_key::Model {
        id: thumbprint(&public_text(&key)),
        seed: seed.bytes().to_vec(),
        create_time: now,
        retire_time: None,
    }
}

fn public_key(key: &SigningKey) -> PublicKey {
    let x = public_text(key);
    PublicKey {
        id: thumbprint(&x),
        x,
    }
}

fn public_text(key: &SigningKey) -> String {
    URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes())
}

/// RFC 7638: the hash of the required members in the order of the alphabet, without space.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_key_as_rfc_8037_does() {
        // Appendix A.3.
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn refuses_a_damaged_key() {
        let mut row = new_row(Timestamp::default());
        assert!(SigningKeys::from_rows(std::slice::from_ref(&row)).is_ok());
        row.seed[0] ^= 1;
        assert!(SigningKeys::from_rows(&[row]).is_err());
    }
}
