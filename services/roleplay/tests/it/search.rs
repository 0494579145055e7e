//! Search by words.

use troupe_proto::Code;
use troupe_proto::roleplay as pb;

use crate::stage::{CARD, Person, Stage, turn};

impl Person {
    async fn find(&self, query: &str) -> Vec<String> {
        self.find_in("", query).await
    }

    /// The texts of all messages that are found, read by pages.
    async fn find_in(&self, session: &str, query: &str) -> Vec<String> {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::SearchMessagesRequest {
                query: query.to_owned(),
                session_id: session.to_owned(),
                page_size: 2,
                page_token,
            };
            let page = self.messages().search_messages(self.ask(request)).await;
            let page = page.unwrap().into_inner();
            assert!(page.messages.len() <= 2);
            found.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let known: Vec<String> = found.iter().map(|message| message.id.clone()).collect();
        let mut newest_first = known.clone();
        newest_first.sort_by(|a, b| b.cmp(a));
        assert_eq!(known, newest_first);
        found.into_iter().map(|message| message.text).collect()
    }
}

#[tokio::test]
async fn finds_messages_in_all_sessions_of_a_person_and_of_nobody_else() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let first = alice.open_session().await.id;
    let second = alice.open_session().await.id;
    let theirs = bob.open_session().await.id;
    turn(
        &stage,
        &alice,
        &first,
        "A lantern at Sea",
        "The LANTERN is red.",
    )
    .await;
    turn(&stage, &alice, &second, "No light", "Then light a lantern.").await;
    turn(&stage, &bob, &theirs, "My lantern", "Ours.").await;
    let all = [
        "Then light a lantern.",
        "The LANTERN is red.",
        "A lantern at Sea",
    ];
    assert_eq!(alice.find("lantern").await, all);
    assert_eq!(alice.find("Lantern sea").await, ["A lantern at Sea"]);
    assert_eq!(alice.find_in(&second, "lantern").await, all[..1]);
    assert_eq!(bob.find("lantern").await, ["My lantern"]);
    assert!(alice.find("100%").await.is_empty());
    let request = pb::SearchMessagesRequest {
        query: "lantern".to_owned(),
        session_id: theirs,
        ..Default::default()
    };
    let refused = alice.messages().search_messages(alice.ask(request)).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let blank = pb::SearchMessagesRequest {
        query: " ".to_owned(),
        ..Default::default()
    };
    let refused = alice.messages().search_messages(alice.ask(blank)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn finds_what_was_edited_and_what_is_on_other_branches() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let reply = turn(&stage, &alice, &id, "Hello", "An old word").await;
    let watch = alice.regenerate(&id, &reply.id).await.unwrap();
    let call = stage.call().await;
    call.say("Nothing else");
    call.finish();
    watch.all().await;
    assert_eq!(alice.find("old").await, ["An old word"]);
    alice.edit(&id, &reply.id, "An ÉLAN word").await.unwrap();
    assert!(alice.find("old").await.is_empty());
    assert_eq!(alice.find("élan").await, ["An ÉLAN word"]);
    alice.delete(&id, &reply.id).await.unwrap();
    assert!(alice.find("élan").await.is_empty());
}

/// A letter and its mark are one character or two.
#[tokio::test]
async fn finds_what_is_composed_differently() {
    let (composed, apart) = ("Zoe\u{308} trinkt Cafe\u{301}", "Zoë trinkt Café");
    for (written, sought) in [(composed, "zoë café"), (apart, "ZOE\u{308} cafe\u{301}")] {
        let stage = Stage::new().await;
        let alice = stage.person();
        let id = alice.open_session().await.id;
        turn(&stage, &alice, &id, written, "Gut.").await;
        assert_eq!(alice.find(sought).await, [written]);
        let note = alice.note(&id, written, false).await;
        let list = pb::ListMemoriesRequest {
            session_id: id.clone(),
            query: sought.to_owned(),
            ..Default::default()
        };
        let list = alice.memories().list_memories(alice.ask(list)).await;
        let listed = list.unwrap().into_inner().memories;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, note.id);
        let card = CARD.replace("\"Mira\"", &format!("\"{written}\""));
        let character = alice.import(card).await.unwrap().character.unwrap();
        let list = pb::ListCharactersRequest {
            query: sought.to_owned(),
            ..Default::default()
        };
        let list = alice.characters().list_characters(alice.ask(list)).await;
        let listed = list.unwrap().into_inner().characters;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, character.id);
    }
}
