//! Access tokens: EdDSA JSON Web Tokens that every service verifies for itself, against the keys and the revocations
//! that [`crate::access`] follows.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use moka::sync::Cache;
use platform::id::{AccessTokenId, LoginSessionId, UserId};
use platform::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tonic::Status;
use troupe_proto::{Reason, error, users};

use crate::context::Person;
use crate::session::{OpenSessions, SessionStream};

/// Who issues access tokens.
pub const ISSUER: &str = "troupe";
/// Whom access tokens are for.
pub const AUDIENCE: &str = "troupe";
/// The header's `typ` of an access token (RFC 9068): a token of another kind is never taken for one.
pub const TOKEN_TYPE: &str = "at+jwt";

/// Tokens whose signatures are remembered, and for how long after their last use: each renewal leaves one that nobody uses again.
const CACHED_TOKENS: u64 = 10_000;
const CACHED_FOR: Duration = Duration::from_secs(5 * 60);
/// First uses that wait to be reported; more are lost.
const QUEUED_USES: usize = 4096;
const PUBLIC_KEY_BYTES: usize = 32;
/// Revocations are remembered longer than any access token lives.
const REVOCATION_MEMORY: Duration = Duration::from_secs(24 * 3600);

/// What an access token says. Every field is required, but for those that say otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: [`ISSUER`].
    pub iss: String,
    /// Audience: [`AUDIENCE`].
    pub aud: String,
    /// The person, `usr_…`.
    pub sub: String,
    /// The login session, `lgn_…`.
    pub sid: String,
    /// Id of the token, `atk_…`.
    pub jti: String,
    /// When it was issued, in seconds since 1970 UTC.
    pub iat: i64,
    /// Until when it is good. Since when isn't said: a clock that is set back must refuse nobody.
    pub exp: i64,
    /// When the login session ends, however often it renews its tokens. Absent in tokens of releases before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_exp: Option<i64>,
    /// Whether the person is an admin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
}

/// Verifies access tokens. Cheap to clone; all clones share keys, revocations and a cache of what was verified.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    clock: Clock,
    keys: ArcSwapOption<HashMap<String, DecodingKey>>,
    revoked: Cache<LoginSessionId, ()>,
    open: OpenSessions,
    revoked_tokens: Cache<AccessTokenId, ()>,
    verified: Cache<Arc<str>, Arc<Verified>>,
    first_uses: mpsc::Sender<AccessTokenId>,
    first_uses_taker: Mutex<Option<mpsc::Receiver<AccessTokenId>>>,
}

struct Verified {
    person: Person,
    kid: String,
    expires: i64,
}

impl Verifier {
    /// A verifier that has no keys yet and until then answers UNAVAILABLE.
    pub fn new(clock: Clock) -> Self {
        let (first_uses, taker) = mpsc::channel(QUEUED_USES);
        Self(Arc::new(Inner {
            clock,
            keys: ArcSwapOption::empty(),
            revoked: revocations(),
            open: OpenSessions::default(),
            revoked_tokens: revocations(),
            verified: Cache::builder()
                .max_capacity(CACHED_TOKENS)
                .time_to_idle(CACHED_FOR)
                .build(),
            first_uses,
            first_uses_taker: Mutex::new(Some(taker)),
        }))
    }

    /// The person whom a token names.
    ///
    /// # Errors
    /// UNAUTHENTICATED with `TOKEN_INVALID`, always with the same text; UNAVAILABLE before the keys are known.
    pub fn verify(&self, token: &str) -> Result<Person, Status> {
        let keys = self.0.keys.load();
        let Some(keys) = keys.as_ref() else {
            return Err(keys_unknown());
        };
        let known = self.0.verified.get(token);
        let is_first_use = known.is_none();
        let verified = match known {
            Some(verified) => verified,
            None => self.check_signature(keys, token)?,
        };
        if !self.is_good(&verified) || !keys.contains_key(&verified.kid) {
            return Err(invalid());
        }
        if is_first_use {
            // Best effort: verifying never waits for a report.
            let _ = self.0.first_uses.try_send(verified.person.token_id);
        }
        Ok(verified.person.clone())
    }

