//! The disk of the data folder, where everything is in SQLite files: what is acknowledged while it is full, or just before,
//! is there after the process was killed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::scripted::{Handle, Reply};

use super::stores::import;
use super::{lacks, model, probe, send, setup, until};
use crate::cards::{example, maren};
use crate::disks::Disk;
use crate::person::{PASSWORD, Person, nobody};
use crate::platform::{Platform, Setup};

/// Room for the databases and little else.
const DISK_MIB: u32 = 24;
/// Times that the disk is full in the life of a process.
const TIMES: usize = 3;
/// Writes of each kind at a time.
const WRITES: usize = 6;
/// What refusals say.
const FULL: &str = "disk is full";

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    personas: Vec<String>,
    accounts: Vec<String>,
    /// Refresh tokens, each the newest of its login session.
    sessions: Vec<String>,
    /// Refresh tokens of login sessions that were closed.
    closed: Vec<String>,
    messages: usize,
    refused: usize,
}

impl Acknowledged {
    /// Takes an answer: a success, or the refusal that is right while the disk is full.
    fn of(&mut self, (status, answer): (StatusCode, Value)) -> Option<Value> {
        if status.is_success() {
            return Some(answer);
        }
        lacks(&(status, answer), FULL);
        self.refused += 1;
        None
    }

    async fn write(&mut self, ann: &Person, session: &str, platform: &Platform) {
        for n in 0..WRITES {
            let persona = json!({"name": format!("Ann {n}"), "description": "x".repeat(2000)});
            let created = ann.call(Method::POST, "/api/v1/roleplay/personas", persona);
            if let Some(created) = self.of(created.await) {
                self.personas.push(text(&created["id"]));
            }
        }
        self.register(platform).await;
        self.refresh(platform).await;
        self.log_out(ann, platform).await;
        let (status, sent) = send(ann, session).await;
        match status.is_success() && sent.get("ended").is_some() {
            true => self.messages += 1,
            false => self.refused += 1,
        }
    }

    async fn register(&mut self, platform: &Platform) {
        let email = format!("p{}-{}@example.com", self.accounts.len(), self.refused);
        let account = json!({"email": email, "password": PASSWORD, "displayName": "P"});
        let nobody = nobody(platform);
        let registered = nobody.call(Method::POST, "/api/v1/users/register", account);
        if self.of(registered.await).is_some() {
            self.accounts.push(email);
        }
    }

    /// Spends the token of a login session, where one is open. One whose answer is a refusal is spent or isn't.
    async fn refresh(&mut self, platform: &Platform) {
        let Some(token) = self.sessions.pop() else {
            return;
        };
        let refresh = json!({"refreshToken": token});
        let nobody = nobody(platform);
        let refreshed = nobody.call(Method::POST, "/api/v1/users/refresh", refresh);
        if let Some(refreshed) = self.of(refreshed.await) {
            self.sessions.push(text(&refreshed["refreshToken"]));
        }
    }

    /// Opens a login session.
    async fn log_in(&mut self, ann: &Person, platform: &Platform) {
        let tokens = ann.at(platform).log_in().await;
        self.sessions.push(text(&tokens["refreshToken"]));
    }

    async fn log_out(&mut self, ann: &Person, platform: &Platform) {
        let login = json!({"email": ann.email, "password": PASSWORD});
        let nobody = nobody(platform);
        let tokens = nobody.call(Method::POST, "/api/v1/users/login", login);
        let Some(tokens) = self.of(tokens.await) else {
            return;
        };
        let out = nobody
            .request(Method::POST, "/api/v1/users/logout")
            .bearer_auth(text(&tokens["accessToken"]))
            .json(&json!({}));
        let answer = out.send().await.unwrap();
        let answer = (answer.status(), answer.json().await.unwrap());
        if self.of(answer).is_some() {
            self.closed.push(text(&tokens["refreshToken"]));
        }
    }

