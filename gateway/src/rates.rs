//! Budgets of calls: one token bucket per class and caller, whatever protocol the calls come by.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use troupe_proto::policy::RateClass;

use crate::config::{Rate, Rates};

/// Who a call is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// A person, by id.
    Person(Box<str>),
    /// An address, as [`crate::address::budget_key`] gives it.
    Address(IpAddr),
}

/// The budgets of all callers.
#[derive(Debug)]
pub(crate) struct Budgets {
    read: Budget,
    write: Budget,
    credentials: Budget,
    generate: Budget,
    unclassified: Budget,
}

#[derive(Debug)]
struct Budget {
    limiter: DefaultKeyedRateLimiter<Payer>,
    burst: NonZeroU32,
}

impl Budgets {
    /// Full budgets.
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            read: Budget::new(rates.read),
            write: Budget::new(rates.write),
            credentials: Budget::new(rates.credentials),
            generate: Budget::new(rates.generate),
            unclassified: Budget::new(rates.unclassified),
        }
    }

    /// Takes `cost` tokens off the payer's budget; the error says after which time there are enough.
    pub(crate) fn take(&self, class: RateClass, payer: &Payer, cost: u32) -> Result<(), Duration> {
        match class {
            RateClass::Read => self.read.take(payer, cost),
            RateClass::Write => self.write.take(payer, cost),
            RateClass::Credentials => self.credentials.take(payer, cost),
            RateClass::Generate => self.generate.take(payer, cost),
            RateClass::Unspecified | RateClass::Internal => self.unclassified.take(payer, cost),
        }
    }

    /// Forgets callers whose budgets are full again.
    pub(crate) fn forget_idle(&self) {
        let all = [
            &self.read,
            &self.write,
            &self.credentials,
            &self.generate,
            &self.unclassified,
        ];
        for budget in all {
            budget.limiter.retain_recent();
            budget.limiter.shrink_to_fit();
        }
    }
}

impl Budget {
    fn new(rate: Rate) -> Self {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let period = Duration::from_secs_f64((1.0 / rate.per_second).clamp(1e-9, 1e9));
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst));
        Self {
            limiter: RateLimiter::keyed(quota.allow_burst(burst)),
            burst,
        }
    }

    fn take(&self, payer: &Payer, cost: u32) -> Result<(), Duration> {
        // A call that costs more than the budget holds empties a full one.
        let cost = NonZeroU32::new(cost)
            .unwrap_or(NonZeroU32::MIN)
            .min(self.burst);
        match self.limiter.check_key_n(payer, cost) {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(DefaultClock::default().now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets() -> Budgets {
        let rate = Rate {
            per_second: 0.001,
            burst: 3,
        };
        let rates = Rates {
            write: rate,
            ..Rates::default()
        };
        Budgets::new(&rates)
    }

    #[test]
    fn a_call_costs_what_its_policy_says() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.take(RateClass::Write, &alice, 2).is_ok());
        let wait = budgets.take(RateClass::Write, &alice, 2).unwrap_err();
        assert!(
            wait > Duration::from_secs(900) && wait <= Duration::from_secs(1000),
            "{wait:?}"
        );
        assert!(budgets.take(RateClass::Write, &alice, 1).is_ok());
    }

    #[test]
    fn callers_and_classes_have_budgets_of_their_own() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.take(RateClass::Write, &alice, 3).is_ok());
        assert!(budgets.take(RateClass::Write, &alice, 1).is_err());
        assert!(budgets.take(RateClass::Read, &alice, 1).is_ok());
        assert!(
            budgets
                .take(RateClass::Write, &Payer::Person("bob".into()), 1)
                .is_ok()
        );
        let address = Payer::Address("192.0.2.1".parse().unwrap());
        assert!(budgets.take(RateClass::Write, &address, 1).is_ok());
    }

    #[test]
    fn a_call_dearer_than_the_budget_takes_all_of_it() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.take(RateClass::Write, &alice, 100).is_ok());
        assert!(budgets.take(RateClass::Write, &alice, 1).is_err());
    }
}
