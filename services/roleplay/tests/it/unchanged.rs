//! What is sent back as it was read is no change: nobody else's etag goes stale by it.

use prost_types::FieldMask;
use serde_json::json;
use troupe_proto::roleplay as pb;

use crate::stage::{CARD, Person, Stage, tick};

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
