use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn pool(name: &str) -> DescriptorPool {
    let root = env!("CARGO_MANIFEST_DIR");
    let includes = [
        format!("{root}/tests/it"),
        format!("{root}/../proto/third_party"),
    ];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file(name)
        .unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

fn echo() -> Value {
    document(&pool("echo.proto"), &Info::default())
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                found.insert(target.clone());
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for document in [
        echo(),
        document(troupe_proto::descriptor_pool(), &Info::default()),
    ] {
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(
                document.pointer(pointer).is_some_and(Value::is_object),
                "{target}"
            );
        }
    }
}

#[test]
fn the_same_contract_gives_the_same_text() {
    assert_eq!(echo().to_string(), echo().to_string());
}

#[test]
fn path_query_and_body_share_the_fields_of_a_request() {
    let document = echo();
    let names = |operation: &Value| -> BTreeSet<String> {
        let parameters = operation["parameters"].as_array().unwrap().iter();
        parameters
            .map(|it| {
                format!(
                    "{}:{}",
                    it["in"].as_str().unwrap(),
                    it["name"].as_str().unwrap()
                )
            })
            .collect()
    };
    let get = &document["paths"]["/v1/get/{str}"]["get"];
    let parameters = names(get);
    for name in [
        "path:str",
        "query:child.str",
        "query:numbers",
        "query:snakeCase",
        "query:otherName",
        "query:time",
    ] {
        assert!(parameters.contains(name), "{name} in {parameters:?}");
    }
    for name in [
        "query:str",
        "query:children",
        "query:labels",
        "query:struct",
        "query:any",
    ] {
        assert!(!parameters.contains(name), "{name}");
    }
    let patch = &document["paths"]["/v1/echo/{child.str}/in/{child.number}"]["patch"];
    assert!(names(patch).contains("path:child.number"));
    let post = &document["paths"]["/v1/echo/{str}"]["post"];
    let body = &post["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert!(body["int32"].is_object() && body["str"].is_null());
    assert_eq!(names(post), BTreeSet::from(["path:str".to_owned()]));
}

#[test]
fn refusals_are_told_with_their_reasons() {
    let document = document(troupe_proto::descriptor_pool(), &Info::default());
    let path = "/api/v1/roleplay/sessions/{session_id}/messages/{message_id}";
    let responses = &document["paths"][path]["delete"]["responses"];
    let running = &responses["409"];
    assert_eq!(running["x-troupe-reasons"][0], "GENERATION_RUNNING");
    let description = running["description"].as_str().unwrap();
    assert!(description.contains("cancel it"), "{description}");
    assert_eq!(responses["404"]["x-troupe-reasons"][0], "NOT_FOUND");
    let shared = &document["components"]["responses"]["Error401"];
    assert_eq!(shared["x-troupe-reasons"][0], "TOKEN_MISSING");
    let unauthenticated = "#/components/responses/Error401";
    assert_eq!(responses["401"]["$ref"], unauthenticated);
    let login = &document["paths"]["/api/v1/users/login"]["post"]["responses"];
    assert_eq!(login["401"]["x-troupe-reasons"][0], "CREDENTIALS_INVALID");
    assert_eq!(
        login["401"]["x-troupe-reasons"].as_array().unwrap().len(),
        1
    );
    assert!(responses["403"].is_null() && responses["503"].is_null());
}

#[test]
fn streams_and_raw_bodies_have_their_media_types() {
    let document = echo();
    let content =
        |path: &str, verb: &str| &document["paths"][path][verb]["responses"]["200"]["content"];
    let stream = content("/v1/count/{to}", "get").as_object().unwrap();
    assert_eq!(stream.keys().collect::<Vec<_>>(), ["text/event-stream"]);
    assert_eq!(
        content("/v1/raw", "get")["*/*"]["schema"]["format"],
        "binary"
    );
    let upload = &document["paths"]["/v1/raw/{name}"]["post"]["requestBody"]["content"];
    assert_eq!(upload["*/*"]["schema"]["format"], "binary");
}

#[test]
fn what_is_deprecated_is_marked() {
    let paths = &echo()["paths"];
    assert_eq!(paths["/v1/raw-parts"]["get"]["deprecated"], true);
    assert!(paths["/v1/raw"]["get"].get("deprecated").is_none());
}

#[test]
fn the_contract_s_rules_audiences_and_comments_are_told() {
    let document = document(troupe_proto::descriptor_pool(), &Info::default());
    let register = &document["components"]["schemas"]["troupe.users.v1.RegisterRequest"];
    assert_eq!(register["properties"]["email"]["format"], "email");
    assert_eq!(register["properties"]["password"]["minLength"], 8);
    assert!(!register["description"].as_str().unwrap().is_empty());
    let paths = &document["paths"];
    assert_eq!(
        paths["/api/v1/users/login"]["post"]["security"],
        serde_json::json!([])
    );
    assert_eq!(
        paths["/api/v1/users/logout"]["post"]["security"][0]["bearer"],
        serde_json::json!([])
    );
    assert!(!document.to_string().contains("WatchAccess_"));
}
