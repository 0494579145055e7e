//! Handlers that misbehave on request, a server around them, and a key that signs tokens for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use futures::stream::BoxStream;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::clock::FakeTime;
use platform::id::{AccessTokenId, LoginSessionId, UserId};
use platform::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use troupe_mesh::server::Limits;
use troupe_mesh::token::{AUDIENCE, ISSUER, TOKEN_TYPE};
use troupe_mesh::{Caller, Channel, Ctx, Role, Server, Verifier};
use troupe_proto::users as pb;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_proto::users::auth_service_server::{AuthService, AuthServiceServer};
use troupe_proto::users::user_service_client::UserServiceClient;
use troupe_proto::users::user_service_server::{UserService, UserServiceServer};

/// A role whose `WatchAccess` always has the next message ready.
pub(crate) const BUSY: Role = Role::Roleplay;
/// A role whose `WatchAccess` says nothing after the first message.
pub(crate) const SILENT: Role = Role::Ai;
/// A role whose `WatchAccess` panics after the first message.
pub(crate) const PANICS: Role = Role::Gateway;

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) verifier: Verifier,
    pub(crate) time: FakeTime,
    pub(crate) clock: Clock,
    pub(crate) key: TestKey,
    pub(crate) users: FakeUsers,
}

/// What the handlers share with the test.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeUsers {
    /// `GetProfile` asks this service instead of answering.
    pub(crate) next: Option<Channel>,
    /// How long `GetProfile` lets that take.
    pub(crate) patience: Option<Duration>,
    /// A `Login` of `wait@` goes on after this.
    pub(crate) gate: Arc<Notify>,
    /// A `Login` of `wait@` has begun.
    pub(crate) began: Arc<Notify>,
    /// What roles reported.
    pub(crate) reported: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(FakeUsers::default(), Limits::default())
    }

    pub(crate) fn with(users: FakeUsers, limits: Limits) -> Self {
        let (clock, time) = Clock::fake(Timestamp::from_micros(1_800_000_000_000_000));
        let verifier = Verifier::new(clock.clone());
        let key = TestKey::new(7);
        verifier.set_keys(&[key.public()]);
        let routes = Routes::new(AuthServiceServer::new(users.clone()))
            .add_service(UserServiceServer::new(users.clone()));
        Self {
            server: Server::new(Role::Users, routes, verifier.clone(), limits),
            verifier,
            time,
            clock,
            key,
            users,
        }
    }

    pub(crate) fn auth(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(Channel::for_clients(&self.server))
    }

    pub(crate) fn user(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(Channel::for_clients(&self.server))
    }

    pub(crate) fn as_role(&self, role: Role) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(Channel::in_process(&self.server, role))
    }

    /// The claims of a good token.
    pub(crate) fn claims(&self) -> Value {
        let now = self.clock.now().secs();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": UserId::new().to_string(),
            "sid": LoginSessionId::new().to_string(),
            "jti": AccessTokenId::new().to_string(),
            "iat": now,
            "exp": now + 1800,
        })
    }

    pub(crate) fn token(&self) -> String {
        self.key.sign(&self.claims())
    }
}

pub(crate) fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

pub(crate) fn login(email: &str) -> pb::LoginRequest {
    pb::LoginRequest {
        email: email.into(),
        password: "x".into(),
        device_name: String::new(),
        use_cookie: false,
    }
}

/// An Ed25519 key.
pub(crate) struct TestKey {
    key: Ed25519KeyPair,
    kid: String,
}

impl TestKey {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            key: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            kid: format!("key-{seed}"),
        }
    }

    pub(crate) fn public(&self) -> pb::JsonWebKey {
        pb::JsonWebKey {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: URL_SAFE_NO_PAD.encode(self.key.public_key()),
            kid: self.kid.clone(),
            alg: "EdDSA".into(),
            r#use: "sig".into(),
        }
    }

    pub(crate) fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.into());
        header.kid = Some(self.kid.clone());
        header
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_under(&self.header(), claims)
    }

    pub(crate) fn sign_under(&self, header: &Header, claims: &Value) -> String {
        let der = self.key.to_pkcs8().unwrap();
        let key = EncodingKey::from_ed_der(der.as_ref());
        jsonwebtoken::encode(header, claims, &key).unwrap()
    }
}

#[tonic::async_trait]
impl AuthService for FakeUsers {
    async fn register(
        &self,
        _: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        Ok(Response::new(pb::RegisterResponse {}))
    }

