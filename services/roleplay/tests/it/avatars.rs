//! Pictures of characters: as they were imported, in sizes, by addresses that need no token.

use std::time::Duration;

use platform::Timestamp;
use storage::S3Config;
use storage::secret::Secret;
use storage::signature::Signer;
use testkit::servers::S3;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, roleplay as pb};
use troupe_roleplay::domain::avatar::{AvatarAddress, AvatarSize, AvatarVersion};
use troupe_roleplay::domain::card::Card;

use crate::stage::{CARD, Person, Stage};

pub(crate) fn png() -> Vec<u8> {
    let card = Card::from_json(CARD.as_bytes()).unwrap();
    card.to_png(&Card::blank_png()).unwrap()
}

pub(crate) async fn avatar(person: &Person, id: &str) -> Result<(String, Vec<u8>), tonic::Status> {
    let request = person.ask(pb::GetAvatarRequest {
        character_id: id.into(),
        ..Default::default()
    });
    let image = person
        .characters()
        .get_avatar(request)
        .await?
        .into_inner()
        .image
        .unwrap();
    Ok((image.content_type, image.data.into()))
}

async fn sized(person: &Person, id: &str) -> Result<Response<pb::GetAvatarResponse>, Status> {
    let request = person.ask(pb::GetAvatarRequest {
        character_id: id.into(),
        size: pb::AvatarSize::Thumbnail.into(),
    });
    person.characters().get_avatar(request).await
}

/// The same on a busy machine, where the time of a call may not be enough: the picture is made nevertheless, and kept for the next.
async fn sized_whenever(person: &Person, id: &str) -> Response<pb::GetAvatarResponse> {
    for _ in 0..10 {
        match sized(person, id).await {
            Err(status) if status.code() == Code::DeadlineExceeded => {}
            shown => return shown.unwrap(),
        }
    }
    panic!("the picture is never made")
}

async fn count(person: &Person) -> usize {
    let request = person.ask(pb::ListCharactersRequest::default());
    let listed = person.characters().list_characters(request).await;
    listed.unwrap().into_inner().characters.len()
}

/// What a page asks for that shows an address.
fn asked(url: &str) -> pb::GetSignedAvatarRequest {
    let (path, query) = url.split_once('?').unwrap();
    let path: Vec<_> = path.split('/').collect();
    let [
        "",
        "api",
        "v1",
        "roleplay",
        "characters",
        id,
        "avatar",
        version,
    ] = path[..]
    else {
        panic!("{url}")
    };
    let of = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(it, _)| *it == name);
        found.unwrap_or_else(|| panic!("{name}: {url}")).1
    };
    pb::GetSignedAvatarRequest {
        character_id: id.to_owned(),
        version: version.to_owned(),
        size: pb::AvatarSize::from_str_name(of("size")).unwrap().into(),
        expire_time: Some(of("expireTime").parse().unwrap()),
        signature: of("signature").to_owned(),
    }
}

/// The answer to somebody of whom nothing is known.
async fn show(
    stage: &Stage,
    request: pb::GetSignedAvatarRequest,
) -> Result<Response<pb::GetSignedAvatarResponse>, Status> {
    let nobody = Person(stage.nobody());
    nobody
        .characters()
        .get_signed_avatar(Request::new(request))
        .await
}

async fn refusal(stage: &Stage, request: pb::GetSignedAvatarRequest) -> Option<Reason> {
    reason_of(&show(stage, request).await.err().unwrap())
}

