//! Imports and exports scenarios.

use std::collections::HashMap;

use mesh::Ctx;
use service::RequestKey;

use super::Error;
use super::create_scenario::of_character;
use super::keep_scenario::Made;
use super::once::Once;
use super::scenarios::{Scenarios, Seen};
use crate::domain::book::Book;
use crate::domain::card::{Card, MAX_FILE_BYTES};
use crate::domain::character::Character;
use crate::domain::ids::{CharacterId, LorebookId, ScenarioId, UserId};
use crate::domain::lorebook::{BookDocument, MAX_BOOK_BYTES};
use crate::domain::scenario::{
    CastRole, FileRole, Scenario, ScenarioError, ScenarioFile, check, has_nul,
};
use crate::domain::sharing::{Sharing, Sight};
use crate::infrastructure::queries::{characters, lorebooks};

/// A scenario's file.
#[derive(Debug)]
pub(crate) struct ExportedScenario {
    /// The scenario's name.
    pub(crate) name: String,
    /// JSON.
    pub(crate) json: String,
}

impl Scenarios {
    /// A scenario as a file: one's own, or one whose texts its owner shows.
    pub(crate) async fn export_scenario(
        &self,
        ctx: &Ctx,
        id: ScenarioId,
        with_cards: bool,
    ) -> Result<ExportedScenario, Error> {
        let Seen {
            scenario, sight, ..
        } = self.get_scenario(ctx, id).await?;
        if sight == Sight::Hidden {
            return Err(Error::CardHidden("scenario"));
        }
        let mut cards = HashMap::new();
        if with_cards {
            let ids = scenario.cast.iter().filter_map(|role| role.character_id);
            let own = characters::load(self.db.read(), ctx.user_id()?, ids.collect()).await?;
            cards.extend(own.into_iter().map(|it| (it.id, it.card)));
        }
        let cast = scenario.cast.iter().map(|role| FileRole {
            name: role.name.clone(),
            description: role.description.clone(),
            character_name: role.character_name.clone(),
            part: role.part.clone(),
            card: role
                .character_id
                .and_then(|id| Some(cards.get(&id)?.document().clone())),
        });
        let books = self.books_of(&scenario).await?.into_iter();
        let file = ScenarioFile {
            script: scenario.script.clone(),
            rating: scenario.sharing.rating,
            cast: cast.collect(),
            lorebooks: books.map(|book| book.document).collect(),
        };
        let json = file.to_json();
        if json.len() > MAX_FILE_BYTES {
            let (size_bytes, max_bytes) = (json.len(), MAX_FILE_BYTES);
            let instead = match with_cards {
                true => "export it without the cards of its characters",
                false => "shorten its lorebooks, or take some of them out",
            };
            let error = ScenarioError::FileTooLarge {
                size_bytes,
                max_bytes,
                instead,
            };
            return Err(error.into());
        }
        Ok(ExportedScenario {
            name: scenario.script.name,
            json,
        })
    }

    /// The lorebooks that a scenario names, in its order, whosever it is.
    pub(super) async fn books_of(&self, scenario: &Scenario) -> Result<Vec<Book>, Error> {
        let ids = scenario.lorebook_ids.clone();
        let found = lorebooks::load(self.db.read(), scenario.owner_id, ids).await?;
        let ids = scenario.lorebook_ids.iter();
        let in_order = ids.filter_map(|id| found.iter().find(|book| book.id == *id));
        Ok(in_order.cloned().collect())
    }

    /// Imports a scenario with its characters and lorebooks, or a card as a character with a scenario. A repeat of the request
    /// gets the scenario of the first.
    pub(crate) async fn import_scenario(
        &self,
        ctx: &Ctx,
        file: Vec<u8>,
        key: Option<RequestKey>,
    ) -> Result<(Seen, Vec<String>), Error> {
        let (user, scenarios) = (ctx.user_id()?, self.clone());
        // It may take a second, in which others would wait for this thread.
        let read = move || scenarios.read(user, &file);
        let read = self.tasks.spawn_blocking(read).await?;
        let (made, warnings) = read.map_err(Error::of_file)?;
        let once = &Once::new(user, key);
        let kept = match self.made_before(user, once).await? {
            Some(earlier) => earlier,
            None => self.keep_once(ctx, &made, once).await?,
        };
        Ok((kept, warnings))
    }

