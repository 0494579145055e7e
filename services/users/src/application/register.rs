//! Registering an account, without telling whether the address has one.

use mesh::Ctx;
use platform::id::UserId;

use super::history::registered;
use super::{Accounts, Error};
use crate::domain::audit::AuditAction;
use crate::domain::email::EmailAddress;
use crate::domain::password::Known;
use crate::domain::{password, text};
use crate::infrastructure::queries::{audit_events, users};
use crate::infrastructure::tables::user;

impl Accounts {
    /// Makes an account if the address is free. Known and unknown addresses are alike to the caller: both cost a hash
    /// and one transaction with one audit event, and both succeed.
    pub(crate) async fn register(
        &self,
        ctx: &Ctx,
        email: EmailAddress,
        password: String,
        display_name: &str,
    ) -> Result<(), Error> {
        let display_name = text::name(display_name).map_err(|reason| Error::Text {
            field: "display_name",
            reason,
        })?;
        let known = Known {
            email: email.written(),
            display_name: &display_name,
            refused_words: &self.refused_words,
        };
        if let Some(weakness) = password::weakness(&password, known) {
            return Err(Error::PasswordWeak(weakness));
        }
        let password_hash = self.hashing.hash(password).await?;
        let now = self.now();
        let user = &user::Model {
            id: UserId::new(),
            email: email.written().to_owned(),
            email_key: email.key().to_owned(),
            password_hash,
            display_name,
            bio: String::new(),
            locale: String::new(),
            is_admin: false,
            create_time: now,
            update_time: now,
        };
        let cause = &ctx.cause();
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let is_new = users::insert_if_free(tx, user.clone()).await?;
                    let owner = users::find_by_email(tx, &user.email_key).await?;
                    let owner_id = owner.map_or(user.id, |owner| owner.id);
                    let action = match is_new {
                        true => AuditAction::Registered,
                        false => AuditAction::RegisteredAgain,
                    };
                    audit_events::record(tx, ctx, now, action, owner_id, None).await?;
                    if is_new {
                        let told = registered(user.id, user.create_time);
                        self.outbox.add_retellable(tx, told, cause)?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
