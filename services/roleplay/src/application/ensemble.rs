//! What a session plays: its characters, made ready for prompts, with their lorebooks as one; and what it was started from.

use std::collections::HashMap;
use std::sync::Arc;

use platform::Timestamp;

use super::asking;
use super::cast::{Ready, Sheet, SheetKey};
use super::{Chats, Error};
use crate::domain::cast::{Cast, CastMember};
use crate::domain::ids::{CharacterId, LorebookId, UserId};
use crate::domain::lorebook::{Lorebook, Matcher};
use crate::domain::macros::GroupNames;
use crate::domain::message::Author;
use crate::domain::prompt::GroupMember;
use crate::domain::session::{PromptChoices, Session};
use crate::domain::story::Story;
use crate::domain::turn::{Call, Candidate, DEFAULT_TALKATIVENESS, Names, Speaker};
use crate::infrastructure::queries::{cast, lorebooks};

mod joint;

use joint::Books;
pub(crate) use joint::{JointLore, LoreKey};

/// A character of a session, made ready.
#[derive(Debug, Clone, Default)]
struct Actor {
    /// None if it was deleted.
    sheet: Option<Arc<Sheet>>,
    /// The lorebooks that are its own.
    books: Vec<LorebookId>,
}

impl Actor {
    fn of(ready: &Ready) -> Self {
        let own = std::iter::once(LorebookId::of_card(ready.key.id()));
        Self {
            books: own.chain(ready.key.books()).collect(),
            sheet: Some(ready.sheet.clone()),
        }
    }
}

/// What a session plays, for the person whose place in it this is.
#[derive(Debug, Clone)]
pub(super) struct Ensemble {
    pub(super) cast: Cast,
    /// In the order of the cast.
    actors: Vec<Actor>,
    /// Where there are lorebooks of more than one character.
    lore: Option<Arc<JointLore>>,
    /// What it was started from; none if from no scenario.
    pub(super) story: Option<Arc<Story>>,
    /// Whether that shows its texts to others.
    pub(super) is_story_shown: bool,
    /// The person whose place in it this is.
    pub(super) reader: UserId,
    /// Whether others take part too.
    pub(super) is_shared: bool,
}

impl Ensemble {
    /// What a session of somebody plays that is being opened, with nothing of the scenario kept from them: for what is only checked.
    pub(super) fn begun(reader: UserId, cast: Cast, sheets: &[Arc<Sheet>], story: &Story) -> Self {
        let actor = |sheet: &Arc<Sheet>| Actor {
            sheet: Some(sheet.clone()),
            ..Actor::default()
        };
        Self {
            cast,
            actors: sheets.iter().map(actor).collect(),
            lore: None,
            story: Some(Arc::new(story.clone())),
            is_story_shown: true,
            reader,
            is_shared: false,
        }
    }

    /// The sheets of the characters that are there, in the order of the cast.
    pub(super) fn sheets(&self) -> impl Iterator<Item = &Arc<Sheet>> {
        self.actors.iter().filter_map(|it| it.sheet.as_ref())
    }

