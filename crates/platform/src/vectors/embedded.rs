//! Vectors in a SQLite file of their own, searched exactly: SQLite reads the partition, and nothing else,
//! and sqlite-vec measures the distances.
//!
//! The file can go at any time, so one that is broken is moved aside and an empty one takes its place.

mod distance;
mod file;

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use sea_orm::sqlx::{self, Row};
use tokio::sync::Mutex;
use uuid::Uuid;

use self::distance::{score, to_bytes};
use self::file::{File, Pools, is_broken};
use super::{Error, Hit, Point, Vectors, check_dimensions};

/// A file of vectors.
#[derive(Debug)]
pub(super) struct Embedded {
    file: File,
    pools: RwLock<Pools>,
    /// Held while a broken file is replaced.
    repair: Mutex<()>,
}

impl Embedded {
    /// Opens a file, making it if need be. One of another model or length is emptied, a broken one replaced.
    pub(super) async fn open(path: &Path, model: &str, dimensions: usize) -> Result<Self, Error> {
        let file = File::new(path, model, dimensions);
        let pools = match file.open().await {
            Err(error) if is_broken(&error) => {
                file.move_aside(&error)?;
                file.open().await
            }
            opened => opened,
        }?;
        Ok(Self {
            file,
            pools: RwLock::new(pools),
            repair: Mutex::default(),
        })
    }

    fn pools(&self) -> Pools {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        pools.clone()
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
                self.file.move_aside(&error)?;
                let opened = self.file.open().await?;
                *self.pools.write().unwrap_or_else(PoisonError::into_inner) = opened;
            }
        }
        Err(error.into())
    }
}

#[async_trait]
impl Vectors for Embedded {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), Error> {
        for point in &points {
            check_dimensions(&point.vector, self.file.dimensions())?;
        }
        let pools = self.pools();
        let result = upsert(&pools, points).await;
        self.checked(&pools, result).await
    }

    async fn search(
        &self,
        partition: Uuid,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>, Error> {
        check_dimensions(vector, self.file.dimensions())?;
        let pools = self.pools();
        let result = search(&pools, partition, vector, limit).await;
        self.checked(&pools, result).await
    }

    async fn delete(&self, partition: Uuid, ids: &[Uuid]) -> Result<(), Error> {
        let pools = self.pools();
        let result = delete(&pools, partition, ids).await;
        self.checked(&pools, result).await
    }

    async fn delete_partition(&self, partition: Uuid) -> Result<(), Error> {
        let pools = self.pools();
        let result = sqlx::query("DELETE FROM points WHERE partition = ?")
            .bind(partition)
            .execute(pools.write())
            .await;
        self.checked(&pools, result).await.map(drop)
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
        let result = sqlx::query("DELETE FROM points")
            .execute(pools.write())
            .await;
        self.checked(&pools, result).await.map(drop)
    }
}

async fn upsert(pools: &Pools, points: Vec<Point>) -> sqlx::Result<()> {
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

async fn search(
    pools: &Pools,
    partition: Uuid,
    vector: &[f32],
    limit: usize,
) -> sqlx::Result<Vec<Hit>> {
    let rows = sqlx::query(
        "SELECT id, vec_distance_l2(vector, ?) AS distance FROM points WHERE partition = ? ORDER BY distance LIMIT ?",
    )
    .bind(to_bytes(vector))
    .bind(partition)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pools.read())
    .await?;
    let hits = rows.into_iter().map(|row| {
        Ok(Hit {
            id: row.try_get(0)?,
            score: score(row.try_get(1)?),
        })
    });
    hits.collect()
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
