//! How things are shared.

use service::fields;
use tonic::Status;
use troupe_proto::roleplay as pb;

use crate::application::{NewLink, SharedAccess};
use crate::domain::sharing::{Rating, ShareLink, Shared, Visibility};

/// Who may use a thing, as the contract has it.
pub(crate) fn visibility(visibility: Visibility) -> pb::Visibility {
    match visibility {
        Visibility::Private => pb::Visibility::Private,
        Visibility::Link => pb::Visibility::Link,
        Visibility::Listed => pb::Visibility::Listed,
    }
}

/// Who may use a thing, as a request asks for it.
pub(crate) fn asked_visibility(visibility: pb::Visibility) -> Visibility {
    match visibility {
        pb::Visibility::Unspecified | pb::Visibility::Private => Visibility::Private,
        pb::Visibility::Link => Visibility::Link,
        pb::Visibility::Listed => Visibility::Listed,
    }
}

/// For whom a thing is meant, as the contract has it.
pub(crate) fn rating(rating: Rating) -> pb::ContentRating {
    match rating {
        Rating::Unrated => pb::ContentRating::Unspecified,
        Rating::General => pb::ContentRating::General,
        Rating::Teen => pb::ContentRating::Teen,
        Rating::Mature => pb::ContentRating::Mature,
        Rating::Explicit => pb::ContentRating::Explicit,
    }
}

/// For whom a thing is meant, as a request has it.
pub(crate) fn asked_rating(rating: pb::ContentRating) -> Rating {
    match rating {
        pb::ContentRating::Unspecified => Rating::Unrated,
        pb::ContentRating::General => Rating::General,
        pb::ContentRating::Teen => Rating::Teen,
        pb::ContentRating::Mature => Rating::Mature,
        pb::ContentRating::Explicit => Rating::Explicit,
    }
}

/// The most grown-up rating that a list is to have; all where none is named.
pub(crate) fn max_rating(rating: pb::ContentRating) -> Rating {
    match asked_rating(rating) {
        Rating::Unrated => Rating::Explicit,
        rating => rating,
    }
}

/// A link as its owner sees it.
pub(crate) fn link(access: &SharedAccess, link: ShareLink) -> pb::ShareLink {
    let (character_id, scenario_id) = match link.to {
        Shared::Character(id) => (id.to_string(), String::new()),
        Shared::Scenario(id) => (String::new(), id.to_string()),
    };
    pb::ShareLink {
        id: link.id.to_string(),
        character_id,
        scenario_id,
        title: link.title,
        expire_time: link.expire_time.map(Into::into),
        share_token: access.token(link.id),
        create_time: Some(link.create_time.into()),
    }
}

/// The link that is to be made.
pub(crate) fn asked_link(link: pb::ShareLink) -> Result<NewLink, Status> {
    Ok(NewLink {
        character: fields::optional_id("share_link.character_id", &link.character_id)?,
        scenario: fields::optional_id("share_link.scenario_id", &link.scenario_id)?,
        title: fields::text("share_link.title", link.title)?,
        expire_time: fields::time("share_link.expire_time", link.expire_time)?,
    })
}
