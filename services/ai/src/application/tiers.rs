//! Which tier a person has. The one place that knows: until accounts have tiers, everybody has that of the configuration.

use std::sync::Arc;

use platform::id::UserId;

/// The tiers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tiers {
    default: Arc<str>,
}

impl Tiers {
    pub(crate) fn new(default: &str) -> Self {
        Self {
            default: default.into(),
        }
    }

    /// That of a person.
    pub(crate) fn of(&self, _person: UserId) -> &str {
        &self.default
    }

    /// That of whoever isn't known.
    pub(crate) fn of_anybody(&self) -> &str {
        &self.default
    }
}
