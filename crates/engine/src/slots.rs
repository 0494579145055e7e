//! Which slot a new request takes, so that as little as possible is computed twice.
//!
//! A slot keeps the tokens and the cache of the last sequence that it ran. A prompt that goes on from there reuses it; one that
//! only begins alike gets a copy of the common beginning in the slot longest unused, so that two chats with the same
//! character don't push each other out.

/// What the choice needs to know of a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// The tokens in its cache.
    pub(super) tokens: &'a [u32],
    pub(super) busy: bool,
    /// When it was last used; 0 is never.
    pub(super) used: u64,
}

/// Where a prompt goes and what it need not compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// The slot to take.
    pub(super) slot: usize,
    /// The slot whose cache begins like the prompt; may be the same, and may be busy.
    pub(super) source: usize,
    /// How many tokens of that cache serve.
    pub(super) shared: usize,
}

/// The slot for `prompt`; none while all are busy.
pub(super) fn choose(slots: &[View<'_>], prompt: &[u32]) -> Option<Choice> {
    // The last token is always computed: its logits are wanted.
    let usable = prompt.len().saturating_sub(1);
    let shared = |slot: &View<'_>| common_prefix(slot.tokens, prompt).min(usable);
    let idle = || slots.iter().enumerate().filter(|(_, slot)| !slot.busy);
    let continued = idle()
        .filter(|(_, slot)| slot.tokens.len() < 2 * shared(slot))
        .max_by_key(|(_, slot)| shared(slot));
    let (slot, _) = continued.or_else(|| idle().min_by_key(|(_, slot)| slot.used))?;
    let mut source = slot;
    for (index, candidate) in slots.iter().enumerate() {
        if shared(candidate) > shared(&slots[source]) {
            source = index;
        }
    }
    Some(Choice {
        slot,
        source,
        shared: shared(&slots[source]),
    })
}

fn common_prefix(left: &[u32], right: &[u32]) -> usize {
    left.iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count()
}

#[cfg(test)]
mod tests;
