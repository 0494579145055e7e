//! Sharing: who else may open sessions with a character or a scenario, and what of it they see.

use platform::Timestamp;
use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

use super::ids::{CharacterId, ScenarioId, ShareLinkId, UserId};

/// Who may open sessions with a thing. The names are stored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, EnumIter, DeriveActiveEnum,
)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Visibility {
    /// Its owner.
    #[default]
    Private,
    /// Who has a link too.
    Link,
    /// Everybody, where the platform lists things.
    Listed,
}

/// For whom a thing is meant, from the youngest on. The names are stored, and stand in files.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    EnumIter,
    DeriveActiveEnum,
)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
pub enum Rating {
    /// Nobody has said it.
    #[default]
    Unrated,
    /// Everybody.
    General,
    /// From 13 years on.
    Teen,
    /// Adults.
    Mature,
    /// Adults, for explicit scenes.
    Explicit,
}

impl Rating {
    /// All that are given.
    pub const GIVEN: [Self; 4] = [Self::General, Self::Teen, Self::Mature, Self::Explicit];

    /// It, and those that are meant for younger people.
    #[must_use]
    pub fn and_below(self) -> Vec<Self> {
        let given = Self::GIVEN.into_iter();
        given.filter(|rating| *rating <= self).collect()
    }
}

/// How a thing is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sharing {
    /// Who else may use it.
    pub visibility: Visibility,
    /// Whether they see all of it.
    pub shown: bool,
    /// For whom it is meant.
    pub rating: Rating,
}

/// The fields to change; none leaves a field as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SharingPatch {
    /// Who else may use it.
    pub visibility: Option<Visibility>,
    /// Whether they see all of it.
    pub shown: Option<bool>,
    /// For whom it is meant.
    pub rating: Option<Rating>,
}

impl Sharing {
    /// Whether others who may use it see all of it. Of what was made private again they see no more than others ever see.
    #[must_use]
    pub fn shows_all(&self) -> bool {
        self.shown && self.visibility != Visibility::Private
    }

    /// It with a change.
    #[must_use]
    pub fn with(self, patch: &SharingPatch) -> Self {
        Self {
            visibility: patch.visibility.unwrap_or(self.visibility),
            shown: patch.shown.unwrap_or(self.shown),
            rating: patch.rating.unwrap_or(self.rating),
        }
    }
}

/// What somebody sees of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All, and it is theirs.
    Own,
    /// All.
    Shown,
    /// What a list shows.
    Hidden,
}

impl Sight {
    /// That of a person who may use a thing.
    #[must_use]
    pub fn of(user: UserId, owner: UserId, sharing: &Sharing) -> Self {
        match user == owner {
            true => Self::Own,
            false => Self::of_others(sharing),
        }
    }

    /// That of others.
    #[must_use]
    pub fn of_others(sharing: &Sharing) -> Self {
        match sharing.shows_all() {
            true => Self::Shown,
            false => Self::Hidden,
        }
    }
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// A character.
    Character(CharacterId),
    /// A scenario.
    Scenario(ScenarioId),
}

/// A link to a thing. Whoever has its token may use the thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareLink {
    /// Its id.
    pub id: ShareLinkId,
    /// What it leads to.
    pub to: Shared,
    /// What its maker calls it.
    pub title: String,
    /// When it ends by itself.
    pub expire_time: Option<Timestamp>,
    /// When it was made.
    pub create_time: Timestamp,
}

impl ShareLink {
    /// What a signature in its token signs.
    #[must_use]
    pub fn signed_text(id: ShareLinkId) -> String {
        format!("share-link/{id}")
    }

    /// Whether it leads there still.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_all_only_while_it_is_shared() {
        let sharing = |visibility, shown| Sharing {
            visibility,
            shown,
            rating: Rating::Teen,
        };
        assert!(sharing(Visibility::Link, true).shows_all());
        assert!(!sharing(Visibility::Listed, false).shows_all());
        assert!(!sharing(Visibility::Private, true).shows_all());
    }

    #[test]
    fn a_rating_admits_what_is_meant_for_younger_people() {
        assert_eq!(Rating::Teen.and_below(), [Rating::General, Rating::Teen]);
        assert_eq!(Rating::Explicit.and_below(), Rating::GIVEN);
        assert_eq!(Rating::Unrated.and_below(), []);
    }
}
