//! Where programs keep a person's things, by the XDG base directory specification.

use std::path::PathBuf;

/// Where data is kept unless the configuration says otherwise: `~/.local/share/troupe`.
pub fn data() -> PathBuf {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Where a person's own settings are kept: `~/.config/troupe`.
pub fn settings() -> PathBuf {
    folder("XDG_CONFIG_HOME", ".config")
}

/// The specification has relative values ignored. Who has no home keeps things in the current folder.
fn folder(variable: &str, in_home: &str) -> PathBuf {
    let set = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = set.or_else(|| Some(std::env::home_dir()?.join(in_home)));
    base.unwrap_or_default().join("troupe")
}
