//! The bytes of bodies that are still arriving: counted for each person, each address and all together, so that uploads
//! that never end can't take the memory that others need.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tonic::Status;
use troupe_proto::{Reason, error};

use crate::address::budget_key;
use crate::config::Bodies;
use crate::rates::Payer;

/// When it makes sense to send a body again that there was no room for.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Bodies up to this size that come in one piece aren't worth counting.
pub(crate) const SMALL: usize = 16 * 1024;
/// How much room a body takes at once.
const STEP: usize = 4 * 1024;
/// What a request takes besides its headers and its body, about.
const REQUEST: usize = 4 * 1024;
/// And for each header that there is a place for, besides its name and value.
const HEADER: usize = 128;
/// How much more than their bound all bodies may take together, where addresses share it.
const MOST_SHARED: usize = 2;

/// Whose bound it is that no others share.
const ALL: &str = "all callers";

/// Who a body is from.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    address: IpAddr,
    /// Absent for callers without a token.
    person: Option<Box<str>>,
}

impl Sender {
    /// The sender of a call that was let in.
    pub(crate) fn new(client: IpAddr, payer: &Payer) -> Self {
        let person = match payer {
            Payer::Person(id) => Some(id.clone()),
            Payer::Address(_) => None,
        };
        Self {
            address: budget_key(client),
            person,
        }
    }
}

/// What is held of all bodies.
#[derive(Debug)]
pub(crate) struct Intake {
    settings: Bodies,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    addresses: HashMap<IpAddr, usize>,
    persons: HashMap<Box<str>, usize>,
}

/// Room for a body, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    intake: Arc<Intake>,
    sender: Sender,
    /// What is held, the head among it.
    bytes: usize,
    head: usize,
}

impl Intake {
    /// Nothing is held.
    pub(crate) fn new(settings: &Bodies) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.clone(),
            held: Mutex::default(),
        })
    }

    /// Room for a body, which grows as it has to.
    pub(crate) fn room(self: &Arc<Self>, sender: Sender) -> Room {
        Room {
            intake: Arc::clone(self),
            sender,
            bytes: 0,
            head: 0,
        }
    }

    /// How long a body may take at most until more of it comes.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.settings.secs)
    }

    /// How long so many bytes may take.
    pub(crate) fn time_of(&self, bytes: usize) -> Duration {
        let micros = (bytes as u64).saturating_mul(1_000_000);
        Duration::from_micros(micros / self.settings.bytes_per_second.max(1))
    }
}

impl Room {
    /// What it is part of.
    pub(crate) fn intake(&self) -> Arc<Intake> {
        Arc::clone(&self.intake)
    }

    /// Makes it large enough for what is here of a body of so many bytes, or of an unknown size where that is less. What was
    /// only announced takes none, or those who send nothing would take the room of all others.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn hold(&mut self, here: usize, announced: usize) -> Result<(), Status> {
        if self.head + here <= self.bytes {
            return Ok(());
        }
        let mut bytes = here.next_multiple_of(STEP);
        if announced >= here {
            bytes = bytes.min(announced);
        }
        self.grow_to(self.head + bytes)
    }

    /// Makes it large enough for the head of the request too, which is kept until the body is here.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn hold_head(&mut self, headers: &HeaderMap) -> Result<(), Status> {
        let sizes = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        self.head = REQUEST + HEADER * headers.capacity() + sizes.sum::<usize>();
        self.grow_to(self.bytes + self.head)
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Status> {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else {
            return Ok(());
        };
        let limits = &self.intake.settings;
        let mut held = lock(&self.intake.held);
        let of_address = held.addresses.get(&self.sender.address);
        let of_address = of_address.copied().unwrap_or(0);
        let of_person = self.sender.person.as_ref();
        let of_person = of_person.and_then(|person| held.persons.get(person).copied());
        let of_person = of_person.unwrap_or(0);
        let counted = [
            (of_person, limits.bytes_per_person, "your account"),
            (of_address, limits.bytes_per_address, "your address"),
            (held.all, limits.bytes, ALL),
        ];
        // Where some took all, an address that has less than its share is let in.
        let addresses = held.addresses.len() + usize::from(of_address == 0);
        let shares = of_address + more <= limits.bytes / addresses
            && held.all + more <= limits.bytes * MOST_SHARED;
        for (so_far, most, whose) in counted {
            // One body by itself is always taken: what it may hold, its method says.
            if so_far > self.bytes && so_far + more > most && !(whose == ALL && shares) {
                return Err(no_room(whose));
            }
        }
        held.all += more;
        *held.addresses.entry(self.sender.address).or_insert(0) += more;
        if let Some(person) = &self.sender.person {
            *held.persons.entry(person.clone()).or_insert(0) += more;
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut held = lock(&self.intake.held);
        held.all -= self.bytes;
        take_off(&mut held.addresses, &self.sender.address, self.bytes);
        if let Some(person) = &self.sender.person {
            take_off(&mut held.persons, person, self.bytes);
        }
    }
}