    /// Whose cards they are.
    pub(super) fn owners(&self) -> Vec<(CharacterId, UserId)> {
        let actors = self.cast.members().iter().zip(&self.actors);
        let owners = actors.filter_map(|(member, actor)| {
            let sheet = actor.sheet.as_ref()?;
            Some((member.character_id, sheet.owner_id))
        });
        owners.collect()
    }

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
        self.actor(id)?.sheet.as_ref()
    }

    fn actor(&self, id: CharacterId) -> Option<&Actor> {
        self.actors.get(self.cast.place_of(id)?)
    }

    /// The sheet of who said something, or else of the first.
    pub(super) fn sheet_or_first(&self, id: Option<CharacterId>) -> Option<&Arc<Sheet>> {
        let own = id.and_then(|id| self.actor(id));
        own.or_else(|| self.actors.first())?.sheet.as_ref()
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
        let unmuted = actors.filter(|(member, _)| !member.part.is_muted);
        let candidate = |(member, actor): (&CastMember, &Actor)| {
            let card = &actor.sheet.as_ref()?.card;
            let said = member.part.talkativeness.map(f64::from);
            let aliases = member.part.aliases.iter().map(String::as_str);
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
                is_muted: member.part.is_muted,
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
            unmuted: joined(&|it| !it.part.is_muted),
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
    /// What a session plays. Its only character may have been deleted.
    pub(super) async fn ensemble(&self, session: &Session) -> Result<Arc<Ensemble>, Error> {
        let (db, choices) = (self.db.read(), &session.settings.prompt);
        let first = session.character_id.as_slice();
        let cast = async { Ok::<_, Error>(cast::of(db, session).await?) };
        let (cast, mut ready, story, brought) = tokio::try_join!(
            cast,
            self.sheets(first, choices),
            self.story(session),
            self.brought(session)
        )?;
        let is_story_shown = match &story {
            Some(story) => self.is_scenario_shown(story.scenario_id).await?,
            None => true,
        };
        let ids = cast.members().iter().map(|it| it.character_id);
        let others: Vec<CharacterId> = ids.filter(|id| !first.contains(id)).collect();
        ready.extend(self.sheets(&others, choices).await?);
        let mut by_id: HashMap<_, _> = ready.into_iter().map(|it| (it.key.id(), it)).collect();
        let (mut actors, mut keys) = (Vec::new(), Vec::new());
        for member in cast.members() {
            let ready = by_id.remove(&member.character_id);
            actors.push(ready.as_ref().map(Actor::of).unwrap_or_default());
            keys.extend(ready.map(|ready| ready.key));
        }
        let key = LoreKey {
            characters: keys,
            brought,
        };
        let lore = match cast.is_group() || !key.brought.is_empty() {
            true => Some(self.joint_lore(key, &actors, choices).await?),
            false => None,
        };
        Ok(Arc::new(Ensemble {
            cast,
            actors,
            lore,
            story,
            is_story_shown,
            reader: session.me.user_id,
            is_shared: session.shared,
        }))
    }

    /// The lorebooks of a session's scenario, and when each last changed.
    async fn brought(&self, session: &Session) -> Result<Vec<(LorebookId, Timestamp)>, Error> {
        match session.scenario {
            Some(_) => Ok(lorebooks::brought_times(self.db.read(), session.id).await?),
            None => Ok(Vec::new()),
        }
    }

    /// The lorebooks of characters, then those of the scenario, as one. One that several have counts once.
    async fn joint_lore(
        &self,
        key: LoreKey,
        actors: &[Actor],
        choices: &PromptChoices,
    ) -> Result<Arc<JointLore>, Error> {
        if let Some(lore) = self.lores.get(&key) {
            return Ok(lore);
        }
        let brought: Vec<LorebookId> = key.brought.iter().map(|(id, _)| *id).collect();
        let apart = key.characters.iter().flat_map(SheetKey::books);
        let apart = apart.chain(brought.iter().copied()).collect();
        let apart = lorebooks::load_for_session(self.db.read(), apart).await?;
        let mut bytes: usize = apart.iter().map(|book| book.document.size_bytes()).sum();
        let mut books = Books::default();
        let of_id = |id: &LorebookId| {
            let found = apart.iter().find(|book| book.id == *id);
            found.map(|book| book.document.parsed())
        };
        for actor in actors {
            let Some(sheet) = &actor.sheet else { continue };
            bytes += usize::try_from(sheet.size()).unwrap_or(usize::MAX);
            let [of_card, attached @ ..] = actor.books.as_slice() else {
                continue;
            };
            books.add(*of_card, || sheet.card.character_book());
            for id in attached {
                books.add(*id, || of_id(id));
            }
        }
        let brought_from = books.entries();
        for id in &brought {
            books.add(*id, || of_id(id));
        }
        let settings = choices.lore();
        let merged = Lorebook::merged(books.0, &settings);
        let matcher = merged.map(|book| Matcher::new(book, &settings));
        let lore = Arc::new(JointLore {
            matcher: matcher.map(|it| it.brought_from(brought_from)),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        });
        self.lores.insert(key, lore.clone());
        Ok(lore)
    }
}
