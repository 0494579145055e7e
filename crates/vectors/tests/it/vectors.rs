//! Vectors: what every store promises, and what only those of a file or of a server do.

mod file;
mod peer;
mod server;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use platform::config::ServerUrl;
use storage::Storage;
use tempfile::TempDir;
use troupe_vectors::{self, Error, Hit, Point, QdrantConfig, Vectors};
use uuid::Uuid;

use self::peer::Peer;

const MODEL: &str = "all-MiniLM-L6-v2";
const DIMENSIONS: usize = 4;
const EAST: [f32; DIMENSIONS] = [1.0, 0.0, 0.0, 0.0];
const NORTH: [f32; DIMENSIONS] = [0.0, 1.0, 0.0, 0.0];
const NORTHEAST: [f32; DIMENSIONS] = [0.6, 0.8, 0.0, 0.0];
const WEST: [f32; DIMENSIONS] = [-1.0, 0.0, 0.0, 0.0];

/// Where a test's collections are: nowhere else are there any of that name.
struct Place {
    storage: Storage,
    qdrant: QdrantConfig,
    _folder: TempDir,
    _peer: Option<Peer>,
}

impl Place {
    fn new(qdrant: QdrantConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            storage: Storage::new(folder.path()),
            qdrant,
            _folder: folder,
            _peer: None,
        }
    }

    async fn in_a_file() -> Option<Self> {
        Some(Self::new(QdrantConfig::default()))
    }

    async fn on_a_peer() -> Option<Self> {
        let peer = Peer::start();
        Some(Self {
            _peer: Some(peer.clone()),
            ..Self::new(peer.config())
        })
    }

    async fn on_qdrant() -> Option<Self> {
        let server = testkit::servers::Qdrant::shared("the vector suite").await;
        let server = server.unwrap()?;
        Some(Self::new(QdrantConfig {
            url: ServerUrl::new(server.url()),
            prefix: server.new_prefix(),
            ..QdrantConfig::default()
        }))
    }

    fn files(&self) -> Vec<PathBuf> {
        troupe_vectors::files(&self.storage.data_dir, &self.qdrant)
    }

    fn broken_files(&self) -> Vec<PathBuf> {
        troupe_vectors::broken_files(&self.storage.data_dir, &self.qdrant)
    }

    async fn open(&self) -> Arc<dyn Vectors> {
        self.open_for(MODEL, DIMENSIONS).await
    }

    async fn open_for(&self, model: &str, dimensions: usize) -> Arc<dyn Vectors> {
        troupe_vectors::open(
            &self.storage,
            &self.qdrant,
            "test-memory",
            model,
            dimensions,
        )
        .await
        .unwrap()
    }
}

/// Each promise becomes a test on each place.
macro_rules! promises {
    ($($promise:ident)*) => {
        promises!(in_a_file: $($promise)*);
        promises!(on_a_peer: $($promise)*);
        promises!(on_qdrant: $($promise)*);
    };
    ($place:ident: $($promise:ident)*) => {
        mod $place {
            $(#[tokio::test]
            async fn $promise() {
                if let Some(place) = super::Place::$place().await {
                    super::$promise(place).await;
                }
            })*
        }
    };
}

promises! {
    finds_the_nearest_points_first
    finds_at_most_as_many_as_were_asked_for
    finds_points_of_one_partition_only
    leaves_out_what_it_is_told_to
    follows_what_becomes_of_a_large_partition
    replaces_a_point_that_it_has
    forgets_points_of_one_partition_only
    forgets_a_partition
    forgets_everything
    counts_points
    refuses_vectors_of_another_length
    takes_more_points_than_one_request_holds
    finds_what_an_exact_search_finds
    keeps_points_when_opened_again
    is_empty_for_another_model_or_length
}

fn point(partition: Uuid, vector: [f32; DIMENSIONS]) -> Point {
    Point {
        id: Uuid::now_v7(),
        partition,
        vector: vector.to_vec(),
    }
}

async fn nearest(
    store: &dyn Vectors,
    partition: Uuid,
    vector: &[f32],
    limit: usize,
) -> Result<Vec<Hit>, Error> {
    store
        .search(partition, vector, limit, &HashSet::new())
        .await
}

fn ids(hits: &[Hit]) -> Vec<Uuid> {
    hits.iter().map(|hit| hit.id).collect()
}

async fn finds_the_nearest_points_first(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    let points = [EAST, WEST, NORTHEAST].map(|vector| point(chat, vector));
    let [east, west, northeast] = points.clone().map(|point| point.id);
    store.upsert(points.to_vec()).await.unwrap();

    let hits = nearest(&*store, chat, &NORTH, 10).await.unwrap();
    assert_eq!(hits[0].id, northeast);
    let hits = nearest(&*store, chat, &EAST, 10).await.unwrap();
    assert_eq!(ids(&hits), [east, northeast, west]);
    for (hit, score) in hits.iter().zip([1.0, 0.6, -1.0]) {
        assert!((hit.score - score).abs() < 1e-5, "{hit:?}");
    }
}

