//! The examples of the OpenAPI document are requests that the platform takes, as far as what they are about is there.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::person::Person;
use crate::platform::Setup;

/// Reasons for which a request is refused that can't be read or breaks a rule.
const OF_FORM: [&str; 8] = [
    "INVALID_REQUEST",
    "CARD_INVALID",
    "SCENARIO_INVALID",
    "REQUEST_TOO_LARGE",
    "UNKNOWN_METHOD",
    "PASSWORD_COMMON",
    "PASSWORD_GUESSABLE",
    "TOKEN_INVALID",
];

/// Without limits to how often one person calls.
pub(crate) fn setup() -> Setup {
    let mut setup = Setup::new();
    for class in ["READ", "WRITE", "CREDENTIALS", "GENERATE"] {
        for key in ["PER_SECOND", "BURST"] {
            let rate = format!("TROUPE__GATEWAY__RATES__{class}__{key}");
            setup = setup.with(&rate, "1000000");
        }
    }
    setup
}

/// A path with the examples of its parameters.
pub(crate) fn filled(path: &str, call: &Value) -> String {
    let parameters = call["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.filter(|it| it["in"] == "path");
    parameters.fold(path.to_owned(), |path, parameter| {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        path.replace(&name, parameter["example"].as_str().unwrap())
    })
}

fn reason(answer: &Value) -> &str {
    let mut details = answer["details"].as_array().into_iter().flatten();
    let reason = details.find_map(|it| it["reason"].as_str());
    reason.unwrap_or_default()
}

#[tokio::test]
async fn each_example_of_a_body_is_taken() {
    let setup = setup();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let document = ann.get("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap().iter();
    let calls = paths.flat_map(|(path, calls)| {
        let calls = calls.as_object().unwrap().iter();
        calls.map(move |(verb, call)| (path, verb, call))
    });
    let (mut sent, mut refused) = (0, Vec::new());
    for (path, verb, call) in calls {
        let content = &call["requestBody"]["content"]["application/json"];
        if content.is_null() {
            continue;
        }
        let example = &content["example"];
        assert!(example.is_object(), "{verb} {path} has no example");
        let verb: Method = verb.to_uppercase().parse().unwrap();
        let path = filled(path, call);
        let (status, answer) = ann.call(verb.clone(), &path, example.clone()).await;
        let reason = reason(&answer);
        if OF_FORM.contains(&reason) || status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            refused.push(format!("{verb} {path} {example}: {answer}"));
        }
        sent += 1;
    }
    assert!(sent > 35, "{sent}");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
