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

use mesh::Role;
use service::{BuildError, Neighbours, Service, Site};
use storage::secret::Secret;
use tonic::service::Routes;
use troupe_proto::users::auth_service_server::AuthServiceServer;
use troupe_proto::users::user_service_server::UserServiceServer;

pub use config::{Config, PasswordConfig};

use application::{Accounts, Chronicle, Parts};
use infrastructure::access_feed::AccessFeed;
use infrastructure::hash_pool::HashPool;
use infrastructure::login_backoff::LoginBackoff;
use infrastructure::signing_keys::SigningKeys;
use presentation::{AuthApi, UserApi};

/// The service.
#[derive(Debug)]
pub struct Users;

impl Service for Users {
    const ROLE: Role = Role::Users;
    type Config = Config;
    type Migrator = migrations::Migrator;
    type History = Chronicle;

    async fn build(config: &Config, site: Site, _: &dyn Neighbours) -> Result<Routes, BuildError> {
        let outbox = site.outbox()?;
        let Site {
            host, db, pages, ..
        } = site;
        let hashing = HashPool::new(&config.password, &host.tasks)
            .map_err(BuildError::of("the password hash doesn't work"))?;
        let keys = SigningKeys::load_or_create(&db, host.clock.now()).await;
        let keys = keys.map_err(BuildError::of(
            "the keys that sign access tokens can't be loaded",
        ))?;
        let refresh_key = Secret::generate().share(&db, "refresh tokens").await;
        let refresh_key = refresh_key.map_err(BuildError::of(
            "the key of the refresh tokens can't be loaded",
        ))?;
        let accounts = Arc::new(Accounts::new(Parts {
            db,
            outbox,
            clock: host.clock,
            tasks: host.tasks,
            hashing,
            refused_words: config.password.refused_words.clone(),
            keys,
            refresh_key,
            feed: AccessFeed::new(),
            lifetimes: config.lifetimes(),
            backoff: LoginBackoff::new(host.redis.as_ref()),
        }));
        let followed = accounts.follow_revocations().await;
        followed.map_err(BuildError::of("what was revoked can't be read"))?;
        accounts.end_lapsed_sessions();
        accounts.forget_sessions();
        let auth = AuthServiceServer::new(AuthApi::new(accounts.clone(), pages.clone()));
        let user = UserServiceServer::new(UserApi::new(accounts, pages));
        Ok(Routes::new(auth).add_service(user))
    }
}
