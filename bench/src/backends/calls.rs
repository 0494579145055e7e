//! What a person does again and again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::Client;

/// Rounds that one session gets, so that prompts stay of one size.
const ROUNDS_PER_SESSION: usize = 20;

/// A call of the public API.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    ImportCard,
    OpenSession,
    ReplyBegins,
    ReplyEnds,
    ListMessages,
    ListCharacters,
    ReadProfile,
}

impl Call {
    pub(super) const ALL: [Self; 7] = [
        Self::ImportCard,
        Self::OpenSession,
        Self::ReplyBegins,
        Self::ReplyEnds,
        Self::ListMessages,
        Self::ListCharacters,
        Self::ReadProfile,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ImportCard => "import a card",
            Self::OpenSession => "open a session",
            Self::ReplyBegins => "send, until the reply begins",
            Self::ReplyEnds => "send, until the reply is stored",
            Self::ListMessages => "list the newest messages",
            Self::ListCharacters => "list characters",
            Self::ReadProfile => "read the own profile",
        }
    }
}

/// Somebody with a character and a session.
pub(super) struct Person {
    client: Client,
    character: String,
    session: String,
    rounds: usize,
}

impl Person {
    pub(super) async fn sign_up(platform: SocketAddr) -> Result<Self> {
        let mut client = Client::connect(platform).await?;
        client.sign_up().await?;
        let character = client.import_character().await?;
        let session = client.open_session(&character).await?;
        Ok(Self {
            client,
            character,
            session,
            rounds: 0,
        })
    }

    /// Makes a call and says how long it took.
    pub(super) async fn time(&mut self, call: Call) -> Result<Duration> {
        let begun = Instant::now();
        let sessions = "/api/v1/roleplay/sessions";
        match call {
            Call::ImportCard => self.character = self.client.import_character().await?,
            Call::OpenSession => {
                let session = self.client.open_session(&self.character).await?;
                self.rounds += 1;
                if self.rounds.is_multiple_of(ROUNDS_PER_SESSION) {
                    self.session = session;
                }
            }
            Call::ReplyBegins => {
                return self.send(|event| event["delta"]["text"].is_string()).await;
            }
            Call::ReplyEnds => return self.send(|event| event["ended"].is_object()).await,
            Call::ListMessages => {
                let path = format!("{sessions}/{}/messages?page_size=20", self.session);
                self.client.get(&path).await?;
            }
            Call::ListCharacters => {
                let path = "/api/v1/roleplay/characters?page_size=20";
                self.client.get(path).await?;
            }
            Call::ReadProfile => {
                self.client.get("/api/v1/users/me").await?;
            }
        }
        Ok(begun.elapsed())
    }

    /// Sends a message; the time until an event of the reply.
    async fn send(&mut self, is_awaited: impl Fn(&Value) -> bool) -> Result<Duration> {
        let path = format!("/api/v1/roleplay/sessions/{}/messages", self.session);
        let body = json!({"text": "Is the inn still open?"});
        let sent = self.client.first_event(&path, &body, is_awaited).await;
        sent.context("sending a message")
    }
}
