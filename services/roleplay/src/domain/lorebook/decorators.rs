//! V3 decorators: `@@name value` lines at the head of an entry's content.
//!
//! `@@@` lines are fallbacks, used only if the line above is one that we don't follow. Lines that
//! we don't follow are taken out of the text all the same.

use serde_json::Value;

use super::Placement;
use crate::domain::role::Role;

/// The decorators of an entry that we follow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decorators {
    /// Fires whatever its keys say.
    pub activate: bool,
    /// Does not fire by its keys.
    pub dont_activate: bool,
    /// Goes into the history at this depth.
    pub depth: Option<u32>,
    /// Who speaks it there.
    pub role: Option<Role>,
    /// Messages to look at.
    pub scan_depth: Option<u32>,
    /// Beats `depth`.
    pub position: Option<Placement>,
    /// Found by these keys too.
    pub additional_keys: Vec<String>,
    /// Not found where one of these is.
    pub exclude_keys: Vec<String>,
    /// Fires only once the character has spoken so many times.
    pub activate_only_after: Option<u32>,
    /// Fires only on every so-many-th message of the character.
    pub activate_only_every: Option<u32>,
}

impl Decorators {
    /// Splits content into its decorators and its body.
    pub(super) fn split(content: &str) -> (Self, &str) {
        let mut decorators = Self::default();
        let mut seen = Vec::new();
        let mut followed = true;
        let mut rest = content;
        while rest.starts_with("@@") {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = behind;
            let line = line.trim_end();
            let is_fallback = line.starts_with("@@@");
            if is_fallback && followed {
                continue;
            }
            let line = line.trim_start_matches('@');
            let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let is_repeated = seen.contains(&name) && name != "additional_keys";
            followed = is_repeated || decorators.follow(name, value.trim()).is_some();
            if followed {
                seen.push(name);
            }
        }
        (decorators, rest)
    }

    /// `None` if the decorator is unknown or its value makes no sense.
    fn follow(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "activate" => self.activate = true,
            "dont_activate" => self.dont_activate = true,
            "depth" => self.depth = Some(value.parse().ok()?),
            "role" => self.role = Some(Role::read(&Value::from(value))?),
            "scan_depth" => self.scan_depth = Some(value.parse().ok()?),
            "position" => self.position = Some(position(value)?),
            "additional_keys" => self.additional_keys.extend(comma_list(value)),
            "exclude_keys" => self.exclude_keys.extend(comma_list(value)),
            "activate_only_after" => self.activate_only_after = Some(value.parse().ok()?),
            "activate_only_every" => {
                self.activate_only_every = Some(value.parse().ok().filter(|every| *every > 0)?);
            }
            _ => return None,
        }
        Some(())
    }
}

/// The content without its leading decorator lines.
pub(crate) fn without_decorators(content: &str) -> &str {
    Decorators::split(content).1
}

fn position(value: &str) -> Option<Placement> {
    match value {
        "before_desc" => Some(Placement::BeforeDescription),
        "after_desc" => Some(Placement::AfterDescription),
        "personality" => Some(Placement::AfterPersonality),
        "scenario" => Some(Placement::AfterScenario),
        _ => None,
    }
}

fn comma_list(value: &str) -> impl Iterator<Item = String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
}
