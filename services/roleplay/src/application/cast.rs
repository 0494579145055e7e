//! Who takes part in a session: the character, made ready for prompts, and whom the person plays.

use std::sync::Arc;

use mesh::Ctx;
use platform::Timestamp;

use super::{Chats, Error};
use crate::domain::book::Book;
use crate::domain::card::Card;
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, LorebookId, UserId};
use crate::domain::lorebook::{LoreSettings, Lorebook, Matcher};
use crate::domain::name;
use crate::domain::participant::{MAX_PARTICIPANTS, ParticipantRole, Seat};
use crate::domain::session::{PromptChoices, Session};
use crate::infrastructure::queries::{characters, lorebooks, participants, personas};

/// A person without a name of their own.
const NAMELESS: &str = "User";

/// A character made ready for prompts.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(super) card: Card,
    /// Whose character it is.
    pub(super) owner_id: UserId,
    /// Whether others who use it see its card.
    pub(super) is_shown: bool,
    /// The lorebook of the card and those that are attached, as one.
    pub(super) lore: Option<Matcher>,
    /// What the others than the card's have as JSON.
    attached_bytes: usize,
}

/// A character with its lorebooks, and when each last changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SheetKey {
    id: CharacterId,
    changed: Timestamp,
    /// Those that are attached.
    books: Vec<(LorebookId, Timestamp)>,
    /// What of a session's settings it depends on.
    settings: [bool; 4],
}

/// A character made ready, and as what.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) key: SheetKey,
    pub(super) sheet: Arc<Sheet>,
}

impl SheetKey {
    /// The character.
    pub(super) fn id(&self) -> CharacterId {
        self.id
    }

    /// The lorebooks that are attached to it.
    pub(super) fn books(&self) -> impl Iterator<Item = LorebookId> {
        self.books.iter().map(|(id, _)| *id)
    }
}

impl Sheet {
    fn of(character: Character, attached: &[Book], settings: &LoreSettings) -> Self {
        let own = character.card.character_book();
        let own = own.map(|book| (LorebookId::of_card(character.id), book));
        let attached_bytes = attached.iter().map(|it| it.document.size_bytes()).sum();
        let attached = attached.iter().map(|it| (it.id, it.document.parsed()));
        let books = own.into_iter().chain(attached).collect();
        let lore = Lorebook::merged(books, settings);
        Self {
            card: character.card,
            owner_id: character.owner_id,
            is_shown: character.sharing.shows_all(),
            lore: lore.map(|book| Matcher::new(book, settings)),
            attached_bytes,
        }
    }

    /// Whether the card is somebody else's who doesn't show it.
    pub(super) fn is_hidden_from(&self, user: UserId) -> bool {
        self.owner_id != user && !self.is_shown
    }

    /// About as many bytes as it takes in memory.
    pub(super) fn size(&self) -> u32 {
        /// For a byte of JSON: the document as values, and the texts of its book once more.
        const IN_MEMORY: usize = 3;
        let patterns = self.lore.as_ref().map_or(0, Matcher::pattern_bytes);
        let document = self.card.to_json(self.card.spec());
        let json = document.map_or(0, |json| json.len()) + self.attached_bytes;
        let size = IN_MEMORY * json + patterns;
        u32::try_from(size).unwrap_or(u32::MAX)
    }
}

/// Whom the person plays in a session.
#[derive(Debug, Clone)]
pub(super) struct Player {
    pub(super) name: String,
    pub(super) description: String,
}

impl Player {
    fn of(name: &str, description: String) -> Self {
        Self {
            name: named(name),
            description,
        }
    }

    /// A person without a name of their own.
    pub(super) fn nameless() -> Self {
        Self {
            name: NAMELESS.to_owned(),
            description: String::new(),
        }
    }
}

impl Chats {
    /// A character made ready for prompts. Whoever has a session with it was let use it when it joined.
    pub(super) async fn sheet(
        &self,
        id: CharacterId,
        choices: &PromptChoices,
    ) -> Result<Option<Arc<Sheet>>, Error> {
        let found = self.sheets(&[id], choices).await?;
        Ok(found.into_iter().next().map(|ready| ready.sheet))
    }

