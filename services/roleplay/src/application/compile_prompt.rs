//! From a session to the prompt of its next reply: gathers what the compiler needs, in as much as the model's window
//! can hold, and never the whole history.

use std::borrow::Cow;
use std::sync::Arc;

use mesh::Ctx;

use super::ancestry::Path;
use super::cast::{Player, Sheet};
use super::plot::{Plot, premise};
use super::recall::{Kept, Scene};
use super::words::{Spoken, Words};
use super::{Chats, Error};
use crate::domain::ids::MessageId;
use crate::domain::macros::Moment;
use crate::domain::message::{Author, MessageKind};
use crate::domain::name;
use crate::domain::prompt::{
    Compiled, Draft, Kind, Material, Persona, Prompt, Recall, Receipt, Settings, Turn,
};
use crate::domain::role::Role;
use crate::domain::session::{ReplySettings, Session};
use crate::infrastructure::models::Model;
use crate::infrastructure::queries::path::{self, Line};

/// The history is read until it has so many bytes for each token of the window: in no language do tokens hold more
/// text than that on average.
const MAX_BYTES_PER_TOKEN: usize = 8;
/// However large the window.
const MAX_HISTORY_BYTES: usize = 8 << 20;
/// A message takes at least so many tokens, with its role or name.
const MIN_MESSAGE_TOKENS: usize = 4;
/// However large the window: a prompt has at most 20,000 messages.
const MAX_HISTORY_MESSAGES: usize = 10_000;

/// A prompt to compile.
pub(super) struct Wanted<'w> {
    /// What the model is to do.
    pub(super) kind: Kind,
    /// The last stored message that it is to know.
    pub(super) tip: Option<MessageId>,
    /// The person's message that follows it and isn't stored yet, as it was sent.
    pub(super) said: Option<&'w str>,
    /// The id that this message will have.
    pub(super) said_id: Option<MessageId>,
    /// In which voice it is said.
    pub(super) kind_said: MessageKind,
}

impl Wanted<'_> {
    /// A prompt that ends with what is stored.
    pub(super) fn after(tip: Option<MessageId>, kind: Kind) -> Self {
        Self {
            kind,
            tip,
            said: None,
            said_id: None,
            kind_said: MessageKind::default(),
        }
    }
}

/// What a prompt is made of, as the tables and the other services have it.
struct Gathered {
    /// What it plays, whose character isn't deleted.
    played: (Plot, Arc<Sheet>),
    player: Player,
    model: Model,
    /// The history, newest first.
    lines: Vec<Line>,
    /// What the session keeps for prompts; nothing where nothing is recalled.
    kept: Kept,
    /// Whether memories are recalled.
    recalls: bool,
}

/// A prompt that fits its model.
pub(crate) struct CompiledPrompt {
    /// The model.
    pub(crate) model: Model,
    /// What it is sent.
    pub(crate) prompt: Prompt,
    /// Where each part comes from.
    pub(crate) receipt: Receipt,
    /// True if tokens were estimated.
    pub(crate) estimated: bool,
    /// Most tokens of the reply.
    pub(crate) max_tokens: u32,
    /// What the person is called in it.
    pub(crate) player_name: String,
    /// What is said with it.
    pub(super) spoken: Spoken,
    /// What it plays.
    pub(super) plot: Plot,
}

impl Chats {
    /// The prompt that the next reply in a session would be generated from.
    pub(crate) async fn preview_prompt(
        &self,
        ctx: &Ctx,
        session: &Session,
    ) -> Result<CompiledPrompt, Error> {
        let wanted = Wanted::after(session.branch.head, Kind::Reply);
        Ok(self.compile(ctx, session, wanted).await?.readable())
    }

