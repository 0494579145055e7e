//! The characters of a session, and how they take turns.

use prost_types::FieldMask;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::roleplay as pb;

use crate::application::{NewMember, Placed};
use crate::domain::cast::{CastPatch, Part};
use crate::domain::prompt::GroupCards;
use crate::domain::session::TurnChoices;
use crate::domain::turn::Strategy;

impl From<Placed> for pb::CastMember {
    fn from(placed: Placed) -> Self {
        let Placed { member, place } = placed;
        Self {
            etag: member.etag(place),
            session_id: member.session_id.to_string(),
            character_id: member.character_id.to_string(),
            character_name: member.name,
            role: member.role,
            position: Some(i32::try_from(place).unwrap_or(i32::MAX)),
            muted: member.part.is_muted,
            talkativeness: member.part.talkativeness,
            aliases: member.part.aliases,
            create_time: Some(member.create_time.into()),
            update_time: Some(member.update_time.into()),
        }
    }
}

/// A place that a request names.
pub(crate) fn place(position: Option<i32>) -> Option<usize> {
    position.and_then(|place| usize::try_from(place).ok())
}

fn aliases(aliases: Vec<String>) -> Result<Vec<String>, Status> {
    let aliases = aliases
        .into_iter()
        .map(|alias| fields::text("cast_member.aliases", alias));
    aliases.collect()
}

/// The character that is to join.
pub(crate) fn new_member(member: pb::CastMember) -> Result<NewMember, Status> {
    let id = fields::id("cast_member.character_id", &member.character_id)?;
    Ok(NewMember {
        part: Part {
            is_muted: member.muted,
            talkativeness: member.talkativeness,
            aliases: aliases(member.aliases)?,
        },
        ..NewMember::of(id)
    })
}

/// The change of a character's part that an update asks for.
pub(crate) fn patch(member: pb::CastMember, mask: Option<FieldMask>) -> Result<CastPatch, Status> {
    let set = [
        ("position", member.position.is_some()),
        ("muted", member.muted),
        ("talkativeness", member.talkativeness.is_some()),
        ("aliases", !member.aliases.is_empty()),
        ("etag", false),
    ];
    let named = masked(mask, &set)?;
    let is_named = |name: &str| named.contains(&name);
    Ok(CastPatch {
        place: is_named("position").then(|| place(member.position).unwrap_or(usize::MAX)),
        is_muted: is_named("muted").then_some(member.muted),
        talkativeness: is_named("talkativeness").then_some(member.talkativeness),
        aliases: match is_named("aliases") {
            true => Some(aliases(member.aliases)?),
            false => None,
        },
    })
}

impl From<TurnChoices> for pb::TurnSettings {
    fn from(choices: TurnChoices) -> Self {
        let strategy = choices.strategy.map(|strategy| match strategy {
            Strategy::Natural => pb::TurnStrategy::Natural,
            Strategy::List => pb::TurnStrategy::List,
            Strategy::Pooled => pb::TurnStrategy::Pooled,
            Strategy::Manual => pb::TurnStrategy::Manual,
        });
        let cards = choices.cards.map(|cards| match cards {
            GroupCards::Speaker => pb::PromptCards::Speaker,
            GroupCards::Joined => pb::PromptCards::Joined,
            GroupCards::JoinedWithMuted => pb::PromptCards::JoinedWithMuted,
        });
        Self {
            strategy: strategy.map(Into::into),
            self_replies: choices.self_replies,
            cards: cards.map(Into::into),
            nudge_format: choices.nudge_format,
        }
    }
}

/// How characters are to take turns.
pub(crate) fn turn_choices(
    resource: &str,
    settings: pb::TurnSettings,
) -> Result<TurnChoices, Status> {
    let strategy = settings.strategy.map(|_| settings.strategy());
    let cards = settings.cards.map(|_| settings.cards());
    let nudge = || format!("{resource}.settings.turns.nudge_format");
    let nudge_format = settings
        .nudge_format
        .map(|text| fields::text(&nudge(), text));
    Ok(TurnChoices {
        strategy: strategy.and_then(|strategy| match strategy {
            pb::TurnStrategy::Unspecified => None,
            pb::TurnStrategy::Natural => Some(Strategy::Natural),
            pb::TurnStrategy::List => Some(Strategy::List),
            pb::TurnStrategy::Pooled => Some(Strategy::Pooled),
            pb::TurnStrategy::Manual => Some(Strategy::Manual),
        }),
        self_replies: settings.self_replies,
        cards: cards.and_then(|cards| match cards {
            pb::PromptCards::Unspecified => None,
            pb::PromptCards::Speaker => Some(GroupCards::Speaker),
            pb::PromptCards::Joined => Some(GroupCards::Joined),
            pb::PromptCards::JoinedWithMuted => Some(GroupCards::JoinedWithMuted),
        }),
        nudge_format: nudge_format.transpose()?,
    })
}
