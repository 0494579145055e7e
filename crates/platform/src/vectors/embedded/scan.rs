//! The arithmetic of a search.

use super::Hit;

/// Sums that are kept side by side, so that the processor adds them with its vector instructions.
const LANES: usize = 16;

/// How a vector is stored: 32-bit floats, the lowest byte first.
pub(super) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The inner product with a stored vector of the same length.
pub(super) fn dot(vector: &[f32], stored: &[u8]) -> f32 {
    let (stored, _) = stored.as_chunks::<4>();
    let (vector_lanes, vector_rest) = vector.as_chunks::<LANES>();
    let (stored_lanes, stored_rest) = stored.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (xs, ys) in vector_lanes.iter().zip(stored_lanes) {
        for lane in 0..LANES {
            sums[lane] += xs[lane] * f32::from_le_bytes(ys[lane]);
        }
    }
    let rest = vector_rest.iter().zip(stored_rest);
    let rest: f32 = rest.map(|(x, y)| x * f32::from_le_bytes(*y)).sum();
    sums.iter().sum::<f32>() + rest
}

/// The best hits so far, the nearest first.
#[derive(Debug)]
pub(super) struct Nearest {
    hits: Vec<Hit>,
    limit: usize,
}

impl Nearest {
    pub(super) fn new(limit: usize) -> Self {
        let hits = Vec::new();
        Self { hits, limit }
    }

    /// Whether a hit of that score would be among them.
    pub(super) fn wants(&self, score: f32) -> bool {
        self.hits.len() < self.limit || self.hits.last().is_some_and(|last| score > last.score)
    }

    /// Takes a wanted hit in, and lets the farthest go if there are too many.
    pub(super) fn take(&mut self, hit: Hit) {
        let place = self.hits.partition_point(|other| other.score >= hit.score);
        self.hits.insert(place, hit);
        self.hits.truncate(self.limit);
    }

    pub(super) fn into_hits(self) -> Vec<Hit> {
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn multiplies_vectors_of_any_length() {
        for length in [0, 1, 15, 16, 17, 67, 384] {
            let vector: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let squares: f32 = vector.iter().map(|x| x * x).sum();
            let product = dot(&vector, &to_bytes(&vector));
            assert!((product - squares).abs() <= squares * 1e-6, "{length}");
        }
    }

    #[test]
    fn keeps_the_nearest_in_order() {
        let scores = [0.1, 0.9, -0.5, 0.4, 0.9, 0.3];
        let mut nearest = Nearest::new(3);
        for score in scores {
            let id = Uuid::now_v7();
            if nearest.wants(score) {
                nearest.take(Hit { id, score });
            }
        }
        let kept: Vec<f32> = nearest.into_hits().iter().map(|hit| hit.score).collect();
        assert_eq!(kept, [0.9, 0.9, 0.4]);
        assert!(!Nearest::new(0).wants(1.0));
    }
}
