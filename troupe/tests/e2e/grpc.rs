//! The main parts of the main job over gRPC, with the generated clients.

use mesh::Channel;
use testkit::scripted::Reply;
use tonic::{Code, Request, Streaming};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay::character_service_client::CharacterServiceClient;
use troupe_proto::roleplay::generation_event::Event;
use troupe_proto::roleplay::generation_service_client::GenerationServiceClient;
use troupe_proto::roleplay::message_service_client::MessageServiceClient;
use troupe_proto::roleplay::session_service_client::SessionServiceClient;
use troupe_proto::roleplay::{
    CreateSessionRequest, GenerationEnded, GenerationState, GetSessionRequest,
    ImportCharacterRequest, SendMessageRequest, SendMessageResponse, Session,
    WatchGenerationRequest,
};
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_proto::users::{LoginRequest, RegisterRequest, WatchAccessRequest};

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::PASSWORD;
use crate::platform::{Platform, eventually};

fn channel(platform: &Platform) -> Channel {
    wire::remote("gateway", platform.url().parse().unwrap())
}

/// A call of somebody with a token.
fn of<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

async fn sign_up(channel: &Channel, name: &str) -> String {
    let mut auth = AuthServiceClient::new(channel.clone());
    let (email, password) = (format!("{name}@example.com"), PASSWORD.to_owned());
    let request = RegisterRequest {
        email: email.clone(),
        password: password.clone(),
        display_name: name.to_owned(),
    };
    auth.register(request).await.unwrap();
    let login = LoginRequest {
        email,
        password,
        device_name: String::new(),
        use_cookie: false,
    };
    auth.login(login)
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap()
        .access_token
}

async fn open_session(channel: &Channel, token: &str) -> String {
    let mut characters = CharacterServiceClient::new(channel.clone());
    let file = HttpBody {
        content_type: "image/png".to_owned(),
        data: maren().into(),
        extensions: Vec::new(),
    };
    let request = of(
        token,
        ImportCharacterRequest {
            file: Some(file),
            ..Default::default()
        },
    );
    let character = characters
        .import_character(request)
        .await
        .unwrap()
        .into_inner()
        .character
        .unwrap();
    assert_eq!(character.name, "Maren Holloway");
    let mut sessions = SessionServiceClient::new(channel.clone());
    let session = Session {
        character_id: character.id,
        ..Default::default()
    };
    let request = CreateSessionRequest {
        session: Some(session),
        ..Default::default()
    };
    let opened = sessions
        .create_session(of(token, request))
        .await
        .unwrap()
        .into_inner();
    assert!(!opened.greeting.unwrap().text.is_empty());
    opened.session.unwrap().id
}

/// Reads a stream to its end.
async fn watch(mut events: Streaming<SendMessageResponse>) -> (String, GenerationEnded) {
    let mut text = String::new();
    while let Some(part) = eventually("an event comes", events.message())
        .await
        .unwrap()
    {
        match part.event.unwrap().event.unwrap() {
            Event::Started(_) => {}
            Event::Delta(delta) => text.push_str(&delta.text),
            Event::Ended(ended) => return (text, ended),
        }
    }
    panic!("the stream ended after {text:?}");
}

#[tokio::test]
async fn does_the_main_job() {
    let (model, _setup, platform) = with_model().await;
    let channel = channel(&platform);
    let token = sign_up(&channel, "ann").await;
    let session_id = open_session(&channel, &token).await;
    model.push(Reply::words("The kettle sings."));
    let mut messages = MessageServiceClient::new(channel.clone());
    let request = SendMessageRequest {
        session_id,
        text: "Hello.".to_owned(),
        ..Default::default()
    };
    let events = messages
        .send_message(of(&token, request))
        .await
        .unwrap()
        .into_inner();
    let (text, ended) = watch(events).await;
    assert_eq!(text, "The kettle sings.");
    assert_eq!(ended.message.unwrap().text, text);
    let generation = ended.generation.unwrap();
    assert_eq!(generation.state(), GenerationState::Completed);
    assert_eq!(generation.usage.unwrap().completion_tokens, 3);

    let mut generations = GenerationServiceClient::new(channel);
    let request = WatchGenerationRequest {
        generation_id: generation.id,
        offset: 4,
    };
    let mut events = generations
        .watch_generation(of(&token, request))
        .await
        .unwrap()
        .into_inner();
    let mut text = String::new();
    while let Some(part) = events.message().await.unwrap() {
        if let Some(Event::Delta(delta)) = part.event.unwrap().event {
            text.push_str(&delta.text);
        }
    }
    assert_eq!(text, "kettle sings.");
}

#[tokio::test]
async fn refuses_strangers_bad_input_and_what_is_for_roles_alone() {
    let (_model, _setup, platform) = with_model().await;
    let channel = channel(&platform);
    let (alice, bob) = (
        sign_up(&channel, "alice").await,
        sign_up(&channel, "bob").await,
    );
    let session_id = open_session(&channel, &alice).await;
    let mut sessions = SessionServiceClient::new(channel.clone());
    let request = GetSessionRequest { session_id };
    let status = sessions
        .get_session(of(&bob, request.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status)),
        (Code::NotFound, Some(Reason::NotFound))
    );
    let status = sessions.get_session(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status)),
        (Code::Unauthenticated, Some(Reason::TokenMissing))
    );
    let malformed = GetSessionRequest {
        session_id: "ses_1".to_owned(),
    };
    let status = sessions
        .get_session(of(&alice, malformed))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status)),
        (Code::InvalidArgument, Some(Reason::InvalidRequest))
    );
    let mut auth = AuthServiceClient::new(channel);
    let status = auth
        .watch_access(of(&alice, WatchAccessRequest {}))
        .await
        .unwrap_err();
    assert!(
        matches!(status.code(), Code::PermissionDenied | Code::Unimplemented),
        "{status:?}"
    );
}
