//! An open session: each command as a call or two of the public API.

mod bookmarks;
mod branches;
mod cast;
mod history;
mod memory;
mod models;
mod people;
mod prompt;
mod swipes;

use anyhow::{Context, Result, anyhow, bail};
use prost_types::FieldMask;
use tonic::{Code, Status};
use troupe_proto::roleplay::{
    CancelGenerationRequest, ContinueMessageRequest, GetSessionRequest, Message, MessageState,
    SendMessageRequest, Session, UpdateMessageRequest, WatchGenerationRequest,
};

use super::api::Api;
use super::command::Command;
use super::failure::{explain, is_lost};
use super::input::Input;
use super::joining;
use super::reply;
use super::scenarios;
use super::screen::Screen;

/// The longest page that the server gives.
const PAGE_LENGTH: i32 = 200;
/// How much of a session is shown when it is opened.
const OPENING_LENGTH: usize = 10;

/// A session that the person has open.
pub(crate) struct Conversation<'a> {
    api: &'a mut Api,
    input: &'a mut Input,
    screen: Screen,
    session_id: String,
}

impl<'a> Conversation<'a> {
    /// Opens a session and shows where it stands.
    pub(crate) async fn open(
        api: &'a mut Api,
        (input, screen): (&'a mut Input, Screen),
        session: &Session,
    ) -> Result<Self> {
        let mut this = Self {
            api,
            input,
            screen,
            session_id: session.id.clone(),
        };
        screen.note(&format!(
            "Session {}: {}. /help lists the commands.",
            session.id, session.title
        ))?;
        this.introduce().await?;
        this.history(OPENING_LENGTH).await?;
        if !session.running_generation_id.is_empty() {
            this.watch_running(session.running_generation_id.clone())
                .await?;
        }
        Ok(this)
    }

    /// The clients it calls.
    pub(crate) fn api(&mut self) -> &mut Api {
        self.api
    }

    /// Asks for the next line. None once there are no more.
    pub(crate) async fn ask(&mut self, prompt: &str) -> Result<Option<String>> {
        self.input.ask(prompt).await
    }

    /// Starts another session from a scenario.
    pub(crate) async fn start_scenario(&mut self, wanted: &str) -> Result<Session> {
        scenarios::start_named(self.api, self.input, self.screen, wanted).await
    }

    /// Takes part in somebody's session, if the person still wants to once they see which.
    pub(crate) async fn join(&mut self, code: &str) -> Result<Option<Session>> {
        joining::join(self.api, self.input, self.screen, code).await
    }

    /// Does what a command says. Commands that end the conversation are the caller's.
    pub(crate) async fn perform(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Say(text) => self.say(text).await,
            Command::Swipe(swipe) => self.swipe(swipe).await,
            Command::Continue => self.go_on().await,
            Command::Edit { place, text } => self.edit(place, text).await,
            Command::Hide(place) => self.hide(place).await,
            Command::Bookmark { place, title } => self.bookmark(place, title).await,
            Command::Bookmarks => self.list_bookmarks().await,
            Command::Branch { place, title } => self.branch(place, title).await,
            Command::Branches(None) => self.list_branches().await,
            Command::Branches(Some(number)) => self.select_branch(number).await,
            Command::History(count) => self.history(count).await,
            Command::Memories => self.list_memories().await,
            Command::Note(text) => self.note(text).await,
            Command::Pin(number) => self.pin(number).await,
            Command::Forget(number) => self.forget(number).await,
            Command::Prompt => self.show_prompt().await,
            Command::People => self.list_people().await,
            Command::Invite(invite) => self.invite(invite).await,
            Command::Remove(number) => self.remove(number).await,
            Command::Cast => self.list_cast().await,
            Command::Add(name) => self.add(name).await,
            Command::Drop(who) => self.take_out(&who).await,
            Command::Mute { who, muted } => self.mute(&who, muted).await,
            Command::Let(who) => self.let_speak(&who).await,
            Command::Auto(replies) => self.auto(replies).await,
            Command::Turns(strategy) => self.set_turns(strategy).await,
            Command::Cancel => self.cancel().await,
            Command::Model(None) => self.list_models().await,
            Command::Model(Some(model)) => self.use_model(model).await,
            Command::Help => self.screen.line(super::command::HELP),
            Command::Scenarios => scenarios::show(self.api, self.screen).await,
            Command::Join(_) | Command::Leave | Command::Scenario(_) => Ok(()),
            Command::WhoAmI | Command::Sessions | Command::Quit | Command::Nothing => Ok(()),
        }
    }

