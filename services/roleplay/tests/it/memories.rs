//! What sessions remember, and what people do with it.

use tonic::Code;
use troupe_proto::roleplay as pb;

use crate::embedder::Mood;
use crate::script::PATIENCE;
use crate::stage::{Person, Stage, turn};

impl Person {
    pub(crate) async fn list_memories(&self, session: &str) -> Vec<pb::Memory> {
        let request = pb::ListMemoriesRequest {
            session_id: session.to_owned(),
            ..Default::default()
        };
        let answer = self.memories().list_memories(self.ask(request)).await;
        answer.unwrap().into_inner().memories
    }

    /// Waits until something holds for the session's memories.
    pub(crate) async fn memories_until(
        &self,
        session: &str,
        holds: impl Fn(&[pb::Memory]) -> bool,
    ) -> Vec<pb::Memory> {
        let wait = async {
            loop {
                let memories = self.list_memories(session).await;
                if holds(&memories) {
                    return memories;
                }
            }
        };
        let memories = tokio::time::timeout(PATIENCE, wait).await;
        memories.expect("that never came to hold")
    }

    /// Waits until the session has so many memories, all with vectors.
    pub(crate) async fn remembers(&self, session: &str, count: usize) -> Vec<pb::Memory> {
        let whole = |memories: &[pb::Memory]| {
            memories.len() == count && memories.iter().all(|memory| memory.embedded)
        };
        self.memories_until(session, whole).await
    }

    pub(crate) async fn note(&self, session: &str, text: &str, pinned: bool) -> pb::Memory {
        let memory = pb::Memory {
            text: text.to_owned(),
            pinned,
            ..Default::default()
        };
        let request = pb::CreateMemoryRequest {
            session_id: session.to_owned(),
            memory: Some(memory),
            ..Default::default()
        };
        let answer = self.memories().create_memory(self.ask(request)).await;
        answer.unwrap().into_inner().memory.unwrap()
    }