fn sizes_of(stage: &Stage) -> Vec<std::path::PathBuf> {
    let folder = stage.host.data_dir.join("files/roleplay/avatar-sizes");
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// A card whose picture has so many pixels of one kind.
fn card_with(side: u32, color: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    let bytes = (side as usize).pow(2) * color.samples() * depth as usize / 8;
    writer.write_image_data(&vec![0x55; bytes]).unwrap();
    drop(writer);
    Card::from_json(CARD.as_bytes())
        .unwrap()
        .to_png(&file)
        .unwrap()
}

#[tokio::test]
async fn pages_show_pictures_without_a_token() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(png()).await.unwrap().character.unwrap();
    let addresses = character.avatar.clone().unwrap();
    let urls = [
        &addresses.thumbnail_url,
        &addresses.card_url,
        &addresses.full_url,
    ];
    let mut tags = Vec::new();
    for url in urls {
        let shown = show(&stage, asked(url)).await.unwrap();
        let metadata = shown.metadata();
        let kept = metadata.get("cache-control").unwrap();
        assert_eq!(kept, "private, max-age=31536000, immutable");
        tags.push(metadata.get("etag").unwrap().to_str().unwrap().to_owned());
        let image = shown.into_inner().image.unwrap();
        assert_eq!(image.content_type, "image/webp");
        assert!(image.data.starts_with(b"RIFF") && &image.data[8..12] == b"WEBP");
    }
    tags.dedup();
    assert!(tags.len() == 3 && tags.iter().all(|tag| tag.starts_with('"')));
    // Made once, and kept.
    let files = sizes_of(&stage);
    assert_eq!(files.len(), 3);
    for file in files {
        std::fs::write(file, b"kept").unwrap();
    }
    let again = show(&stage, asked(&addresses.card_url)).await.unwrap();
    assert_eq!(again.into_inner().image.unwrap().data, "kept");

    let listed = alice.ask(pb::ListCharactersRequest::default());
    let listed = alice.characters().list_characters(listed).await.unwrap();
    let listed = listed.into_inner().characters.remove(0);
    assert_eq!(listed.avatar, character.avatar, "addresses stay the same");
    let plain = alice.import(CARD).await.unwrap().character.unwrap();
    assert_eq!(plain.avatar, None);
}

#[tokio::test]
async fn no_address_becomes_another() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let address = async |person: &Person, file| {
        let character = person.import(file).await.unwrap().character.unwrap();
        asked(&character.avatar.unwrap().card_url)
    };
    let grey = card_with(9, png::ColorType::Grayscale, png::BitDepth::Eight);
    let hers = address(&alice, png()).await;
    let (his, other) = (address(&bob, png()).await, address(&bob, grey).await);
    assert_eq!(hers.version, his.version, "of the same picture");
    show(&stage, his.clone()).await.unwrap();
    let mut forged = vec![his.clone(), hers.clone(), hers.clone(), hers.clone()];
    forged[0].signature = hers.signature.clone();
    forged[1].version = other.version;
    forged[2].size = pb::AvatarSize::Full.into();
    forged[3].expire_time.as_mut().unwrap().seconds += 1;
    for signature in [
        "x",
        "AAAAAAAAAAAAAAAAAAAAAA",
        &his.signature,
        &hers.signature[..20],
    ] {
        let mut request = hers.clone();
        request.signature = signature.to_owned();
        forged.push(request);
    }
    // A signature of another key.
    let address = AvatarAddress {
        character_id: hers.character_id.parse().unwrap(),
        version: AvatarVersion::named(hers.version.clone()),
        size: AvatarSize::Card,
        expire_time: Timestamp::from_micros(hers.expire_time.unwrap().seconds * 1_000_000),
    };
    let mut request = hers.clone();
    request.signature = Signer::new(Secret::generate()).sign(&address.signed_text());
    forged.push(request);
    for request in forged {
        let seen = refusal(&stage, request.clone()).await;
        assert_eq!(seen, Some(Reason::AvatarAddressInvalid), "{request:?}");
    }
    assert_eq!(
        sizes_of(&stage).len(),
        1,
        "of what was refused nothing is made"
    );
    for version in ["", "../secret", "..%2f", "ABC", "0/../..", &"a".repeat(33)] {
        let mut request = hers.clone();
        request.version = version.to_owned();
        let seen = refusal(&stage, request).await;
        assert_eq!(seen, Some(Reason::InvalidRequest), "{version}");
    }
    show(&stage, hers).await.unwrap();
}

