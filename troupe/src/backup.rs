//! Makes a backup of a data folder, also while a platform runs on it: every database and every picture at one moment, and the
//! keys. It says what servers keep, which their own tools back up.

mod folder;
mod manifest;
mod pictures;
mod report;
mod servers;
mod target;

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use platform::lifecycle::Signals;
use platform::{Clock, Tasks};
use storage::database::sqlite::{Snapshot, Standstill};

use self::folder::Source;

pub(crate) use self::manifest::{Entry, Manifest, sync_folder, write_private};
use self::pictures::Pictures;
pub(crate) use self::pictures::copy_file;
pub(crate) use self::report::{Report, mebibytes};
pub(crate) use self::servers::elsewhere;
use self::target::Target;
pub(crate) use self::target::unwritable;
use crate::hold;
use crate::instance::{self, Instance};
use crate::restore::unfinished;
use crate::services::ROLES;
use crate::settings::Settings;

/// Something is the servers' to back up.
pub(crate) const INCOMPLETE: u8 = 2;
/// How long a platform that starts is waited for.
const START: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Folder for the backup; it must not exist yet, or be empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Makes a backup. The exit code is 2 where servers keep something that isn't in it.
///
/// # Errors
/// Something can't be read or written; then there is no backup.
pub(crate) async fn run(options: &Options, settings: &Settings) -> Result<ExitCode> {
    let report = Report::new("backing up");
    let elsewhere = elsewhere(settings);
    let tasks = Tasks::new();
    let signals = Signals::listen()?;
    let mut making = pin!(find_and_make(options, settings, &report, &tasks));
    let mut asked = pin!(signals.asked());
    tokio::select! {
        made = &mut making => made?,
        _ = &mut asked => {
            // It notices, and takes away what it has written.
            tasks.token().cancel();
            making.await?;
        }
    }
    report.advise(&elsewhere)?;
    Ok(match elsewhere.iter().any(|part| part.is_missing) {
        true => ExitCode::from(INCOMPLETE),
        false => ExitCode::SUCCESS,
    })
}

async fn find_and_make(
    options: &Options,
    settings: &Settings,
    report: &Report,
    tasks: &Tasks,
) -> Result<()> {
    // A start or a restore that is under way has yet to make what is to be backed up.
    let running = instance::find(&settings.data_dir);
    let is_starting = running.is_some_and(|running| running.roles.is_empty());
    if is_starting || unfinished(&settings.data_dir)?.is_some() {
        drop(wait_for_a_calm_folder(settings, tasks).await?);
    }
    let source = Source::find(settings)?;
    match source.is_empty() {
        true => report.say("nothing of the data folder needs a backup: all is on servers"),
        false => make(options, settings, source, report, tasks).await,
    }
}

async fn make(
    options: &Options,
    settings: &Settings,
    source: Source,
    report: &Report,
    tasks: &Tasks,
) -> Result<()> {
    let stop = tasks.token();
    let target = Target::prepare(&options.dir, &source.data_dir)?;
    target.check_space(source.size_bytes()?)?;
    report.begin(source.size_bytes()?);
    let mut pictures = Pictures::new(&source.data_dir, target.folder());
    let (source, snapshots, moment) = moment(settings, &mut pictures, report, tasks).await?;
    let mut manifest = Manifest::new(moment, settings);
    for snapshot in snapshots {
        let name = snapshot.file().file_name().unwrap_or_default().to_owned();
        let copy = target.folder().join(&name);
        report.next(snapshot.size_bytes());
        let copied = snapshot.copy(&copy, report.progress(), stop).await;
        if !copied.map_err(|error| target.told(error))? {
            bail!("stopped; nothing is left behind");
        }
        manifest.add(target.folder(), &copy).await?;
        report.done(&name.to_string_lossy(), copy.metadata()?.len())?;
    }
    source.copy_keys(target.folder(), &mut manifest)?;
    manifest.files.extend(pictures.into_entries());
    let (files, bytes) = (manifest.files.len(), manifest.size_bytes());
    let written = manifest.write(target.folder());
    written.map_err(|error| target.unwritable(&error))?;
    if stop.is_cancelled() {
        bail!("stopped; nothing is left behind");
    }
    let dir = target.finish()?;
    report.end();
    source.tell_what_is_left_out(report)?;
    report.say(&format!(
        "backed up {} as of {}: {files} files, {}, in {}; it holds keys and what people wrote, so keep it private",
        source.data_dir.display(),
        manifest.created,
        mebibytes(bytes),
        dir.display(),
    ))
}

/// One moment of all databases that there were at it, with the pictures as they were then. Tells when it was.
async fn moment(
    settings: &Settings,
    pictures: &mut Pictures,
    report: &Report,
    tasks: &Tasks,
) -> Result<(Source, Vec<Snapshot>, String)> {
    let now = || prost_types::Timestamp::from(Clock::system().now()).to_string();
    loop {
        // Most of them while writers go on, so that little is left for when they wait.
        while pictures.catch_up(report, tasks.token())? {}
        let _idle = wait_for_a_calm_folder(settings, tasks).await?;
        // A platform that started meanwhile may have made some.
        let source = Source::find(settings)?;
        let standstill = Standstill::of(&source.databases).await?;
        let moment = now();
        let is_settled = pictures.settle()?;
        let snapshots = standstill.release().await;
        if is_settled {
            return Ok((source, snapshots, moment));
        }
    }
}

/// Sees to it that nobody starts meanwhile: a platform that runs is past its start, and where none runs, the folder is held,
/// and was looked at.
async fn wait_for_a_calm_folder(settings: &Settings, tasks: &Tasks) -> Result<Option<Instance>> {
    let until = Instant::now() + START;
    loop {
        if tasks.token().is_cancelled() {
            bail!("stopped; nothing is left behind");
        }
        match instance::find(&settings.data_dir) {
            Some(running) if !running.roles.is_empty() => return Ok(None),
            Some(running) if !running.is_brief && Instant::now() > until => bail!(
                "process {} uses the data folder {} and isn't ready: try again when it is ready or has ended",
                running.pid,
                settings.data_dir.display()
            ),
            Some(_) => tokio::time::sleep(PAUSE).await,
            None => {
                match Instance::claim_briefly(&settings.data_dir) {
                    Ok(instance) => {
                        hold::look(settings, &instance, &ROLES).await?;
                        return Ok(Some(instance));
                    }
                    // A platform was faster.
                    Err(_) if instance::find(&settings.data_dir).is_some() => {}
                    Err(problem) => return Err(problem),
                }
            }
        }
    }
}
