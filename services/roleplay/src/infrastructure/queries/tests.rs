//! Every query of a turn finds its rows by an index: what it costs must not grow with the session or the table.

use platform::Timestamp;
use sea_orm::{ActiveEnum, ConnectionTrait};
use service::Host;
use storage::Database;
use storage::database::Fault;
use testkit::Explaining;
use troupe_proto::{Classify, Code};

use super::path::Limits;
use super::*;
use crate::domain::generation::{Finish, State};
use crate::domain::ids::{
    BranchId, CharacterId, GenerationId, HolderId, MemoryId, MessageId, ScenarioId, SessionId,
    UserId,
};
use crate::domain::message::{Author, MessageKind};
use crate::domain::participant::{ParticipantRole, Seat};
use crate::domain::prompt::Kind;
use crate::domain::search;
use crate::domain::session::{Branch, ReplySettings, Session};
use crate::infrastructure::tables::message;
use crate::migrations::Migrator;

async fn explaining() -> (tempfile::TempDir, Explaining) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new(folder.path());
    let store = Database::open::<Migrator>(&host.storage(), "roleplay")
        .await
        .unwrap();
    store.close().await.unwrap();
    let file = host.storage().database_file("roleplay");
    (folder, Explaining::open(&file).await.unwrap())
}

/// A session with two messages.
async fn a_session(db: &Explaining, user: UserId) -> (Session, message::Model) {
    let now = Timestamp::default();
    let id = SessionId::new();
    let branch = Branch {
        id: BranchId::new(),
        session_id: id,
        title: String::new(),
        head: None,
        create_time: now,
        update_time: now,
    };
    let session = Session {
        id,
        user_id: user,
        character_id: None,
        character_name: String::new(),
        me: Seat::of_opener(id, user),
        shared: false,
        scenario: None,
        title: String::new(),
        model_id: String::new(),
        settings: ReplySettings::default(),
        branch,
        running_generation_id: None,
        create_time: now,
        last_use_time: now,
        update_time: now,
    };
    sessions::insert(db, &session).await.unwrap();
    branches::insert(db, session.branch.clone()).await.unwrap();
    let said = || messages::NewMessage {
        id: MessageId::new(),
        author: Author::Person,
        by: None,
        character_id: None,
        kind: MessageKind::Dialogue,
        speaker_name: String::new(),
        text: String::new(),
        generation_id: None,
        create_time: now,
        is_template: false,
    };
    let first = messages::insert(db, session.id, None, said())
        .await
        .unwrap();
    let second = messages::insert(db, session.id, Some(&first), said())
        .await
        .unwrap();
    (session, second)
}

async fn ask_about_generations(db: &Explaining, session: SessionId, generation: GenerationId) {
    generations::requested(db, UserId::new(), session, "r-1")
        .await
        .unwrap();
    generations::find(db, UserId::new(), generation)
        .await
        .unwrap();
    let before = Some(GenerationId::new());
    generations::lengths(db, session, before, 10).await.unwrap();
    generations::load(db, session, vec![generation])
        .await
        .unwrap();
    generations::written(db, generation).await.unwrap();
    generations::written_since(db, generation, 3).await.unwrap();
    generations::append(db, generation, 0, "text")
        .await
        .unwrap();
    generations::request_cancel(db, generation).await.unwrap();
    let holder = HolderId::new();
    generations::held(db, holder).await.unwrap();
    holders::beat(db, holder).await.unwrap();
    holders::exists(db, holder).await.unwrap();
}

async fn ask_about_cast(db: &Explaining, session: &Session) {
    let id = CharacterId::new();
    let cast = cast::of(db, session).await.unwrap();
    cast::put(db, session.id, &cast).await.unwrap();
    cast::is_listed(db, session.id).await.unwrap();
    characters::update_times(db, &[id]).await.unwrap();
    characters::known(db, vec![id]).await.unwrap();
    lorebooks::attached_times(db, &[id]).await.unwrap();
    sessions::are_with(db, UserId::new(), id).await.unwrap();
    lorebooks::load_for_session(db, vec![crate::domain::ids::LorebookId::of_card(id)])
        .await
        .unwrap();
    generations::set_next(db, GenerationId::new(), GenerationId::new())
        .await
        .unwrap();
}