    /// Does what the address says, and tells the request id.
    async fn login(
        &self,
        request: Request<pb::LoginRequest>,
    ) -> Result<Response<pb::LoginResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        match request.get_ref().email.as_str() {
            "panic@" => panic!("as the test asked"),
            "hang@" => std::future::pending().await,
            "wait@" => {
                self.began.notify_one();
                self.gate.notified().await;
            }
            _ => {}
        }
        assert_eq!(ctx.caller, Caller::Anonymous);
        Ok(Response::new(pb::LoginResponse {
            tokens: Some(pb::TokenPair {
                user_id: ctx.request_id.to_string(),
                ..pb::TokenPair::default()
            }),
        }))
    }

    async fn refresh_token(
        &self,
        _: Request<pb::RefreshTokenRequest>,
    ) -> Result<Response<pb::RefreshTokenResponse>, Status> {
        Ok(Response::new(pb::RefreshTokenResponse::default()))
    }

    async fn logout(
        &self,
        _: Request<pb::LogoutRequest>,
    ) -> Result<Response<pb::LogoutResponse>, Status> {
        Ok(Response::new(pb::LogoutResponse {}))
    }

    async fn list_login_sessions(
        &self,
        _: Request<pb::ListLoginSessionsRequest>,
    ) -> Result<Response<pb::ListLoginSessionsResponse>, Status> {
        Ok(Response::new(pb::ListLoginSessionsResponse::default()))
    }

    async fn get_login_session(
        &self,
        _: Request<pb::GetLoginSessionRequest>,
    ) -> Result<Response<pb::GetLoginSessionResponse>, Status> {
        Ok(Response::new(pb::GetLoginSessionResponse::default()))
    }

    async fn revoke_login_session(
        &self,
        _: Request<pb::RevokeLoginSessionRequest>,
    ) -> Result<Response<pb::RevokeLoginSessionResponse>, Status> {
        Ok(Response::new(pb::RevokeLoginSessionResponse {}))
    }

    async fn get_jwks(
        &self,
        _: Request<pb::GetJwksRequest>,
    ) -> Result<Response<pb::GetJwksResponse>, Status> {
        Ok(Response::new(pb::GetJwksResponse::default()))
    }

    type WatchAccessStream = BoxStream<'static, Result<pb::WatchAccessResponse, Status>>;

    async fn watch_access(
        &self,
        request: Request<pb::WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let first = pb::WatchAccessResponse {
            keys: vec![TestKey::new(7).public()],
            ..pb::WatchAccessResponse::default()
        };
        let first = futures::stream::iter([Ok(first)]);
        let rest = match Ctx::of(&request)?.caller {
            Caller::Role(BUSY) => futures::stream::repeat_with(|| Ok(Default::default())).boxed(),
            Caller::Role(PANICS) => futures::stream::once(async {
                // The encoder sends what it has when the stream makes it wait.
                tokio::task::yield_now().await;
                panic!("as the test asked")
            })
            .boxed(),
            _ => futures::stream::pending().boxed(),
        };
        Ok(Response::new(first.chain(rest).boxed()))
    }

    async fn report_token_use(
        &self,
        request: Request<pb::ReportTokenUseRequest>,
    ) -> Result<Response<pb::ReportTokenUseResponse>, Status> {
        let mut reported = self.reported.lock().unwrap();
        reported.extend(request.into_inner().token_ids);
        Ok(Response::new(pb::ReportTokenUseResponse {}))
    }
}

#[tonic::async_trait]
impl UserService for FakeUsers {
    /// Tells what the handler sees of the call: the person in `id`, the request id in `bio`, the client's address in
    /// `locale`, the milliseconds until the deadline in `display_name`.
    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        if let Some(next) = &self.next {
            let mut onward = ctx.request(pb::GetProfileRequest {});
            if let Some(patience) = self.patience {
                onward.set_timeout(patience);
            }
            let mut next = UserServiceClient::new(next.clone());
            return Ok(Response::new(next.get_profile(onward).await?.into_inner()));
        }
        let left = ctx.deadline.saturating_duration_since(Instant::now());
        let address = ctx.client_address.map(|a| a.to_string());
        let profile = pb::Profile {
            id: ctx.user_id()?.to_string(),
            bio: ctx.request_id.to_string(),
            locale: address.unwrap_or_default(),
            display_name: left.as_millis().to_string(),
            ..pb::Profile::default()
        };
        Ok(Response::new(pb::GetProfileResponse {
            profile: Some(profile),
        }))
    }

    async fn update_profile(
        &self,
        _: Request<pb::UpdateProfileRequest>,
    ) -> Result<Response<pb::UpdateProfileResponse>, Status> {
        Ok(Response::new(pb::UpdateProfileResponse::default()))
    }

    async fn list_audit_events(
        &self,
        _: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        Ok(Response::new(pb::ListAuditEventsResponse::default()))
    }
}