async fn finds_at_most_as_many_as_were_asked_for(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    let points = vec![point(chat, EAST), point(chat, NORTH), point(chat, WEST)];
    store.upsert(points).await.unwrap();
    for limit in 0..=4 {
        let hits = nearest(&*store, chat, &EAST, limit).await.unwrap();
        assert_eq!(hits.len(), limit.min(3));
    }
}

async fn finds_points_of_one_partition_only(place: Place) {
    let store = place.open().await;
    let [ours, theirs, empty] = [(); 3].map(|()| Uuid::now_v7());
    let (far, near) = (point(ours, WEST), point(theirs, EAST));
    store.upsert(vec![far.clone(), near]).await.unwrap();
    let hits = nearest(&*store, ours, &EAST, 10).await.unwrap();
    assert_eq!(ids(&hits), [far.id]);
    assert_eq!(nearest(&*store, empty, &EAST, 10).await.unwrap(), []);
}

async fn leaves_out_what_it_is_told_to(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    let points = [EAST, NORTHEAST, NORTH].map(|vector| point(chat, vector));
    let [east, northeast, north] = points.clone().map(|point| point.id);
    store.upsert(points.to_vec()).await.unwrap();
    let except = [east, Uuid::now_v7()].into();
    let hits = store.search(chat, &EAST, 2, &except).await.unwrap();
    assert_eq!(ids(&hits), [northeast, north]);
}

async fn follows_what_becomes_of_a_large_partition(place: Place) {
    const LENGTH: usize = 64;
    let (store, chat) = (place.open_for(MODEL, LENGTH).await, Uuid::now_v7());
    let points: Vec<Point> = (0..3_000)
        .map(|seed| Point {
            vector: unit_vector(seed, LENGTH),
            ..point(chat, EAST)
        })
        .collect();
    let (old, new) = points.split_at(2_000);
    store.upsert(old.to_vec()).await.unwrap();
    let nearest_to = async |point: &Point, except: &[Uuid]| {
        let except = except.iter().copied().collect();
        let hits = store.search(chat, &point.vector, 1, &except).await;
        hits.unwrap()[0]
    };
    assert_eq!(nearest_to(&points[7], &[]).await.id, points[7].id);
    assert_ne!(
        nearest_to(&points[7], &[points[7].id]).await.id,
        points[7].id
    );
    assert_ne!(nearest_to(&points[2_500], &[]).await.id, points[2_500].id);

    store.upsert(new.to_vec()).await.unwrap();
    assert_eq!(nearest_to(&points[2_500], &[]).await.id, points[2_500].id);
    let moved = Point {
        vector: unit_vector(9_999, LENGTH),
        ..points[7].clone()
    };
    store.upsert(vec![moved.clone()]).await.unwrap();
    assert_eq!(nearest_to(&moved, &[]).await.id, moved.id);
    assert_ne!(nearest_to(&points[7], &[]).await.id, points[7].id);

    store.delete(chat, &[points[2_500].id]).await.unwrap();
    assert_ne!(nearest_to(&points[2_500], &[]).await.id, points[2_500].id);
    let hits = nearest(&*store, chat, &moved.vector, 2_500);
    assert_eq!(hits.await.unwrap().len(), 2_500);
    store.delete_partition(chat).await.unwrap();
    let hits = nearest(&*store, chat, &moved.vector, 10);
    assert_eq!(hits.await.unwrap(), []);
}

async fn replaces_a_point_that_it_has(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    let first = point(chat, EAST);
    let second = Point {
        vector: NORTH.to_vec(),
        ..first.clone()
    };
    store.upsert(vec![first.clone()]).await.unwrap();
    store.upsert(vec![second]).await.unwrap();
    let hits = nearest(&*store, chat, &NORTH, 10).await.unwrap();
    assert_eq!(ids(&hits), [first.id]);
    assert!(hits[0].score > 0.999);
}

async fn forgets_points_of_one_partition_only(place: Place) {
    let store = place.open().await;
    let [ours, theirs] = [(); 2].map(|()| Uuid::now_v7());
    let (kept, lost, foreign) = (point(ours, EAST), point(ours, NORTH), point(theirs, EAST));
    let points = vec![kept.clone(), lost.clone(), foreign.clone()];
    store.upsert(points).await.unwrap();

    let unknown = Uuid::now_v7();
    store
        .delete(ours, &[lost.id, foreign.id, unknown])
        .await
        .unwrap();
    store.delete(ours, &[]).await.unwrap();
    let hits = nearest(&*store, ours, &NORTH, 10).await.unwrap();
    assert_eq!(ids(&hits), [kept.id]);
    assert_eq!(store.count(Some(theirs)).await.unwrap(), 1);
}

