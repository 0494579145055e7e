//! The sign-in that is remembered between runs: a file that only its owner can read, one entry for each server.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// A sign-in at a server.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SignIn {
    pub(crate) email: String,
    /// Good for one exchange.
    pub(crate) refresh_token: String,
}

/// The file, locked as long as this lives: of two programs that exchange the same token one would lose its sign-in.
pub(crate) struct Remembered {
    file: File,
    path: PathBuf,
    entries: BTreeMap<String, SignIn>,
}

impl Remembered {
    /// Opens the file, waiting for others who use it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = || {
            format!(
                "the remembered sign-ins in {} can't be used",
                path.display()
            )
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(failed)?;
        }
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(path).with_context(failed)?;
        file.lock().with_context(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(failed)?;
        // A file that can't be read costs a sign-in, no more.
        let entries = serde_json::from_str(&text).unwrap_or_default();
        Ok(Self {
            file,
            path: path.to_owned(),
            entries,
        })
    }

    /// The sign-in at a server; with an e-mail address, only that person's.
    pub(crate) fn find(&self, server: &str, email: Option<&str>) -> Option<&SignIn> {
        let entry = self.entries.get(server)?;
        email
            .is_none_or(|email| email.eq_ignore_ascii_case(&entry.email))
            .then_some(entry)
    }

    pub(crate) fn store(&mut self, server: &str, entry: SignIn) -> Result<()> {
        self.entries.insert(server.to_owned(), entry);
        self.write()
    }

    pub(crate) fn forget(&mut self, server: &str) -> Result<()> {
        match self.entries.remove(server) {
            Some(_) => self.write(),
            None => Ok(()),
        }
    }

    fn write(&mut self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.entries)?;
        let written = self
            .file
            .rewind()
            .and_then(|()| self.file.set_len(0))
            .and_then(|()| self.file.write_all(&text))
            .and_then(|()| self.file.sync_all());
        written.with_context(|| format!("{} can't be written", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn entry(email: &str) -> SignIn {
        SignIn {
            email: email.to_owned(),
            refresh_token: "r1".to_owned(),
        }
    }

    #[test]
    fn finds_a_sign_in_again_and_keeps_it_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("troupe/chat.json");
        Remembered::open(&path)
            .unwrap()
            .store("http://a", entry("ann@example.com"))
            .unwrap();
        let again = Remembered::open(&path).unwrap();
        assert_eq!(again.find("http://a", None).unwrap().refresh_token, "r1");
        assert!(again.find("http://a", Some("Ann@example.com")).is_some());
        assert!(again.find("http://a", Some("bob@example.com")).is_none());
        assert!(again.find("http://b", None).is_none());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn forgets_a_sign_in_and_survives_a_damaged_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chat.json");
        std::fs::write(&path, "{ half").unwrap();
        let mut remembered = Remembered::open(&path).unwrap();
        remembered
            .store("http://a", entry("ann@example.com"))
            .unwrap();
        remembered.forget("http://a").unwrap();
        drop(remembered);
        assert!(
            Remembered::open(&path)
                .unwrap()
                .find("http://a", None)
                .is_none()
        );
    }
}
