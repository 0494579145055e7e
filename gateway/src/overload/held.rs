//! The connections that aren't read, and whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use super::pace::Pace;
use crate::address::budget_key;

/// Addresses that are looked at for one whose connection may go on.
const LOOKED_AT: usize = 4;

/// Connections that aren't read, by address, each with the one that was refused last at the end.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: HashMap<IpAddr, VecDeque<Weak<Pace>>>,
    turns: VecDeque<IpAddr>,
}

impl Held {
    /// Adds a connection. What was `seen` is to be dropped without the lock of this: it may be the end of a connection, whose
    /// turn goes to another one of these.
    pub(super) fn put(&mut self, pace: &Arc<Pace>, seen: &mut Vec<Arc<Pace>>) {
        let address = budget_key(pace.address());
        let list = self.waiting.entry(address).or_default();
        if list.is_empty() {
            self.turns.push_back(address);
        }
        // Most are held for as long as one another, so it is the first that have had their time.
        while let Some(first) = list.front() {
            let first = first.upgrade();
            let is_waiting = first.as_ref().is_some_and(|pace| pace.is_waiting());
            seen.extend(first);
            if is_waiting {
                break;
            }
            list.pop_front();
        }
        list.push_back(Arc::downgrade(pace));
    }

    /// Takes out the connection of the address whose turn it is that was held last, if it may go on. What was `seen` is to be
    /// dropped without the lock of this.
    pub(super) fn take(
        &mut self,
        may_go_on: impl Fn(&Pace) -> bool,
        seen: &mut Vec<Arc<Pace>>,
    ) -> Option<Arc<Pace>> {
        for _ in 0..LOOKED_AT {
            let address = self.turns.pop_front()?;
            let list = self.waiting.get_mut(&address)?;
            while let Some(last) = list.back().map(Weak::upgrade) {
                let is_waiting = last.as_ref().is_some_and(|pace| pace.is_waiting());
                if is_waiting && !last.as_ref().is_some_and(|pace| may_go_on(pace)) {
                    seen.extend(last);
                    self.turns.push_front(address);
                    return None;
                }
                list.pop_back();
                if is_waiting {
                    if list.is_empty() {
                        self.waiting.remove(&address);
                    } else {
                        self.turns.push_back(address);
                    }
                    return last;
                }
                seen.extend(last);
            }
            self.waiting.remove(&address);
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
    fn addresses_take_turns_and_the_last_refused_is_the_first() {
        let load = Load::new(&Overload::default());
        let mut held = Held::default();
        let pace = |address: &str| {
            let pace = Pace::new(address.parse().unwrap());
            assert!(pace.hold(&load, false, Duration::from_secs(1)));
            pace
        };
        let stormer: Vec<_> = (0..3).map(|_| pace("192.0.2.1")).collect();
        stormer
            .iter()
            .for_each(|pace| held.put(pace, &mut Vec::new()));
        let other = pace("192.0.2.2");
        held.put(&other, &mut Vec::new());
        assert!(Arc::ptr_eq(
            &held.take(|_| true, &mut Vec::new()).unwrap(),
            &stormer[2]
        ));
        assert!(Arc::ptr_eq(
            &held.take(|_| true, &mut Vec::new()).unwrap(),
            &other
        ));
        // Those that are let go otherwise, or closed, are left out.
        stormer[1].let_go(load.turn(1));
        assert!(Arc::ptr_eq(
            &held.take(|_| true, &mut Vec::new()).unwrap(),
            &stormer[0]
        ));
        assert!(held.take(|_| true, &mut Vec::new()).is_none());
    }
}
