//! Entries of lorebooks: changed each by itself, and read as they were set.

use serde_json::json;
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::stage::Stage;

#[tokio::test]
async fn entries_are_changed_each_by_itself_and_by_one_who_saw_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let book = alice.lorebook("Varn").await;
    let first = alice.entry(&book.id, "a", "A").await;
    let second = alice.entry(&book.id, "b", "B").await;
    let third = alice.entry(&book.id, "c", "C").await;
    let of = |entry: &pb::LorebookEntry, content: &str| pb::LorebookEntry {
        content: content.to_owned(),
        ..entry.clone()
    };
    // Two tabs, two entries: both stay. Two tabs, one entry: one has to read again.
    alice
        .change_entry(&book.id, of(&first, "A2"), &["content"])
        .await
        .unwrap();
    alice
        .change_entry(&book.id, of(&second, "B2"), &["content"])
        .await
        .unwrap();
    let late = alice
        .change_entry(&book.id, of(&first, "A3"), &["content"])
        .await;
    let late = late.unwrap_err();
    assert_eq!(
        (late.code(), reason_of(&late)),
        (Code::Aborted, Some(Reason::EtagMismatch))
    );
    let late = alice.delete_entry(&book.id, &first.id, &first.etag).await;
    assert_eq!(reason_of(&late.unwrap_err()), Some(Reason::EtagMismatch));
    alice.delete_entry(&book.id, &second.id, "").await.unwrap();
    let gone = alice
        .delete_entry(&book.id, &second.id, "")
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    let entries = alice.entries(&book.id).await;
    let left: Vec<(&str, &str)> = entries.iter().map(|it| (&*it.id, &*it.content)).collect();
    assert_eq!(left, [(&*first.id, "A2"), (&*third.id, "C")]);
    // The book is another one too.
    let stale = pb::UpdateLorebookRequest {
        lorebook: Some(pb::Lorebook {
            name: "Other".to_owned(),
            ..book.clone()
        }),
        update_mask: None,
    };
    let refused = alice.lorebooks().update_lorebook(alice.ask(stale)).await;
    assert_eq!(reason_of(&refused.unwrap_err()), Some(Reason::EtagMismatch));
}

#[tokio::test]
async fn all_that_is_set_of_an_entry_is_read_again_and_the_rest_stays() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let file = json!({"spec": "lorebook_v3", "data": {"name": "Varn", "extensions": {}, "entries": [
        {"id": 7, "keys": ["a"], "content": "A", "enabled": false, "insertion_order": 3, "odd": "kept",
         "extensions": {"sticky": 2, "position": 4, "depth": 6, "role": 1, "probability": 40}},
    ]}});
    let book = alice.import_book(file.to_string()).await.unwrap();
    assert_eq!((book.name.as_str(), book.entry_count), ("Varn", 1));
    let read = alice.entries(&book.id).await.remove(0);
    assert_eq!(
        (read.id.as_str(), read.enabled, read.insertion_order),
        ("7", Some(false), Some(3))
    );
    assert_eq!(
        (read.position(), read.depth, read.probability),
        (pb::LorePosition::AtDepth, Some(6), Some(40))
    );
    // What was read is taken back whole, and changes nothing.
    let sent = alice
        .change_entry(&book.id, read.clone(), &["*"])
        .await
        .unwrap();
    assert_eq!(
        (sent.position(), sent.extensions.clone()),
        (read.position(), read.extensions.clone())
    );
    let new = pb::LorebookEntry {
        id: "7".to_owned(),
        name: "Harbour".to_owned(),
        keys: vec!["x".to_owned(), "/y+/i".to_owned()],
        secondary_keys: vec!["z".to_owned()],
        enabled: Some(true),
        constant: true,
        selective: true,
        insertion_order: Some(-5),
        case_sensitive: Some(true),
        match_whole_words: Some(false),
        position: pb::LorePosition::AfterExamples.into(),
        scan_depth: Some(0),
        ..read.clone()
    };
    let new = pb::LorebookEntry {
        etag: sent.etag,
        ..new
    };
    let paths = "name keys secondary_keys enabled constant selective insertion_order \
                 case_sensitive match_whole_words position scan_depth";
    let paths: Vec<&str> = paths.split_whitespace().collect();
    let changed = alice
        .change_entry(&book.id, new.clone(), &paths)
        .await
        .unwrap();
    let expected = pb::LorebookEntry {
        depth: None,
        role: 0,
        etag: changed.etag.clone(),
        extensions: changed.extensions.clone(),
        ..new
    };
    assert_eq!(changed, expected);
    let kept = changed.extensions.unwrap().fields;
    assert!(kept.contains_key("sticky"), "{kept:?}");
    let none = alice.change_entry(
        &book.id,
        pb::LorebookEntry {
            id: "8".to_owned(),
            ..Default::default()
        },
        &["name"],
    );
    assert_eq!(none.await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn repeated_requests_make_a_lorebook_and_an_entry_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let request = || pb::CreateLorebookRequest {
        lorebook: Some(pb::Lorebook {
            name: "Varn".to_owned(),
            ..Default::default()
        }),
        request_id: "once".to_owned(),
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = alice
            .lorebooks()
            .create_lorebook(alice.ask(request()))
            .await;
        ids.push(made.unwrap().into_inner().lorebook.unwrap().id);
    }
    assert_eq!(ids[0], ids[1]);
    let request = |content: &str| pb::CreateLorebookEntryRequest {
        lorebook_id: ids[0].clone(),
        entry: Some(pb::LorebookEntry {
            content: content.to_owned(),
            ..Default::default()
        }),
        request_id: "once".to_owned(),
    };
    for _ in 0..2 {
        let mut lorebooks = alice.lorebooks();
        let made = lorebooks
            .create_lorebook_entry(alice.ask(request("A")))
            .await;
        assert_eq!(made.unwrap().into_inner().entry.unwrap().id, "0");
    }
    let mut lorebooks = alice.lorebooks();
    let other = lorebooks
        .create_lorebook_entry(alice.ask(request("B")))
        .await;
    assert_eq!(
        reason_of(&other.unwrap_err()),
        Some(Reason::RequestIdReused)
    );
    assert_eq!(alice.entries(&ids[0]).await.len(), 1);
}