    /// Compares with what a new process has.
    async fn is_kept(&self, ann: &Person, session: &str, platform: &Platform) {
        for id in &self.personas {
            ann.get(&format!("/api/v1/roleplay/personas/{id}")).await;
        }
        for email in &self.accounts {
            let login = json!({"email": email, "password": PASSWORD});
            nobody(platform)
                .ok(Method::POST, "/api/v1/users/login", login)
                .await;
        }
        let refresh = async |token: &String| {
            let refresh = json!({"refreshToken": token});
            let nobody = nobody(platform);
            let refreshed = nobody.call(Method::POST, "/api/v1/users/refresh", refresh);
            refreshed.await.0
        };
        for token in &self.sessions {
            assert_eq!(
                refresh(token).await,
                StatusCode::OK,
                "a login session is lost"
            );
        }
        for token in &self.closed {
            assert_eq!(
                refresh(token).await,
                StatusCode::UNAUTHORIZED,
                "a logout is undone"
            );
        }
        let page = ann.get(&format!("{session}/messages?pageSize=200")).await;
        let kept = page["messages"].as_array().unwrap();
        let whole = kept
            .iter()
            .filter(|message| message["text"] == "The lamp turns above you.");
        assert!(whole.count() >= self.messages, "replies are lost");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn on_a_disk(model: &Handle) -> Setup {
    let rate = "TROUPE__GATEWAY__RATES__CREDENTIALS";
    setup(model)
        .with(&format!("{rate}__PER_SECOND"), "1000")
        .with(&format!("{rate}__BURST"), "1000")
}

#[tokio::test]
async fn loses_nothing_acknowledged_while_its_disk_is_full_again_and_again() {
    let model = model().await;
    let setup = on_a_disk(&model);
    let disk = Disk::mount(setup.data_dir(), DISK_MIB);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let mut acknowledged = Acknowledged::default();
    for _ in 0..TIMES {
        acknowledged.log_in(&ann, &platform).await;
        disk.fill();
        // Also where nobody writes.
        until("not ready, and says why", async || {
            let (status, why) = probe(&platform, "/readyz").await;
            status == StatusCode::SERVICE_UNAVAILABLE && why.contains(FULL)
        })
        .await;
        let before = acknowledged.refused;
        for _ in 0..3 {
            acknowledged.write(&ann, &session, &platform).await;
        }
        assert!(acknowledged.refused > before, "nothing was refused");
        assert_eq!(probe(&platform, "/healthz").await.0, StatusCode::OK);
        ann.get("/api/v1/users/me").await;
        disk.make_room();
        until("ready again", async || {
            probe(&platform, "/readyz").await.0 == StatusCode::OK
        })
        .await;
        let before = acknowledged.refused;
        acknowledged.log_in(&ann, &platform).await;
        acknowledged.write(&ann, &session, &platform).await;
        assert_eq!(acknowledged.refused, before, "people can write again");
    }
    platform.kill().await;
    let platform = setup.start().await;
    let ann = ann.at(&platform);
    acknowledged.is_kept(&ann, &session, &platform).await;
}

#[tokio::test]
async fn a_reply_that_the_disk_has_no_room_for_says_so_and_goes_on_once_there_is_room() {
    let model = model().await;
    let setup = on_a_disk(&model);
    let disk = Disk::mount(setup.data_dir(), DISK_MIB);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    let whole = ["The", " lamp", &" turns".repeat(20_000)];
    model.push(Reply::tokens(whole).hold_after(2));
    let mut reply = ann.say(&session, "Go on.").await;
    reply.until(|text| text == "The lamp").await;
    disk.fill();
    model.release();
    let refused = reply.until_refused().await;
    let refusal = refused.to_string();
    assert!(
        refusal.contains(FULL) && refusal.contains("UNAVAILABLE") && refusal.contains("retryDelay"),
        "{refusal}"
    );
    // Nobody is told again and again without a pause.
    let mut again = ann
        .watch_from(reply.generation_id(), reply.next_offset)
        .await;
    again.begin().await;
    disk.make_room();
    let rest = again.at_end().await;
    assert_eq!(reply.text + &rest.text, whole.concat());
    let state = &rest.ended["generation"]["state"];
    assert_eq!(state, "GENERATION_STATE_COMPLETED");
}

#[tokio::test]
async fn says_that_the_disk_is_full_where_a_picture_can_not_be_stored() {
    let model = model().await;
    let setup = on_a_disk(&model);
    let disk = Disk::mount(setup.data_dir(), DISK_MIB);
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    disk.fill();
    let refused = import(&ann, example("quill.png")).await;
    lacks(&refused, "the file store's disk is full");
    let details = refused.1["details"].as_array().unwrap();
    let has = |wanted: fn(&Value) -> bool| details.iter().any(wanted);
    assert!(
        has(|detail| detail["reason"] == "UNAVAILABLE"),
        "{refused:?}"
    );
    assert!(
        has(|detail| detail["retryDelay"].is_string()),
        "{refused:?}"
    );
    disk.make_room();
    until("pictures are stored again", async || {
        import(&ann, example("quill.png")).await.0 == StatusCode::OK
    })
    .await;
    let characters = ann.get("/api/v1/roleplay/characters").await;
    let characters = characters["characters"].as_array().unwrap();
    assert_eq!(characters.len(), 1, "nothing is half stored");
}

#[tokio::test]
async fn a_stop_under_load_leaves_no_log_beside_the_files() {
    let model = model().await;
    let setup = on_a_disk(&model);
    let mut known: Option<(Person, String)> = None;
    for life in 0..5 {
        let platform = setup.start().await;
        let (ann, session) = match known.take() {
            Some((ann, session)) => (ann.at(&platform), session),
            None => {
                let ann = Person::register(&platform, "Ann").await;
                let session = ann.open_session(maren()).await;
                (ann, session)
            }
        };
        send(&ann, &session).await;
        let load = async {
            loop {
                let persona = json!({"name": "Ann"});
                let path = "/api/v1/roleplay/personas";
                let write = ann.request(Method::POST, path).json(&persona).send();
                if write.await.is_err() {
                    return;
                }
            }
        };
        let messages = format!("{session}/messages");
        let stream = ann
            .request(Method::POST, &messages)
            .json(&json!({"text": "Go on."}));
        let stop = async {
            let _ended_or_refused = stream.send().await;
            platform.stop().await
        };
        let (ended, ()) = tokio::join!(stop, load);
        assert!(ended.success());
        let files = std::fs::read_dir(setup.data_dir()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let logs: Vec<String> = names
            .filter(|name| name.ends_with("-wal") || name.ends_with("-shm"))
            .collect();
        assert!(logs.is_empty(), "life {life}: {logs:?}");
        known = Some((ann, session));
    }
}
