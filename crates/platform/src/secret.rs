//! Secrets that a service makes at its first start and keeps: in a file, or in its store where several processes share that.

mod shared;

use std::fmt;
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rand::Rng;

pub use shared::{SecretError, migrations};

/// 32 random bytes that never show in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// New random bytes.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads a secret from a file, or makes one and stores it there, readable by its owner alone.
    pub fn load_or_create(file: &Path) -> Result<Self, Error> {
        match Self::find(file)? {
            Some(secret) => Ok(secret),
            None => Self::create(file),
        }
    }

    /// Reads a secret from a file, if there is one.
    pub fn find(file: &Path) -> Result<Option<Self>, Error> {
        match std::fs::read(file) {
            Ok(bytes) => Self::from_file(file, &bytes).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn from_file(file: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.try_into().map_err(|_| {
            Error::new(
                ErrorKind::InvalidData,
                format!("{} doesn't hold 32 bytes", file.display()),
            )
        })?;
        Ok(Self(bytes))
    }

    fn create(file: &Path) -> Result<Self, Error> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let secret = Self::generate();
        let mut options = std::fs::OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(file) {
            Ok(mut handle) => {
                handle.write_all(&secret.0)?;
                handle.sync_all()?;
                Ok(secret)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Self::from_file(file, &std::fs::read(file)?)
            }
            Err(error) => Err(error),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_secret_again_that_it_made() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys/page.key");
        let first = Secret::load_or_create(&file).unwrap();
        assert_eq!(Secret::load_or_create(&file).unwrap(), first);
        assert_ne!(Secret::generate(), first);
    }

    #[test]
    fn refuses_a_file_of_the_wrong_size() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("page.key");
        std::fs::write(&file, b"short").unwrap();
        assert!(Secret::load_or_create(&file).is_err());
    }
}
