//! Sessions: opened, listed, changed, deleted, and the prompt they lead to.

use prost_types::FieldMask;
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::script::TEXT_MODEL;
use crate::stage::{CARD, Person, Stage, opening, tick, turn};

pub(crate) async fn persona(person: &Person, name: &str, description: &str) -> pb::Persona {
    let persona = pb::Persona {
        name: name.into(),
        description: description.into(),
        ..pb::Persona::default()
    };
    let request = person.ask(pb::CreatePersonaRequest {
        persona: Some(persona),
        ..Default::default()
    });
    person
        .personas()
        .create_persona(request)
        .await
        .unwrap()
        .into_inner()
        .persona
        .unwrap()
}

pub(crate) async fn create(
    person: &Person,
    request: pb::CreateSessionRequest,
) -> Result<pb::CreateSessionResponse, tonic::Status> {
    Ok(person
        .sessions()
        .create_session(person.ask(request))
        .await?
        .into_inner())
}

pub(crate) async fn update(
    person: &Person,
    session: pb::Session,
    paths: &[&str],
) -> Result<pb::Session, tonic::Status> {
    let mask = FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    let request = pb::UpdateSessionRequest {
        session: Some(session),
        update_mask: Some(mask),
    };
    Ok(person
        .sessions()
        .update_session(person.ask(request))
        .await?
        .into_inner()
        .session
        .unwrap())
}

pub(crate) async fn preview(
    person: &Person,
    session: &str,
) -> Result<pb::PreviewPromptResponse, tonic::Status> {
    let request = person.ask(pb::PreviewPromptRequest {
        session_id: session.to_owned(),
        ..Default::default()
    });
    Ok(person
        .sessions()
        .preview_prompt(request)
        .await?
        .into_inner())
}

#[tokio::test]
async fn opens_with_the_greeting_addressed_to_the_persona() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(CARD).await.unwrap().character.unwrap();
    let ada = persona(&alice, "Ada", "A traveller.").await;
    let settings = pb::GenerationSettings {
        max_tokens: Some(40),
        ..Default::default()
    };
    let request = opening(pb::Session {
        // What only answers have is ignored.
        id: format!("ses_{}", "0".repeat(26)),
        character_id: character.id.clone(),
        persona_id: ada.id.clone(),
        settings: Some(settings.clone()),
        ..Default::default()
    });
    let opened = create(&alice, request).await.unwrap();
    let (session, greeting) = (opened.session.unwrap(), opened.greeting.unwrap());
    assert_eq!(
        (session.title.as_str(), session.character_name.as_str()),
        ("Mira", "Mira")
    );
    assert_eq!(greeting.text, "Come in, Ada. The storm is near.");
    assert_eq!(
        (greeting.role(), greeting.speaker_name.as_str()),
        (pb::MessageRole::Character, "Mira")
    );
    assert_eq!(
        session.branch.as_ref().unwrap().head_message_id,
        greeting.id
    );
    assert_eq!(session.settings, Some(settings));
    assert_eq!(alice.session(&session.id).await, session);

    let watch = alice.send(&session.id, "Hello").await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains("A traveller."), "{}", call.prompt());
    call.finish();
    assert_eq!(
        watch.all().await.0.user_message.unwrap().speaker_name,
        "Ada"
    );

    let delete = pb::DeletePersonaRequest {
        persona_id: ada.id,
        ..Default::default()
    };
    alice
        .personas()
        .delete_persona(alice.ask(delete))
        .await
        .unwrap();
    assert_eq!(alice.session(&session.id).await.persona_id, "");
    let prompt = preview(&alice, &session.id).await.unwrap();
    assert!(
        !prompt
            .messages
            .iter()
            .any(|message| message.content.contains("A traveller."))
    );
}

#[tokio::test]
async fn refuses_a_character_persona_or_model_that_is_not_there() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mine = alice.import(CARD).await.unwrap().character.unwrap().id;
    let theirs = bob.import(CARD).await.unwrap().character.unwrap().id;
    let ada = persona(&bob, "Ada", "").await.id;
    let request = |character: &str, persona: &str, model: &str| {
        opening(pb::Session {
            character_id: character.into(),
            persona_id: persona.into(),
            model_id: model.into(),
            ..Default::default()
        })
    };
    for (request, reason) in [
        (request(&theirs, "", ""), Reason::NotFound),
        (request(&mine, &ada, ""), Reason::NotFound),
        (request(&mine, "", "no/such"), Reason::ModelUnknown),
    ] {
        let status = create(&alice, request).await.err().unwrap();
        assert_eq!(
            (status.code(), reason_of(&status)),
            (Code::NotFound, Some(reason))
        );
    }
    let list = alice
        .sessions()
        .list_sessions(alice.ask(pb::ListSessionsRequest::default()))
        .await;
    assert_eq!(list.unwrap().into_inner().sessions.len(), 0);
}

