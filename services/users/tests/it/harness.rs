//! A users service in this process, and people who call it.

use std::sync::Arc;
use std::time::Duration;

use mesh::{Channel, Role, Verifier, access};
use platform::{Clock, Tasks};
use redis::{Redis, RedisConfig};
use storage::Database;
use testkit::servers::Postgres;
use testkit::{Home, Setup, Stage};
use tonic::{Request, Status};
use troupe_proto::users as pb;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_proto::users::user_service_client::UserServiceClient;
use troupe_users::{Config, PasswordConfig, Users};

pub(crate) const PASSWORD: &str = "correct horse battery";
/// Nothing that happens takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running service.
pub(crate) struct Service {
    stage: Stage,
    config: Config,
}

impl std::ops::Deref for Service {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

pub(crate) fn cheap() -> Config {
    Config {
        password: PasswordConfig::cheap_for_tests(),
        ..Config::default()
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(cheap()).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let home = Arc::new(Home::new().await.unwrap());
        Self::first_in(home, config, RedisConfig::default()).await
    }

    /// Two services on one database, and one Redis if it is named.
    pub(crate) async fn start_two(redis: RedisConfig) -> [Self; 2] {
        let home = Arc::new(Home::on(Postgres::shared().await.unwrap()).unwrap());
        let first = Self::first_in(home, cheap(), redis).await;
        let second = first.beside().await;
        [first, second]
    }

    /// Two services that begin together on data that none has opened yet.
    pub(crate) async fn start_at_once(home: Arc<Home>, config: Config) -> [Self; 2] {
        let start = || Self::first_in(home.clone(), config.clone(), RedisConfig::default());
        let (one, two) = tokio::join!(start(), start());
        [one, two]
    }

    async fn first_in(home: Arc<Home>, config: Config, redis: RedisConfig) -> Self {
        let mut setup = Setup::on(home);
        setup.backends.redis = redis;
        Self::start_in(setup, config).await
    }

    /// Another one on the same data.
    pub(crate) async fn beside(&self) -> Self {
        Self::start_in(self.stage.setup.clone(), self.config.clone()).await
    }

    async fn start_in(mut setup: Setup, config: Config) -> Self {
        let shared = Redis::open(&setup.backends.redis, &Tasks::new()).unwrap();
        setup.redis = match shared {
            Some(shared) => {
                shared.reached().await;
                Some(shared.with_patience(PATIENCE))
            }
            None => None,
        };
        let stage = setup.start_issuer::<Users>(&config).await.unwrap();
        let (verifier, tasks) = (stage.verifier.clone(), &stage.host.tasks);
        access::follow(verifier.clone(), stage.as_role(Role::Users), tasks);
        eventually("the verifier has the keys", async || verifier.is_ready()).await;
        Self { stage, config }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.stage.setup.home
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.host.clock
    }

    /// Its store, by connections beside its own.
    pub(crate) async fn store(&self) -> Database {
        self.stage.store().await.unwrap().unwrap()
    }

    /// Another verifier, which follows this service.
    pub(crate) async fn follower(&self) -> Verifier {
        let follower = Verifier::new(self.clock().clone());
        let channel = self.as_role(Role::Gateway);
        access::follow(follower.clone(), channel, &self.host.tasks);
        eventually("the follower has the keys", async || follower.is_ready()).await;
        follower
    }

    /// Stops, and starts again on the same data.
    pub(crate) async fn restart(self) -> Self {
        let (setup, has_stopped) = self.stage.stop().await;
        assert!(has_stopped);
        Self::start_in(setup, self.config).await
    }

    /// Somebody without a token, at an address.
    pub(crate) fn nobody_at(&self, address: &str) -> Caller {
        Caller {
            channel: testkit::held::for_clients(&self.server),
            address: address.to_owned(),
            bearer: None,
        }
    }

    pub(crate) fn nobody(&self) -> Caller {
        self.nobody_at("192.0.2.1")
    }

    /// Somebody with an access token.
    pub(crate) fn with(&self, tokens: &pb::TokenPair) -> Caller {
        let mut caller = self.nobody();
        caller.bearer = Some(tokens.access_token.clone());
        caller
    }

    /// The same, for calls of every method.
    pub(crate) fn caller(&self, tokens: &pb::TokenPair) -> testkit::Caller {
        testkit::Caller {
            bearer: Some(tokens.access_token.clone()),
            ..self.stage.nobody()
        }
    }

    /// Registers and logs in.
    pub(crate) async fn person(&self, name: &str) -> pb::TokenPair {
        let email = email(name);
        self.nobody().register(&email, PASSWORD).await.unwrap();
        self.nobody().login(&email, PASSWORD).await.unwrap()
    }

    /// Waits until an access token is refused.
    pub(crate) async fn refuses(&self, tokens: &pb::TokenPair) {
        eventually("the access token is refused", async || {
            self.verifier.verify(&tokens.access_token).is_err()
        })
        .await;
    }
}

pub(crate) fn email(name: &str) -> String {
    format!("{name}@example.com")
}

/// Waits for something that happens soon.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("it never came about that {what}"));
}

