//! The tree of messages: swipes, branches, edits, deletions, pages.

use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{
    Branch, CreateBranchRequest, GetBranchRequest, GetMessageRequest, ListBranchesRequest,
    ListMessagesRequest, Message, SelectBranchRequest,
};

use crate::stage::{Person, Stage, turn};

async fn regenerate(
    stage: &Stage,
    person: &Person,
    session: &str,
    message: &str,
    reply: &str,
) -> Message {
    let watch = person.regenerate(session, message).await.unwrap();
    let call = stage.call().await;
    call.say(reply);
    call.finish();
    watch.all().await.2.message.unwrap()
}

async fn branch(person: &Person, session: &str, message: &str, title: &str) -> Branch {
    let request = CreateBranchRequest {
        session_id: session.to_owned(),
        branch: Some(Branch {
            head_message_id: message.to_owned(),
            title: title.to_owned(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let answer = person
        .sessions()
        .create_branch(person.ask(request))
        .await
        .unwrap();
    answer.into_inner().branch.unwrap()
}

async fn turn_to(person: &Person, session: &str, branch: &str) {
    let request = SelectBranchRequest {
        session_id: session.to_owned(),
        branch_id: branch.to_owned(),
    };
    person
        .sessions()
        .select_branch(person.ask(request))
        .await
        .unwrap();
}

#[tokio::test]
async fn selecting_a_swipe_brings_back_what_followed_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let first = turn(&stage, &alice, &id, "one", "A").await;
    turn(&stage, &alice, &id, "two", "A2").await;
    turn(&stage, &alice, &id, "three", "A3").await;
    let second = regenerate(&stage, &alice, &id, &first.id, "B").await;
    assert_eq!(alice.texts(&id).await[1..], ["one", "B"]);
    turn(&stage, &alice, &id, "four", "B4").await;

    let selected = alice.select(&id, &first.id).await.unwrap();
    assert_eq!(
        (
            selected.text.as_str(),
            selected.swipe_index,
            selected.swipe_count
        ),
        ("A", 0, 2)
    );
    let long = ["one", "A", "two", "A2", "three", "A3"];
    assert_eq!(alice.texts(&id).await[1..], long);
    alice.select(&id, &first.id).await.unwrap();
    assert_eq!(
        alice.texts(&id).await[1..],
        long,
        "a swipe that is selected already keeps what follows it"
    );
    alice.select(&id, &second.id).await.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["one", "B", "four", "B4"]);
    turn(&stage, &alice, &id, "five", "B5").await;
    alice.select(&id, &first.id).await.unwrap();
    alice.select(&id, &second.id).await.unwrap();
    assert_eq!(
        alice.texts(&id).await[1..],
        ["one", "B", "four", "B4", "five", "B5"]
    );
}

#[tokio::test]
async fn greetings_are_swipes_with_conversations_of_their_own() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let greeting = alice.path(&id).await.remove(0);
    turn(&stage, &alice, &id, "Hello", "Hi").await;
    let swipes = alice.swipes(&id, &greeting.id).await;
    let texts: Vec<&str> = swipes.iter().map(|swipe| swipe.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Come in, Alice. The storm is near.",
            "Alice? You are late.",
            "*She does not look up.*"
        ]
    );
    alice.select(&id, &swipes[1].id).await.unwrap();
    assert_eq!(alice.texts(&id).await, ["Alice? You are late."]);
    alice.select(&id, &greeting.id).await.unwrap();
    assert_eq!(alice.texts(&id).await.len(), 3);
}

