//! The passes of a scan: who is found, which of a group stays, who is lucky, who fits.
//!
//! Each step narrows the candidates of a pass and notes why. A further rule (sticky, cooldown,
//! scoring) is a further step here.

use super::{
    Activation, Entry, Found, Placement, Reason, buffer::Haystack, groups, key::Key, scan::Scan,
};
use crate::domain::random::{Dice, seed_for};

/// Most passes of one scan, whatever the settings say.
const MAX_PASSES: u32 = 32;
/// Most bytes of entries' texts that are searched.
const MAX_RECURSION_BYTES: usize = 256 * 1024;

/// The texts of entries with their macros expanded.
pub struct EntryTexts<'t> {
    /// What other entries' keys are looked for in.
    pub searched: &'t mut dyn FnMut(usize) -> String,
    /// How long the entry is in the prompt.
    pub tokens: &'t mut dyn FnMut(usize) -> u32,
}

impl Scan<'_> {
    /// Every entry that [`Scan::decide`] could fire under any budget, in the book's order: those
    /// whose tokens must be known.
    pub fn survey(&self, searched: &mut dyn FnMut(usize) -> String) -> Vec<usize> {
        let texts = EntryTexts {
            searched,
            tokens: &mut |_| 0,
        };
        let mut fired = Run::new(self, None).finish(texts).fired;
        fired.sort_unstable();
        fired
    }

    /// Decides which entries fire within the budget, in tokens.
    pub fn decide(&self, budget_tokens: u32, texts: EntryTexts<'_>) -> Activation {
        Run::new(self, Some(budget_tokens)).finish(texts)
    }
}

struct Run<'s, 'a> {
    scan: &'s Scan<'a>,
    /// None in a survey: no budget, no groups, every pass open to all.
    budget: Option<u32>,
    reasons: Vec<Option<Reason>>,
    /// Entries that fired, in the order they did.
    fired: Vec<usize>,
    others: Vec<(usize, Haystack)>,
    others_bytes: usize,
    used: u32,
    overflowed: bool,
    recursing: bool,
    /// Levels of delayed recursion, lowest last; the one that is open.
    levels: Vec<u32>,
    level: u32,
}

impl<'s, 'a> Run<'s, 'a> {
    fn new(scan: &'s Scan<'a>, budget: Option<u32>) -> Self {
        scan.steps.refill();
        let entries = &scan.matcher.book.entries;
        let mut levels: Vec<u32> = entries
            .iter()
            .filter_map(|entry| entry.delay_until_recursion)
            .collect();
        levels.sort_unstable_by(|a, b| b.cmp(a));
        levels.dedup();
        let level = levels.pop().unwrap_or(0);
        Self {
            scan,
            budget,
            reasons: vec![None; entries.len()],
            fired: Vec::new(),
            others: Vec::new(),
            others_bytes: 0,
            used: 0,
            overflowed: false,
            recursing: false,
            levels,
            level,
        }
    }

    fn finish(mut self, mut texts: EntryTexts<'_>) -> Activation {
        for pass in 1..=MAX_PASSES {
            let found = self.find();
            let elected = self.elect(found);
            let lucky = self.roll(elected);
            let newly = self.fit(lucky, &mut texts);
            if self.overflowed || !self.opens_another_pass(&newly, pass, &mut texts) {
                break;
            }
        }
        self.into_activation()
    }

    /// Entries that are found in this pass, highest order first.
    fn find(&mut self) -> Vec<(usize, Reason)> {
        let mut found = Vec::new();
        for &index in &self.scan.matcher.by_order {
            let is_decided = matches!(&self.reasons[index], Some(reason)
                if reason.fired() || matches!(reason, Reason::LostRoll { .. }));
            let is_closed =
                self.recursing && self.scan.matcher.book.entries[index].exclude_recursion;
            if is_decided || is_closed {
                continue;
            }
            match self.check(index) {
                Ok(reason) => found.push((index, reason)),
                Err(reason) => self.reasons[index] = Some(reason),
            }
        }
        found
    }

    fn check(&self, index: usize) -> Result<Reason, Reason> {
        let entry = &self.scan.matcher.book.entries[index];
        self.check_conditions(entry)?;
        if entry.decorators.activate {
            return Ok(Reason::Forced);
        }
        if entry.decorators.dont_activate {
            return Err(Reason::Suppressed);
        }
        if self.scan.matcher.is_constant(index) {
            return Ok(Reason::Constant);
        }
        let keys = &self.scan.matcher.keys[index];
        let or_problem = |reason| self.scan.problem_of(index).unwrap_or(reason);
        if !keys.primary.iter().any(Key::is_usable) {
            return Err(or_problem(Reason::NoUsableKey));
        }
        let (at, found) = self
            .scan
            .find_key(index, &self.others)
            .ok_or_else(|| or_problem(Reason::NoKeyMatched))?;
        let key = keys.texts[at].clone();
        if self.budget.is_some() {
            if !self.scan.secondary_agree(index, &self.others) {
                return Err(or_problem(Reason::SecondaryNotMet { key }));
            }
            if let Some(key) = self.scan.excluded_by(index, &self.others) {
                return Err(Reason::Excluded { key });
            }
        }
        Ok(Reason::Key { key, found })
    }

