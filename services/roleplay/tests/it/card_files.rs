//! Cards from the files that they are in, with what they bring along, and out again.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tonic::Code;
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, roleplay as pb};
use troupe_roleplay::domain::card::Card;

use crate::avatars::avatar;
use crate::characters::{export, find};
use crate::stage::{CARD, Person, Stage, opening};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const HAPPY: &[u8] = b"GIF89a happy";
const SEA: &[u8] = b"<svg onload='alert(1)'/>";

/// A V3 card with an icon, an emotion and a background.
pub(crate) fn card_with_assets() -> Value {
    let asset = |kind: &str, name: &str, path: &str| json!({"type": kind, "name": name, "uri": format!("embeded://{path}"), "ext": "png"});
    let mut card: Value = CARD.parse().unwrap();
    card["spec"] = json!("chara_card_v3");
    card["spec_version"] = json!("3.0");
    card["data"]["nickname"] = json!("Mi");
    card["data"]["assets"] = json!([
        asset("icon", "main", "assets/icon/images/main.png"),
        asset("emotion", "happy", "assets/emotion/images/happy.gif"),
        asset("background", "sea", "assets/background/images/sea.svg"),
    ]);
    card
}

pub(crate) fn charx(card: &Value) -> Vec<u8> {
    let json = card.to_string().into_bytes();
    let icon = Card::blank_png();
    zip(&[
        ("card.json", &json),
        ("assets/icon/images/main.png", &icon),
        ("assets/emotion/images/happy.gif", HAPPY),
        ("assets/background/images/sea.svg", SEA),
    ])
}

/// A ZIP archive whose files aren't packed.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let short = |n: usize| u16::try_from(n).unwrap().to_le_bytes();
    for (path, content) in files {
        let sizes = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &crc32fast::hash(content).to_le_bytes(),
            &long(content.len()),
            &long(content.len()),
            &short(path.len()),
            &[0, 0],
        ]
        .concat();
        directory.extend([&b"PK\x01\x02\x14\0"[..], &sizes, &[0; 10], &long(out.len())].concat());
        directory.extend(path.as_bytes());
        out.extend([&b"PK\x03\x04"[..], &sizes, path.as_bytes(), content].concat());
    }
    let (count, start) = (short(files.len()), long(out.len()));
    let size = long(directory.len());
    out.extend(directory);
    out.extend(
        [
            &b"PK\x05\x06\0\0\0\0"[..],
            &count,
            &count,
            &size,
            &start,
            &[0, 0],
        ]
        .concat(),
    );
    out
}

async fn asset(
    person: &Person,
    character: &str,
    asset: &str,
) -> Result<(String, Vec<u8>), tonic::Status> {
    let request = person.ask(pb::GetCharacterAssetRequest {
        character_id: character.into(),
        asset_id: asset.into(),
    });
    let answer = person.characters().get_character_asset(request).await?;
    let file = answer.into_inner().file.unwrap();
    Ok((file.content_type, file.data.into()))
}

