//! Rotary position embedding.

/// Turns the pairs of a head by angles that grow with the position.
#[derive(Debug)]
pub(super) struct Rope {
    /// Angle per position, for each pair.
    frequencies: Vec<f32>,
    /// Whether a pair's two values are neighbours, as in Llama's files, or half a head apart.
    neighbours: bool,
}

impl Rope {
    /// For heads of `width`; `scale` divides positions, `factors` divide the single frequencies.
    pub(super) fn new(
        width: usize,
        base: f32,
        scale: f32,
        factors: Option<&[f32]>,
        neighbours: bool,
    ) -> Self {
        let frequency = |pair: usize| {
            let factor = factors
                .and_then(|factors| factors.get(pair))
                .copied()
                .unwrap_or(1.0);
            base.powf(-2.0 * pair as f32 / width as f32) / (scale * factor)
        };
        Self {
            frequencies: (0..width / 2).map(frequency).collect(),
            neighbours,
        }
    }

    /// Turns every head in `heads`, which all belong to the token at `position`.
    pub(super) fn rotate(&self, position: usize, heads: &mut [f32]) {
        let half = self.frequencies.len();
        for (pair, frequency) in self.frequencies.iter().enumerate() {
            let (sine, cosine) = (position as f32 * frequency).sin_cos();
            let (first, second) = if self.neighbours {
                (2 * pair, 2 * pair + 1)
            } else {
                (pair, pair + half)
            };
            for head in heads.chunks_exact_mut(2 * half) {
                let (x, y) = (head[first], head[second]);
                head[first] = x * cosine - y * sine;
                head[second] = x * sine + y * cosine;
            }
        }
    }
}
