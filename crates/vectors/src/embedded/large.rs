//! The partitions that are too large to be measured whole: their signs, read when they are first searched and kept in memory
//! while they are used.

use std::sync::{Arc, PoisonError, RwLock};

use moka::sync::Cache;
use platform::Tasks;
use sea_orm::sqlx::{self, Row};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::file::Pools;
use super::signs::Signs;
use super::{FEWEST, OVERSAMPLING, SMALL, Search};
use crate::Point;

/// What all signs together may take. 64 bytes are a point of 384 dimensions.
const MAX_BYTES: u64 = 64 << 20;

/// The signs of large partitions. They are never behind the file: whoever changes a partition takes its signs away first,
/// and puts them back once the file has the change.
#[derive(Debug, Clone)]
pub(super) struct Large {
    dimensions: usize,
    partitions: Cache<Uuid, Partition>,
    /// Held while the file is changed, or signs are read from it.
    turn: Arc<Mutex<()>>,
    tasks: Tasks,
}

/// The signs of a partition.
#[derive(Debug, Clone)]
pub(super) struct Partition(Arc<RwLock<Signs>>);

impl Partition {
    /// The points to measure in a search.
    pub(super) fn alike(&self, search: &Search<'_>) -> Vec<Uuid> {
        let count = search.limit.saturating_mul(OVERSAMPLING).max(FEWEST);
        let signs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        signs.alike(search.vector, count, search.except)
    }
}

impl Large {
    pub(super) fn new(dimensions: usize, tasks: &Tasks) -> Self {
        let weigh = |_: &Uuid, partition: &Partition| {
            let signs = partition.0.read().unwrap_or_else(PoisonError::into_inner);
            u32::try_from(signs.size()).unwrap_or(u32::MAX)
        };
        Self {
            dimensions,
            partitions: Cache::builder()
                .max_capacity(MAX_BYTES)
                .weigher(weigh)
                .build(),
            turn: Arc::default(),
            tasks: tasks.clone(),
        }
    }

    /// The most points of a partition that is measured whole.
    pub(super) fn most_of_small(&self) -> usize {
        // sqlite-vec takes the signs of whole bytes.
        match self.dimensions % 8 {
            0 => SMALL,
            _ => usize::MAX,
        }
    }

    /// A partition, if it was read.
    pub(super) fn known(&self, partition: Uuid) -> Option<Partition> {
        self.partitions.get(&partition)
    }

    /// Reads a partition. It goes on when the caller leaves: the next one has a use for it.
    pub(super) async fn read(&self, pools: &Pools, partition: Uuid) -> sqlx::Result<Partition> {
        let (this, pools) = (self.clone(), pools.clone());
        let reading = self.tasks.spawn(async move {
            let _turn = this.turn.lock().await;
            if let Some(known) = this.known(partition) {
                return Ok(known);
            }
            let signs = read(&pools, partition, this.dimensions).await?;
            let signs = Partition(Arc::new(RwLock::new(signs)));
            this.partitions.insert(partition, signs.clone());
            Ok(signs)
        });
        reading
            .await
            .map_err(|error| sqlx::Error::Io(error.into()))?
    }

    /// Takes away what is known of partitions that are about to be changed.
    pub(super) async fn change(&self, partitions: impl IntoIterator<Item = Uuid>) -> Change<'_> {
        let turn = self.turn.lock().await;
        let taken = partitions
            .into_iter()
            .filter_map(|partition| Some((partition, self.partitions.remove(&partition)?)));
        Change {
            taken: taken.collect(),
            partitions: &self.partitions,
            _turn: turn,
        }
    }

    /// The same of all partitions.
    pub(super) async fn change_all(&self) -> Change<'_> {
        let turn = self.turn.lock().await;
        self.forget_all();
        Change {
            taken: Vec::new(),
            partitions: &self.partitions,
            _turn: turn,
        }
    }

    /// Takes away all that is known.
    pub(super) fn forget_all(&self) {
        self.partitions.invalidate_all();
    }
}

/// A change of the file under way.
pub(super) struct Change<'l> {
    taken: Vec<(Uuid, Partition)>,
    partitions: &'l Cache<Uuid, Partition>,
    _turn: MutexGuard<'l, ()>,
}

impl Change<'_> {
    /// Points were stored, and nothing else was changed: what was taken away is true again with them.
    pub(super) fn put(&mut self, points: &[Point]) {
        for (partition, taken) in self.taken.drain(..) {
            let mut signs = taken.0.write().unwrap_or_else(PoisonError::into_inner);
            let points = points.iter().filter(|point| point.partition == partition);
            for point in points {
                signs.put(point.id, &point.vector);
            }
            drop(signs);
            self.partitions.insert(partition, taken);
        }
    }
}

async fn read(pools: &Pools, partition: Uuid, dimensions: usize) -> sqlx::Result<Signs> {
    let row = sqlx::query(
        "SELECT group_concat(hex(id) || hex(vec_quantize_binary(vector)), '') FROM points WHERE partition = ?",
    )
    .bind(partition)
    .fetch_one(pools.read())
    .await?;
    let text: Option<&str> = row.try_get(0)?;
    let mut signs = Signs::new(dimensions);
    let bytes = size_of::<Uuid>() + dimensions / 8;
    let mut point = vec![0; bytes];
    for digits in text.unwrap_or_default().as_bytes().chunks_exact(bytes * 2) {
        for (byte, digits) in point.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digits
                .iter()
                .fold(0, |byte, digit| byte << 4 | value(*digit));
        }
        if let Some((id, bits)) = point.split_first_chunk() {
            signs.push_packed(Uuid::from_bytes(*id), bits);
        }
    }
    Ok(signs)
}

/// A hexadecimal digit's value, as SQLite writes it.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'A' + 10,
    }
}
