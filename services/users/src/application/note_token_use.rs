//! Remembering that access tokens were used, which the rule of [`crate::domain::refresh`] needs to know.
//!
//! Every service verifies access tokens for itself, so users doesn't see them all. Writing a row for each request would
//! cost more than the rule is worth. Instead, each token's first use is recorded: by this service for calls of its own,
//! before they are answered, and by the verifiers of the others, which report the tokens that they see for the first
//! time, in batches and out of the request's way (`mesh::access`). That is one small write for each token and half
//! hour. The price: a token used elsewhere counts as unused until the report arrives, milliseconds later; if it is lost,
//! a replay is honoured as a lost answer would be, and the pair that was used is revoked. A used *refresh* token is
//! always known, since its use is an exchange here.

use std::time::Duration;

use moka::sync::Cache;
use platform::id::AccessTokenId;

use super::{Accounts, Error};
use crate::infrastructure::queries::refresh_tokens;

/// Tokens whose use was recorded, and for how long after they were last asked for; for those that fall out the record is merely
/// repeated.
const REMEMBERED: u64 = 100_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(5 * 60);

pub(super) fn cache() -> Cache<AccessTokenId, ()> {
    Cache::builder()
        .max_capacity(REMEMBERED)
        .time_to_idle(REMEMBERED_FOR)
        .build()
}

impl Accounts {
    /// Records that access tokens were used. Costs nothing for those that are known to have been.
    pub(crate) async fn note_token_use(&self, mut ids: Vec<AccessTokenId>) -> Result<(), Error> {
        ids.retain(|id| !self.noted_uses.contains_key(id));
        if ids.is_empty() {
            return Ok(());
        }
        let (noted, now) = (&ids, self.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    refresh_tokens::record_access_use(tx, noted.clone(), now).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        for id in ids {
            self.noted_uses.insert(id, ());
        }
        Ok(())
    }
}
