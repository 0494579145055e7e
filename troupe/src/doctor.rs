//! Checks what is configured, reachable and missing, and says what to do about it. Changes nothing.

mod data;
mod events;
mod experience;
mod finding;
mod mesh;
mod model_servers;
mod models;
mod network;
mod place;
mod qdrant;
mod redis;
mod s3;
mod telemetry;
mod upstreams;
mod vectors;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use finding::{Finding, State};

use crate::instance;
use crate::place::Place;
use crate::settings::Settings;

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Print the findings as a JSON array
    #[arg(long)]
    json: bool,
}

/// Looks at everything and prints what it finds; fails if something essential is broken.
pub(crate) async fn run(options: &Options, place: &Place) -> Result<ExitCode> {
    let findings = match Settings::load(place) {
        Ok(settings) => {
            let mut findings = Vec::from_iter(settings.validate().err().map(misconfigured));
            findings.extend(examine(place, &settings).await);
            findings
        }
        Err(error) => vec![misconfigured(error)],
    };
    let text = if options.json {
        serde_json::to_string_pretty(&findings)? + "\n"
    } else {
        findings.iter().map(Finding::to_string).collect()
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("the output can't be written")?;
    let is_broken = findings
        .iter()
        .any(|finding| finding.state == State::Broken);
    Ok(if is_broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn misconfigured(error: anyhow::Error) -> Finding {
    Finding::broken("configuration", format!("{error:#}"))
        .advise("correct the file or the variable; config.default.toml documents the keys")
}

async fn examine(place: &Place, settings: &Settings) -> Vec<Finding> {
    let running = instance::find(&settings.data_dir);
    let mut findings = place::examine(place, settings);
    findings.extend(data::examine(settings, running.as_ref()).await);
    findings.extend(vectors::examine(settings, running.is_some()).await);
    findings.extend(redis::examine(&settings.redis).await);
    findings.extend(s3::examine(&settings.s3).await);
    findings.push(events::examine(settings).await);
    findings.extend(network::examine(settings, running.as_ref()).await);
    findings.extend(mesh::examine(settings).await);
    findings.extend(qdrant::examine(&settings.qdrant).await);
    findings.extend(telemetry::examine(&settings.telemetry).await);
    findings.extend(upstreams::examine(&settings.gateway).await);
    findings.extend(models::examine(settings).await);
    findings.extend(experience::examine(settings).await);
    findings
}
