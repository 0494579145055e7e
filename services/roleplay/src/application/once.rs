//! What a request makes once, however often it comes.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use platform::Timestamp;
use sea_orm::ConnectionTrait;
use service::RequestKey;

use super::Error;
use crate::domain::ids::UserId;
use crate::infrastructure::queries::requests;
use crate::infrastructure::tables::request::Model;

/// How long a repeat is told from a new request. Clients repeat for a day at most.
const KEPT: Duration = Duration::from_secs(48 * 3600);

/// A request that makes something: whose it is, and below what.
#[derive(Debug, Clone)]
pub(super) struct Once {
    user: UserId,
    parent: String,
    key: Option<RequestKey>,
}

impl Once {
    /// A request for something of a person's own. Without a key, each request is a new one.
    pub(super) fn new(user: UserId, key: Option<RequestKey>) -> Self {
        Self {
            user,
            parent: String::new(),
            key,
        }
    }

    /// The same, for something within `parent`.
    pub(super) fn within(mut self, parent: impl Display) -> Self {
        self.parent = parent.to_string();
        self
    }

    /// The id of what an earlier, equal request made.
    ///
    /// # Errors
    /// The id was used for another request.
    pub(super) async fn made<T: FromStr>(
        &self,
        db: &impl ConnectionTrait,
    ) -> Result<Option<T>, Error> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let found = requests::find(db, self.user, key.method, &self.parent, &key.id).await?;
        match found {
            Some(found) if !key.is_of(Some(&found.request_hash)) => Err(Error::RequestIdReused),
            Some(found) => Ok(found.made.parse().ok()),
            None => Ok(None),
        }
    }

    /// Notes what this request makes, in the transaction that makes it, and forgets what is of no use any more.
    pub(super) async fn note(
        &self,
        tx: &impl ConnectionTrait,
        made: impl Display,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(key) = &self.key else {
            return Ok(());
        };
        requests::forget(tx, self.user, now - KEPT).await?;
        let made = Model {
            user_id: self.user,
            method: key.method.to_owned(),
            parent: self.parent.clone(),
            request_id: key.id.clone(),
            request_hash: key.hash.clone(),
            made: made.to_string(),
            create_time: now,
        };
        Ok(requests::insert(tx, made).await?)
    }
}
