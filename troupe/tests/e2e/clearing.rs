//! What a change sets and another one clears by its name is then as in a thing where it was never set.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::examples::setup;
use crate::masks::{behaves, is_fixed, resource, updates};
use crate::person::Person;

const ROLEPLAY: &str = "/api/v1/roleplay";
const REQUIRED: i32 = 2;
/// Fields that can't be empty, and no default that they could have instead.
const NEVER_EMPTY: [(&str, &str); 5] = [
    ("UpdateLorebook", "name"),
    ("UpdateMessage", "text"),
    ("UpdateMemory", "text"),
    ("UpdateParticipant", "role"),
    ("UpdateProfile", "displayName"),
];
/// What must be there for others to be set: what isn't private has a rating, and only an entry at a depth has a depth.
const BESIDE: [(&str, &str, &str); 3] = [
    ("UpdateCharacter", "rating", "CONTENT_RATING_TEEN"),
    ("UpdateScenario", "rating", "CONTENT_RATING_TEEN"),
    ("UpdateLorebookEntry", "position", "LORE_POSITION_AT_DEPTH"),
];

/// What needs nothing else but a name.
const OWN: [(&str, &str, &str); 4] = [
    ("UpdateCharacter", "/characters", "Mira"),
    ("UpdateScenario", "/scenarios", "Storm"),
    ("UpdatePersona", "/personas", "Ada"),
    ("UpdateLorebook", "/lorebooks", "Varn"),
];

/// The fields of a resource that hold one value or a list of texts, as paths in JSON. Ids aren't among them: they name things.
fn fields(message: &MessageDescriptor, within: &str, found: &mut Vec<(String, FieldDescriptor)>) {
    let is_id =
        |field: &FieldDescriptor| ["_id", "_ids"].iter().any(|it| field.name().ends_with(it));
    let fields = message.fields().filter(|it| !is_fixed(it) && !is_id(it));
    for field in fields.filter(|it| !behaves(it, REQUIRED) && it.name() != "etag") {
        let path = format!("{within}{}", field.json_name());
        match field.kind() {
            Kind::Message(inner)
                if !field.is_list() && inner.full_name().starts_with("troupe.") =>
            {
                self::fields(&inner, &format!("{path}."), found);
            }
            Kind::Message(_) => {}
            _ => found.push((path, field)),
        }
    }
}

/// Values for a field, of which its rules allow one.
fn samples(field: &FieldDescriptor, now: &Value) -> Vec<Value> {
    match field.kind() {
        _ if field.is_list() => vec![json!(["x"])],
        Kind::Bool => vec![json!(now != &json!(true))],
        Kind::Enum(kind) => {
            let values = kind.values().filter(|value| value.number() != 0);
            values.map(|value| json!(value.name())).collect()
        }
        Kind::String => vec![json!("x"), json!("de")],
        Kind::Float | Kind::Double => vec![json!(0.25), json!(1.5)],
        _ => vec![json!(0), json!(1), json!(2), json!(50)],
    }
}

/// A body that has one field.
fn with(path: &str, value: Value) -> Value {
    let names = path.rsplit('.');
    names.fold(value, |value, name| json!({ name: value }))
}

/// What a thing has at a path.
fn at(thing: &Value, path: &str) -> Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    thing.pointer(&pointer).cloned().unwrap_or_default()
}

