//! How attempts on an account are held up that come from where its owner never logged in.
//!
//! The owner may be among them, in a new place; so one count for all of them would let anybody keep the owner out. Each
//! account has a table of places instead. A network that comes anew takes a place, and has [`TRIES`] tries there that wait
//! for nobody else's failures. Once they are used up it shares the account's slow count with all others that used up
//! theirs, and with those that found no place. So however many fail, who comes from somewhere new is let in at once, as long
//! as there is a place: those of [`PLACES`] networks are filled in a day at most, and beyond half of them a wider network
//! holds few, since one hoster or one IPv6 allocation has more networks than any table.
//!
//! What a thief of passwords gets: `PLACES × TRIES` guesses at an account in a day, and those of the slow count, 70 in the
//! first hour and 60 in each after it: 1,870 in the worst hour, 3,250 in the worst day. From 250 networks: 820 in the
//! first hour, then 60. An hour without attempts begins a new table.

use std::time::Duration;

use platform::Timestamp;

use super::backoff::Failures;

/// Networks that have tries of their own on an account.
pub(crate) const PLACES: u32 = 600;
/// How many tries that are.
pub(crate) const TRIES: u32 = 3;
/// How many places a wider network may hold, for a place in the second half of the table.
pub(crate) const CROWD: u32 = 8;
/// A table isn't used for longer.
pub(crate) const TABLE_AGE: Duration = Duration::from_hours(24);
/// Nor after so long without attempts that were looked at.
pub(crate) const QUIET: Duration = Duration::from_hours(1);

/// What an account counts of strangers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// When the table began; it tells this table from others.
    since: Timestamp,
    last: Timestamp,
    taken: u32,
    slow: Failures,
}

/// A number that holds for one table of an account: of tries from a network, or of places within a wider one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    since: Timestamp,
    number: u32,
}

/// How an attempt is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Among the tries of its network.
    Own,
    /// With all others.
    Slow,
}

/// All that counts for an attempt.
#[derive(Debug)]
pub(crate) struct Counts<'a> {
    pub(crate) account: &'a mut Account,
    /// Tries from the network.
    pub(crate) place: &'a mut Tally,
    /// Places within the wider network.
    pub(crate) neighbours: Option<&'a mut Tally>,
    /// Failures from the network on any account.
    pub(crate) network: Option<&'a mut Failures>,
}

/// An attempt that was counted, to take it back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) at: Timestamp,
    pub(crate) lane: Lane,
    slow_before: Failures,
    network_before: Failures,
}

impl Account {
    /// The account with a table that is in use at a time.
    fn at(&self, now: Timestamp) -> Self {
        let is_over = now.since(self.last) >= QUIET || now.since(self.since) >= TABLE_AGE;
        match is_over {
            true => Self {
                since: now,
                taken: 0,
                ..*self
            },
            false => *self,
        }
    }
}

impl Tally {
    fn of(&self, account: &Account) -> u32 {
        match self.since == account.since {
            true => self.number,
            false => 0,
        }
    }

    fn set(&mut self, account: &Account, number: u32) {
        *self = Self {
            since: account.since,
            number,
        };
    }
}