pub(crate) fn files_in(stage: &Stage, folder: &str) -> usize {
    let folder = stage.host.data_dir.join("files/roleplay").join(folder);
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn an_archive_s_assets_are_kept_served_and_deleted_with_the_character() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let imported = alice.import(charx(&card_with_assets())).await.unwrap();
    assert_eq!(imported.warnings, Vec::<String>::new());
    let character = imported.character.unwrap();
    let get = alice.ask(pb::GetCharacterRequest {
        character_id: character.id.clone(),
    });
    let got = alice.characters().get_character(get).await.unwrap();
    assert_eq!(got.into_inner().character.unwrap(), character);
    assert!(
        avatar(&alice, &character.id)
            .await
            .unwrap()
            .1
            .starts_with(PNG)
    );
    let of: Vec<_> = character
        .assets
        .iter()
        .map(|it| (it.r#type.as_str(), it.name.as_str(), it.media_type.as_str()))
        .collect();
    assert_eq!(
        of,
        [
            ("icon", "main", "image/png"),
            ("emotion", "happy", "image/gif"),
            // What could run something has no type of its own.
            ("background", "sea", "application/octet-stream"),
        ]
    );
    let happy = &character.assets[1];
    assert_eq!(happy.size_bytes, i32::try_from(HAPPY.len()).unwrap());
    let served = asset(&alice, &character.id, &happy.id).await.unwrap();
    assert_eq!(served, ("image/gif".to_owned(), HAPPY.to_vec()));
    let other = alice.import(CARD).await.unwrap().character.unwrap();
    for refused in [
        asset(&bob, &character.id, &happy.id).await,
        asset(&alice, &other.id, &happy.id).await,
    ] {
        assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    }

    assert_eq!(
        (files_in(&stage, "avatars"), files_in(&stage, "assets")),
        (1, 3)
    );
    let delete = pb::DeleteCharacterRequest {
        character_id: character.id.clone(),
        ..Default::default()
    };
    let mut characters = alice.characters();
    characters
        .delete_character(alice.ask(delete))
        .await
        .unwrap();
    assert_eq!(
        (files_in(&stage, "avatars"), files_in(&stage, "assets")),
        (0, 0)
    );
    let gone = asset(&alice, &character.id, &happy.id).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn assets_come_out_in_every_form_that_has_room_for_them() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let imported = alice.import(charx(&card_with_assets())).await.unwrap();
    let id = imported.character.unwrap().id;
    for (format, kind, start) in [
        (pb::CardFormat::Charx, "application/zip", &b"PK\x03\x04"[..]),
        (pb::CardFormat::JpegCharx, "image/jpeg", b"\xff\xd8\xff"),
        (pb::CardFormat::Png, "image/png", PNG),
    ] {
        let (content_type, file) = export(&alice, &id, format, pb::CardSpec::Unspecified)
            .await
            .unwrap();
        assert_eq!(content_type, kind);
        assert!(file.starts_with(start));
        let again = alice.import(file).await.unwrap();
        assert_eq!(again.warnings, Vec::<String>::new(), "{format:?}");
        let again = again.character.unwrap();
        assert!(again.has_avatar && again.spec() == pb::CardSpec::V3);
        let contents = [again.assets[1].clone(), again.assets[2].clone()];
        assert_eq!(
            asset(&alice, &again.id, &contents[0].id).await.unwrap().1,
            HAPPY
        );
        assert_eq!(
            asset(&alice, &again.id, &contents[1].id).await.unwrap().1,
            SEA
        );
    }
}

#[tokio::test]
async fn an_export_says_what_it_cannot_express() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut card = card_with_assets();
    card["data"]["character_book"]["entries"][0]["content"] = json!("@@depth 1\nIce.");
    let imported = alice.import(charx(&card)).await.unwrap();
    let id = imported.character.unwrap().id;
    let warnings = async |format: pb::CardFormat, spec: pb::CardSpec| {
        let request = alice.ask(pb::ExportCharacterRequest {
            character_id: id.clone(),
            format: format.into(),
            spec: spec.into(),
        });
        let answer = alice.characters().export_character(request).await.unwrap();
        let header = answer.metadata().get("x-card-warnings").cloned();
        let warnings = answer.into_inner().warnings;
        let told = header.map(|it| serde_json::from_str(it.to_str().unwrap()).unwrap());
        assert_eq!(told.unwrap_or_else(Vec::<String>::new), warnings);
        warnings
    };
    let json = warnings(pb::CardFormat::Json, pb::CardSpec::V2).await;
    assert_eq!(json.len(), 4, "{json:?}");
    for (part, said) in ["decorators", "nickname, assets", "picture", "3 assets"]
        .iter()
        .zip(&json)
    {
        assert!(said.contains(part), "{said}");
    }
    let own = warnings(pb::CardFormat::Json, pb::CardSpec::Unspecified).await;
    assert_eq!(own.len(), 2);
    for format in [pb::CardFormat::Charx, pb::CardFormat::Png] {
        assert!(warnings(format, pb::CardSpec::V2).await.is_empty());
    }
}

#[tokio::test]
async fn a_card_without_a_name_is_given_one_and_others_keep_theirs() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let import = async |card: String, name: &str| {
        let request = alice.ask(pb::ImportCharacterRequest {
            file: Some(troupe_proto::google::api::HttpBody {
                data: card.into_bytes().into(),
                ..Default::default()
            }),
            name: name.into(),
            ..Default::default()
        });
        let answer = alice.characters().import_character(request).await?;
        Ok::<_, tonic::Status>(answer.into_inner().character.unwrap().name)
    };
    let nameless = CARD.replace("\"Mira\"", "\"\"");
    assert_eq!(import(nameless.clone(), "Ada").await.unwrap(), "Ada");
    assert_eq!(import(CARD.to_owned(), "Ada").await.unwrap(), "Mira");
    for name in ["", " \n"] {
        let refused = import(nameless.clone(), name).await.unwrap_err();
        assert_eq!(reason_of(&refused), Some(Reason::CardInvalid));
    }
    assert_eq!(find(&alice, "").await, ["Mira", "Ada"]);
}