    /// Compiles a prompt.
    pub(super) async fn compile(
        &self,
        ctx: &Ctx,
        session: &Session,
        wanted: Wanted<'_>,
    ) -> Result<CompiledPrompt, Error> {
        let gathered = self.gather(ctx, session, wanted.tip).await?;
        let Gathered {
            played: (plot, sheet),
            player,
            model,
            mut lines,
            kept,
            recalls,
        } = gathered;
        let words = Words::of(session, plot.clone(), player.clone());
        let story = plot.story.as_deref();
        let spoken = self.spoken(session, &wanted, words, &model, &mut lines)?;
        let recent: Vec<MessageId> = lines.iter().map(|line| line.id).collect();
        let path = wanted.tip.map(|tip| Path {
            session: session.id,
            tip,
            recent: &recent,
        });
        let pinned = self.memories.pinned_on(path, kept.pinned).await?;
        let settings = self.prompt_settings(&session.settings, &model);
        let (earlier, earlier_of_character) = earlier(&lines);
        let idle_secs = self.idle_secs(&lines);
        let turns = turns(lines, &player, &wanted, spoken.said.clone());
        let mut material = Material {
            lore: sheet.lore.as_ref(),
            persona: Persona {
                name: &player.name,
                description: &player.description,
            },
            memories: &pinned,
            recall: match recalls {
                true => Recall::NotNeeded,
                false => Recall::Off,
            },
            earlier_message_count: earlier,
            earlier_assistant_count: earlier_of_character,
            kind: wanted.kind,
            now: Some(self.moment()),
            idle_secs,
            model: &model.id,
            session_seed: Session::seed(session.id),
            scenario: story.and_then(premise),
            notes: story.map_or(&[], |story| &story.told.notes),
            filled: story.map(|story| &story.told.filled),
            ..Material::new(&sheet.card, &turns)
        };
        let seed = prompt_seed(session);
        let (mut compiled, mut estimated) = self.fit(ctx, &material, &settings, seed).await?;
        let recalled;
        // A prompt that holds the whole history misses nothing, and need not wait for a search.
        if recalls && (compiled.receipt.dropped_messages > 0 || kept.has_notes) {
            let scene = Scene {
                session: session.id,
                path,
                turns: &turns,
                said: compiled.receipt.surely_said(),
            };
            (material.recall, recalled) = self.memories.recall(ctx, scene, &pinned).await;
            material.memories = &recalled;
            (compiled, estimated) = self.fit(ctx, &material, &settings, seed).await?;
        }
        let Compiled { prompt, receipt } = compiled;
        Ok(CompiledPrompt {
            prompt,
            receipt,
            estimated,
            max_tokens: settings.max_reply_tokens,
            player_name: player.name.clone(),
            model: model.clone(),
            spoken,
            plot: plot.clone(),
        })
    }

    fn prompt_settings(&self, reply: &ReplySettings, model: &Model) -> Settings {
        let max_tokens = reply.reply_tokens(model.max_reply_tokens, model.window_tokens);
        Settings {
            form: model.form,
            window_tokens: model.window_tokens,
            max_reply_tokens: max_tokens,
            memory: self.memories.config.settings(),
            ..reply.prompt.over(Settings::default())
        }
    }

    /// Reads all that a prompt is made of, at the same time where nothing depends on the other.
    async fn gather(
        &self,
        ctx: &Ctx,
        session: &Session,
        tip: Option<MessageId>,
    ) -> Result<Gathered, Error> {
        let recalls = self.memories.config.enabled && session.settings.recall.unwrap_or(true);
        let plot = async {
            let plot = self.plot(ctx, session).await?;
            let sheet = plot.sheet.clone().ok_or(Error::CharacterDeleted)?;
            Ok((plot, sheet))
        };
        let history = async {
            let model = self.models.resolve(ctx, &session.model_id).await?;
            let lines = self.history(session, tip, model.window_tokens).await?;
            Ok::<_, Error>((model, lines))
        };
        let kept = async {
            match recalls {
                true => self.memories.kept(session.id).await,
                false => Ok(Kept::default()),
            }
        };
        let player = self.player(ctx, session.persona_id);
        let (played, player, (model, lines), kept) = tokio::try_join!(plot, player, history, kept)?;
        Ok(Gathered {
            played,
            player,
            model,
            lines,
            kept,
            recalls,
        })
    }

