//! Characters.

use std::borrow::Cow;

use prost_types::FieldMask;
use service::{fields, masked};
use tonic::Status;
use troupe_proto::google::api::HttpBody;
use troupe_proto::{Reason, error, roleplay as pb};

use super::avatar::addresses;
use super::etag_of_shown;
use super::json;
use super::sharing::{asked_rating, asked_visibility, rating, visibility};
use crate::application::Characters;
use crate::domain::card::{AssetName, CardPatch, Spec, TextField};
use crate::domain::character::{Character, CharacterAsset};
use crate::domain::etag::etag;
use crate::domain::sharing::{SharingPatch, Sight};

/// The contract's names of the card's texts.
const TEXTS: [(&str, TextField); 12] = [
    ("name", TextField::Name),
    ("nickname", TextField::Nickname),
    ("description", TextField::Description),
    ("personality", TextField::Personality),
    ("scenario", TextField::Scenario),
    ("first_message", TextField::FirstMes),
    ("message_examples", TextField::MesExample),
    ("system_prompt", TextField::SystemPrompt),
    (
        "post_history_instructions",
        TextField::PostHistoryInstructions,
    ),
    ("creator_notes", TextField::CreatorNotes),
    ("creator", TextField::Creator),
    ("character_version", TextField::CharacterVersion),
];
const GREETINGS: &str = "alternate_greetings";
const TAGS: &str = "tags";
const VISIBILITY: &str = "visibility";
const CARD_SHOWN: &str = "card_shown";
const RATING: &str = "rating";
/// The texts that lists show.
const LISTED: [TextField; 4] = [
    TextField::Name,
    TextField::Nickname,
    TextField::Creator,
    TextField::CharacterVersion,
];
/// Ends the etag of a character that is shown without its other texts.
const PART: &str = ".part";
/// What comes after the etag itself: the part that is shown, or the time of its addresses.
const MORE: char = '.';

/// A character as a list shows it. Its etag tells it from the whole: sent back, it would clear the texts that it hasn't.
pub(crate) fn listed(character: &Character) -> pb::Character {
    pb::Character {
        etag: etag(character.update_time) + PART,
        ..basic(character)
    }
}

/// The etag of a character that a client has seen, whole or in a list.
pub(crate) fn seen_etag(etag: &str) -> &str {
    etag.split(MORE).next().unwrap_or(etag)
}

/// The etag of a whole character as HTTP has it. The addresses of its picture are new each week, though it hasn't changed.
pub(crate) fn http_etag(character: &pb::Character) -> String {
    let addresses = character.avatar.as_ref();
    let expire_time = addresses.and_then(|it| it.expire_time);
    match expire_time {
        Some(time) => format!("{}{MORE}{:x}", character.etag, time.seconds),
        None => character.etag.clone(),
    }
}

fn basic(character: &Character) -> pb::Character {
    let card = &character.card;
    let text = |field| card.text(field).into_owned();
    let book = card.character_book().map_or(0, |book| book.entries.len());
    pb::Character {
        id: character.id.to_string(),
        name: text(TextField::Name),
        nickname: text(TextField::Nickname),
        tags: owned(card.tags()),
        creator: text(TextField::Creator),
        character_version: text(TextField::CharacterVersion),
        book_entry_count: i32::try_from(book).unwrap_or(i32::MAX),
        etag: etag(character.update_time),
        has_avatar: character.avatar.is_some(),
        spec: spec(card.spec()).into(),
        create_time: Some(character.create_time.into()),
        update_time: Some(character.update_time.into()),
        visibility: visibility(character.sharing.visibility).into(),
        card_shown: character.sharing.shown,
        rating: rating(character.sharing.rating).into(),
        owned: true,
        ..pb::Character::default()
    }
}

/// A character as somebody sees it, with the addresses of its picture.
pub(crate) fn seen(characters: &Characters, character: &Character, sight: Sight) -> pb::Character {
    let shown = match sight {
        Sight::Own => whole(character),
        Sight::Shown => of_others(whole(character)),
        Sight::Hidden => concealed(character),
    };
    pb::Character {
        avatar: addresses(characters, character),
        ..shown
    }
}

/// A character in a list of what is shared, as somebody sees it.
pub(crate) fn listed_seen(
    characters: &Characters,
    character: &Character,
    sight: Sight,
) -> pb::Character {
    let shown = match sight {
        Sight::Own => listed(character),
        Sight::Shown => of_others(basic(character)),
        Sight::Hidden => concealed(character),
    };
    pb::Character {
        avatar: addresses(characters, character),
        ..shown
    }
}

/// A character of somebody else who doesn't show its card.
fn concealed(character: &Character) -> pb::Character {
    of_others(pb::Character {
        book_entry_count: 0,
        // Each change of what isn't shown would be told by it.
        update_time: Some(character.create_time.into()),
        ..basic(character)
    })
}

/// A character of somebody else. It can't be changed.
fn of_others(mut shown: pb::Character) -> pb::Character {
    shown.owned = false;
    shown.etag = String::new();
    shown.etag = etag_of_shown(&shown);
    shown
}

