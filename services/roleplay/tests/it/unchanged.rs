//! What is sent back as it was read is no change: nobody else's etag goes stale by it.

use prost_types::FieldMask;
use serde_json::json;
use troupe_proto::roleplay as pb;

use crate::scenarios::storm;
use crate::sessions::{persona, update};
use crate::stage::{CARD, Person, Stage, tick, turn};

fn all() -> Option<FieldMask> {
    let paths = vec!["*".to_owned()];
    Some(FieldMask { paths })
}

/// Changes of one resource: what it is now, and what it is after it was sent.
trait Kept: Clone + PartialEq + std::fmt::Debug {
    fn etag(&self) -> &str;
    async fn read(&self, person: &Person) -> Self;
    async fn send(&self, person: &Person) -> Self;
    /// The same with something else in it.
    fn other(&self) -> Self;
}

/// Sends back what was read, twice, and then something else.
async fn holds<T: Kept>(stage: &Stage, person: &Person, thing: &T) {
    let read = thing.read(person).await;
    assert!(!read.etag().is_empty());
    for _ in 0..2 {
        tick(stage);
        assert_eq!(read.send(person).await, read);
        assert_eq!(read.read(person).await, read);
    }
    tick(stage);
    let changed = read.other().send(person).await;
    assert_ne!(changed.etag(), read.etag());
    assert_eq!(changed.read(person).await, changed);
}

impl Kept for pb::Persona {
    fn etag(&self) -> &str {
        &self.etag
    }

    async fn read(&self, person: &Person) -> Self {
        let persona_id = self.id.clone();
        let request = person.ask(pb::GetPersonaRequest { persona_id });
        let read = person.personas().get_persona(request).await.unwrap();
        read.into_inner().persona.unwrap()
    }

    async fn send(&self, person: &Person) -> Self {
        let request = person.ask(pb::UpdatePersonaRequest {
            persona: Some(self.clone()),
            update_mask: all(),
        });
        let sent = person.personas().update_persona(request).await.unwrap();
        sent.into_inner().persona.unwrap()
    }

    fn other(&self) -> Self {
        let description = "Somebody else.".to_owned();
        Self {
            description,
            ..self.clone()
        }
    }
}

impl Kept for pb::Character {
    fn etag(&self) -> &str {
        &self.etag
    }

    async fn read(&self, person: &Person) -> Self {
        let character_id = self.id.clone();
        let request = person.ask(pb::GetCharacterRequest { character_id });
        let read = person.characters().get_character(request).await.unwrap();
        read.into_inner().character.unwrap()
    }

    async fn send(&self, person: &Person) -> Self {
        let request = person.ask(pb::UpdateCharacterRequest {
            character: Some(self.clone()),
            update_mask: all(),
        });
        let sent = person.characters().update_character(request).await.unwrap();
        sent.into_inner().character.unwrap()
    }

    fn other(&self) -> Self {
        let scenario = "A calm sea.".to_owned();
        Self {
            scenario,
            ..self.clone()
        }
    }
}

impl Kept for pb::Lorebook {
    fn etag(&self) -> &str {
        &self.etag
    }

    async fn read(&self, person: &Person) -> Self {
        let lorebook_id = self.id.clone();
        let request = person.ask(pb::GetLorebookRequest { lorebook_id });
        let read = person.lorebooks().get_lorebook(request).await.unwrap();
        read.into_inner().lorebook.unwrap()
    }

    async fn send(&self, person: &Person) -> Self {
        let request = person.ask(pb::UpdateLorebookRequest {
            lorebook: Some(self.clone()),
            update_mask: all(),
        });
        let sent = person.lorebooks().update_lorebook(request).await.unwrap();
        sent.into_inner().lorebook.unwrap()
    }

    fn other(&self) -> Self {
        let description = "Another place.".to_owned();
        Self {
            description,
            ..self.clone()
        }
    }
}

impl Kept for pb::LorebookEntry {
    fn etag(&self) -> &str {
        &self.etag
    }

