//! A running roleplay service, and people who call it.

#[path = "stage/watch.rs"]
mod watch;

use std::sync::Arc;
use std::time::Duration;

use mesh::server::Limits;
use mesh::{Channel, Ctx, Role, Server, Verifier};
use platform::id::UserId;
use storage::S3Config;
use testkit::people::Issuer;
use testkit::{Caller, Home, Setup};
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use troupe_proto::ai::embedding_service_server::EmbeddingServiceServer;
use troupe_proto::ai::inference_service_server::InferenceServiceServer;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay::bookmark_service_client::BookmarkServiceClient;
use troupe_proto::roleplay::character_service_client::CharacterServiceClient;
use troupe_proto::roleplay::generation_service_client::GenerationServiceClient;
use troupe_proto::roleplay::lorebook_service_client::LorebookServiceClient;
use troupe_proto::roleplay::memory_service_client::MemoryServiceClient;
use troupe_proto::roleplay::message_service_client::MessageServiceClient;
use troupe_proto::roleplay::persona_service_client::PersonaServiceClient;
use troupe_proto::roleplay::session_service_client::SessionServiceClient;
use troupe_proto::users::user_service_server::{UserService, UserServiceServer};
use troupe_proto::{roleplay as pb, users as users_pb};
use troupe_roleplay::{Config, MemoryIndex, Roleplay};

use crate::embedder::Embedder;
use crate::script::{Call, PATIENCE, Script};

pub(crate) use self::watch::Watch;

/// A card with three greetings, an entry of lore, and a field that Troupe doesn't know.
pub(crate) const CARD: &str = r#"{
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mira",
        "description": "{{char}} keeps the lighthouse of Varn.",
        "personality": "calm",
        "scenario": "A storm is coming.",
        "first_mes": "Come in, {{user}}. The storm is near.",
        "mes_example": "",
        "creator_notes": "Our own.",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": ["{{user}}? You are late.", "*She does not look up.*"],
        "tags": ["sea", "Quiet_100%"],
        "creator": "Troupe",
        "character_version": "1.0",
        "extensions": {"depth_prompt": {"prompt": "", "depth": 4}, "unknown/tool": {"keep": [1, 2.5, "me"]}},
        "character_book": {"entries": [
            {"keys": ["harbour"], "content": "The harbour froze last winter.", "enabled": true, "insertion_order": 1, "extensions": {}}
        ], "extensions": {}}
    }
}"#;

/// A running service. Everything in it ends with its runtime.
pub(crate) struct Stage {
    pub(crate) script: Script,
    pub(crate) embedder: Embedder,
    calls: Mutex<UnboundedReceiver<Call>>,
    ai: Server,
    stage: testkit::Stage,
}

impl std::ops::Deref for Stage {
    type Target = testkit::Stage;

    fn deref(&self) -> &testkit::Stage {
        &self.stage
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(&Config::default()).await
    }

    pub(crate) async fn with(config: &Config) -> Self {
        Self::build(Setup::new().await.unwrap(), config).await
    }

    /// A service that keeps its files in a bucket.
    pub(crate) async fn with_files_in(s3: S3Config) -> Self {
        let mut setup = Setup::new().await.unwrap();
        setup.backends.s3 = s3;
        Self::build(setup, &Config::default()).await
    }

    /// A service on data that outlives it.
    pub(crate) async fn on(home: &Arc<Home>, config: &Config) -> Self {
        Self::build(Setup::on(home.clone()), config).await
    }

    async fn build(mut setup: Setup, config: &Config) -> Self {
        let (script, calls) = Script::new();
        let embedder = Embedder::default();
        let clock = setup.time.0.clone();
        let ai = Routes::new(InferenceServiceServer::new(script.clone()))
            .add_service(EmbeddingServiceServer::new(embedder.clone()));
        let verifier = Verifier::new(clock.clone());
        let ai = Server::new(Role::Ai, ai, verifier, Limits::default());
        let users = Routes::new(UserServiceServer::new(Names));
        let verifier = Issuer::new(clock).verifier();
        let users = Server::new(Role::Users, users, verifier, Limits::default());
        setup.neighbours = vec![ai.clone(), users];
        Self {
            script,
            embedder,
            ai,
            calls: Mutex::new(calls),
            stage: setup.start::<Roleplay>(config).await.unwrap(),
        }
    }

    /// Lets events reach the service's consumers from now on; what was told before doesn't.
    pub(crate) async fn follow_events(&self) {
        self.host.start_events().await.unwrap();
    }

    /// The memories' vectors, as an operator sees them.
    pub(crate) async fn memory_index(&self) -> MemoryIndex {
        let ai = Channel::in_process(&self.ai, Role::Roleplay);
        MemoryIndex::open(&Config::default(), &self.host, ai)
            .await
            .unwrap()
    }

    /// Somebody with an account.
    pub(crate) fn person(&self) -> Person {
        self.person_with(UserId::new())
    }

