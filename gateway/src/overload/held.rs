//! The connections that aren't read, and whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use super::pace::Pace;

/// Addresses that are looked at for one whose connection may go on.
const LOOKED_AT: usize = 4;

/// Connections that aren't read, by address.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: HashMap<IpAddr, Waiting>,
    turns: VecDeque<IpAddr>,
}

/// Why a connection isn't read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A call of it was refused.
    Refused,
    /// There was no room to read it, and none of its calls was refused since it was read last.
    Full,
}

/// The connections of an address, those held last at the end.
#[derive(Debug, Default)]
struct Waiting {
    refused: Connections,
    full: Connections,
}

#[derive(Debug, Default)]
struct Connections(VecDeque<Weak<Pace>>);

impl Held {
    /// Adds a connection.
    pub(super) fn put(&mut self, pace: &Arc<Pace>, cause: Cause) {
        let waiting = self.waiting.entry(pace.address()).or_default();
        if waiting.is_empty() {
            self.turns.push_back(pace.address());
        }
        match cause {
            Cause::Refused => waiting.refused.put(pace),
            Cause::Full => waiting.full.put(pace),
        }
    }

    /// Takes out a connection of the address whose turn it is: one that is served, if it has any, so that few are served well
    /// and not many late; else the one that was refused last.
    pub(super) fn take(&mut self) -> Option<Arc<Pace>> {
        for _ in 0..LOOKED_AT {
            let address = self.turns.pop_front()?;
            let waiting = self.waiting.get_mut(&address)?;
            let taken = waiting.full.take().or_else(|| waiting.refused.take());
            if waiting.is_empty() {
                self.waiting.remove(&address);
            } else {
                self.turns.push_back(address);
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.full.0.is_empty() && self.refused.0.is_empty()
    }
}

impl Connections {
    fn put(&mut self, pace: &Arc<Pace>) {
        let is_over = |first: &Weak<Pace>| !first.upgrade().is_some_and(|pace| pace.is_waiting());
        // Most are held for as long as one another, so it is the first that have had their time.
        while self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        self.0.push_back(Arc::downgrade(pace));
    }

    fn take(&mut self) -> Option<Arc<Pace>> {
        while let Some(last) = self.0.pop_back() {
            let waiting = last.upgrade().filter(|pace| pace.is_waiting());
            if waiting.is_some() {
                return waiting;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Overload;
    use crate::overload::load::Load;

    #[test]
    fn addresses_take_turns_and_who_is_served_or_was_refused_last_is_the_first() {
        let load = Load::new(&Overload::default());
        let mut held = Held::default();
        let pace = |address: &str| {
            let pace = Pace::new(address.parse().unwrap());
            assert!(pace.hold(&load, false, Duration::from_secs(1)));
            pace
        };
        let stormer: Vec<_> = (0..3).map(|_| pace("192.0.2.1")).collect();
        held.put(&stormer[0], Cause::Full);
        held.put(&stormer[1], Cause::Refused);
        held.put(&stormer[2], Cause::Refused);
        let other = pace("192.0.2.2");
        held.put(&other, Cause::Refused);
        assert!(Arc::ptr_eq(&held.take().unwrap(), &stormer[0]));
        assert!(Arc::ptr_eq(&held.take().unwrap(), &other));
        // Those that are let go otherwise, or closed, are left out.
        stormer[2].let_go(load.turn());
        assert!(Arc::ptr_eq(&held.take().unwrap(), &stormer[1]));
        assert!(held.take().is_none());
    }
}
