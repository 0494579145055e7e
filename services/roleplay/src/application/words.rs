//! What macros stand for in what is said in a session: in greetings, in what people write and in what models reply. Each text is
//! resolved once, when it is written; the same text is then shown, searched for keys and sent.

use std::borrow::Cow;
use std::sync::Arc;

use mesh::Ctx;

use super::cast::Player;
use super::compile_prompt::Wanted;
use super::ensemble::Ensemble;
use super::greetings::Settled;
use super::plot::premise;
use super::readers::Reader;
use super::turns::earlier;
use super::{Chats, Error};
use crate::domain::ids::CharacterId;
use crate::domain::macros::{
    Growth, LastMessages, MacroTexts, Macros, Moment, Outgrown, Purpose, literal,
};
use crate::domain::message::{Author, MessageKind};
use crate::domain::session::Session;
use crate::infrastructure::models::Model;
use crate::infrastructure::queries::path::Line;

/// What macros may add to what somebody says.
const MAX_GROWTH_BYTES: usize = 256 << 10;

/// What macros stand for, apart from chance.
#[derive(Debug, Clone)]
pub(super) struct Words {
    ensemble: Arc<Ensemble>,
    /// The character whom `{{char}}` stands for; none for the first.
    speaker: Option<CharacterId>,
    character_name: String,
    pub(super) player: Player,
    /// To whom greetings speak, where that isn't the player.
    greeter: Option<Player>,
    session_seed: u64,
}

impl Words {
    pub(super) fn of(
        session: &Session,
        (ensemble, speaker): (Arc<Ensemble>, Option<CharacterId>),
        player: Player,
        greeter: Option<Player>,
    ) -> Self {
        Self {
            ensemble,
            speaker,
            character_name: session.character_name.clone(),
            player,
            greeter,
            session_seed: Session::seed(session.id),
        }
    }

    /// Whether there is a character to answer.
    pub(super) fn has_character(&self) -> bool {
        self.ensemble.sheet_or_first(self.speaker).is_some()
    }

    /// What stands before what the speaker says in a prompt, where there are several; a model may repeat it.
    pub(super) fn label(&self) -> Option<String> {
        let speaker = self.speaker.filter(|_| self.ensemble.is_group())?;
        Some(self.ensemble.name(speaker))
    }

