//! A compiled pattern. What a linear engine can do it does; look-around and back-references need one that backtracks, and
//! that has a limit of steps.

use std::cell::Cell;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::javascript::{Dialect, Translated, translate};

/// Longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 2_000;
/// Memory that a compiled pattern may take, in bytes: it is given the first that it fits in.
const COMPILED_BYTES: [usize; 3] = [8 << 10, 32 << 10, 256 << 10];
/// What looking for it may take besides, in each thread.
const MAX_SEARCH_BYTES: usize = 64 << 10;
/// What a pattern that backtracks is taken to need, for itself and for each byte of it.
const BACKTRACKING_BYTES: usize = 32 << 10;
const BACKTRACKING_BYTES_PER_BYTE: usize = 1 << 10;
/// And where it looks behind for something of any length.
const LOOKING_BEHIND_BYTES: usize = 1 << 20;
/// How often a part of it may be repeated by numbers in braces: each time takes memory.
const MAX_BACKTRACKING_REPEATS: u64 = 5_000;
/// What a pattern that backtracks is looked for in at most, from the newest message on.
const MAX_BACKTRACKED_BYTES: usize = 16 << 10;
/// And where it looks far behind: it may read all of that again at each place, which counts as no step.
const MAX_LOOKED_BEHIND_BYTES: usize = 1 << 10;
/// How often one search may go back.
const MAX_STEPS: u32 = 8 * (16 << 10);
/// Of what all such searches of a scan cost: bytes, or for what may look far, as many for each 1,024 bytes that are left.
const MAX_SCAN_COST: u64 = 2 << 20;
const FAR_BYTES: u64 = 1_024;
/// The same for what may look far behind.
const BEHIND_BYTES: u64 = 4;

/// Why a pattern can't be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It is no pattern.
    Invalid,
    /// It, or the patterns of its book together, take too much memory.
    TooLarge,
    /// It asks for halves of characters, or for something else that no engine of ours can.
    Unsupported,
    /// It went back too often, or the text is too long for it.
    OutOfSteps,
}

/// How a pattern is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    /// Classes may hold classes.
    pub(super) sets: bool,
}

impl Flags {
    /// JavaScript's flags; none if one is unknown or there twice, or two exclude each other.
    pub(super) fn read(flags: &str) -> Option<Self> {
        let is_known =
            |(at, flag): (usize, char)| "dgimsuvy".contains(flag) && !flags[..at].contains(flag);
        let is_valid =
            flags.char_indices().all(is_known) && !(flags.contains('u') && flags.contains('v'));
        is_valid.then_some(Self {
            ignore_case: flags.contains('i'),
            multi_line: flags.contains('m'),
            dot_all: flags.contains('s'),
            sets: flags.contains('v'),
        })
    }
}

/// What patterns that are compiled together may still take.
#[derive(Debug)]
pub(super) struct PatternBudget {
    patterns: usize,
    bytes: usize,
}

impl PatternBudget {
    const ALL: Self = Self {
        patterns: 1_000,
        bytes: 16 << 20,
    };

    /// Memory of the patterns that were compiled, in bytes.
    pub(super) fn spent_bytes(&self) -> usize {
        Self::ALL.bytes - self.bytes
    }

    fn left_after(&self, bytes: usize) -> Result<usize, Problem> {
        self.bytes.checked_sub(bytes).ok_or(Problem::TooLarge)
    }
}

impl Default for PatternBudget {
    fn default() -> Self {
        Self::ALL
    }
}

/// What patterns that backtrack may still cost in a scan.
#[derive(Debug)]
pub(super) struct Steps(Cell<u64>);

impl Default for Steps {
    fn default() -> Self {
        Self(Cell::new(MAX_SCAN_COST))
    }
}

impl Steps {
    /// Gives all of them back.
    pub(super) fn refill(&self) {
        self.0.set(MAX_SCAN_COST);
    }

    fn spend(&self, cost: u64) -> Result<(), OutOfSteps> {
        let left = self.0.get().checked_sub(cost);
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or(OutOfSteps)
    }
}

/// A search that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfSteps;

/// A pattern that can be looked for.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// Its time is linear in the text.
    Linear(Regex),
    /// It backtracks.
    Backtracking {
        regex: fancy_regex::Regex,
        reach: Reach,
    },
}

/// How far a pattern may look from each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// As far as the pattern says.
    Near,
    /// As far as the text goes.
    Far,
    /// As far as the text goes, backwards too.
    Behind,
}

