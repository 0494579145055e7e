//! A file on its way: written under another name, hashed in passing, and renamed only if it is the right one.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::{Failure, Model};

/// A model's file while it is written.
#[derive(Debug)]
pub(super) struct Partial<'a> {
    model: Model<'a>,
    path: &'a Path,
    beside: PathBuf,
    file: File,
    hash: Sha256,
    written: u64,
    bar: ProgressBar,
}

impl<'a> Partial<'a> {
    /// Begins a file that is to be `path`.
    pub(super) fn create(path: &'a Path, model: Model<'a>) -> io::Result<Self> {
        let beside = path.with_extension("partial");
        let file = File::create(&beside)?;
        Ok(Self {
            model,
            path,
            beside,
            file,
            hash: Sha256::new(),
            written: 0,
            bar: bar(model),
        })
    }

    /// Appends bytes; more than the model has are refused.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let before = self.written;
        self.written += bytes.len() as u64;
        if self.written > self.model.size_bytes {
            return Err(Failure::Size {
                found: self.written,
                expected: self.model.size_bytes,
            });
        }
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bar.set_position(self.written);
        let quarter = |position: u64| position * 4 / self.model.size_bytes;
        if quarter(self.written) > quarter(before) && !io::stderr().is_terminal() {
            tracing::info!(
                written_bytes = self.written,
                size_bytes = self.model.size_bytes,
                "fetching the local model"
            );
        }
        Ok(())
    }

    /// Checks the hash and gives the file its name, for good.
    pub(super) fn persist(mut self) -> Result<(), Failure> {
        if self.written != self.model.size_bytes {
            return Err(Failure::Size {
                found: self.written,
                expected: self.model.size_bytes,
            });
        }
        let hash = std::mem::take(&mut self.hash).finalize();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != self.model.sha256 {
            return Err(Failure::Hash(hash));
        }
        self.file.sync_all()?;
        std::fs::rename(&self.beside, self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        // After a rename there is nothing left to remove.
        let _ = std::fs::remove_file(&self.beside);
    }
}

/// Hidden by itself where there is no terminal.
fn bar(model: Model<'_>) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    );
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(model.size_bytes)
        .with_style(style)
        .with_message(format!("Fetching {}", model.file))
}
