//! Every method, called by nobody and by a stranger.

use std::collections::BTreeSet;

use tonic::{Code, Status};
use troupe_proto::policy;
use troupe_proto::roleplay as pb;

use crate::stage::{Person, Stage, turn};

/// The ids of things that belong to Alice.
struct Things {
    character: String,
    persona: String,
    session: String,
    branch: String,
    message: String,
    generation: String,
    memory: String,
}

impl Things {
    async fn of(stage: &Stage, alice: &Person) -> Self {
        let session = alice.open_session().await;
        let reply = turn(stage, alice, &session.id, "Hello", "Hi").await;
        let persona = pb::Persona {
            name: "Ada".into(),
            ..Default::default()
        };
        let request = alice.ask(pb::CreatePersonaRequest {
            persona: Some(persona),
        });
        let persona = alice
            .personas()
            .create_persona(request)
            .await
            .unwrap()
            .into_inner()
            .persona
            .unwrap();
        let note = alice.note(&session.id, "Mine.", false).await;
        Self {
            memory: note.id,
            character: session.character_id,
            persona: persona.id,
            branch: session.branch.unwrap().id,
            session: session.id,
            message: reply.id,
            generation: reply.generation_id,
        }
    }
}

type Attempts = Vec<(&'static str, Result<(), Status>)>;

/// Calls that name something of Alice's.
async fn on_things(who: &Person, things: &Things) -> Attempts {
    let Things {
        character,
        persona,
        session,
        branch,
        message,
        generation,
        memory: _,
    } = things;
    let (character_id, persona_id) = (character.clone(), persona.clone());
    let (session_id, message_id, generation_id) =
        (session.clone(), message.clone(), generation.clone());
    macro_rules! call {
        ($client:ident.$method:ident($request:expr)) => {
            who.$client().$method(who.ask($request)).await.map(drop)
        };
    }
    let mut attempts = on_messages(who, things).await;
    attempts.extend(on_memories(who, things).await);
    let characters = {
        let character = pb::Character {
            id: character_id.clone(),
            name: "Mine".into(),
            ..Default::default()
        };
        let update = pb::UpdateCharacterRequest {
            character: Some(character),
            update_mask: None,
        };
        let export = pb::ExportCharacterRequest {
            character_id: character_id.clone(),
            ..Default::default()
        };
        [
            (
                "CharacterService/GetCharacter",
                call!(characters.get_character(pb::GetCharacterRequest {
                    character_id: character_id.clone()
                })),
            ),
            (
                "CharacterService/UpdateCharacter",
                call!(characters.update_character(update)),
            ),
            (
                "CharacterService/ExportCharacter",
                call!(characters.export_character(export)),
            ),
            (
                "CharacterService/GetAvatar",
                call!(characters.get_avatar(pb::GetAvatarRequest {
                    character_id: character_id.clone()
                })),
            ),
            (
                "CharacterService/DeleteCharacter",
                call!(characters.delete_character(pb::DeleteCharacterRequest {
                    character_id: character_id.clone()
                })),
            ),
        ]
    };
    let personas = {
        let persona = pb::Persona {
            id: persona_id.clone(),
            name: "Mine".into(),
            ..Default::default()
        };
        let update = pb::UpdatePersonaRequest {
            persona: Some(persona),
            update_mask: None,
        };
        [
            (
                "PersonaService/GetPersona",
                call!(personas.get_persona(pb::GetPersonaRequest {
                    persona_id: persona_id.clone()
                })),
            ),
            (
                "PersonaService/UpdatePersona",
                call!(personas.update_persona(update)),
            ),
            (
                "PersonaService/DeletePersona",
                call!(personas.delete_persona(pb::DeletePersonaRequest {
                    persona_id: persona_id.clone()
                })),
            ),
        ]
    };
    let sessions = {
        let create = pb::CreateSessionRequest {
            character_id: character_id.clone(),
            ..Default::default()
        };
        let changed = pb::Session {
            id: session_id.clone(),
            title: "Mine".into(),
            ..Default::default()
        };
        let update = pb::UpdateSessionRequest {
            session: Some(changed),
            update_mask: None,
        };
        let branching = pb::CreateBranchRequest {
            session_id: session_id.clone(),
            message_id,
            title: String::new(),
        };
        let select = pb::SelectBranchRequest {
            session_id: session_id.clone(),
            branch_id: branch.clone(),
        };
        [
            (
                "SessionService/CreateSession",
                call!(sessions.create_session(create)),
            ),
            (
                "SessionService/GetSession",
                call!(sessions.get_session(pb::GetSessionRequest {
                    session_id: session_id.clone()
                })),
            ),
            (
                "SessionService/UpdateSession",
                call!(sessions.update_session(update)),
            ),
            (
                "SessionService/CreateBranch",
                call!(sessions.create_branch(branching)),
            ),
            (
                "SessionService/ListBranches",
                call!(sessions.list_branches(pb::ListBranchesRequest {
                    session_id: session_id.clone()
                })),
            ),
            (
                "SessionService/SelectBranch",
                call!(sessions.select_branch(select)),
            ),
            (
                "SessionService/PreviewPrompt",
                call!(sessions.preview_prompt(pb::PreviewPromptRequest {
                    session_id: session_id.clone()
                })),
            ),
            (
                "SessionService/DeleteSession",
                call!(sessions.delete_session(pb::DeleteSessionRequest {
                    session_id: session_id.clone()
                })),
            ),
        ]
    };
    let generations = {
        let attach = pb::AttachGenerationRequest {
            generation_id: generation_id.clone(),
            offset: 0,
        };
        let receipt = pb::GetGenerationReceiptRequest {
            generation_id: generation_id.clone(),
        };
        [
            (
                "GenerationService/GetGeneration",
                call!(generations.get_generation(pb::GetGenerationRequest {
                    generation_id: generation_id.clone()
                })),
            ),
            (
                "GenerationService/AttachGeneration",
                call!(generations.attach_generation(attach)),
            ),
            (
                "GenerationService/GetGenerationReceipt",
                call!(generations.get_generation_receipt(receipt)),
            ),
            (
                "GenerationService/CancelGeneration",
                call!(generations.cancel_generation(pb::CancelGenerationRequest {
                    generation_id: generation_id.clone()
                })),
            ),
        ]
    };
    attempts.extend(characters);
    attempts.extend(personas);
    attempts.extend(sessions);
    attempts.extend(generations);
    attempts
}

async fn on_messages(who: &Person, things: &Things) -> Attempts {
    let (session_id, message_id) = (things.session.clone(), things.message.clone());
    let list = pb::ListMessagesRequest {
        session_id: session_id.clone(),
        ..Default::default()
    };
    let swipes = pb::ListSwipesRequest {
        session_id: session_id.clone(),
        message_id: message_id.clone(),
    };
    let edit = pb::EditMessageRequest {
        session_id: session_id.clone(),
        message_id: message_id.clone(),
        text: "Mine".into(),
    };
    vec![
        (
            "MessageService/ListMessages",
            who.messages().list_messages(who.ask(list)).await.map(drop),
        ),
        (
            "MessageService/SendMessage",
            who.send(&session_id, "Hello").await.map(drop),
        ),
        (
            "MessageService/RegenerateMessage",
            who.regenerate(&session_id, &message_id).await.map(drop),
        ),
        (
            "MessageService/ContinueMessage",
            who.go_on(&session_id, &message_id).await.map(drop),
        ),
        (
            "MessageService/SelectSwipe",
            who.select(&session_id, &message_id).await.map(drop),
        ),
        (
            "MessageService/ListSwipes",
            who.messages().list_swipes(who.ask(swipes)).await.map(drop),
        ),
        (
            "MessageService/EditMessage",
            who.messages().edit_message(who.ask(edit)).await.map(drop),
        ),
        (
            "MessageService/DeleteMessage",
            who.delete(&session_id, &message_id).await.map(drop),
        ),
    ]
}

async fn on_memories(who: &Person, things: &Things) -> Attempts {
    let (session_id, memory_id) = (things.session.clone(), things.memory.clone());
    let memory = pb::Memory {
        id: memory_id.clone(),
        text: "Mine".into(),
        ..Default::default()
    };
    let list = pb::ListMemoriesRequest {
        session_id: session_id.clone(),
        ..Default::default()
    };
    let create = pb::CreateMemoryRequest {
        session_id: session_id.clone(),
        memory: Some(memory.clone()),
    };
    let get = pb::GetMemoryRequest {
        session_id: session_id.clone(),
        memory_id: memory_id.clone(),
    };
    let update = pb::UpdateMemoryRequest {
        session_id: session_id.clone(),
        memory: Some(memory),
        update_mask: None,
    };
    let search = pb::SearchMemoriesRequest {
        session_id: session_id.clone(),
        text: "Mine".into(),
        limit: 0,
    };
    let delete = pb::DeleteMemoryRequest {
        session_id,
        memory_id,
    };
    let mut memories = who.memories();
    vec![
        (
            "MemoryService/ListMemories",
            memories.list_memories(who.ask(list)).await.map(drop),
        ),
        (
            "MemoryService/CreateMemory",
            memories.create_memory(who.ask(create)).await.map(drop),
        ),
        (
            "MemoryService/GetMemory",
            memories.get_memory(who.ask(get)).await.map(drop),
        ),
        (
            "MemoryService/UpdateMemory",
            memories.update_memory(who.ask(update)).await.map(drop),
        ),
        (
            "MemoryService/SearchMemories",
            memories.search_memories(who.ask(search)).await.map(drop),
        ),
        (
            "MemoryService/DeleteMemory",
            memories.delete_memory(who.ask(delete)).await.map(drop),
        ),
    ]
}

/// Calls that name nothing.
async fn on_nothing(who: &Person) -> Attempts {
    let persona = pb::Persona {
        name: "Bob".into(),
        ..Default::default()
    };
    let persona = pb::CreatePersonaRequest {
        persona: Some(persona),
    };
    let characters = who.ask(pb::ListCharactersRequest::default());
    let personas = who.ask(pb::ListPersonasRequest::default());
    let sessions = who.ask(pb::ListSessionsRequest::default());
    let empty = |is_empty: bool| assert!(is_empty, "a stranger sees what is Alice's");
    vec![
        (
            "CharacterService/ListCharacters",
            who.characters()
                .list_characters(characters)
                .await
                .map(|a| empty(a.get_ref().characters.is_empty())),
        ),
        (
            "PersonaService/ListPersonas",
            who.personas()
                .list_personas(personas)
                .await
                .map(|a| empty(a.get_ref().personas.is_empty())),
        ),
        (
            "SessionService/ListSessions",
            who.sessions()
                .list_sessions(sessions)
                .await
                .map(|a| empty(a.get_ref().sessions.is_empty())),
        ),
        (
            "CharacterService/ImportCharacter",
            who.import(crate::stage::CARD).await.map(drop),
        ),
        (
            "PersonaService/CreatePersona",
            who.personas()
                .create_persona(who.ask(persona))
                .await
                .map(drop),
        ),
    ]
}

#[tokio::test]
async fn nobody_and_strangers_reach_nothing() {
    let stage = Stage::new().await;
    let (alice, bob, nobody) = (stage.person(), stage.person(), stage.nobody());
    let things = Things::of(&stage, &alice).await;
    let before = alice.path(&things.session).await;

    let mut called = BTreeSet::new();
    for (method, result) in on_things(&nobody, &things)
        .await
        .into_iter()
        .chain(on_nothing(&nobody).await)
    {
        assert_eq!(
            result.err().map(|status| status.code()),
            Some(Code::Unauthenticated),
            "{method} by nobody"
        );
        called.insert(format!("/troupe.roleplay.v1.{method}"));
    }
    let all = policy::METHODS.iter().map(|method| method.path.to_owned());
    let all: BTreeSet<String> = all
        .filter(|path| path.starts_with("/troupe.roleplay."))
        .collect();
    assert_eq!(called, all, "every method is called");

    for (method, result) in on_things(&bob, &things).await {
        assert_eq!(
            result.err().map(|status| status.code()),
            Some(Code::NotFound),
            "{method} by a stranger"
        );
    }
    for (method, result) in on_nothing(&bob).await {
        assert!(result.is_ok(), "{method} by a stranger: {result:?}");
    }
    assert_eq!(alice.path(&things.session).await, before);
    assert!(!stage.was_asked().await);
}