impl Pattern {
    /// Compiles a pattern of JavaScript.
    pub(super) fn new(
        pattern: &str,
        flags: Flags,
        budget: &mut PatternBudget,
    ) -> Result<Self, Problem> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(Problem::TooLarge);
        }
        budget.patterns = budget.patterns.checked_sub(1).ok_or(Problem::TooLarge)?;
        let linear = translate(pattern, flags, Dialect::Linear)?;
        if linear.is_hard {
            let hard = translate(pattern, flags, Dialect::Backtracking)?;
            return backtracking(&hard, pattern.len(), flags, budget);
        }
        let mut builder = RegexBuilder::new(&linear.text);
        builder
            .case_insensitive(flags.ignore_case)
            .multi_line(flags.multi_line)
            .dfa_size_limit(MAX_SEARCH_BYTES);
        for bytes in COMPILED_BYTES {
            let left = budget.left_after(bytes)?;
            match builder.size_limit(bytes).build() {
                Ok(regex) => {
                    budget.bytes = left;
                    return Ok(Self::Linear(regex));
                }
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(_) => return Err(Problem::Invalid),
            }
        }
        Err(Problem::TooLarge)
    }

    /// The last byte of the first place where it is found: a match may begin with the line break between two messages.
    pub(super) fn find(&self, text: &str, steps: &Steps) -> Result<Option<usize>, OutOfSteps> {
        let (start, end) = match self {
            Self::Linear(regex) => match regex.find(text.as_bytes()) {
                Some(found) => (found.start(), found.end()),
                None => return Ok(None),
            },
            Self::Backtracking { regex, reach } => {
                match find_backtracking(regex, *reach, text, steps)? {
                    Some(found) => found,
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(end.saturating_sub(1).max(start)))
    }
}

fn backtracking(
    translated: &Translated,
    pattern_bytes: usize,
    flags: Flags,
    budget: &mut PatternBudget,
) -> Result<Pattern, Problem> {
    if translated.repeats > MAX_BACKTRACKING_REPEATS {
        return Err(Problem::TooLarge);
    }
    let mut bytes = BACKTRACKING_BYTES + BACKTRACKING_BYTES_PER_BYTE * pattern_bytes;
    if translated.looks_behind_freely {
        bytes += LOOKING_BEHIND_BYTES;
    }
    let left = budget.left_after(bytes)?;
    let regex = fancy_regex::RegexBuilder::new(&translated.text)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .backtrack_limit(usize::try_from(MAX_STEPS).unwrap_or(usize::MAX))
        .delegate_size_limit(COMPILED_BYTES[1])
        .delegate_dfa_size_limit(MAX_SEARCH_BYTES)
        .build();
    let regex = regex.map_err(|error| match error {
        fancy_regex::Error::ParseError(..) => Problem::Invalid,
        fancy_regex::Error::CompileError(error) => match *error {
            fancy_regex::CompileError::InnerError(error) if error.size_limit().is_some() => {
                Problem::TooLarge
            }
            fancy_regex::CompileError::InnerError(error) if error.syntax_error().is_some() => {
                Problem::Invalid
            }
            _ => Problem::Unsupported,
        },
        _ => Problem::Unsupported,
    })?;
    budget.bytes = left;
    Ok(Pattern::Backtracking {
        regex,
        reach: match translated {
            Translated {
                looks_far_behind: true,
                ..
            } => Reach::Behind,
            Translated {
                is_unbounded: true, ..
            } => Reach::Far,
            _ => Reach::Near,
        },
    })
}

/// Searches as much of the text as such a pattern may, and says so if that wasn't all of it and nothing was found.
fn find_backtracking(
    regex: &fancy_regex::Regex,
    reach: Reach,
    text: &str,
    steps: &Steps,
) -> Result<Option<(usize, usize)>, OutOfSteps> {
    let most = match reach {
        Reach::Near | Reach::Far => MAX_BACKTRACKED_BYTES,
        Reach::Behind => MAX_LOOKED_BEHIND_BYTES,
    };
    let searched = &text[..text.floor_char_boundary(most)];
    let bytes = searched.len() as u64;
    let far = match reach {
        Reach::Near => 0,
        Reach::Far => bytes * bytes / FAR_BYTES,
        Reach::Behind => bytes * bytes / BEHIND_BYTES,
    };
    steps.spend(bytes + far)?;
    match regex.find(searched) {
        Ok(Some(found)) => Ok(Some((found.start(), found.end()))),
        Ok(None) if searched.len() < text.len() => Err(OutOfSteps),
        Ok(None) => Ok(None),
        Err(_) => {
            // What was left of the budget may be less: it is used up then.
            let _ = steps.spend(u64::from(MAX_STEPS) * bytes / FAR_BYTES);
            Err(OutOfSteps)
        }
    }
}
