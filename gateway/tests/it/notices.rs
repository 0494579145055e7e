//! What answers say of their calls in headers.

use tonic::Request;
use tonic_prost::ProstCodec;
use troupe_gateway::{Config, Rate};

use crate::grpc;
use crate::harness::{Answer, Edge};
use crate::identity::{self, Issuer};

/// A budget that doesn't come back while a test runs.
fn slow(burst: u32) -> Rate {
    let per_second = 0.001;
    Rate { per_second, burst }
}

async fn with_budget(burst: u32) -> Edge {
    let mut config = Config::default();
    config.rates.unclassified = slow(burst);
    Edge::with(config).await
}

/// What is left, and in how many seconds there is more.
fn left(answer: &Answer) -> (u32, u64) {
    let text = answer.header("ratelimit");
    let (tokens, seconds) = text.rsplit_once(";t=").unwrap();
    let tokens = tokens.rsplit_once(";r=").unwrap().1;
    (tokens.parse().unwrap(), seconds.parse().unwrap())
}

#[tokio::test]
async fn every_answer_says_what_is_left_of_the_budget() {
    let edge = with_budget(7).await;
    let echo = "/echo.v1.EchoService/Echo";
    let json = ("content-type", "application/json");
    let web = ("content-type", "application/grpc-web+proto");
    let calls = [
        ("GET", "/v1/get", json, &b""[..], 6),
        // Refused by the service, and by the gateway: both have cost a call.
        ("GET", "/v1/fail/5", json, b"", 5),
        ("POST", "/v1/echo", json, b"!", 4),
        ("GET", "/v1/count/2", json, b"", 3),
        ("POST", echo, web, &[0; 5], 2),
        ("POST", echo, json, b"{}", 1),
        ("HEAD", "/v1/get", json, b"", 0),
        ("GET", "/v1/get", json, b"", 0),
        ("POST", echo, web, &[0; 5], 0),
        ("POST", echo, json, b"{}", 0),
    ];
    for (verb, target, header, body, expected) in calls {
        let answer = edge.send(verb, target, &[header], body).await;
        let policy = answer.header("ratelimit-policy");
        assert_eq!(policy, "\"unclassified\";q=7;w=7000", "{target}");
        let text = answer.header("ratelimit");
        assert!(text.starts_with("\"unclassified\";r="), "{text}");
        let (tokens, seconds) = left(&answer);
        assert_eq!(tokens, expected, "{verb} {target} {header:?}");
        assert!((900..=1000).contains(&seconds), "{text}");
        assert_eq!(answer.headers.get_all("ratelimit").iter().count(), 1);
        if answer.status == 429 {
            let retry_after: u64 = answer.header("retry-after").parse().unwrap();
            assert!(seconds <= retry_after, "{text} {retry_after}");
        }
    }
}

#[tokio::test]
async fn grpc_says_it_too() {
    let edge = with_budget(2).await;
    let mut client = grpc::client(&edge).await;
    let codec = ProstCodec::<(), ()>::default();
    let answer = client.unary(Request::new(()), grpc::path("Peek"), codec);
    let answer = answer.await.unwrap();
    let text = answer.metadata().get("ratelimit").unwrap();
    assert!(
        text.to_str()
            .unwrap()
            .starts_with("\"unclassified\";r=1;t=")
    );
    for (code, tokens) in [(13, 0), (8, 0)] {
        let codec = ProstCodec::<crate::echo::FailRequest, ()>::default();
        let request = Request::new(crate::echo::FailRequest {
            code: 13,
            with_details: false,
        });
        client.ready().await.unwrap();
        let refused = client.unary(request, grpc::path("Fail"), codec).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code() as i32, code);
        let text = refused.metadata().get("ratelimit").unwrap();
        let expected = format!("\"unclassified\";r={tokens};t=");
        assert!(text.to_str().unwrap().starts_with(&expected), "{text:?}");
    }
}

#[tokio::test]
async fn what_draws_on_no_budget_says_nothing_of_one() {
    let edge = Edge::start().await;
    for target in ["/docs", "/healthz", "/nowhere", "/v1/echo"] {
        let answer = edge.get(target).await;
        assert_eq!(answer.header("ratelimit"), "", "{target}");
        assert_eq!(answer.header("ratelimit-policy"), "", "{target}");
    }
}

#[tokio::test]
async fn each_caller_is_told_of_the_own_budget() {
    let issuer = Issuer::new();
    let mut config = Config::default();
    config.rates.read = slow(9);
    let edge = identity::edge(&issuer, config).await;
    let call = async |token: &str| {
        let headers = [("authorization", token)];
        let target = "/api/v1/users/me/login-sessions";
        edge.send("GET", target, &headers, "").await
    };
    let (alice, bob) = (issuer.token('q', false), issuer.token('r', false));
    for (token, status, tokens) in [
        (&*alice, 200, 8),
        (&alice, 200, 7),
        (&bob, 200, 8),
        // Whoever guesses learns of the budget of their own address alone.
        ("Bearer guess", 401, 8),
        ("Bearer guess", 401, 7),
        (&alice, 200, 6),
    ] {
        let answer = call(token).await;
        assert_eq!((answer.status.as_u16(), left(&answer).0), (status, tokens));
        assert_eq!(answer.header("ratelimit-policy"), "\"read\";q=9;w=9000");
    }
}

#[tokio::test]
async fn limits_of_a_service_stand_beside_those_of_the_gateway() {
    let edge = with_budget(5).await;
    let odd = "ratelimit=\"own\",r,t|grpc-status=0";
    let answer = edge.send("GET", "/v1/count/0", &[("x-odd", odd)], "").await;
    let all = answer.headers.get_all("ratelimit").iter();
    let all: Vec<_> = all.map(|it| it.to_str().unwrap()).collect();
    assert_eq!(all[0], "\"own\",r,t");
    assert!(all[1].starts_with("\"unclassified\";r=4"), "{all:?}");
}
