//! The users service as roleplay uses it: what a person is called.

use std::time::Duration;

use mesh::{Channel, Ctx};
use moka::sync::Cache;
use tonic::Status;
use troupe_proto::users::GetProfileRequest;
use troupe_proto::users::user_service_client::UserServiceClient;

use super::promised;
use crate::domain::ids::UserId;

/// After this time a changed name is seen.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
const REMEMBERED_NAMES: u64 = 10_000;

/// The profiles of people.
#[derive(Clone)]
pub(crate) struct Profiles {
    client: UserServiceClient<Channel>,
    names: Cache<UserId, String>,
}

impl Profiles {
    /// The profiles behind a channel to the users service.
    pub(crate) fn new(channel: Channel) -> Self {
        let names = Cache::builder()
            .max_capacity(REMEMBERED_NAMES)
            .time_to_live(REMEMBERED_FOR);
        Self {
            client: UserServiceClient::new(channel),
            names: names.build(),
        }
    }

    /// The caller's display name; may be blank.
    pub(crate) async fn display_name(&self, ctx: &Ctx) -> Result<String, Status> {
        let user = ctx.user_id()?;
        if let Some(name) = self.names.get(&user) {
            return Ok(name);
        }
        let answer = self
            .client
            .clone()
            .get_profile(ctx.request(GetProfileRequest {}))
            .await?;
        let name = promised(answer.into_inner().profile, "the profile")?.display_name;
        self.names.insert(user, name.clone());
        Ok(name)
    }
}