    /// Conditions that come before any key.
    fn check_conditions(&self, entry: &Entry) -> Result<(), Reason> {
        let texts = &self.scan.texts;
        if !entry.enabled {
            return Err(Reason::Disabled);
        }
        if entry.content.trim().is_empty() {
            return Err(Reason::EmptyContent);
        }
        if matches!(entry.placement, Placement::Outlet { .. }) {
            return Err(Reason::NoPlace);
        }
        if !entry.triggers.is_empty() && !entry.triggers.iter().any(|kind| kind == texts.trigger) {
            return Err(Reason::OtherTrigger);
        }
        if let Some(needs_messages) = entry
            .timed
            .delay
            .filter(|delay| texts.message_count < *delay)
        {
            return Err(Reason::TooEarly { needs_messages });
        }
        let after = entry.decorators.activate_only_after.unwrap_or(0);
        let every = entry.decorators.activate_only_every.unwrap_or(1);
        if texts.assistant_count < after || !texts.assistant_count.is_multiple_of(every) {
            return Err(Reason::NotThisTurn);
        }
        let is_open = self.budget.is_none()
            || (self.recursing && entry.delay_until_recursion <= Some(self.level));
        if entry.delay_until_recursion.is_some() && !is_open {
            return Err(Reason::WaitsForRecursion);
        }
        Ok(())
    }

    fn elect(&mut self, found: Vec<(usize, Reason)>) -> Vec<(usize, Reason)> {
        if self.budget.is_none() {
            return found;
        }
        let entries = &self.scan.matcher.book.entries;
        let side = |index: usize| self.scan.texts.blinds.side(index);
        let mut lost = groups::losers(entries, &found, &self.fired, &side, self.scan.seed);
        let mut left = Vec::with_capacity(found.len());
        for (index, reason) in found {
            match lost.remove(&index) {
                Some(group) => self.reasons[index] = Some(Reason::LostGroup { group }),
                None => left.push((index, reason)),
            }
        }
        left
    }

    fn roll(&mut self, elected: Vec<(usize, Reason)>) -> Vec<(usize, Reason)> {
        let mut lucky = Vec::new();
        for (index, reason) in elected {
            let probability = self.scan.matcher.book.entries[index].probability;
            let nth = u64::try_from(index).unwrap_or(u64::MAX);
            let rolled = Dice::new(seed_for(self.scan.seed, "lore probability", nth)).percent();
            if probability >= 100.0 || rolled <= probability && probability > 0.0 {
                lucky.push((index, reason));
            } else {
                self.reasons[index] = Some(Reason::LostRoll {
                    rolled,
                    probability,
                });
            }
        }
        lucky
    }

    /// Once one entry doesn't fit, none behind it in the pass is taken, even a smaller one.
    fn fit(&mut self, lucky: Vec<(usize, Reason)>, texts: &mut EntryTexts<'_>) -> Vec<usize> {
        let mut newly = Vec::new();
        for (index, reason) in lucky {
            let is_exempt = self.scan.matcher.book.entries[index].ignore_budget;
            let tokens = (texts.tokens)(index);
            let budget = self.budget.unwrap_or(u32::MAX);
            if !is_exempt && (self.overflowed || self.used.saturating_add(tokens) >= budget) {
                self.overflowed = true;
                self.reasons[index] = Some(Reason::OverBudget {
                    tokens,
                    used: self.used,
                    budget,
                });
                continue;
            }
            self.used = self.used.saturating_add(tokens);
            self.reasons[index] = Some(reason);
            self.fired.push(index);
            newly.push(index);
        }
        newly
    }

    fn opens_another_pass(
        &mut self,
        newly: &[usize],
        pass: u32,
        texts: &mut EntryTexts<'_>,
    ) -> bool {
        let settings = self.scan.settings;
        let recursive = self
            .scan
            .matcher
            .book
            .recursive_scanning
            .unwrap_or(settings.recursive_scanning);
        let may_go_on = settings.max_recursion_steps == 0 || pass < settings.max_recursion_steps;
        let mut has_new_text = false;
        for &index in newly {
            let is_read = recursive && !self.scan.matcher.book.entries[index].prevent_recursion;
            if is_read && self.others_bytes <= MAX_RECURSION_BYTES {
                has_new_text |= self.add_text(index, (texts.searched)(index));
            }
        }
        if recursive && may_go_on && has_new_text {
            self.recursing = true;
            return true;
        }
        let Some(next) = self.levels.pop() else {
            return false;
        };
        self.level = next;
        self.recursing = true;
        true
    }

    fn add_text(&mut self, index: usize, text: String) -> bool {
        self.others_bytes += text.len();
        if self.others_bytes > MAX_RECURSION_BYTES {
            return false;
        }
        self.others.push((index, Haystack::new(&text)));
        true
    }

    /// Lower orders come first in the prompt; of equals, the one that fired last.
    fn into_activation(mut self) -> Activation {
        let entries = &self.scan.matcher.book.entries;
        self.fired
            .sort_by_key(|index| std::cmp::Reverse(entries[*index].insertion_order));
        self.fired.reverse();
        let undecided = |reason: Option<Reason>| reason.unwrap_or(Reason::NoKeyMatched);
        Activation {
            reasons: self.reasons.into_iter().map(undecided).collect(),
            fired: self.fired,
            used_tokens: self.used,
            budget_tokens: self.budget.unwrap_or(u32::MAX),
        }
    }
}

impl Reason {
    /// Where the key was found, if the entry fired by a key.
    #[must_use]
    pub fn found(&self) -> Option<&Found> {
        match self {
            Self::Key { found, .. } => Some(found),
            _ => None,
        }
    }
}
