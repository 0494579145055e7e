//! What is done again and again finds its rows by an index: what it costs must not grow with the table.

use platform::Timestamp;
use platform::id::{LoginSessionId, UserId};
use service::Host;
use storage::Database;
use testkit::Explaining;

use super::{known_networks, login_sessions, refresh_tokens, users};
use crate::infrastructure::tables::{login_session, user};
use crate::migrations::Migrator;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

async fn a_session(db: &Explaining) -> login_session::Model {
    let user = user::Model {
        id: UserId::new(),
        email: String::new(),
        email_key: String::new(),
        password_hash: String::new(),
        display_name: String::new(),
        bio: String::new(),
        locale: String::new(),
        is_admin: false,
        create_time: NOW,
        update_time: NOW,
    };
    let session = login_session::Model {
        id: LoginSessionId::new(),
        user_id: user.id,
        device_name: String::new(),
        client_network: None,
        create_time: NOW,
        last_use_time: NOW,
        idle_expire_time: NOW,
        expire_time: NOW,
        end_time: None,
    };
    users::insert_if_free(db.plain(), user).await.unwrap();
    login_sessions::insert(db.plain(), session.clone())
        .await
        .unwrap();
    session
}

#[tokio::test]
async fn no_query_about_ends_of_sessions_reads_a_whole_table() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new(folder.path());
    let store = Database::open::<Migrator>(&host.storage(), "users")
        .await
        .unwrap();
    store.close().await.unwrap();
    let file = host.storage().database_file("users");
    let db = &Explaining::open(&file).await.unwrap();
    let session = a_session(db).await;
    let (before, ids) = (Timestamp::default(), [session.id]);
    let next = login_sessions::next_lapse(db, before).await.unwrap();
    assert_eq!(next, Some(NOW));
    let ended = login_sessions::end_lapsed(db, before, NOW, 10).await;
    assert_eq!(ended.unwrap(), ids);
    login_sessions::list_ended_after(db, NOW).await.unwrap();
    login_sessions::list_gone(db, NOW, 10).await.unwrap();
    refresh_tokens::delete_of(db, &ids, 10).await.unwrap();
    login_sessions::delete(db, &ids).await.unwrap();
    known_networks::note(db, session.user_id, "192.0.2.1", NOW)
        .await
        .unwrap();
    known_networks::forget(db, NOW).await.unwrap();

    let plans = db.plans();
    assert!(plans.len() >= 8, "{plans:#?}");
    for plan in &plans {
        assert!(!plan.starts_with("SCAN"), "{plan}");
    }
    for index in [
        "login_sessions_by_lapse",
        "login_sessions_by_end",
        "refresh_tokens_by_session",
        "known_networks_by_login",
    ] {
        let uses = |plan: &String| plan.contains(index);
        assert!(plans.iter().any(uses), "{index} is not used: {plans:#?}");
    }
}
