//! Whether PostgreSQL answers and lets us in: for readiness, and for the log where that changes.

use std::sync::{Mutex, PoisonError};

use platform::config::ServerUrl;
use platform::reach::Unreached;
use sea_orm::{ConnectionTrait, DbErr, RuntimeErr};

use super::trouble::Trouble;
use super::{Connection, Outage};

/// Asks the server of a service from time to time.
pub(super) struct Watch {
    read: Connection,
    server: ServerUrl,
    service: String,
    /// What was logged last, of what is logged.
    told: Mutex<Option<Outage>>,
}

impl Watch {
    pub(super) fn new(read: &Connection, server: &ServerUrl, service: &str) -> Self {
        Self {
            read: read.clone(),
            server: server.clone(),
            service: service.to_owned(),
            told: Mutex::default(),
        }
    }

    /// Asks once. The error says for people what is missing.
    pub(super) async fn look(&self) -> Result<(), String> {
        let answer = self.read.execute_unprepared("SELECT 1").await;
        let failure = answer.err();
        let outage = failure.as_ref().and_then(Outage::of);
        self.tell(outage, failure);
        outage.map_or(Ok(()), |outage| Err(outage.to_string()))
    }

    fn tell(&self, outage: Option<Outage>, failure: Option<DbErr>) {
        let state = match outage {
            None | Some(Outage::Unreachable | Outage::Refused) => outage,
            // Of the load, or of the disk, which others tell of.
            Some(_) => return,
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *told, state) == state {
            return;
        }
        let service = self.service.as_str();
        let Some(failure) = failure else {
            return tracing::info!(service, "PostgreSQL answers again");
        };
        let problem = trouble_of(&failure).at(self.server.to_string());
        match state {
            Some(Outage::Refused) => {
                tracing::error!(service, %problem, "PostgreSQL refuses the login");
            }
            _ => tracing::warn!(service, %problem, "PostgreSQL can't be reached"),
        }
    }
}

fn trouble_of(error: &DbErr) -> Trouble {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Trouble::of(error),
        _ => Trouble::Passing(Unreached::Silent.to_string()),
    }
}