impl Person {
    /// Makes what a method updates; gives it with its path.
    async fn make(&self, method: &str, beside: &Map<String, Value>) -> Option<(String, Value)> {
        let post = async |path: &str, body: Value| {
            let mut body = body;
            body.as_object_mut().unwrap().extend(beside.clone());
            self.ok(Method::POST, &format!("{ROLEPLAY}{path}"), body)
                .await
        };
        let plain = async |path: &str, body: Value| {
            self.ok(Method::POST, &format!("{ROLEPLAY}{path}"), body)
                .await
        };
        let session = async || {
            let character = plain(
                "/characters",
                json!({"name": "Mira", "firstMessage": "Come in."}),
            )
            .await;
            let session = plain("/sessions", json!({"characterId": character["id"]})).await;
            let id = session["session"]["id"].as_str().unwrap().to_owned();
            (id, session)
        };
        let mut owns = OWN.iter();
        let own = owns.find(|(of, ..)| *of == method);
        let own = own.map(|(of, folder, name)| (*of, *folder, json!({ "name": name })));
        let (folder, made, id) = match method {
            _ if own.is_some() => {
                let (_, folder, body) = own?;
                (folder.to_owned(), post(folder, body).await, "id")
            }
            "UpdateLorebookEntry" => {
                let book = plain("/lorebooks", json!({"name": "Varn"})).await;
                let folder = format!("/lorebooks/{}/entries", book["id"].as_str().unwrap());
                let entry = post(&folder, json!({})).await;
                (folder, entry, "id")
            }
            "UpdateSession" => {
                let (_, session) = session().await;
                ("/sessions".to_owned(), session["session"].clone(), "id")
            }
            "UpdateMemory" => {
                let folder = format!("/sessions/{}/memories", session().await.0);
                let memory = post(&folder, json!({"text": "Ada fears the sea."})).await;
                (folder, memory, "id")
            }
            "UpdateMessage" => {
                let folder = format!("/sessions/{}/messages", session().await.0);
                let message = post(&format!("{folder}:add"), json!({"text": "Hello."})).await;
                (folder, message, "id")
            }
            "UpdateBranch" => {
                let (id, session) = session().await;
                let folder = format!("/sessions/{id}/branches");
                let branch =
                    post(&folder, json!({"headMessageId": session["greeting"]["id"]})).await;
                (folder, branch, "id")
            }
            "UpdateBookmark" => {
                let (id, session) = session().await;
                let body = json!({"sessionId": id, "messageId": session["greeting"]["id"]});
                (
                    "/bookmarks".to_owned(),
                    post("/bookmarks", body).await,
                    "id",
                )
            }
            "UpdateCastMember" => {
                let folder = format!("/sessions/{}/cast", session().await.0);
                let other = plain("/characters", json!({"name": "Odo"})).await;
                let member = post(&folder, json!({"characterId": other["id"]})).await;
                (folder, member, "characterId")
            }
            _ => return None,
        };
        let path = format!("{ROLEPLAY}{folder}/{}", made[id].as_str().unwrap());
        Some((path, made))
    }
}

#[tokio::test]
async fn what_is_set_and_cleared_again_is_as_if_it_had_never_been_set() {
    let setup = setup();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let profile = ann.get("/api/v1/users/me").await;
    let (mut cleared, mut odd) = (0, Vec::new());
    for method in updates() {
        let name = method.name().to_owned();
        let mut found = Vec::new();
        fields(&resource(&method).unwrap(), "", &mut found);
        for (path, field) in found {
            if NEVER_EMPTY.contains(&(name.as_str(), path.as_str())) {
                continue;
            }
            let all = BESIDE.iter().filter(|(of, ..)| *of == name);
            let beside: Map<_, _> = all
                .map(|(_, key, value)| ((*key).to_owned(), json!(value)))
                .collect();
            let mut others = beside.clone();
            others.remove(&path);
            let (fresh, (place, thing)) = match name.as_str() {
                "UpdateProfile" => (
                    profile.clone(),
                    ("/api/v1/users/me".to_owned(), profile.clone()),
                ),
                _ => {
                    let fresh = ann.make(&name, &others).await;
                    let fresh =
                        fresh.unwrap_or_else(|| panic!("this test makes nothing for {name}"));
                    (fresh.1, ann.make(&name, &beside).await.unwrap())
                }
            };
            let now = at(&thing, &path);
            let mut set = None;
            for sample in samples(&field, &now) {
                let (status, changed) = ann.call(Method::PATCH, &place, with(&path, sample)).await;
                if status.is_success() && at(&changed, &path) != now {
                    set = Some(at(&changed, &path));
                    break;
                }
            }
            let (status, empty) = ann
                .call(Method::PATCH, &place, with(&path, Value::Null))
                .await;
            let is_cleared = status.is_success() && at(&empty, &path) == at(&fresh, &path);
            match set.is_some() && is_cleared {
                true => cleared += 1,
                false => odd.push(format!(
                    "{name} {path}: set {set:?}, then {status} {}",
                    at(&empty, &path)
                )),
            }
        }
    }
    assert!(odd.is_empty(), "{odd:#?}");
    assert!(cleared > 80, "{cleared}");
}