    /// Sends a message. One that may have been lost on its way is sent again under the same request id, which the
    /// server takes once.
    async fn say(&mut self, text: String) -> Result<()> {
        let request = SendMessageRequest {
            session_id: self.session_id.clone(),
            text,
            request_id: platform::id::RequestId::new().to_string(),
            ..Default::default()
        };
        let first = self.api.messages.send_message(request.clone()).await;
        let answer = match first {
            Err(status) if is_lost(&status) => self.api.messages.send_message(request).await,
            answer => answer,
        };
        self.show_reply(answer.map(reply::events)).await
    }

    async fn go_on(&mut self) -> Result<()> {
        let message = self.message_at(1).await?;
        let request = ContinueMessageRequest {
            session_id: self.session_id.clone(),
            message_id: message.id,
            request_id: platform::id::RequestId::new().to_string(),
        };
        let answer = self.api.messages.continue_message(request).await;
        self.show_reply(answer.map(reply::events)).await
    }

    pub(super) async fn show_reply(&mut self, events: Result<reply::Events, Status>) -> Result<()> {
        let events = events.map_err(refused)?;
        let message = reply::show(self.api, events, self.input, self.screen).await?;
        match message {
            Some(message) if message.swipe_count > 1 => self.note_swipe(&message),
            _ => Ok(()),
        }
    }

    async fn watch_running(&mut self, generation_id: String) -> Result<()> {
        self.screen.note("A reply is being written:")?;
        let request = WatchGenerationRequest {
            generation_id,
            offset: 0,
        };
        let answer = self.api.generations.watch_generation(request).await;
        self.show_reply(answer.map(reply::events)).await
    }

    async fn edit(&mut self, place: usize, text: Option<String>) -> Result<()> {
        let message = self.message_at(place).await?;
        let text = match text {
            Some(text) => text,
            None if self.input.edits() => {
                let prompt = format!("{}: ", message.speaker_name);
                self.input
                    .ask_to_change(&prompt, &message.text)
                    .await?
                    .unwrap_or_default()
            }
            None => bail!("type the new text after /edit"),
        };
        if text.trim().is_empty() {
            return self.screen.note("Nothing was changed.");
        }
        // With the etag of what was shown: another window may have changed it meanwhile.
        let changed = Message {
            id: message.id,
            text,
            etag: message.etag,
            ..Default::default()
        };
        self.change(changed, "text").await
    }

    async fn hide(&mut self, place: usize) -> Result<()> {
        let message = self.message_at(place).await?;
        let changed = Message {
            hidden: !message.hidden,
            ..message
        };
        self.change(changed, "hidden").await
    }

    async fn change(&mut self, message: Message, field: &str) -> Result<()> {
        let request = UpdateMessageRequest {
            session_id: self.session_id.clone(),
            message: Some(message),
            update_mask: Some(FieldMask {
                paths: vec![field.to_owned()],
            }),
        };
        let answer = self.api.messages.update_message(request).await;
        let changed = answer.map_err(refused)?.into_inner().message;
        self.show_message(&changed.unwrap_or_default())
    }

    async fn cancel(&mut self) -> Result<()> {
        let generation_id = self.session().await?.running_generation_id;
        if generation_id.is_empty() {
            return self.screen.note("No reply is being written.");
        }
        let request = CancelGenerationRequest { generation_id };
        self.api
            .generations
            .cancel_generation(request)
            .await
            .map_err(refused)?;
        self.screen.note("Cancelled; the text so far is kept.")
    }

    pub(super) async fn session(&mut self) -> Result<Session> {
        let request = GetSessionRequest {
            session_id: self.session_id.clone(),
        };
        let answer = self
            .api
            .sessions
            .get_session(request)
            .await
            .map_err(refused)?;
        answer
            .into_inner()
            .session
            .context("the server sent no session")
    }

    pub(super) fn show_message(&self, message: &Message) -> Result<()> {
        self.screen.speaker(&message.speaker_name)?;
        self.screen.line(&message.text)?;
        match message.state() {
            MessageState::Cancelled => self.screen.note("[cancelled]"),
            MessageState::Interrupted => self.screen.note("[interrupted]"),
            MessageState::Failed => self.screen.note("[the model failed here]"),
            _ => Ok(()),
        }?;
        if message.hidden {
            self.screen.note("[hidden from the model]")?;
        }
        if message.swipe_count > 1 {
            self.note_swipe(message)
        } else {
            Ok(())
        }
    }

    pub(super) fn note_swipe(&self, message: &Message) -> Result<()> {
        let Message {
            swipe_index,
            swipe_count,
            ..
        } = message;
        self.screen.note(&format!(
            "[{} of {swipe_count}; /swipe next or prev]",
            swipe_index + 1
        ))
    }
}

/// The refusal of a call as an error for people.
pub(super) fn refused(status: Status) -> anyhow::Error {
    match status.code() {
        Code::NotFound => anyhow!("{}; /sessions shows what there is", explain(&status)),
        _ => anyhow!(explain(&status)),
    }
}
