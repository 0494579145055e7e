//! Whose turn it is, where a session has several characters. The strategies are those of SillyTavern's groups. The same scene and seed
//! give the same speakers.

mod mentions;
mod round;

#[cfg(test)]
mod tests;

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

use super::ids::CharacterId;
use super::random::{Dice, seed_for};

pub use self::mentions::{Names, mentioned};
pub use self::round::Round;

/// How willing to speak is whose card doesn't say it.
pub const DEFAULT_TALKATIVENESS: f64 = 0.5;

/// How it is decided who answers. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Those who are mentioned, then those who feel like it, or else one at random.
    #[default]
    Natural,
    /// All, in their order.
    List,
    /// One who hasn't spoken since a person did, or else anybody but who spoke last.
    Pooled,
    /// Nobody, until a request names somebody.
    Manual,
}

/// Why somebody speaks. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Call {
    /// There is no other character.
    Alone,
    /// The request names them.
    Asked,
    /// It is their message that is written anew or continued, or that waits in another process's place.
    Kept,
    /// They were mentioned.
    Mentioned,
    /// They felt like it.
    Talkative,
    /// It is their turn in the list.
    Listed,
    /// They haven't spoken since a person did.
    Pooled,
    /// Somebody had to, and chance chose them.
    Chance,
}

impl Call {
    /// Its name, as receipts have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Asked => "asked",
            Self::Kept => "kept",
            Self::Mentioned => "mentioned",
            Self::Talkative => "talkative",
            Self::Listed => "listed",
            Self::Pooled => "pooled",
            Self::Chance => "chance",
        }
    }
}

/// Somebody who is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaker {
    /// The character.
    pub character_id: CharacterId,
    /// Why.
    pub call: Call,
}

/// A character who may speak.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The character.
    pub character_id: CharacterId,
    /// By what others mention them.
    pub names: Names,
    /// From 0, for who speaks only when mentioned, to 1, for who always speaks.
    pub talkativeness: f64,
}

/// What happened before somebody speaks.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'s> {
    /// Those who may speak, in their order; who is muted isn't among them.
    pub candidates: &'s [Candidate],
    /// How it is decided.
    pub strategy: Strategy,
    /// Whether who spoke last may go on without having been answered.
    pub self_replies: bool,
    /// What was said last, by whomever.
    pub text: &'s str,
    /// Whether a person said that.
    pub by_person: bool,
    /// Whether it is for that that somebody is to speak, and not to go on.
    pub is_sent: bool,
    /// The characters that spoke since a person did, the newest first.
    pub spoke: &'s [CharacterId],
    /// Chance.
    pub seed: u64,
}

impl Scene<'_> {
    /// Who speaks now, one after the other. Nobody where nobody may.
    #[must_use]
    pub fn speakers(&self) -> Vec<Speaker> {
        let speakers = match self.strategy {
            Strategy::Natural => self.natural(),
            Strategy::List => self.all().map(|it| called(it, Call::Listed)).collect(),
            Strategy::Pooled => self.pooled(),
            Strategy::Manual if self.is_sent => Vec::new(),
            Strategy::Manual => self.one_of(self.all().collect(), Call::Chance),
        };
        debug_assert!(self.candidates.len() >= speakers.len());
        speakers
    }

    /// Who spoke last, if nobody has answered, and they may not answer themselves.
    fn barred(&self) -> Option<CharacterId> {
        let last = self.spoke.first().copied();
        last.filter(|_| !self.by_person && !self.self_replies)
    }

    /// Those who may speak now.
    fn all(&self) -> impl Iterator<Item = &Candidate> {
        let barred = self.barred();
        let may = move |it: &&Candidate| Some(it.character_id) != barred;
        self.candidates.iter().filter(may)
    }

    fn natural(&self) -> Vec<Speaker> {
        let free: Vec<&Candidate> = self.all().collect();
        let names: Vec<&Names> = free.iter().map(|it| &it.names).collect();
        let mentioned = mentioned(self.text, &names);
        let mentioned = mentioned.into_iter().filter_map(|at| free.get(at));
        let mut speakers: Vec<Speaker> = mentioned.map(|it| called(it, Call::Mentioned)).collect();
        let mut dice = self.dice("talkativeness");
        for it in self.shuffled(&free) {
            let is_in = speakers
                .iter()
                .any(|in_it| in_it.character_id == it.character_id);
            // Rolled for all, so that a mention changes nothing for the others.
            if it.talkativeness * 100.0 > dice.percent() && !is_in {
                speakers.push(called(it, Call::Talkative));
            }
        }
        if !speakers.is_empty() {
            return speakers;
        }
        // Who never speaks unasked is spared, unless all are so.
        let chatty: Vec<&Candidate> = (free.iter().copied())
            .filter(|it| it.talkativeness > 0.0)
            .collect();
        self.one_of(
            match chatty.is_empty() {
                true => free,
                false => chatty,
            },
            Call::Chance,
        )
    }

    fn pooled(&self) -> Vec<Speaker> {
        let is_new = |it: &&Candidate| self.by_person || !self.spoke.contains(&it.character_id);
        let pool: Vec<&Candidate> = self.all().filter(is_new).collect();
        if !pool.is_empty() {
            return self.one_of(pool, Call::Pooled);
        }
        let last = self.spoke.first();
        let others = |it: &&Candidate| last != Some(&it.character_id);
        let others: Vec<&Candidate> = self.all().filter(others).collect();
        self.one_of(
            match others.is_empty() {
                true => self.all().collect(),
                false => others,
            },
            Call::Chance,
        )
    }

    fn one_of(&self, pool: Vec<&Candidate>, call: Call) -> Vec<Speaker> {
        let mut dice = self.dice("one");
        let count = u64::try_from(pool.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(dice.below(count)).unwrap_or(0);
        pool.get(at)
            .map(|it| called(it, call))
            .into_iter()
            .collect()
    }

    fn shuffled<'c>(&self, candidates: &[&'c Candidate]) -> Vec<&'c Candidate> {
        let mut shuffled = candidates.to_vec();
        let mut dice = self.dice("order");
        for last in (1..shuffled.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let at = usize::try_from(dice.below(bound)).unwrap_or(last);
            shuffled.swap(last, at);
        }
        shuffled
    }

    fn dice(&self, purpose: &str) -> Dice {
        Dice::new(seed_for(self.seed, purpose, 0))
    }
}

fn called(candidate: &Candidate, call: Call) -> Speaker {
    Speaker {
        character_id: candidate.character_id,
        call,
    }
}
