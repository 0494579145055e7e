//! A client of Troupe's public JSON API and of model servers, over one connection.

mod sse;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::request::Builder;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::connection::Connection;

const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const EMAIL: &str = "alice@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// A connection and, once signed up, the person's token.
pub(crate) struct Client {
    connection: Connection,
    address: SocketAddr,
    token: Option<String>,
    _driver: JoinSet<()>,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let mut driver = JoinSet::new();
        Ok(Self {
            connection: Connection::http1(address, &mut driver).await?,
            address,
            token: None,
            _driver: driver,
        })
    }

    /// Connects anew as the same person.
    pub(crate) async fn connect_again(&mut self) -> Result<()> {
        let token = self.token.take();
        *self = Self::connect(self.address).await?;
        self.token = token;
        Ok(())
    }

    /// Waits until a server answers a path with success.
    pub(crate) async fn until_ok(address: SocketAddr, path: &str) -> Result<()> {
        let asking = async {
            while !Self::is_ok(address, path).await.unwrap_or(false) {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, asking)
            .await
            .with_context(|| format!("{path} isn't answered with success within a minute"))
    }

    async fn is_ok(address: SocketAddr, path: &str) -> Result<bool> {
        let mut client = Self::connect(address).await?;
        let request = client
            .authorized(Request::get(path))
            .body(Full::default())?;
        Ok(client.connection.send(request).await?.status().is_success())
    }

    /// The access token of the person who was signed up.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// What the person who was signed up logs in with.
    pub(crate) fn login() -> Value {
        json!({"email": EMAIL, "password": PASSWORD})
    }

    /// Registers a person and logs in.
    pub(crate) async fn sign_up(&mut self) -> Result<()> {
        let account = json!({"email": EMAIL, "password": PASSWORD, "displayName": "Alice"});
        self.call("/api/v1/users/register", &account).await?;
        let answer = self.call("/api/v1/users/login", &Self::login()).await?;
        // The method may answer with the tokens alone.
        let tokens = answer.get("tokens").unwrap_or(&answer);
        self.token = Some(text_of(tokens, "accessToken")?);
        Ok(())
    }

    /// Imports a small character and gives its id.
    pub(crate) async fn import_character(&mut self) -> Result<String> {
        let card = json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {
            "name": "Elowen",
            "description": "{{char}} keeps the last inn on the road north, and remembers every guest.",
            "personality": "dry, warm, curious",
            "scenario": "A storm has closed the road.",
            "first_mes": "Shake off the rain, {{user}}. The soup is hot.",
            "mes_example": "<START>\n{{user}}: Any news?\n{{char}}: Only the weather's.",
            "creator_notes": "", "system_prompt": "", "post_history_instructions": "",
            "alternate_greetings": [], "tags": [], "creator": "", "character_version": "",
            "extensions": {},
        }});
        let answer = self
            .call("/api/v1/roleplay/characters:import", &card)
            .await?;
        text_of(&answer["character"], "id")
    }

    /// Opens a session and gives its id.
    pub(crate) async fn open_session(&mut self, character: &str) -> Result<String> {
        let request = json!({"characterId": character});
        let answer = self.call("/api/v1/roleplay/sessions", &request).await?;
        text_of(answer.get("session").unwrap_or(&answer), "id")
    }

    /// Asks for a stream; gives the time until its first event with `is_awaited`, and reads it to its end.
    pub(crate) async fn first_event(
        &mut self,
        path: &str,
        body: &Value,
        is_awaited: impl Fn(&Value) -> bool,
    ) -> Result<Duration> {
        let request = self.post(path, "text/event-stream", body)?;
        let start = Instant::now();
        let read = async {
            let response = accepted(self.connection.send(request).await?).await?;
            sse::time_of_first(response.into_body(), start, is_awaited).await
        };
        tokio::time::timeout(ANSWER_WITHIN, read)
            .await
            .context("no answer within a minute")?
    }

    /// Asks for a stream, and shows each of its events with the time since the question.
    pub(crate) async fn each_event(
        &mut self,
        path: &str,
        body: &Value,
        mut on_event: impl FnMut(&Value, Duration),
    ) -> Result<()> {
        let request = self.post(path, "text/event-stream", body)?;
        let start = Instant::now();
        let read = async {
            let response = accepted(self.connection.send(request).await?).await?;
            let on_event = |event: &Value, at| {
                on_event(event, at);
                ControlFlow::Continue(())
            };
            sse::each(response.into_body(), start, on_event).await
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, read).await;
        answer.context("no answer within a minute")??;
        Ok(())
    }

    /// Posts JSON and reads JSON.
    pub(crate) async fn call(&mut self, path: &str, body: &Value) -> Result<Value> {
        let request = self.post(path, "application/json", body)?;
        self.answer_to(request)
            .await
            .with_context(|| format!("POST {path}"))
    }

    /// Reads JSON.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Value> {
        let request = self.authorized(Request::get(path)).body(Full::default())?;
        self.answer_to(request)
            .await
            .with_context(|| format!("GET {path}"))
    }

    async fn answer_to(&mut self, request: Request<Full<Bytes>>) -> Result<Value> {
        let read = async {
            let response = accepted(self.connection.send(request).await?).await?;
            let body = response.into_body().collect().await?.to_bytes();
            anyhow::Ok(serde_json::from_slice(&body)?)
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, read).await;
        answer.context("no answer within a minute")?
    }

    fn post(&self, path: &str, accept: &str, body: &Value) -> Result<Request<Full<Bytes>>> {
        let request = self
            .authorized(Request::post(path))
            .header("content-type", "application/json")
            .header("accept", accept);
        Ok(request.body(Full::from(body.to_string()))?)
    }

    /// With the host, and the person's token if there is one.
    fn authorized(&self, request: Builder) -> Builder {
        let request = request.header("host", self.address.to_string());
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}

async fn accepted(response: Response<Incoming>) -> Result<Response<Incoming>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.into_body().collect().await?.to_bytes();
    bail!("{status}: {}", String::from_utf8_lossy(&body))
}

fn text_of(value: &Value, key: &str) -> Result<String> {
    let text = value[key].as_str();
    Ok(text
        .with_context(|| format!("no {key} in {value}"))?
        .to_owned())
}
