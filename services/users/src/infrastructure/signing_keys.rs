//! The keys that sign access tokens: made at the first start, kept in the database.

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    #[error("can't make a signing key")]
    Unmade(#[source] KeyRejected),
}

impl SigningKeys {
    /// Loads the keys, making the first one if there is none.
    pub(crate) async fn load_or_create(db: &Database, now: Timestamp) -> Result<Self, KeyError> {
        let first = new_row(now).map_err(KeyError::Unmade)?;
        let rows = db
            .transaction(move |tx| {
                let first = first.clone();
                Box::pin(async move {
                    let mut rows = queries::signing_keys::list_in_force(tx).await?;
                    if rows.is_empty() {
                        queries::signing_keys::insert(tx, first.clone()).await?;
                        rows.push(first);
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
            let key = Ed25519KeyPair::from_seed_unchecked(&row.seed).map_err(|_| damaged(row))?;
            // The id is made of the public key, so this is the check that a seed of the right length lacks.
            if thumbprint(&public_text(&key)) != row.id {
                return Err(damaged(row));
            }
            keys.push(key);
        }
        let (Some(newest), Some(row)) = (keys.first(), rows.first()) else {
            return Err(KeyError::Damaged("(none)".to_owned()));
        };
        let der = newest.to_pkcs8().map_err(|_| damaged(row))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(row.id.clone());
        Ok(Self {
            header,
            signs: EncodingKey::from_ed_der(der.as_ref()),
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

fn new_row(now: Timestamp) -> Result<signing_key::Model, KeyRejected> {
    let seed = Secret::generate();
    let key = Ed25519KeyPair::from_seed_unchecked(seed.bytes())?;
    Ok(signing_key::Model {
        id: thumbprint(&public_text(&key)),
        seed: seed.bytes().to_vec(),
        create_time: now,
        retire_time: None,
    })
}

fn public_key(key: &Ed25519KeyPair) -> PublicKey {
    let x = public_text(key);
    PublicKey {
        id: thumbprint(&x),
        x,
    }
}

fn public_text(key: &Ed25519KeyPair) -> String {
    URL_SAFE_NO_PAD.encode(key.public_key())
}

/// RFC 7638: the hash of the required members in the order of the alphabet, without space.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A: its seed is stored, its public key announced, its thumbprint names it.
    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn row_of_the_rfc() -> signing_key::Model {
        signing_key::Model {
            id: THUMBPRINT.to_owned(),
            seed: URL_SAFE_NO_PAD.decode(SEED).unwrap(),
            create_time: Timestamp::default(),
            retire_time: None,
        }
    }

    #[test]
    fn takes_a_stored_seed_as_rfc_8037_does() {
        let keys = SigningKeys::from_rows(&[row_of_the_rfc()]).unwrap();
        let public = &keys.public()[0];
        assert_eq!(
            (public.id.as_str(), public.x.as_str()),
            (THUMBPRINT, PUBLIC)
        );
        // Appendix A.4: signatures of Ed25519 don't depend on chance.
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &keys.signs, Algorithm::EdDSA);
        assert_eq!(
            signature.unwrap(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn refuses_a_damaged_key() {
        let row = new_row(Timestamp::default()).unwrap();
        assert!(SigningKeys::from_rows(std::slice::from_ref(&row)).is_ok());
        let damaged = |damage: fn(&mut Vec<u8>)| {
            let mut row = row.clone();
            damage(&mut row.seed);
            SigningKeys::from_rows(&[row])
        };
        assert!(damaged(|seed| seed[0] ^= 1).is_err());
        assert!(damaged(|seed| seed.truncate(31)).is_err());
        assert!(damaged(|seed| seed.push(0)).is_err());
    }
}
