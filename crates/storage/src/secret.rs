//! Secrets that a service makes at its first start and keeps: in a file, or in its store where several processes share that.

mod shared;

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, KeyInit};
use rand::Rng;
use sha2::Sha256;

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
            // From a version that left it so where the disk was full.
            Ok(bytes) if bytes.is_empty() => std::fs::remove_file(file).map(|()| None),
            Ok(bytes) => Self::from_file(file, &bytes).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn from_file(file: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.try_into().map_err(|_| {
            Error::new(
                ErrorKind::InvalidData,
                format!(
                    "{} doesn't hold 32 bytes: restore it from a backup",
                    file.display()
                ),
            )
        })?;
        Ok(Self(bytes))
    }

    fn create(file: &Path) -> Result<Self, Error> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let secret = Self::generate();
        // Beside it first: a process that ends midway, or a full disk, leaves no part of a secret under its name.
        let beside = file.with_added_extension(format!("{}.new", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&beside).and_then(|mut handle| {
            handle.write_all(&secret.0)?;
            handle.sync_all()?;
            match std::fs::hard_link(&beside, file) {
                // Another process was first.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
                // Some file systems have no links.
                Err(_) => std::fs::rename(&beside, file),
                Ok(()) => Ok(()),
            }
        });
        let _gone = std::fs::remove_file(&beside);
        match written {
            Ok(()) => Ok(secret),
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

    /// A message authentication code under it, of nothing yet.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        // A key shorter than SHA-256's block of 64 bytes is padded with zeros (RFC 2104).
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        Hmac::new(&block.into())
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
    fn a_first_start_that_found_no_room_is_in_no_later_ones_way() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("page.key");
        // What it wrote first can't be written: the name is taken by a folder.
        let beside = file.with_added_extension(format!("{}.new", std::process::id()));
        std::fs::create_dir(&beside).unwrap();
        assert!(Secret::load_or_create(&file).is_err());
        assert!(!file.exists());
        std::fs::remove_dir(&beside).unwrap();
        Secret::load_or_create(&file).unwrap();
        assert!(!beside.exists());
        std::fs::write(&file, b"").unwrap();
        Secret::load_or_create(&file).unwrap();
    }

    #[test]
    fn refuses_a_file_of_the_wrong_size() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("page.key");
        std::fs::write(&file, b"short").unwrap();
        assert!(Secret::load_or_create(&file).is_err());
    }
}