async fn forgets_a_partition(place: Place) {
    let store = place.open().await;
    let [ours, theirs] = [(); 2].map(|()| Uuid::now_v7());
    let points = vec![point(ours, EAST), point(ours, NORTH), point(theirs, EAST)];
    store.upsert(points).await.unwrap();
    store.delete_partition(ours).await.unwrap();
    store.delete_partition(ours).await.unwrap();
    assert_eq!(nearest(&*store, ours, &EAST, 10).await.unwrap(), []);
    assert_eq!(store.count(None).await.unwrap(), 1);
}

async fn forgets_everything(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    store.clear().await.unwrap();
    store
        .upsert(vec![point(chat, EAST), point(Uuid::now_v7(), EAST)])
        .await
        .unwrap();
    store.clear().await.unwrap();
    assert_eq!(store.count(None).await.unwrap(), 0);
    store.upsert(vec![point(chat, EAST)]).await.unwrap();
    assert_eq!(store.count(None).await.unwrap(), 1);
}

async fn counts_points(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    assert_eq!(store.count(None).await.unwrap(), 0);
    let points = vec![point(chat, EAST), point(chat, NORTH)];
    store.upsert(points).await.unwrap();
    store
        .upsert(vec![point(Uuid::now_v7(), EAST)])
        .await
        .unwrap();
    assert_eq!(store.count(Some(chat)).await.unwrap(), 2);
    assert_eq!(store.count(Some(Uuid::now_v7())).await.unwrap(), 0);
    assert_eq!(store.count(None).await.unwrap(), 3);
}

async fn refuses_vectors_of_another_length(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    let short = Point {
        vector: vec![1.0, 0.0],
        ..point(chat, EAST)
    };
    let refused = store.upsert(vec![point(chat, EAST), short]).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let refused = nearest(&*store, chat, &[1.0, 0.0], 10).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(store.count(None).await.unwrap(), 0);
}

async fn takes_more_points_than_one_request_holds(place: Place) {
    let (store, chat) = (place.open().await, Uuid::now_v7());
    let points = (0..1000).map(|_| point(chat, EAST)).collect();
    store.upsert(points).await.unwrap();
    store.upsert(Vec::new()).await.unwrap();
    assert_eq!(store.count(Some(chat)).await.unwrap(), 1000);
    assert_eq!(nearest(&*store, chat, &EAST, 300).await.unwrap().len(), 300);
}

async fn finds_what_an_exact_search_finds(place: Place) {
    const LENGTH: usize = 67;
    let (store, chat) = (place.open_for(MODEL, LENGTH).await, Uuid::now_v7());
    let vectors: Vec<Vec<f32>> = (0..500).map(|seed| unit_vector(seed, LENGTH)).collect();
    let points: Vec<Point> = vectors
        .iter()
        .map(|vector| Point {
            vector: vector.clone(),
            ..point(chat, EAST)
        })
        .collect();
    store.upsert(points.clone()).await.unwrap();
    for seed in 1000..1010 {
        let asked = unit_vector(seed, LENGTH);
        let score = |point: &Point| -> f32 {
            let products = point.vector.iter().zip(&asked);
            products.map(|(x, y)| x * y).sum()
        };
        let mut exact = points.clone();
        exact.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let exact: Vec<Uuid> = exact.iter().take(10).map(|point| point.id).collect();
        let hits = nearest(&*store, chat, &asked, 10).await.unwrap();
        assert_eq!(ids(&hits), exact);
    }
}

/// A vector of length 1 that differs with `seed`.
fn unit_vector(seed: u32, length: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    let vector: Vec<f32> = (0..length).map(|_| next()).collect();
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / norm).collect()
}

async fn keeps_points_when_opened_again(place: Place) {
    let chat = Uuid::now_v7();
    let kept = point(chat, EAST);
    let store = place.open().await;
    store.upsert(vec![kept.clone()]).await.unwrap();
    drop(store);
    let store = place.open().await;
    let hits = nearest(&*store, chat, &EAST, 10).await.unwrap();
    assert_eq!(ids(&hits), [kept.id]);
}

async fn is_empty_for_another_model_or_length(place: Place) {
    let chat = Uuid::now_v7();
    let store = place.open().await;
    store.upsert(vec![point(chat, EAST)]).await.unwrap();
    drop(store);
    let store = place.open_for("another model", DIMENSIONS).await;
    assert_eq!(store.count(None).await.unwrap(), 0);
    store.upsert(vec![point(chat, EAST)]).await.unwrap();
    drop(store);
    let store = place.open_for("another model", 2).await;
    assert_eq!(store.count(None).await.unwrap(), 0);
    assert_eq!(nearest(&*store, chat, &[1.0, 0.0], 10).await.unwrap(), []);
}