#[tokio::test]
async fn lists_the_most_recently_used_first_by_pages() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(alice.open_session().await.id);
        tick(&stage);
    }
    turn(&stage, &alice, &ids[1], "Hello", "Hi").await;
    let (mut listed, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = pb::ListSessionsRequest {
            page_size: 2,
            page_token: token,
            ..Default::default()
        };
        let page = alice
            .sessions()
            .list_sessions(alice.ask(request))
            .await
            .unwrap()
            .into_inner();
        listed.extend(page.sessions);
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let listed_ids: Vec<&String> = listed.iter().map(|session| &session.id).collect();
    assert_eq!(listed_ids, [&ids[1], &ids[4], &ids[3], &ids[2], &ids[0]]);
    assert_eq!(pages, 3);
    let character_id = listed[2].character_id.clone();
    let request = pb::ListSessionsRequest {
        character_id,
        ..pb::ListSessionsRequest::default()
    };
    let page = alice
        .sessions()
        .list_sessions(alice.ask(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.sessions, [listed[2].clone()]);
}

#[tokio::test]
async fn changes_what_the_mask_names_and_nothing_else() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let settings = pb::GenerationSettings {
        temperature: Some(0.5),
        max_tokens: Some(40),
        ..Default::default()
    };
    let change = pb::Session {
        title: "Storm".into(),
        model_id: TEXT_MODEL.into(),
        settings: Some(settings.clone()),
        character_name: "Somebody else".into(),
        ..session.clone()
    };
    let changed = update(&alice, change.clone(), &["title", "settings"])
        .await
        .unwrap();
    assert_eq!(
        (changed.title.as_str(), changed.model_id.as_str()),
        ("Storm", "")
    );
    assert_eq!(changed.settings, Some(settings));
    assert_eq!(changed.character_name, "Mira");
    assert_eq!(alice.session(&session.id).await, changed);
    for path in [
        "character_name",
        "id",
        "user_id",
        "settings.temperature.x",
        "settings.stop[0]",
        "branch.title",
        "last_use_time",
    ] {
        let status = update(&alice, change.clone(), &[path]).await.err().unwrap();
        assert_eq!(status.code(), Code::InvalidArgument, "{path}");
    }
    let unknown = pb::Session {
        model_id: "no/such".into(),
        ..session.clone()
    };
    let status = update(&alice, unknown, &["model_id"]).await.err().unwrap();
    assert_eq!(reason_of(&status), Some(Reason::ModelUnknown));
    let nul = pb::Session {
        title: "a\0b".into(),
        ..session
    };
    assert_eq!(
        update(&alice, nul, &["title"]).await.err().unwrap().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn changes_one_setting_and_keeps_the_others() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let with = |settings| pb::Session {
        id: session.id.clone(),
        settings: Some(settings),
        ..Default::default()
    };
    let first = pb::GenerationSettings {
        max_tokens: Some(20),
        stop: vec!["END".into()],
        ..Default::default()
    };
    update(&alice, with(first.clone()), &["settings"])
        .await
        .unwrap();
    let warm = pb::GenerationSettings {
        temperature: Some(0.7),
        ..Default::default()
    };
    let both = pb::GenerationSettings {
        temperature: Some(0.7),
        ..first
    };
    // By its path, and without a mask by being set.
    for paths in [&["settings.temperature"][..], &[]] {
        let changed = update(&alice, with(warm.clone()), paths).await.unwrap();
        assert_eq!(changed.settings, Some(both.clone()), "{paths:?}");
    }
    let cleared = update(&alice, with(warm.clone()), &["settings.stop"]).await;
    let kept = pb::GenerationSettings {
        stop: Vec::new(),
        ..both
    };
    assert_eq!(cleared.unwrap().settings, Some(kept));
    let replaced = update(&alice, with(warm.clone()), &["settings"]).await;
    assert_eq!(replaced.unwrap().settings, Some(warm));
}

#[tokio::test]
async fn a_star_changes_everything_that_can_change() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let settings = pb::GenerationSettings {
        seed: Some(7),
        ..Default::default()
    };
    let change = pb::Session {
        title: "Storm".into(),
        settings: Some(settings.clone()),
        ..session.clone()
    };
    update(&alice, change, &["title", "settings"])
        .await
        .unwrap();
    let bare = pb::Session {
        id: session.id.clone(),
        model_id: TEXT_MODEL.into(),
        ..Default::default()
    };
    let changed = update(&alice, bare, &["*"]).await.unwrap();
    // Without a title of its own, a session has its character's name.
    assert_eq!(
        (changed.title.as_str(), changed.model_id.as_str()),
        ("Mira", TEXT_MODEL)
    );
    assert_eq!(changed.settings, Some(pb::GenerationSettings::default()));
}

