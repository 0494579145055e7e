//! Addresses that mean ill: each is refused by the rule that is meant for it, before anything is connected.
//!
//! Spellings of addresses are as the WHATWG URL standard reads them; networks are those of IANA's registries.

mod addresses;

use troupe_outbound::{Client, Config, Error, Refusal, Request};

use crate::stage::Names;
use addresses::{HONEST, HOSTILE, NAMES, Rule};

/// The rule of a refusal, as the tables write it.
fn is_by(refusal: &Refusal, rule: Rule) -> bool {
    match (refusal, rule) {
        (Refusal::Address { reserved, .. } | Refusal::Name { reserved, .. }, Rule::In(network)) => {
            reserved.network().to_string() == network
        }
        (Refusal::Unreadable(_), Rule::Unreadable) | (Refusal::Credentials, Rule::Credentials) => {
            true
        }
        (Refusal::Scheme(scheme), Rule::Scheme(expected)) => scheme == expected,
        (Refusal::Port(port), Rule::Port(expected)) => *port == expected,
        _ => false,
    }
}

#[tokio::test]
async fn refuses_each_hostile_address_by_the_rule_that_is_meant() {
    // A resolver that finds every name innocent: what is refused here is refused for how it is written.
    let names = Names::all("1.1.1.1");
    let client = Client::with_resolver(&Config::default(), names.clone()).unwrap();
    let mut wrong = Vec::new();
    for case in HOSTILE {
        let checked = client.check(case.address);
        if !matches!(&checked, Err(refusal) if is_by(refusal, case.rule)) {
            wrong.push(format!(
                "{} ({}): check said {checked:?}",
                case.name, case.why
            ));
            continue;
        }
        match client.send(Request::get(case.address)).await {
            Err(Error::Refused(refusal)) if is_by(&refusal, case.rule) => (),
            other => wrong.push(format!("{} ({}): send said {other:?}", case.name, case.why)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names.asked(), 0);
}

#[tokio::test]
async fn refuses_each_name_by_what_it_resolves_to() {
    let names = Names::by(|_, turn| {
        NAMES[turn]
            .answers
            .iter()
            .map(|it| it.parse().unwrap())
            .collect()
    });
    let client = Client::with_resolver(&Config::default(), names).unwrap();
    let mut wrong = Vec::new();
    for case in NAMES {
        let address = format!("https://{}/", case.host);
        client.check(&address).unwrap();
        match client.send(Request::get(address)).await {
            Err(Error::Refused(refusal @ Refusal::Name { .. }))
                if is_by(&refusal, Rule::In(case.network)) => {}
            other => wrong.push(format!("{} ({}): {other:?}", case.host, case.why)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn accepts_public_addresses_up_to_the_edges_of_what_is_refused() {
    let client = Client::new(&Config::default()).unwrap();
    for (address, why) in HONEST {
        let checked = client.check(address);
        assert!(checked.is_ok(), "{address} ({why}): {checked:?}");
    }
}

#[test]
fn the_tables_are_as_long_as_promised_and_repeat_nothing() {
    let mut all: Vec<&str> = HOSTILE.iter().map(|case| case.address).collect();
    all.extend(NAMES.iter().map(|case| case.host));
    let length = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), length, "an address stands twice");
    assert!(HOSTILE.len() >= 60, "{}", HOSTILE.len());
}
