//! Access tokens for tests that run no users service.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mesh::Verifier;
use mesh::token::{AUDIENCE, Claims, ISSUER, TOKEN_TYPE};
use platform::Clock;
use platform::id::{AccessTokenId, LoginSessionId, UserId};
use troupe_proto::users::JsonWebKey;

const KEY_ID: &str = "testkit";
/// The PKCS#8 form of a key of Ed25519: what every such document begins with, then the seed, which is 32 times 7.
const PRIVATE_KEY: [u8; 48] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20, //
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
];
const PUBLIC_KEY: &str = "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw";
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Issues access tokens under a key that is the same in every test.
#[derive(Debug, Clone)]
pub struct Issuer {
    clock: Clock,
}

impl Issuer {
    /// An issuer that goes by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
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
            x: PUBLIC_KEY.to_owned(),
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
            exp: (now + LIFETIME).secs(),
            session_exp: None,
            admin: false,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(KEY_ID.to_owned());
        let signer = EncodingKey::from_ed_der(&PRIVATE_KEY);
        Ok(jsonwebtoken::encode(&header, &claims, &signer)?)
    }
}
