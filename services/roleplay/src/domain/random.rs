//! Chance without state: every roll is a function of a seed and of what it is for, so a prompt
//! can be compiled again and come out the same whatever was rolled before.

/// Mixes what a roll is for into a seed (FNV-1a over the bytes, then a `SplitMix64` step).
pub(crate) fn seed_for(seed: u64, purpose: &str, nth: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for byte in purpose.as_bytes() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    step(hash ^ step(nth))
}

/// A sequence of rolls from one seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly from 0 up to, not including, `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = step(self.0);
        // The high half of a widening product: even enough for any bound that people write.
        u64::try_from((u128::from(self.0) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// Evenly from 0 up to, not including, 100.
    pub(crate) fn percent(&mut self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a million steps fit a double exactly"
        )]
        let millionths = self.below(1_000_000) as f64;
        millionths / 10_000.0
    }
}

fn step(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolls_reach_every_side_and_no_other() {
        let mut dice = Dice::new(7);
        let mut seen = [0; 6];
        for _ in 0..600 {
            seen[usize::try_from(dice.below(6)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }

    #[test]
    fn purposes_get_different_rolls_from_one_seed() {
        assert_ne!(seed_for(1, "a", 0), seed_for(1, "b", 0));
        assert_ne!(seed_for(1, "a", 0), seed_for(1, "a", 1));
        assert_eq!(seed_for(1, "a", 0), seed_for(1, "a", 0));
    }
}
