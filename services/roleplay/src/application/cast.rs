//! Who takes part in a session: the character, made ready for prompts, and whom the person plays.

use std::sync::Arc;

use mesh::Ctx;

use super::{Chats, Error};
use crate::domain::card::Card;
use crate::domain::ids::{CharacterId, PersonaId};
use crate::domain::lorebook::Matcher;
use crate::domain::name;
use crate::domain::session::PromptChoices;
use crate::infrastructure::queries::{characters, personas};

/// A person without a name of their own.
const NAMELESS: &str = "User";

/// A character made ready for prompts.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(super) card: Card,
    pub(super) lore: Option<Matcher>,
}

impl Sheet {
    /// About as many bytes as it takes in memory.
    pub(super) fn size(&self) -> u32 {
        /// For a byte of JSON: the document as values, and the texts of its book once more.
        const IN_MEMORY: usize = 3;
        let patterns = self.lore.as_ref().map_or(0, Matcher::pattern_bytes);
        let document = self.card.to_json(self.card.spec());
        let size = IN_MEMORY * document.map_or(0, |json| json.len()) + patterns;
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
        let (user, lore) = (ctx.user_id()?, choices.lore());
        let settings = Matcher::settings_key(&lore);
        let Some(changed) = characters::update_time(self.db.read(), user, id).await? else {
            return Ok(None);
        };
        if let Some(sheet) = self.sheets.get(&(id, changed, settings)) {
            return Ok(Some(sheet));
        }
        let Some(character) = characters::find(self.db.read(), user, id).await? else {
            return Ok(None);
        };
        let book = character.card.character_book();
        let lore = book.map(|book| Matcher::new(book, &lore));
        let sheet = Arc::new(Sheet {
            card: character.card,
            lore,
        });
        let key = (id, character.update_time, settings);
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
