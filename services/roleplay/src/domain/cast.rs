//! The cast: the characters of a session, in their order. A session that has one needs no list of them: it is its character.

use std::ops::Not;

use platform::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::etag::{change_time, hash_etag};
use super::ids::{CharacterId, SessionId};

/// Most characters of a session.
pub const MAX_CAST: usize = 32;
/// What somebody may be called besides: so many names, of so many characters each.
pub const MAX_ALIASES: usize = 16;
/// Most characters of such a name.
pub const MAX_ALIAS_CHARS: u64 = 100;

/// How a character takes part. It stands in files: fields are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Whether it speaks only when a request names it.
    #[serde(rename = "muted", skip_serializing_if = "Not::not")]
    pub is_muted: bool,
    /// How willing it is to speak, from 0 to 1; none for what its card says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub talkativeness: Option<f32>,
    /// By what it is mentioned besides its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// A character of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct CastMember {
    /// The session.
    pub session_id: SessionId,
    /// The character.
    pub character_id: CharacterId,
    /// What it is called.
    pub name: String,
    /// The role of the session's scenario that it plays; empty for none.
    pub role: String,
    /// How it takes part.
    pub part: Part,
    /// When it joined.
    pub create_time: Timestamp,
    /// When something of it last changed, but for its place.
    pub update_time: Timestamp,
}

impl CastMember {
    /// Of a character that joins.
    #[must_use]
    pub fn new(session: SessionId, character: CharacterId, name: String, now: Timestamp) -> Self {
        Self {
            session_id: session,
            character_id: character,
            name,
            role: String::new(),
            part: Part::default(),
            create_time: now,
            update_time: now,
        }
    }

    /// What tells this state of it, at its place, from others.
    #[must_use]
    pub fn etag(&self, place: usize) -> String {
        let mut state = Sha256::new();
        state.update(place.to_be_bytes());
        state.update(format!("{:?}", self.part));
        state.update(self.update_time.micros().to_be_bytes());
        hash_etag(state)
    }
}

/// The fields of a member to change; none leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct CastPatch {
    /// Its place.
    pub place: Option<usize>,
    /// [`Part::is_muted`].
    pub is_muted: Option<bool>,
    /// [`Part::talkativeness`].
    pub talkativeness: Option<Option<f32>>,
    /// [`Part::aliases`].
    pub aliases: Option<Vec<String>>,
}

/// Why the cast can't be changed so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CastError {
    /// There are as many as may be.
    #[error("{MAX_CAST} characters are in the session, the most allowed: remove one first")]
    Full,
    /// It is there.
    #[error("the character is in the session already: update it there")]
    Present,
    /// It is the only one.
    #[error(
        "it is the only character of the session: add another one first, or give the session another character"
    )]
    Last,
}

/// The characters of a session, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cast(Vec<CastMember>);

impl Cast {
    /// Of those that are listed. The character of the session is the first, whether it is listed or not.
    #[must_use]
    pub fn of(listed: Vec<CastMember>, first: Option<CastMember>) -> Self {
        let Some(first) = first else {
            return Self(listed);
        };
        let is_first = |it: &CastMember| it.character_id == first.character_id;
        if listed.iter().any(is_first) {
            return Self(listed);
        }
        Self(std::iter::once(first).chain(listed).collect())
    }

    /// All of them, in their order.
    #[must_use]
    pub fn members(&self) -> &[CastMember] {
        &self.0
    }

