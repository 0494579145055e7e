//! A users service that roles can call, and a login that goes on when the test says so.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use mesh::server::Limits;
use mesh::{Role, Server, Verifier};
use platform::Clock;
use tokio::sync::Notify;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use troupe_proto::users as pb;
use troupe_proto::users::auth_service_server::{AuthService, AuthServiceServer};

/// What the handlers share with the test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    /// A `Login` of `wait@` goes on after this.
    pub(crate) gate: Arc<Notify>,
    /// A `Login` of `wait@` has begun.
    pub(crate) began: Arc<Notify>,
}

impl Users {
    /// Puts it behind the server stack.
    pub(crate) fn server(&self) -> Server {
        let routes = Routes::new(AuthServiceServer::new(self.clone()));
        let verifier = Verifier::new(Clock::system());
        Server::new(Role::Users, routes, verifier, Limits::default())
    }
}

pub(crate) fn login(email: &str) -> pb::LoginRequest {
    pb::LoginRequest {
        email: email.into(),
        password: "x".into(),
        device_name: String::new(),
        use_cookie: false,
    }
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("no test asks for it"))
}

#[tonic::async_trait]
impl AuthService for Users {
    async fn login(
        &self,
        request: Request<pb::LoginRequest>,
    ) -> Result<Response<pb::LoginResponse>, Status> {
        if request.get_ref().email == "wait@" {
            self.began.notify_one();
            self.gate.notified().await;
        }
        Ok(Response::new(pb::LoginResponse::default()))
    }

    type WatchAccessStream = BoxStream<'static, Result<pb::WatchAccessResponse, Status>>;

    /// One message, and then nothing.
    async fn watch_access(
        &self,
        _: Request<pb::WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let first = stream::iter([Ok(pb::WatchAccessResponse::default())]);
        Ok(Response::new(first.chain(stream::pending()).boxed()))
    }

    async fn register(
        &self,
        _: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        not_here()
    }

    async fn refresh_token(
        &self,
        _: Request<pb::RefreshTokenRequest>,
    ) -> Result<Response<pb::RefreshTokenResponse>, Status> {
        not_here()
    }

    async fn logout(
        &self,
        _: Request<pb::LogoutRequest>,
    ) -> Result<Response<pb::LogoutResponse>, Status> {
        not_here()
    }

    async fn list_login_sessions(
        &self,
        _: Request<pb::ListLoginSessionsRequest>,
    ) -> Result<Response<pb::ListLoginSessionsResponse>, Status> {
        not_here()
    }

    async fn get_login_session(
        &self,
        _: Request<pb::GetLoginSessionRequest>,
    ) -> Result<Response<pb::GetLoginSessionResponse>, Status> {
        not_here()
    }

    async fn revoke_login_session(
        &self,
        _: Request<pb::RevokeLoginSessionRequest>,
    ) -> Result<Response<pb::RevokeLoginSessionResponse>, Status> {
        not_here()
    }

    async fn get_jwks(
        &self,
        _: Request<pb::GetJwksRequest>,
    ) -> Result<Response<pb::GetJwksResponse>, Status> {
        not_here()
    }

    async fn report_token_use(
        &self,
        _: Request<pb::ReportTokenUseRequest>,
    ) -> Result<Response<pb::ReportTokenUseResponse>, Status> {
        not_here()
    }
}
