//! Which failures of a database are nobody's fault, and pass.

use std::fmt;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxPostgresError};

/// Why the database can't do its work now. The same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It can't be reached, went away in the middle, or had no connection free in time.
    Unreachable,
    /// It has too much to do, or others were always faster.
    Busy,
    /// Its disk is full.
    Full,
}

impl Outage {
    /// When it makes sense to try again.
    pub const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// The outage that an error tells of, if it does.
    pub fn of(error: &DbErr) -> Option<Self> {
        match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(RuntimeErr::Internal(_)) => {
                Some(Self::Unreachable)
            }
            DbErr::Conn(RuntimeErr::SqlxError(error)) => {
                Some(of_driver(error).unwrap_or(Self::Unreachable))
            }
            DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
            _ => None,
        }
    }
}

fn of_driver(error: &SqlxError) -> Option<Outage> {
    match error {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Some(Outage::Unreachable),
        SqlxError::Database(error) => match error.try_downcast_ref::<SqlxPostgresError>() {
            Some(error) => of_postgres(error.code()),
            None => of_sqlite(error.code()?.parse().ok()?),
        },
        _ => None,
    }
}

/// By the error codes of PostgreSQL's appendix A.
fn of_postgres(code: &str) -> Option<Outage> {
    match code {
        // The disk.
        "53100" => Some(Outage::Full),
        // Serialisation, deadlock, lock and statement timeouts.
        "40001" | "40P01" | "55P03" | "57014" => Some(Outage::Busy),
        // It takes no writes, as a standby until it is promoted.
        "25006" => Some(Outage::Unreachable),
        // Connections, memory.
        _ if code.starts_with("53") => Some(Outage::Busy),
        // The connection; shutdown, crash, start; failures of the disk.
        _ if ["08", "57P", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Some(Outage::Unreachable)
        }
        _ => None,
    }
}

/// By SQLite's result codes, of which the low byte tells the kind.
fn of_sqlite(code: u32) -> Option<Outage> {
    match code & 0xff {
        5 | 6 => Some(Outage::Busy),
        10 | 14 => Some(Outage::Unreachable),
        13 => Some(Outage::Full),
        _ => None,
    }
}

/// What a caller is told.
impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => {
                "the database can't be reached or has no connection free: try again in a second"
            }
            Self::Busy => "the database is busy: try again in a second",
            Self::Full => "the database's disk is full: nothing can be stored until it has room",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_outages_from_faults() {
        for (code, outage) in [
            ("57P01", Some(Outage::Unreachable)),
            ("08006", Some(Outage::Unreachable)),
            ("53300", Some(Outage::Busy)),
            ("40001", Some(Outage::Busy)),
            ("53100", Some(Outage::Full)),
            ("23505", None),
            ("42P01", None),
        ] {
            assert_eq!(of_postgres(code), outage, "{code}");
        }
        for (code, outage) in [
            (5, Some(Outage::Busy)),
            (517, Some(Outage::Busy)),
            (13, Some(Outage::Full)),
            (2067, None),
        ] {
            assert_eq!(of_sqlite(code), outage, "{code}");
        }
    }
}
