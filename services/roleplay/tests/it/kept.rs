//! How much of a kind a person may keep.

use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;
use troupe_roleplay::Config;

use crate::stage::{CARD, Stage};

fn is_one_too_many(status: &Status, reason: Reason) -> bool {
    let info = status.get_details_error_info().unwrap();
    status.code() == Code::FailedPrecondition
        && reason_of(status) == Some(reason)
        && info.metadata["limit"] == "2"
        && status.message().contains("already have 2")
}

#[tokio::test]
async fn a_person_keeps_so_many_scenarios_and_links() {
    let config = Config {
        scenarios_per_person: 2,
        share_links_per_person: 2,
        ..Config::default()
    };
    let stage = Stage::with(&config).await;
    let (alice, bob) = (stage.person(), stage.person());
    let scenario = |name: &str| pb::Scenario {
        name: name.to_owned(),
        ..Default::default()
    };
    let first = alice.scenario(scenario("One")).await.unwrap();
    alice.scenario(scenario("Two")).await.unwrap();
    let refused = alice.scenario(scenario("Three")).await.unwrap_err();
    assert!(is_one_too_many(&refused, Reason::TooManyScenarios));
    let copy = pb::CopyScenarioRequest {
        scenario_id: first.id.clone(),
        ..Default::default()
    };
    let refused = alice.scenarios().copy_scenario(alice.ask(copy)).await;
    let refused = refused.unwrap_err();
    assert!(is_one_too_many(&refused, Reason::TooManyScenarios));
    bob.scenario(scenario("Three")).await.unwrap();
    alice.delete_scenario(&first.id, "").await.unwrap();
    alice.scenario(scenario("Three")).await.unwrap();

    let character = alice.character(CARD.to_owned()).await;
    let link = pb::ShareLink {
        character_id: character.clone(),
        ..Default::default()
    };
    alice.make_link(link.clone()).await.unwrap();
    alice.make_link(link.clone()).await.unwrap();
    let refused = alice.make_link(link).await.unwrap_err();
    assert!(is_one_too_many(&refused, Reason::TooManyShareLinks));
}