async fn ask_about_people(db: &Explaining, user: UserId, session: SessionId) {
    let seat = Seat::of_opener(session, user);
    let now = Timestamp::from_micros(1);
    participants::put(db, session, &seat, now).await.unwrap();
    participants::list(db, session, None, 10).await.unwrap();
    participants::count(db, session).await.unwrap();
    participants::find(db, session, seat.id).await.unwrap();
    participants::find_ever(db, session, user).await.unwrap();
    sessions::find_with_load(db, user, session).await.unwrap();
    bookmarks::list(db, user, Some(session), None, 10)
        .await
        .unwrap();
    generations::place(db, session, GenerationId::new())
        .await
        .unwrap();
    generations::last_place(db, session).await.unwrap();
    let token = vec![1; 32];
    invitations::find_by_token(db, token).await.unwrap();
    invitations::list(db, session, None, 10).await.unwrap();
    invitations::list_of_person(db, user, None, now, 10)
        .await
        .unwrap();
}

async fn ask_about_scenarios(db: &Explaining, session: SessionId) {
    stories::find(db, session).await.unwrap();
    scenarios::sharing(db, ScenarioId::new()).await.unwrap();
    lorebooks::brought_times(db, session).await.unwrap();
}

async fn ask_about_characters_and_words(db: &Explaining, user: UserId, message: MessageId) {
    characters::update_time(db, user, CharacterId::new())
        .await
        .unwrap();
    ask_about_scenarios(db, SessionId::new()).await;
    let words = search::words("a");
    characters::search(db, user, &words, None, 10)
        .await
        .unwrap();
    let sought = messages::Sought {
        words,
        session: None,
        before: Some(message),
    };
    messages::having(db, user, &sought, 10).await.unwrap();
}

async fn ask_about_memories(db: &Explaining, session: SessionId, message: MessageId) {
    let memory = MemoryId::of_message(message);
    memories::insert_of_message(db, session, message, Timestamp::default())
        .await
        .unwrap();
    memories::list_of(db, session, [memory]).await.unwrap();
    memories::pinned(db, session).await.unwrap();
    memories::has(db, session).await.unwrap();
    memories::set_embedded(db, [memory], None).await.unwrap();
    let filter = memories::Filter::default();
    memories::list(db, session, filter, 10).await.unwrap();
}

