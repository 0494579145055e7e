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

    /// The field's name in an update mask.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Bio => "bio",
            Self::Locale => "locale",
        }
    }

    fn find(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.path() == path)
    }
}

/// The texts of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) display_name: String,
    pub(crate) bio: String,
    pub(crate) locale: String,
}

/// New values for some fields; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) display_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) locale: Option<String>,
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The mask names something that can't be changed.
    #[error("{path:?} can't be changed: name some of display_name, bio, locale")]
    Path { path: String },
    /// The new value is no good.
    #[error("{reason}")]
    Value {
        field: Field,
        #[source]
        reason: Unsuitable,
    },
}

impl Change {
    /// The change that a mask makes of new values. An empty mask means the fields that aren't empty.
    pub(crate) fn new(paths: &[String], new: &Texts) -> Result<Self, Refused> {
        let mut change = Self::default();
        for field in fields(paths, new)? {
            let refused = |reason| Refused::Value { field, reason };
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

    /// True if nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn fields(paths: &[String], new: &Texts) -> Result<Vec<Field>, Refused> {
    if paths.is_empty() {
        let mut set = Field::ALL.to_vec();
        set.retain(|field| match field {
            Field::DisplayName => !new.display_name.is_empty(),
            Field::Bio => !new.bio.is_empty(),
            Field::Locale => !new.locale.is_empty(),
        });
        return Ok(set);
    }
    let find = |path: &String| Field::find(path).ok_or(Refused::Path { path: path.clone() });
    paths.iter().map(find).collect()
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

    fn paths(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn changes_the_fields_that_the_mask_names_even_to_nothing() {
        let change = Change::new(&paths(&["bio"]), &new_texts()).unwrap();
        assert_eq!(change.bio.as_deref(), Some(""));
        assert_eq!(change.display_name, None);
    }

    #[test]
    fn takes_the_fields_that_are_set_when_the_mask_is_empty() {
        let change = Change::new(&[], &new_texts()).unwrap();
        assert_eq!(change.display_name.as_deref(), Some("Alice"));
        assert_eq!(change.bio, None);
        assert_eq!(change.locale.as_deref(), Some("pt-BR"));
        assert!(Change::new(&[], &Texts::default()).unwrap().is_empty());
    }

    #[test]
    fn refuses_paths_that_lead_anywhere_else() {
        for path in [
            "email",
            "id",
            "create_time",
            "is_admin",
            "*",
            "",
            "bio.x",
            "displayName",
        ] {
            let refused = Change::new(&paths(&["bio", path]), &new_texts()).unwrap_err();
            assert_eq!(refused, Refused::Path { path: path.into() });
        }
    }

    #[test]
    fn refuses_a_blank_name() {
        let blank = Texts {
            display_name: "  ".into(),
            ..Texts::default()
        };
        assert!(Change::new(&paths(&["display_name"]), &blank).is_err());
    }
}
