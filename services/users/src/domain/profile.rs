//! What of a profile its owner may change.

use super::text::{self, Unsuitable};

/// A field that an update can reach. Everything else of an account, its address or its role, has no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    DisplayName,
    Bio,
    Locale,
}

impl Field {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::DisplayName, Self::Bio, Self::Locale];

    /// The field's name in the contract.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Bio => "bio",
            Self::Locale => "locale",
        }
    }
}

/// The texts of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) display_name: String,
    pub(crate) bio: String,
    pub(crate) locale: String,
}

impl Texts {
    /// True where the field has a text.
    pub(crate) fn has(&self, field: Field) -> bool {
        let text = match field {
            Field::DisplayName => &self.display_name,
            Field::Bio => &self.bio,
            Field::Locale => &self.locale,
        };
        !text.is_empty()
    }
}

/// New values for some fields; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) display_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) locale: Option<String>,
}

/// A new value is no good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Refused {
    pub(crate) field: Field,
    #[source]
    pub(crate) reason: Unsuitable,
}

impl Change {
    /// New values for some fields.
    pub(crate) fn new(
        fields: impl IntoIterator<Item = Field>,
        new: &Texts,
    ) -> Result<Self, Refused> {
        let mut change = Self::default();
        for field in fields {
            let refused = |reason| Refused { field, reason };
            match field {
                Field::DisplayName => {
                    change.display_name = Some(text::name(&new.display_name).map_err(refused)?);
                }
                Field::Bio => change.bio = Some(text::prose(&new.bio).map_err(refused)?),
                Field::Locale => change.locale = Some(new.locale.clone()),
            }
        }
        Ok(change)
    }

    /// What of it makes these texts other ones.
    pub(crate) fn of(&self, texts: &Texts) -> Self {
        let other = |new: &Option<String>, old: &str| new.clone().filter(|it| it != old);
        Self {
            display_name: other(&self.display_name, &texts.display_name),
            bio: other(&self.bio, &texts.bio),
            locale: other(&self.locale, &texts.locale),
        }
    }

    /// True if nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_texts() -> Texts {
        Texts {
            display_name: "Alice".into(),
            bio: String::new(),
            locale: "pt-BR".into(),
        }
    }

    #[test]
    fn changes_the_named_fields_even_to_nothing() {
        let change = Change::new([Field::Bio], &new_texts()).unwrap();
        assert_eq!(change.bio.as_deref(), Some(""));
        assert_eq!(change.display_name, None);
        assert!(Change::new([], &new_texts()).unwrap().is_empty());
    }

    #[test]
    fn what_is_as_it_was_is_no_change() {
        let change = Change::new(Field::ALL, &new_texts()).unwrap();
        assert!(change.of(&new_texts()).is_empty());
        let other = Texts {
            locale: "de".into(),
            ..new_texts()
        };
        let change = change.of(&other);
        assert_eq!(change.locale.as_deref(), Some("pt-BR"));
        assert_eq!((change.display_name, change.bio), (None, None));
    }

    #[test]
    fn refuses_a_blank_name() {
        let blank = Texts {
            display_name: "  ".into(),
            ..Texts::default()
        };
        assert!(Change::new([Field::DisplayName], &blank).is_err());
    }
}
