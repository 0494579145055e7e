//! The hold on a data folder: the lock by which one process uses it. Before it takes the folder, it checks every file, and
//! refuses a file that can't be whole by its name. When it releases the folder, each file is whole by itself.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use mesh::Role;
use service::Host;
use storage::Owner;
use storage::database::sqlite::{Care, InUse};
use wire::identity::LocalCertificate;

use crate::backup::unwritable;
use crate::instance::Instance;
use crate::made::{Kind, Loss, Made, note_all};
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
            in_use: in_use(settings, &instance),
            instance,
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

    /// Notes that the databases of some roles were made, before anybody is told that something is in them; and the authority of a
    /// certificate, which devices are to trust.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(crate) fn note_made(
        &self,
        settings: &Settings,
        roles: &[Role],
        certificate: Option<&LocalCertificate>,
    ) -> Result<()> {
        let data_dir = &settings.data_dir;
        let authority = certificate.map(LocalCertificate::authority);
        let authority = authority
            .as_deref()
            .and_then(|it| it.strip_prefix(data_dir).ok());
        let stores = stores_of(roles).filter(|_| !settings.database.url.is_named());
        let noted = note_all(data_dir, stores).and_then(|()| note_all(data_dir, authority));
        let owner = self.in_use.owner();
        let noted = noted.and_then(|()| owner.map_or(Ok(()), |owner| owner.note(data_dir)));
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

/// What marks files, and has them say whose they are. A server may have its databases for several folders, which say nothing.
fn in_use(settings: &Settings, instance: &Instance) -> InUse {
    if settings.database.url.is_named() {
        return InUse::default();
    }
    let made = Made::of(&settings.data_dir, instance.known());
    InUse::by(made.owner.unwrap_or_else(Owner::generate))
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
    let made = Made::of(data_dir, instance.known());
    if !settings.database.url.is_named() {
        made.note().map_err(|error| unwritable(data_dir, &error))?;
        for service in SERVICES {
            let condition = made.judge(service, care(instance.machine_ran_on())).await?;
            if condition.is_some_and(|it| it.is_unclean && !it.is_looked_through) {
                let store = service.store();
                tracing::warn!(
                    database = store,
                    "the database wasn't closed cleanly, and is too large to be checked now"
                );
            }
        }
    }
    made.refuse_lost(settings, roles)?;
    for loss in made.losses(settings, roles) {
        tell(&loss);
    }
    Ok(())
}

/// Tells of what was lost and is made anew, once it is: from then on it is as if it had always been so.
fn tell(loss: &Loss) {
    let file = loss.file.display();
    match loss.kind {
        Kind::Vectors => tracing::warn!(
            %file,
            "a file of vectors is missing, though this data folder had it: an empty one is made, and memories aren't recalled until \
             `troupe memory rebuild` has computed them again"
        ),
        Kind::Key(ends) => tracing::warn!(
            %file,
            ends,
            "the folder of keys has lost one: another is made, and nobody is logged out. If it is in a backup, stop the platform and \
             restore that"
        ),
        // Refused.
        Kind::Kept => {}
    }
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
