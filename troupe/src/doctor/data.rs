//! The data folder, the space there, and the databases, wherever they are.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use service::Host;
use storage::Database;
use storage::database::sqlite::{FileError, outgrown_log};
use storage::database::{Inspection, OpenError};

use super::finding::Finding;
use crate::hold::care;
use crate::instance::{Running, known, machine_ran_on};
use crate::made::{Kind, Made, refuse_other};
use crate::restore::{Unfinished, unfinished};
use crate::services::{ROLES, SERVICES, Service};
use crate::settings::Settings;

/// Room for the local model's weights and some years of messages.
const COMFORTABLE_BYTES: u64 = 1 << 30;
/// What to do about an address.
const CORRECT: &str = "correct database.url (--database-url or TROUPE__DATABASE__URL), such as postgres://USER:PASSWORD@HOST/DATABASE";
/// With less, SQLite soon can't commit.
const LEAST_BYTES: u64 = 32 << 20;

/// Looks at the folder and the databases.
pub(super) async fn examine(settings: &Settings, running: Option<&Running>) -> Vec<Finding> {
    let folder = &settings.data_dir;
    let mut findings = vec![writable(folder), space(folder)];
    findings.extend(unfinished_restore(folder));
    let host = Host {
        backends: settings.backends(),
        ..Host::new(folder)
    };
    let made = Made::of(folder, &known(folder));
    for service in SERVICES {
        findings.push(match host.backends.database.url.is_named() {
            true => in_postgres(service.store(), &host).await,
            false => in_file(service, &host, &made, running.is_some()).await,
        });
        findings.extend(outgrown(
            service.store(),
            &host.storage().database_file(service.store()),
        ));
    }
    findings.extend(lost(&made, settings));
    findings
}

/// What the folder had and has no more; all but databases, of which others tell.
fn lost(made: &Made, settings: &Settings) -> Vec<Finding> {
    const SUBJECT: &str = "data folder";
    let losses = made.losses(settings, &ROLES).into_iter();
    let findings = losses.filter_map(|loss| {
        let what = format!(
            "{} is missing, though the folder had it",
            loss.file.display()
        );
        Some(match loss.kind {
            _ if loss.is_database() => return None,
            Kind::Kept => {
                let error = made.error(loss);
                Finding::broken(SUBJECT, error.what()).advise(error.advice())
            }
            Kind::Key(ends) => Finding::missing(
                SUBJECT,
                format!("{what}; the next start makes another, and {ends}"),
            )
            .advise("restore a backup with `troupe restore`, if one has it"),
            Kind::Vectors => Finding::missing(SUBJECT, format!("{what}; memories aren't recalled"))
                .advise("run `troupe memory rebuild`"),
        })
    });
    let mut findings: Vec<Finding> = findings.collect();
    if let Err(error) = made.refuse_lost(settings, &ROLES)
        && matches!(
            error,
            FileError::NoDatabase { .. } | FileError::Strange { .. }
        )
    {
        findings.push(Finding::broken(SUBJECT, error.what()).advise(error.advice()));
    }
    findings
}

/// The folder, or the nearest above it that is there.
fn existing(folder: &Path) -> &Path {
    folder
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or_else(|| match folder.is_absolute() {
            true => Path::new("/"),
            false => Path::new("."),
        })
}

fn writable(folder: &Path) -> Finding {
    const SUBJECT: &str = "data folder";
    let nearest = existing(folder);
    let name = nearest.display();
    if !nearest.is_dir() {
        return Finding::broken(SUBJECT, format!("{name} isn't a folder"))
            .advise("choose another with --data-dir");
    }
    match access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Err(error) => Finding::broken(SUBJECT, format!("{name} can't be written: {error}"))
            .advise("change its owner or mode, or choose another with --data-dir"),
        Ok(()) if nearest == folder => Finding::good(SUBJECT, "it can be written"),
        Ok(()) => Finding::missing(SUBJECT, "it isn't there yet; the first start makes it"),
    }
}

fn space(folder: &Path) -> Finding {
    const SUBJECT: &str = "free space";
    let free = match statvfs(existing(folder)) {
        Ok(figures) => figures.f_bavail.saturating_mul(figures.f_frsize),
        Err(error) => return Finding::missing(SUBJECT, format!("it isn't known: {error}")),
    };
    let text = format!("{} MiB", free >> 20);
    match free {
        ..LEAST_BYTES => Finding::broken(SUBJECT, text)
            .advise("make room, or choose another folder with --data-dir"),
        LEAST_BYTES..COMFORTABLE_BYTES => {
            Finding::missing(SUBJECT, text).advise("make room: a local model takes some 250 MiB")
        }
        _ => Finding::good(SUBJECT, text),
    }
}

fn unfinished_restore(folder: &Path) -> Option<Finding> {
    const SUBJECT: &str = "restore";
    // Of a folder that can't be read, others tell.
    Some(match unfinished(folder).ok()?? {
        Unfinished::Noted => {
            let text = "it was interrupted while it put files in place";
            Finding::missing(SUBJECT, text).advise("start the platform, which finishes it first")
        }
        Unfinished::BesideOld => {
            let text = "it was cut off before it changed anything, or when it was done";
            Finding::missing(SUBJECT, text)
                .advise("run it again, or start with the data that are there")
        }
        Unfinished::Alone => {
            let text = "it was cut off before it had put anything in place";
            Finding::broken(SUBJECT, text).advise("run `troupe restore` again")
        }
    })
}

