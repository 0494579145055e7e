//! The characters of a session, made ready for prompts: each by itself, and their lorebooks as one.

use std::sync::Arc;

use super::asking;
use super::cast::{Sheet, SheetKey};
use super::{Chats, Error};
use crate::domain::cast::{Cast, CastMember};
use crate::domain::ids::{CharacterId, LorebookId};
use crate::domain::lorebook::{Lorebook, Matcher};
use crate::domain::macros::GroupNames;
use crate::domain::message::Author;
use crate::domain::prompt::GroupMember;
use crate::domain::session::{PromptChoices, Session};
use crate::domain::turn::{Call, Candidate, DEFAULT_TALKATIVENESS, Names, Speaker};
use crate::infrastructure::queries::{cast, characters, lorebooks};

/// The lorebooks of several characters as one, ready for matching.
#[derive(Debug)]
pub(crate) struct JointLore {
    matcher: Option<Matcher>,
    /// About as many bytes as it takes in memory.
    bytes: u32,
}

impl JointLore {
    /// About as many bytes as it takes in memory.
    pub(super) fn size(&self) -> u32 {
        self.bytes
    }
}

/// A character of a session, made ready.
#[derive(Debug, Clone)]
struct Actor {
    /// None of the only one, if it was deleted.
    sheet: Option<Arc<Sheet>>,
    /// The lorebooks that are its own.
    books: Vec<LorebookId>,
}

/// The characters of a session.
#[derive(Debug, Clone)]
pub(super) struct Ensemble {
    pub(super) cast: Cast,
    /// In the order of the cast.
    actors: Vec<Actor>,
    /// Of several.
    lore: Option<Arc<JointLore>>,
}

impl Ensemble {
    /// A character as the one who says something.
    pub(super) fn voice(&self, speaker: Speaker) -> asking::Speaker {
        let id = speaker.character_id;
        asking::Speaker::Character(id, self.name(id))
    }

    /// Whether there are several.
    pub(super) fn is_group(&self) -> bool {
        self.cast.is_group()
    }

    /// A character's sheet, if it is in the session.
    pub(super) fn sheet(&self, id: CharacterId) -> Option<&Arc<Sheet>> {
        let place = self.cast.place_of(id)?;
        self.actors.get(place)?.sheet.as_ref()
    }

    /// The sheet of who said something, or else of the first.
    pub(super) fn sheet_or_first(&self, id: Option<CharacterId>) -> Option<&Arc<Sheet>> {
        let own = id.and_then(|id| self.sheet(id));
        own.or_else(|| self.actors.first()?.sheet.as_ref())
    }

    /// What a character is called.
    pub(super) fn name(&self, id: CharacterId) -> String {
        match self.sheet(id) {
            Some(sheet) => sheet.card.display_name().into_owned(),
            None => {
                let member = self.cast.find(id);
                member.map(|it| it.name.clone()).unwrap_or_default()
            }
        }
    }

    /// The lorebooks of all as one.
    pub(super) fn lore(&self) -> Option<&Matcher> {
        match &self.lore {
            Some(lore) => lore.matcher.as_ref(),
            None => self.actors.first()?.sheet.as_ref()?.lore.as_ref(),
        }
    }

    /// Those who speak by themselves, with what decides who does.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let actors = self.cast.members().iter().zip(&self.actors);
        let unmuted = actors.filter(|(member, _)| !member.is_muted);
        let candidate = |(member, actor): (&CastMember, &Actor)| {
            let card = &actor.sheet.as_ref()?.card;
            let said = member.talkativeness.map(f64::from);
            let aliases = member.aliases.iter().map(String::as_str);
            Some(Candidate {
                character_id: member.character_id,
                names: Names::new(&card.display_name(), aliases).and(&card.name()),
                talkativeness: said
                    .or_else(|| card.talkativeness())
                    .unwrap_or(DEFAULT_TALKATIVENESS),
            })
        };
        unmuted.filter_map(candidate).collect()
    }

    /// Of several, all as a prompt needs them; of one, none.
    pub(super) fn group_members(&self, speaker: CharacterId) -> Vec<GroupMember<'_>> {
        if !self.is_group() {
            return Vec::new();
        }
        let actors = self.cast.members().iter().zip(&self.actors);
        let members = actors.filter_map(|(member, actor)| {
            Some(GroupMember {
                card: &actor.sheet.as_ref()?.card,
                is_muted: member.is_muted,
                is_speaking: member.character_id == speaker,
                books: actor.books.clone(),
            })
        });
        members.collect()
    }

    /// The names of several, as macros have them; of one, none.
    pub(super) fn group_names(&self, speaker: Option<CharacterId>) -> Option<GroupNames<'static>> {
        if !self.is_group() {
            return None;
        }
        let joined = |of: &dyn Fn(&CastMember) -> bool| {
            let members = self.cast.members().iter().filter(|it| of(it));
            let names: Vec<String> = members.map(|it| self.name(it.character_id)).collect();
            names.join(", ").into()
        };
        Some(GroupNames {
            all: joined(&|_| true),
            unmuted: joined(&|it| !it.is_muted),
            others: joined(&|it| Some(it.character_id) != speaker),
        })
    }

    /// Which character of the session said something: the one that is noted, or else the one of this name, or the only one.
    pub(super) fn who_said(
        &self,
        author: Author,
        noted: Option<CharacterId>,
        name: &str,
    ) -> Option<CharacterId> {
        if author != Author::Character {
            return None;
        }
        if noted.is_some() {
            return noted;
        }
        let members = self.cast.members();
        let named = members.iter().find(|it| it.name == name);
        named.or(members.first()).map(|it| it.character_id)
    }

    /// A speaker who was chosen before, if they are still in the session. The only one speaks in any case.
    pub(super) fn still(&self, speaker: Speaker) -> Option<Speaker> {
        match self.is_group() {
            true => self.cast.find(speaker.character_id).map(|_| speaker),
            false => self.alone(),
        }
    }

    /// The first, which of one alone is the one.
    pub(super) fn alone(&self) -> Option<Speaker> {
        let first = self.cast.first()?;
        Some(Speaker {
            character_id: first.character_id,
            call: Call::Alone,
        })
    }
}