    /// Whether something is said of them beside who the one is.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let says = |it: &CastMember| !it.role.is_empty() || it.part != Part::default();
        self.is_group() || self.0.iter().any(says)
    }

    /// Whether there are several.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.0.len() > 1
    }

    /// The first, whose character a client shows that knows one alone.
    #[must_use]
    pub fn first(&self) -> Option<&CastMember> {
        self.0.first()
    }

    /// The place of a character.
    #[must_use]
    pub fn place_of(&self, id: CharacterId) -> Option<usize> {
        self.0.iter().position(|it| it.character_id == id)
    }

    /// A character, if it is in the session.
    #[must_use]
    pub fn find(&self, id: CharacterId) -> Option<&CastMember> {
        self.0.iter().find(|it| it.character_id == id)
    }

    /// Lets a character join at a place, or as the last.
    ///
    /// # Errors
    /// It is there, or there are as many as may be.
    pub fn add(&mut self, member: CastMember, place: Option<usize>) -> Result<usize, CastError> {
        if self.find(member.character_id).is_some() {
            return Err(CastError::Present);
        }
        if self.0.len() >= MAX_CAST {
            return Err(CastError::Full);
        }
        let place = place.unwrap_or(usize::MAX).min(self.0.len());
        self.0.insert(place, member);
        Ok(place)
    }

    /// Changes a character's part. The place where it is then; none if it isn't there.
    pub fn change(&mut self, id: CharacterId, patch: CastPatch, now: Timestamp) -> Option<usize> {
        let place = self.place_of(id)?;
        let mut member = self.0.remove(place);
        let before = member.part;
        member.part = Part {
            is_muted: patch.is_muted.unwrap_or(before.is_muted),
            talkativeness: patch.talkativeness.unwrap_or(before.talkativeness),
            aliases: patch.aliases.unwrap_or_else(|| before.aliases.clone()),
        };
        let next = patch.place.unwrap_or(place).min(self.0.len());
        if member.part != before || next != place {
            member.update_time = change_time(now, member.update_time);
        }
        self.0.insert(next, member);
        Some(next)
    }

    /// Takes a character out. False if it isn't there.
    ///
    /// # Errors
    /// It is the only one.
    pub fn remove(&mut self, id: CharacterId) -> Result<bool, CastError> {
        let Some(place) = self.place_of(id) else {
            return Ok(false);
        };
        if self.0.len() == 1 {
            return Err(CastError::Last);
        }
        self.0.remove(place);
        Ok(true)
    }

    /// Gives the first one's part to another character, such as a newer import of the same. One that is there changes places with it.
    pub fn recast_first(&mut self, id: CharacterId, name: String, now: Timestamp) {
        if let Some(place) = self.place_of(id) {
            let member = self.0.remove(place);
            self.0.insert(0, member);
            return;
        }
        if let Some(first) = self.0.first_mut() {
            first.character_id = id;
            first.name = name;
            first.update_time = change_time(now, first.update_time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> CastMember {
        let now = Timestamp::from_micros(5);
        CastMember::new(SessionId::new(), CharacterId::new(), name.to_owned(), now)
    }

    fn names(cast: &Cast) -> Vec<&str> {
        let members = cast.members().iter();
        members.map(|it| it.name.as_str()).collect()
    }

    #[test]
    fn the_sessions_character_is_the_first_unless_it_is_listed() {
        let [mira, tom] = [member("Mira"), member("Tom")];
        let cast = Cast::of(vec![tom.clone()], Some(mira.clone()));
        assert_eq!(names(&cast), ["Mira", "Tom"]);
        let cast = Cast::of(vec![tom.clone(), mira.clone()], Some(mira.clone()));
        assert_eq!(names(&cast), ["Tom", "Mira"]);
        let alone = Cast::of(Vec::new(), Some(mira));
        assert!(!alone.is_group());
        assert_eq!(names(&Cast::of(vec![tom], None)), ["Tom"]);
    }

    #[test]
    fn members_join_move_and_leave() {
        let [mira, tom, wren] = [member("Mira"), member("Tom"), member("Wren")];
        let mut cast = Cast::of(Vec::new(), Some(mira.clone()));
        assert_eq!(cast.add(tom.clone(), None), Ok(1));
        assert_eq!(cast.add(wren.clone(), Some(0)), Ok(0));
        assert_eq!(cast.add(tom.clone(), None), Err(CastError::Present));
        let to_end = CastPatch {
            place: Some(9),
            ..CastPatch::default()
        };
        let now = Timestamp::from_micros(9);
        assert_eq!(cast.change(wren.character_id, to_end, now), Some(2));
        assert_eq!(names(&cast), ["Mira", "Tom", "Wren"]);
        assert_eq!(cast.remove(mira.character_id), Ok(true));
        assert_eq!(cast.remove(mira.character_id), Ok(false));
        assert_eq!(cast.remove(wren.character_id), Ok(true));
        assert_eq!(cast.remove(tom.character_id), Err(CastError::Last));
        for n in 1..MAX_CAST {
            cast.add(member(&n.to_string()), None).unwrap();
        }
        assert_eq!(cast.add(wren, None), Err(CastError::Full));
    }

    #[test]
    fn another_character_takes_the_part_of_the_first() {
        let [mira, tom, newer] = [member("Mira"), member("Tom"), member("Mira 2")];
        let mut cast = Cast::of(vec![mira, tom.clone()], None);
        let mute = CastPatch {
            is_muted: Some(true),
            ..CastPatch::default()
        };
        let (now, first) = (Timestamp::from_micros(9), cast.0[0].character_id);
        cast.change(first, mute, now);
        cast.recast_first(newer.character_id, newer.name.clone(), now);
        assert_eq!(names(&cast), ["Mira 2", "Tom"]);
        assert!(cast.0[0].part.is_muted);
        cast.recast_first(tom.character_id, "Tom".to_owned(), now);
        assert_eq!(names(&cast), ["Tom", "Mira 2"]);
    }

    #[test]
    fn each_change_of_a_member_changes_its_etag() {
        let mira = member("Mira");
        let mut cast = Cast::of(vec![mira.clone(), member("Tom")], None);
        let mut etags = vec![mira.etag(0), mira.etag(1)];
        let (now, id) = (Timestamp::from_micros(5), mira.character_id);
        for patch in [
            CastPatch {
                is_muted: Some(true),
                ..CastPatch::default()
            },
            CastPatch {
                talkativeness: Some(Some(0.9)),
                ..CastPatch::default()
            },
            CastPatch {
                aliases: Some(vec!["Keeper".to_owned()]),
                ..CastPatch::default()
            },
        ] {
            cast.change(id, patch, now);
            etags.push(cast.0[0].etag(0));
        }
        for (at, etag) in etags.iter().enumerate() {
            assert!(!etags[..at].contains(etag), "{at}");
        }
    }
}