#[tokio::test]
async fn branches_end_where_they_were_left() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let (id, main) = (session.id, session.branch.unwrap());
    assert_eq!(main.title, "Main");
    let first = turn(&stage, &alice, &id, "one", "A").await;
    turn(&stage, &alice, &id, "two", "A2").await;

    let side = branch(&alice, &id, &first.id, "").await;
    assert_eq!(
        (side.title.as_str(), side.head_message_id.as_str()),
        ("Branch 2", first.id.as_str())
    );
    assert_eq!(alice.session(&id).await.branch.unwrap(), side);
    let get = GetBranchRequest {
        session_id: id.clone(),
        branch_id: side.id.clone(),
    };
    let got = alice.sessions().get_branch(alice.ask(get)).await;
    assert_eq!(got.unwrap().into_inner().branch.unwrap(), side);
    assert_eq!(side.session_id, id);
    assert_eq!(alice.texts(&id).await[1..], ["one", "A"]);
    turn(&stage, &alice, &id, "elsewhere", "S").await;
    turn_to(&alice, &id, &main.id).await;
    assert_eq!(alice.texts(&id).await[1..], ["one", "A", "two", "A2"]);
    turn_to(&alice, &id, &side.id).await;
    assert_eq!(alice.texts(&id).await[1..], ["one", "A", "elsewhere", "S"]);

    let (mut branches, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = ListBranchesRequest {
            session_id: id.clone(),
            page_size: 1,
            page_token,
        };
        let page = alice.sessions().list_branches(alice.ask(list)).await;
        let page = page.unwrap().into_inner();
        assert_eq!(page.branches.len(), 1);
        branches.extend(page.branches);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let titles: Vec<&str> = branches
        .iter()
        .map(|branch| branch.title.as_str())
        .collect();
    assert_eq!(titles, ["Main", "Branch 2"]);
    let request = ListMessagesRequest {
        session_id: id,
        branch_id: main.id,
        ..ListMessagesRequest::default()
    };
    let messages = alice
        .messages()
        .list_messages(alice.ask(request))
        .await
        .unwrap()
        .into_inner()
        .messages;
    assert_eq!(messages[0].text, "A2");
}

#[tokio::test]
async fn deleting_a_swipe_turns_to_the_one_before_and_closes_the_gap() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let first = turn(&stage, &alice, &id, "one", "A").await;
    turn(&stage, &alice, &id, "two", "A2").await;
    let second = regenerate(&stage, &alice, &id, &first.id, "B").await;
    turn(&stage, &alice, &id, "three", "B3").await;
    regenerate(&stage, &alice, &id, &first.id, "C").await;
    alice.select(&id, &second.id).await.unwrap();

    let head = alice.delete(&id, &second.id).await.unwrap();
    let path = alice.path(&id).await;
    assert_eq!(path.last().unwrap().id, head);
    assert_eq!(alice.texts(&id).await[1..], ["one", "A", "two", "A2"]);
    let swipes = alice.swipes(&id, &first.id).await;
    let swipes: Vec<_> = swipes
        .iter()
        .map(|s| (s.text.as_str(), s.swipe_index, s.swipe_count))
        .collect();
    assert_eq!(swipes, [("A", 0, 2), ("C", 1, 2)]);

    alice.delete(&id, &first.id).await.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["one", "C"]);
    let next = regenerate(&stage, &alice, &id, &alice.path(&id).await[2].id, "D").await;
    assert_eq!((next.swipe_index, next.swipe_count), (1, 2));
}

#[tokio::test]
async fn deleting_the_only_swipe_turns_to_the_message_before() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let (id, main) = (session.id, session.branch.unwrap());
    let first = turn(&stage, &alice, &id, "one", "A").await;
    let last = turn(&stage, &alice, &id, "two", "A2").await;
    let side = branch(&alice, &id, &last.id, "side").await;
    turn(&stage, &alice, &id, "three", "A3").await;

    let gone = alice.path(&id).await[3].id.clone();
    assert_eq!(alice.delete(&id, &gone).await.unwrap(), first.id);
    assert_eq!(alice.texts(&id).await[1..], ["one", "A"]);
    turn_to(&alice, &id, &main.id).await;
    assert_eq!(
        alice.texts(&id).await[1..],
        ["one", "A"],
        "the other branch moves too"
    );
    assert_eq!(
        alice.delete(&id, &last.id).await.err().unwrap().code(),
        Code::NotFound
    );
    turn_to(&alice, &id, &side.id).await;
    turn(&stage, &alice, &id, "again", "B").await;
    assert_eq!(alice.texts(&id).await[1..], ["one", "A", "again", "B"]);
}

#[tokio::test]
async fn a_memory_of_a_deleted_end_moves_with_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let first = turn(&stage, &alice, &id, "one", "A").await;
    turn(&stage, &alice, &id, "two", "A2").await;
    let deep = alice.path(&id).await[3].id.clone();
    regenerate(&stage, &alice, &id, &first.id, "B").await;
    alice.delete(&id, &deep).await.unwrap();
    assert_eq!(
        alice.texts(&id).await[1..],
        ["one", "B"],
        "what was deleted is elsewhere"
    );
    alice.select(&id, &first.id).await.unwrap();
    assert_eq!(alice.texts(&id).await[1..], ["one", "A"]);
}

#[tokio::test]
async fn all_messages_can_be_deleted() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    for left in [2, 1, 0] {
        let greeting = alice.path(&id).await.remove(0);
        let head = alice.delete(&id, &greeting.id).await.unwrap();
        assert_eq!(head.is_empty(), left == 0);
    }
    assert_eq!(alice.texts(&id).await.len(), 0);
    turn(&stage, &alice, &id, "Anybody?", "No").await;
    assert_eq!(alice.texts(&id).await, ["Anybody?", "No"]);
}

