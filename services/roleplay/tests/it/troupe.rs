//! Sessions with several characters: what people ask for there, in few words.

use mesh::Channel;
use prost_types::FieldMask;
use serde_json::json;
use tonic::Status;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::cast_service_client::CastServiceClient;

use crate::script::Call;
use crate::stage::{Person, Stage, Watch};

/// A card of somebody who speaks only when asked, with a greeting and an entry of lore.
pub(crate) fn card(name: &str) -> String {
    let data = json!({
        "name": name,
        "description": format!("{{{{char}}}} is known as {name}."),
        "first_mes": format!("{{{{char}}}} greets {{{{user}}}} before {{{{notChar}}}}."),
        "extensions": {"talkativeness": "0"},
        "character_book": {"entries": [{
            "keys": ["harbour"], "content": format!("{{{{char}}}} of {name}'s book."),
            "enabled": true, "insertion_order": 1, "extensions": {}
        }], "extensions": {}},
    });
    json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": data}).to_string()
}

/// A session with these characters, and their ids.
pub(crate) async fn session_of(person: &Person, names: &[&str]) -> (pb::Session, Vec<String>) {
    session_with(person, names, pb::TurnSettings::default()).await
}

/// The same, where turns are taken so.
pub(crate) async fn session_with(
    person: &Person,
    names: &[&str],
    turns: pb::TurnSettings,
) -> (pb::Session, Vec<String>) {
    let mut ids = Vec::new();
    for name in names {
        ids.push(person.actor(name).await);
    }
    let member = |id: &String| pb::CastMember {
        character_id: id.clone(),
        ..pb::CastMember::default()
    };
    let request = pb::CreateSessionRequest {
        session: Some(pb::Session {
            character_id: ids[0].clone(),
            settings: Some(pb::GenerationSettings {
                turns: Some(turns),
                ..pb::GenerationSettings::default()
            }),
            cast: ids[1..].iter().map(member).collect(),
            ..pb::Session::default()
        }),
        ..pb::CreateSessionRequest::default()
    };
    let opened = person.sessions().create_session(person.ask(request)).await;
    (opened.unwrap().into_inner().session.unwrap(), ids)
}

pub(crate) fn strategy(strategy: pb::TurnStrategy) -> pb::TurnSettings {
    pb::TurnSettings {
        strategy: Some(strategy.into()),
        ..pb::TurnSettings::default()
    }
}

impl Person {
    /// A new character of this name.
    pub(crate) async fn actor(&self, name: &str) -> String {
        let imported = self.import(card(name)).await.unwrap();
        imported.character.unwrap().id
    }

    pub(crate) fn casts(&self) -> CastServiceClient<Channel> {
        CastServiceClient::new(self.0.channel.clone())
    }

    pub(crate) async fn cast(&self, session: &str) -> Vec<pb::CastMember> {
        let request = pb::ListCastMembersRequest {
            session_id: session.to_owned(),
            ..pb::ListCastMembersRequest::default()
        };
        let listed = self.casts().list_cast_members(self.ask(request)).await;
        listed.unwrap().into_inner().cast_members
    }

    /// The names of the characters of a session.
    pub(crate) async fn cast_names(&self, session: &str) -> Vec<String> {
        let cast = self.cast(session).await.into_iter();
        cast.map(|it| it.character_name).collect()
    }

    pub(crate) async fn bring(
        &self,
        session: &str,
        member: pb::CastMember,
    ) -> Result<pb::CastMember, Status> {
        let request = pb::CreateCastMemberRequest {
            session_id: session.to_owned(),
            cast_member: Some(member),
            ..pb::CreateCastMemberRequest::default()
        };
        let made = self.casts().create_cast_member(self.ask(request)).await?;
        Ok(made.into_inner().cast_member.unwrap())
    }

    pub(crate) async fn recast(
        &self,
        session: &str,
        member: pb::CastMember,
        fields: &[&str],
    ) -> Result<pb::CastMember, Status> {
        let request = pb::UpdateCastMemberRequest {
            session_id: session.to_owned(),
            cast_member: Some(member),
            update_mask: Some(FieldMask {
                paths: fields.iter().map(|it| (*it).to_owned()).collect(),
            }),
        };
        let updated = self.casts().update_cast_member(self.ask(request)).await?;
        Ok(updated.into_inner().cast_member.unwrap())
    }