#[tokio::test]
async fn no_query_of_a_turn_reads_a_whole_table() {
    let (_folder, db) = explaining().await;
    let (user, generation, now) = (UserId::new(), GenerationId::new(), Timestamp::default());
    let (session, last) = a_session(&db, user).await;
    ask_about_cast(&db, &session).await;
    let (session, message) = (session.id, last.id);
    let limits = Limits {
        messages: 10,
        bytes: 10,
    };
    sessions::find(&db, user, session).await.unwrap().unwrap();
    let filter = sessions::Filter {
        after: Some((Timestamp::from_micros(1), session)),
        ..sessions::Filter::default()
    };
    assert_eq!(
        sessions::list(&db, user, filter, 10).await.unwrap().len(),
        1
    );
    sessions::touch(session, now).exec(&db).await.unwrap();
    ask_about_people(&db, user, session).await;
    ask_about_generations(&db, session, generation).await;
    messages::find(&db, session, message).await.unwrap();
    messages::list_siblings(&db, session, Some(message))
        .await
        .unwrap();
    messages::list_siblings(&db, session, None).await.unwrap();
    messages::list_swipes(&db, session, Some(message), Some(0), 3)
        .await
        .unwrap();
    messages::whole(&db, session, vec![last]).await.unwrap();
    assert_eq!(
        path::load(&db, session, message, limits)
            .await
            .unwrap()
            .len(),
        2
    );
    let lines = path::lines(&db, session, message, limits).await;
    assert_eq!(lines.unwrap().len(), 2);
    path::fork(&db, session, message, message).await.unwrap();
    let held = path::holds(&db, session, message, &[message]).await;
    assert!(held.unwrap().contains(&message));
    ask_about_memories(&db, session, message).await;
    subtree::leave(&db, session, message, None, now)
        .await
        .unwrap();
    subtree::delete(&db, session, message).await.unwrap();
    ask_about_characters_and_words(&db, user, message).await;

    let plans = db.plans();
    assert!(plans.len() > 20, "{plans:#?}");
    let of_its_own = ["SCAN path", "SCAN subtree", "SCAN CONSTANT ROW"];
    for plan in plans.iter() {
        let scans = plan.starts_with("SCAN") && !of_its_own.iter().any(|own| plan.starts_with(own));
        assert!(!scans, "{plan}");
    }
    for index in [
        "generations_running",
        "generations_held",
        "generations_request_of_person",
        "generations_waiting",
        "generations_waiting_held",
        "participants_once",
        "messages_siblings",
        "messages_last_head",
        "memories_session",
        "memories_pinned",
        "memories_notes",
    ] {
        assert!(
            plans.iter().any(|plan| plan.contains(index)),
            "{index} is not used: {plans:#?}"
        );
    }
}

#[tokio::test]
async fn reads_a_path_as_far_as_the_limits_go() {
    let (_folder, db) = explaining().await;
    let (session, mut last) = a_session(&db, UserId::new()).await;
    let texts = ["\"quoted\" \\ and\nbroken\t\u{1}", "Ünïcödé 🎭", "", "last"];
    for text in texts {
        let said = messages::NewMessage {
            id: MessageId::new(),
            author: Author::Character,
            by: None,
            character_id: None,
            kind: MessageKind::Dialogue,
            speaker_name: "Mira \"of\" Varn".to_owned(),
            text: text.to_owned(),
            generation_id: None,
            create_time: Timestamp::from_micros(1_800_000_000_000_000),
            is_template: false,
        };
        let next = messages::insert(db.plain(), session.id, Some(&last), said);
        last = next.await.unwrap();
    }
    let bytes = "Ünïcödé 🎭".len() + "last".len();
    for (messages, bytes, read) in [
        (99, 9_999, 6),
        (3, 9_999, 3),
        (99, bytes, 4),
        (99, bytes - 1, 3),
        (99, 0, 1),
    ] {
        let limits = Limits { messages, bytes };
        let models = path::load(&db, session.id, last.id, limits).await.unwrap();
        let lines = path::lines(&db, session.id, last.id, limits).await.unwrap();
        assert_eq!(models.len(), read, "{limits:?}");
        let of_model = |model: message::Model| {
            (
                (model.id, model.author, model.speaker_name, model.text),
                (model.depth, model.character_count, model.create_time),
            )
        };
        let of_line = |line: path::Line| {
            (
                (line.id, line.author, line.speaker_name, line.text),
                (line.depth, line.character_count, line.create_time),
            )
        };
        let models: Vec<_> = models.into_iter().map(of_model).collect();
        let lines: Vec<_> = lines.into_iter().map(of_line).collect();
        assert_eq!(models, lines);
    }
    let elsewhere = path::lines(
        &db,
        SessionId::new(),
        last.id,
        Limits {
            messages: 9,
            bytes: 9,
        },
    );
    assert_eq!(elsewhere.await.unwrap().len(), 0);
}

