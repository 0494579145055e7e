//! Restores a backup into a data folder. Wherever this is interrupted, the folder is as it was or gets all of the backup, and an
//! empty folder isn't taken for a new one.

mod swap;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use platform::Clock;
use rustix::fs::statvfs;
use storage::Storage;
use storage::database::sqlite::FileError;
use swap::{Announced, Swap};
use vectors::SUFFIX as VECTORS;

use crate::backup::{
    Entry, INCOMPLETE, Manifest, Report, copy_file, elsewhere, mebibytes, unwritable,
};
use crate::instance::Instance;
use crate::made::{name_of, note_all};
use crate::services::SERVICES;
use crate::settings::Settings;

pub(crate) use swap::{Unfinished, finish_interrupted, unfinished};

/// What the file system needs for itself.
const MARGIN_BYTES: u64 = 4 << 20;

/// What the command line says.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// A folder that `troupe backup` made
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Restore into a data folder that has data; put its old files aside, in a folder inside it
    #[arg(long)]
    replace: bool,
}

/// Brings a backup back. The exit code is 2 where servers had something that isn't in it.
///
/// # Errors
/// The backup can't be used, or the data folder isn't free; then the folder is as it was.
pub(crate) async fn run(options: &Options, settings: &Settings) -> Result<ExitCode> {
    let report = Report::new("restoring");
    let (dir, data_dir) = (&options.dir, &settings.data_dir);
    refuse_itself(dir, data_dir)?;
    let manifest = Manifest::read(dir)?;
    refuse_what_would_not_be_used(&manifest, dir, settings)?;
    for entry in &manifest.files {
        find(dir, entry)?;
    }
    // Before anything else: whatever cuts this off, a new folder isn't taken for one that was never used.
    let announced = Announced::make(data_dir);
    let _instance = Instance::claim(data_dir)?;
    swap::finish_noted(data_dir)?;
    if !options.replace {
        refuse_used(data_dir)?;
    }
    swap::refuse_mounts(data_dir)?;
    let now = prost_types::Timestamp::from(Clock::system().now()).to_string();
    let swap = Swap::begin(data_dir, announced)?;
    check_space(data_dir, manifest.size_bytes())?;
    report.begin(manifest.size_bytes());
    for entry in &manifest.files {
        let copied = copy_file(dir, swap.folder(), Path::new(&entry.path))?;
        if copied.as_ref() != Some(entry) {
            bail!(changed(dir, entry));
        }
        report.add(entry.size_bytes);
    }
    let names = manifest
        .files
        .iter()
        .filter_map(|entry| name_of(Path::new(&entry.path)));
    let names: BTreeSet<PathBuf> = names.collect();
    let noted = note_all(swap.folder(), &names);
    noted.map_err(|error| unwritable(data_dir, &error))?;
    let aside = swap.commit(&now)?;
    report.end();
    tell(&report, &manifest, data_dir, aside)?;
    let elsewhere = elsewhere(settings);
    report.advise(&elsewhere)?;
    let lacks = !manifest.elsewhere.is_empty() || elsewhere.iter().any(|part| part.is_missing);
    Ok(match lacks {
        true => ExitCode::from(INCOMPLETE),
        false => ExitCode::SUCCESS,
    })
}

fn tell(
    report: &Report,
    manifest: &Manifest,
    data_dir: &Path,
    aside: Option<PathBuf>,
) -> Result<()> {
    let folder = data_dir.display();
    report.say(&format!(
        "restored {folder} to {}: {} files, {}; everything that happened later is undone, also deletions and logouts",
        manifest.created,
        manifest.files.len(),
        mebibytes(manifest.size_bytes()),
    ))?;
    if let Some(aside) = aside {
        let aside = aside.display();
        report.say(&format!(
            "the folder's old files are in {aside}; remove them when you don't need them"
        ))?;
    }
    for part in &manifest.elsewhere {
        report.say(&format!(
            "not in the backup: {part}; restore that from its own backup"
        ))?;
    }
    let has_vectors = manifest
        .files
        .iter()
        .any(|entry| entry.path.ends_with(VECTORS));
    if !has_vectors && manifest.databases.contains_key("roleplay.sqlite") {
        report.say("it has no vectors of memories: run `troupe memory rebuild`")?;
    }
    Ok(())
}

/// Refuses a backup that this version, or this configuration, would make nothing of.
fn refuse_what_would_not_be_used(
    manifest: &Manifest,
    dir: &Path,
    settings: &Settings,
) -> Result<()> {
    for service in SERVICES {
        let file = Storage::new("").database_file(service.store());
        let Some(applied) = manifest.databases.get(&*file.to_string_lossy()) else {
            continue;
        };
        if settings.database.url.is_named() {
            bail!(
                "the backup {} has SQLite files, and database.url names PostgreSQL, which doesn't read them: remove database.url, or restore a dump of PostgreSQL",
                dir.display()
            );
        }
        let known = (service.migrations)();
        if let Some(migration) = applied.iter().find(|name| !known.contains(name)) {
            let newer = FileError::Newer {
                file: dir.join(file),
                migration: migration.clone(),
            };
            bail!(
                "{}: restore it with Troupe {} or newer",
                newer.what(),
                manifest.version
            );
        }
    }
    Ok(())
}

/// Refuses to bring a backup back into its own folder, where the platform would change it.
fn refuse_itself(dir: &Path, data_dir: &Path) -> Result<()> {
    // Of a folder that isn't there yet, the one that it will be in tells.
    let real = |folder: &Path| {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let there = folder.ancestors().find_map(|it| it.canonicalize().ok());
        there.unwrap_or(folder)
    };
    if dir.is_dir() && real(data_dir).starts_with(real(dir)) {
        bail!(
            "the data folder {} is inside the backup {}, which would be changed: choose another with --data-dir",
            data_dir.display(),
            dir.display()
        );
    }
    Ok(())
}

/// Refuses a backup whose file isn't there, or isn't as long as it was. What is in the file is checked as it is copied.
fn find(dir: &Path, entry: &Entry) -> Result<()> {
    match fs::symlink_metadata(dir.join(&entry.path)) {
        Ok(metadata) if metadata.is_file() && metadata.len() == entry.size_bytes => Ok(()),
        Ok(metadata) if metadata.is_file() => bail!(changed(dir, entry)),
        _ => bail!(
            "the backup {} lacks {}: use another backup",
            dir.display(),
            entry.path
        ),
    }
}

fn changed(dir: &Path, entry: &Entry) -> String {
    let (dir, file) = (dir.display(), &entry.path);
    format!(
        "the backup {dir} is damaged: {file} has changed since it was written; use another backup"
    )
}

fn refuse_used(data_dir: &Path) -> Result<()> {
    let names = swap::occupants(data_dir)?;
    let Some(first) = names.first() else {
        return Ok(());
    };
    bail!(
        "the data folder {} isn't empty (it has {first}): choose another with --data-dir, or put its files aside with --replace",
        data_dir.display()
    )
}

fn check_space(data_dir: &Path, needed: u64) -> Result<()> {
    let figures = statvfs(data_dir).context("the free space isn't known")?;
    let free = figures.f_bavail.saturating_mul(figures.f_frsize);
    if free < needed + MARGIN_BYTES {
        bail!(
            "the disk of {} is too small: the backup takes {}, beside {} for the file system, and {} are free; make room, or choose another folder with --data-dir",
            data_dir.display(),
            mebibytes(needed),
            mebibytes(MARGIN_BYTES),
            mebibytes(free)
        );
    }
    Ok(())
}
