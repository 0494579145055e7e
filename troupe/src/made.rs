//! What a data folder has had, by its notes: so what was lost is told from what a start has yet to make, such as the database of a
//! service that this version is the first to have. A start, a backup and the doctor judge alike.

mod owner;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use mesh::Role;
use storage::database::sqlite::{Care, Condition, FileError, examine, refuse_newer};
use storage::files::DERIVED;
use storage::made::note;
use storage::{Owner, Storage};
use vectors::SUFFIX as VECTORS;

use crate::services::{SERVICES, Service};
use crate::settings::Settings;

pub(crate) use storage::made::NOTES;

/// What a data folder has had.
#[derive(Debug)]
pub(crate) struct Made {
    data_dir: PathBuf,
    /// The names of notes: databases by the name of their service, and all else by its path.
    names: BTreeSet<PathBuf>,
    /// Whose the folder is: by its note, else by the first of its databases that says so.
    pub(crate) owner: Option<Owner>,
}

/// Something that isn't there any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    name: PathBuf,
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has what nothing else has: nobody goes on without it unasked.
    Kept,
    /// A start makes another, and something that was given out ends.
    Key(&'static str),
    /// A start makes an empty one, and memories have to be embedded again.
    Vectors,
}

impl Loss {
    pub(crate) fn is_database(&self) -> bool {
        stores().any(|store| self.name == Path::new(store))
    }
}

impl Made {
    /// Reads the notes of a folder. One from before there were notes, or that was copied without them, is judged by the roles that
    /// were ready on it, and by keys, which come after databases. Where no database is there, all that was with a server.
    pub(crate) fn of(data_dir: &Path, known: &[String]) -> Self {
        let notes = data_dir.join(NOTES);
        let storage = Storage::new(data_dir);
        let mut names = BTreeSet::new();
        if notes.exists() {
            names = files_below(&notes);
        } else if stores().any(|store| database_file(data_dir, store).exists()) {
            let was_made = |store: &&str| {
                known.iter().any(|role| role == store) || storage.page_key_file(store).exists()
            };
            names.extend(stores().filter(was_made).map(PathBuf::from));
        }
        // Who has noted a database had made this key too, also before keys had notes.
        let with_key: Vec<&str> = stores()
            .filter(|it| names.contains(Path::new(it)))
            .collect();
        let keys = with_key
            .into_iter()
            .map(|store| Storage::new("").page_key_file(store));
        names.extend(keys);
        let of_database = |store| Owner::of_database(&database_file(data_dir, store));
        Self {
            data_dir: data_dir.to_owned(),
            names,
            owner: Owner::noted(data_dir).or_else(|| stores().find_map(of_database)),
        }
    }

    /// Notes what isn't noted yet.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(crate) fn note(&self) -> io::Result<()> {
        note_all(&self.data_dir, &self.names)
    }

    /// Judges a database that nobody has open, or that others have; none where the first start has yet to make it.
    ///
    /// # Errors
    /// It can't be used as it is.
    pub(crate) async fn judge(
        &self,
        service: &Service,
        care: Care,
    ) -> Result<Option<Condition>, FileError> {
        let file = database_file(&self.data_dir, service.store());
        let condition = examine(&file, care).await?;
        match &condition {
            Some(condition) if condition.is_foreign => {
                let found = "it is a database, and none of Troupe's".to_owned();
                return Err(FileError::Damaged { file, found });
            }
            Some(condition) if !condition.migrations.is_empty() => {
                refuse_other(&file, &condition.migrations, service)?;
            }
            _ if self.has_had(service.store()) && file.exists() => {
                let found = "it is empty".to_owned();
                return Err(FileError::Damaged { file, found });
            }
            _ => {}
        }
        self.refuse_strange(&file)?;
        Ok(condition)
    }

    /// Refuses a folder that has lost what some roles need.
    ///
    /// # Errors
    /// Names the first thing, and says what to do.
    pub(crate) fn refuse_lost(&self, settings: &Settings, roles: &[Role]) -> Result<(), FileError> {
        let mut losses = self.losses(settings, roles).into_iter();
        match losses.find(|loss| loss.kind == Kind::Kept) {
            Some(loss) => return Err(self.error(loss)),
            None => self.refuse_remains(settings, roles)?,
        }
        self.refuse_strange_folders(settings, roles)
    }

    /// What is wrong where a database isn't there, if that is wrong.
    pub(crate) fn lost_database(&self, store: &str) -> Option<FileError> {
        let file = database_file(&self.data_dir, store);
        (self.has_had(store) && !file.exists()).then(|| FileError::Lost {
            file,
            note: self.data_dir.join(NOTES).join(store),
        })
    }

    /// A loss as an error.
    pub(crate) fn error(&self, loss: Loss) -> FileError {
        FileError::Lost {
            file: loss.file,
            note: self.data_dir.join(NOTES).join(loss.name),
        }
    }

    /// What of the things that some roles need isn't there any more.
    pub(crate) fn losses(&self, settings: &Settings, roles: &[Role]) -> Vec<Loss> {
        let losses = self.names.iter().filter_map(|name| {
            let (file, kind) = what_is(&self.data_dir, name, settings, roles)?;
            let is_there = match kind {
                // A start makes one anew that is empty, as one that isn't there.
                Kind::Key(_) => fs::metadata(&file).is_ok_and(|key| key.len() > 0),
                Kind::Kept => file.exists() && !self.was_emptied(&file, settings),
                Kind::Vectors => file.exists(),
            };
            let name = name.clone();
            (!is_there).then_some(Loss { name, file, kind })
        });
        losses.collect()
    }

    /// Refuses a folder that has neither databases nor notes of them, and yet what only comes after databases.
    fn refuse_remains(&self, settings: &Settings, roles: &[Role]) -> Result<(), FileError> {
        let data_dir = &self.data_dir;
        let has_database =
            |store: &str| self.has_had(store) || database_file(data_dir, store).exists();
        let needs_database = SERVICES.iter().any(|service| roles.contains(&service.role));
        if settings.database.url.is_named() || !needs_database || stores().any(has_database) {
            return Ok(());
        }
        match remains(data_dir) {
            None => Ok(()),
            Some(left) => Err(FileError::NoDatabase {
                folder: data_dir.clone(),
                left,
            }),
        }
    }

    fn has_had(&self, store: &str) -> bool {
        self.names.contains(Path::new(store))
    }
}

