//! HTTPS at the gateway's port, by a certificate that is kept in the data folder.

use std::sync::Arc;

use anyhow::{Context, Result};
use gateway::Gateway;
use mesh::Role;
use platform::{Clock, Tasks};
use wire::identity::LocalCertificate;

use crate::settings::Settings;

/// Opens the certificate, if the gateway of this process is to have one.
///
/// # Errors
/// The name is none, or the data folder can't be used.
pub(crate) fn open(settings: &Settings, roles: &[Role]) -> Result<Option<Arc<LocalCertificate>>> {
    let Some(name) = &settings.gateway.tls else {
        return Ok(None);
    };
    if !roles.contains(&Role::Gateway) {
        return Ok(None);
    }
    let name = match name.as_str() {
        "" => this_machine(),
        name => name.to_owned(),
    };
    // Backups have what lies beside the other keys.
    let folder = settings.data_dir.join("keys").join("tls");
    let certificate = LocalCertificate::open(&folder, &name, Clock::system());
    let certificate =
        certificate.context("there is no certificate for HTTPS (--tls, or gateway.tls)")?;
    Ok(Some(Arc::new(certificate)))
}

/// Lets a gateway speak HTTPS, and keeps its certificate good.
pub(crate) fn serve(
    gateway: Gateway,
    certificate: &Arc<LocalCertificate>,
    tasks: &Tasks,
) -> Result<Gateway> {
    let name = certificate.name();
    let authority = certificate.authority().display().to_string();
    let valid_until_secs = certificate.valid_until().secs();
    tracing::info!(
        name,
        authority,
        valid_until_secs,
        "the gateway speaks HTTPS: devices must trust this authority"
    );
    let keeping = Arc::clone(certificate).keep();
    let _tracked = tasks.spawn(tasks.token().clone().run_until_cancelled_owned(keeping));
    Ok(gateway.with_tls(certificate.server()?))
}

/// The machine's name as the local network knows it.
fn this_machine() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy().into_owned();
    match name.contains('.') {
        true => name,
        false => format!("{name}.local"),
    }
}
