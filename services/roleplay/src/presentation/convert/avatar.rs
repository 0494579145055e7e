//! Pictures and their addresses.

use platform::Timestamp;
use service::fields;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Response, Status};
use troupe_proto::error::invalid_field;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay as pb;

use super::character::file;
use crate::application::Characters;
use crate::domain::avatar::{AvatarAddress, AvatarSize, AvatarVersion};
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;

/// The addresses of a character's picture; none where it has no picture.
pub(crate) fn addresses(
    characters: &Characters,
    character: &Character,
) -> Option<pb::AvatarAddresses> {
    let version = character.avatar.as_ref()?;
    Some(addresses_of(characters, character.id, version))
}

/// The addresses of a version of a character's picture.
pub(crate) fn addresses_of(
    characters: &Characters,
    id: CharacterId,
    version: &AvatarVersion,
) -> pb::AvatarAddresses {
    let of = |size| characters.address(id, version, size);
    let (thumbnail, card, full) = (
        of(AvatarSize::Thumbnail),
        of(AvatarSize::Card),
        of(AvatarSize::Full),
    );
    pb::AvatarAddresses {
        expire_time: Some(full.0.expire_time.into()),
        thumbnail_url: url(&thumbnail),
        card_url: url(&card),
        full_url: url(&full),
    }
}

/// The address as the contract's binding has it. Nothing in it needs to be encoded.
fn url((address, signature): &(AvatarAddress, String)) -> String {
    let size = match address.size {
        AvatarSize::Thumbnail => pb::AvatarSize::Thumbnail,
        AvatarSize::Card => pb::AvatarSize::Card,
        AvatarSize::Full => pb::AvatarSize::Full,
    };
    format!(
        "/api/v1/roleplay/characters/{}/avatar/{}?size={}&expireTime={}&signature={signature}",
        address.character_id,
        address.version.as_str(),
        size.as_str_name(),
        prost_types::Timestamp::from(address.expire_time),
    )
}

/// The address that a request has.
pub(crate) fn asked_address(request: &pb::GetSignedAvatarRequest) -> Result<AvatarAddress, Status> {
    let size = asked_size(request.size());
    let expire_time = fields::time("expire_time", request.expire_time)?;
    Ok(AvatarAddress {
        character_id: fields::id("character_id", &request.character_id)?,
        version: AvatarVersion::named(request.version.clone()),
        size: size.ok_or_else(|| invalid_field("size", "must be one of the sizes"))?,
        expire_time: expire_time.unwrap_or(Timestamp::from_micros(0)),
    })
}

/// The size that a request asks for.
pub(crate) fn asked_size(size: pb::AvatarSize) -> Option<AvatarSize> {
    match size {
        pb::AvatarSize::Unspecified => None,
        pb::AvatarSize::Thumbnail => Some(AvatarSize::Thumbnail),
        pb::AvatarSize::Card => Some(AvatarSize::Card),
        pb::AvatarSize::Full => Some(AvatarSize::Full),
    }
}

/// A picture as an answer has it: WebP in a size, else PNG.
pub(crate) fn image(size: Option<AvatarSize>, bytes: Vec<u8>) -> Option<HttpBody> {
    let content_type = match size {
        Some(_) => "image/webp",
        None => "image/png",
    };
    Some(file(content_type, bytes))
}

/// Says how long browsers keep a picture, and by what they ask whether it is still the same.
pub(crate) fn keep<T>(
    response: &mut Response<T>,
    cache_control: &'static str,
    version: &AvatarVersion,
    size: Option<AvatarSize>,
) {
    let etag = match size {
        Some(size) => format!("{}-{}", version.as_str(), size.name()),
        None => version.as_str().to_owned(),
    };
    let metadata: &mut MetadataMap = response.metadata_mut();
    metadata.insert("cache-control", MetadataValue::from_static(cache_control));
    set_etag(response, &etag);
}

/// Says what tells an answer from others, as HTTP has it.
pub(crate) fn set_etag<T>(response: &mut Response<T>, etag: &str) {
    if let Ok(etag) = format!("\"{etag}\"").parse::<MetadataValue<Ascii>>() {
        response.metadata_mut().insert("etag", etag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_the_contract_binds() {
        let address = AvatarAddress {
            character_id: CharacterId::new(),
            version: AvatarVersion::named("0123456789abcdef".to_owned()),
            size: AvatarSize::Card,
            expire_time: Timestamp::from_micros(1_800_000_000_000_000),
        };
        let url = url(&(address.clone(), "s1-_".to_owned()));
        let contract = include_str!("../../../../../proto/openapi.json");
        let path = "/api/v1/roleplay/characters/{characterId}/avatar/{version}";
        assert!(contract.contains(&format!("\"{path}\"")));
        let id = address.character_id.to_string();
        let path = path.replace("{characterId}", &id);
        let path = path.replace("{version}", "0123456789abcdef");
        let query = "size=AVATAR_SIZE_CARD&expireTime=2027-01-15T08:00:00Z&signature=s1-_";
        assert_eq!(url, format!("{path}?{query}"));
    }
}
