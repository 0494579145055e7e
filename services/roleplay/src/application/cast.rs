//! Who takes part in a session: the character, made ready for prompts, and whom the person plays.

use std::sync::Arc;

use mesh::Ctx;
use platform::Timestamp;

use super::{Chats, Error};
use crate::domain::book::Book;
use crate::domain::card::Card;
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, LorebookId, PersonaId};
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
    /// The lorebook of the card and those that are attached, as one.
    pub(super) lore: Option<Matcher>,
    /// What the attached ones have as JSON.
    attached_bytes: usize,
}

/// A character with its lorebooks, and when each last changed.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SheetKey {
    id: CharacterId,
    changed: Timestamp,
    /// Those that are attached.
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
    /// A character of the caller, made ready for the prompts of a session.
    pub(super) async fn sheet(
        &self,
        ctx: &Ctx,
        id: CharacterId,
        choices: &PromptChoices,
    ) -> Result<Option<Arc<Sheet>>, Error> {
        let (db, user, lore) = (self.db.read(), ctx.user_id()?, choices.lore());
        let settings = Matcher::settings_key(&lore);
        let changed = characters::update_time(db, user, id);
        let books = lorebooks::attached_times(db, user, id);
        let (Some(changed), books) = tokio::try_join!(changed, books)? else {
            return Ok(None);
        };
        let key = SheetKey {
            id,
            changed,
            books,
            settings,
        };
        if let Some(sheet) = self.sheets.get(&key) {
            return Ok(Some(sheet));
        }
        let Some(character) = characters::find(db, user, id).await? else {
            return Ok(None);
        };
        let attached = match key.books.is_empty() {
            true => Vec::new(),
            false => lorebooks::attached(db, user, id).await?,
        };
        // What is kept is what was read, which may be newer than what was asked for.
        let books = attached.iter().map(|book| (book.id, book.update_time));
        let key = SheetKey {
            id,
            changed: character.update_time,
            books: books.collect(),
            settings,
        };
        let sheet = Arc::new(Sheet::of(character, &attached, &lore));
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

/// What a person is called: on one line, and never nothing.
fn named(name: &str) -> String {
    match name::spoken(name) {
        name if name.is_empty() => NAMELESS.to_owned(),
        name => name.into_owned(),
    }
}
