//! What is configured, and from where.

use std::path::Path;

use super::finding::Finding;
use crate::place::Place;
use crate::settings::Settings;

/// The sources of the configuration, and where the two values that everything depends on come from.
pub(super) fn examine(place: &Place, settings: &Settings) -> Vec<Finding> {
    let variables = platform::config::keys_in_environment();
    let file = match &place.config {
        Some(path) => format!("file {}", path.display()),
        None => "no file".to_owned(),
    };
    let set = match variables.as_slice() {
        [] => "no variables".to_owned(),
        keys => format!("variables for {}", keys.join(", ")),
    };
    let source =
        |key: &str, is_flag: bool| source(key, is_flag, &variables, place.config.as_deref());
    let folder = settings.data_dir.display();
    vec![
        Finding::good("configuration", format!("{file}; {set}")),
        Finding::good(
            "data folder",
            format!(
                "{folder} ({})",
                source("data_dir", place.data_dir.is_some())
            ),
        ),
        Finding::good(
            "address",
            format!(
                "{} ({})",
                settings.gateway.listen,
                source("gateway.listen", place.listen.is_some())
            ),
        ),
    ]
}

/// Where a value comes from: the last of these that has it.
fn source(key: &str, is_flag: bool, variables: &[String], file: Option<&Path>) -> &'static str {
    if is_flag {
        "command line"
    } else if variables.iter().any(|variable| variable == key) {
        "environment"
    } else if file.is_some_and(|file| platform::config::file_has(file, key)) {
        "file"
    } else {
        "default"
    }
}
