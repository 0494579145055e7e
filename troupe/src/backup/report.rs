//! Reports the progress of long work: with a bar at a terminal, else in lines.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use storage::database::sqlite::Progress;

use super::servers::Elsewhere;

/// The report of a backup or a restore.
pub(crate) struct Report {
    bar: ProgressBar,
    what: &'static str,
    /// What was done before the file that is being copied.
    before: Arc<AtomicU64>,
}

impl Report {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            bar: ProgressBar::hidden(),
            what,
            before: Arc::default(),
        }
    }

    /// Begins work on so many bytes.
    pub(crate) fn begin(&self, all: u64) {
        let template = format!(
            "{} {{wide_bar}} {{bytes}}/{{total_bytes}}, {{eta}} left",
            self.what
        );
        if let Ok(style) = ProgressStyle::with_template(&template)
            && std::io::stderr().is_terminal()
        {
            self.bar
                .set_draw_target(indicatif::ProgressDrawTarget::stderr());
            self.bar.set_style(style);
        }
        self.bar.set_length(all);
    }

    /// Begins with a file, which may be longer than was thought.
    pub(super) fn next(&self, size_bytes: u64) {
        let done = self.bar.position();
        self.before.store(done, Ordering::Relaxed);
        let all = self.bar.length().unwrap_or_default();
        self.bar.set_length(all.max(done + size_bytes));
    }

    /// Told how many bytes of the file are done.
    pub(super) fn progress(&self) -> Progress {
        let (bar, before) = (self.bar.clone(), self.before.clone());
        Arc::new(move |done| bar.set_position(before.load(Ordering::Relaxed) + done))
    }

    /// So much more is done.
    pub(crate) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// A large file is done.
    pub(crate) fn done(&self, name: &str, bytes: u64) -> Result<()> {
        match std::io::stderr().is_terminal() {
            true => Ok(()),
            false => self.say(&format!("{name}: {}", mebibytes(bytes))),
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a line of the result.
    pub(crate) fn say(&self, line: &str) -> Result<()> {
        let said = self.bar.suspend(|| writeln!(std::io::stdout(), "{line}"));
        said.context("the output can't be written")
    }

    /// Says what servers have, and what to do about it.
    pub(crate) fn advise(&self, elsewhere: &[Elsewhere]) -> Result<()> {
        for part in elsewhere {
            self.say(&format!("not in it: {}. {}", part.name, part.advice))?;
        }
        Ok(())
    }
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
