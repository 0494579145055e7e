//! Lets a character answer a chat that somebody else keeps. Nothing of it is stored here; `ai` records what it took.

use std::borrow::Cow;
use std::sync::Arc;

use async_stream::try_stream;
use futures::Stream;
use mesh::Ctx;

use super::asking::check_available;
use super::cast::{Player, Sheet};
use super::{Chats, Error};
use crate::domain::generation::Trimmer;
use crate::domain::ids::{CharacterId, GenerationId};
use crate::domain::macros::{Macros, Resolver, literal};
use crate::domain::participant::Seat;
use crate::domain::prompt::{Compiled, Kind, Material, Persona, Settings, Turn};
use crate::domain::role::Role;
use crate::domain::scenario::{NOTE_DEPTH, Note};
use crate::domain::session::ReplySettings;
use crate::domain::veils::{Veil, Veils};
use crate::infrastructure::models::{End, Inference, Model, Writing, Written, broke_off};

/// A chat to answer.
pub(crate) struct Chat {
    /// Who answers.
    pub(crate) character_id: CharacterId,
    /// What was said, oldest first. What the character has begun to say last, it goes on with.
    pub(crate) turns: Vec<Turn<'static>>,
    /// What the model is told besides; may be blank.
    pub(crate) note: String,
    /// The model; empty for the default one.
    pub(crate) model_id: String,
    /// How the reply is generated.
    pub(crate) settings: ReplySettings,
}

/// A part of an answer.
#[derive(Debug)]
pub(crate) enum Answered {
    /// Text, never empty.
    Text(String),
    /// The end.
    Finished(End),
}

/// What is said around the chat.
struct Parts {
    sheet: Arc<Sheet>,
    player: Player,
    model: Model,
}

impl Chats {
    /// Starts an answer. Dropping it stops the model.
    pub(crate) async fn answer_chat(
        &self,
        ctx: &Ctx,
        chat: Chat,
    ) -> Result<impl Stream<Item = Result<Answered, Error>> + Send + use<>, Error> {
        let parts = self.parts(ctx, &chat).await?;
        let (compiled, max_tokens) = self.answer_prompt(ctx, &chat, &parts).await?;
        let inference = Inference {
            generation_id: GenerationId::new(),
            user_id: ctx.user_id()?,
            session_id: None,
            model_id: parts.model.id,
            stable_bytes: compiled.stable_bytes,
            prompt: compiled.prompt,
            settings: chat.settings,
            prompt_tokens: compiled.receipt.prompt_tokens,
            max_tokens,
        };
        let writing = self.models.generate(ctx, inference).await?;
        let names = (
            parts.sheet.card.display_name().into_owned(),
            parts.player.name,
        );
        Ok(answer(writing, names))
    }

    /// What the caller may use for it.
    async fn parts(&self, ctx: &Ctx, chat: &Chat) -> Result<Parts, Error> {
        let (db, id, user) = (self.db.read(), chat.character_id, ctx.user_id()?);
        let seat = Seat::of_newcomer(user);
        let model = async {
            let model = self.models.resolve(ctx, &chat.model_id).await?;
            check_available(&model)?;
            Ok::<_, Error>(model)
        };
        self.access.usable_character(db, user, id, None).await?;
        let (sheet, player, model) = tokio::try_join!(
            self.sheet(id, &chat.settings.prompt),
            self.player(ctx, &seat),
            model
        )?;
        let sheet = sheet.ok_or(Error::NotFound("character"))?;
        Ok(Parts {
            sheet,
            player,
            model,
        })
    }

    /// The prompt, and the most tokens of the reply.
    async fn answer_prompt(
        &self,
        ctx: &Ctx,
        chat: &Chat,
        parts: &Parts,
    ) -> Result<(Compiled, u32), Error> {
        let Parts {
            sheet,
            player,
            model,
        } = parts;
        let note = Note {
            text: literal(&chat.note).into_owned(),
            depth: NOTE_DEPTH,
            role: Role::System,
        };
        let has_note = !chat.note.trim().is_empty();
        let notes = if has_note { vec![note] } else { Vec::new() };
        let veil = Veil {
            cards: vec![sheet.is_hidden_from(ctx.user_id()?)],
            scenario: false,
        };
        let goes_on = chat
            .turns
            .last()
            .is_some_and(|last| last.role == Role::Assistant);
        let material = Material {
            lore: sheet.lore.as_ref(),
            persona: Persona {
                name: &player.name,
                description: &player.description,
            },
            notes: &notes,
            kind: if goes_on { Kind::Continue } else { Kind::Reply },
            now: Some(self.moment()),
            model: &model.id,
            // What a person writes tells nothing of a card that they may not read.
            veils: Veils {
                people: veil.clone(),
                scenario: veil,
                cards: Vec::new(),
            },
            ..Material::new(&sheet.card, &chat.turns)
        };
        let settings = &chat.settings;
        let max_tokens = settings.reply_tokens(model.max_reply_tokens, model.window_tokens);
        let compile = Settings {
            form: model.form,
            window_tokens: model.window_tokens,
            max_reply_tokens: max_tokens,
            ..settings.prompt.over(Settings::default())
        };
        let chance = settings.seed.map(i64::cast_unsigned);
        let seed = chance.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        let (compiled, _) = self.fit(ctx, &material, &compile, seed).await?;
        Ok((compiled, max_tokens))
    }
}

/// What the model writes, as it is read: without blanks around it, and with its macros of names resolved.
fn answer(
    mut writing: Writing,
    (character, person): (String, String),
) -> impl Stream<Item = Result<Answered, Error>> + Send {
    let (mut resolver, mut trimmer) = (Resolver::default(), Trimmer::after(""));
    let chance: u64 = rand::random();
    let macros = move |nth: u64| {
        let names = Macros::of_names("", "", 0);
        Macros {
            char: Cow::Owned(character.clone()),
            user: Cow::Owned(person.clone()),
            seed: chance ^ nth,
            ..names
        }
    };
    try_stream! {
        while let Some(written) = writing.next().await? {
            match written {
                Written::Delta(delta) => {
                    let text = trimmer.push(&resolver.push(&delta, &macros));
                    if !text.is_empty() {
                        yield Answered::Text(text);
                    }
                }
                Written::Spent(_) => {}
                Written::Finished(end) => {
                    let rest = trimmer.push(&resolver.finish(&macros)) + &trimmer.finish();
                    if !rest.is_empty() {
                        yield Answered::Text(rest);
                    }
                    yield Answered::Finished(end);
                    return;
                }
            }
        }
        Err(broke_off())?;
    }
}