    fn read(&self, user: UserId, bytes: &[u8]) -> Result<(Made, Vec<String>), Error> {
        let (file, mut warnings) = match ScenarioFile::read(bytes) {
            Ok(read) => read,
            Err(ScenarioError::NotAScenario { found }) => {
                return self
                    .of_card(user, bytes)
                    .ok_or(ScenarioError::NotAScenario { found }.into());
            }
            Err(error) => return Err(error.into()),
        };
        let mut scenario = self.blank(user);
        let mut characters = Vec::new();
        for role in file.cast {
            let card = role.card.as_ref();
            let card = card.map(|card| serde_json::to_vec(card).unwrap_or_default());
            let card = card.map(|card| {
                let named = Some(&*role.character_name);
                Card::import_named(&card, named).map_err(|error| ScenarioError::Card {
                    role: role.name.clone(),
                    error,
                })
            });
            let mut cast = CastRole {
                name: role.name,
                description: role.description,
                character_id: None,
                character_name: role.character_name,
                part: role.part,
            };
            if let Some(imported) = card.transpose()? {
                let told = imported.warnings.iter();
                warnings.extend(told.map(|it| format!("the card of `{}`: {it}", cast.name)));
                let character = self.character(user, imported.card);
                cast.character_id = Some(character.id);
                cast.character_name = character.card.name().into_owned();
                characters.push(character);
            }
            scenario.cast.push(cast);
        }
        scenario.script = file.script;
        scenario.sharing = Sharing {
            rating: file.rating,
            ..Sharing::default()
        };
        let books = self.books(file.lorebooks)?;
        scenario.lorebook_ids = books.iter().map(|book| book.id).collect();
        check(&scenario.script, &scenario.cast, &scenario.lorebook_ids)?;
        let made = Made {
            scenario,
            characters,
            books,
        };
        Ok((made, warnings))
    }

    /// The scenario of a card as JSON; none if it is no card.
    fn of_card(&self, user: UserId, bytes: &[u8]) -> Option<(Made, Vec<String>)> {
        let card = Card::import_named(bytes, None).ok()?;
        let character = self.character(user, card.card);
        let scenario = of_character(self.blank(user), &character, String::new());
        let warnings = card.warnings.iter().map(ToString::to_string);
        let made = Made {
            scenario,
            characters: vec![character],
            books: Vec::new(),
        };
        Some((made, warnings.collect()))
    }

    fn character(&self, user: UserId, card: Card) -> Character {
        let now = self.clock.now();
        Character {
            id: CharacterId::new(),
            owner_id: user,
            card,
            avatar: None,
            assets: Vec::new(),
            sharing: Sharing::default(),
            create_time: now,
            update_time: now,
        }
    }

    fn books(&self, documents: Vec<BookDocument>) -> Result<Vec<Book>, ScenarioError> {
        let now = self.clock.now();
        let mut books = Vec::new();
        for (place, document) in (1..).zip(documents) {
            let json = document.to_json().to_string();
            let problem = if json.len() > MAX_BOOK_BYTES {
                let size = json.len();
                format!(
                    "it has {size} bytes, more than the {MAX_BOOK_BYTES} that a lorebook may have"
                )
            } else if has_nul(&json) {
                "it has NUL characters".to_owned()
            } else {
                books.push(Book {
                    id: LorebookId::new(),
                    character_id: None,
                    document,
                    create_time: now,
                    update_time: now,
                });
                continue;
            };
            return Err(ScenarioError::Lorebook { place, problem });
        }
        Ok(books)
    }
}
