//! `AuthService`.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use mesh::Ctx;
use platform::id::{AccessTokenId, LoginSessionId};
use service::{Pages, fields};
use tonic::{Request, Response, Status};
use troupe_proto::users as pb;
use troupe_proto::users::auth_service_server::AuthService;

use super::{convert, cookie, person_of};
use crate::application::{Accounts, Error};
use crate::domain::email::EmailAddress;
use crate::infrastructure::queries::login_sessions;

/// The service over the accounts.
#[derive(Debug)]
pub(crate) struct AuthApi {
    accounts: Arc<Accounts>,
    pages: Pages,
}

impl AuthApi {
    pub(crate) fn new(accounts: Arc<Accounts>, pages: Pages) -> Self {
        Self { accounts, pages }
    }
}

#[tonic::async_trait]
impl AuthService for AuthApi {
    async fn register(
        &self,
        request: Request<pb::RegisterRequest>,
    ) -> Result<Response<pb::RegisterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let message = request.into_inner();
        let email = EmailAddress::new(&message.email);
        self.accounts
            .register(&ctx, email, message.password, &message.display_name)
            .await?;
        Ok(Response::new(pb::RegisterResponse {}))
    }

    async fn login(
        &self,
        request: Request<pb::LoginRequest>,
    ) -> Result<Response<pb::LoginResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        if request.get_ref().use_cookie {
            cookie::of(&request)?;
        }
        let message = request.into_inner();
        let email = EmailAddress::new(&message.email);
        let pair = self
            .accounts
            .login(&ctx, email, message.password, &message.device_name)
            .await?;
        let mut answer = Response::new(pb::LoginResponse::default());
        let mut tokens = convert::token_pair(pair);
        if message.use_cookie {
            cookie::keep(&mut answer, &mut tokens, self.accounts.now());
        }
        answer.get_mut().tokens = Some(tokens);
        Ok(answer)
    }

    async fn refresh_token(
        &self,
        request: Request<pb::RefreshTokenRequest>,
    ) -> Result<Response<pb::RefreshTokenResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let message = request.get_ref();
        let uses_cookie = message.refresh_token.is_empty();
        let token: &str = match uses_cookie {
            true => cookie::of(&request)?,
            false => &message.refresh_token,
        };
        let expected = fields::optional_id("login_session_id", &message.login_session_id)?;
        self.accounts.check_session(token, expected).await?;
        let pair = self.accounts.refresh_token(&ctx, token, uses_cookie);
        let pair = pair.await?;
        let mut answer = Response::new(pb::RefreshTokenResponse::default());
        let mut tokens = convert::token_pair(pair);
        if uses_cookie {
            cookie::keep(&mut answer, &mut tokens, self.accounts.now());
        }
        answer.get_mut().tokens = Some(tokens);
        Ok(answer)
    }

    async fn logout(
        &self,
        request: Request<pb::LogoutRequest>,
    ) -> Result<Response<pb::LogoutResponse>, Status> {
        let (ctx, person) = person_of(&self.accounts, &request).await?;
        self.accounts
            .end_login_session(&ctx, &person, person.login_session_id)
            .await?;
        let mut answer = Response::new(pb::LogoutResponse {});
        if cookie::of(&request).is_ok_and(|token| !token.is_empty()) {
            cookie::delete(&mut answer);
        }
        Ok(answer)
    }

    async fn list_login_sessions(
        &self,
        request: Request<pb::ListLoginSessionsRequest>,
    ) -> Result<Response<pb::ListLoginSessionsResponse>, Status> {
        let (_, person) = person_of(&self.accounts, &request).await?;
        let (user_id, message) = (person.user_id, request.get_ref());
        let scope = format!("login-sessions/{user_id}");
        let page = (self.pages).read(scope, message.page_size, &message.page_token)?;
        let (db, now) = (self.accounts.db().read(), self.accounts.now());
        let limit = page.limit() as u64;
        let open = login_sessions::list_open(db, user_id, now, page.after, limit).await;
        let (open, next_page_token) = page.cut(open.map_err(Error::from)?, |last| last.id);
        let current = person.login_session_id;
        let convert = |session| convert::login_session(session, current);
        Ok(Response::new(pb::ListLoginSessionsResponse {
            login_sessions: open.into_iter().map(convert).collect(),
            next_page_token,
        }))
    }

    async fn get_login_session(
        &self,
        request: Request<pb::GetLoginSessionRequest>,
    ) -> Result<Response<pb::GetLoginSessionResponse>, Status> {
        let (_, person) = person_of(&self.accounts, &request).await?;
        let id = fields::id("login_session_id", &request.get_ref().login_session_id)?;
        let (db, now) = (self.accounts.db().read(), self.accounts.now());
        let found = login_sessions::find_open(db, person.user_id, now, id).await;
        let session = found.map_err(Error::from)?;
        let session = session.ok_or(Error::LoginSessionNotFound(id))?;
        let session = convert::login_session(session, person.login_session_id);
        Ok(Response::new(pb::GetLoginSessionResponse {
            login_session: Some(session),
        }))
    }

    async fn revoke_login_session(
        &self,
        request: Request<pb::RevokeLoginSessionRequest>,
    ) -> Result<Response<pb::RevokeLoginSessionResponse>, Status> {
        let (ctx, person) = person_of(&self.accounts, &request).await?;
        let id: LoginSessionId =
            fields::id("login_session_id", &request.get_ref().login_session_id)?;
        self.accounts
            .revoke_login_session(&ctx, &person, id)
            .await?;
        Ok(Response::new(pb::RevokeLoginSessionResponse {}))
    }

    async fn get_jwks(
        &self,
        _: Request<pb::GetJwksRequest>,
    ) -> Result<Response<pb::GetJwksResponse>, Status> {
        let keys = self.accounts.public_keys().iter();
        Ok(Response::new(pb::GetJwksResponse {
            keys: keys.map(convert::json_web_key).collect(),
        }))
    }

    type WatchAccessStream = BoxStream<'static, Result<pb::WatchAccessResponse, Status>>;

    async fn watch_access(
        &self,
        _: Request<pb::WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let changes = self.accounts.watch_access().await?;
        let changes = changes.map(|change| Ok(convert::access_change(change?)));
        Ok(Response::new(changes.boxed()))
    }

    async fn report_token_use(
        &self,
        request: Request<pb::ReportTokenUseRequest>,
    ) -> Result<Response<pb::ReportTokenUseResponse>, Status> {
        let ids = request.get_ref().token_ids.iter();
        let ids = ids
            .map(|id| fields::id("token_ids", id))
            .collect::<Result<Vec<AccessTokenId>, Status>>()?;
        self.accounts.note_token_use(ids).await?;
        Ok(Response::new(pb::ReportTokenUseResponse {}))
    }
}
