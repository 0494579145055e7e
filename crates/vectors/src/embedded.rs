//! Vectors in a SQLite file of their own. A search reads its partition, and nothing else, and sqlite-vec measures the
//! distances: all of a small partition; in a large one, those of the points whose signs are most like the ones asked for.
//!
//! The file can go at any time, so one that is broken is moved aside and an empty one takes its place.

mod distance;
pub(super) mod file;
mod large;
mod signs;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use sea_orm::sqlx::{self, Row};
use storage::Storage;
use tokio::sync::Mutex;
use uuid::Uuid;

use self::distance::{score, to_bytes};
use self::file::{File, Pools, is_broken};
use self::large::Large;
use super::{Error, Hit, Point, Vectors, check_dimensions};

/// Points of a partition in which every one is measured.
const SMALL: usize = 1024;
/// In a larger one, so many points are measured for each that is wanted.
const OVERSAMPLING: usize = 8;
/// And at least so many.
const FEWEST: usize = 256;

#[derive(Debug)]
pub(super) struct Embedded {
    file: File,
    pools: Arc<RwLock<Pools>>,
    large: Large,
    /// Held while a broken file is replaced.
    repair: Mutex<()>,
}

impl Embedded {
    /// Opens a file, making it if need be. One of another model or length is emptied, a broken one replaced.
    pub(super) async fn open(
        storage: &Storage,
        path: &Path,
        model: &str,
        dimensions: usize,
    ) -> Result<Self, Error> {
        let file = File::new(path, model, dimensions, storage);
        let pools = match file.open().await {
            Err(error) if is_broken(&error) => {
                file.move_aside(&error).await?;
                file.open().await
            }
            opened => opened,
        }?;
        let pools = Arc::new(RwLock::new(pools));
        storage.stores.add_closing(close(pools.clone()));
        Ok(Self {
            file,
            pools,
            large: Large::new(dimensions, &storage.tasks),
            repair: Mutex::default(),
        })
    }

    fn pools(&self) -> Pools {
        current(&self.pools)
    }

    /// Passes a result on; where it shows that the file is broken, an empty file takes its place for the next call.
    async fn checked<T>(&self, pools: &Pools, result: sqlx::Result<T>) -> Result<T, Error> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if is_broken(&error) {
            let _one_at_a_time = self.repair.lock().await;
            let is_replaced = !pools.are_same(&self.pools());
            if !is_replaced {
                pools.close().await;
                self.file.move_aside(&error).await?;
                let opened = self.file.open().await?;
                *self.pools.write().unwrap_or_else(PoisonError::into_inner) = opened;
                self.large.forget_all();
            }
        }
        Err(error.into())
    }

    /// The same for what was written.
    async fn written<T>(&self, pools: &Pools, result: sqlx::Result<T>) -> Result<T, Error> {
        if result.is_ok() {
            pools.wrote();
        }
        self.checked(pools, result).await
    }

    async fn nearest(&self, pools: &Pools, search: Search<'_>) -> sqlx::Result<Vec<Hit>> {
        if let Some(signs) = self.large.known(search.partition) {
            return among(pools, &search, &signs.alike(&search)).await;
        }
        if let Some(hits) = everywhere(pools, &search, self.large.most_of_small()).await? {
            return Ok(hits);
        }
        let signs = self.large.read(pools, search.partition).await?;
        among(pools, &search, &signs.alike(&search)).await
    }
}

fn current(pools: &RwLock<Pools>) -> Pools {
    let pools = pools.read().unwrap_or_else(PoisonError::into_inner);
    pools.clone()
}

async fn close(pools: Arc<RwLock<Pools>>) {
    current(&pools).close().await;
}

struct Search<'s> {
    partition: Uuid,
    vector: &'s [f32],
    limit: usize,
    except: &'s HashSet<Uuid>,
}