/// Rows of older releases have these names, so a variant keeps its name for good.
#[test]
fn stores_closed_sets_under_the_names_of_older_releases() {
    fn names<E: ActiveEnum<Value = String>>() -> Vec<String> {
        E::iter().map(|one| one.to_value()).collect()
    }
    assert_eq!(names::<Author>(), ["person", "character"]);
    let states = [
        "running",
        "completed",
        "cancelled",
        "interrupted",
        "failed",
        "pending",
    ];
    assert_eq!(names::<State>(), states);
    let kinds = ["reply", "regenerate", "continue", "impersonate"];
    assert_eq!(names::<Kind>(), kinds);
    let voices = ["dialogue", "narration", "out_of_character"];
    assert_eq!(names::<MessageKind>(), voices);
    assert_eq!(names::<Finish>(), ["stop", "length"]);
    let roles = ["owner", "player", "spectator"];
    assert_eq!(names::<ParticipantRole>(), roles);
}

#[tokio::test]
async fn a_name_that_no_release_wrote_is_an_internal_error() {
    let (_folder, db) = explaining().await;
    let (session, last) = a_session(&db, UserId::new()).await;
    let strange = "UPDATE messages SET author = 'ghost'";
    db.execute_unprepared(strange).await.unwrap();
    let limits = Limits {
        messages: 9,
        bytes: 9,
    };
    let found = messages::find(db.plain(), session.id, last.id).await;
    let path = path::load(db.plain(), session.id, last.id, limits).await;
    let lines = path::lines(db.plain(), session.id, last.id, limits).await;
    for error in [found.unwrap_err(), path.unwrap_err(), lines.unwrap_err()] {
        assert!(error.to_string().contains("ghost"), "{error}");
        assert_eq!(Fault::from(error).class().code(), Code::Internal);
    }
}

#[tokio::test]
async fn finds_any_ancestor_in_few_steps() {
    let (_folder, db) = explaining().await;
    let (session, mut last) = a_session(&db, UserId::new()).await;
    let said = |text: &str| messages::NewMessage {
        id: MessageId::new(),
        author: Author::Person,
        by: None,
        character_id: None,
        kind: MessageKind::Dialogue,
        speaker_name: String::new(),
        text: text.to_owned(),
        generation_id: None,
        create_time: Timestamp::default(),
        is_template: false,
    };
    let mut path = vec![last.clone()];
    let mut others = Vec::new();
    for _ in 0..300 {
        let other = messages::insert(db.plain(), session.id, Some(&last), said("other"));
        others.push(other.await.unwrap().id);
        let next = messages::insert(db.plain(), session.id, Some(&last), said("next"));
        last = next.await.unwrap();
        path.push(last.clone());
    }
    let ids: Vec<MessageId> = path.iter().map(|message| message.id).collect();
    let sought: Vec<MessageId> = ids.iter().chain(&others).copied().collect();
    for tip in [300, 299, 150, 1] {
        let held = path::holds(db.plain(), session.id, ids[tip], &sought)
            .await
            .unwrap();
        let expected = ids[..=tip].iter().copied().collect();
        assert_eq!(held, expected, "from {tip}");
    }
    let jumps = |from: usize, to: usize| {
        let (mut at, mut steps) = (from, 0);
        while at > to {
            // The path begins at depth 1.
            let jump = usize::try_from(path[at].jump_depth.unwrap())
                .unwrap()
                .saturating_sub(1);
            at = if jump >= to { jump } else { at - 1 };
            steps += 1;
        }
        steps
    };
    let longest = (0..300).map(|to| jumps(300, to)).max().unwrap();
    assert!(longest < 24, "{longest} steps");
}

#[tokio::test]
async fn finds_ancestors_of_messages_from_before_there_were_jumps() {
    let (_folder, db) = explaining().await;
    let (session, last) = a_session(&db, UserId::new()).await;
    let first = last.parent_id.unwrap();
    let forget = "UPDATE messages SET jump_id = NULL, jump_depth = NULL";
    db.execute_unprepared(forget).await.unwrap();
    let held = path::holds(db.plain(), session.id, last.id, &[first, last.id])
        .await
        .unwrap();
    assert_eq!(held.len(), 2);
    let held = path::holds(db.plain(), session.id, first, &[first, last.id])
        .await
        .unwrap();
    assert_eq!(held, [first].into());
}
