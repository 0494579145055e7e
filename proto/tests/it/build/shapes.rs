//! Lists and streams have the shapes that clients count on.

use super::*;

/// Compiles a List method with these fields in its request and its response.
fn list_error(request: &str, response: &str) -> String {
    let source = format!(
        r#"syntax = "proto3";
        package troupe.sample.v1;
        import "buf/validate/validate.proto";
        import "google/api/annotations.proto";
        import "troupe/options/v1/policy.proto";
        service ThingService {{
          rpc ListBoxes(ListBoxesRequest) returns (ListBoxesResponse) {{
            option (troupe.options.v1.policy) = {{ {POLICY} reasons: REASON_PAGE_TOKEN_INVALID }};
            {GET}
          }}
        }}
        message TinBox {{}}
        message ListBoxesRequest {{ {request} }}
        message ListBoxesResponse {{ {response} }}"#
    );
    match policy::emit(&compiled(&source)) {
        Ok(_) => String::new(),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn refuses_a_list_without_pages_or_with_a_name_of_its_own() {
    let request = "int32 page_size = 10; string page_token = 11;";
    let response = "repeated TinBox tin_boxes = 1; string next_page_token = 2;";
    assert_eq!(list_error(request, response), "");
    for (request, response, problem) in [
        ("string page_token = 11;", response, "page_size = 10"),
        (
            "int32 page_size = 1; string page_token = 11;",
            response,
            "page_size = 10",
        ),
        (
            "int64 page_size = 10; string page_token = 11;",
            response,
            "page_size = 10",
        ),
        ("int32 page_size = 10;", response, "page_token = 11"),
        (
            request,
            "repeated TinBox tin_boxes = 1;",
            "next_page_token = 2",
        ),
        (
            request,
            "TinBox tin_boxes = 1; string next_page_token = 2;",
            "is field 1",
        ),
        (
            request,
            "repeated TinBox boxes = 1; string next_page_token = 2;",
            "is called tin_boxes",
        ),
    ] {
        let error = list_error(request, response);
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("ThingService.ListBoxes"), "{error}");
    }
}

/// Checks a contract of one stream.
fn stream_checked(binding: &str, offset: &str, event: &str) -> anyhow::Result<()> {
    let source = format!(
        r#"syntax = "proto3";
        package troupe.sample.v1;
        import "google/api/annotations.proto";
        service ThingService {{
          rpc WatchThing(WatchThingRequest) returns (stream WatchThingResponse) {{
            option (google.api.http) = {{ {binding} response_body: "event" }};
          }}
        }}
        message WatchThingRequest {{ string id = 1; {offset} }}
        message WatchThingResponse {{ ThingEvent event = 1; }}
        message ThingEvent {{ {event} }}
        message Part {{ int32 offset = 1; string text = 2; int32 next_offset = 3; }}"#
    );
    streams::check(&compiled(&source))
}

#[test]
fn refuses_streams_that_can_not_be_told_as_events() {
    let (get, offset) = (r#"get: "/v1/things/{id}:watch""#, "int32 offset = 2;");
    let parts = "oneof event { Part part = 1; string ended = 2; }";
    stream_checked(get, offset, parts).unwrap();
    stream_checked(r#"post: "/v1/things" body: "*""#, "", parts).unwrap();
    stream_checked(get, "", "oneof event { string started = 1; }").unwrap();
    for (offset, event, problem) in [
        (offset, "Part part = 1;", "have one oneof"),
        (
            offset,
            "oneof event { Part part = 1; } oneof other { string a = 2; }",
            "have one oneof",
        ),
        (
            offset,
            "oneof event { Part part = 1; string failure = 2; }",
            "no event can be called failure",
        ),
        ("", parts, "has an offset where"),
        ("string offset = 2;", parts, "has an offset where"),
        (
            offset,
            "oneof event { string text = 1; }",
            "has an offset where",
        ),
    ] {
        let error = format!("{:#}", stream_checked(get, offset, event).unwrap_err());
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("ThingService.WatchThing"), "{error}");
    }
}
