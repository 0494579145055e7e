//! Prices and costs, in whole pico-USD (10^-12 USD). A micro-USD for a million tokens is a pico-USD for each.

use super::TokenUsage;

/// What a token costs, in pico-USD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prices {
    /// A prompt token that the provider reads anew.
    pub(crate) prompt: i64,
    /// A prompt token that the provider had from before.
    pub(crate) cached: i64,
    /// A prompt token that the provider keeps for later.
    pub(crate) cache_written: i64,
    /// A generated token.
    pub(crate) completion: i64,
    /// A token of a thought.
    pub(crate) reasoning: i64,
}

impl Prices {
    /// What a generation costs, in pico-USD; at most what 64 bits hold, some nine million USD.
    pub(crate) fn cost(&self, usage: &TokenUsage) -> i64 {
        let cached = usage.cached.min(usage.prompt);
        let written = usage.cache_written.min(usage.prompt - cached);
        let reasoning = usage.reasoning.min(usage.completion);
        let parts = [
            (self.prompt, usage.prompt - cached - written),
            (self.cached, cached),
            (self.cache_written, written),
            (self.completion, usage.completion - reasoning),
            (self.reasoning, reasoning),
        ];
        let part = |(price, tokens): (i64, u32)| price.saturating_mul(i64::from(tokens));
        parts.map(part).into_iter().fold(0, i64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: Prices = Prices {
        prompt: 1_250_000,
        cached: 125_000,
        cache_written: 1_500_000,
        completion: 10_000_000,
        reasoning: 20_000_000,
    };

    #[test]
    fn charges_cached_tokens_at_their_own_price() {
        let usage = TokenUsage {
            prompt: 1_000_000,
            cached: 400_000,
            completion: 1_000_000,
            ..TokenUsage::default()
        };
        // 0.75 USD for new tokens, 0.05 for cached ones, 10 for generated ones.
        assert_eq!(PRICES.cost(&usage), 10_800_000_000_000);
    }

    #[test]
    fn never_charges_more_cached_tokens_than_the_prompt_has() {
        let usage = TokenUsage {
            prompt: 10,
            cached: 99,
            cache_written: 99,
            ..TokenUsage::default()
        };
        assert_eq!(PRICES.cost(&usage), 10 * 125_000);
    }

    #[test]
    fn charges_what_is_kept_and_thoughts_at_their_own_prices() {
        let usage = TokenUsage {
            prompt: 1_000,
            cached: 100,
            cache_written: 300,
            completion: 50,
            reasoning: 20,
        };
        let prompt = 600 * 1_250_000 + 100 * 125_000 + 300 * 1_500_000;
        assert_eq!(
            PRICES.cost(&usage),
            prompt + 30 * 10_000_000 + 20 * 20_000_000
        );
    }

    #[test]
    fn stays_within_64_bits() {
        let dear = Prices {
            prompt: i64::MAX,
            cached: i64::MAX,
            completion: i64::MAX,
            ..PRICES
        };
        let usage = TokenUsage {
            prompt: u32::MAX,
            cached: 7,
            completion: u32::MAX,
            ..TokenUsage::default()
        };
        assert_eq!(dear.cost(&usage), i64::MAX);
    }
}
