//! Vectors in Qdrant.
//!
//! A partition is a tenant of the collection: Qdrant keeps its points together and builds a graph for each alone. The
//! messages and stubs are those of `qdrant-client`, the connection is tonic's: the client's own retries by itself, reports
//! a server that can't be reached like one that failed, and doesn't notice a connection that died in silence.

mod collection;

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use platform::Tasks;
use qdrant_client::qdrant::collections_client::CollectionsClient;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_client::PointsClient;
use qdrant_client::qdrant::qdrant_client::QdrantClient;
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, DeletePointsBuilder, Filter, HasIdCondition, HealthCheckRequest,
    ListCollectionsRequest, PointId, PointStruct, Query, QueryPointsBuilder, SearchParamsBuilder,
    UpsertPointsBuilder,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use self::collection::Collection;
use super::{Error, Hit, Point, Vectors, check_dimensions};
use crate::QdrantConfig;

/// How long a call may take, the search for a missing collection and a new connection included.
const DEADLINE: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
/// A connection that answers nothing for so long is given up for a new one.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Points in one request: at most some megabytes.
const BATCH: usize = 256;
/// Candidates that a search in a graph keeps; what makes it find nearly all that an exact one does.
const BEAM: u64 = 256;
/// The field of a point that names its partition.
const PARTITION: &str = "partition";

#[derive(Debug, Clone)]
pub(super) struct Qdrant {
    points: PointsClient<Connection>,
    collection: Collection,
    dimensions: usize,
}

impl Qdrant {
    /// Doesn't wait for the server: a task makes the collection as soon as it answers.
    ///
    /// # Errors
    /// The address or the key can't be read.
    pub(super) fn open(
        config: &QdrantConfig,
        tasks: &Tasks,
        name: &str,
        model: &str,
        dimensions: usize,
    ) -> Result<Self, Error> {
        let connection = connect(config)?;
        let name = collection::name(&config.prefix, name, model, dimensions);
        let qdrant = Self {
            points: PointsClient::new(connection.clone()),
            collection: Collection::new(connection, name, dimensions),
            dimensions,
        };
        tasks.spawn(qdrant.collection.clone().make(tasks.clone()));
        Ok(qdrant)
    }

    /// Calls the server within the deadline, with the collection made where it is missing.
    async fn call<Q, A, F>(
        &self,
        request: Q,
        method: impl Fn(PointsClient<Connection>, Q) -> F,
    ) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let calls = async {
            self.collection.ensure().await?;
            match method(self.points.clone(), request.clone()).await {
                Err(status) if status.code() == Code::NotFound => {
                    // Somebody took the collection away: it is a derived index, so an empty one is as good as any.
                    self.collection.ensure_again().await?;
                    method(self.points.clone(), request.clone()).await
                }
                result => result,
            }
        };
        within_deadline(calls).await.map(Response::into_inner)
    }

    async fn delete_where(&self, filter: Filter) -> Result<(), Error> {
        let request = DeletePointsBuilder::new(self.collection.name())
            .points(filter)
            .wait(true)
            .build();
        self.call(request, |mut points, request| async move {
            points.delete(request).await
        })
        .await
        .map(drop)
    }
}

#[async_trait]
impl Vectors for Qdrant {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), Error> {
        for point in &points {
            check_dimensions(&point.vector, self.dimensions)?;
        }
        let mut points = points.into_iter().map(to_message).peekable();
        while points.peek().is_some() {
            let batch: Vec<PointStruct> = points.by_ref().take(BATCH).collect();
            let request = UpsertPointsBuilder::new(self.collection.name(), batch)
                .wait(true)
                .build();
            self.call(request, |mut points, request| async move {
                points.upsert(request).await
            })
            .await?;
        }
        Ok(())
    }

    async fn search(
        &self,
        partition: Uuid,
        vector: &[f32],
        limit: usize,
        except: &HashSet<Uuid>,
    ) -> Result<Vec<Hit>, Error> {
        check_dimensions(vector, self.dimensions)?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut filter = of_partition(partition);
        if !except.is_empty() {
            filter.must_not.push(has_id(except).into());
        }
        let request = QueryPointsBuilder::new(self.collection.name())
            .query(Query::new_nearest(vector.to_vec()))
            .filter(filter)
            .params(SearchParamsBuilder::default().hnsw_ef(BEAM))
            .limit(limit as u64)
            .with_payload(false)
            .build();
        let found = self
            .call(request, |mut points, request| async move {
                points.query(request).await
            })
            .await?;
        let found = found.result.into_iter();
        found.map(|point| to_hit(point.id, point.score)).collect()
    }

    async fn delete(&self, partition: Uuid, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut filter = of_partition(partition);
        filter.must.push(has_id(ids).into());
        self.delete_where(filter).await
    }

    async fn delete_partition(&self, partition: Uuid) -> Result<(), Error> {
        self.delete_where(of_partition(partition)).await
    }

    async fn count(&self, partition: Option<Uuid>) -> Result<u64, Error> {
        let filter = partition.map_or_else(Filter::default, of_partition);
        let request = CountPointsBuilder::new(self.collection.name())
            .filter(filter)
            .exact(true)
            .build();
        let count = self
            .call(request, |mut points, request| async move {
                points.count(request).await
            })
            .await?;
        Ok(count.result.map_or(0, |result| result.count))
    }

    async fn clear(&self) -> Result<(), Error> {
        // Much quicker than deleting points one by one.
        within_deadline(self.collection.remake()).await
    }
}

