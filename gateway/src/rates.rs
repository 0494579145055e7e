//! Budgets of calls: one token bucket per class and caller, whatever protocol the calls come by, and through Redis one for
//! all gateways.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use redis::Redis;
use redis::limits::{Limiter, Rate};
use troupe_proto::policy::RateClass;

use crate::config::Rates;

/// Who a call is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Payer {
    /// A person, by id.
    Person(Box<str>),
    /// An address, as [`crate::address::budget_key`] gives it.
    Address(IpAddr),
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Address(address) => write!(f, "address:{address}"),
        }
    }
}

/// The budgets of all callers.
#[derive(Debug)]
pub(crate) struct Budgets {
    read: Limiter<Payer>,
    write: Limiter<Payer>,
    credentials: Limiter<Payer>,
    generate: Limiter<Payer>,
    unclassified: Limiter<Payer>,
}

impl Budgets {
    /// Full budgets, shared with other gateways where there is Redis.
    pub(crate) fn new(rates: &Rates, redis: Option<&Redis>) -> Self {
        let limiter = |name, rate: Rate| match redis {
            Some(redis) => Limiter::shared(redis, name, rate),
            None => Limiter::in_memory(rate),
        };
        Self {
            read: limiter("read", rates.read),
            write: limiter("write", rates.write),
            credentials: limiter("credentials", rates.credentials),
            generate: limiter("generate", rates.generate),
            unclassified: limiter("unclassified", rates.unclassified),
        }
    }

    /// Takes `cost` tokens off the payer's budget; the error says after which time there are enough.
    pub(crate) async fn take(
        &self,
        class: RateClass,
        payer: &Payer,
        cost: u32,
    ) -> Result<(), Duration> {
        let limiter = match class {
            RateClass::Read => &self.read,
            RateClass::Write => &self.write,
            RateClass::Credentials => &self.credentials,
            RateClass::Generate => &self.generate,
            RateClass::Unspecified | RateClass::Internal => &self.unclassified,
        };
        limiter.take(payer, cost).await
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
        all.into_iter().for_each(Limiter::forget_idle);
    }
}

#[cfg(test)]
mod tests {
    use platform::Tasks;
    use testkit::servers;

    use super::*;

    fn slow() -> Rates {
        let rate = Rate {
            per_second: 0.001,
            burst: 3,
        };
        Rates {
            write: rate,
            ..Rates::default()
        }
    }

    fn budgets() -> Budgets {
        Budgets::new(&slow(), None)
    }

    #[tokio::test]
    async fn a_call_costs_what_its_policy_says() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.take(RateClass::Write, &alice, 2).await.is_ok());
        let wait = budgets.take(RateClass::Write, &alice, 2).await.unwrap_err();
        assert!(
            wait > Duration::from_secs(900) && wait <= Duration::from_secs(1000),
            "{wait:?}"
        );
        assert!(budgets.take(RateClass::Write, &alice, 1).await.is_ok());
    }

    #[tokio::test]
    async fn callers_and_classes_have_budgets_of_their_own() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.take(RateClass::Write, &alice, 3).await.is_ok());
        assert!(budgets.take(RateClass::Write, &alice, 1).await.is_err());
        assert!(budgets.take(RateClass::Read, &alice, 1).await.is_ok());
        assert!(
            budgets
                .take(RateClass::Write, &Payer::Person("bob".into()), 1)
                .await
                .is_ok()
        );
        let address = Payer::Address("192.0.2.1".parse().unwrap());
        assert!(budgets.take(RateClass::Write, &address, 1).await.is_ok());
    }

    #[tokio::test]
    async fn a_call_dearer_than_the_budget_takes_all_of_it() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.take(RateClass::Write, &alice, 100).await.is_ok());
        assert!(budgets.take(RateClass::Write, &alice, 1).await.is_err());
    }
    #[tokio::test]
    async fn gateways_share_budgets_through_redis() {
        let server = servers::Redis::shared().await.unwrap();
        let redis = Redis::open(&server.config(), &Tasks::new())
            .unwrap()
            .unwrap();
        redis.reached().await;
        let patient = redis.with_patience(Duration::from_secs(60));
        let (one, other) = (
            Budgets::new(&slow(), Some(&patient)),
            Budgets::new(&slow(), Some(&patient)),
        );
        let alice = Payer::Person("alice".into());
        assert!(one.take(RateClass::Write, &alice, 2).await.is_ok());
        assert!(other.take(RateClass::Write, &alice, 2).await.is_err());
        assert!(other.take(RateClass::Read, &alice, 2).await.is_ok());
        let address = Payer::Address("192.0.2.1".parse().unwrap());
        assert!(other.take(RateClass::Write, &address, 3).await.is_ok());
    }
}
