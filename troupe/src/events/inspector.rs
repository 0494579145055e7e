//! Opens the databases and the server that have the events.

use anyhow::{Context, Result};
use events::Inspector;
use service::Host;
use storage::Database;

use crate::services::SERVICES;
use crate::settings::Settings;

/// Opens the databases that are there and the server, if one is named.
///
/// # Errors
/// One of them can't be reached.
pub(crate) async fn open(settings: &Settings) -> Result<Inspector> {
    let host = Host {
        backends: settings.backends(),
        ..Host::new(&settings.data_dir)
    };
    let mut databases = Vec::new();
    for service in SERVICES {
        if let Some(db) = Database::attach(&host.storage(), service.store()).await? {
            databases.push((service.store().to_owned(), db));
        }
    }
    let inspector = Inspector::open(databases, &settings.nats, host.clock).await;
    inspector.context("events can't be inspected")
}
