//! Connections that notice when their server falls silent.
//!
//! A server that is paused, or whose machine is gone, keeps its connections open and answers nothing. So a statement
//! that takes long is waited for only while the server answers a question on another connection.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};
use sea_orm_migration::async_trait::async_trait;

use super::Outage;
use super::queue::{Place, Queue};

/// How long a statement may take before the server is asked on another connection whether it is there; then it may take as long
/// again. Together with [`ANSWER_TIMEOUT`] it is 1.5 s: a call says within two seconds that the server is away.
const PATIENCE: Duration = Duration::from_millis(900);
/// How long the server may take to answer that question.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(600);
/// How long a pool is used at least before all of its connections are replaced: the failures of one outage arrive together, and
/// must not replace it again and again.
const APART: Duration = Duration::from_secs(1);

/// Connections to the store of a service. Cheap to clone.
#[derive(Clone)]
pub struct Connection(Arc<State>);

/// Connections that may be closed by now.
pub(super) struct WeakConnection(Weak<State>);

impl WeakConnection {
    pub(super) fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(Connection)
    }
}

struct State {
    pool: RwLock<Pool>,
    backend: DbBackend,
    /// Absent for a file.
    server: Option<Server>,
    queue: Queue,
}

struct Pool {
    connections: DatabaseConnection,
    made: Instant,
}

impl Pool {
    fn new(connections: DatabaseConnection) -> Self {
        Self {
            connections,
            made: Instant::now(),
        }
    }
}

/// How to ask a server whether it is there, and how to begin anew with it.
pub(super) struct Server {
    /// A connection of its own, so that it is free when all others wait.
    pub(super) probe: DatabaseConnection,
    /// Makes new connections, as they are needed, so many at most.
    pub(super) connect: Arc<dyn Fn(u32) -> DatabaseConnection + Send + Sync>,
    /// How many it makes at most.
    pub(super) size: u32,
}

impl Connection {
    /// Connections to a file, so many at most.
    pub(super) fn to_file(pool: DatabaseConnection, size: u32) -> Self {
        Self::new(pool, None, size)
    }

    pub(super) fn to_server(server: Server) -> Self {
        let size = server.size;
        Self::new((server.connect)(size), Some(server), size)
    }

    fn new(pool: DatabaseConnection, server: Option<Server>, size: u32) -> Self {
        Self(Arc::new(State {
            backend: pool.get_database_backend(),
            pool: RwLock::new(Pool::new(pool)),
            server,
            queue: Queue::new(size),
        }))
    }

    /// The connections as they are now.
    pub(super) fn pool(&self) -> DatabaseConnection {
        let pool = self.0.pool.read().unwrap_or_else(PoisonError::into_inner);
        pool.connections.clone()
    }

    /// The same, for who looks at them and doesn't keep them open.
    pub(super) fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }

    /// A new connection outside of the pool, made when it is first used; `None` for a file.
    pub(super) fn new_connection(&self) -> Option<DatabaseConnection> {
        self.0.server.as_ref().map(|server| (server.connect)(1))
    }

    /// A separate pool of connections to the same server, which don't wait for this one; for a file, this pool.
    pub(super) fn separate_pool(&self) -> Self {
        let Some(server) = &self.0.server else {
            return self.clone();
        };
        Self::to_server(Server {
            probe: server.probe.clone(),
            connect: Arc::clone(&server.connect),
            size: server.size,
        })
    }

    /// Waits for a turn at one of the connections.
    ///
    /// # Errors
    /// It doesn't come in time, for there is too much to do; or because the server has fallen silent.
    pub(super) async fn place(&self) -> Result<Place, DbErr> {
        let place = self.0.queue.place().await;
        if let (Err(_), Some(server)) = (&place, &self.0.server) {
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, server.probe.ping()).await;
            if !matches!(answer, Ok(Ok(()))) {
                return Err(silence());
            }
        }
        place
    }

    /// Whether this is a server, and no file.
    pub(super) fn is_to_server(&self) -> bool {
        self.0.server.is_some()
    }

    /// Waits for a statement while the server is there.
    pub(super) async fn guard<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>> + Send,
    ) -> Result<T, DbErr> {
        let Some(server) = &self.0.server else {
            return statement.await;
        };
        let mut statement = pin!(statement);
        loop {
            tokio::select! {
                biased;
                done = &mut statement => return self.noted(server, done),
                () = tokio::time::sleep(PATIENCE) => {}
            }
            let answers = tokio::time::timeout(ANSWER_TIMEOUT, server.probe.ping());
            tokio::select! {
                biased;
                done = &mut statement => return self.noted(server, done),
                answer = answers => if !matches!(answer, Ok(Ok(()))) {
                    break;
                }
            }
        }
        // What waits on the old connections may do so for many minutes, and must not take the places of others.
        self.begin_anew(server);
        Err(silence())
    }

    /// A server that has become read-only is a standby now: new connections may lead to the one that took its place.
    fn noted<T>(&self, server: &Server, done: Result<T, DbErr>) -> Result<T, DbErr> {
        done.inspect_err(|error| {
            if Outage::of(error) == Some(Outage::ReadOnly) {
                self.begin_anew(server);
            }
        })
    }

    /// All who find the server changed ask for it; once is enough.
    fn begin_anew(&self, server: &Server) {
        let mut pool = self.0.pool.write().unwrap_or_else(PoisonError::into_inner);
        if pool.made.elapsed() >= APART {
            *pool = Pool::new((server.connect)(server.size));
        }
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        if let Some(server) = &self.0.server {
            server.probe.clone().close().await?;
        }
        self.pool().close().await
    }
}

fn silence() -> DbErr {
    let silence = "the server no longer answers".to_owned();
    DbErr::Conn(RuntimeErr::Internal(silence))
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.0.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let _place = self.place().await?;
        let pool = self.pool();
        self.guard(pool.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let _place = self.place().await?;
        let pool = self.pool();
        self.guard(pool.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let _place = self.place().await?;
        let pool = self.pool();
        self.guard(pool.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let _place = self.place().await?;
        let pool = self.pool();
        self.guard(pool.query_all_raw(statement)).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({:?})", self.0.backend)
    }
}
