//! A mask of an update reaches each field of its resource that can be changed, however deep it lies.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use troupe_proto::descriptor_pool;

use crate::examples::filled;
use crate::main_job::with_model;
use crate::person::Person;

/// OUTPUT_ONLY, IMMUTABLE and IDENTIFIER of `google.api.field_behavior`.
const FIXED: [i32; 3] = [3, 5, 8];

/// The fields of a resource that can be changed, as paths in JSON.
#[derive(Default)]
struct Fields {
    /// Those that a mask names.
    all: Vec<String>,
    /// Those within which no mask reaches: lists, maps, and objects of any form.
    whole: Vec<String>,
}

impl Fields {
    fn walk(&mut self, message: &MessageDescriptor, within: &str) {
        for field in message.fields().filter(|field| !is_fixed(field)) {
            let path = format!("{within}{}", field.json_name());
            self.all.push(path.clone());
            match field.kind() {
                _ if field.is_list() || field.is_map() => self.whole.push(path),
                Kind::Message(inner) if inner.full_name() == "google.protobuf.Struct" => {
                    self.whole.push(path);
                }
                Kind::Message(inner) if !inner.full_name().starts_with("google.") => {
                    self.walk(&inner, &format!("{path}."));
                }
                _ => {}
            }
        }
    }
}

pub(crate) fn is_fixed(field: &FieldDescriptor) -> bool {
    FIXED.iter().any(|it| behaves(field, *it))
}

/// Whether `google.api.field_behavior` says something of a field.
pub(crate) fn behaves(field: &FieldDescriptor, wanted: i32) -> bool {
    let behaviour = descriptor_pool().get_extension_by_name("google.api.field_behavior");
    let options: DynamicMessage = field.options();
    let behaviours = options.get_extension(&behaviour.unwrap());
    let mut behaviours = behaviours.as_list().unwrap().iter();
    behaviours.any(|it| it.as_enum_number() == Some(wanted))
}

/// The methods that update something.
pub(crate) fn updates() -> impl Iterator<Item = MethodDescriptor> {
    let services = descriptor_pool().services();
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.filter(|it| it.name().starts_with("Update"))
}

/// The resource that a method updates.
pub(crate) fn resource(method: &MethodDescriptor) -> Option<MessageDescriptor> {
    let input = method.input();
    let mut kinds = input.fields().map(|field| field.kind());
    kinds.find_map(|kind| match kind {
        Kind::Message(message) if message.full_name() != "google.protobuf.FieldMask" => {
            Some(message)
        }
        _ => None,
    })
}

/// The path of an operation, with ids that nothing has.
fn path_of(document: &Value, operation: &str) -> String {
    let paths = document["paths"].as_object().unwrap();
    let (path, call) = paths
        .iter()
        .find(|(_, calls)| calls["patch"]["operationId"] == operation)
        .unwrap_or_else(|| panic!("{operation} is no PATCH"));
    filled(path, &call["patch"])
}

/// What is said of the mask of a request, if that is at fault.
fn said_of_mask(status: StatusCode, answer: &Value) -> Option<&str> {
    if status != StatusCode::BAD_REQUEST {
        return None;
    }
    let details = answer["details"].as_array().unwrap().iter();
    let mut violations = details.filter_map(|it| it["fieldViolations"].as_array());
    let mut violations = violations.next()?.iter();
    let of_mask = violations.find(|it| it["field"] == "updateMask")?;
    of_mask["description"].as_str()
}

#[tokio::test]
async fn a_mask_of_each_update_reaches_what_can_be_changed() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let document = ann.get("/openapi.json").await;
    let (mut count, mut nested) = (0, 0);
    for method in updates() {
        let name = method.name();
        let operation = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        let path = path_of(&document, &operation);
        let mut fields = Fields::default();
        fields.walk(&resource(&method).unwrap(), "");
        let send = async |mask: &str| {
            let path = format!("{path}?updateMask={mask}");
            ann.call(Method::PATCH, &path, json!({})).await
        };
        for mask in [fields.all.join(","), "*".to_owned()] {
            let (status, answer) = send(&mask).await;
            assert_eq!(said_of_mask(status, &answer), None, "{name} {mask}");
        }
        for whole in &fields.whole {
            let (status, answer) = send(&format!("{whole}.x")).await;
            let said = said_of_mask(status, &answer).unwrap_or_default();
            let told = format!("reaches into {whole}, which changes as a whole");
            assert!(said.contains(&told), "{name} {whole}: {answer}");
        }
        count += 1;
        nested += fields.all.iter().filter(|path| path.contains('.')).count();
    }
    assert!(count > 9 && nested > 30, "{count} {nested}");
}

#[tokio::test]
async fn a_patch_of_a_scenario_reaches_into_its_settings() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let scenarios = "/api/v1/roleplay/scenarios";
    let settings = json!({"maxTokens": 20, "stop": ["END"], "prompt": {"scanDepth": 3}});
    let body = json!({"name": "Storm", "settings": settings});
    let made = ann.ok(Method::POST, scenarios, body).await;
    let path = format!("{scenarios}/{}", made["id"].as_str().unwrap());
    let patch = async |settings: Value| {
        let changed = ann.ok(Method::PATCH, &path, json!({"settings": settings}));
        changed.await["settings"].clone()
    };
    let warm = patch(json!({"temperature": 0.5, "prompt": {"includeNames": false}})).await;
    assert_eq!(
        (&warm["temperature"], &warm["maxTokens"], &warm["stop"]),
        (&json!(0.5), &json!(20), &json!(["END"]))
    );
    assert_eq!(
        warm["prompt"],
        json!({"scanDepth": 3, "includeNames": false})
    );
    let less = patch(json!({"stop": null, "prompt": null})).await;
    assert_eq!(
        (&less["temperature"], &less["maxTokens"]),
        (&json!(0.5), &json!(20))
    );
    assert_eq!((&less["stop"], &less["prompt"]), (&json!([]), &Value::Null));
    let none = patch(Value::Null).await;
    assert_eq!(none["temperature"], Value::Null);
    // By Connect, without a mask, what isn't set stays.
    let body = json!({"scenario": {"id": made["id"], "settings": {"topP": 0.25}}});
    let update = "/troupe.roleplay.v1.ScenarioService/UpdateScenario";
    ann.ok(Method::POST, update, body).await;
    let warm = patch(json!({"temperature": 0.75})).await;
    assert_eq!(
        (&warm["temperature"], &warm["topP"]),
        (&json!(0.75), &json!(0.25))
    );
}
