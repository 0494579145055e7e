mod examples;

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
    document(&pool("echo.proto"), &Config::default())
}

fn ours() -> Value {
    document(troupe_proto::descriptor_pool(), &Config::default())
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
    for document in [echo(), ours()] {
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
    let patch = &document["paths"]["/v1/echo/{childStr}/in/{childNumber}"]["patch"];
    assert!(names(patch).contains("path:childNumber"));
    let post = &document["paths"]["/v1/echo/{str}"]["post"];
    let body = &post["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let body = document.pointer(body.as_str().unwrap().strip_prefix('#').unwrap());
    let body = &body.unwrap()["properties"];
    assert!(body["int32"].is_object() && body["str"].is_null());
    assert_eq!(names(post), BTreeSet::from(["path:str".to_owned()]));
}

#[test]
fn refusals_are_told_with_their_reasons() {
    let document = ours();
    let path = "/api/v1/roleplay/sessions/{sessionId}/messages/{messageId}";
    let responses = &document["paths"][path]["delete"]["responses"];
    let running = &responses["409"];
    let reasons = running["x-troupe-reasons"].as_array().unwrap();
    assert!(
        reasons.contains(&serde_json::json!("GENERATION_RUNNING")),
        "{reasons:?}"
    );
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
    let denied = &responses["403"]["x-troupe-reasons"][0];
    assert_eq!(denied, "SESSION_ROLE_INSUFFICIENT");
    assert!(responses["503"].is_null());
}

#[test]
fn streams_and_raw_bodies_have_their_media_types() {
    let document = echo();
    let content =
        |path: &str, verb: &str| &document["paths"][path][verb]["responses"]["200"]["content"];
    let stream = content("/v1/count/{to}", "get").as_object().unwrap();
    assert_eq!(stream.keys().collect::<Vec<_>>(), ["text/event-stream"]);
    assert_eq!(
        content("/v1/raw", "get")["application/octet-stream"]["schema"]["format"],
        "binary"
    );
    let upload = &document["paths"]["/v1/raw/{name}"]["post"]["requestBody"]["content"];
    assert_eq!(
        upload["application/octet-stream"]["schema"]["format"],
        "binary"
    );
    let paths = &ours()["paths"];
    let character = "/api/v1/roleplay/characters/{characterId}";
    let avatar = &paths[format!("{character}/avatar")]["get"]["responses"]["200"];
    assert!(avatar["content"]["image/png"].is_object());
    assert!(avatar["headers"]["Content-Disposition"].is_object());
    let card = &paths[format!("{character}:export")]["get"]["responses"]["200"]["content"];
    assert_eq!(card["application/json"]["schema"]["type"], "object");
    assert!(!ours().to_string().contains("*/*"));
}

#[test]
fn what_is_deprecated_is_marked() {
    let paths = &echo()["paths"];
    assert_eq!(paths["/v1/raw-parts"]["get"]["deprecated"], true);
    assert!(paths["/v1/raw"]["get"].get("deprecated").is_none());
}

#[test]
fn the_contract_s_rules_audiences_and_comments_are_told() {
    let document = ours();
    let register = &document["components"]["schemas"]["RegisterRequest"];
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

#[test]
fn what_is_required_differs_between_answers_requests_and_changes() {
    let document = ours();
    let schema = |name: &str| &document["components"]["schemas"][name];
    let required = |name: &str| -> BTreeSet<String> {
        let names = schema(name)["required"].as_array().into_iter().flatten();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let session = required("Session");
    for name in ["id", "characterId", "title", "settings", "createTime"] {
        assert!(session.contains(name), "{name}");
    }
    assert!(!required("Message").contains("editTime"));
    assert!(required("Message").contains("createTime"));
    assert!(!required("GenerationEvent").contains("delta"));
    assert_eq!(
        required("SessionInput"),
        BTreeSet::from(["characterId".to_owned()])
    );
    assert!(required("SessionPatch").is_empty());
    let of = |name: &str, field: &str| &schema(name)["properties"][field];
    assert_eq!(of("Session", "id")["readOnly"], true);
    assert!(of("Session", "title")["readOnly"].is_null());
    assert!(of("SessionInput", "id").is_null());
    assert!(of("LorebookInput", "characterId").is_object());
    assert!(of("LorebookPatch", "characterId").is_null());
    assert!(of("SessionPatch", "title").is_object());
    assert_eq!(
        required("SendMessageRequest"),
        BTreeSet::from(["text".to_owned()])
    );
    assert!(of("SendMessageRequest", "sessionId").is_null());
}

#[test]
fn nothing_is_required_of_answers_without_defaults() {
    let mut config = Config::default();
    config.json.print_defaults = false;
    let document = document(troupe_proto::descriptor_pool(), &config);
    assert!(document["components"]["schemas"]["Session"]["required"].is_null());
}

#[test]
fn operations_are_named_and_ordered_for_people() {
    let document = ours();
    let tags: Vec<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    assert_eq!(tags[..4], ["Sign-in", "Profile", "Characters", "Lorebooks"]);
    let path = "/api/v1/roleplay/sessions/{sessionId}/messages";
    let send = &document["paths"][path]["post"];
    assert_eq!(send["operationId"], "sendMessage");
    assert_eq!(send["summary"], "Send message");
    assert_eq!(send["tags"][0], "Messages");
    assert_eq!(send["x-troupe-rate-class"], "generate");
    assert_eq!(send["x-troupe-timeout"], "600s");
    let limited = &document["components"]["responses"]["Error429"]["headers"];
    assert!(limited["Retry-After"].is_object());
}

#[test]
fn texts_name_fields_as_json_does() {
    let text = ours().to_string();
    for name in ["nextPageToken", "headMessageId", "`settings.temperature`"] {
        assert!(text.contains(name), "{name}");
    }
    for name in [
        "next_page_token",
        "update_mask",
        "`request_id`",
        "session_id",
    ] {
        assert!(!text.contains(name), "{name}");
    }
}

#[test]
fn the_introduction_names_operations_that_there_are() {
    let document = ours();
    let introduction = document["info"]["description"].as_str().unwrap();
    let text = document["paths"].to_string();
    for name in [
        "createCharacter",
        "importCharacter",
        "createSession",
        "sendMessage",
        "watchGeneration",
        "listMessages",
        "refreshToken",
    ] {
        assert!(introduction.contains(&format!("`{name}`")), "{name}");
        assert!(
            text.contains(&format!("\"operationId\":\"{name}\"")),
            "{name}"
        );
    }
    let mut config = Config::default();
    config.api.description = "Ours.".into();
    let own = super::document(troupe_proto::descriptor_pool(), &config);
    assert_eq!(own["info"]["description"], "Ours.");
}
