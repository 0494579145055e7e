//! `UserService`.

use std::sync::Arc;

use service::{Pages, masked};
use tonic::{Request, Response, Status};
use troupe_proto::users as pb;
use troupe_proto::users::user_service_server::UserService;

use super::{convert, person_of};
use crate::application::{Accounts, Error};
use crate::domain::profile::{Change, Field, Texts};
use crate::infrastructure::queries::{audit_events, users};
use crate::infrastructure::tables::audit_event::AuditEventId;

/// The service over the accounts.
#[derive(Debug)]
pub(crate) struct UserApi {
    accounts: Arc<Accounts>,
    pages: Pages,
}

impl UserApi {
    pub(crate) fn new(accounts: Arc<Accounts>, pages: Pages) -> Self {
        Self { accounts, pages }
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
        let user = found.map_err(Error::from)?.ok_or(Error::AccountGone)?;
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
        let fields = Field::ALL.map(|field| (field.path(), new.has(field)));
        let named = masked(message.update_mask, &fields)?;
        let fields = Field::ALL
            .into_iter()
            .filter(|it| named.contains(&it.path()));
        let change = Change::new(fields, &new).map_err(Error::Profile)?;
        let user = self.accounts.update_profile(&ctx, &person, change).await;
        Ok(Response::new(pb::UpdateProfileResponse {
            profile: Some(convert::profile(user?)),
        }))
    }

    async fn list_audit_events(
        &self,
        request: Request<pb::ListAuditEventsRequest>,
    ) -> Result<Response<pb::ListAuditEventsResponse>, Status> {
        let (_, person) = person_of(&self.accounts, &request).await?;
        let user_id = person.user_id;
        let message = request.get_ref();
        let scope = format!("audit-events/{user_id}");
        let page =
            self.pages
                .read::<AuditEventId>(scope, message.page_size, &message.page_token)?;
        let db = self.accounts.db().read();
        let events = audit_events::list(db, user_id, page.after, page.limit() as u64).await;
        let (events, next_page_token) = page.cut(events.map_err(Error::from)?, |last| last.id);
        Ok(Response::new(pb::ListAuditEventsResponse {
            audit_events: events.into_iter().map(convert::audit_event).collect(),
            next_page_token,
        }))
    }
}
