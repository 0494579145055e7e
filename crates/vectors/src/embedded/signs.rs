//! The signs of a partition's vectors, held in memory: a bit for each dimension. Two vectors have as many signs in common as
//! they are near, so that signs tell in a moment which few of many vectors need to be measured.

use std::collections::HashSet;

use uuid::Uuid;

/// The signs of a partition's vectors.
#[derive(Debug, Clone)]
pub(super) struct Signs {
    /// Words of a vector's bits.
    words: usize,
    ids: Vec<Uuid>,
    bits: Vec<u64>,
    /// The greatest id. Ids are made in the order of time, so that most are greater than all before them.
    greatest: Uuid,
}

impl Signs {
    /// Of no vector yet.
    pub(super) fn new(dimensions: usize) -> Self {
        Self {
            words: dimensions.div_ceil(u64::BITS as usize),
            ids: Vec::new(),
            bits: Vec::new(),
            greatest: Uuid::nil(),
        }
    }

    /// The bytes that they take.
    pub(super) fn size(&self) -> usize {
        self.ids.capacity() * size_of::<Uuid>() + self.bits.capacity() * size_of::<u64>()
    }

    /// Adds a vector, or takes it in place of the one that has its id.
    pub(super) fn put(&mut self, id: Uuid, vector: &[f32]) {
        let is_new = id > self.greatest;
        let known = || self.ids.iter().position(|known| *known == id);
        if let Some(at) = (!is_new).then(known).flatten() {
            let at = at * self.words;
            self.bits.splice(at..at + self.words, bits(vector));
        } else {
            self.push(id, bits(vector));
        }
    }

    /// Adds a vector whose id is new, by its signs as sqlite-vec packs them: the first dimension is the lowest bit.
    pub(super) fn push_packed(&mut self, id: Uuid, signs: &[u8]) {
        let words = signs.chunks(size_of::<u64>()).map(|bytes| {
            let mut word = [0; size_of::<u64>()];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        self.push(id, words);
    }

    fn push(&mut self, id: Uuid, bits: impl Iterator<Item = u64>) {
        self.greatest = self.greatest.max(id);
        self.ids.push(id);
        self.bits.extend(bits);
    }

    /// At most about `count` vectors that have most signs in common with one, and aren't left out.
    pub(super) fn alike(&self, vector: &[f32], count: usize, except: &HashSet<Uuid>) -> Vec<Uuid> {
        let wanted: Vec<u64> = bits(vector).collect();
        let differences: Vec<u16> = self
            .bits
            .chunks_exact(self.words)
            .map(|bits| {
                let pairs = bits.iter().zip(&wanted);
                let differing: u32 = pairs
                    .map(|(ours, wanted)| (ours ^ wanted).count_ones())
                    .sum();
                u16::try_from(differing).unwrap_or(u16::MAX)
            })
            .collect();
        let most = self.words * u64::BITS as usize;
        let mut counts = vec![0_usize; most + 1];
        for differing in &differences {
            counts[usize::from(*differing).min(most)] += 1;
        }
        let enough = count.saturating_add(except.len());
        let mut so_far = 0;
        let limit = counts.iter().position(|count| {
            so_far += count;
            so_far >= enough
        });
        let limit = limit.unwrap_or(most);
        let points = self.ids.iter().zip(&differences);
        let mut alike: Vec<(u16, Uuid)> = points
            .filter(|(id, differing)| usize::from(**differing) <= limit && !except.contains(id))
            .map(|(id, differing)| (*differing, *id))
            .collect();
        alike.sort_unstable();
        alike.truncate(count);
        alike.into_iter().map(|(_, id)| id).collect()
    }
}

fn bits(vector: &[f32]) -> impl Iterator<Item = u64> {
    vector.chunks(u64::BITS as usize).map(|part| {
        let bits = part.iter().enumerate();
        bits.fold(0, |word, (at, number)| {
            word | u64::from(*number > 0.0) << at
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAST: [f32; 2] = [1.0, 0.5];
    const NORTH: [f32; 2] = [-0.1, 1.0];
    const WEST: [f32; 2] = [-1.0, -0.5];

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn signs() -> Signs {
        let mut signs = Signs::new(2);
        for (number, vector) in [(1, WEST), (2, NORTH), (3, EAST)] {
            signs.put(id(number), &vector);
        }
        signs
    }

    #[test]
    fn takes_those_that_have_most_signs_in_common() {
        let none = HashSet::new();
        assert_eq!(signs().alike(&EAST, 2, &none), [id(3), id(2)]);
        assert_eq!(signs().alike(&EAST, 9, &none), [id(3), id(2), id(1)]);
        assert_eq!(signs().alike(&EAST, 2, &[id(3)].into()), [id(2), id(1)]);
    }

    #[test]
    fn takes_a_vector_in_place_of_an_earlier_one() {
        let mut signs = signs();
        signs.put(id(1), &EAST);
        let alike = signs.alike(&EAST, 2, &HashSet::new());
        assert_eq!(alike, [id(1), id(3)]);
    }

    #[test]
    fn reads_signs_as_sqlite_vec_packs_them() {
        let mut packed = Signs::new(16);
        packed.push_packed(id(1), &[0b0000_0001, 0b1000_0000]);
        let mut vector = [-1.0; 16];
        (vector[0], vector[15]) = (1.0, 1.0);
        let mut ours = Signs::new(16);
        ours.put(id(1), &vector);
        assert_eq!(packed.bits, ours.bits);
    }
}
