//! The build refuses contracts that documentation and generated clients can't tell apart.

use crate::build::{compiled, headings};

const TAG: &str = r#"option (troupe.options.v1.tag) = {name: "Things" place: 1};"#;

/// What the check says of a service with one method, and of what stands beside it.
fn problem(options: &str, policy: &str, response: &str, beside: &str) -> String {
    let source = format!(
        r#"syntax = "proto3";
        package troupe.sample.v1;
        import "google/api/annotations.proto";
        import "google/api/httpbody.proto";
        import "troupe/options/v1/policy.proto";
        import "troupe/options/v1/tag.proto";
        service ThingService {{
          {options}
          rpc GetThing(GetThingRequest) returns (GetThingResponse) {{
            option (google.api.http) = {{get: "/v1/things"}};
            option (troupe.options.v1.policy) = {{
              audience: AUDIENCE_USER timeout: {{seconds: 5}} rate_class: RATE_CLASS_READ {policy}
            }};
          }}
        }}
        message GetThingRequest {{}}
        message GetThingResponse {{ {response} }}
        {beside}"#
    );
    match headings::check(&compiled(&source)) {
        Ok(()) => String::new(),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn refuses_a_service_without_a_heading_of_its_own() {
    assert_eq!(problem(TAG, "", "", ""), "");
    for options in [
        "",
        r#"option (troupe.options.v1.tag) = {name: "Things"};"#,
        "option (troupe.options.v1.tag) = {place: 1};",
    ] {
        let error = problem(options, "", "", "");
        assert!(error.contains("troupe.sample.v1.ThingService"), "{error}");
        assert!(error.contains("a name and a place"), "{error}");
    }
    let method = r#"(GetThingRequest) returns (GetThingResponse) {
        option (google.api.http) = {get: "/v1/others"};
        option (troupe.options.v1.policy) = {audience: AUDIENCE_USER}; } }"#;
    let twin = format!("service OtherService {{ {TAG} rpc GetOther {method}");
    let error = problem(TAG, "", "", &twin);
    assert!(error.contains("two services are called Things"), "{error}");
    let other = TAG.replace("Things", "Others");
    let twin = format!("service OtherService {{ {other} rpc GetThing {method}");
    let error = problem(TAG, "", "", &twin);
    assert!(error.contains("another method has this name"), "{error}");
}

#[test]
fn refuses_two_messages_of_one_name() {
    let response = "ThingPart part = 1; Thing thing = 2;";
    let twins = "message ThingPart {} message Thing { message Part {} Part part = 1; }";
    let error = problem(TAG, "", response, twins);
    assert!(error.contains("have one name"), "{error}");
    let others = "message ThingBit {} message Thing { message Part {} Part part = 1; }";
    let response = response.replace("ThingPart", "ThingBit");
    assert_eq!(problem(TAG, "", &response, others), "");
}

#[test]
fn refuses_a_file_without_types_and_types_without_a_file() {
    let (file, types) = (
        "google.api.HttpBody file = 1;",
        r#"media_types: "image/png""#,
    );
    assert_eq!(problem(TAG, types, file, ""), "");
    for (policy, response) in [("", file), (types, "")] {
        let error = problem(TAG, policy, response, "");
        assert!(error.contains("policy.media_types"), "{error}");
        assert!(error.contains("ThingService.GetThing"), "{error}");
    }
}