impl Counts<'_> {
    fn lane(&self, account: &Account) -> Lane {
        let crowd = self
            .neighbours
            .as_ref()
            .map_or(0, |tally| tally.of(account));
        match self.place.of(account) {
            0 if account.taken < PLACES / 2 => Lane::Own,
            0 if account.taken < PLACES && crowd < CROWD => Lane::Own,
            1..TRIES => Lane::Own,
            _ => Lane::Slow,
        }
    }

    /// How long the attempt has to wait, and the failures that it waits for.
    pub(crate) fn wait(&mut self, now: Timestamp) -> Option<(Duration, &mut Failures)> {
        let account = self.account.at(now);
        let slow = match self.lane(&account) {
            Lane::Own => Duration::ZERO,
            Lane::Slow => self.account.slow.wait(now),
        };
        let network = self
            .network
            .as_mut()
            .map_or(Duration::ZERO, |it| it.wait(now));
        match (&mut self.network, slow.max(network)) {
            (_, Duration::ZERO) => None,
            (Some(failures), wait) if network > slow => Some((wait, failures)),
            (_, wait) => Some((wait, &mut self.account.slow)),
        }
    }

    /// Counts an attempt that needn't wait.
    pub(crate) fn count(&mut self, now: Timestamp) -> Counted {
        let mut account = self.account.at(now);
        let counted = Counted {
            at: now,
            lane: self.lane(&account),
            slow_before: account.slow,
            network_before: self
                .network
                .as_ref()
                .map_or_else(Failures::default, |it| **it),
        };
        match counted.lane {
            Lane::Slow => account.slow.count(now),
            Lane::Own => {
                let tries = self.place.of(&account);
                self.place.set(&account, tries + 1);
                if tries == 0 {
                    account.taken += 1;
                    if let Some(tally) = &mut self.neighbours {
                        let places = tally.of(&account);
                        tally.set(&account, places + 1);
                    }
                }
            }
        }
        if let Some(network) = &mut self.network {
            network.count(now);
        }
        account.last = now;
        *self.account = account;
        counted
    }

    /// Takes back an attempt that was none: the password wasn't looked at.
    pub(crate) fn undo(&mut self, counted: Counted) {
        self.take_back(counted);
        if counted.lane == Lane::Own {
            match self.place.of(self.account) {
                0 => {}
                1 => self.leave(),
                tries => self.place.set(&self.account.clone(), tries - 1),
            }
        }
    }

    /// Takes back an attempt that succeeded. Its network needs its place no longer: the owner is known there from now on. What
    /// others failed stays, and so do the network's failures on other accounts, or logging in to one's own account would
    /// pay for guessing at others.
    pub(crate) fn succeed(&mut self, counted: Counted) {
        self.take_back(counted);
        if self.place.of(self.account) > 0 {
            self.leave();
        }
    }

    fn take_back(&mut self, counted: Counted) {
        if counted.lane == Lane::Slow {
            self.account.slow.take_back(counted.at, counted.slow_before);
        }
        if let Some(network) = &mut self.network {
            network.take_back(counted.at, counted.network_before);
        }
    }

    fn leave(&mut self) {
        *self.place = Tally::default();
        self.account.taken = self.account.taken.saturating_sub(1);
        if let Some(tally) = &mut self.neighbours {
            let places = tally.of(self.account);
            tally.set(&self.account.clone(), places.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    /// An account, and tries from one network after another.
    #[derive(Default)]
    struct Table {
        account: Account,
        neighbours: Tally,
    }

    impl Table {
        fn tries(&mut self, place: &mut Tally, now: Timestamp) -> Result<Counted, Duration> {
            let mut counts = Counts {
                account: &mut self.account,
                place,
                neighbours: Some(&mut self.neighbours),
                network: None,
            };
            match counts.wait(now) {
                Some((wait, _)) => Err(wait),
                None => Ok(counts.count(now)),
            }
        }

        fn fill(&mut self, networks: u32, now: Timestamp) {
            for _ in 0..networks {
                let lane = self.tries(&mut Tally::default(), now).unwrap().lane;
                assert_eq!(lane, Lane::Own);
            }
        }

        /// Uses up what the slow count gives for nothing.
        fn slow_down(&mut self, now: Timestamp) {
            let mut place = Tally::default();
            while self.tries(&mut place, now).is_ok() {}
        }
    }

    #[test]
    fn each_network_has_tries_of_its_own_whatever_others_failed() {
        let mut table = Table::default();
        table.slow_down(START);
        for _ in 0..200 {
            let mut place = Tally::default();
            for _ in 0..TRIES {
                assert_eq!(table.tries(&mut place, START).unwrap().lane, Lane::Own);
            }
            assert_eq!(table.tries(&mut place, START).unwrap_err(), SECOND);
        }
    }

    #[test]
    fn beyond_half_of_the_table_a_wider_network_holds_few_places() {
        let mut table = Table::default();
        table.fill(PLACES / 2, START);
        table.slow_down(START);
        assert!(table.tries(&mut Tally::default(), START).is_err());
        for _ in 0..PLACES / 2 / CROWD {
            table.neighbours = Tally::default();
            table.fill(CROWD, START);
            assert!(table.tries(&mut Tally::default(), START).is_err());
        }
        table.neighbours = Tally::default();
        table.fill(PLACES / 2 % CROWD, START);
        table.neighbours = Tally::default();
        assert!(
            table.tries(&mut Tally::default(), START).is_err(),
            "it is full"
        );
    }

    #[test]
    fn a_table_ends_after_a_day_and_after_a_quiet_hour() {
        let mut table = Table::default();
        let mut place = Tally::default();
        let mut now = START;
        while now.since(START) < TABLE_AGE {
            let lane = table.tries(&mut place, now).unwrap().lane;
            let is_own = now.since(START) < TRIES * 59 * 60 * SECOND;
            assert_eq!(lane == Lane::Own, is_own);
            now = now + 59 * 60 * SECOND;
        }
        assert_eq!(table.tries(&mut place, now).unwrap().lane, Lane::Own);
        for _ in 0..TRIES {
            _ = table.tries(&mut place, now);
        }
        assert_eq!(
            table.tries(&mut place, now + QUIET).unwrap().lane,
            Lane::Own
        );
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        let mut table = Table::default();
        table.slow_down(START);
        let (before, mut place) = ((table.account, table.neighbours), Tally::default());
        for succeeds in [true, false] {
            let counted = table.tries(&mut place, START).unwrap();
            let mut counts = Counts {
                account: &mut table.account,
                place: &mut place,
                neighbours: Some(&mut table.neighbours),
                network: None,
            };
            match succeeds {
                true => counts.succeed(counted),
                false => counts.undo(counted),
            }
            assert_eq!((table.account, table.neighbours), before);
            assert_eq!(place, Tally::default());
        }
    }
}