/// A character with its texts and its whole card.
pub(crate) fn whole(character: &Character) -> pb::Character {
    let card = &character.card;
    let text = |field| card.text(field).into_owned();
    pb::Character {
        description: text(TextField::Description),
        personality: text(TextField::Personality),
        scenario: text(TextField::Scenario),
        first_message: text(TextField::FirstMes),
        message_examples: text(TextField::MesExample),
        alternate_greetings: owned(card.alternate_greetings()),
        system_prompt: text(TextField::SystemPrompt),
        post_history_instructions: text(TextField::PostHistoryInstructions),
        creator_notes: text(TextField::CreatorNotes),
        card: Some(json::object(card.document())),
        assets: character.assets.iter().map(asset).collect(),
        ..basic(character)
    }
}

fn asset(asset: &CharacterAsset) -> pb::CharacterAsset {
    let AssetName {
        kind,
        name,
        extension,
        uri,
    } = asset.name.clone();
    pb::CharacterAsset {
        id: asset.id.to_string(),
        r#type: kind,
        name,
        extension,
        uri,
        media_type: asset.media_type.clone(),
        size_bytes: i32::try_from(asset.size_bytes).unwrap_or(i32::MAX),
    }
}

/// The change of a card that an update asks for.
pub(crate) fn patch(
    character: pb::Character,
    mask: Option<FieldMask>,
) -> Result<(CardPatch, SharingPatch), Status> {
    let is_set = |field| !value(&character, field).is_empty();
    let mut set: Vec<_> = TEXTS
        .iter()
        .map(|(name, field)| (*name, is_set(*field)))
        .collect();
    set.push((GREETINGS, !character.alternate_greetings.is_empty()));
    set.push((TAGS, !character.tags.is_empty()));
    set.push((VISIBILITY, character.visibility != 0));
    set.push((CARD_SHOWN, character.card_shown));
    set.push((RATING, character.rating != 0));
    // Over HTTP, a mask names all that the body has.
    set.push(("etag", false));
    let named = masked(mask, &set)?;
    let is_listed = |name: &&str| {
        let text = TEXTS.iter().find(|(it, _)| it == name);
        let others = [TAGS, VISIBILITY, CARD_SHOWN, RATING];
        text.map_or(others.contains(name), |(_, field)| LISTED.contains(field))
    };
    if character.etag.ends_with(PART) && !named.iter().all(is_listed) {
        let message = "the character is from a list, without its texts: read it whole, and change it then; or send only \
                       what changes";
        return Err(error::status(Reason::EtagMismatch, message));
    }
    let texts = TEXTS.iter().filter(|(name, _)| named.contains(name));
    let texts = texts.map(|(name, field)| {
        let text = value(&character, *field).to_owned();
        Ok::<_, Status>((*field, fields::text(&format!("character.{name}"), text)?))
    });
    let texts = texts.collect::<Result<_, _>>()?;
    let has = |name: &str| named.contains(&name);
    let sharing = SharingPatch {
        visibility: has(VISIBILITY).then(|| asked_visibility(character.visibility())),
        shown: has(CARD_SHOWN).then_some(character.card_shown),
        rating: has(RATING).then(|| asked_rating(character.rating())),
    };
    let card = CardPatch {
        texts,
        alternate_greetings: named
            .contains(&GREETINGS)
            .then_some(character.alternate_greetings),
        tags: named.contains(&TAGS).then_some(character.tags),
        ..CardPatch::default()
    };
    Ok((card, sharing))
}

fn value(character: &pb::Character, field: TextField) -> &str {
    match field {
        TextField::Name => &character.name,
        TextField::Nickname => &character.nickname,
        TextField::Description => &character.description,
        TextField::Personality => &character.personality,
        TextField::Scenario => &character.scenario,
        TextField::FirstMes => &character.first_message,
        TextField::MesExample => &character.message_examples,
        TextField::CreatorNotes => &character.creator_notes,
        TextField::SystemPrompt => &character.system_prompt,
        TextField::PostHistoryInstructions => &character.post_history_instructions,
        TextField::Creator => &character.creator,
        TextField::CharacterVersion => &character.character_version,
    }
}

fn spec(spec: Spec) -> pb::CardSpec {
    match spec {
        Spec::V1 => pb::CardSpec::V1,
        Spec::V2 => pb::CardSpec::V2,
        Spec::V3 => pb::CardSpec::V3,
    }
}

/// The specification that an export asks for.
pub(crate) fn asked_spec(spec: pb::CardSpec) -> Option<Spec> {
    match spec {
        pb::CardSpec::Unspecified => None,
        pb::CardSpec::V1 => Some(Spec::V1),
        pb::CardSpec::V2 => Some(Spec::V2),
        pb::CardSpec::V3 => Some(Spec::V3),
    }
}

/// A file.
pub(crate) fn file(content_type: &str, bytes: Vec<u8>) -> HttpBody {
    HttpBody {
        content_type: content_type.to_owned(),
        data: bytes.into(),
        extensions: Vec::new(),
    }
}

fn owned(texts: Vec<Cow<'_, str>>) -> Vec<String> {
    texts.into_iter().map(Cow::into_owned).collect()
}