    pub(crate) fn person_with(&self, id: UserId) -> Person {
        Person(self.stage.person_of(id).unwrap())
    }

    /// The next generation that the model is asked for.
    pub(crate) async fn call(&self) -> Call {
        let call =
            tokio::time::timeout(PATIENCE, async { self.calls.lock().await.recv().await }).await;
        call.expect("the model was never asked")
            .expect("the model is gone")
    }

    /// How many pictures are stored.
    pub(crate) fn avatar_files(&self) -> usize {
        std::fs::read_dir(self.host.data_dir.join("files/roleplay/avatars"))
            .unwrap()
            .count()
    }

    /// True if the model was asked for something that the test didn't look at yet.
    pub(crate) async fn was_asked(&self) -> bool {
        self.calls.lock().await.try_recv().is_ok()
    }
}

/// A users service that knows everybody as Alice.
struct Names;

#[tonic::async_trait]
impl UserService for Names {
    async fn get_profile(
        &self,
        request: Request<users_pb::GetProfileRequest>,
    ) -> Result<Response<users_pb::GetProfileResponse>, Status> {
        let id = Ctx::of(&request)?.user_id()?.to_string();
        let profile = users_pb::Profile {
            id,
            display_name: "Alice".to_owned(),
            ..users_pb::Profile::default()
        };
        Ok(Response::new(users_pb::GetProfileResponse {
            profile: Some(profile),
        }))
    }

    async fn update_profile(
        &self,
        _: Request<users_pb::UpdateProfileRequest>,
    ) -> Result<Response<users_pb::UpdateProfileResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn list_audit_events(
        &self,
        _: Request<users_pb::ListAuditEventsRequest>,
    ) -> Result<Response<users_pb::ListAuditEventsResponse>, Status> {
        Err(Status::unimplemented("not in this test"))
    }
}

/// Somebody who calls.
#[derive(Clone)]
pub(crate) struct Person(pub(crate) Caller);

