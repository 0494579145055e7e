//! How much macros may add to texts: a text can name others that are far longer than itself.

use std::cell::Cell;

/// How often as much as may be added may be read for it: a long text may come to nothing.
const READS: usize = 4;

/// What macros may add to all texts of one purpose together, such as a prompt or a message. What doesn't fit stays as it is
/// written, and is counted.
#[derive(Debug, Clone)]
pub struct Growth {
    max_bytes: usize,
    left: Cell<usize>,
    readable: Cell<usize>,
    asked: Cell<usize>,
}

/// Macros would have added too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgrown {
    /// Bytes that they would have added, at least.
    pub added_bytes: usize,
    /// The most that they may add.
    pub max_bytes: usize,
}

impl Growth {
    /// At most so many bytes.
    #[must_use]
    pub fn within(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            left: Cell::new(max_bytes),
            readable: Cell::new(max_bytes.saturating_mul(READS)),
            asked: Cell::new(0),
        }
    }

    /// Takes what a macro adds. False if there isn't room for it.
    pub(super) fn add(&self, bytes: usize) -> bool {
        self.asked.set(self.asked.get().saturating_add(bytes));
        take(&self.left, bytes)
    }

    /// Takes what is read to know what a macro adds.
    pub(super) fn read(&self, bytes: usize) -> bool {
        let is_read = bytes <= self.left.get() && take(&self.readable, bytes);
        if !is_read {
            self.asked.set(self.asked.get().saturating_add(bytes));
            self.left.set(0);
        }
        is_read
    }

    /// Says if not all that was asked for could be added.
    ///
    /// # Errors
    /// It couldn't.
    pub fn check(&self) -> Result<(), Outgrown> {
        if self.left.get() > 0 {
            return Ok(());
        }
        Err(Outgrown {
            added_bytes: self.asked.get(),
            max_bytes: self.max_bytes,
        })
    }
}

/// The next macro costs something even if it adds nothing.
fn take(left: &Cell<usize>, bytes: usize) -> bool {
    let rest = left.get().checked_sub(bytes + 1);
    left.set(rest.unwrap_or(0));
    rest.is_some()
}

impl Default for Growth {
    fn default() -> Self {
        /// What a text outside of prompts may grow by.
        const MAX_GROWTH_BYTES: usize = 1 << 20;
        Self::within(MAX_GROWTH_BYTES)
    }
}
