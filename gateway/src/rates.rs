//! Budgets of calls: one token bucket per class and caller, whatever protocol the calls come by, and through Redis one for
//! all gateways.

use std::fmt;
use std::net::IpAddr;

use http::HeaderValue;
use redis::Redis;
use redis::limits::{Left, Limiter, Rate, Refused};
use troupe_proto::policy::RateClass;

use crate::config::Rates;
use crate::refusal::whole_seconds;

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

/// The budgets of one class.
#[derive(Debug)]
pub(crate) struct Budget {
    name: &'static str,
    policy: HeaderValue,
    limiter: Limiter<Payer>,
}

impl Budget {
    fn new(name: &'static str, rate: Rate, redis: Option<&Redis>) -> Self {
        // A whole budget, and the time in which it comes back.
        let (quota, window) = (rate.burst, whole_seconds(rate.window()));
        let policy = format!("\"{name}\";q={quota};w={window}");
        Self {
            name,
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("")),
            limiter: match redis {
                Some(redis) => Limiter::shared(redis, name, rate),
                None => Limiter::in_memory(rate),
            },
        }
    }

    /// The name of the class.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What clients are told of it once and for all.
    pub(crate) fn policy(&self) -> &HeaderValue {
        &self.policy
    }

    /// Takes `cost` tokens off the payer's budget, and says what is left of it.
    pub(crate) async fn take(&self, payer: &Payer, cost: u32) -> Result<Left, Refused> {
        self.limiter.take(payer, cost).await
    }
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

impl Budgets {
    /// Full budgets, shared with other gateways where there is Redis.
    pub(crate) fn new(rates: &Rates, redis: Option<&Redis>) -> Self {
        let budget = |name, rate| Budget::new(name, rate, redis);
        Self {
            read: budget("read", rates.read),
            write: budget("write", rates.write),
            credentials: budget("credentials", rates.credentials),
            generate: budget("generate", rates.generate),
            unclassified: budget("unclassified", rates.unclassified),
        }
    }

    /// That of a class.
    pub(crate) fn of(&self, class: RateClass) -> &Budget {
        match class {
            RateClass::Read => &self.read,
            RateClass::Write => &self.write,
            RateClass::Credentials => &self.credentials,
            RateClass::Generate => &self.generate,
            RateClass::Unspecified | RateClass::Internal => &self.unclassified,
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
        all.iter().for_each(|budget| budget.limiter.forget_idle());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert!(budgets.of(RateClass::Write).take(&alice, 2).await.is_ok());
        let wait = budgets
            .of(RateClass::Write)
            .take(&alice, 2)
            .await
            .unwrap_err()
            .wait;
        assert!(
            wait > Duration::from_secs(900) && wait <= Duration::from_secs(1000),
            "{wait:?}"
        );
        assert!(budgets.of(RateClass::Write).take(&alice, 1).await.is_ok());
    }

    #[test]
    fn clients_are_told_how_much_there_is_and_how_fast_it_comes_back() {
        let policy = |budget: &Budget| budget.policy().to_str().unwrap().to_owned();
        let budgets = Budgets::new(&Rates::default(), None);
        assert_eq!(policy(&budgets.read), "\"read\";q=200;w=4");
        assert_eq!(policy(&budgets.generate), "\"generate\";q=20;w=40");
        let fast = Rate {
            per_second: 1e6,
            burst: 1,
        };
        assert_eq!(policy(&Budget::new("fast", fast, None)), "\"fast\";q=1;w=1");
    }

    #[tokio::test]
    async fn callers_and_classes_have_budgets_of_their_own() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.of(RateClass::Write).take(&alice, 3).await.is_ok());
        assert!(budgets.of(RateClass::Write).take(&alice, 1).await.is_err());
        assert!(budgets.of(RateClass::Read).take(&alice, 1).await.is_ok());
        assert!(
            budgets
                .of(RateClass::Write)
                .take(&Payer::Person("bob".into()), 1)
                .await
                .is_ok()
        );
        let address = Payer::Address("192.0.2.1".parse().unwrap());
        assert!(budgets.of(RateClass::Write).take(&address, 1).await.is_ok());
    }

    #[tokio::test]
    async fn a_call_dearer_than_the_budget_takes_all_of_it() {
        let (budgets, alice) = (budgets(), Payer::Person("alice".into()));
        assert!(budgets.of(RateClass::Write).take(&alice, 100).await.is_ok());
        assert!(budgets.of(RateClass::Write).take(&alice, 1).await.is_err());
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
        assert!(one.of(RateClass::Write).take(&alice, 2).await.is_ok());
        assert!(other.of(RateClass::Write).take(&alice, 2).await.is_err());
        assert!(other.of(RateClass::Read).take(&alice, 2).await.is_ok());
        let address = Payer::Address("192.0.2.1".parse().unwrap());
        assert!(other.of(RateClass::Write).take(&address, 3).await.is_ok());
    }
}
