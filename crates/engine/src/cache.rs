//! Keys and values of the tokens that a sequence has passed.

/// One sequence's keys and values in every layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache {
    length: usize,
    width: usize,
    layers: Vec<LayerCache>,
}

/// One layer's keys and values, a row for each position.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerCache {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

impl Cache {
    /// An empty cache for `layers` layers with rows of `width` numbers.
    pub(super) fn new(layers: usize, width: usize) -> Self {
        Self {
            length: 0,
            width,
            layers: vec![LayerCache::default(); layers],
        }
    }

    /// Positions held, in every layer.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Counts positions that every layer has been given.
    pub(super) const fn advance(&mut self, positions: usize) {
        self.length += positions;
    }

    pub(super) fn layer(&mut self, index: usize) -> &mut LayerCache {
        &mut self.layers[index]
    }

    /// Forgets all but the first `length` positions.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for layer in &mut self.layers {
            layer.keys.truncate(self.length * self.width);
            layer.values.truncate(self.length * self.width);
        }
    }

    /// The first `length` positions of `other` in place of what this holds.
    pub(super) fn copy_prefix(&mut self, other: &Self, length: usize) {
        let numbers = length * self.width;
        for (to, from) in self.layers.iter_mut().zip(&other.layers) {
            to.keys.clear();
            to.keys.extend_from_slice(&from.keys[..numbers]);
            to.values.clear();
            to.values.extend_from_slice(&from.values[..numbers]);
        }
        self.length = length;
    }
}

impl LayerCache {
    pub(super) fn append(&mut self, keys: &[f32], values: &[f32]) {
        self.keys.extend_from_slice(keys);
        self.values.extend_from_slice(values);
    }
}
