//! The build refuses contracts that say too little, or more than anything enforces.

#[path = "../../build/behaviour.rs"]
mod behaviour;
#[path = "../../build/deletions.rs"]
mod deletions;
#[path = "../../src/deprecation.rs"]
mod deprecation;
#[path = "../../build/events.rs"]
mod events;
#[path = "../../build/headings.rs"]
pub(crate) mod headings;
#[path = "../../build/lists.rs"]
mod lists;
#[path = "../../build/names.rs"]
mod names;
#[path = "../../build/policy.rs"]
mod policy;
#[path = "../../build/reasons.rs"]
mod reasons;
#[path = "../../build/rules.rs"]
mod rules;
#[path = "../../build/streams.rs"]
mod streams;

mod shapes;

use prost_reflect::DescriptorPool;

const POLICY: &str =
    "audience: AUDIENCE_USER timeout: {seconds: 5} rate_class: RATE_CLASS_READ idempotent: true";
const GET: &str = r#"
    option (google.api.http) = {get: "/v1/things"};
    option idempotency_level = NO_SIDE_EFFECTS;"#;

/// Compiles a contract with one method of the given options and one request field of the given rules.
fn contract(method_options: &str, field_type: &str, field_rules: &str) -> DescriptorPool {
    let source = format!(
        r#"syntax = "proto3";
        package troupe.sample.v1;
        import "buf/validate/validate.proto";
        import "google/api/annotations.proto";
        import "google/api/field_behavior.proto";
        import "troupe/options/v1/policy.proto";
        service ThingService {{ rpc GetThing(GetThingRequest) returns (GetThingResponse) {{ {method_options} }} }}
        message GetThingRequest {{ {field_type} value = 1 {field_rules}; }}
        message GetThingResponse {{}}"#
    );
    compiled(&source)
}

pub(crate) fn compiled(source: &str) -> DescriptorPool {
    let root = env!("CARGO_MANIFEST_DIR");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sample.proto"), source).unwrap();
    let includes = [
        dir.path().to_path_buf(),
        root.into(),
        format!("{root}/third_party").into(),
    ];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file("sample.proto")
        .unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

fn policy_error(options: &str) -> String {
    format!(
        "{:#}",
        policy::emit(&contract(options, "string", "")).unwrap_err()
    )
}

fn rule_error(field_type: &str, rules: &str) -> String {
    let options = format!("option (troupe.options.v1.policy) = {{ {POLICY} }}; {GET}");
    format!(
        "{:#}",
        rules::emit(&contract(&options, field_type, rules)).unwrap_err()
    )
}

#[test]
fn emits_a_line_for_a_method_with_a_policy() {
    let options = format!("option (troupe.options.v1.policy) = {{ {POLICY} }}; {GET}");
    let table = policy::emit(&contract(&options, "string", "")).unwrap();
    assert!(table.contains("\"/troupe.sample.v1.ThingService/GetThing\""));
    assert!(table.contains("Audience::User"));
}

#[test]
fn refuses_a_method_without_a_policy_and_names_it() {
    let error = policy_error(GET);
    assert!(
        error.contains("troupe.sample.v1.ThingService.GetThing"),
        "{error}"
    );
    assert!(error.contains("troupe.options.v1.policy"), "{error}");
}

#[test]
fn refuses_a_policy_that_leaves_something_out() {
    for missing in [
        "audience: AUDIENCE_USER",
        "timeout: {seconds: 5}",
        "rate_class: RATE_CLASS_READ",
    ] {
        let rest = POLICY.replace(missing, "");
        let error = policy_error(&format!(
            "option (troupe.options.v1.policy) = {{ {rest} }}; {GET}"
        ));
        let field = missing.split(':').next().unwrap();
        assert!(
            error.contains(&format!("policy.{field} is missing")),
            "{error}"
        );
    }
}

#[test]
fn refuses_what_can_not_be_repeated_without_a_request_id() {
    let once = POLICY.replace("idempotent: true", "");
    let error = policy_error(&format!(
        "option (troupe.options.v1.policy) = {{ {once} }}; {GET}"
    ));
    assert!(error.contains("has a request_id"), "{error}");
}

#[test]
fn refuses_a_get_that_does_not_say_that_it_changes_nothing() {
    let level = "option idempotency_level = NO_SIDE_EFFECTS;";
    let policy = format!("option (troupe.options.v1.policy) = {{ {POLICY} }};");
    let post = r#"option (google.api.http) = {post: "/v1/things" body: "*"};"#;
    for options in [GET.replace(level, ""), format!("{post} {level}")] {
        let error = policy_error(&format!("{policy} {options}"));
        assert!(error.contains("idempotency_level"), "{error}");
    }
}

#[test]
fn refuses_reasons_that_nobody_knows_or_every_method_has() {
    for (reasons, problem) in [
        ("reasons: REASON_UNSPECIFIED", "no reason is 0"),
        ("reasons: REASON_INTERNAL", "which every method has"),
        (
            "reasons: REASON_NOT_FOUND reasons: REASON_NOT_FOUND",
            "more than once",
        ),
        (
            "reasons: REASON_PAGE_TOKEN_INVALID",
            "where the request has a page_token",
        ),
    ] {
        let error = policy_error(&format!(
            "option (troupe.options.v1.policy) = {{ {POLICY} {reasons} }}; {GET}"
        ));
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("ThingService.GetThing"), "{error}");
    }
}

