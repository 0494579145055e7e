//! PostgreSQL, a schema for each service.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use platform::config::ServerUrl;
use platform::reach::Unreached;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions, Connection as _, PgConnection};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqlxPostgresConnector, Statement, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use tokio::sync::watch::Sender;
use tokio_util::task::TaskTracker;

use super::connection::Server;
use super::inspect::{Inspection, first_text, migrations, unknown_migration};
use super::storing::Storing;
use super::trouble::Trouble;
use super::{Connection, Database, OpenError, Outage};
use crate::DatabaseConfig;

/// One to read, one to write, one to ask whether the server is there.
const FEWEST_CONNECTIONS: u32 = 3;
/// How long a call waits for a connection, free or new: with the rest of the call it stays below the two seconds within which
/// calls say that PostgreSQL is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(1500);
/// A connection that was idle for longer is tested before it is used: the test costs a round trip, and a busy connection has just
/// shown that it works.
const TRUSTED: Duration = Duration::from_secs(1);
/// Between tries to reach a server that is missing.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What the server itself ends: work that nobody waits for any more.
const SERVER_LIMITS: [(&str, &str); 3] = [
    ("statement_timeout", "60s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "60s"),
];

/// Connects to the server once it lets us in, reports to `missing` until then, and brings the service's schema up to date.
pub(super) async fn open<M: MigratorTrait>(
    config: &DatabaseConfig,
    service: &str,
    missing: &Sender<Option<String>>,
) -> Result<Database, OpenError> {
    let options = options(config, service)?;
    wait_for(&config.url, &options, missing).await?;
    let database = database(config, options);
    let migrated = migrate::<M>(&database.write.pool(), service).await;
    let (server, schema) = (config.url.to_string(), service.to_owned());
    match migrated {
        Ok(None) => Ok(database),
        Ok(Some(migration)) => Err(OpenError::Newer {
            server,
            schema,
            migration,
        }),
        Err(source) => Err(OpenError::Schema {
            server,
            schema,
            source,
        }),
    }
}

/// Connects to a schema as it is.
pub(super) async fn attach(config: &DatabaseConfig, service: &str) -> Result<Database, OpenError> {
    let options = options(config, service)?;
    if let Err(trouble) = try_connect(&options).await {
        return Err(trouble.at(config.url.to_string()));
    }
    Ok(database(config, options))
}

fn database(config: &DatabaseConfig, options: PgConnectOptions) -> Database {
    let serialisable = [("default_transaction_isolation", "serializable")];
    let writing = options.clone().options(serialisable);
    let writers = (config.max_connections - 1) / 2;
    let readers = config.max_connections - 1 - writers;
    let probe = pool(options.clone(), 1);
    Database {
        read: connection(&probe, options, readers),
        write: connection(&probe, writing, writers),
        checkpoints: None,
        syncs: None,
        storing: Storing::default(),
        endings: TaskTracker::new(),
    }
}

fn options(config: &DatabaseConfig, service: &str) -> Result<PgConnectOptions, OpenError> {
    let wrong = |key, problem| OpenError::Config { key, problem };
    if config.max_connections < FEWEST_CONNECTIONS {
        let problem = format!("must be at least {FEWEST_CONNECTIONS}");
        return Err(wrong("max_connections", problem));
    }
    let url = config.url.reveal();
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        let problem = "must be such as postgres://user:password@host/database".to_owned();
        return Err(wrong("url", problem));
    }
    let checked = config.url.validate("database.url");
    checked.map_err(|error| wrong("url", error.to_string()))?;
    let options = PgConnectOptions::from_str(url);
    let options = options.map_err(|error| wrong("url", error.to_string()))?;
    // sqlx looks an address of IPv6 up with its brackets (launchbadge/sqlx#1739).
    let host = options.get_host().trim_matches(['[', ']']).to_owned();
    Ok(options
        .host(&host)
        .application_name(&format!("troupe-{service}"))
        .options([("search_path", service)])
        .options(SERVER_LIMITS)
        .disable_statement_logging())
}

