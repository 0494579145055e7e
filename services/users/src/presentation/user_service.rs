//! `UserService`.

use std::sync::Arc;

use platform::id::UserId;
use storage::page::PageTokens;
use tonic::{Request, Response, Status};
use troupe_proto::users as pb;
use troupe_proto::users::user_service_server::UserService;

use super::{convert, person_of, refuse};
use crate::application::{Accounts, Error};
use crate::domain::profile::{Change, Texts};
use crate::infrastructure::queries::{audit_events, users};
use crate::infrastructure::tables::audit_event::AuditEventId;

const DEFAULT_PAGE: u64 = 50;

/// The service over the accounts.
#[derive(Debug)]
pub(crate) struct UserApi {
    accounts: Arc<Accounts>,
    page_tokens: PageTokens,
}

impl UserApi {
    pub(crate) fn new(accounts: Arc<Accounts>, page_tokens: PageTokens) -> Self {
        Self {
            accounts,
            page_tokens,
        }
    }

    fn cursor(&self, user_id: UserId, token: &str) -> Result<Option<AuditEventId>, Status> {
        let cursor = self.page_tokens.open(&scope(user_id), token)?;
        // A token with our seal holds what we wrote.
        Ok(cursor.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()))
    }
}

#[tonic::async_trait]
impl UserService for UserApi {
    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let (_, person) = person_of(&self.accounts, &request).await?;
        let found = users::find(self.accounts.db().read(), person.user_id).await;
        let user = found
            .map_err(|error| refuse(error.into()))?
            .ok_or_else(|| refuse(Error::AccountGone))?;
        Ok(Response::new(pb::GetProfileResponse {
            profile: Some(convert::profile(user)),
        }))
    }

    async fn update_profile(
        &self,
        request: Request<pb::UpdateProfileRequest>,
    ) -> Result<Response<pb::UpdateProfileResponse>, Status> {
        let (ctx, person) = person_of(&self.accounts, &request).await?;
        let message = request.into_inner();
        let new = message.profile.unwrap_or_default();
        let new = Texts {
            display_name: new.display_name,
            bio: new.bio,
            locale: new.locale,
        };
        let paths = message.update_mask.unwrap_or_default().paths;
        let change = Change::new(&paths, &new).map_err(|e| refuse(Error::Profile(e)))?;
        let user = self.accounts.update_profile(&ctx, &person, change).await;
        Ok(Response::new(pb::UpdateProfileResponse {
            profile: Some(convert::profile(user.map_err(refuse)?)),
        }))
    }

    async fn list_audit_events(
        &self,
        request: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        let (_, person) = person_of(&self.accounts, &request).await?;
        let user_id = person.user_id;
        let message = request.get_ref();
        let before = self.cursor(user_id, &message.page_token)?;
        let size = match u64::try_from(message.page_size) {
            Ok(0) | Err(_) => DEFAULT_PAGE,
            Ok(size) => size,
        };
        // One more than asked for tells whether there is another page.
        let mut events = audit_events::list(self.accounts.db().read(), user_id, before, size + 1)
            .await
            .map_err(|error| refuse(error.into()))?;
        let has_more = events.len() as u64 > size;
        events.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let last = events.last().filter(|_| has_more);
        let next_page_token = last.map_or_else(String::new, |last| {
            let cursor = last.id.to_string();
            self.page_tokens.seal(&scope(user_id), cursor.as_bytes())
        });
        Ok(Response::new(pb::ListAuditEventsResponse {
            audit_events: events.into_iter().map(convert::audit_event).collect(),
            next_page_token,
        }))
    }
}

fn scope(user_id: UserId) -> String {
    format!("audit-events/{user_id}")
}
