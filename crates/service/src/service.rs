//! A service as the executable sees it: one role, one section of the configuration, one set of tables, one set of methods.

use std::fmt::Debug;
use std::future::Future;

use events::History;
use mesh::{Channel, Role};
use platform::config;
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use serde::de::DeserializeOwned;
use storage::Database;
use storage::database::{Inspection, OpenError, migration_names};
use tonic::service::Routes;

use crate::{BuildError, Host, Site};

/// A service. It knows no other one but by the channels that it gets.
pub trait Service: 'static {
    /// The role, whose name its database, keys and folders have.
    const ROLE: Role;
    /// Its section of the configuration.
    type Config: Section;
    /// The history of its tables.
    type Migrator: MigratorTrait;
    /// What its tables know of what happened.
    type History: History;

    /// Offers its methods. Whatever it goes on doing is a task of the host.
    ///
    /// # Errors
    /// Says what is missing or wrong.
    fn build(
        config: &Self::Config,
        site: Site,
        neighbours: &dyn Neighbours,
    ) -> impl Future<Output = Result<Routes, BuildError>> + Send;
}

/// A section of the configuration. Its defaults are what `config.default.toml` says.
pub trait Section: Debug + Clone + Default + DeserializeOwned + Send + Sync {
    /// Checks what types can't say.
    ///
    /// # Errors
    /// Names the key whose value can't be used.
    fn validate(&self) -> Result<(), config::Error> {
        Ok(())
    }
}

/// The channels to the other roles, as one of them sees them.
pub trait Neighbours: Sync {
    /// A channel by which the service makes its own calls to a role.
    ///
    /// # Errors
    /// Nobody says where that role is.
    fn channel(&self, to: Role) -> Result<Channel, BuildError>;
}

/// No other role: for a service that calls none.
#[derive(Debug)]
pub struct Alone;

impl Neighbours for Alone {
    fn channel(&self, to: Role) -> Result<Channel, BuildError> {
        let missing = format!("{} isn't there", to.name());
        Err(BuildError::of("another role can't be called")(missing))
    }
}

/// Builds a service in a process.
///
/// # Errors
/// Says what is missing or wrong.
pub async fn build<S: Service>(
    config: &S::Config,
    host: &Host,
    neighbours: &dyn Neighbours,
) -> Result<Routes, BuildError> {
    config.validate()?;
    let site = Site::open::<S>(host).await?;
    S::build(config, site, neighbours).await
}

/// The names of a service's migrations, oldest first.
pub fn migrations<S: Service>() -> Vec<String> {
    migration_names::<S::Migrator>()
}

/// Brings the tables of a service up to date, and does nothing else.
///
/// # Errors
/// The database can't be opened.
pub async fn migrate<S: Service>(host: &Host) -> Result<Inspection, OpenError> {
    Database::migrate::<S::Migrator>(&host.storage(), S::ROLE.name()).await
}

/// The migrations of a service, followed by those of the tables that each has: of its events and of its secrets.
pub fn with_shared(mut own: Vec<Box<dyn MigrationTrait>>) -> Vec<Box<dyn MigrationTrait>> {
    own.extend(events::migrations());
    own.extend(storage::secret::migrations());
    own
}
