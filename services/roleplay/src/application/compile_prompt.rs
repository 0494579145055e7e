//! From a session to the prompt of its next reply: gathers what the compiler needs, in as much as the model's window
//! can hold, and never the whole history.

use std::sync::Arc;

use mesh::Ctx;

use super::ancestry::Path;
use super::cast::Player;
use super::ensemble::Ensemble;
use super::plot::premise;
use super::recall::{Kept, Scene};
use super::turns::{earlier, turns};
use super::words::{Spoken, Words};
use super::{Chats, Error};
use crate::domain::ids::{MessageId, SessionId};
use crate::domain::macros::Moment;
use crate::domain::message::{Author, MessageKind};
use crate::domain::prompt::{
    Compiled, Draft, Kind, Material, NameStyle, Persona, Prompt, Recall, Receipt, Settings,
};
use crate::domain::session::Session;
use crate::domain::turn::Speaker;
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
    /// Who speaks, or is spoken to where the person does.
    pub(super) speaker: Speaker,
}

impl Wanted<'_> {
    /// A prompt that ends with what is stored.
    pub(super) fn after(tip: Option<MessageId>, kind: Kind, speaker: Speaker) -> Self {
        Self {
            kind,
            tip,
            said: None,
            said_id: None,
            kind_said: MessageKind::default(),
            speaker,
        }
    }
}

/// What a prompt is made of, as the tables and the other services have it.
struct Gathered {
    player: Player,
    greeter: Option<Player>,
    /// The others who write, as far as they are described.
    others: Vec<Player>,
    model: Model,
    /// The history, newest first.
    lines: Vec<Line>,
    /// What the session keeps for prompts; nothing where nothing is recalled.
    kept: Kept,
    /// Whether memories are recalled.
    recall: Recall,
}

/// A prompt that fits its model.
pub(crate) struct CompiledPrompt {
    /// The model.
    pub(crate) model: Model,
    /// What it is sent.
    pub(crate) prompt: Prompt,
    /// How many bytes of it the next prompts are likely to begin with too.
    pub(crate) stable_bytes: usize,
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
    /// What the session plays.
    pub(super) ensemble: Arc<Ensemble>,
    /// Who speaks, or is spoken to where the person does.
    pub(super) speaker: Speaker,
    /// What that character is called.
    pub(crate) speaker_name: String,
}

impl Chats {
    /// Compiles a prompt.
    pub(super) async fn compile(
        &self,
        ctx: &Ctx,
        session: &Session,
        ensemble: &Arc<Ensemble>,
        wanted: Wanted<'_>,
    ) -> Result<CompiledPrompt, Error> {
        self.compile_within(ctx, session, ensemble, wanted, u32::MAX)
            .await
    }

    /// Compiles a prompt for a window of at most so many tokens, whatever the model says.
    pub(super) async fn compile_within(
        &self,
        ctx: &Ctx,
        session: &Session,
        ensemble: &Arc<Ensemble>,
        wanted: Wanted<'_>,
        most_tokens: u32,
    ) -> Result<CompiledPrompt, Error> {
        let speaker = wanted.speaker.character_id;
        let sheet = ensemble.sheet(speaker).ok_or(Error::CharacterDeleted)?;
        let gathered = self.gather(ctx, session, wanted.tip, most_tokens).await?;
        let Gathered {
            player,
            greeter,
            others,
            model,
            mut lines,
            kept,
            recall,
        } = gathered;
        let own = (ensemble.clone(), Some(speaker));
        let words = Words::of(session, own, player.clone(), greeter);
        let story = ensemble.story.as_deref();
        let described = self.described(&words, &others)?;
        let spoken = self.spoken(session, &wanted, words, &model, &mut lines)?;
        let recent: Vec<MessageId> = lines.iter().map(|line| line.id).collect();
        let path = wanted.tip.map(|tip| Path {
            session: session.id,
            tip,
            recent: &recent,
        });
        let pinned = self.memories.pinned_on(path, kept.pinned).await?;
        let settings = self.prompt_settings(session, ensemble, &model);
        let members = ensemble.group_members(speaker);
        let (earlier, earlier_of_character) = earlier(&lines);
        let idle_secs = self.idle_secs(&lines);
        let turns = turns(lines, &player, &wanted, spoken.said.clone());
        let material = Material {
            group: session.settings.turns.group(&members),
            lore: ensemble.lore(),
            persona: Persona {
                name: &player.name,
                description: &described,
            },
            memories: &pinned,
            recall,
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
            veils: ensemble.veils(),
            ..Material::new(&sheet.card, &turns)
        };
        let seed = prompt_seed(session);
        let scene = (session.id, path);
        let fitted = self.fit_recalling(ctx, scene, material, (&settings, seed), kept.has_notes);
        let (compiled, estimated) = fitted.await?;
        Ok(CompiledPrompt {
            prompt: compiled.prompt,
            stable_bytes: compiled.stable_bytes,
            receipt: compiled.receipt,
            estimated,
            max_tokens: settings.max_reply_tokens,
            player_name: player.name.clone(),
            model: model.clone(),
            spoken,
            ensemble: ensemble.clone(),
            speaker: wanted.speaker,
            speaker_name: sheet.card.display_name().into_owned(),
        })
    }