impl Chats {
    /// The characters of a session. Its only one may have been deleted.
    pub(super) async fn ensemble(&self, session: &Session) -> Result<Arc<Ensemble>, Error> {
        let cast = async { Ok::<_, Error>(cast::of(self.db.read(), session).await?) };
        let (cast, first) = tokio::try_join!(cast, self.sheet_of(session))?;
        if !cast.is_group() {
            let actor = Actor {
                sheet: first,
                books: Vec::new(),
            };
            return Ok(Arc::new(Ensemble {
                cast,
                actors: vec![actor],
                lore: None,
            }));
        }
        let (actors, keys) = self.actors(&cast, &session.settings.prompt).await?;
        let lore = self.joint_lore(keys, &actors, &session.settings.prompt);
        Ok(Arc::new(Ensemble {
            cast,
            lore: Some(lore.await?),
            actors,
        }))
    }

    /// Several characters. What of them is kept ready is asked for together.
    async fn actors(
        &self,
        cast: &Cast,
        choices: &PromptChoices,
    ) -> Result<(Vec<Actor>, Vec<SheetKey>), Error> {
        let ids: Vec<CharacterId> = cast.members().iter().map(|it| it.character_id).collect();
        let (db, settings) = (self.db.read(), Matcher::settings_key(&choices.lore()));
        let (owners, attached) = tokio::try_join!(
            characters::owners_and_times(db, &ids),
            lorebooks::attached_times_of(db, &ids)
        )?;
        let (mut actors, mut keys) = (Vec::new(), Vec::new());
        for id in ids {
            let Some((_, owner, changed)) = owners.iter().find(|(of, ..)| *of == id) else {
                actors.push(Actor {
                    sheet: None,
                    books: Vec::new(),
                });
                continue;
            };
            let books = attached.iter().filter(|(of, ..)| *of == id);
            let books = books.map(|(_, book, time)| (*book, *time)).collect();
            let key = SheetKey::of(id, *changed, books, settings);
            let own = std::iter::once(LorebookId::of_card(id));
            let books = own.chain(key.books()).collect();
            let sheet = match self.sheets.get(&key) {
                Some(sheet) => Some(sheet),
                None => self.sheet(*owner, id, choices).await?,
            };
            keys.push(key);
            actors.push(Actor { sheet, books });
        }
        Ok((actors, keys))
    }

    /// The lorebooks of several characters as one. One that several have counts once.
    async fn joint_lore(
        &self,
        keys: Vec<SheetKey>,
        actors: &[Actor],
        choices: &PromptChoices,
    ) -> Result<Arc<JointLore>, Error> {
        if let Some(lore) = self.lores.get(&keys) {
            return Ok(lore);
        }
        let attached = keys.iter().flat_map(SheetKey::books).collect();
        let attached = lorebooks::load_for_session(self.db.read(), attached).await?;
        let mut books: Vec<(LorebookId, Lorebook)> = Vec::new();
        let mut bytes = 0_u32;
        for actor in actors {
            let Some(sheet) = &actor.sheet else { continue };
            bytes = bytes.saturating_add(sheet.size());
            for (at, id) in actor.books.iter().enumerate() {
                if books.iter().any(|(there, _)| there == id) {
                    continue;
                }
                let book = match at {
                    0 => sheet.card.character_book(),
                    _ => {
                        let mut found = attached.iter().filter(|book| book.id == *id);
                        found.next().map(|book| book.document.parsed())
                    }
                };
                books.extend(book.map(|book| (*id, book)));
            }
        }
        let settings = choices.lore();
        let merged = Lorebook::merged(books, &settings);
        let lore = Arc::new(JointLore {
            matcher: merged.map(|book| Matcher::new(book, &settings)),
            bytes,
        });
        self.lores.insert(keys, lore.clone());
        Ok(lore)
    }
}