    async fn fit(
        &self,
        ctx: &Ctx,
        material: &Material<'_>,
        settings: &Settings,
        seed: u64,
    ) -> Result<(Compiled, bool), Error> {
        let draft = Draft::new(material, settings, seed)?;
        let texts: Vec<String> = draft.texts().into_iter().map(str::to_owned).collect();
        let counts = self.models.count(ctx, material.model, &texts).await?;
        Ok((draft.fit(|text| counts.of(text))?, counts.estimated))
    }

    /// As much of the path to `tip` as a window can hold, newest first.
    async fn history(
        &self,
        session: &Session,
        tip: Option<MessageId>,
        window_tokens: u32,
    ) -> Result<Vec<Line>, Error> {
        let Some(tip) = tip else {
            return Ok(Vec::new());
        };
        let window = usize::try_from(window_tokens).unwrap_or(usize::MAX);
        let limits = path::Limits {
            messages: (window / MIN_MESSAGE_TOKENS + 1).min(MAX_HISTORY_MESSAGES),
            bytes: window
                .saturating_mul(MAX_BYTES_PER_TOKEN)
                .min(MAX_HISTORY_BYTES),
        };
        let lines = path::lines(self.db.read(), session.id, tip, limits).await?;
        if lines.is_empty() {
            Err(Error::NotFound("message"))
        } else {
            Ok(lines)
        }
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            unix_secs: self.host.clock.now().secs(),
            utc_offset_minutes: 0,
        }
    }

    /// Seconds since the person's last message.
    pub(super) fn idle_secs(&self, newest_first: &[Line]) -> Option<u64> {
        let said = newest_first
            .iter()
            .find(|message| message.author == Author::Person)?;
        Some(self.host.clock.now().since(said.create_time).as_secs())
    }
}

/// The chance of a prompt: the session's if it sets one, so that a reply can be repeated. Of 32 bits, which JSON and
/// every provider can carry.
fn prompt_seed(session: &Session) -> u64 {
    match session.settings.seed {
        Some(seed) => seed.cast_unsigned(),
        None => u64::from(rand::random::<u32>()),
    }
}

/// How many messages are older than these, and how many of them are the character's.
pub(super) fn earlier(newest_first: &[Line]) -> (u32, u32) {
    let Some(oldest) = newest_first.last() else {
        return (0, 0);
    };
    let own = i32::from(oldest.author == Author::Character);
    let count = |count: i32| u32::try_from(count).unwrap_or(0);
    (count(oldest.depth), count(oldest.character_count - own))
}

fn turns(
    newest_first: Vec<Line>,
    player: &Player,
    wanted: &Wanted<'_>,
    said: Option<String>,
) -> Vec<Turn<'static>> {
    let stored = newest_first.into_iter().rev().map(|message| Turn {
        id: Cow::Owned(message.id.to_string()),
        role: role(message.kind, message.author),
        name: Cow::Owned(name::spoken(&message.speaker_name).into_owned()),
        text: Cow::Owned(message.text),
    });
    let said = said.map(|text| Turn {
        id: Cow::Owned(wanted.said_id.map(|id| id.to_string()).unwrap_or_default()),
        role: role(wanted.kind_said, Author::Person),
        name: Cow::Owned(speaker_name(wanted.kind_said, &player.name)),
        text: Cow::Owned(text),
    });
    // What models don't read has no text here, and what says nothing isn't sent.
    let turns = stored.chain(said);
    turns.filter(|turn| !turn.text.trim().is_empty()).collect()
}

/// As whom a model reads a message.
fn role(kind: MessageKind, author: Author) -> Role {
    match (kind, author) {
        (MessageKind::Narration, _) => Role::System,
        (_, Author::Character) => Role::Assistant,
        (_, Author::Person) => Role::User,
    }
}

/// Under which name a person's message stands: a narrator has none.
pub(super) fn speaker_name(kind: MessageKind, player: &str) -> String {
    match kind {
        MessageKind::Narration => String::new(),
        MessageKind::Dialogue | MessageKind::OutOfCharacter => player.to_owned(),
    }
}
