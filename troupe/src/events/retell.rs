//! Has a service tell again what its tables know of what happened.

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use service::Host;

use super::{Form, print};
use crate::services::SERVICES;
use crate::settings::Settings;

/// What `--help` says of it.
pub(super) const NOTES: &str = "\
A consumer hears what happens from its first start on. This tells it what was before, where it asks for that; consumers that
don't ask hear nothing. What they have had already they don't have twice, so it can be done again, also after it was
interrupted. The platform may run meanwhile, and carries the events; one that is stopped carries them when it starts.

Only what the tables still know is told: nothing of what was deleted, and of a message's edits the last.";

/// Whose history, and how the answer looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    /// The service
    #[arg(value_name = "ROLE", value_parser = PossibleValuesParser::new(SERVICES.iter().map(|service| service.store())))]
    role: String,
    #[command(flatten)]
    form: Form,
}

#[derive(Serialize)]
struct Retold {
    retold: u64,
}

/// Does it.
///
/// # Errors
/// The service's database can't be used.
pub(super) async fn run(History { role, form }: &History, settings: &Settings) -> Result<()> {
    let host = Host {
        backends: settings.backends(),
        ..Host::new(&settings.data_dir)
    };
    let Some(service) = SERVICES.iter().find(|service| service.store() == role) else {
        bail!("no service is called {role}");
    };
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(
        "telling again {wide_bar} {pos}/{len} rows, {eta} left",
    )?);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let retold = (service.retell)(&host, &progress).await;
    bar.finish_and_clear();
    let retold = retold.with_context(|| format!("{role} can't tell everything again"))?;
    print(form, &Retold { retold }, text)
}

fn text(Retold { retold }: &Retold) -> String {
    format!(
        "{retold} events are told again; a running platform brings them within seconds to consumers that ask for them\n"
    )
}
