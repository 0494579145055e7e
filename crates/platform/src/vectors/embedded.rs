//! Vectors in a SQLite file, searched exactly: a search reads the partition and nothing else.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, Row, SqlitePool};
use uuid::Uuid;

use super::{Error, Hit, Point, Vectors, check_dimensions};

const READ_CONNECTIONS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Several vectors fit a page, so that a partition is read in few pieces.
const PAGE_BYTES: u32 = 16384;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS collection (model TEXT NOT NULL, dimensions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS points (
    partition BLOB NOT NULL,
    id BLOB NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (partition, id)
) WITHOUT ROWID;
";

/// A file of vectors.
#[derive(Debug)]
pub(super) struct Embedded {
    read: SqlitePool,
    write: SqlitePool,
    dimensions: usize,
}

impl Embedded {
    /// Opens a file, making it if need be. One that holds vectors of another model or length is emptied.
    pub(super) async fn open(file: &Path, model: &str, dimensions: usize) -> Result<Self, Error> {
        let write = connect(file, 1).await?;
        sqlx::raw_sql(TABLES).execute(&write).await?;
        let of = sqlx::query("SELECT model, dimensions FROM collection")
            .fetch_optional(&write)
            .await?;
        let is_ours = match of {
            Some(row) => {
                row.try_get::<String, _>(0)? == model
                    && usize::try_from(row.try_get::<i64, _>(1)?) == Ok(dimensions)
            }
            None => false,
        };
        if !is_ours {
            let mut transaction = write.begin().await?;
            sqlx::raw_sql("DELETE FROM points; DELETE FROM collection")
                .execute(&mut *transaction)
                .await?;
            sqlx::query("INSERT INTO collection VALUES (?, ?)")
                .bind(model)
                .bind(i64::try_from(dimensions).unwrap_or(i64::MAX))
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
        }
        let read = connect(file, READ_CONNECTIONS).await?;
        Ok(Self {
            read,
            write,
            dimensions,
        })
    }
}

#[async_trait]
impl Vectors for Embedded {
    async fn upsert(&self, points: Vec<Point>) -> Result<(), Error> {
        for point in &points {
            check_dimensions(&point.vector, self.dimensions)?;
        }
        let mut transaction = self.write.begin().await?;
        for point in points {
            sqlx::query("INSERT OR REPLACE INTO points VALUES (?, ?, ?)")
                .bind(point.partition)
                .bind(point.id)
                .bind(to_bytes(&point.vector))
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn search(
        &self,
        partition: Uuid,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>, Error> {
        check_dimensions(vector, self.dimensions)?;
        let rows = sqlx::query("SELECT id, vector FROM points WHERE partition = ?")
            .bind(partition)
            .fetch_all(&self.read)
            .await?;
        let mut hits = Vec::with_capacity(rows.len());
        for row in rows {
            let score = dot(vector, row.try_get(1)?);
            hits.push(Hit {
                id: row.try_get(0)?,
                score,
            });
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(limit);
        Ok(hits)
    }

    async fn delete(&self, partition: Uuid, ids: &[Uuid]) -> Result<(), Error> {
        let mut transaction = self.write.begin().await?;
        for id in ids {
            sqlx::query("DELETE FROM points WHERE partition = ? AND id = ?")
                .bind(partition)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn delete_partition(&self, partition: Uuid) -> Result<(), Error> {
        sqlx::query("DELETE FROM points WHERE partition = ?")
            .bind(partition)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    async fn count(&self, partition: Option<Uuid>) -> Result<u64, Error> {
        let count: i64 = match partition {
            Some(partition) => {
                sqlx::query_scalar("SELECT count(*) FROM points WHERE partition = ?")
                    .bind(partition)
                    .fetch_one(&self.read)
                    .await?
            }
            None => {
                sqlx::query_scalar("SELECT count(*) FROM points")
                    .fetch_one(&self.read)
                    .await?
            }
        };
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn clear(&self) -> Result<(), Error> {
        sqlx::query("DELETE FROM points")
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

async fn connect(file: &Path, connections: u32) -> Result<SqlitePool, Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        // A machine that dies may take the last points with it, but never leaves the file broken.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(ACQUIRE_TIMEOUT);
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_with(options).await?)
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn dot(vector: &[f32], stored: &[u8]) -> f32 {
    let (stored, _) = stored.as_chunks::<4>();
    let products = vector.iter().zip(stored);
    products.map(|(x, y)| x * f32::from_le_bytes(*y)).sum()
}
