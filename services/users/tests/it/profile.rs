//! Reading and changing one's own profile.

use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::users as pb;
use troupe_proto::users::AuditAction;

use crate::harness::{Caller, Service};

async fn update(
    caller: &Caller,
    profile: pb::Profile,
    paths: &[&str],
) -> Result<pb::Profile, Status> {
    let message = pb::UpdateProfileRequest {
        profile: Some(profile),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        }),
    };
    let answer = caller
        .user()
        .update_profile(caller.request(message))
        .await?;
    Ok(answer.into_inner().profile.unwrap())
}

fn everything() -> pb::Profile {
    pb::Profile {
        id: "usr_00000000000000000000000000".into(),
        email: "mallory@example.com".into(),
        display_name: "Queen".into(),
        bio: "Off with\ntheir heads".into(),
        locale: "pt-BR".into(),
        create_time: None,
        update_time: None,
    }
}

#[tokio::test]
async fn changes_what_the_mask_names_and_keeps_the_rest() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let before = alice.profile().await.unwrap();
    service.time().advance(std::time::Duration::from_secs(9));
    let after = update(&alice, everything(), &["bio"]).await.unwrap();
    assert_eq!(after.bio, "Off with\ntheir heads");
    assert_eq!(after.display_name, before.display_name);
    assert_eq!(after.locale, "");
    assert_eq!(after.create_time, before.create_time);
    let passed = after.update_time.unwrap().seconds - before.update_time.unwrap().seconds;
    assert_eq!(passed, 9);
    assert_eq!(alice.profile().await.unwrap(), after);
    assert_eq!(alice.actions().await[0], AuditAction::ProfileUpdated);
    let cleared = update(&alice, pb::Profile::default(), &["bio"])
        .await
        .unwrap();
    assert_eq!(cleared.bio, "");
}

#[tokio::test]
async fn what_is_sent_as_it_is_changes_no_time_and_is_no_event() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let seen = update(&alice, everything(), &["*"]).await.unwrap();
    let events = alice.actions().await.len();
    service.time().advance(std::time::Duration::from_secs(9));
    for paths in [&["*"][..], &["bio"], &[]] {
        assert_eq!(update(&alice, seen.clone(), paths).await.unwrap(), seen);
    }
    let spaced = pb::Profile {
        display_name: " Queen ".into(),
        ..seen.clone()
    };
    let kept = update(&alice, spaced, &["display_name"]).await.unwrap();
    assert_eq!(kept, seen);
    assert_eq!(alice.actions().await.len(), events);
}

#[tokio::test]
async fn an_empty_mask_changes_what_is_set_and_reaches_nothing_else() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let before = alice.profile().await.unwrap();
    let after = update(&alice, everything(), &[]).await.unwrap();
    assert_eq!(after.display_name, "Queen");
    assert_eq!(after.locale, "pt-BR");
    assert_eq!((after.id, after.email), (before.id, before.email));
    let kept = update(&alice, pb::Profile::default(), &[]).await.unwrap();
    assert_eq!(kept.display_name, "Queen");
}

#[tokio::test]
async fn a_star_changes_everything_that_can_change() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let before = alice.profile().await.unwrap();
    update(&alice, everything(), &["bio"]).await.unwrap();
    let named = pb::Profile {
        bio: String::new(),
        ..everything()
    };
    let after = update(&alice, named, &["*"]).await.unwrap();
    assert_eq!(
        (after.display_name.as_str(), after.bio.as_str()),
        ("Queen", "")
    );
    assert_eq!((after.id, after.email), (before.id, before.email));
}

#[tokio::test]
async fn refuses_a_mask_that_reaches_further_and_names_the_path() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let before = alice.profile().await.unwrap();
    for path in [
        "email",
        "id",
        "create_time",
        "update_time",
        "is_admin",
        "role",
        "bio.x",
    ] {
        let refused = update(&alice, everything(), &["display_name", path]).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{path}");
        let named = path.trim_end_matches(".x");
        assert!(refused.message().contains(named), "{refused}");
        let fields = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "update_mask");
    }
    assert_eq!(alice.profile().await.unwrap(), before);
}

#[tokio::test]
async fn refuses_values_that_break_the_rules() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    for (profile, path) in [
        (
            pb::Profile {
                display_name: "  ".into(),
                ..Default::default()
            },
            "display_name",
        ),
        (
            pb::Profile {
                display_name: "x".repeat(65),
                ..Default::default()
            },
            "display_name",
        ),
        (
            pb::Profile {
                bio: "a\0b".into(),
                ..Default::default()
            },
            "bio",
        ),
        (
            pb::Profile {
                locale: "not a language".into(),
                ..Default::default()
            },
            "locale",
        ),
    ] {
        let refused = update(&alice, profile, &[path]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{path}");
        assert!(refused.message().contains(path), "{refused}");
    }
}