    /// The macros at a time, with the chance of a seed, for what is said: of a card and a scenario that the person may not read, they
    /// tell nothing.
    pub(super) fn macros(&self, now: Moment, seed: u64) -> Macros<'_> {
        self.macros_without(&self.player, now, seed, self.hidden_from(Reader::Me))
    }

    /// Whether the speaker's card and the scenario are hidden from somebody.
    fn hidden_from(&self, reader: Reader) -> (bool, bool) {
        let ensemble = &self.ensemble;
        let hides_card = ensemble.hides_card_of(self.speaker, reader);
        (hides_card, ensemble.hides_story(reader))
    }

    /// The same, where another character speaks.
    pub(super) fn spoken_by(&self, speaker: Option<CharacterId>) -> Self {
        Self {
            speaker,
            ..self.clone()
        }
    }

    /// As [`Words::macros`], for what another person in the session wrote, who may read less.
    pub(super) fn macros_of_other<'w>(
        &'w self,
        player: &'w Player,
        now: Moment,
        seed: u64,
    ) -> Macros<'w> {
        self.macros_without(player, now, seed, self.hidden_from(Reader::People))
    }

    /// What macros stand for, without the card or the scenario if they are hidden. What was filled into its blanks is never.
    fn macros_without<'w>(
        &'w self,
        player: &'w Player,
        now: Moment,
        seed: u64,
        (hides_card, hides_story): (bool, bool),
    ) -> Macros<'w> {
        let sheet = self.ensemble.sheet_or_first(self.speaker);
        let story = self.ensemble.story.as_deref();
        let mut texts = match sheet.filter(|_| !hides_card) {
            Some(sheet) => MacroTexts::of(&sheet.card, &player.description),
            None => MacroTexts {
                persona: Cow::Borrowed(&player.description),
                ..MacroTexts::default()
            },
        };
        if let Some(premise) = story.filter(|_| !hides_story).and_then(premise) {
            texts.scenario = Cow::Borrowed(premise);
        }
        Macros {
            char: match sheet {
                Some(sheet) => sheet.card.display_name(),
                None => Cow::Borrowed(&self.character_name),
            },
            user: Cow::Borrowed(&player.name),
            group: self.ensemble.group_names(self.speaker),
            texts,
            now: Some(now),
            seed,
            session_seed: self.session_seed,
            filled: story.map(|story| &story.told.filled),
            hides_variables: hides_story,
            ..Macros::default()
        }
    }

    /// Those of a greeting of this speaker. It may be of another card than the one that plays now, so that it tells nothing of one that
    /// isn't shown; the opening of a scenario is its author's, who says in it what they like of the scenario. Neither author says
    /// anything of what they may not read themselves, so that they learn nothing from those who let them watch.
    fn macros_of_greeting(&self, session: &Session) -> Macros<'_> {
        let story = self.ensemble.story.as_ref();
        let opening = story.filter(|it| it.told.has_opening);
        let writer = match opening {
            Some(story) => Reader::Writer(story.owner_id),
            None => self.card_writer(),
        };
        let (card_from_me, story_from_me) = self.hidden_from(Reader::Me);
        let (card_from_writer, story_from_writer) = self.hidden_from(writer);
        let hides_story = opening.is_none() && (story_from_me || story_from_writer);
        let hidden = (card_from_me || card_from_writer, hides_story);
        let player = self.greeter.as_ref().unwrap_or(&self.player);
        self.macros_without(player, moment(session), self.session_seed, hidden)
    }

    /// Who wrote what the speaker's card says. Of one that isn't in the session any more nobody knows.
    fn card_writer(&self) -> Reader {
        let sheet = match self.speaker {
            Some(id) => self.ensemble.sheet(id),
            None => self.ensemble.sheet_or_first(None),
        };
        sheet.map_or(Reader::Anybody, |sheet| Reader::Writer(sheet.owner_id))
    }

    /// A greeting of a character, the same each time: its chance is the session's, and its time that of the session.
    pub(super) fn greeting(
        &self,
        session: &Session,
        by: Option<CharacterId>,
        template: &str,
    ) -> String {
        let own = self.spoken_by(by);
        let macros = own.macros_of_greeting(session);
        // As for a prompt: what is shown is also what the model reads.
        macros.render(template, Purpose::Prompt).into_owned()
    }

    /// Looks whether the macros of an opening add no more than they may.
    pub(super) fn check_opening(&self, session: &Session, template: &str) -> Result<(), Outgrown> {
        let macros = self.macros_of_greeting(session);
        drop(macros.render(template, Purpose::Prompt));
        macros.growth.check()
    }
}

/// What is said with a prompt.
pub(crate) struct Spoken {
    /// What the person says, with its macros resolved.
    pub(super) said: Option<String>,
    /// The greetings that are answered, if nobody answered them before.
    pub(super) greetings: Vec<Settled>,
    /// What the macros of the reply stand for.
    pub(super) words: Words,
}

/// What somebody says, with its macros resolved.
pub(super) fn said(text: &str, macros: &Macros<'_>) -> Result<String, Outgrown> {
    let growth = Growth::within(MAX_GROWTH_BYTES);
    let text = macros.render_within(text, Purpose::Prompt, &growth);
    growth.check()?;
    Ok(text.into_owned())
}

