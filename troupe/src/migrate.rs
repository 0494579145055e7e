//! Migrates the databases of all services, and does nothing else: for releases, before the new version starts.

use std::io::Write;

use anyhow::{Context, Result};
use platform::telemetry;
use service::Host;
use storage::database::Inspection;

use crate::hold::Hold;
use crate::services::{ROLES, SERVICES};
use crate::settings::Settings;

/// Migrates every service, and prints where each has come to.
///
/// # Errors
/// The store can't be reached or used; says what to do.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    telemetry::init(&settings.log)?;
    // SQLite files have one process at a time. PostgreSQL sees to it by itself.
    let hold = match settings.database.url.is_named() {
        true => None,
        false => Some(Hold::take(&settings, &ROLES).await?),
    };
    let migrated = migrate(&settings).await;
    if let Some(hold) = hold {
        hold.release().await;
    }
    migrated
}

async fn migrate(settings: &Settings) -> Result<()> {
    let host = Host {
        backends: settings.backends(),
        ..Host::new(&settings.data_dir)
    };
    for service in SERVICES {
        let name = service.store();
        let Inspection { migrations, .. } = (service.migrate)(&host).await.context(name)?;
        let newest = migrations.last().map_or("none", String::as_str);
        let count = migrations.len();
        writeln!(
            std::io::stdout(),
            "{name}: {count} migrations, the newest {newest}"
        )
        .context("the output can't be written")?;
    }
    Ok(())
}
