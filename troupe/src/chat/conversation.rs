//! An open session: each command as a call or two of the public API.

mod models;
mod prompt;
mod swipes;

use anyhow::{Context, Result, anyhow, bail};
use tonic::{Code, Status};
use troupe_proto::roleplay::{
    AttachGenerationRequest, Branch, CancelGenerationRequest, ContinueMessageRequest,
    CreateBranchRequest, EditMessageRequest, GetSessionRequest, ListBranchesRequest,
    ListMessagesRequest, Message, MessageRole, MessageState, SelectBranchRequest,
    SendMessageRequest, Session,
};

use super::api::Api;
use super::command::Command;
use super::failure::{explain, is_lost};
use super::input::Input;
use super::reply;
use super::screen::Screen;

/// How much of a session is shown when it is opened.
const OPENING_LENGTH: usize = 10;
const PAGE_LENGTH: usize = 200;

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

    /// Does what a command says. Commands that end the conversation are the caller's.
    pub(crate) async fn perform(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Say(text) => self.say(text).await,
            Command::Swipe(swipe) => self.swipe(swipe).await,
            Command::Continue => self.go_on().await,
            Command::Edit { place, text } => self.edit(place, text).await,
            Command::Branch { place, title } => self.branch(place, title).await,
            Command::Branches(None) => self.list_branches().await,
            Command::Branches(Some(number)) => self.select_branch(number).await,
            Command::History(count) => self.history(count).await,
            Command::Prompt => self.show_prompt().await,
            Command::Cancel => self.cancel().await,
            Command::Model(None) => self.list_models().await,
            Command::Model(Some(model)) => self.use_model(model).await,
            Command::Help => self.screen.line(super::command::HELP),
            Command::Sessions | Command::Quit | Command::Nothing => Ok(()),
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
        let request = AttachGenerationRequest {
            generation_id,
            offset: 0,
        };
        let answer = self.api.generations.attach_generation(request).await;
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
        let session_id = self.session_id.clone();
        let request = EditMessageRequest {
            session_id,
            message_id: message.id,
            text,
        };
        let answer = self
            .api
            .messages
            .edit_message(request)
            .await
            .map_err(refused)?
            .into_inner();
        self.show_message(&answer.message.unwrap_or_default())
    }

    async fn branch(&mut self, place: usize, title: String) -> Result<()> {
        let message_id = self.message_at(place).await?.id;
        let request = CreateBranchRequest {
            session_id: self.session_id.clone(),
            message_id,
            title,
        };
        let answer = self
            .api
            .sessions
            .create_branch(request)
            .await
            .map_err(refused)?
            .into_inner();
        let title = answer.branch.unwrap_or_default().title;
        self.screen
            .note(&format!("The session is turned to the new branch {title}."))
    }

    async fn branches(&mut self) -> Result<Vec<Branch>> {
        let request = ListBranchesRequest {
            session_id: self.session_id.clone(),
        };
        let answer = self
            .api
            .sessions
            .list_branches(request)
            .await
            .map_err(refused)?;
        Ok(answer.into_inner().branches)
    }

    async fn list_branches(&mut self) -> Result<()> {
        let current = self.session().await?.branch.unwrap_or_default().id;
        for (index, branch) in self.branches().await?.iter().enumerate() {
            let mark = if branch.id == current { '*' } else { ' ' };
            self.screen
                .line(&format!("{mark}{:3}  {}", index + 1, branch.title))?;
        }
        Ok(())
    }

    async fn select_branch(&mut self, number: usize) -> Result<()> {
        let branches = self.branches().await?;
        let branch = branches.get(number - 1);
        let branch_id = branch
            .with_context(|| format!("there is no branch {number}; /branches lists them"))?
            .id
            .clone();
        let request = SelectBranchRequest {
            session_id: self.session_id.clone(),
            branch_id,
        };
        self.api
            .sessions
            .select_branch(request)
            .await
            .map_err(refused)?;
        self.history(OPENING_LENGTH).await
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

    async fn history(&mut self, count: usize) -> Result<()> {
        let mut messages = self.last_messages(count).await?;
        let total = messages.len();
        messages.reverse();
        for (index, message) in messages.iter().enumerate() {
            self.screen.text(&format!("#{:<3} ", total - index))?;
            self.show_message(message)?;
        }
        Ok(())
    }

    /// The newest messages, newest first.
    async fn last_messages(&mut self, count: usize) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        let mut page_token = String::new();
        while messages.len() < count {
            let request = ListMessagesRequest {
                session_id: self.session_id.clone(),
                page_size: (count - messages.len()).min(PAGE_LENGTH) as i32,
                page_token,
                branch_id: String::new(),
            };
            let page = self
                .api
                .messages
                .list_messages(request)
                .await
                .map_err(refused)?
                .into_inner();
            messages.extend(page.messages);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(messages)
    }

    /// The message at a place counted from the end, from 1.
    async fn message_at(&mut self, place: usize) -> Result<Message> {
        let messages = self.last_messages(place).await?;
        let found = messages.into_iter().nth(place - 1);
        found.with_context(|| format!("there is no message #{place}; /history shows them"))
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

    /// The character's last message.
    pub(super) async fn last_reply(&mut self) -> Result<Message> {
        let messages = self.last_messages(2).await?;
        let is_reply = |message: &Message| message.role() == MessageRole::Character;
        messages
            .into_iter()
            .find(is_reply)
            .context("the character has said nothing yet")
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
