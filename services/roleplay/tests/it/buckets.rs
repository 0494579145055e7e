//! Pictures in a bucket of S3, which may be gone or refuse.

use storage::S3Config;
use testkit::servers::S3;
use tonic::Code;
use tonic_types::StatusExt;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, roleplay as pb};

use crate::characters::{avatar, find, png};
use crate::stage::{CARD, Stage};

#[tokio::test]
async fn keeps_pictures_in_a_bucket_and_says_so_while_it_is_gone() {
    let mut store = S3::start(None).await.unwrap();
    let stage = Stage::with_files_in(store.config()).await;
    let alice = stage.person();
    let character = alice.import(png()).await.unwrap().character.unwrap();
    let (_, image) = avatar(&alice, &character.id).await.unwrap();

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
    assert_eq!(find(&alice, "").await.len(), 2, "nothing is half stored");
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
    assert!(find(&alice, "").await.is_empty(), "nothing is half stored");
}