    /// Fits a prompt, with what is recalled into it. One that holds the whole history misses nothing, and need not wait for a search.
    async fn fit_recalling(
        &self,
        ctx: &Ctx,
        (session, path): (SessionId, Option<Path<'_>>),
        material: Material<'_>,
        (settings, seed): (&Settings, u64),
        has_notes: bool,
    ) -> Result<(Compiled, bool), Error> {
        let (compiled, estimated) = self.fit(ctx, &material, settings, seed).await?;
        let is_whole = compiled.receipt.dropped_messages == 0 && !has_notes;
        if material.recall == Recall::Off || is_whole {
            return Ok((compiled, estimated));
        }
        let scene = Scene {
            session,
            path,
            turns: material.history,
            said: compiled.receipt.surely_said(),
        };
        let (recall, recalled) = self.memories.recall(ctx, scene, material.memories).await;
        let material = Material {
            recall,
            memories: &recalled,
            ..material
        };
        self.fit(ctx, &material, settings, seed).await
    }

    fn prompt_settings(&self, session: &Session, ensemble: &Ensemble, model: &Model) -> Settings {
        let reply = &session.settings;
        let names = match session.shared {
            _ if ensemble.is_group() => NameStyle::Content,
            true => NameStyle::People,
            false => NameStyle::default(),
        };
        let max_tokens = reply.reply_tokens(model.max_reply_tokens, model.window_tokens);
        Settings {
            form: model.form,
            window_tokens: model.window_tokens,
            max_reply_tokens: max_tokens,
            memory: self.memories.config.settings(),
            names,
            ..reply.prompt.over(Settings::default())
        }
    }

    /// Reads all that a prompt is made of, at the same time where nothing depends on the other.
    async fn gather(
        &self,
        ctx: &Ctx,
        session: &Session,
        tip: Option<MessageId>,
        most_tokens: u32,
    ) -> Result<Gathered, Error> {
        let recalls = self.memories.config.enabled && session.settings.recall.unwrap_or(true);
        let history = async {
            let mut model = self.models.resolve(ctx, &session.model_id).await?;
            model.window_tokens = model.window_tokens.min(most_tokens);
            let lines = self.history(session, tip, model.window_tokens).await?;
            Ok::<_, Error>((model, lines))
        };
        let kept = async {
            match recalls {
                true => self.memories.kept(session.id).await,
                false => Ok(Kept::default()),
            }
        };
        let (player, greeter) = (self.player(ctx, &session.me), self.greeter(ctx, session));
        let others = self.others(session);
        let people = async { tokio::try_join!(player, greeter, others) };
        let ((player, greeter, others), (model, lines), kept) =
            tokio::try_join!(people, history, kept)?;
        Ok(Gathered {
            player,
            greeter,
            others,
            model,
            lines,
            kept,
            recall: match recalls {
                true => Recall::NotNeeded,
                false => Recall::Off,
            },
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
            unix_secs: self.clock.now().secs(),
            utc_offset_minutes: 0,
        }
    }

    /// Seconds since the person's last message.
    pub(super) fn idle_secs(&self, newest_first: &[Line]) -> Option<u64> {
        let said = newest_first
            .iter()
            .find(|message| message.author == Author::Person)?;
        Some(self.clock.now().since(said.create_time).as_secs())
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
