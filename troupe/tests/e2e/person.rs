//! A person with an account, who uses the platform by JSON as a web page would.

use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use troupe_proto::Reason;

use crate::platform::{Platform, eventually};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A person who is signed in.
pub(crate) struct Person {
    http: Client,
    url: String,
    token: String,
    pub(crate) email: String,
}

/// An answer: its status and its JSON.
pub(crate) type Answer = (StatusCode, Value);

/// A client that has no account.
pub(crate) fn nobody(platform: &Platform) -> Person {
    let http = Client::builder().no_proxy().build().unwrap();
    Person {
        http,
        url: platform.url().to_owned(),
        token: String::new(),
        email: String::new(),
    }
}

/// Holds a refusal to the catalogue: it has a reason, and the reason's code.
fn check_refusal(refusal: &Value) {
    let details = refusal["details"].as_array().into_iter().flatten();
    let mut reasons = details.filter_map(|detail| detail["reason"].as_str());
    let reason = reasons.next().unwrap_or_default();
    let reason = Reason::from_str_name(&format!("REASON_{reason}"));
    let reason = reason.unwrap_or_else(|| panic!("no reason of the catalogue: {refusal}"));
    assert_eq!(refusal["code"], reason.code() as i32, "{refusal}");
}

impl Person {
    /// Registers and logs in.
    pub(crate) async fn register(platform: &Platform, name: &str) -> Self {
        let mut person = nobody(platform);
        person.email = format!("{}@example.com", name.to_lowercase());
        let account = json!({"email": person.email, "password": PASSWORD, "displayName": name});
        person
            .ok(Method::POST, "/api/v1/users/register", account)
            .await;
        person.log_in().await;
        person
    }

    /// Opens a login session and uses its token from now on.
    pub(crate) async fn log_in(&mut self) -> Value {
        let login = json!({"email": self.email, "password": PASSWORD});
        let tokens = self.ok(Method::POST, "/api/v1/users/login", login).await;
        self.token = tokens["accessToken"].as_str().unwrap().to_owned();
        tokens
    }

    /// The same person at another platform on the same data.
    pub(crate) fn at(&self, platform: &Platform) -> Self {
        Self {
            http: Client::builder().no_proxy().build().unwrap(),
            url: platform.url().to_owned(),
            token: self.token.clone(),
            email: self.email.clone(),
        }
    }