#[tokio::test]
async fn shows_the_prompt_without_generating() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    turn(
        &stage,
        &alice,
        &session.id,
        "What of the harbour?",
        "Frozen.",
    )
    .await;
    let prompt = preview(&alice, &session.id).await.unwrap();
    assert_eq!(prompt.text, "");
    assert_eq!(prompt.messages.last().unwrap().content, "Frozen.");
    let receipt = prompt.receipt.unwrap();
    assert_eq!(
        (receipt.window_tokens, receipt.reserved_tokens),
        (4_096, 300)
    );
    let lore = &receipt.lore[0];
    assert_eq!(
        (lore.active, lore.reason.as_str(), lore.matched_key.as_str()),
        (true, "key", "harbour")
    );
    assert!(
        receipt
            .spans
            .iter()
            .any(|span| span.source == "message" && span.token_count > 0)
    );
    assert!(receipt.token_count > 0);
    assert!(!stage.was_asked().await);
    assert_eq!(alice.texts(&session.id).await.len(), 3);
}

#[tokio::test]
async fn outlives_its_character() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let request = pb::DeleteCharacterRequest {
        character_id: session.character_id,
        ..Default::default()
    };
    alice
        .characters()
        .delete_character(alice.ask(request))
        .await
        .unwrap();
    let session = alice.session(&session.id).await;
    assert_eq!(
        (
            session.character_id.as_str(),
            session.character_name.as_str()
        ),
        ("", "Mira")
    );
    assert_eq!(alice.texts(&session.id).await.len(), 1);
    let status = alice.send(&session.id, "Hello").await.err().unwrap();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(reason_of(&status), Some(Reason::CharacterDeleted));
}

#[tokio::test]
async fn is_gone_with_its_messages_when_deleted() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let reply = turn(&stage, &alice, &session.id, "Hello", "Hi").await;
    let request = pb::DeleteSessionRequest {
        session_id: session.id.clone(),
    };
    alice
        .sessions()
        .delete_session(alice.ask(request.clone()))
        .await
        .unwrap();
    let again = alice.sessions().delete_session(alice.ask(request)).await;
    assert_eq!(again.err().unwrap().code(), Code::NotFound);
    assert_eq!(
        alice
            .watch(&reply.generation_id, 0)
            .await
            .err()
            .unwrap()
            .code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn says_when_a_session_and_its_branch_last_changed() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let id = &session.id;
    let times = async || {
        let session = alice.session(id).await;
        let branch = session.branch.unwrap();
        [session.create_time, session.update_time, branch.update_time].map(|it| it.unwrap().seconds)
    };
    let [made, ..] = times().await;
    assert_eq!(times().await, [made; 3]);
    tick(&stage);
    turn(&stage, &alice, id, "Hello", "Hi").await;
    assert_eq!(times().await, [made, made, made + 1]);
    tick(&stage);
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: id.clone(),
            title: "Storm".into(),
            ..Default::default()
        }),
        update_mask: None,
    };
    let changed = alice.sessions().update_session(alice.ask(request)).await;
    let changed = changed.unwrap().into_inner().session.unwrap();
    assert_eq!(changed.update_time.unwrap().seconds, made + 2);
    assert_eq!(times().await, [made, made + 2, made + 1]);
    tick(&stage);
    let last = alice.path(id).await.pop().unwrap().id;
    alice.delete(id, &last).await.unwrap();
    assert_eq!(times().await, [made, made + 2, made + 3]);
}
