//! What a server refuses is asked for once.

use platform::id::UserId;
use serde_json::{Value, json};
use testkit::scripted::Reply;
use troupe_ai::Config;
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::ai::generate_request::Prompt;
use troupe_proto::error::reason_of;
use troupe_proto::types::ChatRole;

use crate::platform_in_test::{Service, chat, config};

fn refusal(message: &str) -> Reply {
    Reply::status(
        400,
        json!({"error": {"message": message, "type": "invalid_request_error"}}),
    )
}

/// A chat that begins with the character's greeting, and ends with an instruction.
fn greeted() -> pb::GenerateRequest {
    let said = [
        (ChatRole::System, "You are Seraphina."),
        (ChatRole::Assistant, "Hello."),
        (ChatRole::User, "Hi."),
        (ChatRole::System, "Stay in character."),
    ];
    let message = |(role, content): (ChatRole, &str)| pb::ChatMessage {
        role: role.into(),
        content: content.to_owned(),
        name: String::new(),
    };
    let messages = said.map(message).to_vec();
    pb::GenerateRequest {
        prompt: Some(Prompt::Chat(pb::ChatPrompt { messages })),
        ..chat(UserId::new(), "")
    }
}

fn roles(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().into_iter().flatten();
    messages
        .map(|message| message["role"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn alternates_roles_where_the_server_wants_it() {
    let service = Service::start().await;
    let words = "Conversation roles must alternate user/assistant/user/assistant/...";
    service.model.push(refusal(words));
    service.reply(greeted()).await.unwrap();
    service.reply(greeted()).await.unwrap();
    let asked = service.model.received();
    let asked: Vec<_> = asked.iter().map(|asked| roles(&asked.body)).collect();
    assert_eq!(asked[0], ["system", "assistant", "user", "system"]);
    assert_eq!(asked[1], ["system", "user", "assistant", "user"]);
    assert_eq!(asked[2..], [asked[1].clone()]);
}

#[tokio::test]
async fn alternates_roles_where_a_stream_says_so() {
    let service = Service::start().await;
    let words = "Error rendering prompt with jinja template: \"Conversation roles must alternate\"";
    let event = format!(
        "event: error\ndata: {}\n\n",
        json!({"error": {"message": words}})
    );
    service.model.push(Reply::raw("text/event-stream", event));
    service.reply(greeted()).await.unwrap();
    assert_eq!(service.model.received().len(), 2);
}

#[tokio::test]
async fn alternates_roles_from_the_first_request_where_that_is_configured() {
    let strict = |config: &mut Config| config.openai.models[0].strict_roles = Some(true);
    let service = Service::start_with(strict).await;
    service.reply(greeted()).await.unwrap();
    assert_eq!(
        roles(&service.model.received()[0].body),
        ["system", "user", "assistant", "user"]
    );
}

#[tokio::test]
async fn leaves_out_fields_that_are_refused() {
    let service = Service::start().await;
    let loc = json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]});
    service.model.push(Reply::status(422, loc));
    service
        .model
        .push(refusal("Unrecognized request argument supplied: top_k"));
    service.model.push(refusal("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."));
    let request = || pb::GenerateRequest {
        sampling: Some(pb::Sampling {
            top_k: Some(40),
            temperature: Some(0.5),
            ..pb::Sampling::default()
        }),
        ..chat(UserId::new(), "Hi")
    };
    let reply = service.reply(request()).await.unwrap();
    assert!(
        reply.usage().estimated,
        "without stream_options there are no figures"
    );
    service.reply(request()).await.unwrap();
    let asked = service.model.received();
    assert_eq!(asked.len(), 5);
    let first = &asked[0].body;
    assert!(
        first["stream_options"].is_object() && first["top_k"] == 40 && first["max_tokens"] == 256
    );
    for asked in &asked[3..] {
        let body = &asked.body;
        assert_eq!(
            (
                body.get("stream_options"),
                body.get("top_k"),
                body.get("max_tokens")
            ),
            (None, None, None)
        );
        assert_eq!(
            (&body["max_completion_tokens"], &body["temperature"]),
            (&json!(256), &json!(0.5))
        );
    }
}

#[tokio::test]
async fn remembers_for_the_model_and_beyond_the_process() {
    let two = |config: &mut Config| {
        let mut other = config.openai.models[0].clone();
        other.id = "another".to_owned();
        config.openai.models.push(other);
    };
    let service = Service::start_with(two).await;
    service
        .model
        .push(refusal("stream_options is not supported"));
    service.reply(chat(UserId::new(), "Hi")).await.unwrap();
    let another = pb::GenerateRequest {
        model_id: "openai/another".to_owned(),
        ..chat(UserId::new(), "Hi")
    };
    service.reply(another).await.unwrap();
    let has_options = |at: usize| {
        service.model.received()[at]
            .body
            .get("stream_options")
            .is_some()
    };
    assert_eq!(
        [has_options(0), has_options(1), has_options(2)],
        [true, false, true]
    );
    service.settle().await;
    let store = service.stage.store().await.unwrap().unwrap();
    let [lesson] = troupe_ai::lessons(&store)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(
        (&*lesson.model, &*lesson.refusal),
        ("scripted", "no_stream_options")
    );
    assert_eq!(lesson.server, service.model.base_url());

    let (model, config) = (service.model.clone(), config(&service.model));
    let (setup, _) = service.stage.stop().await;
    let stage = setup.start::<troupe_ai::Ai>(&config).await.unwrap();
    let service = Service { model, stage };
    loop {
        // What was learned before is read in the background.
        service.reply(chat(UserId::new(), "Hi")).await.unwrap();
        let asked = service.model.received();
        if asked.last().unwrap().body.get("stream_options").is_none() {
            break;
        }
    }
}

#[tokio::test]
async fn gives_up_where_the_server_refuses_for_another_reason() {
    let service = Service::start().await;
    service
        .model
        .always(refusal("stream_options is not supported"));
    let failure = service.failure(chat(UserId::new(), "Hi")).await;
    assert_eq!(reason_of(&failure.status), Some(Reason::ProviderRejected));
    assert_eq!(service.model.received().len(), 2);
    service.model.always(refusal("no such model"));
    service.failure(chat(UserId::new(), "Hi")).await;
    assert_eq!(service.model.received().len(), 3);
}
