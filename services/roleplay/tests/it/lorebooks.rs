//! Lorebooks as resources: their entries, and the characters that use them.

use serde_json::{Value, json};
use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay as pb;

use crate::stage::{CARD, Person, Stage};

impl Person {
    pub(crate) async fn lorebook(&self, name: &str) -> pb::Lorebook {
        let request = pb::CreateLorebookRequest {
            lorebook: Some(pb::Lorebook {
                name: name.to_owned(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let made = self.lorebooks().create_lorebook(self.ask(request)).await;
        made.unwrap().into_inner().lorebook.unwrap()
    }

    pub(crate) async fn entry(&self, book: &str, key: &str, content: &str) -> pb::LorebookEntry {
        let entry = pb::LorebookEntry {
            keys: vec![key.to_owned()],
            content: content.to_owned(),
            ..Default::default()
        };
        let request = pb::CreateLorebookEntryRequest {
            lorebook_id: book.to_owned(),
            entry: Some(entry),
            request_id: String::new(),
        };
        let mut lorebooks = self.lorebooks();
        let made = lorebooks.create_lorebook_entry(self.ask(request)).await;
        made.unwrap().into_inner().entry.unwrap()
    }

    pub(crate) async fn change_entry(
        &self,
        book: &str,
        entry: pb::LorebookEntry,
        paths: &[&str],
    ) -> Result<pb::LorebookEntry, Status> {
        let request = pb::UpdateLorebookEntryRequest {
            lorebook_id: book.to_owned(),
            entry: Some(entry),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let mut lorebooks = self.lorebooks();
        let changed = lorebooks.update_lorebook_entry(self.ask(request)).await?;
        Ok(changed.into_inner().entry.unwrap())
    }

    pub(crate) async fn get_book(&self, id: &str) -> Result<pb::Lorebook, Status> {
        let request = pb::GetLorebookRequest {
            lorebook_id: id.to_owned(),
        };
        let got = self.lorebooks().get_lorebook(self.ask(request)).await?;
        Ok(got.into_inner().lorebook.unwrap())
    }

    /// The lorebooks of a character, or those that stand by themselves; read by pages.
    pub(crate) async fn books(&self, character: &str) -> Vec<pb::Lorebook> {
        let (mut books, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListLorebooksRequest {
                character_id: character.to_owned(),
                page_size: 1,
                page_token,
            };
            let page = self.lorebooks().list_lorebooks(self.ask(request)).await;
            let page = page.unwrap().into_inner();
            books.extend(page.lorebooks);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return books;
            }
        }
    }

    /// The entries of a lorebook, read by pages.
    pub(crate) async fn entries(&self, book: &str) -> Vec<pb::LorebookEntry> {
        let (mut entries, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListLorebookEntriesRequest {
                lorebook_id: book.to_owned(),
                page_size: 2,
                page_token,
            };
            let mut lorebooks = self.lorebooks();
            let page = lorebooks.list_lorebook_entries(self.ask(request)).await;
            let page = page.unwrap().into_inner();
            assert!(page.lorebook_entries.len() <= 2);
            entries.extend(page.lorebook_entries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return entries;
            }
        }
    }

    pub(crate) async fn attach(&self, character: &str, book: &str) -> Result<(), Status> {
        let request = pb::AttachLorebookRequest {
            character_id: character.to_owned(),
            lorebook_id: book.to_owned(),
        };
        let attached = self.lorebooks().attach_lorebook(self.ask(request)).await;
        attached.map(drop)
    }

    pub(crate) async fn detach(&self, character: &str, book: &str) -> Result<(), Status> {
        let request = pb::DetachLorebookRequest {
            character_id: character.to_owned(),
            lorebook_id: book.to_owned(),
        };
        let detached = self.lorebooks().detach_lorebook(self.ask(request)).await;
        detached.map(drop)
    }

    pub(crate) async fn delete_book(&self, id: &str) -> Result<(), Status> {
        let request = pb::DeleteLorebookRequest {
            lorebook_id: id.to_owned(),
            etag: String::new(),
        };
        let deleted = self.lorebooks().delete_lorebook(self.ask(request)).await;
        deleted.map(drop)
    }

    pub(crate) async fn delete_entry(
        &self,
        book: &str,
        id: &str,
        etag: &str,
    ) -> Result<(), Status> {
        let request = pb::DeleteLorebookEntryRequest {
            lorebook_id: book.to_owned(),
            entry_id: id.to_owned(),
            etag: etag.to_owned(),
        };
        let mut lorebooks = self.lorebooks();
        let deleted = lorebooks.delete_lorebook_entry(self.ask(request)).await;
        deleted.map(drop)
    }

    pub(crate) async fn import_book(&self, file: String) -> Result<pb::Lorebook, Status> {
        let request = pb::ImportLorebookRequest {
            file: Some(HttpBody {
                data: file.into_bytes().into(),
                ..Default::default()
            }),
            request_id: String::new(),
        };
        let imported = self.lorebooks().import_lorebook(self.ask(request)).await?;
        Ok(imported.into_inner().lorebook.unwrap())
    }
}

/// What the next prompt of a session has, whose receipt is checked to name its entries.
async fn prompt(stage: &Stage, person: &Person, session: &str, text: &str) -> String {
    let watch = person.send(session, text).await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    call.say("Yes.");
    call.finish();
    watch.all().await;
    prompt
}

#[tokio::test]
async fn a_running_session_uses_the_newest_entries_of_its_card() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let said = prompt(&stage, &alice, &session.id, "The harbour?").await;
    assert!(said.contains("The harbour froze last winter."), "{said}");
    let books = alice.books(&session.character_id).await;
    assert_eq!(books.len(), 1);
    let book = &books[0];
    assert_eq!(
        (book.character_id.as_str(), book.entry_count),
        (session.character_id.as_str(), 1)
    );
    let entry = alice.entries(&book.id).await.remove(0);
    assert_eq!(
        (entry.keys.clone(), &*entry.content),
        (vec!["harbour".to_owned()], "The harbour froze last winter.")
    );
    let changed = pb::LorebookEntry {
        content: "The harbour is open.".to_owned(),
        ..entry.clone()
    };
    let changed = alice.change_entry(&book.id, changed, &["content"]).await;
    assert_ne!(changed.unwrap().etag, entry.etag);
    let said = prompt(&stage, &alice, &session.id, "And the harbour now?").await;
    assert!(said.contains("The harbour is open."), "{said}");
    assert!(!said.contains("froze last winter"), "{said}");
    // The card has it too.
    let export = pb::ExportCharacterRequest {
        character_id: session.character_id.clone(),
        format: pb::CardFormat::Json.into(),
        ..Default::default()
    };
    let file = alice.characters().export_character(alice.ask(export)).await;
    let card: Value =
        serde_json::from_slice(&file.unwrap().into_inner().file.unwrap().data).unwrap();
    let entries = &card["data"]["character_book"]["entries"];
    assert_eq!(entries[0]["content"], "The harbour is open.");
    // What was read of the book is taken back, also without a name.
    let book = alice.get_book(&book.id).await.unwrap();
    assert_eq!(book.name, "");
    let request = pb::UpdateLorebookRequest {
        lorebook: Some(pb::Lorebook {
            description: "Of the north".to_owned(),
            ..book.clone()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["*".to_owned()],
        }),
    };
    let changed = alice.lorebooks().update_lorebook(alice.ask(request)).await;
    let changed = changed.unwrap().into_inner().lorebook.unwrap();
    assert_eq!(
        (changed.description.as_str(), changed.entry_count),
        ("Of the north", 1)
    );
    alice.delete_book(&book.id).await.unwrap();
    assert!(alice.books(&session.character_id).await.is_empty());
    let said = prompt(&stage, &alice, &session.id, "The harbour again?").await;
    assert!(!said.contains("The harbour is open."), "{said}");
}

#[tokio::test]
async fn a_lorebook_of_its_own_is_used_by_the_characters_that_it_is_attached_to() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (first, second) = (alice.open_session().await, alice.open_session().await);
    let book = alice.lorebook("Varn").await;
    let entry = alice
        .entry(&book.id, "beacon", "The beacon is green.")
        .await;
    assert_eq!(entry.id, "0");
    alice.attach(&first.character_id, &book.id).await.unwrap();
    alice.attach(&first.character_id, &book.id).await.unwrap();
    let names: Vec<String> = alice
        .books(&first.character_id)
        .await
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["", "Varn"]);
    let said = prompt(&stage, &alice, &first.id, "The beacon in the harbour?").await;
    assert!(said.contains("The beacon is green."), "{said}");
    assert!(said.contains("The harbour froze"), "{said}");
    let said = prompt(&stage, &alice, &second.id, "The beacon?").await;
    assert!(!said.contains("The beacon is green."), "{said}");
    let changed = pb::LorebookEntry {
        content: "The beacon is red.".to_owned(),
        ..entry
    };
    let changed = alice.change_entry(&book.id, changed, &["content"]).await;
    changed.unwrap();
    let said = prompt(&stage, &alice, &first.id, "The beacon now?").await;
    assert!(said.contains("The beacon is red."), "{said}");
    alice.detach(&first.character_id, &book.id).await.unwrap();
    alice.detach(&first.character_id, &book.id).await.unwrap();
    let said = prompt(&stage, &alice, &first.id, "The beacon, once more?").await;
    assert!(!said.contains("The beacon is red."), "{said}");
    assert_eq!(alice.books("").await.len(), 1);
    // Who deletes the character keeps the book, and the other way round.
    alice.attach(&second.character_id, &book.id).await.unwrap();
    let delete = pb::DeleteCharacterRequest {
        character_id: second.character_id,
        ..Default::default()
    };
    let mut characters = alice.characters();
    characters
        .delete_character(alice.ask(delete))
        .await
        .unwrap();
    assert_eq!(alice.get_book(&book.id).await.unwrap().entry_count, 1);
    alice.attach(&first.character_id, &book.id).await.unwrap();
    alice.delete_book(&book.id).await.unwrap();
    assert_eq!(alice.books(&first.character_id).await.len(), 1);
    assert_eq!(
        alice.get_book(&book.id).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn a_card_gets_its_first_lorebook() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut card: Value = serde_json::from_str(CARD).unwrap();
    card["data"]
        .as_object_mut()
        .unwrap()
        .remove("character_book");
    let character = alice.import(card.to_string()).await.unwrap().character;
    let character = character.unwrap().id;
    let create = || pb::CreateLorebookRequest {
        lorebook: Some(pb::Lorebook {
            name: "Varn".to_owned(),
            character_id: character.clone(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let made = alice.lorebooks().create_lorebook(alice.ask(create())).await;
    let made = made.unwrap().into_inner().lorebook.unwrap();
    assert_eq!(alice.books(&character).await, std::slice::from_ref(&made));
    alice.entry(&made.id, "gate", "The gate is shut.").await;
    let request = pb::GetCharacterRequest {
        character_id: character.clone(),
    };
    let read = alice.characters().get_character(alice.ask(request)).await;
    assert_eq!(
        read.unwrap()
            .into_inner()
            .character
            .unwrap()
            .book_entry_count,
        1
    );
    let again = alice.lorebooks().create_lorebook(alice.ask(create())).await;
    assert_eq!(again.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn imports_what_has_entries_and_nothing_else() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let world =
        json!({"entries": {"0": {"uid": 0, "key": ["a"], "content": "A", "comment": "Ash"}}});
    let book = alice.import_book(world.to_string()).await.unwrap();
    assert_eq!((book.name.as_str(), book.entry_count), ("Lorebook", 1));
    let of_card = alice.import_book(CARD.to_owned()).await.unwrap();
    assert_eq!(alice.entries(&of_card.id).await[0].keys, ["harbour"]);
    for file in ["{}", "no json", r#"{"name": "Mira", "first_mes": "Hi"}"#] {
        let refused = alice.import_book(file.to_owned()).await.unwrap_err();
        assert_eq!(reason_of(&refused), Some(Reason::InvalidRequest), "{file}");
    }
    let many = format!(r#"{{"entries": [], "x": [{}1]}}"#, "1,".repeat(1 << 20));
    let nul = r#"{"entries": [{"content": "a\u0000b"}]}"#;
    for (file, says) in [(many.as_str(), "more values than"), (nul, "NUL")] {
        let refused = alice.import_book(file.to_owned()).await.unwrap_err();
        assert!(refused.message().contains(says), "{refused}");
    }
    for file in [
        json!({"kind": "memory", "name": "Coast", "entries": [{"keywords": ["reef"], "entry": "Sharp.", "weight": 1}]}),
        json!({"type": "risu", "ver": 1, "data": [{"key": "reef", "content": "Sharp.", "insertorder": 1}]}),
        json!({"lorebookVersion": 5, "entries": [{"keys": ["reef"], "text": "Sharp.", "enabled": true}]}),
    ] {
        let book = alice.import_book(file.to_string()).await.unwrap();
        let entry = alice.entries(&book.id).await.remove(0);
        assert_eq!(
            (&*entry.content, &*entry.keys),
            ("Sharp.", &["reef".to_owned()][..]),
            "{file}"
        );
    }
    // It speaks of one, and has none.
    let spoken = r#"{"entries": [{"content": "a\\u0000b"}]}"#;
    let book = alice.import_book(spoken.to_owned()).await.unwrap();
    assert_eq!(alice.entries(&book.id).await[0].content, r"a\u0000b");
}

#[tokio::test]
async fn refuses_what_no_lorebook_can_be_and_what_is_somebody_elses() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let session = alice.open_session().await;
    let theirs = bob.lorebook("Theirs").await;
    let refused = alice.attach(&session.character_id, &theirs.id).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let blank = pb::CreateLorebookRequest {
        lorebook: Some(pb::Lorebook::default()),
        request_id: String::new(),
    };
    let refused = alice.lorebooks().create_lorebook(alice.ask(blank)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    // The book of one card isn't another's.
    let other = alice.open_session().await.character_id;
    let of_card = alice.books(&session.character_id).await.remove(0);
    let refused = alice.attach(&other, &of_card.id).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let refused = alice.detach(&session.character_id, &of_card.id).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    for number in 0..20 {
        let book = alice.lorebook(&format!("Book {number}")).await;
        alice.attach(&other, &book.id).await.unwrap();
    }
    let one_more = alice.lorebook("One more").await;
    let refused = alice.attach(&other, &one_more.id).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let long = "x".repeat(199_000);
    let entry = pb::LorebookEntry {
        content: long,
        ..Default::default()
    };
    let mut made = 0;
    let refused = loop {
        let request = pb::CreateLorebookEntryRequest {
            lorebook_id: one_more.id.clone(),
            entry: Some(entry.clone()),
            request_id: String::new(),
        };
        let mut lorebooks = alice.lorebooks();
        match lorebooks.create_lorebook_entry(alice.ask(request)).await {
            Ok(_) => made += 1,
            Err(status) => break status,
        }
        assert!(made < 100, "no lorebook is too large");
    };
    assert_eq!(reason_of(&refused), Some(Reason::InvalidRequest));
    assert_eq!(
        alice.get_book(&one_more.id).await.unwrap().entry_count,
        made
    );
}
