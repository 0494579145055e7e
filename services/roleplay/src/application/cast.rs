//! Who takes part in a session: the character, made ready for prompts, and whom the person plays.

use std::sync::Arc;

use mesh::Ctx;
use platform::Timestamp;

use super::{Chats, Error};
use crate::domain::book::Book;
use crate::domain::card::Card;
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, LorebookId, PersonaId, SessionId, UserId};
use crate::domain::lorebook::{LoreSettings, Lorebook, Matcher};
use crate::domain::name;
use crate::domain::session::PromptChoices;
use crate::infrastructure::queries::{characters, lorebooks, personas};

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
    /// The lorebook of the card, those that are attached, and those of the session's scenario, as one.
    pub(super) lore: Option<Matcher>,
    /// What the others than the card's have as JSON.
    attached_bytes: usize,
}

/// A character with its lorebooks, and when each last changed.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SheetKey {
    id: CharacterId,
    changed: Timestamp,
    /// Those that are attached, and those of the session's scenario.
    books: Vec<(LorebookId, Timestamp)>,
    /// What of a session's settings it depends on.
    settings: [bool; 4],
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
    /// A person without a name of their own.
    pub(super) fn nameless() -> Self {
        Self {
            name: NAMELESS.to_owned(),
            description: String::new(),
        }
    }
}

impl Chats {
    /// A character made ready for the prompts of a session, with the lorebooks of its scenario if it was started from one. Whoever has
    /// a session with a character was let use it when the session was opened.
    pub(super) async fn sheet(
        &self,
        id: CharacterId,
        choices: &PromptChoices,
        started: Option<SessionId>,
    ) -> Result<Option<Arc<Sheet>>, Error> {
        let (db, lore) = (self.db.read(), choices.lore());
        let settings = Matcher::settings_key(&lore);
        let changed = characters::anyones_update_time(db, id);
        let books = lorebooks::attached_times(db, id);
        let brought = async {
            match started {
                Some(session) => lorebooks::brought_times(db, session).await,
                None => Ok(Vec::new()),
            }
        };
        let (Some(changed), mut books, brought) = tokio::try_join!(changed, books, brought)? else {
            return Ok(None);
        };
        add_new(&mut books, brought, |book| book.0);
        let key = SheetKey {
            id,
            changed,
            books,
            settings,
        };
        if let Some(sheet) = self.sheets.get(&key) {
            return Ok(Some(sheet));
        }
        let Some(character) = characters::anyones(db, id).await? else {
            return Ok(None);
        };
        let mut books = match key.books.is_empty() {
            true => Vec::new(),
            false => lorebooks::attached(db, id).await?,
        };
        if let Some(session) = started {
            let brought = lorebooks::brought(db, session).await?;
            add_new(&mut books, brought, |book| book.id);
        }
        // What is kept is what was read, which may be newer than what was asked for.
        let times = books.iter().map(|book| (book.id, book.update_time));
        let key = SheetKey {
            id,
            changed: character.update_time,
            books: times.collect(),
            settings,
        };
        let sheet = Arc::new(Sheet::of(character, &books, &lore));
        self.sheets.insert(key, sheet.clone());
        Ok(Some(sheet))
    }

    /// Whom the caller plays: a persona, or themselves under the name of their profile.
    pub(super) async fn player(
        &self,
        ctx: &Ctx,
        persona: Option<PersonaId>,
    ) -> Result<Player, Error> {
        if let Some(id) = persona {
            let persona = personas::find(self.db.read(), ctx.user_id()?, id).await?;
            let persona = persona.ok_or(Error::NotFound("persona"))?;
            return Ok(Player {
                name: named(&persona.name),
                description: persona.description,
            });
        }
        let name = self.profiles.display_name(ctx).await?;
        Ok(Player {
            name: named(&name),
            description: String::new(),
        })
    }
}

/// Adds what isn't there yet: a lorebook that is attached to the character and named by the scenario counts once.
fn add_new<T>(books: &mut Vec<T>, more: Vec<T>, id: impl Fn(&T) -> LorebookId) {
    for book in more {
        if !books.iter().any(|it| id(it) == id(&book)) {
            books.push(book);
        }
    }
}

/// What a person is called: on one line, and never nothing.
fn named(name: &str) -> String {
    match name::spoken(name) {
        name if name.is_empty() => NAMELESS.to_owned(),
        name => name.into_owned(),
    }
}