#[tokio::test]
async fn lists_a_long_path_by_pages() {
    let stage = Stage::new().await;
    stage.script.always_reply("Reply");
    let alice = stage.person();
    let id = alice.open_session().await.id;
    for number in 0..150 {
        alice
            .send(&id, &format!("Message {number}"))
            .await
            .unwrap()
            .all()
            .await;
    }
    let (mut read, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListMessagesRequest {
            session_id: id.clone(),
            page_size: 70,
            page_token: token,
            branch_id: String::new(),
        };
        let page = alice
            .messages()
            .list_messages(alice.ask(request))
            .await
            .unwrap()
            .into_inner();
        read.extend(page.messages);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        assert_eq!(read.len() % 70, 0);
    }
    assert_eq!(read.len(), 301);
    for pair in read.windows(2) {
        assert_eq!(pair[0].parent_message_id, pair[1].id);
    }
    assert_eq!(read[1].text, "Message 149");
    assert_eq!(read[299].text, "Message 0");
    assert!(read[..300].iter().all(|message| message.swipe_count == 1));
    assert_eq!(read[300].swipe_count, 3);

    // Far back, to where no read of one page reaches.
    alice.select(&id, &read[300].id).await.unwrap();
    let other = alice.swipes(&id, &read[300].id).await[1].id.clone();
    alice.select(&id, &other).await.unwrap();
    assert_eq!(alice.texts(&id).await.len(), 1);
    alice.select(&id, &read[300].id).await.unwrap();
    assert_eq!(
        alice.session(&id).await.branch.unwrap().head_message_id,
        read[0].id
    );
    assert_eq!(
        alice.delete(&id, &read[299].id).await.unwrap(),
        read[300].id
    );
    assert_eq!(alice.texts(&id).await.len(), 1);
}

#[tokio::test]
async fn a_page_token_leads_nowhere_else() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (id, other) = (alice.open_session().await.id, alice.open_session().await.id);
    turn(&stage, &alice, &id, "one", "A").await;
    let page = |session_id: &str, page_token: &str| ListMessagesRequest {
        session_id: session_id.to_owned(),
        page_size: 1,
        page_token: page_token.to_owned(),
        branch_id: String::new(),
    };
    let first = alice
        .messages()
        .list_messages(alice.ask(page(&id, "")))
        .await
        .unwrap()
        .into_inner();
    for (session, token) in [(&other, first.next_page_token.as_str()), (&id, "made-up")] {
        let status = alice
            .messages()
            .list_messages(alice.ask(page(session, token)))
            .await
            .err()
            .unwrap();
        assert_eq!(
            (status.code(), reason_of(&status)),
            (Code::InvalidArgument, Some(Reason::PageTokenInvalid))
        );
    }
}

#[tokio::test]
async fn messages_of_other_sessions_are_not_found() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (id, other) = (alice.open_session().await.id, alice.open_session().await.id);
    let foreign = alice.path(&other).await.remove(0).id;
    let branch = CreateBranchRequest {
        session_id: id.clone(),
        branch: Some(Branch {
            head_message_id: foreign.clone(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let get = GetMessageRequest {
        session_id: id.clone(),
        message_id: foreign.clone(),
    };
    let refusals = [
        alice.select(&id, &foreign).await.err(),
        alice.delete(&id, &foreign).await.err(),
        alice.regenerate(&id, &foreign).await.err(),
        alice.go_on(&id, &foreign).await.err(),
        alice
            .sessions()
            .create_branch(alice.ask(branch))
            .await
            .err(),
        alice.messages().get_message(alice.ask(get)).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.unwrap().code(), Code::NotFound);
    }
}

#[tokio::test]
async fn a_page_that_begins_at_a_deleted_message_is_not_found() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    turn(&stage, &alice, &id, "one", "A").await;
    let page = |page_token: String| ListMessagesRequest {
        session_id: id.clone(),
        page_size: 1,
        page_token,
        branch_id: String::new(),
    };
    let first = alice
        .messages()
        .list_messages(alice.ask(page(String::new())))
        .await
        .unwrap();
    let said = alice.path(&id).await[1].id.clone();
    alice.delete(&id, &said).await.unwrap();
    let next = page(first.into_inner().next_page_token);
    let status = alice
        .messages()
        .list_messages(alice.ask(next))
        .await
        .err()
        .unwrap();
    assert_eq!(status.code(), Code::NotFound);
}
