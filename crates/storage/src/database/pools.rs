//! Measures how many connections there are, and how many of them are in use.

use std::sync::{LazyLock, Mutex, PoisonError};

use opentelemetry::metrics::{AsyncInstrument, ObservableUpDownCounter};
use opentelemetry::{KeyValue, global};
use platform::telemetry::{SCOPE, is_measuring};
use sea_orm::{DatabaseConnection, DbBackend};

use super::Connection;
use super::connection::WeakConnection;

const NAME: &str = "db.client.connection.pool.name";
const STATE: &str = "db.client.connection.state";

/// Connections of a service for one purpose, such as `users.read`.
struct Pool {
    name: String,
    connections: WeakConnection,
}

/// How many connections there are.
struct Usage {
    open: i64,
    idle: i64,
    most: i64,
}

/// All that are measured.
static POOLS: Mutex<Vec<Pool>> = Mutex::new(Vec::new());

/// Made once, whatever comes later, and while nobody holds the list, which they read.
static INSTRUMENTS: LazyLock<[ObservableUpDownCounter<i64>; 2]> = LazyLock::new(|| {
    let meter = global::meter(SCOPE);
    let count = meter
        .i64_observable_up_down_counter("db.client.connection.count")
        .with_unit("{connection}")
        .with_description("Connections to the database, by whether they are in use")
        .with_callback(|observer| each(|name, usage| observe_states(observer, name, usage)))
        .build();
    let most = meter
        .i64_observable_up_down_counter("db.client.connection.max")
        .with_unit("{connection}")
        .with_description("Most connections to the database")
        .with_callback(|observer| {
            each(|name, usage| observer.observe(usage.most, &[KeyValue::new(NAME, name)]));
        })
        .build();
    [count, most]
});

/// Measures the connections of a service for as long as they are there.
pub(super) fn observe(service: &str, read: &Connection, write: &Connection) {
    if !is_measuring() {
        return;
    }
    LazyLock::force(&INSTRUMENTS);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    for (purpose, connections) in [("read", read), ("write", write)] {
        pools.push(Pool {
            name: format!("{service}.{purpose}"),
            connections: connections.downgrade(),
        });
    }
}

fn each(mut tell: impl FnMut(String, &Usage)) {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    pools.retain(|pool| match pool.connections.upgrade() {
        Some(connections) => {
            tell(pool.name.clone(), &usage(&connections.pool()));
            true
        }
        None => false,
    });
}

fn observe_states(observer: &dyn AsyncInstrument<i64>, name: String, usage: &Usage) {
    let name = KeyValue::new(NAME, name);
    let states = [("used", usage.open - usage.idle), ("idle", usage.idle)];
    for (state, count) in states {
        observer.observe(count, &[name.clone(), KeyValue::new(STATE, state)]);
    }
}

fn usage(pool: &DatabaseConnection) -> Usage {
    let (open, idle, most) = match pool.get_database_backend() {
        DbBackend::Postgres => {
            let pool = pool.get_postgres_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
        _ => {
            let pool = pool.get_sqlite_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
    };
    let open = i64::from(open);
    Usage {
        open,
        // The two numbers are from moments of their own.
        idle: i64::try_from(idle).unwrap_or(0).min(open),
        most: i64::from(most),
    }
}