/// As [`said`]; its macros must leave something of it. Blanks that were typed are taken, which no prompt has.
pub(super) fn something_said(text: &str, macros: &Macros<'_>) -> Result<String, Error> {
    let said = said(text, macros)?;
    if said.trim().is_empty() && !text.trim().is_empty() {
        let (field, description) = ("text", "says nothing once its macros are resolved");
        return Err(Error::Invalid { field, description });
    }
    Ok(said)
}

fn moment(session: &Session) -> Moment {
    Moment {
        unix_secs: session.create_time.secs(),
        utc_offset_minutes: 0,
    }
}

impl Chats {
    /// Resolves what the person says with a prompt, and the greeting that it answers, which is among the lines.
    pub(super) fn spoken(
        &self,
        session: &Session,
        wanted: &Wanted<'_>,
        words: Words,
        model: &Model,
        lines: &mut [Line],
    ) -> Result<Spoken, Error> {
        let greetings = Settled::of(lines, session, &words);
        let said = match wanted.said {
            Some(text) => Some(self.resolved(text, &words, model, lines)?),
            None => None,
        };
        Ok(Spoken {
            said,
            greetings,
            words,
        })
    }

    fn resolved(
        &self,
        text: &str,
        words: &Words,
        model: &Model,
        newest_first: &[Line],
    ) -> Result<String, Error> {
        let newest = |author: Option<Author>| {
            let is_it = |line: &&Line| match author {
                Some(author) => line.author == author && line.kind == MessageKind::Dialogue,
                None => true,
            };
            // What models don't read has no text here.
            let mut lines = newest_first
                .iter()
                .filter(|line| !line.text.trim().is_empty());
            lines.find(is_it).map_or("", |line| &line.text)
        };
        let earlier = usize::try_from(earlier(newest_first).0).unwrap_or(usize::MAX);
        let macros = Macros {
            last: LastMessages {
                any: newest(None),
                user: newest(Some(Author::Person)),
                character: newest(Some(Author::Character)),
                count: earlier.saturating_add(newest_first.len()),
            },
            idle_secs: self.idle_secs(newest_first),
            model: &model.id,
            ..words.macros(self.moment(), rand::random())
        };
        something_said(text, &macros)
    }

    /// Who takes part: the person whose turn it is, then the others with their names.
    pub(super) fn described(&self, words: &Words, others: &[Player]) -> Result<String, Error> {
        let mut description = words.player.description.clone();
        for other in others {
            let macros = words.macros_of_other(other, self.moment(), rand::random());
            let text = said(&other.description, &macros)?;
            if !description.is_empty() {
                description.push_str("\n\n");
            }
            let text = format!("{}: {}", other.name, text.trim());
            // Its macros are resolved: what looks like one is none.
            description.push_str(&literal(&text));
        }
        Ok(description)
    }

    /// What macros of greetings stand for, which speak to the session's owner. One whose name can't be had now has none, so that
    /// what is stored can be read.
    pub(super) async fn words_to_show(&self, ctx: &Ctx, session: &Session) -> Result<Words, Error> {
        let spoken_to = async {
            match self.greeter(ctx, session).await? {
                Some(owner) => Ok(owner),
                None => self.player(ctx, &session.me).await,
            }
        };
        let player = match spoken_to.await {
            Err(Error::Remote(status)) => {
                tracing::warn!(code = ?status.code(), "greetings are shown without the person's name");
                Player::nameless()
            }
            player => player?,
        };
        let ensemble = self.ensemble(session).await?;
        Ok(Words::of(session, (ensemble, None), player, None))
    }

    /// What macros stand for in a session now, where a character speaks or is spoken to.
    pub(super) async fn words(
        &self,
        ctx: &Ctx,
        session: &Session,
        speaker: Option<CharacterId>,
    ) -> Result<Words, Error> {
        let (player, greeter) = (self.player(ctx, &session.me), self.greeter(ctx, session));
        let (ensemble, player, greeter) =
            tokio::try_join!(self.ensemble(session), player, greeter)?;
        Ok(Words::of(session, (ensemble, speaker), player, greeter))
    }
}