    /// Changes the fields that are named.
    pub(crate) async fn change_memory(
        &self,
        session: &str,
        memory: pb::Memory,
        fields: &[&str],
    ) -> Result<pb::Memory, tonic::Status> {
        let paths = fields.iter().map(|field| (*field).to_owned()).collect();
        let request = pb::UpdateMemoryRequest {
            session_id: session.to_owned(),
            memory: Some(memory),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        let answer = self.memories().update_memory(self.ask(request)).await?;
        Ok(answer.into_inner().memory.unwrap())
    }

    pub(crate) async fn forget(&self, session: &str, memory: &str) {
        let request = pb::DeleteMemoryRequest {
            session_id: session.to_owned(),
            memory_id: memory.to_owned(),
        };
        self.memories()
            .delete_memory(self.ask(request))
            .await
            .unwrap();
    }

    /// The texts of what a text calls up.
    pub(crate) async fn search(&self, session: &str, text: &str) -> Vec<String> {
        let request = pb::SearchMemoriesRequest {
            session_id: session.to_owned(),
            query: text.to_owned(),
            page_size: 0,
        };
        let answer = self.memories().search_memories(self.ask(request)).await;
        let results = answer.unwrap().into_inner().results;
        assert!(
            results.is_sorted_by(|a, b| a.score >= b.score),
            "{results:?}"
        );
        results
            .into_iter()
            .map(|found| found.memory.unwrap().text)
            .collect()
    }
}

/// The greeting that was answered and a turn.
const OPENING: usize = 3;

#[tokio::test]
async fn remembers_each_message_and_finds_it_by_its_meaning() {
    let stage = Stage::new().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let reply = turn(
        &stage,
        &alice,
        &session,
        "Where is the boat?",
        "In the northern cave.",
    )
    .await;
    let memories = alice.remembers(&session, OPENING).await;
    assert_eq!(memories[0].message_id, reply.id);
    assert_eq!(memories[0].text, "Mira: In the northern cave.");
    assert_eq!(memories[1].text, "Alice: Where is the boat?");

    let found = alice.search(&session, "who was in the northern cave").await;
    assert_eq!(found[0], "Mira: In the northern cave.");
    assert!(
        !found.iter().any(|text| text.contains("You are late")),
        "another swipe: {found:?}"
    );

    let request = pb::ListMemoriesRequest {
        session_id: session.clone(),
        query: " BOAT where ".to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let page = alice.memories().list_memories(alice.ask(request)).await;
    let page = page.unwrap().into_inner();
    assert_eq!(page.memories, [memories[1].clone()]);
    assert_eq!(page.memories[0].session_id, session);
    assert_eq!(page.next_page_token, "");
}

#[tokio::test]
async fn lists_memories_in_pages() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    for text in ["one", "two", "three"] {
        alice.note(&session, text, text == "two").await;
    }
    let mut request = pb::ListMemoriesRequest {
        session_id: session.clone(),
        page_size: 2,
        ..Default::default()
    };
    let mut texts = Vec::new();
    loop {
        let page = alice
            .memories()
            .list_memories(alice.ask(request.clone()))
            .await;
        let page = page.unwrap().into_inner();
        texts.extend(page.memories.into_iter().map(|memory| memory.text));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(texts, ["three", "two", "one"]);
    let request = pb::ListMemoriesRequest {
        session_id: session,
        pinned_only: true,
        ..Default::default()
    };
    let pinned = alice.memories().list_memories(alice.ask(request)).await;
    assert_eq!(pinned.unwrap().into_inner().memories[0].text, "two");
}

#[tokio::test]
async fn remembers_what_a_person_rewrote_until_they_take_it_back() {
    let stage = Stage::new().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    turn(&stage, &alice, &session, "Where?", "In the northern cave.").await;
    let mut memory = alice.remembers(&session, OPENING).await.remove(0);

    memory.text = "The smugglers met at midnight.".to_owned();
    let changed = alice
        .change_memory(&session, memory.clone(), &["text"])
        .await
        .unwrap();
    assert!(changed.rewritten);
    assert_eq!(changed.text, memory.text);
    while alice.search(&session, "smugglers at midnight").await[0] != memory.text {}

    memory.text = String::new();
    let changed = alice
        .change_memory(&session, memory, &["text"])
        .await
        .unwrap();
    assert_eq!(
        (changed.rewritten, changed.text.as_str()),
        (false, "Mira: In the northern cave.")
    );

    let mut note = alice.note(&session, "She lies.", false).await;
    note.text = " ".to_owned();
    let refused = alice.change_memory(&session, note, &["text"]).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn does_not_remember_again_what_was_forgotten() {
    let stage = Stage::new().await;
    stage.follow_events().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    let reply = turn(&stage, &alice, &session, "Where?", "In the northern cave.").await;
    let memories = alice.remembers(&session, OPENING).await;
    alice.forget(&session, &memories[0].id).await;

    let text = "In the northern tower.";
    alice.edit(&session, &reply.id, text).await.unwrap();
    // What is told after the edit is handled after it.
    alice.note(&session, "She lies.", false).await;
    let left = alice.remembers(&session, OPENING).await;
    assert!(
        left.iter().all(|memory| memory.id != memories[0].id),
        "{left:?}"
    );
    let found = alice.search(&session, "the northern cave or tower").await;
    assert!(
        !found.iter().any(|text| text.contains("northern")),
        "{found:?}"
    );
    assert!(stage.memory_index().await.count().await.unwrap().agree());
}

#[tokio::test]
async fn memories_go_with_their_messages_and_sessions() {
    let stage = Stage::new().await;
    stage.follow_events().await;
    let alice = stage.person();
    let (kept, gone) = (alice.open_session().await.id, alice.open_session().await.id);
    let reply = turn(&stage, &alice, &kept, "Where?", "In the northern cave.").await;
    turn(&stage, &alice, &gone, "Where?", "In the other cave.").await;
    alice.remembers(&kept, OPENING).await;
    alice.remembers(&gone, OPENING).await;

    alice.delete(&kept, &reply.parent_message_id).await.unwrap();
    let delete = pb::DeleteSessionRequest { session_id: gone };
    alice
        .sessions()
        .delete_session(alice.ask(delete))
        .await
        .unwrap();
    assert_eq!(alice.list_memories(&kept).await.len(), 1);
    let index = stage.memory_index().await;
    let settled = async { while index.count().await.unwrap().vectors > 1 {} };
    tokio::time::timeout(PATIENCE, settled).await.unwrap();
    assert!(index.count().await.unwrap().agree());
}

#[tokio::test]
async fn makes_the_vectors_anew_from_what_is_stored() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await.id;
    turn(&stage, &alice, &session, "Where?", "In the northern cave.").await;
    alice.note(&session, "She lies.", false).await;
    assert_eq!(
        alice.list_memories(&session).await.len(),
        1,
        "nobody heard of the messages"
    );

    let index = stage.memory_index().await;
    let seen = std::sync::Mutex::new(Vec::new());
    let counts = index
        .rebuild(|done, all| seen.lock().unwrap().push((done, all)))
        .await
        .unwrap();
    assert_eq!(
        (counts.memories, counts.embedded, counts.vectors),
        (4, 4, 4)
    );
    assert!(counts.agree());
    assert_eq!(seen.into_inner().unwrap(), [(0, 4), (4, 4)]);
    let found = alice.search(&session, "in the northern cave").await;
    assert_eq!(found[0], "Mira: In the northern cave.");

    stage.embedder.be(Mood::Away);
    assert!(index.rebuild(|_, _| {}).await.is_err());
    stage.embedder.be(Mood::Well);
    assert!(index.rebuild(|_, _| {}).await.unwrap().agree());
}
