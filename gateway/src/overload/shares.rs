//! How many calls each address has under way.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So that callers seldom meet at a lock.
const PARTS: usize = 16;

/// The calls of all addresses.
#[derive(Debug, Default)]
pub(super) struct Shares {
    parts: [Mutex<HashMap<IpAddr, usize>>; PARTS],
    addresses: AtomicUsize,
    hashing: RandomState,
}

impl Shares {
    /// Counts a call of an address; gives how many it has now, and how many addresses have any.
    pub(super) fn enter(&self, address: IpAddr) -> (usize, usize) {
        let mut part = self.part(address);
        let calls = part.entry(address).or_insert(0);
        *calls += 1;
        if *calls == 1 {
            self.addresses.fetch_add(1, Ordering::Relaxed);
        }
        (*calls, self.addresses.load(Ordering::Relaxed))
    }

    /// Takes one off.
    pub(super) fn leave(&self, address: IpAddr) {
        let mut part = self.part(address);
        match part.get_mut(&address) {
            Some(calls) if *calls > 1 => *calls -= 1,
            _ => {
                part.remove(&address);
                self.addresses.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn part(&self, address: IpAddr) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        let index = self.hashing.hash_one(address) as usize % PARTS;
        self.parts[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_forgotten_with_its_last_call() {
        let shares = Shares::default();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert_eq!(shares.enter(one), (1, 1));
        assert_eq!(shares.enter(one), (2, 1));
        assert_eq!(shares.enter(other), (1, 2));
        shares.leave(one);
        shares.leave(one);
        assert_eq!(shares.enter(other), (2, 1));
    }
}
