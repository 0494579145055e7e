//! Says what is configured, reachable and missing, and what to do about it. Changes nothing.

mod data;
mod finding;
mod models;
mod network;
mod place;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::Place;
use crate::instance;
use crate::settings::Settings;
use finding::{Finding, State};

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Print an array of findings as JSON
    #[arg(long)]
    json: bool,
}

/// Looks at everything and prints what it finds; fails if something essential is broken.
pub(crate) async fn run(options: &Options, place: &Place) -> Result<ExitCode> {
    let findings = match Settings::load(place) {
        Ok(settings) => examine(place, &settings).await,
        Err(error) => vec![
            Finding::broken("configuration", format!("{error:#}"))
                .advise("mend the file or the variable; config.default.toml documents the keys"),
        ],
    };
    let text = if options.json {
        serde_json::to_string_pretty(&findings)? + "\n"
    } else {
        findings.iter().map(Finding::to_string).collect()
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("nobody reads the output")?;
    let is_broken = findings
        .iter()
        .any(|finding| finding.state == State::Broken);
    Ok(if is_broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn examine(place: &Place, settings: &Settings) -> Vec<Finding> {
    let running = instance::find(&settings.data_dir);
    let mut findings = place::examine(place, settings);
    findings.extend(data::examine(settings).await);
    findings.extend(network::examine(settings, running.as_ref()).await);
    findings.extend(models::examine(settings).await);
    findings
}
