//! Which access tokens are good.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tonic::{Code, Status};
use troupe_mesh::Verifier;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users as pb;

use crate::fake_users::{TestKey, World, bearing};

async fn call(world: &World, token: &str) -> Result<(), Status> {
    let request = bearing(token, pb::GetProfileRequest {});
    world.user().get_profile(request).await.map(drop)
}

fn changed(world: &World, claim: &str, value: Value) -> String {
    let mut claims = world.claims();
    claims[claim] = value;
    world.key.sign(&claims)
}

fn without(world: &World, claim: &str) -> String {
    let mut claims = world.claims();
    claims.as_object_mut().unwrap().remove(claim);
    world.key.sign(&claims)
}

#[tokio::test]
async fn takes_a_good_token_and_asks_for_one_where_none_is_sent() {
    let world = World::new();
    call(&world, &world.token()).await.unwrap();
    let request = pb::GetProfileRequest {};
    let missing = world.user().get_profile(request).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&missing), Some(Reason::TokenMissing));
}

#[tokio::test]
async fn refuses_every_other_token_with_the_same_words() {
    let world = World::new();
    let now = world.clock.now().secs();
    let good = world.token();
    let mut bad = vec![
        ("garbage", "garbage".to_owned()),
        ("empty", String::new()),
        ("cut", good[..good.len() - 9].to_owned()),
        ("expired", changed(&world, "exp", json!(now))),
        ("of another issuer", changed(&world, "iss", json!("else"))),
        (
            "for another audience",
            changed(&world, "aud", json!("else")),
        ),
        (
            "expiring at a text",
            changed(&world, "exp", json!("9999999999")),
        ),
        ("of no person", changed(&world, "sub", json!("alice"))),
        (
            "of a session in the person's place",
            changed(&world, "sub", world.claims()["sid"].clone()),
        ),
        ("by another key", TestKey::new(8).sign(&world.claims())),
    ];
    for claim in ["iss", "aud", "sub", "sid", "jti", "exp"] {
        bad.push((claim, without(&world, claim)));
    }
    let mut header = world.key.header();
    header.typ = Some("JWT".into());
    bad.push((
        "of another type",
        world.key.sign_under(&header, &world.claims()),
    ));
    header.typ = None;
    bad.push(("of no type", world.key.sign_under(&header, &world.claims())));
    let mut header = world.key.header();
    header.kid = None;
    bad.push((
        "without key id",
        world.key.sign_under(&header, &world.claims()),
    ));
    bad.push((
        "signed with the public key",
        signed_with_the_public_key(&world),
    ));
    bad.push(("unsigned", unsigned(&world)));
    let mut words = Vec::new();
    for (name, token) in bad {
        let refused = call(&world, &token).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{name}");
        assert_eq!(reason_of(&refused), Some(Reason::TokenInvalid), "{name}");
        words.push(refused.message().to_owned());
    }
    words.dedup();
    assert_eq!(words.len(), 1);
}

/// The classic confusion: an HMAC under a key that everybody knows.
fn signed_with_the_public_key(world: &World) -> String {
    let mut header = world.key.header();
    header.alg = Algorithm::HS256;
    let public = URL_SAFE_NO_PAD.decode(world.key.public().x).unwrap();
    jsonwebtoken::encode(&header, &world.claims(), &EncodingKey::from_secret(&public)).unwrap()
}

fn unsigned(world: &World) -> String {
    let header = json!({"alg": "none", "typ": "at+jwt", "kid": world.key.public().kid});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&header), part(&world.claims()))
}

#[tokio::test]
async fn a_token_that_was_good_expires() {
    let world = World::new();
    let token = world.token();
    call(&world, &token).await.unwrap();
    world.time.advance(Duration::from_secs(1800));
    assert!(call(&world, &token).await.is_err());
}

#[tokio::test]
async fn a_revoked_session_or_token_is_refused_at_once() {
    let world = World::new();
    let claims = world.claims();
    let token = world.key.sign(&claims);
    let other = world.token();
    call(&world, &token).await.unwrap();
    call(&world, &other).await.unwrap();
    world
        .verifier
        .revoke(claims["sid"].as_str().unwrap().parse().unwrap());
    assert!(call(&world, &token).await.is_err());
    let person = world.verifier.verify(&other).unwrap();
    world.verifier.revoke_token(person.token_id);
    assert!(call(&world, &other).await.is_err());
    call(&world, &world.token()).await.unwrap();
}

#[tokio::test]
async fn a_token_goes_with_its_key() {
    let world = World::new();
    let token = world.token();
    call(&world, &token).await.unwrap();
    let next = TestKey::new(8);
    world
        .verifier
        .set_keys(&[next.public(), world.key.public()]);
    call(&world, &token).await.unwrap();
    call(&world, &next.sign(&world.claims())).await.unwrap();
    world.verifier.set_keys(&[next.public()]);
    assert!(call(&world, &token).await.is_err());
}

#[tokio::test]
async fn nobody_is_let_in_before_the_keys_are_known() {
    let world = World::new();
    let fresh = Verifier::new(world.clock.clone());
    assert!(!fresh.is_ready());
    let refused = fresh.verify(&world.token()).unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_key_of_the_wrong_size_or_kind_is_left_out() {
    let world = World::new();
    let short = pb::JsonWebKey {
        x: "AAAA".into(),
        ..world.key.public()
    };
    let foreign = pb::JsonWebKey {
        kty: "RSA".into(),
        ..world.key.public()
    };
    world.verifier.set_keys(&[short, foreign]);
    assert!(call(&world, &world.token()).await.is_err());
}
