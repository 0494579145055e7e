//! Sharing: who may open sessions with what others have made, and until when.

use std::time::Duration;

use mesh::Channel;
use prost_types::FieldMask;
use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::sharing_service_client::SharingServiceClient;
use troupe_roleplay::{Config, SharingConfig};

use crate::scenario_starts::prompt_of;
use crate::scenarios::storm;
use crate::stage::{CARD, Person, Stage};

impl Person {
    pub(crate) fn sharing(&self) -> SharingServiceClient<Channel> {
        SharingServiceClient::new(self.0.channel.clone()).max_decoding_message_size(32 << 20)
    }

    pub(crate) async fn make_link(&self, link: pb::ShareLink) -> Result<pb::ShareLink, Status> {
        let request = pb::CreateShareLinkRequest {
            share_link: Some(link),
            request_id: String::new(),
        };
        let made = self.sharing().create_share_link(self.ask(request)).await?;
        Ok(made.into_inner().share_link.unwrap())
    }

    pub(crate) async fn link_to(&self, character: &str) -> pb::ShareLink {
        let link = pb::ShareLink {
            character_id: character.to_owned(),
            ..Default::default()
        };
        self.make_link(link).await.unwrap()
    }

    pub(crate) async fn link_to_scenario(&self, scenario: &str) -> pb::ShareLink {
        let link = pb::ShareLink {
            scenario_id: scenario.to_owned(),
            ..Default::default()
        };
        self.make_link(link).await.unwrap()
    }

    pub(crate) async fn open_link(&self, token: &str) -> Result<pb::OpenShareLinkResponse, Status> {
        let request = pb::OpenShareLinkRequest {
            share_token: token.to_owned(),
        };
        let opened = self.sharing().open_share_link(self.ask(request)).await?;
        Ok(opened.into_inner())
    }

    async fn revoke(&self, link: &str) {
        let request = pb::DeleteShareLinkRequest {
            share_link_id: link.to_owned(),
        };
        let revoked = self.sharing().delete_share_link(self.ask(request)).await;
        revoked.unwrap();
    }

    /// Opens a session with a character, by a link if there is a token.
    pub(crate) async fn open_with(
        &self,
        character: &str,
        token: &str,
    ) -> Result<pb::Session, Status> {
        let request = pb::CreateSessionRequest {
            session: Some(pb::Session {
                character_id: character.to_owned(),
                ..Default::default()
            }),
            share_token: token.to_owned(),
            request_id: String::new(),
        };
        let opened = self.sessions().create_session(self.ask(request)).await?;
        Ok(opened.into_inner().session.unwrap())
    }

    pub(crate) async fn get_character(&self, id: &str) -> Result<pb::Character, Status> {
        let request = pb::GetCharacterRequest {
            character_id: id.to_owned(),
        };
        let got = self.characters().get_character(self.ask(request)).await?;
        Ok(got.into_inner().character.unwrap())
    }

    /// Shares a character.
    pub(crate) async fn share(
        &self,
        id: &str,
        visibility: pb::Visibility,
        card_shown: bool,
    ) -> Result<pb::Character, Status> {
        let request = pb::UpdateCharacterRequest {
            character: Some(pb::Character {
                id: id.to_owned(),
                visibility: visibility.into(),
                card_shown,
                rating: pb::ContentRating::Teen.into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: ["visibility", "card_shown", "rating"]
                    .map(str::to_owned)
                    .to_vec(),
            }),
        };
        let changed = self
            .characters()
            .update_character(self.ask(request))
            .await?;
        Ok(changed.into_inner().character.unwrap())
    }

    async fn listed(&self, query: &str, rating: pb::ContentRating) -> Vec<pb::Character> {
        let request = pb::ListListedCharactersRequest {
            query: query.to_owned(),
            max_rating: rating.into(),
            ..Default::default()
        };
        let page = self
            .sharing()
            .list_listed_characters(self.ask(request))
            .await;
        page.unwrap().into_inner().characters
    }
}

/// A platform that lists things.
pub(crate) async fn listing() -> Stage {
    let config = Config {
        sharing: SharingConfig { listing: true },
        ..Config::default()
    };
    Stage::with(&config).await
}

fn is_missing<T: std::fmt::Debug>(answer: Result<T, Status>) -> bool {
    answer.unwrap_err().code() == Code::NotFound
}

