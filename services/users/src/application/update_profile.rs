//! Changing one's own profile.

use mesh::{Ctx, Person};

use super::{Accounts, Error};
use crate::domain::audit::AuditAction;
use crate::domain::profile::{Change, Texts};
use crate::infrastructure::queries::{audit_events, users};
use crate::infrastructure::tables::user;

impl Accounts {
    /// Changes a person's profile and returns it as it is then. What is as it was is no change.
    pub(crate) async fn update_profile(
        &self,
        ctx: &Ctx,
        person: &Person,
        change: Change,
    ) -> Result<user::Model, Error> {
        let (change, now) = (&change, self.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let user = users::find(tx, person.user_id).await?;
                    let user = user.ok_or(Error::AccountGone)?;
                    let change = change.of(&Texts {
                        display_name: user.display_name.clone(),
                        bio: user.bio.clone(),
                        locale: user.locale.clone(),
                    });
                    if change.is_empty() {
                        return Ok(user);
                    }
                    let user = users::update_profile(tx, user, change, now).await?;
                    let session = Some(person.login_session_id);
                    let action = AuditAction::ProfileUpdated;
                    audit_events::record(tx, ctx, now, action, user.id, session).await?;
                    Ok(user)
                })
            })
            .await
    }
}
