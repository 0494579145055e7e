//! Who may call what, on Troupe's own contract.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mesh::Verifier;
use mesh::token::{AUDIENCE, Claims, ISSUER, TOKEN_TYPE};
use platform::Clock;
use troupe_gateway::Config;
use troupe_proto::policy::Audience;
use troupe_proto::users::JsonWebKey;

use crate::harness::Edge;

/// Makes tokens, and verifies them.
pub(crate) struct Issuer {
    key: Ed25519KeyPair,
    pub(crate) verifier: Verifier,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let verifier = Verifier::new(Clock::system());
        let text = String::from;
        verifier.set_keys(&[JsonWebKey {
            kty: text("OKP"),
            crv: text("Ed25519"),
            x: URL_SAFE_NO_PAD.encode(key.public_key()),
            kid: text("k1"),
            alg: text("EdDSA"),
            r#use: text("sig"),
        }]);
        Self { key, verifier }
    }

    pub(crate) fn token(&self, person: char, admin: bool) -> String {
        let id = |prefix: &str| format!("{prefix}_01h455vb4pex5vsknk084sn02{person}");
        let now = self.verifier.now().secs();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: id("usr"),
            sid: id("lgn"),
            jti: id("atk"),
            iat: now,
            exp: now + 600,
            session_exp: None,
            admin,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("k1".into());
        header.typ = Some(TOKEN_TYPE.into());
        let pem = self.key.to_pkcs8().unwrap();
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(pem.as_ref()))
            .unwrap();
        format!("Bearer {token}")
    }
}

pub(crate) async fn edge(issuer: &Issuer, config: Config) -> Edge {
    let pool = troupe_proto::descriptor_pool();
    let services: Vec<String> = pool
        .services()
        .map(|service| service.full_name().to_owned())
        .collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    Edge::before(pool, &services, config, Some(issuer.verifier.clone())).await
}

#[tokio::test]
async fn a_person_needs_a_good_token() {
    let issuer = Issuer::new();
    let edge = edge(&issuer, Config::default()).await;
    let target = "/api/v1/users/me/login-sessions";
    let missing = edge.get(target).await;
    assert_eq!(missing.error(), (401, 16));
    assert!(missing.header("www-authenticate").starts_with("Bearer"));
    assert!(missing.text().contains("TOKEN_MISSING"));
    let good = issuer.token('q', false);
    for bad in ["Bearer x", "Basic x", "Bearer", &good[..good.len() - 4]] {
        let answer = edge
            .send("GET", target, &[("authorization", bad)], "")
            .await;
        assert_eq!(answer.error(), (401, 16), "{bad}");
        assert!(answer.text().contains("TOKEN_INVALID"));
    }
    for scheme in ["Bearer", "bearer"] {
        let token = good.replace("Bearer", scheme);
        assert_eq!(
            edge.send("GET", target, &[("authorization", &token)], "")
                .await
                .status
                .as_u16(),
            200
        );
    }
}

#[tokio::test]
async fn methods_for_services_are_not_there_and_public_ones_need_no_token() {
    let mut config = Config::default();
    // There are more methods that write than a stranger may call in a row.
    config.rates.write.burst = 1000;
    let edge = edge(&Issuer::new(), config).await;
    assert_eq!(
        edge.get("/.well-known/jwks.json").await.status.as_u16(),
        200
    );
    let web = [("content-type", "application/grpc-web")];
    for method in troupe_proto::policy::METHODS {
        let answer = edge
            .send("POST", method.path, &web, Bytes::from_static(&[0; 5]))
            .await;
        let status = match method.audience {
            Audience::Service => "12",
            Audience::User | Audience::Admin => "16",
            _ => continue,
        };
        assert_eq!(answer.header("grpc-status"), status, "{}", method.path);
    }
}

#[tokio::test]
async fn no_cache_keeps_what_is_a_persons_and_no_answer_with_tokens() {
    let issuer = Issuer::new();
    let edge = edge(&issuer, Config::default()).await;
    let good = issuer.token('q', false);
    let (mine, login) = ("/api/v1/users/me/login-sessions", "/api/v1/users/login");
    for (verb, target, token, status) in [
        ("GET", mine, good.as_str(), 200),
        ("HEAD", mine, good.as_str(), 200),
        ("GET", mine, "", 401),
        ("GET", mine, "Bearer guess", 401),
        ("GET", "/nowhere", good.as_str(), 404),
        ("POST", login, "", 200),
        ("DELETE", login, "", 405),
        ("GET", "/.well-known/jwks.json", good.as_str(), 200),
    ] {
        let headers = [("authorization", token)];
        let headers = &headers[..usize::from(!token.is_empty())];
        let answer = edge.send(verb, target, headers, "").await;
        assert_eq!(answer.status.as_u16(), status, "{verb} {target} {token}");
        assert_eq!(
            answer.header("cache-control"),
            "no-store",
            "{verb} {target}"
        );
    }
    let keys = edge.get("/.well-known/jwks.json").await;
    assert_eq!(
        keys.header("cache-control"),
        "",
        "anybody may keep the keys"
    );
    let web = [
        ("content-type", "application/grpc-web"),
        ("authorization", good.as_str()),
    ];
    for method in troupe_proto::policy::METHODS {
        for headers in [&web[..1], &web[..]] {
            let body = Bytes::from_static(&[0; 5]);
            let answer = edge.send("POST", method.path, headers, body).await;
            assert_eq!(
                answer.header("cache-control"),
                "no-store",
                "{}",
                method.path
            );
        }
    }
}

#[tokio::test]
async fn people_behind_one_address_have_budgets_of_their_own() {
    let issuer = Issuer::new();
    let mut config = Config::default();
    config.rates.read = troupe_gateway::Rate {
        per_second: 0.001,
        burst: 2,
    };
    let edge = edge(&issuer, config).await;
    let status = |token: String| {
        let edge = &edge;
        async move {
            let headers = [("authorization", token.as_str())];
            edge.send("GET", "/api/v1/users/me/login-sessions", &headers, "")
                .await
                .status
                .as_u16()
        }
    };
    let (alice, bob) = (issuer.token('q', false), issuer.token('r', false));
    assert_eq!(
        [
            status(alice.clone()).await,
            status(alice.clone()).await,
            status(alice).await
        ],
        [200, 200, 429]
    );
    assert_eq!(status(bob).await, 200);
    // Guesses are counted for the address.
    let guess = "Bearer guess".to_owned();
    assert_eq!(
        [
            status(guess.clone()).await,
            status(guess.clone()).await,
            status(guess).await
        ],
        [401, 401, 429]
    );
}