#[tokio::test]
async fn who_has_a_link_opens_sessions_until_it_is_revoked() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mira = alice.character(CARD.to_owned()).await;
    let link = alice.link_to(&mira).await;
    let token = link.share_token.as_str();
    // While it is private, the link leads nowhere.
    assert!(is_missing(bob.open_with(&mira, token).await));
    assert!(is_missing(bob.open_link(token).await));
    alice
        .share(&mira, pb::Visibility::Link, false)
        .await
        .unwrap();
    assert!(is_missing(bob.open_with(&mira, "").await));
    assert!(is_missing(bob.get_character(&mira).await));
    let shown = bob.open_link(token).await.unwrap().character.unwrap();
    assert_eq!((&*shown.name, &*shown.description), ("Mira", ""));
    assert!(!shown.owned && shown.rating() == pb::ContentRating::Teen);
    let session = bob.open_with(&mira, token).await.unwrap();
    assert_eq!(session.character_name, "Mira");
    // It leads to this character, and to no other.
    let other = alice.character(CARD.replace("Mira", "Odo")).await;
    alice
        .share(&other, pb::Visibility::Link, false)
        .await
        .unwrap();
    assert!(is_missing(bob.open_with(&other, token).await));
    alice.revoke(&link.id).await;
    assert!(is_missing(bob.open_with(&mira, token).await));
    assert!(is_missing(bob.open_link(token).await));
    // What was opened goes on, also when the character is private again.
    alice
        .share(&mira, pb::Visibility::Private, true)
        .await
        .unwrap();
    let prompt = prompt_of(&stage, &bob, &session.id, "Hello").await;
    assert!(
        prompt.contains("Mira keeps the lighthouse of Varn."),
        "{prompt}"
    );
    let seen = bob.get_character(&mira).await.unwrap();
    assert_eq!(
        (&*seen.name, &*seen.description, seen.card),
        ("Mira", "", None)
    );
    // When it is deleted, the session can only be read.
    alice.delete_character(&mira).await;
    let refused = bob.send(&session.id, "Hello?").await.map(drop).unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::CharacterDeleted));
    assert!(is_missing(bob.get_character(&mira).await));
}

#[tokio::test]
async fn links_are_their_makers_end_by_themselves_and_cannot_be_made_up() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mira = alice.character(CARD.to_owned()).await;
    alice
        .share(&mira, pb::Visibility::Link, false)
        .await
        .unwrap();
    let soon = stage.host.clock.now() + Duration::from_secs(60);
    let ending = pb::ShareLink {
        character_id: mira.clone(),
        expire_time: Some(soon.into()),
        title: "For Bo".to_owned(),
        ..Default::default()
    };
    let ending = alice.make_link(ending).await.unwrap();
    let lasting = alice.link_to(&mira).await;
    assert!(bob.open_with(&mira, &ending.share_token).await.is_ok());
    let (id, signature) = ending.share_token.split_once('.').unwrap();
    assert!(signature.len() >= 22, "{signature}");
    let (_, of_other) = lasting.share_token.split_once('.').unwrap();
    for made_up in [
        id.to_owned(),
        format!("{id}."),
        format!("{id}.{of_other}"),
        format!("{id}.{}", "A".repeat(22)),
        "x".to_owned(),
    ] {
        assert!(is_missing(bob.open_link(&made_up).await), "{made_up}");
        assert!(
            is_missing(bob.open_with(&mira, &made_up).await),
            "{made_up}"
        );
    }
    stage.time().advance(Duration::from_secs(61));
    assert!(is_missing(bob.open_with(&mira, &ending.share_token).await));
    assert!(bob.open_with(&mira, &lasting.share_token).await.is_ok());
    let list = async |person: &Person| {
        let request = pb::ListShareLinksRequest {
            character_id: mira.clone(),
            ..Default::default()
        };
        let page = person.sharing().list_share_links(person.ask(request)).await;
        let links = page.unwrap().into_inner().share_links;
        links.into_iter().map(|link| link.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&alice).await, [lasting.id.clone(), ending.id.clone()]);
    assert!(list(&bob).await.is_empty());
    let get = pb::GetShareLinkRequest {
        share_link_id: ending.id.clone(),
    };
    let got = alice.sharing().get_share_link(alice.ask(get.clone())).await;
    assert_eq!(got.unwrap().into_inner().share_link.unwrap(), ending);
    assert!(is_missing(bob.sharing().get_share_link(bob.ask(get)).await));
    // Nobody shares what isn't theirs.
    let theirs = pb::ShareLink {
        character_id: mira.clone(),
        ..Default::default()
    };
    assert!(is_missing(bob.make_link(theirs).await));
    let neither = alice.make_link(pb::ShareLink::default()).await.unwrap_err();
    assert_eq!(neither.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn nothing_is_listed_unless_the_platform_lists_and_the_owner_rates() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let mira = alice.character(CARD.to_owned()).await;
    let refused = alice
        .share(&mira, pb::Visibility::Listed, true)
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::ListingOff));
    let unrated = pb::UpdateCharacterRequest {
        character: Some(pb::Character {
            id: mira.clone(),
            visibility: pb::Visibility::Link.into(),
            ..Default::default()
        }),
        update_mask: None,
    };
    let mut characters = alice.characters();
    let refused = characters
        .update_character(alice.ask(unrated))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::InvalidRequest));
    assert!(refused.message().contains("rating"), "{refused}");
    let scenario = pb::Scenario {
        visibility: pb::Visibility::Listed.into(),
        ..storm(&mira, &alice.lorebook("Varn").await.id)
    };
    let refused = alice.scenario(scenario).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::ListingOff));
    assert!(
        alice
            .listed("", pb::ContentRating::Unspecified)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_listed_is_found_by_everybody_and_used() {
    let stage = listing().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mira = alice.character(CARD.to_owned()).await;
    let odo = alice.character(CARD.replace("Mira", "Odo")).await;
    alice
        .share(&mira, pb::Visibility::Listed, false)
        .await
        .unwrap();
    alice.share(&odo, pb::Visibility::Link, true).await.unwrap();
    let all = pb::ContentRating::Unspecified;
    let found = bob.listed("mir", all).await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, &*found[0].description), (&mira, ""));
    assert!(!found[0].owned && alice.listed("", all).await[0].owned);
    assert!(bob.listed("", pb::ContentRating::General).await.is_empty());
    assert_eq!(bob.listed("", pb::ContentRating::Mature).await.len(), 1);
    assert!(bob.open_with(&mira, "").await.is_ok());
    assert!(is_missing(bob.open_with(&odo, "").await));
    // Bob's own list has only his own, and he changes nothing of hers.
    let own = bob
        .characters()
        .list_characters(bob.ask(pb::ListCharactersRequest::default()))
        .await;
    assert!(own.unwrap().into_inner().characters.is_empty());
    assert!(is_missing(
        bob.share(&mira, pb::Visibility::Private, false).await
    ));
    // A scenario that casts a character which anybody may use, and one whose character is its owner's alone.
    let book = alice.lorebook("Varn").await;
    let scenario = pb::Scenario {
        visibility: pb::Visibility::Listed.into(),
        texts_shown: true,
        ..storm(&odo, &book.id)
    };
    let made = alice.scenario(scenario).await.unwrap();
    let request = pb::ListListedScenariosRequest::default();
    let page = bob.sharing().list_listed_scenarios(bob.ask(request)).await;
    let listed = page.unwrap().into_inner().scenarios;
    assert_eq!(
        (listed.len(), &listed[0].id, &*listed[0].opening),
        (1, &made.id, "")
    );
    assert_eq!(listed[0].blanks.len(), 2);
    let seen = bob.get_scenario(&made.id).await.unwrap();
    assert_eq!((&seen.opening, seen.owned), (&made.opening, false));
    // Who shares a scenario shares its characters with it.
    let started = bob.start(&made.id, &[("hero", "Bo")]).await.unwrap();
    let session = started.session.unwrap();
    assert_eq!(session.character_id, odo);
    assert!(is_missing(bob.change_scenario(seen, &["name"]).await));
    assert!(is_missing(bob.delete_scenario(&made.id, "").await));
    // The copy is his, with copies of the lorebooks, and without the character that he may not use by itself.
    let request = pb::CopyScenarioRequest {
        scenario_id: made.id.clone(),
        ..Default::default()
    };
    let copied = bob.scenarios().copy_scenario(bob.ask(request)).await;
    let copied = copied.unwrap().into_inner().scenario.unwrap();
    assert!(copied.owned && copied.visibility() == pb::Visibility::Private);
    assert_eq!(copied.opening, made.opening);
    assert_ne!(copied.lorebook_ids, made.lorebook_ids);
    assert_eq!(
        bob.get_book(&copied.lorebook_ids[0]).await.unwrap().name,
        "Varn"
    );
    assert_eq!(copied.cast[0].character_id, "");
    let refused = bob.start(&copied.id, &[("hero", "Bo")]).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::RoleOpen));
}

