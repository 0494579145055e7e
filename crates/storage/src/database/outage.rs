//! Outages: which failures of a database are nobody's fault and pass.

use std::time::Duration;
use std::{fmt, io};

use platform::patience::TooLate;
use sea_orm::{DbErr, RuntimeErr, SqlxError, SqlxPostgresError};

/// Why the database can't do its work now. The same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It can't be reached, or went away in the middle.
    Unreachable,
    /// It refuses our login, which may have been changed there.
    Refused,
    /// There is too much to do: the turn didn't come in time, or others were always faster. Not the database's fault.
    Busy,
    /// Its disk is full.
    Full,
    /// Its disk fails.
    Failing,
    /// It, or its disk, takes no writes.
    ReadOnly,
    /// Another program has locked its file, for longer than a write waits.
    Locked,
}

/// The turn didn't come in time because another program has locked the file.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("another program has locked the file")]
pub(super) struct LockedOut;

impl Outage {
    /// When a client should try again: a database that restarts takes about this long.
    pub const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// Whether it is one of the disk: nothing can be stored, whoever asks.
    pub fn is_of_disk(self) -> bool {
        matches!(self, Self::Full | Self::Failing | Self::ReadOnly)
    }

    /// Whether nothing can be stored while it lasts, whoever asks, and though the database is there.
    pub fn stops_writes(self) -> bool {
        self.is_of_disk() || self == Self::Locked
    }

    /// What keeps a disk from taking what is to be stored, if that is what an error of the system tells of.
    pub(crate) fn of_disk(error: &io::Error) -> Option<Self> {
        Some(of_system(error)).filter(|outage| outage.is_of_disk())
    }

    /// What a caller is told of a disk, and whose that is.
    pub(crate) fn told_of_disk(self, owner: &str) -> String {
        let problem = match self {
            Self::Full => "is full: nothing can be stored until it has room",
            Self::Failing => "fails (an I/O error): nothing can be stored until it works again",
            _ => "is read-only: nothing can be stored until it takes writes",
        };
        format!("{owner}'s disk {problem}")
    }

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
        SqlxError::Configuration(cause) if cause.is::<TooLate>() => Some(Outage::Busy),
        SqlxError::Configuration(cause) if cause.is::<LockedOut>() => Some(Outage::Locked),
        SqlxError::Io(error) => Some(of_system(error)),
        SqlxError::Tls(_)
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

fn of_system(error: &io::Error) -> Outage {
    /// EIO.
    const FAILED: i32 = 5;
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Outage::Full,
        io::ErrorKind::ReadOnlyFilesystem => Outage::ReadOnly,
        // Of our own sync.
        io::ErrorKind::Other => Outage::Failing,
        _ if error.raw_os_error() == Some(FAILED) => Outage::Failing,
        _ => Outage::Unreachable,
    }
}

/// By the error codes of PostgreSQL's appendix A.
fn of_postgres(code: &str) -> Option<Outage> {
    match code {
        // The disk.
        "53100" => Some(Outage::Full),
        // Serialisation, deadlock, lock and statement timeouts.
        "40001" | "40P01" | "55P03" | "57014" => Some(Outage::Busy),
        // The login.
        _ if code.starts_with("28") => Some(Outage::Refused),
        // It takes no writes, as a standby until it is promoted.
        "25006" => Some(Outage::ReadOnly),
        "58030" => Some(Outage::Failing),
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
    /// Somebody wrote since the transaction read.
    const BUSY_SNAPSHOT: u32 = 517;
    match code & 0xff {
        // Our own writers wait in a queue, so that none meets another's lock.
        5 if code != BUSY_SNAPSHOT => Some(Outage::Locked),
        // Busy, locked, out of memory, interrupted.
        5 | 6 | 7 | 9 => Some(Outage::Busy),
        8 => Some(Outage::ReadOnly),
        10 | 15 => Some(Outage::Failing),
        13 => Some(Outage::Full),
        14 => Some(Outage::Unreachable),
        _ => None,
    }
}

/// What a caller is told.
impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the database can't be reached: try again in a second",
            Self::Refused => {
                "the database refuses the platform's login: its user and password must be corrected"
            }
            Self::Busy => "the platform is overloaded: try again in a second",
            Self::ReadOnly => {
                "the database or its disk is read-only: nothing can be stored until it takes writes"
            }
            Self::Locked => {
                "another program has locked the database: nothing can be stored until it ends its transaction"
            }
            Self::Full | Self::Failing => return f.write_str(&self.told_of_disk("the database")),
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
            ("28P01", Some(Outage::Refused)),
            ("28000", Some(Outage::Refused)),
            ("53300", Some(Outage::Busy)),
            ("40001", Some(Outage::Busy)),
            ("53100", Some(Outage::Full)),
            ("25006", Some(Outage::ReadOnly)),
            ("23505", None),
            ("42P01", None),
        ] {
            assert_eq!(of_postgres(code), outage, "{code}");
        }
        for (code, outage) in [
            (5, Some(Outage::Locked)),
            (261, Some(Outage::Locked)),
            (6, Some(Outage::Busy)),
            (517, Some(Outage::Busy)),
            (13, Some(Outage::Full)),
            (266, Some(Outage::Failing)),
            (1032, Some(Outage::ReadOnly)),
            (2067, None),
        ] {
            assert_eq!(of_sqlite(code), outage, "{code}");
        }
    }
}