#[tokio::test]
async fn what_an_import_takes_is_shown_and_taken_by_an_update() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut card: Value = CARD.parse().unwrap();
    let tags: Vec<String> = (0..201)
        .map(|n| format!("{n} {}", "t".repeat(300)))
        .collect();
    let greetings = vec!["Hi."; 201];
    for key in ["nickname", "creator", "character_version"] {
        card["data"][key] = json!("x".repeat(201));
    }
    card["data"]["name"] = json!("Ö".repeat(201));
    card["data"]["tags"] = json!(tags);
    card["data"]["alternate_greetings"] = json!(greetings);
    card["data"]["description"] = json!("d".repeat(300_000));
    let imported = alice.import(card.to_string()).await.unwrap();
    let shown = imported.character.unwrap();
    let request = pb::UpdateCharacterRequest {
        character: Some(shown.clone()),
        update_mask: None,
    };
    let answer = alice
        .characters()
        .update_character(alice.ask(request))
        .await;
    let updated = answer.unwrap().into_inner().character.unwrap();
    assert_eq!((&updated.name, &updated.tags), (&shown.name, &shown.tags));
    assert!(updated.card == shown.card, "the card changed");
    let create = pb::CreateCharacterRequest {
        character: Some(pb::Character {
            id: String::new(),
            etag: String::new(),
            ..shown.clone()
        }),
        request_id: String::new(),
    };
    let created = alice.characters().create_character(alice.ask(create)).await;
    assert_eq!(
        created.unwrap().into_inner().character.unwrap().name,
        shown.name
    );

    // What its name makes of a session can be changed too.
    let request = opening(pb::Session {
        character_id: shown.id,
        ..Default::default()
    });
    let opened = alice.sessions().create_session(alice.ask(request)).await;
    let session = opened.unwrap().into_inner().session.unwrap();
    assert_eq!(session.title, "x".repeat(200), "the nickname, cut off");
    let request = pb::UpdateSessionRequest {
        session: Some(pb::Session {
            id: session.id.clone(),
            title: session.title.clone(),
            ..Default::default()
        }),
        ..Default::default()
    };
    alice
        .sessions()
        .update_session(alice.ask(request))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_may_be_as_long_as_an_edited_one() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let session = alice.open_session().await;
    let text = "🐉".repeat(20_000);
    let watch = alice.send(&session.id, &text).await.unwrap();
    let call = stage.call().await;
    assert!(call.prompt().contains(&text));
    call.finish();
    watch.all().await;
}

#[tokio::test]
async fn hostile_archives_and_strangers_are_refused_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let json = card_with_assets().to_string();
    let json = json.as_bytes();
    let naidata = [b"naidata\0".as_slice(), STANDARD.encode("{}").as_bytes()].concat();
    let mut in_a_picture = Card::blank_png();
    in_a_picture.truncate(in_a_picture.len() - 12);
    let length = u32::try_from(naidata.len()).unwrap().to_be_bytes();
    let chunk = [b"tEXt".as_slice(), &naidata].concat();
    let sum = crc32fast::hash(&chunk).to_be_bytes();
    in_a_picture.extend(
        [
            &length[..],
            &chunk,
            &sum,
            &[0, 0, 0, 0],
            b"IEND\xae\x42\x60\x82",
        ]
        .concat(),
    );
    for (what, file, said) in [
        ("up", zip(&[("card.json", json), ("../x", b"x")]), "../x"),
        (
            "twice",
            zip(&[("card.json", json), ("card.json", json)]),
            "two files",
        ),
        ("no card", zip(&[("a.txt", b"x")]), "card.json"),
        (
            "cut",
            charx(&card_with_assets())[..400].to_vec(),
            "none of the files",
        ),
        (
            "lorebook",
            br#"{"name":"x","description":"y","entries":{"0":{"key":["a"]}}}"#.to_vec(),
            "lorebook",
        ),
        ("NovelAI", in_a_picture, "NovelAI"),
        (
            "chat",
            b"{\"user_name\":\"A\",\"character_name\":\"B\"}\n{}".to_vec(),
            "chat",
        ),
        (
            "UTF-16",
            CARD.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "UTF-16",
        ),
    ] {
        let status = alice.import(file).await.err();
        let status = status.unwrap_or_else(|| panic!("{what} was taken"));
        assert_eq!(reason_of(&status), Some(Reason::CardInvalid), "{what}");
        assert!(
            status.message().contains(said),
            "{what}: {}",
            status.message()
        );
    }
    assert_eq!(find(&alice, "").await.len(), 0);
    assert_eq!(
        (files_in(&stage, "avatars"), files_in(&stage, "assets")),
        (0, 0)
    );
}

#[tokio::test]
async fn entries_in_silly_tavern_s_spelling_fire_where_they_say() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mut card: Value = CARD.parse().unwrap();
    card["data"]["character_book"]["entries"] = json!({
        "0": {"uid": 0, "key": ["reef"], "content": "Sharp rocks.", "disable": false, "order": 20, "position": 0},
        "1": {"uid": 1, "key": ["reef"], "content": "OFF", "disable": true, "order": 10, "position": 0},
        "2": {"uid": 2, "key": [], "content": "OFF", "constant": true, "disable": true, "position": 0},
        "3": {"uid": 3, "key": ["deep"], "content": "Dark water.", "disable": false, "order": 5,
              "position": 4, "depth": 1, "excludeRecursion": true}
    });
    let imported = alice.import(card.to_string()).await.unwrap();
    let request = opening(pb::Session {
        character_id: imported.character.unwrap().id,
        ..Default::default()
    });
    let opened = alice.sessions().create_session(alice.ask(request)).await;
    let session = opened.unwrap().into_inner().session.unwrap();
    let watch = alice.send(&session.id, "The reef is deep.").await.unwrap();
    let call = stage.call().await;
    let prompt = call.prompt();
    let at = |text: &str| {
        prompt
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {prompt}"))
    };
    assert!(at("Sharp rocks.") < at("keeps the lighthouse"));
    assert!(at("Come in") < at("Dark water.") && at("Dark water.") < at("The reef is deep."));
    assert!(!prompt.contains("OFF"), "{prompt}");
    call.finish();
    watch.all().await;
}
