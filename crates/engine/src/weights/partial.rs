//! A file on its way: written under another name, hashed in passing, and renamed only if it is the right one.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::{Failure, File};

/// A file while it is written.
#[derive(Debug)]
pub(super) struct Partial<'a> {
    wanted: File<'a>,
    path: &'a Path,
    beside: PathBuf,
    file: fs::File,
    hash: Sha256,
    written: u64,
    bar: ProgressBar,
}

impl<'a> Partial<'a> {
    /// Begins a file that is to be `path`.
    pub(super) fn create(path: &'a Path, wanted: File<'a>) -> io::Result<Self> {
        let beside = path.with_extension("partial");
        let file = fs::File::create(&beside)?;
        Ok(Self {
            wanted,
            path,
            beside,
            file,
            hash: Sha256::new(),
            written: 0,
            bar: bar(wanted),
        })
    }

    /// Appends bytes; more than the file has are refused.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let before = self.written;
        self.written += bytes.len() as u64;
        if self.written > self.wanted.size_bytes {
            return Err(Failure::Size {
                found: self.written,
                expected: self.wanted.size_bytes,
            });
        }
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bar.set_position(self.written);
        let quarter = |position: u64| position * 4 / self.wanted.size_bytes;
        if quarter(self.written) > quarter(before) && !io::stderr().is_terminal() {
            tracing::info!(
                written_bytes = self.written,
                size_bytes = self.wanted.size_bytes,
                "fetching a local model"
            );
        }
        Ok(())
    }

    /// Checks the hash and gives the file its name, for good.
    pub(super) fn persist(mut self) -> Result<(), Failure> {
        if self.written != self.wanted.size_bytes {
            return Err(Failure::Size {
                found: self.written,
                expected: self.wanted.size_bytes,
            });
        }
        let hash = std::mem::take(&mut self.hash).finalize();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != self.wanted.sha256 {
            return Err(Failure::Hash(hash));
        }
        self.file.sync_all()?;
        fs::rename(&self.beside, self.path)?;
        if let Some(folder) = self.path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        // After a rename there is nothing left to remove.
        let _ = fs::remove_file(&self.beside);
    }
}

/// Hidden by itself where there is no terminal.
fn bar(file: File<'_>) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    );
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(file.size_bytes)
        .with_style(style)
        .with_message(format!("Fetching {}", file.name))
}