fn take_off<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K, bytes: usize) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(bytes);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn lock(held: &Mutex<Held>) -> std::sync::MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_room(whose: &str) -> Status {
    let message = format!(
        "the running uploads of {whose} are as large as allowed: wait until they end, and send this one again"
    );
    error::retry_later(Reason::Overloaded, message, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake() -> Arc<Intake> {
        Intake::new(&Bodies {
            bytes: 100,
            bytes_per_address: 60,
            bytes_per_person: 40,
            ..Bodies::default()
        })
    }

    fn of(intake: &Arc<Intake>, address: &str, person: &str) -> Room {
        let payer = match person {
            "" => Payer::Address(address.parse().unwrap()),
            id => Payer::Person(id.into()),
        };
        intake.room(Sender::new(address.parse().unwrap(), &payer))
    }

    #[test]
    fn persons_addresses_and_all_have_their_bounds() {
        let intake = intake();
        let mut alice = of(&intake, "192.0.2.1", "alice");
        alice.grow_to(40).unwrap();
        let refused = of(&intake, "192.0.2.9", "alice").grow_to(1).unwrap_err();
        assert!(refused.message().contains("your account"));
        let mut neighbour = of(&intake, "192.0.2.1", "bob");
        neighbour.grow_to(20).unwrap();
        let refused = of(&intake, "192.0.2.1", "").grow_to(1).unwrap_err();
        assert!(refused.message().contains("your address"));
        let mut other = of(&intake, "192.0.2.2", "");
        other.grow_to(40).unwrap();
        // A third address has its third.
        let mut third = of(&intake, "192.0.2.3", "");
        third.grow_to(33).unwrap();
        let refused = third.grow_to(34).unwrap_err();
        assert!(refused.message().contains(ALL));
        drop((alice, neighbour, other, third));
        let held = lock(&intake.held);
        assert!(held.all == 0 && held.addresses.is_empty() && held.persons.is_empty());
    }

    #[test]
    fn one_body_by_itself_is_taken_and_the_next_waits_for_its_end() {
        let intake = intake();
        let mut large = of(&intake, "2001:db8::1", "");
        large.grow_to(500).unwrap();
        large.grow_to(600).unwrap();
        assert!(of(&intake, "2001:db8::2", "").grow_to(1).is_err());
        drop(large);
        of(&intake, "2001:db8::2", "").grow_to(1).unwrap();
    }

    #[test]
    fn the_time_of_bytes_goes_by_the_slowest_rate() {
        let intake = Intake::new(&Bodies {
            secs: 10,
            bytes_per_second: 1000,
            ..Bodies::default()
        });
        assert_eq!(intake.patience(), Duration::from_secs(10));
        assert_eq!(intake.time_of(0), Duration::ZERO);
        assert_eq!(intake.time_of(5500), Duration::from_millis(5500));
    }
}