    /// Plays a new persona of this name in a session.
    pub(crate) async fn plays(&self, session: &str, name: &str) {
        let request = pb::CreatePersonaRequest {
            persona: Some(pb::Persona {
                name: name.to_owned(),
                ..pb::Persona::default()
            }),
            ..pb::CreatePersonaRequest::default()
        };
        let made = self.personas().create_persona(self.ask(request)).await;
        let request = pb::UpdateSessionRequest {
            session: Some(pb::Session {
                id: session.to_owned(),
                persona_id: made.unwrap().into_inner().persona.unwrap().id,
                ..pb::Session::default()
            }),
            update_mask: None,
        };
        self.sessions()
            .update_session(self.ask(request))
            .await
            .unwrap();
    }

    /// Mutes a character, or lets it speak again.
    pub(crate) async fn mute(&self, session: &str, character: &str, muted: bool) {
        let member = pb::CastMember {
            character_id: character.to_owned(),
            muted,
            ..pb::CastMember::default()
        };
        self.recast(session, member, &["muted"]).await.unwrap();
    }

    pub(crate) async fn take_out(
        &self,
        session: &str,
        character: &str,
        etag: &str,
    ) -> Result<(), Status> {
        let request = pb::DeleteCastMemberRequest {
            session_id: session.to_owned(),
            character_id: character.to_owned(),
            etag: etag.to_owned(),
        };
        let deleted = self.casts().delete_cast_member(self.ask(request)).await;
        deleted.map(drop)
    }

    /// Sends, and names who answers; nobody with an empty id.
    pub(crate) async fn send_to(
        &self,
        session: &str,
        text: &str,
        character: &str,
    ) -> Result<Watch, Status> {
        self.send_request(pb::SendMessageRequest {
            session_id: session.to_owned(),
            text: text.to_owned(),
            character_id: character.to_owned(),
            ..pb::SendMessageRequest::default()
        })
        .await
    }

    /// Lets characters go on.
    pub(crate) async fn play_turns(
        &self,
        session: &str,
        character: &str,
        max_replies: Option<i32>,
    ) -> Result<Watch, Status> {
        let request = pb::PlayTurnsRequest {
            session_id: session.to_owned(),
            character_id: character.to_owned(),
            max_replies,
            request_id: String::new(),
        };
        let answer = self.messages().play_turns(self.ask(request)).await?;
        Ok(Watch::new(answer, |response| response.event))
    }

    /// Who speaks in a generation, and why.
    pub(crate) async fn speaker(&self, generation: &str) -> pb::SpeakerTrace {
        let request = pb::GetGenerationReceiptRequest {
            generation_id: generation.to_owned(),
        };
        let mut generations = self.generations();
        let receipt = generations.get_generation_receipt(self.ask(request)).await;
        let receipt = receipt.unwrap().into_inner().receipt.unwrap();
        receipt.speaker.unwrap()
    }

    /// Who said what on the path of a session.
    pub(crate) async fn said(&self, session: &str) -> Vec<(String, String)> {
        let path = self.path(session).await.into_iter();
        path.map(|it| (it.speaker_name, it.text)).collect()
    }
}

/// The model says something to the end.
pub(crate) fn answer(call: Call, text: &str) {
    call.say(text);
    call.finish();
}

/// Lets the model answer a watched reply and all that follow it by themselves: the generations, in their order.
pub(crate) async fn round(
    stage: &Stage,
    person: &Person,
    first: Watch,
    text: &str,
) -> Vec<pb::Generation> {
    let mut generations = Vec::new();
    let mut watch = first;
    loop {
        answer(stage.call().await, text);
        let generation = watch.all().await.2.generation.unwrap();
        let next = generation.next_generation_id.clone();
        generations.push(generation);
        if next.is_empty() {
            return generations;
        }
        watch = person.watch(&next, 0).await.unwrap();
    }
}