    /// As [`Chats::sheet`], of several, as far as they aren't deleted. What of them is kept ready is asked for together.
    pub(super) async fn sheets(
        &self,
        ids: &[CharacterId],
        choices: &PromptChoices,
    ) -> Result<Vec<Ready>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (db, settings) = (self.db.read(), Matcher::settings_key(&choices.lore()));
        let (found, attached) = tokio::try_join!(
            characters::update_times(db, ids),
            lorebooks::attached_times(db, ids)
        )?;
        let mut sheets = Vec::new();
        for (id, changed) in found {
            let books = attached.iter().filter(|(of, ..)| *of == id);
            let books = books.map(|(_, book, time)| (*book, *time));
            let key = SheetKey {
                id,
                changed,
                books: books.collect(),
                settings,
            };
            if let Some(sheet) = self.sheet_of_key(&key, choices).await? {
                sheets.push(Ready { key, sheet });
            }
        }
        Ok(sheets)
    }

    /// A character as it was found to be, or as it has become meanwhile.
    async fn sheet_of_key(
        &self,
        key: &SheetKey,
        choices: &PromptChoices,
    ) -> Result<Option<Arc<Sheet>>, Error> {
        if let Some(sheet) = self.sheets.get(key) {
            return Ok(Some(sheet));
        }
        let (db, id, lore) = (self.db.read(), key.id, choices.lore());
        let Some(character) = characters::anyones(db, id).await? else {
            return Ok(None);
        };
        let attached = match key.books.is_empty() {
            true => Vec::new(),
            false => lorebooks::attached(db, id).await?,
        };
        // What is kept is what was read, which may be newer than what was asked for.
        let books = attached.iter().map(|book| (book.id, book.update_time));
        let key = SheetKey {
            id,
            changed: character.update_time,
            books: books.collect(),
            settings: key.settings,
        };
        let sheet = Arc::new(Sheet::of(character, &attached, &lore));
        self.sheets.insert(key, sheet.clone());
        Ok(Some(sheet))
    }

    /// Whom somebody plays: a persona, or themselves under the name of their profile. A call of theirs asks for the name; what goes
    /// on without them takes the one that was last seen.
    pub(super) async fn player(&self, ctx: &Ctx, seat: &Seat) -> Result<Player, Error> {
        if let Some(id) = seat.persona_id {
            let persona = personas::find(self.db.read(), seat.user_id, id).await?;
            let persona = persona.ok_or(Error::NotFound("persona"))?;
            return Ok(Player::of(&persona.name, persona.description));
        }
        if ctx.user_id().is_ok_and(|user| user == seat.user_id) {
            let name = self.profiles.display_name(ctx).await?;
            return Ok(Player::of(&name, String::new()));
        }
        Ok(Player::of(&seat.name, String::new()))
    }

    /// The place of the caller who joins, with their name, and whom they play. The persona must be theirs.
    pub(super) async fn seated(&self, ctx: &Ctx, seat: Seat) -> Result<(Seat, Player), Error> {
        let player = self.player(ctx, &seat).await?;
        let name = match seat.persona_id {
            None => player.name.clone(),
            // A session can be opened while nobody knows what people are called.
            Some(_) => match self.profiles.display_name(ctx).await {
                Ok(name) => named(&name),
                Err(_) => String::new(),
            },
        };
        Ok((Seat { name, ..seat }, player))
    }

    /// To whom the greetings of a session speak, if that isn't who looks at it: its owner, so that all read the same.
    pub(super) async fn greeter(
        &self,
        ctx: &Ctx,
        session: &Session,
    ) -> Result<Option<Player>, Error> {
        if session.me.user_id == session.user_id {
            return Ok(None);
        }
        let owner = participants::find_ever(self.db.read(), session.id, session.user_id).await?;
        match owner {
            Some(owner) => self.player(ctx, &owner.seat).await.map(Some),
            None => Ok(Some(Player::nameless())),
        }
    }

    /// Whom the others play who write in a session, as far as that is described.
    pub(super) async fn others(&self, session: &Session) -> Result<Vec<Player>, Error> {
        if !session.shared {
            return Ok(Vec::new());
        }
        let all = participants::list(self.db.read(), session.id, None, MAX_PARTICIPANTS).await?;
        let others = all
            .into_iter()
            .filter(|it| it.seat.id != session.me.id && it.seat.role != ParticipantRole::Spectator);
        let played = others.filter_map(|it| it.persona);
        let described = played.filter(|(_, description)| !description.trim().is_empty());
        Ok(described
            .map(|(name, description)| Player::of(&name, description))
            .collect())
    }
}

/// What a person is called: on one line, and never nothing.
fn named(name: &str) -> String {
    match name::spoken(name) {
        name if name.is_empty() => NAMELESS.to_owned(),
        name => name.into_owned(),
    }
}