/// A file that is in use is looked at less closely: what its log has isn't missing in it.
async fn in_file(service: &Service, host: &Host, made: &Made, is_in_use: bool) -> Finding {
    const SUBJECT: &str = "database";
    let name = service.store();
    let file = host.storage().database_file(name);
    let size = std::fs::metadata(&file).map_or(0, |metadata| metadata.len()) >> 10;
    let found = match is_in_use && file.exists() {
        true => match Database::inspect(&host.storage(), name).await {
            Ok(Inspection { migrations, .. }) => {
                let judged = refuse_other(&file, &migrations, service)
                    .and_then(|()| made.refuse_strange(&file));
                judged.map(|()| Some(migrations))
            }
            Err(OpenError::File(error)) => Err(error),
            Err(error) => return Finding::broken(SUBJECT, format!("{name}: {error}")),
        },
        false => {
            let judged = made
                .judge(service, care(machine_ran_on(&host.data_dir)))
                .await;
            judged.map(|condition| condition.map(|condition| condition.migrations))
        }
    };
    match found {
        Ok(Some(migrations)) => {
            let applied = applied(&migrations);
            Finding::good(SUBJECT, format!("{name}: {size} KiB, {applied}"))
        }
        Ok(None) => match made.lost_database(name) {
            Some(error) => broken(name, &error),
            None => Finding::missing(
                SUBJECT,
                format!("{name}: not there yet; the first start makes it"),
            ),
        },
        Err(error) => broken(name, &error),
    }
}

/// A log that somebody keeps from being emptied.
fn outgrown(name: &str, file: &Path) -> Option<Finding> {
    let size = outgrown_log(file)? >> 20;
    let text = format!(
        "{name}: its log has grown to {size} MiB, because a program has been reading the file for long"
    );
    Some(Finding::missing("database", text).advise("end that program, or its transaction"))
}

fn broken(name: &str, error: &FileError) -> Finding {
    Finding::broken("database", format!("{name}: {}", error.what())).advise(error.advice())
}

async fn in_postgres(name: &'static str, host: &Host) -> Finding {
    let server = &host.backends.database.url;
    match Database::inspect(&host.storage(), name).await {
        Ok(Inspection {
            version,
            migrations,
        }) => {
            let text = format!("{name}: PostgreSQL {version} at {server}");
            match migrations.is_empty() {
                true => Finding::missing(
                    "database",
                    format!("{text}, no tables yet; the first start makes them"),
                ),
                false => Finding::good("database", format!("{text}, {}", applied(&migrations))),
            }
        }
        Err(error) => {
            let (text, advice) = match &error {
                OpenError::Unreachable { server, cause } => (
                    format!("PostgreSQL can't be reached at {server}: {cause}"),
                    "start PostgreSQL, or correct database.url (--database-url or TROUPE__DATABASE__URL)",
                ),
                OpenError::Refused { server, cause } => (
                    format!("PostgreSQL at {server} refuses the connection: {cause}"),
                    CORRECT,
                ),
                OpenError::Unusable { server, cause } => (
                    format!("PostgreSQL at {server} can't be used: {cause}"),
                    CORRECT,
                ),
                OpenError::Schema { .. } => (
                    error.to_string(),
                    "give the user of the address all rights on the database",
                ),
                _ => (error.to_string(), CORRECT),
            };
            Finding::broken("database", format!("{name}: {text}")).advise(advice)
        }
    }
}

fn applied(migrations: &[String]) -> String {
    let newest = migrations.last().map_or("none", String::as_str);
    format!("{} migrations, the newest {newest}", migrations.len())
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn finds_a_folder_that_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data");
        std::fs::write(&file, "").unwrap();
        assert_eq!(writable(&file).state, State::Broken);
        assert_eq!(writable(&dir.path().join("new/data")).state, State::Missing);
        assert_eq!(writable(dir.path()).state, State::Good);
    }

    #[test]
    fn finds_a_log_that_has_grown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("users.sqlite");
        let log = std::fs::File::create(dir.path().join("users.sqlite-wal")).unwrap();
        for (mib, state) in [(16, None), (300, Some(State::Missing))] {
            log.set_len(mib << 20).unwrap();
            let found = outgrown("users", &file);
            assert_eq!(found.map(|found| found.state), state, "{mib}");
        }
    }

    #[tokio::test]
    async fn finds_a_database_that_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(dir.path());
        let service = &SERVICES[0];
        let file = host.storage().database_file(service.store());
        let made = Made::of(dir.path(), &[]);
        let looked = async || in_file(service, &host, &made, false).await.state;
        assert_eq!(looked().await, State::Missing);
        std::fs::write(&file, "").unwrap();
        assert_eq!(looked().await, State::Missing);
        std::fs::write(
            &file,
            "not a database at all, but long enough to be looked at",
        )
        .unwrap();
        assert_eq!(looked().await, State::Broken);
        // Empty, though there was something in it: as the start judges it.
        std::fs::write(&file, "").unwrap();
        storage::made::note(dir.path(), Path::new(service.store())).unwrap();
        let made = Made::of(dir.path(), &[]);
        let found = in_file(service, &host, &made, false).await;
        assert_eq!(found.state, State::Broken);
        assert!(found.to_string().contains("it is empty"), "{found}");
    }
}
