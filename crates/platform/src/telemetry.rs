//! What is seen from outside: logs, spans and metrics. Nobody puts secrets, prompts, messages or personal data into any of
//! them.
//!
//! Logs are coloured and readable on a terminal, JSON elsewhere. Messages read alone; fields make them searchable. Spans and
//! metrics go where [`start`] is told; see [`crate::trace::Span`], and the meters of the `opentelemetry` crate.

mod delivery;
mod examine;
mod export;
mod process;
pub(crate) mod spans;
mod writer;

use std::io::IsTerminal;

use serde::Deserialize;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{EnvFilter, fmt};

pub use examine::{CollectorError, examine};
pub use export::{ExportConfig, ExportError, Exporting, Metrics, is_measuring, start};

/// What the meters of Troupe are called.
pub const SCOPE: &str = "troupe";

/// What is logged and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A filter such as `info,troupe_gateway=debug`.
    pub level: String,
    /// The form of a line.
    pub format: Format,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::Auto,
        }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// An object a line.
    Json,
}

/// What libraries log of themselves, unless `log.level` names them: what matters of it is in our own lines.
const LIBRARIES: &str = "async_nats=off,sqlx=warn,sea_orm_migration=warn,opentelemetry=warn";

fn filter(level: &str) -> Result<EnvFilter, String> {
    // A word alone would be taken for a part of the program, and everything else be silent.
    let mut words = level.split(',').map(str::trim);
    let unknown = words.find(|word| {
        let is_alone = !word.is_empty() && !word.contains(['=', '[']);
        is_alone && word.parse::<LevelFilter>().is_err()
    });
    if let Some(word) = unknown {
        return Err(format!("`{word}` isn't a level"));
    }
    EnvFilter::try_new(format!("{LIBRARIES},{level}")).map_err(|error| error.to_string())
}

/// Starts logging to standard error. A second call changes nothing.
pub fn init(config: &Config) -> Result<(), crate::config::Error> {
    let filter = filter(&config.level).map_err(|problem| crate::config::Error::Invalid {
        key: "log.level",
        problem: format!("{problem}; write a level such as info or debug, or a filter such as info,troupe_gateway=debug"),
    })?;
    let pretty = match config.format {
        Format::Auto => std::io::stderr().is_terminal(),
        Format::Pretty => true,
        Format::Json => false,
    };
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(writer::Lossy)
        // They would be written to standard error too, which panics where it can't be.
        .log_internal_errors(false);
    // A process that has a subscriber keeps it: tests start many platforms.
    let _already_set = if pretty {
        builder.with_target(false).try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn levels_and_filters_are_taken_and_words_that_are_neither_are_not() {
        for level in [
            "info",
            "WARN",
            "off",
            "info,troupe_gateway=debug",
            "debug,h2=off",
        ] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in [
            "warning",
            "loud",
            "info,troupe_gateway",
            "info,=",
            "info,a=loud",
        ] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
