//! Pictures that characters are given, and that are taken away.

use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay as pb;
use troupe_roleplay::domain::card::Card;

use crate::avatars::{avatar, png};
use crate::card_files::{card_with_assets, charx};
use crate::characters::export;
use crate::stage::{CARD, Person, Stage};

impl Person {
    async fn upload(&self, id: &str, image: Vec<u8>, etag: &str) -> Result<pb::Character, Status> {
        let request = self.ask(pb::UploadAvatarRequest {
            character_id: id.to_owned(),
            image: Some(HttpBody {
                data: image.into(),
                ..HttpBody::default()
            }),
            etag: etag.to_owned(),
        });
        let uploaded = self.characters().upload_avatar(request).await?;
        Ok(uploaded.into_inner().character.unwrap())
    }

    async fn delete_avatar(&self, id: &str, etag: &str) -> Result<(), Status> {
        let request = self.ask(pb::DeleteAvatarRequest {
            character_id: id.to_owned(),
            etag: etag.to_owned(),
        });
        self.characters().delete_avatar(request).await.map(drop)
    }

    async fn read_character(&self, id: &str) -> pb::Character {
        let request = self.ask(pb::GetCharacterRequest {
            character_id: id.to_owned(),
        });
        let read = self.characters().get_character(request).await;
        read.unwrap().into_inner().character.unwrap()
    }
}

/// A picture of one colour.
fn picture(shade: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 5, 3);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[shade; 15]).unwrap();
    drop(writer);
    file
}

fn reason<T>(result: Result<T, Status>) -> Option<Reason> {
    result.err().as_ref().and_then(reason_of)
}

#[tokio::test]
async fn a_character_is_given_pictures_one_after_the_other() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let made = alice.import(CARD).await.unwrap().character.unwrap();
    assert!(!made.has_avatar);
    let first = alice
        .upload(&made.id, picture(9), &made.etag)
        .await
        .unwrap();
    assert!(first.has_avatar && first.etag != made.etag);
    assert_eq!(first, alice.read_character(&made.id).await);
    assert_eq!(avatar(&alice, &made.id).await.unwrap().1, picture(9));
    // The same once more changes nothing.
    let same = alice.upload(&made.id, picture(9), "").await.unwrap();
    assert_eq!(
        (same.etag.as_str(), stage.avatar_files()),
        (first.etag.as_str(), 1)
    );
    let second = alice.upload(&made.id, picture(200), "").await.unwrap();
    assert_ne!(second.avatar, first.avatar, "it has other addresses");
    assert_eq!(avatar(&alice, &made.id).await.unwrap().1, picture(200));
    assert_eq!(stage.avatar_files(), 1, "the old one is gone");
    let refused = bob.upload(&made.id, picture(1), "").await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    // It goes with the character.
    let delete = pb::DeleteCharacterRequest {
        character_id: made.id.clone(),
        ..Default::default()
    };
    let deleted = alice.characters().delete_character(alice.ask(delete)).await;
    deleted.unwrap();
    assert_eq!(stage.avatar_files(), 0);
}

#[tokio::test]
async fn a_picture_is_replaced_by_one_who_saw_it() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let read = alice.import(png()).await.unwrap().character.unwrap();
    let ask = alice.ask(pb::GetAvatarRequest {
        character_id: read.id.clone(),
        size: pb::AvatarSize::Thumbnail.into(),
    });
    let shown = alice.characters().get_avatar(ask).await.unwrap();
    let tag = shown.metadata().get("etag").unwrap().to_str().unwrap();
    let tag = tag.trim_matches('"').to_owned();
    alice.upload(&read.id, picture(1), &tag).await.unwrap();
    for stale in [&tag, &read.etag] {
        let refused = alice.upload(&read.id, picture(2), stale).await;
        assert_eq!(reason(refused), Some(Reason::EtagMismatch));
        let refused = alice.delete_avatar(&read.id, stale).await;
        assert_eq!(reason(refused), Some(Reason::EtagMismatch));
    }
    assert_eq!(avatar(&alice, &read.id).await.unwrap().1, picture(1));
    assert_eq!(stage.avatar_files(), 1, "nothing of the others stays");
    let now = alice.read_character(&read.id).await;
    alice.delete_avatar(&read.id, &now.etag).await.unwrap();
    let left = alice.read_character(&read.id).await;
    assert!(!left.has_avatar && left.avatar.is_none() && left.etag != now.etag);
    assert_eq!(stage.avatar_files(), 0);
    let again = alice.delete_avatar(&read.id, "").await;
    assert_eq!(reason(again), Some(Reason::AvatarMissing));
}

#[tokio::test]
async fn takes_whole_pictures_alone_and_leaves_cards_in_them() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let made = alice.import(CARD).await.unwrap().character.unwrap();
    let whole = picture(7);
    for odd in [
        Vec::new(),
        b"GIF89a".to_vec(),
        CARD.as_bytes().to_vec(),
        whole[..whole.len() - 20].to_vec(),
    ] {
        let refused = alice.upload(&made.id, odd, "").await.unwrap_err();
        assert_eq!(
            (refused.code(), reason_of(&refused)),
            (Code::InvalidArgument, Some(Reason::AvatarInvalid))
        );
        assert!(refused.message().contains("PNG, JPEG or WebP"), "{refused}");
    }
    assert_eq!(stage.avatar_files(), 0);
    let other = CARD.replace("Mira", "Odo");
    let card = Card::from_json(other.as_bytes()).unwrap();
    let with_card = card.to_png(&whole).unwrap();
    let given = alice.upload(&made.id, with_card, "").await.unwrap();
    assert_eq!(given.name, "Mira");
    assert_eq!(avatar(&alice, &made.id).await.unwrap().1, whole);
}

#[tokio::test]
async fn an_archive_has_the_picture_that_a_character_was_given() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let read = alice.import(charx(&card_with_assets())).await.unwrap();
    let read = read.character.unwrap();
    let given = alice.upload(&read.id, picture(7), "").await.unwrap();
    let (form, spec) = (pb::CardFormat::Charx, pb::CardSpec::Unspecified);
    let (_, file) = export(&alice, &read.id, form, spec).await.unwrap();
    let again = alice.import(file).await.unwrap().character.unwrap();
    assert_eq!(avatar(&alice, &again.id).await.unwrap().1, picture(7));
    let others = |character: &pb::Character| {
        let assets = character.assets.iter();
        assets.filter(|it| it.r#type != "icon").count()
    };
    assert_eq!(others(&again), others(&given));
    assert_eq!(others(&given), others(&read));
}
