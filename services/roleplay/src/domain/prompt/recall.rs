//! Which memories a prompt recalls: the pinned ones, then those nearest to the last messages, within a budget. What the
//! history says anyway is not said twice.

use std::collections::HashSet;

use super::{
    Draft, MemoryReport, MemoryTrace, Outcome, Recalled, Receipt, Settings, Source, assemble::Kept,
    piece::Piece,
};

/// What memories cost.
struct Costs {
    /// The line that opens the section.
    start: u32,
    /// Each memory.
    each: Vec<u32>,
}

impl Costs {
    /// What the chosen ones take.
    fn of(&self, outcomes: &[Outcome]) -> u32 {
        let chosen = outcomes.iter().zip(&self.each).filter(|(o, _)| o.is_in());
        let sum = chosen.fold(None, |sum: Option<u32>, (_, tokens)| {
            Some(sum.unwrap_or(self.start).saturating_add(*tokens))
        });
        sum.unwrap_or(0)
    }
}

impl Settings {
    /// Tokens that memories may take beside the pinned ones.
    fn memory_budget(&self) -> u32 {
        let share = u64::from(self.window_tokens) * u64::from(self.memory.budget_percent) / 100;
        u32::try_from(share)
            .unwrap_or(u32::MAX)
            .min(self.memory.max_tokens)
    }
}

impl Receipt {
    /// Messages that the prompt would have however many memories came into it. The others may have to make room.
    #[must_use]
    pub fn surely_said(&self) -> HashSet<&str> {
        let (mut said, mut older) = (HashSet::new(), 0_u32);
        for span in &self.spans {
            let Source::Message { id } = &span.source else {
                continue;
            };
            if older >= self.memory.budget_tokens {
                said.insert(id.as_str());
            }
            older = older.saturating_add(span.tokens);
        }
        said
    }
}

impl Draft<'_> {
    /// Chooses memories for what is `left` beside the newest message, and takes their room. Memories and history share
    /// the room: a memory whose message the history then holds is left out, which only lets more history in.
    pub(super) fn keep_memories<'d>(
        &'d self,
        kept: &mut Kept<'d>,
        left: &mut u32,
        cost: &dyn Fn(&Piece<'_>) -> u32,
    ) -> MemoryReport {
        let of = |piece: &Option<Piece<'_>>| piece.as_ref().map_or(0, cost);
        let costs = Costs {
            start: of(&self.memories.start),
            each: self.memories.pieces.iter().map(of).collect(),
        };
        let mut outcomes = Vec::new();
        if !costs.each.is_empty() {
            let history: Vec<u32> = self.history.iter().map(cost).collect();
            let newest = history.first().filter(|_| !self.continues());
            let room = left.saturating_sub(newest.copied().unwrap_or(0));
            let most = self.most_memory_tokens(&costs).min(room);
            let surely_said = self.said(*left - most, &history);
            outcomes = self.choose(room, &costs, &surely_said);
            loop {
                let said = self.said(*left - costs.of(&outcomes), &history);
                if !self.unsay(&mut outcomes, &said) {
                    break;
                }
            }
            *left -= costs.of(&outcomes);
        }
        let chosen = self.memories.pieces.iter().zip(&outcomes);
        let chosen = chosen.filter(|(_, outcome)| outcome.is_in());
        kept.memories = chosen.filter_map(|(piece, _)| piece.as_ref()).collect();
        if !kept.memories.is_empty() {
            kept.memories.splice(0..0, &self.memories.start);
        }
        self.memory_report(&outcomes, &costs)
    }

    /// What the pinned memories and the budget of the others come to.
    fn most_memory_tokens(&self, costs: &Costs) -> u32 {
        let memories = self.material.memories.iter().zip(&costs.each);
        let pinned = memories.filter(|(memory, _)| memory.pinned);
        let fixed = costs.start.saturating_add(self.settings.memory_budget());
        pinned.fold(fixed, |sum, (_, tokens)| sum.saturating_add(*tokens))
    }

    /// The messages that the history has room for.
    fn said(&self, mut room: u32, history: &[u32]) -> HashSet<&str> {
        let fitting = self.history.iter().zip(history).take_while(|(_, tokens)| {
            let rest = room.checked_sub(**tokens);
            room = rest.unwrap_or(room);
            rest.is_some()
        });
        let pieces = fitting.map(|(piece, _)| piece).chain(&self.tail);
        let ids = pieces.filter_map(|piece| match &piece.source {
            Source::Message { id } => Some(id.as_str()),
            _ => None,
        });
        ids.collect()
    }

    /// The pinned ones first, as long as there is room; then the nearest, as long as the budget lasts.
    fn choose(&self, room: u32, costs: &Costs, said: &HashSet<&str>) -> Vec<Outcome> {
        let (memories, settings) = (self.material.memories, &self.settings.memory);
        let score = |at: usize| memories[at].score.unwrap_or(0.0);
        let mut outcomes = vec![Outcome::InHistory; memories.len()];
        let open = (0..memories.len()).filter(|at| !memories[*at].is_in(said));
        let (pinned, mut others): (Vec<usize>, Vec<usize>) =
            open.partition(|at| memories[*at].pinned);
        let mut free = room.saturating_sub(costs.start);
        for at in pinned {
            let rest = free.checked_sub(costs.each[at]);
            outcomes[at] = rest.map_or(Outcome::NoRoom, |_| Outcome::Pinned);
            free = rest.unwrap_or(free);
        }
        others.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        let (mut left, mut taken) = (free.min(self.settings.memory_budget()), 0);
        for at in others {
            outcomes[at] = match left.checked_sub(costs.each[at]) {
                _ if score(at) < settings.min_score => Outcome::LowScore,
                _ if taken == settings.max_recalled => Outcome::OverCount,
                Some(rest) => {
                    (left, taken) = (rest, taken + 1);
                    Outcome::Recalled
                }
                None => Outcome::OverBudget,
            };
        }
        outcomes
    }

    /// Leaves out what the history says. False if there was no such memory.
    fn unsay(&self, outcomes: &mut [Outcome], said: &HashSet<&str>) -> bool {
        let mut changed = false;
        for (memory, outcome) in self.material.memories.iter().zip(outcomes) {
            if outcome.is_in() && memory.is_in(said) {
                (*outcome, changed) = (Outcome::InHistory, true);
            }
        }
        changed
    }

    fn memory_report(&self, outcomes: &[Outcome], costs: &Costs) -> MemoryReport {
        let memories = self.material.memories.iter().zip(outcomes);
        let trace = |((memory, outcome), tokens): ((&Recalled, &Outcome), &u32)| MemoryTrace {
            id: memory.id.clone(),
            message_id: memory.message_id.clone(),
            pinned: memory.pinned,
            score: memory.score,
            outcome: *outcome,
            tokens: *tokens,
        };
        MemoryReport {
            recall: self.material.recall.clone(),
            budget_tokens: self.settings.memory_budget(),
            memories: memories.zip(&costs.each).map(trace).collect(),
        }
    }
}