/// Notes that what has such names was made; databases have the names of their services.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn note_all(
    data_dir: &Path,
    names: impl IntoIterator<Item: AsRef<Path>>,
) -> io::Result<()> {
    let mut names = names.into_iter();
    names.try_for_each(|name| note(data_dir, name.as_ref()))
}

/// The name of the note of a file that is at a path in a data folder; none where it isn't noted.
pub(crate) fn name_of(path: &Path) -> Option<PathBuf> {
    let parts = parts(path);
    match parts[..] {
        ["keys", _] | ["keys", "tls", _, "ca.pem"] => Some(path.to_owned()),
        ["files", service, folder, _, ..] if !folder.ends_with(DERIVED) => {
            Some(["files", service, folder].iter().collect())
        }
        [name] if name.ends_with(VECTORS) => Some(path.to_owned()),
        [name] => {
            let is_of = |store: &&str| Storage::new("").database_file(store) == Path::new(name);
            stores().find(is_of).map(PathBuf::from)
        }
        _ => None,
    }
}

/// Where what has a note is, and what becomes of it when it is lost; none where these roles don't need it, or where a server has it.
fn what_is(
    data_dir: &Path,
    name: &Path,
    settings: &Settings,
    roles: &[Role],
) -> Option<(PathBuf, Kind)> {
    let has = |store: &str| roles.iter().any(|role| role.name() == store);
    let has_prefix = |name: &str| name.split_once('-').is_some_and(|(store, _)| has(store));
    let in_files = !settings.database.url.is_named();
    let (is_needed, kind) = match parts(name)[..] {
        ["keys", "tls", ..] => (
            roles.contains(&Role::Gateway) && settings.gateway.tls.is_some(),
            Kind::Key("devices don't trust the gateway until they have its new authority"),
        ),
        ["keys", key] if key.ends_with("-page.key") => (
            has_prefix(key) && in_files,
            Kind::Key("lists that people are paging through begin anew"),
        ),
        ["keys", key] => (
            has_prefix(key) && in_files,
            Kind::Key("links to scenarios and addresses of pictures that were given out end"),
        ),
        ["files", service, ..] => (has(service) && !settings.s3.is_named(), Kind::Kept),
        [file] if file.ends_with(VECTORS) => (
            has_prefix(file) && !settings.qdrant.url.is_named(),
            Kind::Vectors,
        ),
        [store] if stores().any(|known| known == store) => {
            let file = database_file(data_dir, store);
            return (has(store) && in_files).then_some((file, Kind::Kept));
        }
        _ => return None,
    };
    is_needed.then(|| (data_dir.join(name), kind))
}

/// The parts of a path inside the data folder.
fn parts(path: &Path) -> Vec<&str> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    parts.collect()
}

/// Refuses a database of another service in the place of this one's, and one of a newer version.
///
/// # Errors
/// It is such a one.
pub(crate) fn refuse_other(
    file: &Path,
    applied: &[String],
    service: &Service,
) -> Result<(), FileError> {
    let knows_alone = |service: &Service, name: &String| {
        let mut knowing = SERVICES
            .iter()
            .filter(|it| (it.migrations)().contains(name));
        knowing.next().is_some_and(|it| it.role == service.role) && knowing.next().is_none()
    };
    let is_of = |service: &Service| applied.iter().any(|name| knows_alone(service, name));
    match SERVICES.iter().find(|other| is_of(other)) {
        Some(other) if !is_of(service) => Err(FileError::Swapped {
            file: file.to_owned(),
            belongs: file.with_file_name(database_file(Path::new(""), other.store())),
        }),
        _ => refuse_newer(file, applied, &(service.migrations)()),
    }
}

/// The first thing in a folder that only comes after a database.
fn remains(data_dir: &Path) -> Option<PathBuf> {
    let is_of_service = |name: &Path| {
        let mut stores = stores();
        match parts(name)[..] {
            ["keys", key] => stores.any(|store| key.starts_with(&format!("{store}-"))),
            ["files", service, ..] => stores.any(|store| store == service),
            _ => false,
        }
    };
    let below = |folder: &'static str| {
        let files = files_below(&data_dir.join(folder)).into_iter();
        files.map(move |file| Path::new(folder).join(file))
    };
    below("keys")
        .chain(below("files"))
        .find(|name| is_of_service(name))
}

/// The paths, inside a folder, of the files below it. What can't be read is told of by whoever needs it.
fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let entries = fs::read_dir(folder.join(&inner)).into_iter().flatten();
        for entry in entries.flatten() {
            let path = inner.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                _ => drop(files.insert(path)),
            }
        }
    }
    files
}

/// The stores of all services.
pub(crate) fn stores() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|service| service.store())
}

fn database_file(data_dir: &Path, store: &str) -> PathBuf {
    Storage::new(data_dir).database_file(store)
}

#[cfg(test)]
mod tests;