/// A client.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) channel: Channel,
    pub(crate) address: String,
    pub(crate) bearer: Option<String>,
}

impl Caller {
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("x-troupe-client-address", self.address.parse().unwrap());
        metadata.insert("x-request-id", "req-of-the-test".parse().unwrap());
        if let Some(bearer) = &self.bearer {
            metadata.insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        }
        request
    }

    pub(crate) fn auth(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.channel.clone())
    }

    pub(crate) fn user(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn register(&self, email: &str, password: &str) -> Result<(), Status> {
        let message = pb::RegisterRequest {
            email: email.into(),
            password: password.into(),
            display_name: "Alice".into(),
        };
        self.auth().register(self.request(message)).await.map(drop)
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<pb::TokenPair, Status> {
        let message = pb::LoginRequest {
            email: email.into(),
            password: password.into(),
            device_name: "laptop".into(),
            use_cookie: false,
        };
        let answer = self.auth().login(self.request(message)).await?;
        Ok(answer.into_inner().tokens.unwrap())
    }

    pub(crate) async fn refresh(&self, tokens: &pb::TokenPair) -> Result<pb::TokenPair, Status> {
        let message = pb::RefreshTokenRequest {
            refresh_token: tokens.refresh_token.clone(),
            login_session_id: String::new(),
        };
        let answer = self.auth().refresh_token(self.request(message)).await?;
        Ok(answer.into_inner().tokens.unwrap())
    }

    pub(crate) async fn sessions(&self) -> Result<Vec<pb::LoginSession>, Status> {
        let page = self.session_page(0, "").await?;
        assert_eq!(page.next_page_token, "", "there are more than a page");
        Ok(page.login_sessions)
    }

    pub(crate) async fn session_page(
        &self,
        page_size: i32,
        page_token: &str,
    ) -> Result<pb::ListLoginSessionsResponse, Status> {
        let request = self.request(pb::ListLoginSessionsRequest {
            page_size,
            page_token: page_token.into(),
        });
        Ok(self.auth().list_login_sessions(request).await?.into_inner())
    }

    pub(crate) async fn session(&self, id: &str) -> Result<pb::LoginSession, Status> {
        let login_session_id = id.to_owned();
        let request = self.request(pb::GetLoginSessionRequest { login_session_id });
        let found = self.auth().get_login_session(request).await?;
        Ok(found.into_inner().login_session.unwrap())
    }

    pub(crate) async fn revoke(&self, login_session_id: &str) -> Result<(), Status> {
        let message = pb::RevokeLoginSessionRequest {
            login_session_id: login_session_id.into(),
        };
        let request = self.request(message);
        self.auth().revoke_login_session(request).await.map(drop)
    }

    pub(crate) async fn profile(&self) -> Result<pb::Profile, Status> {
        let request = self.request(pb::GetProfileRequest {});
        let answer = self.user().get_profile(request).await?;
        Ok(answer.into_inner().profile.unwrap())
    }

    pub(crate) async fn audit_page(
        &self,
        page_size: i32,
        page_token: &str,
    ) -> Result<pb::ListAuditEventsResponse, Status> {
        let request = self.request(pb::ListAuditEventsRequest {
            page_size,
            page_token: page_token.into(),
        });
        Ok(self.user().list_audit_events(request).await?.into_inner())
    }

    /// What happened to the caller's account, newest first.
    pub(crate) async fn actions(&self) -> Vec<pb::AuditAction> {
        let page = self.audit_page(200, "").await.unwrap();
        page.audit_events.iter().map(|e| e.action()).collect()
    }
}
