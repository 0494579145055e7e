//! What can go wrong with the local engine.

use std::io;
use std::path::PathBuf;

/// A failure of the local engine. Every message says what to do where there is something to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file can't be opened.
    #[error("model file {} cannot be read: set TROUPE__AI__LOCAL__PATH to a GGUF file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The model file isn't a whole GGUF file.
    #[error("model file {} is not a usable GGUF file: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The model file is a good GGUF file of a kind that the engine doesn't run.
    #[error("model file {} is not supported: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What isn't supported, and what is.
        what: String,
    },
    /// The prompt leaves no room for a reply.
    #[error("prompt of {tokens} tokens does not fit the model's window of {window}")]
    ContextLength {
        /// The prompt's length.
        tokens: u32,
        /// The model's window.
        window: u32,
    },
    /// The model's chat template can't make a prompt of the messages.
    #[error("the model's chat template refuses the messages: {what}")]
    Template {
        /// What it says.
        what: String,
    },
    /// Too many requests wait already.
    #[error("local model is busy: {waiting} requests wait already")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// A sampling parameter is out of its range.
    #[error("sampling parameter {name} must be {rule}")]
    Sampling {
        /// The parameter's name.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The engine has stopped.
    #[error("local model has stopped")]
    Stopped,
    /// The engine's threads can't be started.
    #[error("threads of the local model cannot be started")]
    Threads(#[source] io::Error),
}

impl Error {
    /// What may be told to anybody: the message without the path of the file, which is the machine's own business.
    #[must_use]
    pub fn without_path(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "the model's file cannot be read: set TROUPE__AI__LOCAL__PATH to a GGUF file"
                    .to_owned()
            }
            Self::Corrupt { what, .. } => {
                format!("the model's file is not a usable GGUF file: {what}")
            }
            Self::Unsupported { what, .. } => {
                format!("the model's file is not supported: {what}")
            }
            _ => self.to_string(),
        }
    }
}
