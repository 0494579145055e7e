//! Registering and logging in.

use futures::future::join_all;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;
use troupe_users::{Config, PasswordConfig};

use crate::harness::{PASSWORD, Service, cheap, email};

fn seen(status: &Status) -> (Code, String, Vec<u8>) {
    (
        status.code(),
        status.message().to_owned(),
        status.details().to_vec(),
    )
}

#[tokio::test]
async fn a_person_registers_logs_in_and_is_known_everywhere() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    let person = service.verifier.verify(&tokens.access_token).unwrap();
    assert_eq!(person.user_id.to_string(), tokens.user_id);
    assert_eq!(person.login_session_id.to_string(), tokens.login_session_id);
    assert!(!person.is_admin);
    let expires = tokens.access_expire_time.unwrap().seconds;
    assert_eq!(expires, 1_800_000_000 + 1800);
    let profile = service.with(&tokens).profile().await.unwrap();
    assert_eq!(profile.email, "alice@example.com");
    assert_eq!(profile.id, tokens.user_id);
}

#[tokio::test]
async fn letter_case_of_the_address_makes_no_difference() {
    let service = Service::start().await;
    let nobody = service.nobody();
    nobody
        .register("Alice@Example.com", PASSWORD)
        .await
        .unwrap();
    let tokens = nobody.login("aLICE@eXAMPLE.COM", PASSWORD).await.unwrap();
    let profile = service.with(&tokens).profile().await.unwrap();
    assert_eq!(profile.email, "Alice@Example.com");
}

#[tokio::test]
async fn registering_a_known_address_looks_like_registering_a_new_one() {
    let service = Service::start().await;
    let alice = service.person("alice").await;
    let nobody = service.nobody();
    let other = "another password";
    nobody.register("ALICE@example.com", other).await.unwrap();
    let refused = nobody.login(&email("alice"), other).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::CredentialsInvalid));
    nobody.login(&email("alice"), PASSWORD).await.unwrap();
    let actions = service.with(&alice).actions().await;
    assert!(actions.contains(&pb::AuditAction::RegisteredAgain));
    // A password that is refused is refused before anybody looks for the address.
    let known = nobody.register(&email("alice"), "password1").await;
    let unknown = nobody.register(&email("bob"), "password1").await;
    assert_eq!(seen(&known.unwrap_err()), seen(&unknown.unwrap_err()));
}

#[tokio::test]
async fn a_wrong_password_looks_like_an_unknown_address() {
    let service = Service::start().await;
    service.person("alice").await;
    let nobody = service.nobody_at("198.51.100.1");
    let known = nobody.login(&email("alice"), "wrong password").await;
    let unknown = nobody.login(&email("nobody"), "wrong password").await;
    let (known, unknown) = (known.unwrap_err(), unknown.unwrap_err());
    assert_eq!(seen(&known), seen(&unknown));
    assert_eq!(known.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&known), Some(Reason::CredentialsInvalid));
}

#[tokio::test]
async fn refuses_common_short_and_oversized_passwords_and_names_the_field() {
    let service = Service::start().await;
    let nobody = service.nobody();
    for (password, reason) in [
        ("Password123", Reason::PasswordCommon),
        ("iloveyou", Reason::PasswordCommon),
        (" \tPassword123\u{a0}", Reason::PasswordCommon),
        ("xx ALICE@example.com xx", Reason::PasswordGuessable),
        ("Troupe-2026-rocks", Reason::PasswordGuessable),
        ("  xk7!q9z  ", Reason::PasswordGuessable),
        ("alice2026", Reason::PasswordGuessable),
        ("seven77", Reason::InvalidRequest),
        (&"x".repeat(129), Reason::InvalidRequest),
    ] {
        let refused = nobody
            .register(&email("alice"), password)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(reason_of(&refused), Some(reason), "{password}");
        let fields = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "password");
    }
    nobody.register(&email("alice"), PASSWORD).await.unwrap();
}

#[tokio::test]
async fn takes_passwords_verbatim() {
    let service = Service::start().await;
    let nobody = service.nobody();
    let password = "  Пароль 🐎 with spaces ";
    nobody.register(&email("alice"), password).await.unwrap();
    assert!(
        nobody
            .login(&email("alice"), password.trim())
            .await
            .is_err()
    );
    nobody.login(&email("alice"), password).await.unwrap();
}

#[tokio::test]
async fn refuses_a_blank_name() {
    let service = Service::start().await;
    let nobody = service.nobody();
    let message = pb::RegisterRequest {
        email: email("alice"),
        password: PASSWORD.into(),
        display_name: " \u{0} ".into(),
    };
    let refused = nobody.auth().register(nobody.request(message)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("display_name"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_beyond_the_pool_are_told_to_come_back_and_refreshes_go_on() {
    let mut password = PasswordConfig::default();
    (password.parallel, password.queue) = (1, 1);
    let config = Config {
        password,
        ..cheap()
    };
    let service = Service::start_with(config).await;
    let tokens = service.person("alice").await;
    let nobody = service.nobody();
    let email = email("alice");
    let logins = join_all((0..16).map(|_| nobody.login(&email, PASSWORD)));
    let (answers, renewed) = tokio::join!(logins, nobody.refresh(&tokens));
    renewed.unwrap();
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(!done.is_empty());
    assert!(!refused.is_empty());
    for status in refused.into_iter().filter_map(Result::err) {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(reason_of(&status), Some(Reason::Overloaded));
        let delay = status
            .get_details_retry_info()
            .unwrap()
            .retry_delay
            .unwrap();
        assert!(!delay.is_zero());
    }
    // Being refused for lack of room is not a failure of the person's.
    nobody.login(&email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_key_set_verifies_what_the_service_signs() {
    let service = Service::start().await;
    let tokens = service.person("alice").await;
    let nobody = service.nobody();
    let request = nobody.request(pb::GetJwksRequest {});
    let keys = nobody
        .auth()
        .get_jwks(request)
        .await
        .unwrap()
        .into_inner()
        .keys;
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (
            keys[0].kty.as_str(),
            keys[0].crv.as_str(),
            keys[0].alg.as_str()
        ),
        ("OKP", "Ed25519", "EdDSA")
    );
    let fresh = mesh::Verifier::new(service.clock().clone());
    fresh.set_keys(&keys);
    fresh.verify(&tokens.access_token).unwrap();
}
