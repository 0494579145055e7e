//! Access tokens for tests that run no users service.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mesh::Verifier;
use mesh::token::{AUDIENCE, Claims, ISSUER, TOKEN_TYPE};
use platform::Clock;
use platform::id::{AccessTokenId, LoginSessionId, UserId};
use troupe_proto::users::JsonWebKey;

const KEY_ID: &str = "testkit";
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Issues access tokens under a key that is the same in every test.
#[derive(Debug, Clone)]
pub struct Issuer {
    clock: Clock,
    key: SigningKey,
}

impl Issuer {
    /// An issuer that goes by `clock`.
    pub fn new(clock: Clock) -> Self {
        let key = SigningKey::from_bytes(&[7; 32]);
        Self { clock, key }
    }

    /// A verifier that accepts this issuer's tokens.
    pub fn verifier(&self) -> Verifier {
        let verifier = Verifier::new(self.clock.clone());
        verifier.set_keys(&[self.public_key()]);
        verifier
    }

    /// The public key, as the users service would announce it.
    pub fn public_key(&self) -> JsonWebKey {
        JsonWebKey {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes()),
            kid: KEY_ID.to_owned(),
            alg: "EdDSA".to_owned(),
            r#use: "sig".to_owned(),
        }
    }

    /// An access token of a person, good for half an hour.
    ///
    /// # Errors
    /// None that can happen with this key; the signer's own are passed on.
    pub fn token(&self, user_id: UserId) -> Result<String, Box<dyn std::error::Error>> {
        let now = self.clock.now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user_id.to_string(),
            sid: LoginSessionId::new().to_string(),
            jti: AccessTokenId::new().to_string(),
            iat: now.secs(),
            nbf: now.secs(),
            exp: (now + LIFETIME).secs(),
            session_exp: None,
            admin: false,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(KEY_ID.to_owned());
        let der = self.key.to_pkcs8_der()?;
        let signer = EncodingKey::from_ed_der(der.as_bytes());
        Ok(jsonwebtoken::encode(&header, &claims, &signer)?)
    }
}
