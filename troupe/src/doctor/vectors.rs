//! The files of vectors, which never stop a start.

use std::path::Path;

use service::Host;
use storage::database::sqlite::{FileError, examine as examine_file};

use super::finding::Finding;
use crate::hold::care;
use crate::instance::machine_ran_on;
use crate::settings::Settings;

const SUBJECT: &str = "vectors";

/// Looks at the files, if there are any. Those that are in use are the platform's to tell of.
pub(super) async fn examine(settings: &Settings, is_in_use: bool) -> Vec<Finding> {
    let host = Host {
        backends: settings.backends(),
        ..Host::new(&settings.data_dir)
    };
    let mut findings = Vec::new();
    for file in vectors::files(&host.data_dir, &host.backends.qdrant) {
        let found = match is_in_use {
            true => Ok(None),
            false => examine_file(&file, care(machine_ran_on(&host.data_dir))).await,
        };
        findings.push(match found {
            Ok(_) => in_order(&file),
            Err(error) => broken(&error),
        });
    }
    findings.extend(
        vectors::broken_files(&host.data_dir, &host.backends.qdrant)
            .iter()
            .map(|file| put_aside(file)),
    );
    findings
}

fn in_order(file: &Path) -> Finding {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len()) >> 10;
    Finding::good(SUBJECT, format!("{name}: {size} KiB"))
}

fn broken(error: &FileError) -> Finding {
    let advice = match error {
        FileError::Damaged { .. } | FileError::WithoutLog { .. } | FileError::OtherLog { .. } | FileError::OnlyLog { .. } => {
            "run `troupe memory rebuild`; without it the platform runs, and memories aren't recalled"
                .to_owned()
        }
        error => error.advice(),
    };
    Finding::broken(SUBJECT, error.what()).advise(advice)
}

fn put_aside(file: &Path) -> Finding {
    let name = file.display();
    Finding::missing(SUBJECT, format!("a broken file was put aside as {name}"))
        .advise("run `troupe memory rebuild`, unless that was done since, and remove the file")
}