#[tokio::test]
async fn an_address_ends_and_the_character_has_a_new_one() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(png()).await.unwrap().character.unwrap();
    let old = character.avatar.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    stage.time().advance(day * 7);
    show(&stage, asked(&old.card_url)).await.unwrap();
    stage.time().advance(day * 7);
    let refused = refusal(&stage, asked(&old.card_url)).await;
    assert_eq!(refused, Some(Reason::AvatarAddressInvalid));
    // A token that is older than that is none either.
    let alice = stage.person_with(alice.0.user_id.unwrap());
    let request = alice.ask(pb::GetCharacterRequest {
        character_id: character.id.clone(),
    });
    let found = alice.characters().get_character(request).await.unwrap();
    let new = found.into_inner().character.unwrap().avatar.unwrap();
    assert_ne!(new, old);
    show(&stage, asked(&new.card_url)).await.unwrap();
}

#[tokio::test]
async fn a_picture_that_is_deleted_is_gone_in_every_size() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let character = alice.import(png()).await.unwrap().character.unwrap();
    let addresses = character.avatar.unwrap();
    let (full, card, thumbnail) = (
        &addresses.full_url,
        &addresses.card_url,
        &addresses.thumbnail_url,
    );
    for url in [full, card, thumbnail] {
        show(&stage, asked(url)).await.unwrap();
    }
    assert_eq!(sizes_of(&stage).len(), 3);
    let request = alice.ask(pb::DeleteCharacterRequest {
        character_id: character.id,
        ..Default::default()
    });
    alice.characters().delete_character(request).await.unwrap();
    assert_eq!(sizes_of(&stage).len(), 0);
    for url in [&addresses.full_url, &addresses.card_url] {
        let refused = refusal(&stage, asked(url)).await;
        assert_eq!(refused, Some(Reason::AvatarMissing));
    }
    assert_eq!(sizes_of(&stage).len(), 0);
}

#[tokio::test]
async fn with_a_token_pictures_come_in_sizes_and_have_tags() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let character = alice.import(png()).await.unwrap().character.unwrap();
    let whole = alice.ask(pb::GetAvatarRequest {
        character_id: character.id.clone(),
        ..Default::default()
    });
    let whole = alice.characters().get_avatar(whole).await.unwrap();
    let small = sized(&alice, &character.id).await.unwrap();
    let tag = |answer: &Response<pb::GetAvatarResponse>| {
        assert_eq!(
            answer.metadata().get("cache-control").unwrap(),
            "private, no-cache"
        );
        answer.metadata().get("etag").unwrap().clone()
    };
    assert_ne!(tag(&whole), tag(&small));
    assert_eq!(small.into_inner().image.unwrap().content_type, "image/webp");
    let refused = sized(&bob, &character.id).await.err().unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::NotFound));
    let plain = alice.import(CARD).await.unwrap().character.unwrap();
    let refused = sized(&alice, &plain.id).await.err().unwrap();
    assert_eq!(reason_of(&refused), Some(Reason::AvatarMissing));
}

#[tokio::test]
async fn the_largest_picture_is_shown_and_a_damaged_one_refused() {
    let stage = Stage::new().await;
    let alice = stage.person();
    // 128 MiB of pixels in a file of a few hundred KiB.
    let bomb = card_with(4_096, png::ColorType::Rgba, png::BitDepth::Sixteen);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let bomb = alice.import(bomb).await.unwrap().character.unwrap();
    let shown = sized_whenever(&alice, &bomb.id).await.into_inner();
    assert!(shown.image.unwrap().data.len() < 64 << 10);

    // A file whose checksums are right and whose pixels are not there.
    let whole = card_with(64, png::ColorType::Rgb, png::BitDepth::Eight);
    let damaged = alice.import(without_pixels(&whole)).await.unwrap();
    let damaged = damaged.character.unwrap();
    for _ in 0..2 {
        let refused = sized(&alice, &damaged.id).await.err().unwrap();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(reason_of(&refused), Some(Reason::AvatarUnreadable));
    }
    avatar(&alice, &damaged.id)
        .await
        .expect("as it was imported");
}