    /// The access token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    /// Calls a method, whatever comes of it.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = self.request(method.clone(), path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = eventually(path, request.send()).await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        let value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {text}"));
        if status.is_client_error() || status.is_server_error() {
            check_refusal(&value);
        }
        (status, value)
    }

    /// Calls a method that should succeed.
    pub(crate) async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, value) = self.call(method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {value}");
        value
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, Value::Null).await
    }

    /// Imports a card.
    pub(crate) async fn import(&self, card: Vec<u8>) -> Value {
        let request = self.request(Method::POST, "/api/v1/roleplay/characters:import");
        let request = request
            .header("content-type", "application/octet-stream")
            .body(card);
        let answer = request.send().await.unwrap();
        let (status, value) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert!(status.is_success(), "{status} {value}");
        value["character"].clone()
    }

    /// Imports a card and opens a session with the character. Returns the session's path.
    pub(crate) async fn open_session(&self, card: Vec<u8>) -> String {
        let character = self.import(card).await;
        let body = json!({"characterId": character["id"]});
        let opened = self
            .ok(Method::POST, "/api/v1/roleplay/sessions", body)
            .await;
        format!(
            "/api/v1/roleplay/sessions/{}",
            opened["session"]["id"].as_str().unwrap()
        )
    }

    /// Sends a message and watches the reply.
    pub(crate) async fn say(&self, session: &str, text: &str) -> Reply {
        self.watch(
            Method::POST,
            &format!("{session}/messages"),
            json!({"text": text}),
        )
        .await
    }

    /// Has a message generated again, or gone on with: `verb` is `regenerate` or `continue`.
    pub(crate) async fn again(&self, session: &str, message_id: &str, verb: &str) -> Reply {
        self.watch(
            Method::POST,
            &format!("{session}/messages/{message_id}:{verb}"),
            json!({}),
        )
        .await
    }

    /// Watches a generation from an offset on.
    pub(crate) async fn watch_from(&self, generation_id: &str, offset: i64) -> Reply {
        let path = format!("/api/v1/roleplay/generations/{generation_id}:watch?offset={offset}");
        let mut reply = self.watch(Method::GET, &path, Value::Null).await;
        reply.next_offset = offset;
        reply
    }

    /// Cancels a generation.
    pub(crate) async fn cancel(&self, generation_id: &str) -> Value {
        let path = format!("/api/v1/roleplay/generations/{generation_id}:cancel");
        self.ok(Method::POST, &path, json!({})).await
    }

    /// The messages of a session, oldest first.
    pub(crate) async fn messages(&self, session: &str) -> Vec<Value> {
        let page = self.get(&format!("{session}/messages")).await;
        let mut messages = page["messages"].as_array().cloned().unwrap_or_default();
        messages.reverse();
        messages
    }

    /// What the generations of the person took, newest first.
    pub(crate) async fn usage(&self) -> Vec<Value> {
        self.get("/api/v1/ai/usage").await["usageEntries"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    async fn watch(&self, method: Method, path: &str, body: Value) -> Reply {
        let mut request = self
            .request(method, path)
            .header("accept", "text/event-stream");
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = eventually(path, request.send()).await.unwrap();
        let status = answer.status();
        if !status.is_success() {
            panic!("{path}: {status} {}", answer.text().await.unwrap());
        }
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Reply::new(
            answer
                .bytes_stream()
                .map(|part| part.map(|bytes| bytes.to_vec()))
                .boxed(),
        )
    }
}

/// A reply that streams in, as Server-Sent Events. Checks that every byte comes once and in order.
pub(crate) struct Reply {
    parts: BoxStream<'static, reqwest::Result<Vec<u8>>>,
    unread: Vec<u8>,
    pub(crate) next_offset: i64,
    /// What `started` said.
    pub(crate) started: Value,
    /// The text that was seen.
    pub(crate) text: String,
    /// What `ended` said.
    pub(crate) ended: Value,
}

impl Reply {
    fn new(parts: BoxStream<'static, reqwest::Result<Vec<u8>>>) -> Self {
        Self {
            parts,
            unread: Vec::new(),
            next_offset: 0,
            started: Value::Null,
            text: String::new(),
            ended: Value::Null,
        }
    }

    /// Reads on until the reply has ended.
    pub(crate) async fn at_end(mut self) -> Self {
        while self.step().await {}
        assert!(
            !self.ended.is_null(),
            "the stream broke after {:?}",
            self.text
        );
        self
    }

    /// Reads on until some text holds.
    pub(crate) async fn until(&mut self, is_enough: impl Fn(&str) -> bool) {
        while !is_enough(&self.text) {
            assert!(self.step().await, "the stream ended after {:?}", self.text);
        }
    }

    /// Reads on until the connection breaks.
    pub(crate) async fn until_broken(&mut self) {
        while self.step().await {}
        assert!(
            self.ended.is_null(),
            "the reply ended before the connection broke"
        );
    }

    /// Reads the beginning, which names the generation.
    pub(crate) async fn begin(&mut self) {
        while self.started.is_null() {
            assert!(self.step().await, "the stream ended before it began");
        }
    }

    pub(crate) fn generation_id(&self) -> &str {
        self.started["generation"]["id"].as_str().unwrap()
    }

    pub(crate) fn message_id(&self) -> &str {
        self.started["message"]["id"].as_str().unwrap()
    }

    /// Reads on until the stream ends with an error, and returns that.
    pub(crate) async fn until_refused(&mut self) -> Value {
        loop {
            let (name, event) = eventually("an event comes", self.event()).await.unwrap();
            if name == "failure" {
                return event;
            }
            self.see(event);
        }
    }

    /// Reads an event. False once there are no more.
    async fn step(&mut self) -> bool {
        let Some((name, event)) = eventually("an event comes", self.event()).await else {
            return false;
        };
        assert!(name != "failure", "{event}");
        self.see(event);
        true
    }

    fn see(&mut self, event: Value) {
        if let Some(started) = event.get("started") {
            self.started = started.clone();
        } else if let Some(delta) = event.get("delta") {
            self.take(delta);
        } else if let Some(ended) = event.get("ended") {
            self.ended = ended.clone();
        } else {
            panic!("an event of no known kind: {event}");
        }
    }

    fn take(&mut self, delta: &Value) {
        let text = delta["text"].as_str().unwrap();
        assert_eq!(
            number(&delta["offset"]),
            self.next_offset,
            "text was lost or doubled"
        );
        self.next_offset += text.len() as i64;
        assert_eq!(number(&delta["nextOffset"]), self.next_offset);
        self.text.push_str(text);
    }

    /// The name of the next event and what it holds. Unless it is a failure, it is named by what it holds, and the id of text is
    /// where the next begins.
    async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let find = |field| block.lines().find_map(|line| line.strip_prefix(field));
                let Some(data) = find("data: ") else {
                    continue;
                };
                let name = find("event: ").unwrap_or_default().to_owned();
                let event: Value = serde_json::from_str(data).unwrap();
                if name != "failure" {
                    assert!(event[&name].is_object(), "{block}");
                    let id = find("id: ").map(|id| id.parse().unwrap());
                    let delta = event.get("delta");
                    assert_eq!(id, delta.map(|delta| number(&delta["nextOffset"])));
                }
                return Some((name, event));
            }
            match self.parts.next().await {
                Some(Ok(part)) => self.unread.extend(part),
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// A 64-bit number, which JSON carries as a text; absent for 0.
pub(crate) fn number(value: &Value) -> i64 {
    match value {
        Value::Null => 0,
        Value::String(text) => text.parse().unwrap(),
        other => other.as_i64().unwrap(),
    }
}