    async fn read(&self, person: &Person) -> Self {
        let request = person.ask(pb::GetLorebookEntryRequest {
            lorebook_id: self.lorebook_id.clone(),
            entry_id: self.id.clone(),
        });
        let read = person.lorebooks().get_lorebook_entry(request).await;
        read.unwrap().into_inner().entry.unwrap()
    }

    async fn send(&self, person: &Person) -> Self {
        let sent = person.change_entry(&self.lorebook_id, self.clone(), &["*"]);
        sent.await.unwrap()
    }

    fn other(&self) -> Self {
        let content = "Something else.".to_owned();
        Self {
            content,
            ..self.clone()
        }
    }
}

impl Kept for pb::Message {
    fn etag(&self) -> &str {
        &self.etag
    }

    async fn read(&self, person: &Person) -> Self {
        let request = person.ask(pb::GetMessageRequest {
            session_id: self.session_id.clone(),
            message_id: self.id.clone(),
        });
        let read = person.messages().get_message(request).await.unwrap();
        read.into_inner().message.unwrap()
    }

    async fn send(&self, person: &Person) -> Self {
        let request = person.ask(pb::UpdateMessageRequest {
            session_id: self.session_id.clone(),
            message: Some(self.clone()),
            update_mask: all(),
        });
        let sent = person.messages().update_message(request).await.unwrap();
        sent.into_inner().message.unwrap()
    }

    fn other(&self) -> Self {
        let text = "Other words.".to_owned();
        Self {
            text,
            ..self.clone()
        }
    }
}

impl Kept for pb::Scenario {
    fn etag(&self) -> &str {
        &self.etag
    }

    async fn read(&self, person: &Person) -> Self {
        person.get_scenario(&self.id).await.unwrap()
    }

    async fn send(&self, person: &Person) -> Self {
        let sent = person.change_scenario(self.clone(), &["*"]).await;
        sent.unwrap()
    }

    fn other(&self) -> Self {
        let premise = "A calm sea holds {{blank::town}}.".to_owned();
        Self {
            premise,
            ..self.clone()
        }
    }
}

#[tokio::test]
async fn sending_back_what_was_read_changes_no_etag() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let persona = pb::Persona {
        name: "Ada".to_owned(),
        ..Default::default()
    };
    let request = alice.ask(pb::CreatePersonaRequest {
        persona: Some(persona),
        ..Default::default()
    });
    let made = alice.personas().create_persona(request).await.unwrap();
    holds(&stage, &alice, &made.into_inner().persona.unwrap()).await;

    let character = alice.import(CARD).await.unwrap().character.unwrap();
    holds(&stage, &alice, &character).await;

    let book = alice.lorebook("Varn").await;
    let scenario = alice.scenario(storm(&character.id, &book.id)).await;
    holds(&stage, &alice, &scenario.unwrap()).await;
    holds(&stage, &alice, &alice.entry(&book.id, "a", "A").await).await;
    holds(&stage, &alice, &book).await;
    // As other programs write them: under other names, and with little in them.
    let file = json!({"entries": {
        "0": {"uid": 0, "key": ["reef"], "content": "Rocks.", "disable": false, "order": 20, "position": 0},
        "1": {"uid": 1, "key": ["deep"], "content": "Dark.", "name": "Deep", "extensions": {"sticky": 2}},
    }});
    let book = alice.import_book(file.to_string()).await.unwrap();
    for entry in alice.entries(&book.id).await {
        holds(&stage, &alice, &entry).await;
    }
    holds(&stage, &alice, &book).await;
}

#[tokio::test]
async fn a_book_in_a_card_that_stays_leaves_the_character_as_it_is() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(CARD).await.unwrap().character.unwrap();
    let request = alice.ask(pb::ListLorebooksRequest {
        character_id: character.id.clone(),
        ..Default::default()
    });
    let books = alice.lorebooks().list_lorebooks(request).await.unwrap();
    let book = books.into_inner().lorebooks.remove(0);
    let before = character.read(&alice).await;
    tick(&stage);
    for entry in alice.entries(&book.id).await {
        entry.send(&alice).await;
    }
    book.send(&alice).await;
    assert_eq!(character.read(&alice).await, before);
    holds(&stage, &alice, &book).await;
    assert_ne!(character.read(&alice).await.etag, before.etag);
}

