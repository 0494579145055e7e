//! The platform on PostgreSQL: its main job, a kill, a missing server, the doctor.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::scripted::{self, Handle, Reply};
use testkit::servers::{Daemon, Postgres};

use crate::cards::maren;
use crate::credentials::certificate;
use crate::main_job::does_the_main_job;
use crate::person::Person;
use crate::platform::{Setup, eventually};

const URL: &str = "TROUPE__DATABASE__URL";
/// What a server is told.
type Order = fn(&Daemon) -> std::io::Result<()>;

const SERVICES: [&str; 3] = ["users", "roleplay", "ai"];

async fn with_model_on(server: &Postgres) -> (Handle, Setup) {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let setup = Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
        .with(URL, server.new_database().unwrap());
    (model, setup)
}

#[tokio::test]
async fn does_the_main_job_and_survives_a_kill() {
    let server = Postgres::shared().await.unwrap();
    let (model, setup) = with_model_on(server).await;
    let platform = setup.start().await;
    does_the_main_job(&model, &platform).await;

    let ann = Person::register(&platform, "Bea").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Hold on to the rail").hold_after(3));
    let mut reply = ann.say(&session, "The ship rolls.").await;
    reply.until(|text| text == "Hold on to").await;
    platform.kill().await;
    let platform = setup.start().await;
    let last = ann.at(&platform).messages(&session).await.pop().unwrap();
    assert_eq!(last["text"], "Hold on to", "what was seen is there, once");
    assert_eq!(last["state"], "MESSAGE_STATE_INTERRUPTED");
    for service in SERVICES {
        let file = setup.data_dir().join(format!("{service}.sqlite"));
        assert!(!file.exists(), "nothing is kept in {}", file.display());
    }
}

#[tokio::test]
async fn says_that_the_database_is_away_and_recovers_by_itself() {
    let server = Postgres::start(None).await.unwrap();
    let (_model, setup) = with_model_on(&server).await;
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let daemon = server.daemon().unwrap();
    let outages: [(Order, Order); 2] = [
        (Daemon::kill, Daemon::start),
        (Daemon::pause, Daemon::resume),
    ];
    for (go, come_back) in outages {
        go(daemon).unwrap();
        let call = ann.call(Method::GET, &session, json!(null));
        let (status, error) = tokio::time::timeout(Duration::from_secs(2), call)
            .await
            .unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{error}");
        assert!(error.to_string().contains("database"), "{error}");
        come_back(daemon).unwrap();
        server.ready().await.unwrap();
        let works = async {
            while ann.call(Method::GET, &session, json!(null)).await.0 != StatusCode::OK {}
        };
        tokio::time::timeout(Duration::from_secs(10), works)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn names_a_password_that_was_changed_while_it_runs() {
    let (_, certificate, key) = certificate();
    let server = Postgres::start_secured(&certificate, &key).await.unwrap();
    let url = server.new_database().unwrap();
    let login = "ann:p%40%3A%2F%25%23@";
    let setup = Setup::new().with(URL, url.replacen("troupe@", login, 1));
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let ready = format!("{}/readyz", platform.url());
    let says = async |status: StatusCode, what: &str| {
        let answer = reqwest::get(&ready).await.unwrap();
        answer.status() == status && answer.text().await.unwrap().contains(what)
    };
    let all = "FROM pg_stat_activity WHERE usename = 'ann'";
    let set = |password: &str| {
        let password = format!("ALTER ROLE ann PASSWORD '{password}'");
        server.execute(&password).unwrap();
        let end = format!("SELECT pg_terminate_backend(pid) {all}");
        server.execute(&end).unwrap();
    };
    set("another");
    let named = async {
        while !says(
            StatusCode::SERVICE_UNAVAILABLE,
            "refuses the platform's login",
        )
        .await
        {}
    };
    eventually("it says that the login is refused", named).await;
    // Connections that were there tell first that they ended.
    let told = async {
        loop {
            let (status, error) = ann.call(Method::GET, "/api/v1/users/me", json!(null)).await;
            if error.to_string().contains("refuses the platform's login") {
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{error}");
                return;
            }
        }
    };
    eventually("callers hear of the login", told).await;
    set("p@:/%#");
    eventually("it is ready", async {
        while !says(StatusCode::OK, "").await {}
    })
    .await;
    ann.get("/api/v1/users/me").await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let refused = log
        .lines()
        .find(|line| line.contains("PostgreSQL refuses the login"));
    let refused = refused.unwrap_or_else(|| panic!("{log}"));
    assert!(
        refused.contains("password authentication failed"),
        "{refused}"
    );
    assert!(refused.contains("database.url"), "{refused}");
    assert!(log.contains("PostgreSQL answers again"), "{log}");
}

#[tokio::test]
async fn a_start_with_a_wrong_address_ends_at_once_and_says_what_to_change() {
    let url = Postgres::shared().await.unwrap().new_database().unwrap();
    let url = format!("{url}_missing").replace("troupe@", "troupe:hunter2@");
    let setup = Setup::new();
    let output = setup.run(&["up", "--database-url", &url]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("database.url") && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test]
async fn migrates_alone_and_the_doctor_sees_it() {
    let server = Postgres::shared().await.unwrap();
    let (_model, setup) = with_model_on(server).await;
    assert!(
        databases(&setup)
            .await
            .iter()
            .all(|(state, _)| state == "missing")
    );
    let output = setup.run(&["migrate"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found = databases(&setup).await;
    assert_eq!(found.len(), SERVICES.len());
    for (state, text) in found {
        assert_eq!(state, "good", "{text}");
        assert!(
            text.contains("PostgreSQL") && text.contains("the newest m00"),
            "{text}"
        );
    }
    let setup = setup.with(URL, "postgres://troupe:hunter2@127.0.0.1:9/troupe");
    let found = databases(&setup).await;
    assert!(
        found.iter().all(|(state, _)| state == "broken"),
        "{found:?}"
    );
    assert!(
        found.iter().all(|(_, text)| !text.contains("hunter2")),
        "{found:?}"
    );
}

/// State and text of each finding about databases.
async fn databases(setup: &Setup) -> Vec<(String, String)> {
    let output = eventually("the doctor ends", setup.run(&["doctor", "--json"])).await;
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    findings
        .iter()
        .filter(|finding| finding["subject"] == "database")
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("state"), text("text"))
        })
        .collect()
}