impl Person {
    /// A request with the person's token.
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        self.0.ask(message)
    }

    pub(crate) fn characters(&self) -> CharacterServiceClient<Channel> {
        CharacterServiceClient::new(self.0.channel.clone()).max_decoding_message_size(32 << 20)
    }

    pub(crate) fn personas(&self) -> PersonaServiceClient<Channel> {
        PersonaServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn lorebooks(&self) -> LorebookServiceClient<Channel> {
        LorebookServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn bookmarks(&self) -> BookmarkServiceClient<Channel> {
        BookmarkServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Channel> {
        SessionServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn messages(&self) -> MessageServiceClient<Channel> {
        MessageServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn memories(&self) -> MemoryServiceClient<Channel> {
        MemoryServiceClient::new(self.0.channel.clone())
    }

    pub(crate) fn generations(&self) -> GenerationServiceClient<Channel> {
        GenerationServiceClient::new(self.0.channel.clone())
    }

    pub(crate) async fn import(
        &self,
        file: impl Into<Vec<u8>>,
    ) -> Result<pb::ImportCharacterResponse, Status> {
        let request = self.ask(pb::ImportCharacterRequest {
            file: Some(HttpBody {
                data: file.into().into(),
                ..HttpBody::default()
            }),
            ..Default::default()
        });
        let answer = self.characters().import_character(request).await?;
        Ok(answer.into_inner())
    }

    /// Imports [`CARD`] and opens a session with it.
    pub(crate) async fn open_session(&self) -> pb::Session {
        self.open_session_with("").await
    }

    pub(crate) async fn open_session_with(&self, model_id: &str) -> pb::Session {
        let character = self.import(CARD).await.unwrap().character.unwrap();
        let request = opening(pb::Session {
            character_id: character.id,
            model_id: model_id.to_owned(),
            ..pb::Session::default()
        });
        let answer = self
            .sessions()
            .create_session(self.ask(request))
            .await
            .unwrap();
        answer.into_inner().session.unwrap()
    }

    pub(crate) async fn session(&self, id: &str) -> pb::Session {
        let request = self.ask(pb::GetSessionRequest {
            session_id: id.to_owned(),
        });
        self.sessions()
            .get_session(request)
            .await
            .unwrap()
            .into_inner()
            .session
            .unwrap()
    }

    pub(crate) async fn send(&self, session: &str, text: &str) -> Result<Watch, Status> {
        self.send_request(pb::SendMessageRequest {
            session_id: session.to_owned(),
            text: text.to_owned(),
            ..pb::SendMessageRequest::default()
        })
        .await
    }

    pub(crate) async fn send_request(
        &self,
        request: pb::SendMessageRequest,
    ) -> Result<Watch, Status> {
        let answer = self.messages().send_message(self.ask(request)).await?;
        Ok(Watch::new(answer, |response| response.event))
    }

    pub(crate) async fn regenerate(&self, session: &str, message: &str) -> Result<Watch, Status> {
        let request = pb::RegenerateMessageRequest {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            request_id: String::new(),
        };
        let answer = self
            .messages()
            .regenerate_message(self.ask(request))
            .await?;
        Ok(Watch::new(answer, |response| response.event))
    }

    pub(crate) async fn reply_to(&self, session: &str, message: &str) -> Result<Watch, Status> {
        let request = pb::ReplyToMessageRequest {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            ..Default::default()
        };
        let answer = self.messages().reply_to_message(self.ask(request)).await?;
        Ok(Watch::new(answer, |response| response.event))
    }

    pub(crate) async fn go_on(&self, session: &str, message: &str) -> Result<Watch, Status> {
        let request = pb::ContinueMessageRequest {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            request_id: String::new(),
        };
        let answer = self.messages().continue_message(self.ask(request)).await?;
        Ok(Watch::new(answer, |response| response.event))
    }

    pub(crate) async fn watch(&self, generation: &str, offset: i32) -> Result<Watch, Status> {
        let request = pb::WatchGenerationRequest {
            generation_id: generation.to_owned(),
            offset,
        };
        let answer = self
            .generations()
            .watch_generation(self.ask(request))
            .await?;
        Ok(Watch::new(answer, |response| response.event))
    }

    pub(crate) async fn generation(&self, id: &str) -> pb::Generation {
        let request = self.ask(pb::GetGenerationRequest {
            generation_id: id.to_owned(),
        });
        self.generations()
            .get_generation(request)
            .await
            .unwrap()
            .into_inner()
            .generation
            .unwrap()
    }

    pub(crate) async fn cancel(&self, id: &str) -> pb::Generation {
        let request = self.ask(pb::CancelGenerationRequest {
            generation_id: id.to_owned(),
        });
        self.generations()
            .cancel_generation(request)
            .await
            .unwrap()
            .into_inner()
            .generation
            .unwrap()
    }

    /// The messages of the session's branch, oldest first.
    pub(crate) async fn path(&self, session: &str) -> Vec<pb::Message> {
        let request = pb::ListMessagesRequest {
            session_id: session.to_owned(),
            ..pb::ListMessagesRequest::default()
        };
        let answer = self
            .messages()
            .list_messages(self.ask(request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.next_page_token, "", "the path is longer than a page");
        answer.messages.into_iter().rev().collect()
    }

    pub(crate) async fn texts(&self, session: &str) -> Vec<String> {
        self.path(session)
            .await
            .into_iter()
            .map(|message| message.text)
            .collect()
    }

    /// Changes the text of a message.
    pub(crate) async fn edit(
        &self,
        session: &str,
        message: &str,
        text: &str,
    ) -> Result<pb::Message, Status> {
        let request = pb::UpdateMessageRequest {
            session_id: session.to_owned(),
            message: Some(pb::Message {
                id: message.to_owned(),
                text: text.to_owned(),
                ..pb::Message::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["text".to_owned()],
            }),
        };
        let answer = self.messages().update_message(self.ask(request)).await?;
        Ok(answer.into_inner().message.unwrap())
    }

    pub(crate) async fn select(&self, session: &str, message: &str) -> Result<pb::Message, Status> {
        let request = pb::SelectSwipeRequest {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
        };
        Ok(self
            .messages()
            .select_swipe(self.ask(request))
            .await?
            .into_inner()
            .message
            .unwrap())
    }

    pub(crate) async fn swipes(&self, session: &str, message: &str) -> Vec<pb::Message> {
        let (mut swipes, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListSwipesRequest {
                session_id: session.to_owned(),
                message_id: message.to_owned(),
                page_size: 2,
                page_token,
            };
            let page = self.messages().list_swipes(self.ask(request)).await;
            let page = page.unwrap().into_inner();
            assert!(page.messages.len() <= 2);
            swipes.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return swipes;
            }
        }
    }

    /// Deletes a message, and returns where the session's branch ends now.
    pub(crate) async fn delete(&self, session: &str, message: &str) -> Result<String, Status> {
        let request = pb::DeleteMessageRequest {
            session_id: session.to_owned(),
            message_id: message.to_owned(),
            ..pb::DeleteMessageRequest::default()
        };
        self.messages().delete_message(self.ask(request)).await?;
        Ok(self.session(session).await.branch.unwrap().head_message_id)
    }
}

/// A request to open a session.
pub(crate) fn opening(session: pb::Session) -> pb::CreateSessionRequest {
    pb::CreateSessionRequest {
        session: Some(session),
        ..pb::CreateSessionRequest::default()
    }
}

/// A turn: the person sends, the model replies.
pub(crate) async fn turn(
    stage: &Stage,
    person: &Person,
    session: &str,
    text: &str,
    reply: &str,
) -> pb::Message {
    let watch = person.send(session, text).await.unwrap();
    let call = stage.call().await;
    call.say(reply);
    call.finish();
    watch.all().await.2.message.unwrap()
}

/// Lets a second pass.
pub(crate) fn tick(stage: &Stage) {
    stage.time().advance(Duration::from_secs(1));
}
