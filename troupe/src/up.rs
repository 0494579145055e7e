//! The whole platform in one process.

use anyhow::Result;
use clap::Args;

use crate::place::Place;
use crate::process;
use crate::settings::Settings;

/// What the command line says.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Speak HTTPS alone, by a certificate for NAME that Troupe makes and renews [default: this machine's name, with .local]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    tls: Option<String>,
}

/// Runs the platform until a signal.
///
/// # Errors
/// As those of [`process::up`].
pub(crate) async fn run(options: Options, place: &Place) -> Result<()> {
    let mut settings = Settings::load(place)?;
    if let Some(name) = options.tls {
        settings.gateway.tls = Some(name);
    }
    process::up(&settings).await
}
