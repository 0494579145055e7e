//! Why a service can't be built.

use std::error::Error;

use events::RegisterError;
use platform::config;
use storage::database::OpenError;
use storage::files;
use storage::secret::SecretError;

/// Why a service can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The database can't be opened.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The key of page tokens can't be read or made.
    #[error("the key of page tokens can't be read or made: {0}")]
    PageKey(#[source] SecretError),
    /// The store of files can't be opened.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// Events can't be told or heard.
    #[error(transparent)]
    Events(#[from] RegisterError),
    /// Something of the service's own.
    #[error("{what}: {cause}")]
    Own {
        /// What can't be done.
        what: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
}

impl BuildError {
    /// Says of an error what can't be done, for `map_err`.
    pub fn of<E: Into<Box<dyn Error + Send + Sync>>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::Own {
            what,
            cause: cause.into(),
        }
    }
}
