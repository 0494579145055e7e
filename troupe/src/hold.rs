//! The hold on a data folder: the lock by which one process uses it. Before it takes the folder, it checks every file, and
//! refuses a file that can't be whole by its name. When it releases the folder, each file is whole by itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use mesh::Role;
use service::Host;
use storage::database::sqlite::{Care, FileError, InUse, examine, refuse_newer};

use crate::backup::unwritable;
use crate::instance::Instance;
use crate::made;
use crate::restore;
use crate::services::SERVICES;
use crate::settings::Settings;

/// How long the check of a file may take that was closed cleanly: a usual start stays quick.
const CLEAN: Duration = Duration::from_millis(250);
/// How long it may take after an unclean end. A larger file isn't checked to its end: its size must not decide how long a start
/// takes.
const UNCLEAN: Duration = Duration::from_secs(10);

/// The lock on a data folder, and what must happen when it is released.
pub(crate) struct Hold {
    pub(crate) instance: Instance,
    in_use: InUse,
    /// The files of vectors that were there at the start, which needn't be opened by anybody until the end.
    vectors: Vec<PathBuf>,
}

impl Hold {
    /// Takes the data folder of the settings for some roles, once it was looked at.
    ///
    /// # Errors
    /// Another process has it, or something in it can't be used as it is; says what to do. Then it is left as it was.
    pub(crate) async fn take(settings: &Settings, roles: &[Role]) -> Result<Self> {
        let instance = Instance::claim(&settings.data_dir)?;
        look(settings, &instance, roles).await?;
        let host = Host {
            backends: settings.backends(),
            ..Host::new(&settings.data_dir)
        };
        let hold = Self {
            instance,
            in_use: InUse::default(),
            vectors: vectors::files(&host.data_dir, &host.backends.qdrant),
        };
        for file in &hold.vectors {
            vectors::set_aside_without_log(file);
        }
        match hold.mark(settings).await {
            Ok(()) => Ok(hold),
            Err(problem) => {
                hold.release().await;
                Err(problem)
            }
        }
    }

    /// Marks the databases that are there as in use, so that a copy of one without its log tells that it isn't whole.
    ///
    /// # Errors
    /// One of them can't be written.
    pub(crate) async fn mark(&self, settings: &Settings) -> Result<()> {
        if settings.database.url.is_named() {
            return Ok(());
        }
        let host = Host::new(&settings.data_dir);
        for service in SERVICES {
            let file = host.storage().database_file(service.store());
            if file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                self.in_use.mark(&file).await?;
            }
        }
        Ok(())
    }

    /// Notes that the databases of some roles were made, before anybody is told that something is in them.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(crate) fn note_made(&self, settings: &Settings, roles: &[Role]) -> Result<()> {
        if settings.database.url.is_named() {
            return Ok(());
        }
        let data_dir = &settings.data_dir;
        let noted = made::note(data_dir, stores_of(roles));
        noted.map_err(|error| unwritable(data_dir, &error))
    }

    /// What marks files that are made later.
    pub(crate) fn in_use(&self) -> InUse {
        self.in_use.clone()
    }

    /// Leaves the folder, once nothing in it is in use any more.
    pub(crate) async fn release(self) {
        for file in &self.vectors {
            if let Err(problem) = self.in_use.mark_what_was_left(file).await {
                tracing::warn!(%problem, "a log of vectors, left by an unclean end, can't be written back to its file");
            }
        }
        if let Err(problem) = self.in_use.release().await {
            tracing::warn!(%problem, "a database was not closed cleanly; the next start checks it");
        }
    }
}

/// Looks whether the folder is fit for use by some roles, and finishes a restore that was interrupted.
///
/// # Errors
/// Something in it can't be used as it is.
pub(crate) async fn look(settings: &Settings, instance: &Instance, roles: &[Role]) -> Result<()> {
    let data_dir = &settings.data_dir;
    if restore::finish_interrupted(data_dir)? {
        tracing::warn!("an interrupted restore has been finished");
    }
    if settings.database.url.is_named() {
        return Ok(());
    }
    made::note_known(data_dir, instance.known()).map_err(|error| unwritable(data_dir, &error))?;
    let host = Host::new(data_dir);
    for service in SERVICES {
        let file = host.storage().database_file(service.store());
        match examine(&file, care(instance.machine_ran_on())).await? {
            Some(condition) => {
                refuse_newer(&file, &condition.migrations, &(service.migrations)())?;
                if condition.is_unclean && !condition.is_looked_through {
                    let file = file.display();
                    tracing::warn!(%file, "the database wasn't closed cleanly, and is too large to be checked now");
                }
            }
            None if made::has_had(data_dir, service.store()) && file.exists() => {
                let found = "it is empty".to_owned();
                bail!(FileError::Damaged { file, found });
            }
            None => {}
        }
    }
    Ok(made::refuse_lost(data_dir, stores_of(roles))?)
}

/// The stores of some roles.
fn stores_of(roles: &[Role]) -> impl Iterator<Item = &'static str> {
    let services = SERVICES.iter();
    let theirs = services.filter(|service| roles.contains(&service.role));
    theirs.map(|service| service.store())
}

/// How closely databases are looked at before a start.
pub(crate) fn care(trusts_index: bool) -> Care {
    Care {
        clean: CLEAN,
        unclean: UNCLEAN,
        trusts_index,
    }
}
