//! Keys and values of the tokens that a sequence has passed.

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use serde::Deserialize;

/// How the keys and values of a cache are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheType {
    /// In half precision, as llama.cpp keeps them: half the memory, and no difference that anybody reads.
    #[default]
    F16,
    /// As they were computed.
    F32,
}

impl CacheType {
    /// Bytes that a number takes.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// One sequence's keys and values in every layer.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    length: usize,
    width: usize,
    layers: Vec<LayerCache>,
}

/// One layer's keys and values, a row for each position.
#[derive(Debug, Clone)]
pub(super) struct LayerCache {
    pub(super) keys: Numbers,
    pub(super) values: Numbers,
}

/// The rows of keys, or of values, one after another.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    F16(Vec<f16>),
    F32(Vec<f32>),
}

impl Cache {
    /// An empty cache for `layers` layers with rows of `width` numbers.
    pub(super) fn new(kind: CacheType, layers: usize, width: usize) -> Self {
        let layer = LayerCache {
            keys: Numbers::new(kind),
            values: Numbers::new(kind),
        };
        Self {
            length: 0,
            width,
            layers: vec![layer; layers],
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

    /// The first `length` positions of `other`, which is of the same kind, in place of what this holds.
    pub(super) fn copy_prefix(&mut self, other: &Self, length: usize) {
        let numbers = length * self.width;
        for (to, from) in self.layers.iter_mut().zip(&other.layers) {
            to.keys.copy_prefix(&from.keys, numbers);
            to.values.copy_prefix(&from.values, numbers);
        }
        self.length = length;
    }
}

impl LayerCache {
    pub(super) fn append(&mut self, keys: &[f32], values: &[f32]) {
        self.keys.append(keys);
        self.values.append(values);
    }
}

impl Numbers {
    const fn new(kind: CacheType) -> Self {
        match kind {
            CacheType::F16 => Self::F16(Vec::new()),
            CacheType::F32 => Self::F32(Vec::new()),
        }
    }

    /// `count` numbers from `start` on: as they lie here, or widened into `scratch`.
    #[inline(always)]
    pub(super) fn read<'a>(
        &'a self,
        start: usize,
        count: usize,
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        match self {
            Self::F32(numbers) => &numbers[start..][..count],
            Self::F16(numbers) => {
                scratch.resize(count, 0.0);
                numbers[start..][..count].convert_to_f32_slice(scratch);
                scratch
            }
        }
    }

    fn append(&mut self, more: &[f32]) {
        match self {
            Self::F32(numbers) => numbers.extend_from_slice(more),
            Self::F16(numbers) => {
                let before = numbers.len();
                numbers.resize(before + more.len(), f16::ZERO);
                numbers[before..].convert_from_f32_slice(more);
            }
        }
    }

    fn truncate(&mut self, count: usize) {
        match self {
            Self::F32(numbers) => numbers.truncate(count),
            Self::F16(numbers) => numbers.truncate(count),
        }
    }

    fn copy_prefix(&mut self, other: &Self, count: usize) {
        match (self, other) {
            (Self::F32(to), Self::F32(from)) => copy(to, &from[..count]),
            (Self::F16(to), Self::F16(from)) => copy(to, &from[..count]),
            // All caches of an engine are of one kind.
            (to, from) => {
                to.clone_from(from);
                to.truncate(count);
            }
        }
    }
}

fn copy<T: Copy>(to: &mut Vec<T>, from: &[T]) {
    to.clear();
    to.extend_from_slice(from);
}