#[async_trait]
impl Vectors for Embedded {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), Error> {
        for point in &points {
            check_dimensions(&point.vector, self.file.dimensions())?;
        }
        let pools = self.pools();
        let change = self
            .large
            .change(points.iter().map(|point| point.partition));
        let mut change = change.await;
        let result = upsert(&pools, &points).await;
        if result.is_ok() {
            change.put(&points);
        }
        drop(change);
        self.written(&pools, result).await
    }

    async fn search(
        &self,
        partition: Uuid,
        vector: &[f32],
        limit: usize,
        except: &HashSet<Uuid>,
    ) -> Result<Vec<Hit>, Error> {
        check_dimensions(vector, self.file.dimensions())?;
        let pools = self.pools();
        let search = Search {
            partition,
            vector,
            limit,
            except,
        };
        let result = self.nearest(&pools, search).await;
        self.checked(&pools, result).await
    }

    async fn delete(&self, partition: Uuid, ids: &[Uuid]) -> Result<(), Error> {
        let pools = self.pools();
        let _change = self.large.change([partition]).await;
        let result = delete(&pools, partition, ids).await;
        self.written(&pools, result).await
    }

    async fn delete_partition(&self, partition: Uuid) -> Result<(), Error> {
        let pools = self.pools();
        let _change = self.large.change([partition]).await;
        let result = sqlx::query("DELETE FROM points WHERE partition = ?")
            .bind(partition)
            .execute(pools.write())
            .await;
        self.written(&pools, result).await.map(drop)
    }

    async fn count(&self, partition: Option<Uuid>) -> Result<u64, Error> {
        let pools = self.pools();
        let query = match partition {
            Some(partition) => {
                sqlx::query_scalar("SELECT count(*) FROM points WHERE partition = ?")
                    .bind(partition)
            }
            None => sqlx::query_scalar("SELECT count(*) FROM points"),
        };
        let result: sqlx::Result<i64> = query.fetch_one(pools.read()).await;
        let count = self.checked(&pools, result).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn clear(&self) -> Result<(), Error> {
        let pools = self.pools();
        let _change = self.large.change_all().await;
        let result = sqlx::query("DELETE FROM points")
            .execute(pools.write())
            .await;
        self.written(&pools, result).await.map(drop)
    }
}

async fn upsert(pools: &Pools, points: &[Point]) -> sqlx::Result<()> {
    let mut transaction = pools.write().begin().await?;
    for point in points {
        sqlx::query("INSERT OR REPLACE INTO points VALUES (?, ?, ?)")
            .bind(point.partition)
            .bind(point.id)
            .bind(to_bytes(&point.vector))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Measures all points of a partition; nothing if there are more than `most`.
async fn everywhere(
    pools: &Pools,
    search: &Search<'_>,
    most: usize,
) -> sqlx::Result<Option<Vec<Hit>>> {
    let most = integer(most);
    let row = sqlx::query(
        "SELECT json_group_array(json_array(hex(id), distance)), (SELECT count(*) FROM (SELECT 1 FROM points WHERE partition = ?2 LIMIT ?3 + 1))
        FROM (
            SELECT id, vec_distance_l2(vector, ?1) AS distance FROM (SELECT id, vector FROM points WHERE partition = ?2 LIMIT ?3)
            ORDER BY distance LIMIT ?4
        )",
    )
    .bind(to_bytes(search.vector))
    .bind(search.partition)
    .bind(most)
    .bind(integer(search.limit.saturating_add(search.except.len())))
    .fetch_one(pools.read())
    .await?;
    if row.try_get::<i64, _>(1)? > most {
        return Ok(None);
    }
    let mut hits = hits(row.try_get(0)?)?;
    hits.retain(|hit| !search.except.contains(&hit.id));
    hits.truncate(search.limit);
    Ok(Some(hits))
}

/// Measures some points of a partition.
async fn among(pools: &Pools, search: &Search<'_>, points: &[Uuid]) -> sqlx::Result<Vec<Hit>> {
    let points: Vec<String> = points.iter().map(|id| id.simple().to_string()).collect();
    let row = sqlx::query(
        "SELECT json_group_array(json_array(hex(id), distance)) FROM (
            SELECT id, vec_distance_l2(vector, ?) AS distance FROM points
            WHERE partition = ? AND id IN (SELECT unhex(value) FROM json_each(?))
            ORDER BY distance LIMIT ?
        )",
    )
    .bind(to_bytes(search.vector))
    .bind(search.partition)
    .bind(serde_json::to_string(&points).map_err(|error| sqlx::Error::Encode(error.into()))?)
    .bind(integer(search.limit))
    .fetch_one(pools.read())
    .await?;
    hits(row.try_get(0)?)
}

/// Reads points and their distances, the nearest first. They come in one row, as JSON: sqlx hands each row to another
/// thread, which takes longer than to measure a point.
fn hits(json: &str) -> sqlx::Result<Vec<Hit>> {
    let points: Vec<(&str, f64)> =
        serde_json::from_str(json).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let hits = points.into_iter().map(|(id, distance)| {
        Ok(Hit {
            id: Uuid::try_parse(id).map_err(|error| sqlx::Error::Decode(error.into()))?,
            score: score(distance),
        })
    });
    let mut hits = hits.collect::<sqlx::Result<Vec<Hit>>>()?;
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(hits)
}

fn integer(number: usize) -> i64 {
    // One is added to it.
    i64::try_from(number).unwrap_or(i64::MAX).min(i64::MAX - 1)
}

async fn delete(pools: &Pools, partition: Uuid, ids: &[Uuid]) -> sqlx::Result<()> {
    let mut transaction = pools.write().begin().await?;
    for id in ids {
        sqlx::query("DELETE FROM points WHERE partition = ? AND id = ?")
            .bind(partition)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Storage(error.into())
    }
}