fn has_id<'i>(ids: impl IntoIterator<Item = &'i Uuid>) -> HasIdCondition {
    let ids = ids.into_iter();
    HasIdCondition {
        has_id: ids.map(|id| PointId::from(id.to_string())).collect(),
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Qdrant's version.
    pub version: String,
    /// Collections there whose names begin with our prefix.
    pub collections: usize,
}

/// Asks a Qdrant server how it is.
///
/// # Errors
/// It can't be reached, or refuses the key.
pub async fn examine(config: &QdrantConfig) -> Result<ServerState, Error> {
    let connection = connect(config)?;
    let mut server = QdrantClient::new(connection.clone());
    let mut collections = CollectionsClient::new(connection);
    within_deadline(async {
        let health = server.health_check(HealthCheckRequest {}).await?;
        let list = collections.list(ListCollectionsRequest {}).await?;
        let beginning = format!("{}-", config.prefix);
        let list = list.into_inner().collections.into_iter();
        Ok(ServerState {
            version: health.into_inner().version,
            collections: list.filter(|c| c.name.starts_with(&beginning)).count(),
        })
    })
    .await
}

/// Tells early what would else be found with the first message, if a server is named. It may still be starting: nothing waits
/// for it, and it is asked once.
pub fn look(config: &QdrantConfig, tasks: &Tasks) {
    if !config.url.is_named() {
        return;
    }
    let (config, stopping) = (config.clone(), tasks.token().clone());
    tasks.spawn(async move {
        let examined = stopping.run_until_cancelled(examine(&config)).await;
        if let Some(Err(error)) = examined {
            tell(&error);
        }
    });
}

/// Logs why vectors can't be kept or found.
fn tell(error: &Error) {
    match error {
        // Without its own words, which may hold the key.
        Error::Refused(_) => tracing::error!("Qdrant refuses the key: correct qdrant.api_key"),
        _ => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(%error, cause, "vectors can't be stored now");
        }
    }
}

/// A connection that is made at its first use and again when it broke.
type Connection = InterceptedService<Channel, ApiKey>;

/// Presents the key with each request.
#[derive(Clone)]
struct ApiKey(Option<MetadataValue<Ascii>>);

impl Interceptor for ApiKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("api-key", key.clone());
        }
        Ok(request)
    }
}

fn connect(config: &QdrantConfig) -> Result<Connection, Error> {
    let unreadable = |what: &str| Error::Invalid(format!("Qdrant's {what} can't be read"));
    let mut endpoint = Endpoint::from_shared(config.url.reveal().to_owned())
        .map_err(|_| unreadable("address"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    match endpoint.uri().scheme_str() {
        Some("http") => {}
        Some("https") => {
            let roots = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint
                .tls_config(roots)
                .map_err(|_| unreadable("address"))?;
        }
        _ => {
            return Err(unreadable(
                "address: it begins with http:// or https://, so it",
            ));
        }
    }
    let key = config.api_key.reveal().map(str::parse).transpose();
    let mut key: Option<MetadataValue<Ascii>> = key.map_err(|_| unreadable("API key"))?;
    if let Some(key) = &mut key {
        key.set_sensitive(true);
    }
    Ok(InterceptedService::new(
        endpoint.connect_lazy(),
        ApiKey(key),
    ))
}

async fn within_deadline<T>(calls: impl Future<Output = Result<T, Status>>) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, calls).await {
        Ok(result) => result.map_err(Error::from),
        Err(elapsed) => Err(Error::Unavailable(elapsed.into())),
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        // What the server says has no source; what tonic says in its place has the failure of the connection.
        let is_ours = std::error::Error::source(&status).is_some();
        match status.code() {
            _ if is_ours => Self::Unavailable(status.into()),
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted => Self::Unavailable(status.into()),
            Code::Unauthenticated | Code::PermissionDenied => Self::Refused(status.into()),
            _ => Self::Storage(status.into()),
        }
    }
}

fn of_partition(partition: Uuid) -> Filter {
    Filter::must([Condition::matches(PARTITION, partition.to_string())])
}

fn to_message(point: Point) -> PointStruct {
    let payload = [(PARTITION, point.partition.to_string().into())];
    PointStruct::new(point.id.to_string(), point.vector, payload)
}

fn to_hit(id: Option<PointId>, score: f32) -> Result<Hit, Error> {
    let id = match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Uuid(id)) => id.parse().ok(),
        _ => None,
    };
    let foreign = || Error::Storage("Qdrant's collection has points that aren't ours".into());
    Ok(Hit {
        id: id.ok_or_else(foreign)?,
        score,
    })
}
