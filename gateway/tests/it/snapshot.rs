//! The OpenAPI document of Troupe's contracts is checked in, so that a change of it is reviewed.

use troupe_gateway::Config;
use troupe_gateway::openapi::document;

#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
#[test]
fn openapi_document_is_checked_in() {
    let document = document(troupe_proto::descriptor_pool(), &Config::default());
    let actual = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/openapi.json");
    if std::env::var_os("TROUPE_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "proto/openapi.json differs from the contracts; run `just snapshots`, and read the diff"
    );
}