#[tokio::test]
async fn a_message_that_is_sent_back_keeps_its_etag() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let request = alice.ask(pb::AddMessageRequest {
        session_id: session.id.clone(),
        text: "I am here.".to_owned(),
        ..Default::default()
    });
    let added = alice.messages().add_message(request).await.unwrap();
    let added = added.into_inner().message.unwrap();
    holds(&stage, &alice, &added).await;
}

#[tokio::test]
async fn a_session_and_a_place_in_it_that_stay_have_their_times() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let ada = persona(&alice, "Ada", "").await.id;
    let session = alice.open_session().await;
    let set = pb::Session {
        id: session.id.clone(),
        persona_id: ada.clone(),
        settings: Some(pb::GenerationSettings {
            temperature: Some(0.5),
            ..Default::default()
        }),
        ..Default::default()
    };
    tick(&stage);
    let paths = ["persona_id", "settings.temperature"];
    let seen = update(&alice, set.clone(), &paths).await.unwrap();
    assert_ne!(seen.update_time, session.update_time);
    tick(&stage);
    assert_eq!(update(&alice, set.clone(), &[]).await.unwrap(), seen);
    assert_eq!(update(&alice, seen.clone(), &["*"]).await.unwrap(), seen);
    assert_eq!(update(&alice, set, &["persona_id"]).await.unwrap(), seen);
    let me = alice.people(&session.id).await.unwrap().remove(0);
    assert_eq!(alice.play(&session.id, &me.id, &ada).await.unwrap(), me);
    assert_eq!(alice.session(&session.id).await, seen);
    let other = pb::Session {
        title: "Storm".to_owned(),
        ..seen.clone()
    };
    let changed = update(&alice, other, &["title"]).await.unwrap();
    assert_ne!(changed.update_time, seen.update_time);
}

#[tokio::test]
async fn a_memory_and_a_bookmark_that_stay_have_their_times() {
    let stage = Stage::new().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    turn(&stage, &alice, &session, "Where?", "In the cave.").await;
    let said = alice.remembers(&session, 3).await.remove(0);
    let note = alice.note(&session, "Ada fears the sea.", true).await;
    tick(&stage);
    let fields = ["text", "pinned", "disabled"];
    for memory in [said, note] {
        let request = alice.ask(pb::GetMemoryRequest {
            session_id: session.clone(),
            memory_id: memory.id,
        });
        let read = alice.memories().get_memory(request).await.unwrap();
        let seen = read.into_inner().memory.unwrap();
        let sent = alice.change_memory(&session, seen.clone(), &fields).await;
        // Its vector may come meanwhile.
        let sent = pb::Memory {
            embedded: seen.embedded,
            ..sent.unwrap()
        };
        assert_eq!(sent, seen);
        let other = pb::Memory {
            disabled: true,
            ..seen.clone()
        };
        let changed = alice.change_memory(&session, other, &["disabled"]).await;
        assert_ne!(changed.unwrap().update_time, seen.update_time);
    }

    let message = alice.path(&session).await.remove(0).id;
    let mark = alice.bookmark(&session, &message, "Cave").await.unwrap();
    tick(&stage);
    assert_eq!(
        alice.bookmark(&session, &message, "Cave").await.unwrap(),
        mark
    );
    let retitle = async |title: &str| {
        let request = alice.ask(pb::UpdateBookmarkRequest {
            bookmark: Some(pb::Bookmark {
                title: title.to_owned(),
                ..mark.clone()
            }),
            update_mask: all(),
        });
        let changed = alice.bookmarks().update_bookmark(request).await;
        changed.unwrap().into_inner().bookmark.unwrap()
    };
    assert_eq!(retitle("Cave").await, mark);
    assert_ne!(retitle("Deep").await.update_time, mark.update_time);
}
