//! Certificates for roles in separate processes.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use mesh::Role;
use platform::Clock;
use wire::identity::DevelopmentCa;

use crate::place::Place;
use crate::services::{ROLES, role_names};
use crate::settings::Settings;

const EXAMPLES: &str = "\
Examples:
  troupe certs dev                         make a CA, and certificates of all roles
  troupe certs dev ai                      make a new certificate of one role; keep the CA
  troupe certs dev --dir ./certs           use another folder
  troupe serve users                       this takes its certificates from there

The folder has ca.pem, which every process needs. For each role it has <role>.pem and
<role>-key.pem, which only the processes of that role need. Running processes use new files
within a second.

Anybody who has ca-key.pem can act as every role, so use it only for development and tests. In
production, let cert-manager, SPIRE or Vault issue certificates with the URI
spiffe://troupe/<role>, and put them in the same places.";

const DAY_SECS: u64 = 24 * 3600;

/// What to do with certificates.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Task {
    /// Make certificates of roles for development, and a CA if there is none
    #[command(after_help = EXAMPLES)]
    Dev(Options),
}

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Roles to make certificates for [default: all]
    #[arg(value_name = "ROLE", value_parser = role_names())]
    roles: Vec<Role>,

    /// Folder for the files [default: mesh.certificates, or ~/.config/troupe/certs]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Does it, and says what was made.
///
/// # Errors
/// Where a file can't be read or written, or the folder has another CA.
pub(crate) fn run(task: &Task, place: &Place) -> Result<()> {
    let Task::Dev(options) = task;
    let configured = Settings::load(place)?.mesh.certificates();
    let folder = options.dir.clone().unwrap_or_else(|| configured.clone());
    let variable = match folder == configured {
        true => String::new(),
        false => format!("TROUPE__MESH__CERTIFICATES={} ", folder.display()),
    };
    let text = make(options, folder, &variable).context("certificates were not made")?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("the output can't be written")
}

fn make(options: &Options, folder: PathBuf, variable: &str) -> Result<String> {
    let clock = Clock::system();
    let ca = DevelopmentCa::open(folder, clock.clone())?;
    let state = match ca.is_new() {
        true => "made",
        false => "kept",
    };
    let mut text = format!("{:10} {}  {state}\n", "CA", ca.certificate().display());
    let roles = match options.roles.as_slice() {
        [] => &ROLES,
        named => named,
    };
    for role in roles {
        let issued = ca.issue(*role)?;
        let lifetime = issued.valid_until.since(clock.now());
        let days = lifetime.as_secs().div_ceil(DAY_SECS);
        text += &format!(
            "{:10} {}  made, valid for {days} days\n",
            role.name(),
            issued.certificate.display(),
        );
    }
    text += &format!(
        "
Start roles with them, each process on a data folder of its own:
  {variable}troupe --data-dir data/users serve users
On other machines a process needs ca.pem and the two files of each of its roles. Keep ca-key.pem here.
"
    );
    Ok(text)
}
