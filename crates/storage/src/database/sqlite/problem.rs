//! What can be wrong with a file, in words that say what to do.

use std::ffi::{OsString, c_int};
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustix::fs::statvfs;
use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// With less, SQLite can't even make the files beside the database.
const LEAST_BYTES: u64 = 256 << 10;

/// A file that can't be used as it is.
#[derive(Debug)]
pub enum FileError {
    /// It is damaged, cut off, or never was a database.
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        found: String,
    },
    /// It was copied without its log, which had its last writes.
    WithoutLog {
        /// The file.
        file: PathBuf,
    },
    /// A log of another time beside it.
    OtherLog {
        /// The file.
        file: PathBuf,
    },
    /// A log without the file that it belongs to.
    OnlyLog {
        /// The file.
        file: PathBuf,
    },
    /// It isn't there any more.
    Lost {
        /// The file.
        file: PathBuf,
        /// What says that it was there.
        note: PathBuf,
    },
    /// A newer version of the platform has used it.
    Newer {
        /// The file.
        file: PathBuf,
        /// What this version doesn't know.
        migration: String,
    },
    /// It is another database in this one's place.
    Swapped {
        /// The file.
        file: PathBuf,
        /// The file that it should be.
        belongs: PathBuf,
    },
    /// It is of another platform than the rest of its data folder.
    Strange {
        /// The file, or the folder of files.
        file: PathBuf,
    },
    /// A folder that has what only comes with databases, and none of them.
    NoDatabase {
        /// The folder.
        folder: PathBuf,
        /// What is left in it.
        left: PathBuf,
    },
    /// The disk is full.
    Full {
        /// The file.
        file: PathBuf,
    },
    /// It may not be written or read.
    Forbidden {
        /// The file.
        file: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// Another process keeps it.
    Busy {
        /// The file.
        file: PathBuf,
    },
    /// Something else.
    Other {
        /// The file.
        file: PathBuf,
        /// What the driver says.
        cause: String,
    },
}

impl std::error::Error for FileError {}

/// What is wrong, and what to do, in a sentence.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.advice())
    }
}