#[test]
fn refuses_a_deprecation_without_days_that_make_sense() {
    let table = |option: &str, days: &str| {
        let options =
            format!("option (troupe.options.v1.policy) = {{ {POLICY} {days} }}; {GET} {option}");
        policy::emit(&contract(&options, "string", "")).map_err(|error| format!("{error:#}"))
    };
    let (deprecated, since) = (
        "option deprecated = true;",
        r#"deprecated_since: "2026-12-01""#,
    );
    let plain = table("", "").unwrap();
    assert!(plain.contains("deprecation: None"), "{plain}");
    let told = table(deprecated, since).unwrap();
    assert!(told.contains("since: 1796083200, sunset: None"), "{told}");
    let both = table(deprecated, &format!(r#"{since} sunset: "2028-02-29""#)).unwrap();
    assert!(
        both.contains("since: 1796083200, sunset: Some(1835395200)"),
        "{both}"
    );
    let days = deprecation::Deprecation {
        since: 1_796_083_200,
        sunset: Some(1_835_395_200),
    };
    let line = "deprecated 2026-12-01 until 2028-02-29";
    assert_eq!(days.to_string(), line, "as the table of policies has it");
    for (option, days, problem) in [
        (deprecated, "", "policy.deprecated_since is missing"),
        (
            deprecated,
            r#"sunset: "2027-12-01""#,
            "deprecated_since must be a day",
        ),
        ("", since, "need `option deprecated"),
        ("", r#"sunset: "2027-12-01""#, "need `option deprecated"),
        (
            deprecated,
            &format!(r#"{since} sunset: "2026-12-01""#),
            "must come after",
        ),
        (
            deprecated,
            &format!(r#"{since} sunset: "2027-02-29""#),
            "sunset must be a day",
        ),
        (
            deprecated,
            r#"deprecated_since: "2026-12-1""#,
            "must be a day",
        ),
        (
            deprecated,
            r#"deprecated_since: "1969-12-31""#,
            "must be a day",
        ),
        (
            deprecated,
            r#"deprecated_since: "1796083200""#,
            "must be a day",
        ),
        (
            deprecated,
            r#"deprecated_since: "tomorrow""#,
            "must be a day",
        ),
    ] {
        let error = table(option, days).unwrap_err();
        assert!(error.contains(problem), "{days}: {error}");
        assert!(error.contains("ThingService.GetThing"), "{error}");
    }
}

/// Compiles a catalogue of one reason.
fn catalogue(comment: &str, options: &str) -> anyhow::Result<String> {
    let source = format!(
        r#"syntax = "proto3";
        package troupe.sample.v1;
        import "troupe/errors/v1/reason_policy.proto";
        enum Reason {{
          REASON_UNSPECIFIED = 0;
          {comment}
          REASON_DOOR_LOCKED = 1{options};
        }}"#
    );
    reasons::emit(&compiled(&source), "troupe.sample.v1.Reason")
}

#[test]
fn emits_a_line_for_a_reason_with_an_option() {
    let options = r#" [(troupe.errors.v1.policy) = {
        code: FAILED_PRECONDITION retry: RETRY_AFTER_FIX remedy: "Unlock it." metadata: "doorId"
    }]"#;
    let catalogue = catalogue("// The door\n // is locked.", options).unwrap();
    for part in [
        "reason: Reason::DoorLocked,",
        "code: Code::FailedPrecondition,",
        "retry: Retry::AfterFix,",
        "when: \"The door is locked.\",",
        "metadata: &[\"doorId\"],",
        "is_common: false,",
    ] {
        assert!(catalogue.contains(part), "{part} in {catalogue}");
    }
}

#[test]
fn refuses_a_reason_that_leaves_something_out_and_names_it() {
    let when = "// The door is locked.";
    for (comment, option, problem) in [
        (when, "", "has no option (troupe.errors.v1.policy)"),
        (
            when,
            r#"retry: RETRY_NEVER remedy: "No.""#,
            "policy.code is missing",
        ),
        (
            when,
            r#"code: ABORTED remedy: "No.""#,
            "policy.retry is missing",
        ),
        (
            when,
            "code: ABORTED retry: RETRY_NEVER",
            "policy.remedy is missing",
        ),
        (
            "",
            r#"code: ABORTED retry: RETRY_NEVER remedy: "No.""#,
            "has no comment that says when",
        ),
        (
            when,
            r#"code: ABORTED retry: RETRY_NEVER remedy: "No." metadata: "door_id""#,
            "must be in lowerCamelCase: door_id",
        ),
        (
            when,
            r#"code: ABORTED retry: RETRY_NEVER remedy: "No." http_status: 200"#,
            "policy.http_status is no status of a failure",
        ),
    ] {
        let options = match option {
            "" => String::new(),
            option => format!(" [(troupe.errors.v1.policy) = {{ {option} }}]"),
        };
        let error = format!("{:#}", catalogue(comment, &options).unwrap_err());
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("REASON_DOOR_LOCKED"), "{error}");
    }
}

#[test]
fn refuses_a_public_method_without_an_http_mapping_and_a_service_method_with_one() {
    let error = policy_error(&format!(
        "option (troupe.options.v1.policy) = {{ {POLICY} }};"
    ));
    assert!(error.contains("google.api.http is missing"), "{error}");
    let internal = POLICY.replace("USER", "SERVICE") + r#" callers: "ai""#;
    let error = policy_error(&format!(
        "option (troupe.options.v1.policy) = {{ {internal} }}; {GET}"
    ));
    assert!(error.contains("has no HTTP mapping"), "{error}");
}

#[test]
fn refuses_a_field_that_is_required_in_one_place_and_not_in_the_other() {
    let policy = format!("option (troupe.options.v1.policy) = {{ {POLICY} }}; {GET}");
    let check = |kind: &str, options: &[&str]| {
        let options = format!("[{}]", options.join(", "));
        policy::emit(&contract(&policy, kind, &options))
    };
    let behaviour = "(google.api.field_behavior) = REQUIRED";
    for (kind, rule) in [
        ("string", "(buf.validate.field).string.min_len = 1"),
        ("string", r#"(buf.validate.field).string.pattern = "^a""#),
        ("string", "(buf.validate.field).string.email = true"),
        ("int32", "(buf.validate.field).int32.gte = 1"),
        (
            "repeated string",
            "(buf.validate.field).repeated.min_items = 1",
        ),
    ] {
        check(kind, &[rule, behaviour]).unwrap();
        let error = format!("{:#}", check(kind, &[rule]).unwrap_err());
        assert!(
            error.contains("GetThingRequest.value is REQUIRED"),
            "{error}"
        );
    }
    for (kind, rule) in [
        ("string", "(buf.validate.field).string.max_len = 9"),
        ("string", r#"(buf.validate.field).string.pattern = "^a?$""#),
        ("int32", "(buf.validate.field).int32.gte = 0"),
        ("optional int32", "(buf.validate.field).int32.gte = 1"),
    ] {
        check(kind, &[rule]).unwrap();
        check(kind, &[rule, behaviour]).unwrap_err();
    }
}

#[test]
fn refuses_a_rule_that_nothing_enforces_and_names_it() {
    for (kind, rules, name) in [
        (
            "string",
            "[(buf.validate.field).string.uuid = true]",
            "string.uuid",
        ),
        (
            "bytes",
            "[(buf.validate.field).bytes.max_len = 3]",
            "bytes.max_len",
        ),
        ("int32", "[(buf.validate.field).int32.gt = 3]", "int32.gt"),
        (
            "repeated string",
            "[(buf.validate.field).repeated.unique = true]",
            "repeated.unique",
        ),
        (
            "map<string, string>",
            "[(buf.validate.field).map.max_pairs = 1]",
            "map",
        ),
        (
            "string",
            "[(buf.validate.field).required = true]",
            "required",
        ),
        (
            "string",
            r#"[(buf.validate.field).cel = {id: "x" expression: "true"}]"#,
            "cel",
        ),
    ] {
        let error = rule_error(kind, rules);
        assert!(
            error.contains("troupe.sample.v1.GetThingRequest"),
            "{error}"
        );
        assert!(error.contains("field value"), "{error}");
        assert!(
            error.contains("nothing enforces") && error.contains(name),
            "{error}"
        );
    }
}

/// Compiles an event with the given options.
fn event_error(options: &str) -> String {
    let source = format!(
        r#"syntax = "proto3";
        package troupe.events.v9;
        import "troupe/options/v1/event.proto";
        message ThingHappened {{ {options} string thing_id = 1; repeated string others = 2; }}"#
    );
    format!("{:#}", events::emit(&compiled(&source)).unwrap_err())
}

#[test]
fn refuses_an_event_without_a_contract_or_with_one_that_names_nothing() {
    for (options, problem) in [
        ("", "has no option"),
        (
            r#"option (troupe.options.v1.event) = {subject: "thing" key: "thing_id"};"#,
            "event.subject must be",
        ),
        (
            r#"option (troupe.options.v1.event) = {subject: "shop.thing.made" key: "id"};"#,
            "event.key names no field",
        ),
        (
            r#"option (troupe.options.v1.event) = {subject: "shop.thing.made" key: "others"};"#,
            "event.key must name a field that is one string",
        ),
    ] {
        let error = event_error(options);
        assert!(error.contains("troupe.events.v9.ThingHappened"), "{error}");
        assert!(error.contains(problem), "{error}");
    }
}