/// Looks at a service's schema.
pub(super) async fn inspect(
    config: &DatabaseConfig,
    service: &str,
) -> Result<Inspection, OpenError> {
    let (options, server) = (options(config, service)?, config.url.to_string());
    if let Err(trouble) = try_connect(&options).await {
        return Err(trouble.at(server));
    }
    let db = pool(options, 1);
    let look = async {
        Ok(Inspection {
            version: first_text(&db, "SHOW server_version").await?,
            migrations: migrations(&db).await?,
        })
    };
    let failed = |source| OpenError::Schema {
        server,
        schema: service.to_owned(),
        source,
    };
    look.await.map_err(failed)
}

/// Waits until the server lets us in, and reports meanwhile what is missing. What time can't mend ends it at once.
async fn wait_for(
    url: &ServerUrl,
    options: &PgConnectOptions,
    missing: &Sender<Option<String>>,
) -> Result<(), OpenError> {
    let mut pause = FIRST_PAUSE;
    while let Err(trouble) = try_connect(options).await {
        let unreachable = match trouble {
            trouble @ Trouble::Passing(_) => trouble.at(url.to_string()),
            lasting => return Err(lasting.at(url.to_string())),
        };
        let told = missing.send_replace(Some(Outage::Unreachable.to_string()));
        if told.is_none() {
            tracing::warn!(problem = %unreachable, "the start waits for PostgreSQL");
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    missing.send_replace(None);
    Ok(())
}

async fn try_connect(options: &PgConnectOptions) -> Result<(), Trouble> {
    let connect = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options));
    match connect.await {
        Ok(Ok(connection)) => {
            // It served its purpose, however it ends.
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(error)) => Err(Trouble::of(&error)),
        Err(_) => Err(Trouble::Passing(Unreached::Silent.to_string())),
    }
}

fn connection(probe: &DatabaseConnection, options: PgConnectOptions, size: u32) -> Connection {
    Connection::to_server(Server {
        probe: probe.clone(),
        connect: Arc::new(move |size| pool(options.clone(), size)),
        size,
    })
}

/// Connections that are made when they are needed.
fn pool(options: PgConnectOptions, size: u32) -> DatabaseConnection {
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, usage| {
            Box::pin(async move {
                if usage.idle_for >= TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool.connect_lazy_with(options))
}

/// Makes the schema and its tables, or tells which of the migrations behind it isn't known. All in one transaction, which one
/// process at a time has.
async fn migrate<M: MigratorTrait>(
    db: &DatabaseConnection,
    schema: &str,
) -> Result<Option<String>, DbErr> {
    // Not serialisable: who waited for the lock must see what its holder did.
    let isolation = Some(IsolationLevel::ReadCommitted);
    let transaction = db.begin_with_config(isolation, None).await?;
    let limits = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
    transaction.execute_unprepared(limits).await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtext('troupe'), hashtext($1))";
    transaction.execute_raw(statement(lock, schema)).await?;
    if !has_schema(&transaction, schema).await? {
        // A name of ours, and no parameter can stand here.
        let create = format!("CREATE SCHEMA \"{schema}\"");
        transaction.execute_unprepared(&create).await?;
    }
    let unknown = unknown_migration::<M, _>(&transaction).await?;
    if unknown.is_none() {
        M::up(&transaction, None).await?;
    }
    transaction.commit().await?;
    Ok(unknown)
}

/// Asked rather than left to `IF NOT EXISTS`, which demands the right to make schemas also where there is one.
async fn has_schema(db: &DatabaseTransaction, schema: &str) -> Result<bool, DbErr> {
    let query = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    Ok(db.query_one_raw(statement(query, schema)).await?.is_some())
}

fn statement(sql: &str, schema: &str) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [schema.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_is_looked_up_without_its_brackets() {
        let of = |url: &str| {
            let config = DatabaseConfig {
                url: ServerUrl::new(url),
                ..DatabaseConfig::default()
            };
            let options = options(&config, "users").unwrap();
            (options.get_host().to_owned(), options.get_port())
        };
        assert_eq!(
            of("postgres://ann:secret@[::1]:5433/troupe"),
            ("::1".to_owned(), 5433)
        );
        assert_eq!(
            of("postgres://db.example/troupe"),
            ("db.example".to_owned(), 5432)
        );
    }
}
