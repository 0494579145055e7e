//! Measures vector stores: `cargo run --release -p troupe-platform --example vectors_bench -- [points] [address of Qdrant]`.
//!
//! Prints one `name value unit` a line, for the file in the data folder and, if an address is given, for Qdrant: points stored
//! a second, the time of a search for ten, and how many of the ten nearest it finds; once with all points in one partition,
//! once with a hundred in each. The points lie in clusters, as those of texts do.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use platform::config::ServerUrl;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::Storage;
use troupe_vectors::{self, Point, QdrantConfig, Vectors};
use uuid::Uuid;

const DIMENSIONS: usize = 384;
const CLUSTERS: usize = 1000;
/// How much of a point is its cluster's middle.
const CLOSENESS: f32 = 0.7;
const BATCH: usize = 1000;
const NEAREST: usize = 10;
const SEARCHES: usize = 100;
const SMALL_PARTITION: usize = 100;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let points = Points::new(count);
    measure("embedded", &QdrantConfig::default(), &points).await?;
    if let Some(address) = arguments.next() {
        let config = QdrantConfig {
            url: ServerUrl::new(address),
            prefix: format!("bench-{}", std::process::id()),
            ..QdrantConfig::default()
        };
        measure("qdrant", &config, &points).await?;
    }
    Ok(())
}

/// Stores all points of one kind of store, and searches them.
async fn measure(name: &str, config: &QdrantConfig, points: &Points) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let storage = Storage::new(folder.path());
    for (shape, partitions) in [
        ("one_partition", 1),
        (
            "small_partitions",
            points.vectors.len().div_ceil(SMALL_PARTITION),
        ),
    ] {
        let store = troupe_vectors::open(&storage, config, shape, "bench", DIMENSIONS).await?;
        let name = format!("{name}_{shape}");
        let partitions: Vec<Uuid> = (0..partitions).map(|_| Uuid::now_v7()).collect();
        store_all(&name, &store, points, &partitions).await?;
        search(&name, &store, points, &partitions).await?;
        store.clear().await?;
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    println!("{name}_resident {}", resident.unwrap_or_default().trim());
    Ok(())
}

async fn store_all(
    name: &str,
    store: &Arc<dyn Vectors>,
    points: &Points,
    partitions: &[Uuid],
) -> Result<(), Failure> {
    let start = Instant::now();
    for first in (0..points.vectors.len()).step_by(BATCH) {
        let batch = first..points.vectors.len().min(first + BATCH);
        let batch = batch.map(|index| points.point(index, partitions)).collect();
        store.upsert(batch).await?;
    }
    let speed = points.vectors.len() as f64 / start.elapsed().as_secs_f64();
    println!("{name}_insert {speed:.0} points/s");
    let start = Instant::now();
    for index in 0..SEARCHES {
        // One that is there already, so that the count stays as it is.
        store.upsert(vec![points.point(index, partitions)]).await?;
    }
    let speed = SEARCHES as f64 / start.elapsed().as_secs_f64();
    println!("{name}_insert_single {speed:.0} points/s");
    Ok(())
}

async fn search(
    name: &str,
    store: &Arc<dyn Vectors>,
    points: &Points,
    partitions: &[Uuid],
) -> Result<(), Failure> {
    let mut times = Vec::new();
    let (mut found, mut wanted) = (0, 0);
    for (number, asked) in points.asked.iter().enumerate() {
        let partition = number * 7919 % partitions.len();
        let start = Instant::now();
        let hits = store
            .search(partitions[partition], asked, NEAREST, &HashSet::new())
            .await?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        let exact = points.nearest(asked, partition, partitions.len());
        wanted += exact.len();
        found += exact
            .iter()
            .filter(|id| hits.iter().any(|hit| hit.id == **id))
            .count();
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[(share * (times.len() - 1) as f64) as usize];
    println!("{name}_search_median {:.2} ms", at(0.5));
    println!("{name}_search_p99 {:.2} ms", at(0.99));
    println!("{name}_recall {:.3} of_10", found as f64 / wanted as f64);
    Ok(())
}

/// What is stored, and what is asked for.
struct Points {
    vectors: Vec<Vec<f32>>,
    asked: Vec<Vec<f32>>,
}

impl Points {
    fn new(count: usize) -> Self {
        let mut random = StdRng::seed_from_u64(7);
        let middles: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| noise(&mut random)).collect();
        let mut near_a_middle = |_| {
            let middle = &middles[random.random_range(0..CLUSTERS)];
            let vector = noise(&mut random);
            let mixed = vector.iter().zip(middle);
            normalised(mixed.map(|(x, m)| x + CLOSENESS * m).collect())
        };
        Self {
            vectors: (0..count).map(&mut near_a_middle).collect(),
            asked: (0..SEARCHES).map(near_a_middle).collect(),
        }
    }

    /// Points go to partitions by turns, as messages go to chats.
    fn point(&self, index: usize, partitions: &[Uuid]) -> Point {
        Point {
            id: id(index),
            partition: partitions[index % partitions.len()],
            vector: self.vectors[index].clone(),
        }
    }

    /// The nearest of a partition, by comparison with each.
    fn nearest(&self, asked: &[f32], partition: usize, partitions: usize) -> Vec<Uuid> {
        let of_partition = (partition..self.vectors.len()).step_by(partitions);
        let mut scores: Vec<(f32, usize)> = of_partition
            .map(|index| {
                let products = self.vectors[index].iter().zip(asked);
                (products.map(|(x, y)| x * y).sum(), index)
            })
            .collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let nearest = scores.iter().take(NEAREST);
        nearest.map(|(_, index)| id(*index)).collect()
    }
}

fn id(index: usize) -> Uuid {
    Uuid::from_u128(index as u128)
}

/// About normally distributed in each dimension.
fn noise(random: &mut StdRng) -> Vec<f32> {
    let mut number = || (0..6).map(|_| random.random_range(-1.0..1.0)).sum();
    (0..DIMENSIONS).map(|_| number()).collect()
}

fn normalised(vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / norm).collect()
}
