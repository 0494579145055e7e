//! Troupe's users service: accounts, credentials, tokens, profiles, audit log.
//!
//! It issues the access tokens that every service verifies for itself, and tells the verifiers what is revoked. It
//! knows no other service.

mod application;
mod config;
mod domain;
mod infrastructure;
mod migrations;
mod presentation;

use std::sync::Arc;

use service::Host;
use storage::Database;
use storage::database::{Inspection, OpenError};
use storage::secret::Secret;
use tonic::service::Routes;
use troupe_proto::users::auth_service_server::AuthServiceServer;
use troupe_proto::users::user_service_server::UserServiceServer;

pub use config::{Config, PasswordConfig};

use application::{Accounts, Parts};
use infrastructure::access_feed::AccessFeed;
use infrastructure::hash_pool::HashPool;
use infrastructure::login_backoff::LoginBackoff;
use infrastructure::signing_keys::SigningKeys;
use presentation::{AuthApi, UserApi};

/// The service's name: of its database and its page key.
const SERVICE: &str = mesh::Role::Users.name();

/// Why the users service can't start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] platform::config::Error),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The signing keys can't be loaded or made.
    #[error("the keys that sign access tokens can't be loaded: {0}")]
    Keys(String),
    /// The key of the page tokens can't be loaded or made.
    #[error("the key of the page tokens can't be loaded: {0}")]
    PageTokens(#[source] storage::secret::SecretError),
    /// The key of the refresh tokens can't be loaded or made.
    #[error("the key of the refresh tokens can't be loaded: {0}")]
    RefreshTokens(#[source] storage::secret::SecretError),
    /// What was revoked can't be read.
    #[error("what was revoked can't be read: {0}")]
    Revocations(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The password hash can't be computed with the configured cost.
    #[error("the password hash doesn't work: {0}")]
    Hashing(String),
}

/// The names of the migrations that this version knows, oldest first.
pub fn migrations() -> Vec<String> {
    storage::database::migration_names::<migrations::Migrator>()
}

/// Brings the service's tables up to date, and does nothing else.
///
/// # Errors
/// The database can't be opened.
pub async fn migrate(host: &Host) -> Result<Inspection, OpenError> {
    Database::migrate::<migrations::Migrator>(&host.storage(), SERVICE).await
}

/// Opens the database, loads or makes the keys, and offers the service's methods. Its tasks end with the host's.
///
/// # Errors
/// Says what is missing or wrong; nothing stays open then.
pub async fn build(config: &Config, host: &Host) -> Result<Routes, BuildError> {
    config.validate()?;
    let hashing = HashPool::new(&config.password, &host.tasks)
        .map_err(|error| BuildError::Hashing(error.to_string()))?;
    let db = Database::open::<migrations::Migrator>(&host.storage(), SERVICE).await?;
    let page_tokens = host.storage().page_tokens(SERVICE, &db).await;
    let page_tokens = page_tokens.map_err(BuildError::PageTokens)?;
    let keys = SigningKeys::load_or_create(&db, host.clock.now())
        .await
        .map_err(|error| BuildError::Keys(error.to_string()))?;
    let refresh_key = Secret::generate().share(&db, "refresh tokens").await;
    let refresh_key = refresh_key.map_err(BuildError::RefreshTokens)?;
    let accounts = Arc::new(Accounts::new(Parts {
        db,
        clock: host.clock.clone(),
        tasks: host.tasks.clone(),
        hashing,
        refused_words: config.password.refused_words.clone(),
        keys,
        refresh_key,
        feed: AccessFeed::new(),
        lifetimes: config.lifetimes(),
        backoff: LoginBackoff::new(host.redis.as_ref()),
    }));
    let followed = accounts.follow_revocations().await;
    followed.map_err(|error| BuildError::Revocations(Box::new(error)))?;
    accounts.end_lapsed_sessions();
    accounts.forget_sessions();
    let auth = AuthServiceServer::new(AuthApi::new(accounts.clone()));
    let user = UserServiceServer::new(UserApi::new(accounts, page_tokens));
    Ok(Routes::new(auth).add_service(user))
}