impl FileError {
    /// What is wrong with which file.
    pub fn what(&self) -> String {
        let name = self.file().display();
        match self {
            Self::Damaged { found, .. } => format!("{name} is damaged ({found})"),
            Self::WithoutLog { .. } => format!(
                "{name} isn't whole, because it was in use when it was copied, and its log {name}-wal with the last writes is missing"
            ),
            Self::OtherLog { .. } => format!(
                "{name} is whole, but the log beside it, {name}-wal, is of another time, as where the file was copied over an older one"
            ),
            Self::OnlyLog { .. } => {
                format!("{name} is missing or empty, while its log {name}-wal is there")
            }
            Self::Lost { file, .. } if file.exists() => {
                format!("{name} was emptied, though this data folder had files in it")
            }
            Self::Lost { .. } => format!("{name} is missing, though this data folder had it"),
            Self::Newer { migration, .. } => {
                format!("{name} belongs to a newer version of Troupe, because it has {migration}")
            }
            Self::Swapped { belongs, .. } => format!(
                "{name} isn't the database of that name: what it has belongs in {}",
                belongs.display()
            ),
            Self::Strange { .. } => {
                format!("{name} belongs to another platform than the rest of the data folder")
            }
            Self::NoDatabase { left, .. } => {
                format!("{name} has no databases, though it has {}", left.display())
            }
            Self::Full { .. } => format!("the disk of {name} is full"),
            Self::Forbidden { cause, .. } | Self::Other { cause, .. } => {
                format!("{name} can't be used ({cause})")
            }
            Self::Busy { .. } => format!("{name} is in use by another process"),
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        let name = self.file().display();
        match self {
            Self::Damaged { .. } => "restore a backup with `troupe restore`, or move the file away, and the next start says how to go on without its data".to_owned(),
            Self::WithoutLog { .. } => format!(
                "copy that too, or restore a backup with `troupe restore`; to continue with what the file has, run `rm -f {shm}; touch {wal}`",
                shm = quoted(&format!("{name}-shm")),
                wal = quoted(&format!("{name}-wal")),
            ),
            Self::OtherLog { .. } => format!(
                "to continue with what the file has, run `rm -f {shm} {wal}`; else copy the whole folder anew, or restore a backup with `troupe restore`",
                shm = quoted(&format!("{name}-shm")),
                wal = quoted(&format!("{name}-wal")),
            ),
            Self::OnlyLog { .. } => {
                "copy both, or restore a backup with `troupe restore`".to_owned()
            }
            Self::Lost { note, .. } => format!(
                "bring it back, or restore a backup with `troupe restore`; to have an empty one made anew, run `rm {note}`",
                note = quoted(&note.to_string_lossy()),
            ),
            Self::Newer { .. } => {
                "start that version, or restore a backup of this one with `troupe restore`".to_owned()
            }
            Self::Swapped { belongs, .. } => format!(
                "rename it to {}, and bring back the right one, or restore a backup with `troupe restore`",
                belongs.file_name().unwrap_or_default().display()
            ),
            Self::Strange { .. } => "bring the right one back, or restore a backup of one platform with `troupe restore --replace`".to_owned(),
            Self::NoDatabase { .. } => "bring them back, restore a backup with `troupe restore --replace`, or name the PostgreSQL that has them in database.url; to start with no data, choose another folder with --data-dir".to_owned(),
            Self::Full { .. } => {
                "make room there, or choose another folder with --data-dir".to_owned()
            }
            Self::Forbidden { .. } | Self::Other { .. } => {
                "make sure that it and its folder can be read and written, or choose another folder with --data-dir".to_owned()
            }
            Self::Busy { .. } => "wait until that is done, and try again".to_owned(),
        }
    }

    fn file(&self) -> &Path {
        match self {
            Self::Damaged { file, .. }
            | Self::WithoutLog { file }
            | Self::OtherLog { file }
            | Self::OnlyLog { file }
            | Self::Lost { file, .. }
            | Self::Newer { file, .. }
            | Self::Swapped { file, .. }
            | Self::Strange { file }
            | Self::NoDatabase { folder: file, .. }
            | Self::Full { file }
            | Self::Forbidden { file, .. }
            | Self::Busy { file }
            | Self::Other { file, .. } => file,
        }
    }

    /// What an error of the driver means for a file.
    pub(in crate::database) fn of(file: &Path, error: &SqlxError) -> Self {
        let code = match error {
            SqlxError::Database(error) => error.code(),
            _ => None,
        };
        let code = code.and_then(|code| code.parse::<u32>().ok());
        let (file, cause) = (file.to_owned(), error.to_string());
        // Only the lowest byte is the kind; the rest tells more of it.
        match code.map(|code| code & 0xff) {
            Some(11 | 26) => Self::Damaged { file, found: cause },
            Some(13) => Self::Full { file },
            // SQLite knows no room for the files beside the database as a failure of the disk, or of opening.
            Some(10 | 14) if is_full(&file) => Self::Full { file },
            Some(3 | 8 | 14 | 23) => Self::Forbidden { file, cause },
            Some(5 | 6) => Self::Busy { file },
            _ => Self::Other { file, cause },
        }
    }

    /// The same for an error that went through the layer above the driver.
    pub(in crate::database) fn of_layer(file: &Path, error: &DbErr) -> Self {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Self::of(file, error),
            error => Self::Other {
                file: file.to_owned(),
                cause: error.to_string(),
            },
        }
    }

    /// What one of SQLite's codes means for a file and its copy.
    pub(super) fn of_copy(file: &Path, copy: &Path, code: c_int) -> Self {
        match code & 0xff {
            11 | 26 => Self::Damaged {
                file: file.to_owned(),
                found: "its pages can't be read".to_owned(),
            },
            13 => Self::Full {
                file: copy.to_owned(),
            },
            10 | 14 if is_full(copy) => Self::Full {
                file: copy.to_owned(),
            },
            _ => Self::Other {
                file: copy.to_owned(),
                cause: format!("copying failed with SQLite's code {code}"),
            },
        }
    }

    /// What an error of the file system means for a file.
    pub(in crate::database) fn of_system(file: &Path, error: &io::Error) -> Self {
        let (file, cause) = (file.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { file },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Forbidden { file, cause }
            }
            _ => Self::Other { file, cause },
        }
    }
}

fn is_full(file: &Path) -> bool {
    let folder = file.parent().unwrap_or(Path::new("."));
    let free = statvfs(folder).map(|figures| figures.f_bavail.saturating_mul(figures.f_frsize));
    free.is_ok_and(|free| free < LEAST_BYTES)
}

pub(super) fn log_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

/// What SQLite keeps beside a file to find its way in the log.
pub(super) fn index_of(file: &Path) -> PathBuf {
    beside(file, "-shm")
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

/// A word of a shell's command, in quotes where it has more than letters, digits and the signs of paths.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted_whatever_the_folder_is_called() {
        let advice = |file: &str| FileError::WithoutLog { file: file.into() }.advice();
        assert!(advice("a/b.sqlite").ends_with("run `rm -f a/b.sqlite-shm; touch a/b.sqlite-wal`"));
        let odd = advice("it's a/b.sqlite");
        assert!(
            odd.ends_with(r"run `rm -f 'it'\''s a/b.sqlite-shm'; touch 'it'\''s a/b.sqlite-wal'`"),
            "{odd}"
        );
    }
}