/// The same PNG without its chunks of pixels.
fn without_pixels(png: &[u8]) -> Vec<u8> {
    let (signature, mut rest) = png.split_at(8);
    let mut left = signature.to_vec();
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let (chunk, behind) = rest.split_at(u32::from_be_bytes(*length) as usize + 12);
        if &chunk[4..8] != b"IDAT" {
            left.extend_from_slice(chunk);
        }
        rest = behind;
    }
    left
}

#[tokio::test]
async fn serves_the_picture_of_a_png_and_deletes_it_with_the_character() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let character = alice.import(png()).await.unwrap().character.unwrap();
    assert!(character.has_avatar);
    let (kind, image) = avatar(&alice, &character.id).await.unwrap();
    assert_eq!(kind, "image/png");
    assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(
        avatar(&bob, &character.id).await.err().unwrap().code(),
        Code::NotFound
    );

    let plain = alice.import(CARD).await.unwrap().character.unwrap();
    let status = avatar(&alice, &plain.id).await.err().unwrap();
    assert_eq!(
        (status.code(), reason_of(&status)),
        (Code::NotFound, Some(Reason::AvatarMissing))
    );

    assert_eq!(stage.avatar_files(), 1);
    let delete = pb::DeleteCharacterRequest {
        character_id: character.id.clone(),
        ..Default::default()
    };
    alice
        .characters()
        .delete_character(alice.ask(delete.clone()))
        .await
        .unwrap();
    assert_eq!(stage.avatar_files(), 0);
    assert_eq!(
        reason_of(&avatar(&alice, &character.id).await.err().unwrap()),
        Some(Reason::NotFound)
    );
    let again = alice.characters().delete_character(alice.ask(delete)).await;
    assert_eq!(again.err().unwrap().code(), Code::NotFound);
}

#[tokio::test]
async fn keeps_pictures_in_a_bucket_and_says_so_while_it_is_gone() {
    let mut store = S3::start(None).await.unwrap();
    let stage = Stage::with_files_in(store.config()).await;
    let alice = stage.person();
    let character = alice.import(png()).await.unwrap().character.unwrap();
    let (_, image) = avatar(&alice, &character.id).await.unwrap();
    sized(&alice, &character.id).await.unwrap();
    assert_eq!(store.count_files().unwrap(), 2);

    store.stop();
    let delete = pb::DeleteCharacterRequest {
        character_id: character.id.clone(),
        ..Default::default()
    };
    let mut characters = alice.characters();
    let deleted = characters.delete_character(alice.ask(delete.clone())).await;
    for refused in [
        alice.import(png()).await.err().unwrap(),
        avatar(&alice, &character.id).await.err().unwrap(),
        deleted.err().unwrap(),
    ] {
        assert_eq!(
            (refused.code(), reason_of(&refused)),
            (Code::Unavailable, Some(Reason::Unavailable))
        );
    }
    alice.import(CARD).await.expect("without a picture");

    store.restart().await.unwrap();
    assert_eq!(count(&alice).await, 2, "nothing is half stored");
    assert_eq!(avatar(&alice, &character.id).await.unwrap().1, image);
    characters
        .delete_character(alice.ask(delete))
        .await
        .unwrap();
    assert_eq!(store.count_files().unwrap(), 0);
}

#[tokio::test]
async fn a_store_that_refuses_is_told_of_like_one_that_is_gone() {
    let store = S3::start(None).await.unwrap();
    let stage = Stage::with_files_in(S3Config {
        access_key_id: "somebody".to_owned(),
        ..store.config()
    });
    let stage = stage.await;
    let alice = stage.person();
    let refused = alice.import(png()).await.err().unwrap();
    assert_eq!(
        (refused.code(), reason_of(&refused)),
        (Code::Unavailable, Some(Reason::Unavailable))
    );
    let message = refused.message();
    assert!(message.starts_with("the file store"), "{message}");
    assert!(refused.get_details_retry_info().is_some());
    assert_eq!(count(&alice).await, 0, "nothing is half stored");
}