#[tokio::test]
async fn a_scenario_is_started_by_a_link_and_goes_on_without_it() {
    let stage = Stage::new().await;
    let (alice, bob) = (stage.person(), stage.person());
    let mira = alice.character(CARD.to_owned()).await;
    let book = alice.lorebook("Varn").await;
    alice
        .entry(&book.id, "beacon", "The beacon is green.")
        .await;
    let scenario = pb::Scenario {
        visibility: pb::Visibility::Link.into(),
        ..storm(&mira, &book.id)
    };
    let made = alice.scenario(scenario).await.unwrap();
    let link = alice.link_to_scenario(&made.id).await;
    let start = || pb::StartScenarioRequest {
        scenario_id: made.id.clone(),
        answers: vec![pb::BlankAnswer {
            name: "hero".to_owned(),
            value: "Bo".to_owned(),
        }],
        share_token: link.share_token.clone(),
        ..Default::default()
    };
    assert!(is_missing(bob.start(&made.id, &[("hero", "Bo")]).await));
    let opened = bob.open_link(&link.share_token).await.unwrap();
    let seen = opened.scenario.unwrap();
    assert_eq!(
        (&*seen.name, &*seen.opening, &*seen.premise),
        ("Storm", "", "")
    );
    assert_eq!(seen.blanks, made.blanks);
    let session = bob.start_with(start()).await.unwrap().session.unwrap();
    alice.revoke(&link.id).await;
    assert!(is_missing(bob.start_with(start()).await));
    let private = pb::Scenario {
        visibility: pb::Visibility::Private.into(),
        ..made.clone()
    };
    alice
        .change_scenario(private, &["visibility"])
        .await
        .unwrap();
    let prompt = prompt_of(&stage, &bob, &session.id, "The beacon?").await;
    assert!(prompt.contains("The beacon is green."), "{prompt}");
    assert!(prompt.contains("A storm holds Varn."), "{prompt}");
    // A link to the scenario is none to its character.
    assert!(is_missing(bob.open_with(&mira, &link.share_token).await));
}
