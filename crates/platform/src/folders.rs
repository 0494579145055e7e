//! Where programs keep a person's things, by the XDG base directory specification, and files that only they can read.

use std::fs::{OpenOptions, create_dir_all};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where data is kept unless the configuration says otherwise: `~/.local/share/troupe`.
pub fn data() -> PathBuf {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Where a person's own settings are kept: `~/.config/troupe`.
pub fn settings() -> PathBuf {
    folder("XDG_CONFIG_HOME", ".config")
}

/// The specification has relative values ignored. Who has no home keeps things in the current folder.
#[expect(
    clippy::disallowed_methods,
    reason = "what is asked for is no setting of ours, and a path needn't be UTF-8"
)]
fn folder(variable: &str, in_home: &str) -> PathBuf {
    let set = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = set.or_else(|| Some(std::env::home_dir()?.join(in_home)));
    base.unwrap_or_default().join("troupe")
}

/// Makes a file, and its folder, so that only its owner can read it: it may hold keys, and surely holds or tells what people
/// write. SQLite gives the files beside it the same permissions. One that is there isn't opened: closing it would take
/// SQLite's locks on it away, which are the process's.
///
/// # Errors
/// The folder or the file can't be made.
pub fn make_private(file: &Path) -> Result<(), Error> {
    if let Some(folder) = file.parent() {
        create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create_new(true).append(true).mode(0o600);
    match options.open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
