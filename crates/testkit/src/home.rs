//! Where a service under test keeps its data: a temporary folder, and the relational store of the run. That is SQLite,
//! or with `TROUPE_TEST_STORE=postgres` a database of its own in a real PostgreSQL: so the same tests run on both.

use std::io::Error;
use std::path::Path;

use platform::config::ServerUrl;
use storage::DatabaseConfig;
use tempfile::TempDir;

use crate::servers::Postgres;

const VARIABLE: &str = "TROUPE_TEST_STORE";
/// Enough for a test to have calls wait for one another; many tests share the server.
const CONNECTIONS: u32 = 6;

/// The data of a service. The folder goes with this value, the database with its server.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    database: DatabaseConfig,
}

impl Home {
    /// A home without data.
    ///
    /// # Errors
    /// There is no place for a folder, or no PostgreSQL where one is wanted; the message says what to do.
    #[expect(
        clippy::disallowed_methods,
        reason = "the variable says how a test runs, which no setting does"
    )]
    pub async fn new() -> Result<Self, Error> {
        let database = match std::env::var(VARIABLE).as_deref() {
            Ok("postgres") => database_on(Postgres::shared().await?)?,
            Ok("sqlite") | Err(_) => DatabaseConfig::default(),
            Ok(other) => {
                let message = format!("{VARIABLE} is {other:?}: set it to sqlite or postgres");
                return Err(Error::other(message));
            }
        };
        let folder = tempfile::tempdir()?;
        Ok(Self { folder, database })
    }

    /// A home without data in a database of its own, whatever the run's store is: where several services share one, or
    /// something happens to the server.
    ///
    /// # Errors
    /// There is no place for a folder, or the server makes no database.
    pub fn on(server: &Postgres) -> Result<Self, Error> {
        let database = database_on(server)?;
        let folder = tempfile::tempdir()?;
        Ok(Self { folder, database })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The relational store.
    pub fn database(&self) -> DatabaseConfig {
        self.database.clone()
    }
}

fn database_on(server: &Postgres) -> Result<DatabaseConfig, Error> {
    Ok(DatabaseConfig {
        url: ServerUrl::new(server.new_database()?),
        max_connections: CONNECTIONS,
        ..DatabaseConfig::default()
    })
}
