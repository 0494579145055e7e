//! What somebody does who comes by: signs up or comes back, talks, leaves in the middle, looks around, tidies up.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::Request;
use troupe_proto::roleplay::SendMessageRequest;
use troupe_proto::roleplay::message_service_client::MessageServiceClient;

use super::caller::{Caller, Fault, text};
use crate::cards::maren;
use crate::person::PASSWORD;

const ROLEPLAY: &str = "/api/v1/roleplay";
const IMPORT: &str = "/api/v1/roleplay/characters:import";
/// Bytes of a reply after which somebody leaves; it has more.
const MIDDLE: usize = 200;
const TO_THE_END: usize = usize::MAX;
/// Of an upload that breaks off: what it says that it has, and what it sends.
const PROMISED: usize = 400_000;
const SENT: usize = 60_000;

/// Somebody with an account and a character.
pub(super) struct Guest {
    email: String,
    access: String,
    refresh: String,
    character: String,
}

/// The calls of a visit.
pub(super) struct Visit<'a> {
    pub(super) caller: &'a Caller,
    /// The same platform over HTTP/2.
    pub(super) grpc: mesh::Channel,
    pub(super) number: u64,
}

impl Visit<'_> {
    /// Does all that somebody does. Each visit does a little of what only some do, in turn.
    pub(super) async fn run(&self, guest: Option<Guest>) -> Result<Guest, Fault> {
        let guest = match guest {
            Some(guest) => self.come_back(guest).await?,
            None => self.sign_up().await?,
        };
        let token = guest.access.as_str();
        let opened = json!({"characterId": guest.character});
        let sessions = format!("{ROLEPLAY}/sessions");
        let opened = self
            .caller
            .call(token, Method::POST, &sessions, &opened)
            .await?;
        let session = format!("{sessions}/{}", text(&opened["session"]["id"]));
        self.talk(token, &session).await?;
        self.look_around(token, &session).await?;
        match self.number % 3 {
            0 => self.break_off_an_upload(token).await?,
            1 => {
                self.leave_over_grpc(token, &text(&opened["session"]["id"]))
                    .await?
            }
            _ => self.remember(token, &session).await?,
        }
        // Some sessions stay, or nothing would be found by those who come back.
        if !self.number.is_multiple_of(8) {
            self.delete(token, &session).await?;
        }
        if self.number.is_multiple_of(16) {
            let logout = "/api/v1/users/logout";
            self.post(token, logout, &json!({})).await?;
        }
        Ok(guest)
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        self.caller.call(token, Method::POST, path, body).await
    }

    async fn delete(&self, token: &str, path: &str) -> Result<Value, Fault> {
        self.caller
            .call(token, Method::DELETE, path, &Value::Null)
            .await
    }

    async fn sign_up(&self) -> Result<Guest, Fault> {
        let email = format!("guest{}@example.com", self.number);
        let account = json!({"email": email, "password": PASSWORD, "displayName": "Guest"});
        self.post("", "/api/v1/users/register", &account).await?;
        let mut guest = Guest {
            email,
            access: String::new(),
            refresh: String::new(),
            character: String::new(),
        };
        self.log_in(&mut guest).await?;
        let imported = self.caller.upload(&guest.access, IMPORT, maren()).await?;
        guest.character = text(&imported["character"]["id"]);
        Ok(guest)
    }

    async fn log_in(&self, guest: &mut Guest) -> Result<(), Fault> {
        let login = json!({"email": guest.email, "password": PASSWORD});
        let tokens = self.post("", "/api/v1/users/login", &login).await?;
        guest.access = text(&tokens["accessToken"]);
        guest.refresh = text(&tokens["refreshToken"]);
        Ok(())
    }

    /// With a new pair of tokens; who has logged out logs in.
    async fn come_back(&self, mut guest: Guest) -> Result<Guest, Fault> {
        let refresh = json!({"refreshToken": guest.refresh});
        match self.post("", "/api/v1/users/refresh", &refresh).await {
            Ok(tokens) => {
                guest.access = text(&tokens["accessToken"]);
                guest.refresh = text(&tokens["refreshToken"]);
            }
            Err(Fault::Failed(problem)) if problem.contains("401") => {
                self.log_in(&mut guest).await?
            }
            Err(fault) => return Err(fault),
        }
        Ok(guest)
    }

    /// A reply to its end, one that is left in the middle and taken up again, one made anew, one that is cancelled.
    async fn talk(&self, token: &str, session: &str) -> Result<(), Fault> {
        let messages = format!("{session}/messages");
        let say = |words: &str| json!({"text": format!("{words} ({})", self.number)});
        let watch = async |path: &str, body: Value, enough| {
            let call = (Method::POST, path);
            self.caller.watch(token, call, &body, enough).await
        };
        let first = watch(&messages, say("Good evening. Is the lamp lit?"), TO_THE_END).await?;
        let left = watch(&messages, say("What do you see out there?"), MIDDLE).await?;
        let resumed = format!(
            "{ROLEPLAY}/generations/{}:watch?offset={}",
            left.generation_id, left.next_offset
        );
        let resumed = (Method::GET, resumed.as_str());
        self.caller
            .watch(token, resumed, &Value::Null, TO_THE_END)
            .await?;
        let again = format!("{messages}/{}:regenerate", left.message_id);
        watch(&again, json!({}), TO_THE_END).await?;
        let cancelled = watch(&messages, say("Tell me all of it."), 1).await?;
        let cancel = format!("{ROLEPLAY}/generations/{}:cancel", cancelled.generation_id);
        self.post(token, &cancel, &json!({})).await?;
        let receipt = format!("{ROLEPLAY}/generations/{}/receipt", first.generation_id);
        self.caller.get(token, &receipt).await.map(drop)
    }

    async fn look_around(&self, token: &str, session: &str) -> Result<(), Fault> {
        let characters = format!("{ROLEPLAY}/characters");
        let listed = self.caller.get(token, &characters).await?;
        let character = text(&listed["characters"][0]["id"]);
        let avatar = format!("{characters}/{character}/avatar");
        self.caller.get_file(token, &avatar).await?;
        let reads = [
            "/api/v1/users/me".to_owned(),
            "/api/v1/ai/usage:summarize".to_owned(),
            format!("{ROLEPLAY}/sessions"),
            format!("{session}/messages?pageSize=5"),
            format!("{session}/memories"),
            format!("{session}/prompt"),
            format!("{session}/branches"),
        ];
        for path in reads {
            self.caller.get(token, &path).await?;
        }
        Ok(())
    }

    async fn remember(&self, token: &str, session: &str) -> Result<(), Fault> {
        let memories = format!("{session}/memories");
        let note = json!({"text": "The boat lies in the northern cave."});
        let note = self.post(token, &memories, &note).await?;
        let search = json!({"query": "Where is the boat?"});
        self.post(token, &format!("{memories}:search"), &search)
            .await?;
        self.delete(token, &format!("{memories}/{}", text(&note["id"])))
            .await?;
        let persona = json!({"name": "Ann", "description": "A traveller."});
        let personas = format!("{ROLEPLAY}/personas");
        let persona = self.post(token, &personas, &persona).await?;
        self.delete(token, &format!("{personas}/{}", text(&persona["id"])))
            .await?;
        Ok(())
    }

    /// An upload whose sender is gone before its end.
    async fn break_off_an_upload(&self, token: &str) -> Result<(), Fault> {
        let broken = |error: std::io::Error| Fault::Failed(format!("an upload: {error}"));
        let address = self.caller.url.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).await.map_err(broken)?;
        let head = format!(
            "POST {IMPORT} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/octet-stream\r\ncontent-length: {PROMISED}\r\n\r\n"
        );
        connection
            .write_all(head.as_bytes())
            .await
            .map_err(broken)?;
        connection.write_all(&[0; SENT]).await.map_err(broken)
    }

    /// A stream over HTTP/2 that is reset in its middle, on a connection that others use.
    async fn leave_over_grpc(&self, token: &str, session: &str) -> Result<(), Fault> {
        let failed = |status: tonic::Status| match status.code() {
            tonic::Code::ResourceExhausted => Fault::Refused,
            _ => Fault::Failed(format!("over gRPC: {status:?}")),
        };
        let mut request = Request::new(SendMessageRequest {
            session_id: session.to_owned(),
            text: "And what then?".to_owned(),
            ..SendMessageRequest::default()
        });
        let bearer = format!("Bearer {token}").parse();
        let bearer = bearer.map_err(|_| Fault::Failed("a token is no header".to_owned()))?;
        request.metadata_mut().insert("authorization", bearer);
        let mut messages = MessageServiceClient::new(self.grpc.clone());
        let mut reply = messages
            .send_message(request)
            .await
            .map_err(failed)?
            .into_inner();
        for _ in 0..3 {
            reply.message().await.map_err(failed)?;
        }
        Ok(())
    }
}
