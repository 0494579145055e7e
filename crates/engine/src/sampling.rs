//! Choosing the next token from the logits.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::error::Error;

/// How many of the last tokens the repetition penalty looks at.
const PENALTY_SPAN: usize = 256;
/// Tokens less likely than the best by this factor's exponential are never chosen.
const NEGLIGIBLE: f32 = 20.0;

/// How the next token is chosen. The order is that of llama.cpp: penalty, `top_k`, `top_p`, `min_p`, temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token always; 1 leaves the model's distribution as it is.
    pub temperature: f32,
    /// Keeps the likeliest tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Keeps that many of the likeliest tokens; 0 keeps all.
    pub top_k: u32,
    /// Drops tokens less likely than the likeliest by more than this factor; 0 keeps all.
    pub min_p: f32,
    /// Makes tokens among the last 256 less likely; 1 leaves them as they are.
    pub repetition_penalty: f32,
    /// The same seed and prompt give the same reply.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_p: 0.95,
            top_k: 40,
            min_p: 0.05,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// Checks every parameter's range.
    ///
    /// # Errors
    /// [`Error::Sampling`] names the first that is out of it.
    pub fn validate(&self) -> Result<(), Error> {
        let rules = [
            (
                "temperature",
                "at least 0",
                self.temperature >= 0.0 && self.temperature.is_finite(),
            ),
            (
                "top_p",
                "above 0 and at most 1",
                self.top_p > 0.0 && self.top_p <= 1.0,
            ),
            (
                "min_p",
                "at least 0 and below 1",
                (0.0..1.0).contains(&self.min_p),
            ),
            (
                "repetition_penalty",
                "above 0",
                self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite(),
            ),
        ];
        match rules.into_iter().find(|(_, _, holds)| !holds) {
            Some((name, rule, _)) => Err(Error::Sampling { name, rule }),
            None => Ok(()),
        }
    }
}

/// Chooses the tokens of one reply.
#[derive(Debug)]
pub(super) struct Sampler {
    sampling: Sampling,
    random: StdRng,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling) -> Self {
        Self {
            sampling,
            random: StdRng::seed_from_u64(sampling.seed),
            candidates: Vec::new(),
        }
    }

    /// The next token, given the logits and all tokens so far. Changes the logits.
    pub(super) fn choose(&mut self, logits: &mut [f32], tokens: &[u32]) -> u32 {
        self.penalise(logits, tokens);
        let (best, most) = likeliest(logits);
        if self.sampling.temperature == 0.0 {
            return best;
        }
        let least = most - NEGLIGIBLE * self.sampling.temperature.max(1.0);
        let eligible = (0..)
            .zip(logits.iter())
            .filter(|(_, logit)| **logit >= least);
        self.candidates.clear();
        self.candidates
            .extend(eligible.map(|(id, logit)| (*logit, id)));
        self.keep_top_k();
        self.candidates.sort_unstable_by(descending);
        self.keep_top_p(most);
        self.keep_min_p(most);
        self.draw(most)
    }

    fn penalise(&self, logits: &mut [f32], tokens: &[u32]) {
        let penalty = self.sampling.repetition_penalty;
        if penalty == 1.0 {
            return;
        }
        let mut recent = tokens[tokens.len().saturating_sub(PENALTY_SPAN)..].to_vec();
        recent.sort_unstable();
        recent.dedup();
        for token in recent {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit > 0.0 {
                    *logit / penalty
                } else {
                    *logit * penalty
                };
            }
        }
    }

    fn keep_top_k(&mut self) {
        let keep = self.sampling.top_k as usize;
        if keep > 0 && keep < self.candidates.len() {
            self.candidates.select_nth_unstable_by(keep - 1, descending);
            self.candidates.truncate(keep);
        }
    }

    fn keep_top_p(&mut self, most: f32) {
        if self.sampling.top_p >= 1.0 {
            return;
        }
        let total: f32 = self
            .candidates
            .iter()
            .map(|(logit, _)| (logit - most).exp())
            .sum();
        let mut sum = 0.0;
        let enough = self.candidates.iter().position(|(logit, _)| {
            sum += (logit - most).exp();
            sum >= self.sampling.top_p * total
        });
        self.candidates
            .truncate(enough.map_or(self.candidates.len(), |last| last + 1));
    }

    fn keep_min_p(&mut self, most: f32) {
        if self.sampling.min_p > 0.0 {
            let least = most + self.sampling.min_p.ln();
            let keep = self
                .candidates
                .partition_point(|(logit, _)| *logit >= least);
            self.candidates.truncate(keep.max(1));
        }
    }

    fn draw(&mut self, most: f32) -> u32 {
        let weight = |logit: f32| ((logit - most) / self.sampling.temperature).exp();
        let total: f32 = self
            .candidates
            .iter()
            .map(|(logit, _)| weight(*logit))
            .sum();
        let mut rest = self.random.random::<f32>() * total;
        for (logit, id) in &self.candidates {
            rest -= weight(*logit);
            if rest <= 0.0 {
                return *id;
            }
        }
        self.candidates.last().map_or(0, |(_, id)| *id)
    }
}

/// Likelier first, and of equally likely ones the lower id, so that the order is always the same.
fn descending(left: &(f32, u32), right: &(f32, u32)) -> std::cmp::Ordering {
    right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
}

fn likeliest(logits: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, logit) in (0..).zip(logits) {
        if *logit > best.1 {
            best = (id, *logit);
        }
    }
    best
}

#[cfg(test)]
mod tests;