    fn is_good(&self, verified: &Verified) -> bool {
        let now = self.0.clock.now().secs();
        let person = &verified.person;
        now < verified.expires
            && !self.is_revoked(person.login_session_id)
            && !self.0.revoked_tokens.contains_key(&person.token_id)
    }

    fn check_signature(
        &self,
        keys: &HashMap<String, DecodingKey>,
        token: &str,
    ) -> Result<Arc<Verified>, Status> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        let kid = header.kid.ok_or_else(invalid)?;
        let key = keys.get(&kid).ok_or_else(invalid)?;
        if header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(invalid());
        }
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation())
            .map_err(|_| invalid())?
            .claims;
        let person = Person {
            user_id: claims.sub.parse::<UserId>().map_err(|_| invalid())?,
            login_session_id: claims
                .sid
                .parse::<LoginSessionId>()
                .map_err(|_| invalid())?,
            token_id: claims.jti.parse().map_err(|_| invalid())?,
            session_end: claims.session_exp.map(at_second),
            is_admin: claims.admin,
        };
        let verified = Arc::new(Verified {
            person,
            kid,
            expires: claims.exp,
        });
        self.0.verified.insert(token.into(), verified.clone());
        Ok(verified)
    }

    /// Takes over the keys; tokens under keys that are gone are refused from now on.
    pub fn set_keys(&self, keys: &[users::JsonWebKey]) {
        let keys = keys.iter().filter(|k| k.kty == "OKP" && k.crv == "Ed25519");
        let decoding = keys.filter_map(|k| Some((k.kid.clone(), decoding_key(&k.x)?)));
        self.0.keys.store(Some(Arc::new(decoding.collect())));
    }

    /// Refuses the tokens of a login session from now on, and ends its streams.
    pub fn revoke(&self, login_session_id: LoginSessionId) {
        self.0.revoked.insert(login_session_id, ());
        self.0.open.end(login_session_id);
    }

    /// A stream that the person opens, and that ends with the login session: when that is revoked, or by itself. That the
    /// access token expires ends nothing.
    pub fn stream(&self, person: &Person) -> SessionStream {
        SessionStream::new(self, person)
    }

    pub(crate) fn is_revoked(&self, login_session_id: LoginSessionId) -> bool {
        self.0.revoked.contains_key(&login_session_id)
    }

    pub(crate) fn open_sessions(&self) -> &OpenSessions {
        &self.0.open
    }

    /// Refuses one access token from now on.
    pub fn revoke_token(&self, token_id: AccessTokenId) {
        self.0.revoked_tokens.insert(token_id, ());
    }

    /// The ids of tokens when they are verified for the first time. Only the first caller gets the receiver.
    pub(crate) fn take_first_uses(&self) -> Option<mpsc::Receiver<AccessTokenId>> {
        let mut taker = self.0.first_uses_taker.lock();
        taker.as_mut().ok().and_then(|taker| taker.take())
    }

    /// True once the keys are known.
    pub fn is_ready(&self) -> bool {
        self.0.keys.load().is_some()
    }

    /// The time by which tokens are judged.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("is_ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}

/// Signature, issuer and audience. Times are checked apart, by the injected clock and without leeway.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.required_spec_claims.clear();
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation
}

fn revocations<K: Eq + Hash + Send + Sync + 'static>() -> Cache<K, ()> {
    Cache::builder()
        .max_capacity(1_000_000)
        .time_to_live(REVOCATION_MEMORY)
        .build()
}

fn at_second(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}

/// `None` for a key of another length, on which jsonwebtoken would panic.
fn decoding_key(x: &str) -> Option<DecodingKey> {
    let bytes = URL_SAFE_NO_PAD.decode(x).ok()?;
    (bytes.len() == PUBLIC_KEY_BYTES).then(|| DecodingKey::from_ed_der(&bytes))
}

fn invalid() -> Status {
    let message = "the access token is invalid or no longer valid: refresh it, or log in again";
    error::status(Reason::TokenInvalid, message)
}

fn keys_unknown() -> Status {
    let message = "access tokens can't be verified yet: the users service has not been reached";
    error::retry_later(Reason::Unavailable, message, Duration::from_secs(1))
}
