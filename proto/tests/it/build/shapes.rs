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

#[test]
fn refuses_a_deletion_that_answers_something_or_takes_any_number() {
    let check = |method: &str, request: &str, response: &str| {
        let source = format!(
            r#"syntax = "proto3";
            package troupe.sample.v1;
            import "buf/validate/validate.proto";
            service ThingService {{ rpc {method}(DeletionRequest) returns (DeletionResponse); }}
            message DeletionRequest {{ {request} }}
            message DeletionResponse {{ {response} }}"#
        );
        let pool = compiled(&source);
        let service = pool.get_service_by_name("troupe.sample.v1.ThingService");
        let method = service.unwrap().methods().next().unwrap();
        deletions::check(&pool, &method).map_err(|error| format!("{error:#}"))
    };
    let ids = |rules: &str| {
        format!("repeated string thing_ids = 1 [(buf.validate.field).repeated = {{ {rules} }}];")
    };
    let good = ids("min_items: 1 max_items: 100");
    check("DeleteThing", "string thing_id = 1;", "").unwrap();
    check("BatchDeleteThings", &good, "").unwrap();
    check("ListThings", "", "string next_page_token = 2;").unwrap();
    for (method, request, response, problem) in [
        ("DeleteThing", "", "string head_id = 1;", "answers nothing"),
        (
            "BatchDeleteThings",
            &*good,
            "int32 count = 1;",
            "answers nothing",
        ),
        (
            "BatchDeleteThings",
            "repeated string names = 1;",
            "",
            "named by ids",
        ),
        (
            "BatchDeleteThings",
            "repeated string thing_ids = 1;",
            "",
            "1 to 100",
        ),
        ("BatchDeleteThings", &ids("max_items: 100"), "", "1 to 100"),
        (
            "BatchDeleteThings",
            &ids("min_items: 1 max_items: 101"),
            "",
            "1 to 100",
        ),
    ] {
        let error = check(method, request, response).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn refuses_a_number_of_bytes_that_json_writes_as_a_text() {
    let of = |kind: &str| {
        let source = format!(
            r#"syntax = "proto3";
            package troupe.sample.v1;
            import "buf/validate/validate.proto";
            message Thing {{ {kind} size_bytes = 1; }}"#
        );
        rules::emit(&compiled(&source)).map(drop)
    };
    of("int32").unwrap();
    of("uint32").unwrap();
    for kind in ["int64", "uint64"] {
        let error = format!("{:#}", of(kind).unwrap_err());
        assert!(error.contains("32 bits"), "{error}");
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
