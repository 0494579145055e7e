//! A method's cookie: pages of the gateway's own site have one, and nobody and nothing else learns it or sets it.

use http::header::SET_COOKIE;
use troupe_gateway::Config;

use crate::harness::{Answer, Edge};
use crate::identity::Issuer;
use crate::mounted::harbor;

const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
const SAME_SITE: (&str, &str) = ("sec-fetch-site", "same-site");
const COOKIE: (&str, &str) = ("cookie", "a=1; __Host-harbor=ticket");
const JSON: (&str, &str) = ("content-type", "application/json");
const SET: &str = "__Host-harbor=aboard; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Strict";

async fn edge(config: Config) -> Edge {
    harbor(&Issuer::new(), config).await
}

async fn board(edge: &Edge, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[JSON], headers].concat();
    let answer = edge.send("POST", "/h/board", &headers, "{}").await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    answer
}

fn set(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.header("leaked"), "false");
    assert_eq!(answer.header("x-troupe-set-cookie"), "");
    let set = answer.headers.get_all(SET_COOKIE).iter();
    set.map(|it| it.to_str().unwrap()).collect()
}

#[track_caller]
fn assert_without_cookie(answer: &Answer) {
    assert_eq!(answer.header("handed"), "nothing");
    assert_eq!(set(answer), Vec::<&str>::new());
}

#[tokio::test]
async fn a_page_of_the_gateway_has_its_cookie_over_every_protocol() {
    let edge = edge(Config::default()).await;
    let method = "/harbor.v1.Berths/Board";
    for (target, kind, body) in [
        ("/h/board", "application/json", &b"{}"[..]),
        (method, "application/json", b"{}"),
        (method, "application/proto", b""),
        (method, "application/grpc-web+proto", &[0; 5]),
        (method, "application/grpc-web-text", b"AAAAAAA="),
    ] {
        let headers = [("content-type", kind), SAME_ORIGIN, COOKIE];
        let answer = edge.send("POST", target, &headers, body.to_vec()).await;
        assert_eq!(
            answer.header("handed"),
            "ticket",
            "{kind}: {}",
            answer.text()
        );
        assert_eq!(set(&answer), [SET], "{kind}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_have_none_and_are_still_answered() {
    let edge = edge(Config::default()).await;
    let own = format!("http://{}", edge.address);
    for hostile in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", own.as_str())],
        &[("sec-fetch-site", "none")],
        &[SAME_SITE, ("origin", "http://evil.example")],
        &[SAME_ORIGIN, ("sec-fetch-site", "cross-site")],
        &[("x-troupe-cookie", "ticket")],
        &[("origin", "http://localhost.evil.example")],
    ] {
        let answer = board(&edge, &[&[COOKIE], hostile].concat()).await;
        assert_without_cookie(&answer);
    }
}

#[tokio::test]
async fn the_origin_is_enough_where_browsers_say_nothing_else() {
    let edge = edge(Config::default()).await;
    let own = format!("http://{}", edge.address);
    let answer = board(&edge, &[COOKIE, ("origin", &own)]).await;
    assert_eq!(
        (answer.header("handed"), set(&answer)),
        ("ticket", vec![SET])
    );
}

#[tokio::test]
async fn two_cookies_of_the_name_count_for_nothing() {
    let edge = edge(Config::default()).await;
    let planted = ("cookie", "__Host-harbor=planted");
    for cookies in [
        &[COOKIE, planted][..],
        &[("cookie", "__Host-harbor=a; __Host-harbor=b")],
        &[("cookie", "=__Host-harbor=planted")],
        &[("cookie", "__Host-harbor=a\tb")],
    ] {
        let answer = board(&edge, &[&[SAME_ORIGIN], cookies].concat()).await;
        assert_eq!((answer.header("handed"), set(&answer)), ("", vec![SET]));
    }
}

#[tokio::test]
async fn methods_without_it_neither_learn_nor_set_one() {
    let edge = edge(Config::default()).await;
    let headers = [SAME_ORIGIN, COOKIE, ("x-troupe-cookie", "ticket")];
    let answer = edge.send("GET", "/h/greet", &headers, "").await;
    assert_without_cookie(&answer);
}

#[tokio::test]
async fn only_a_trusted_proxy_says_that_a_page_came_by_https() {
    let config = Config {
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Config::default()
    };
    let (behind, alone) = (edge(config).await, edge(Config::default()).await);
    for (edge, said, scheme, has_cookie) in [
        (&behind, "https", "https", true),
        (&behind, "https", "http", false),
        (&behind, "http", "https", false),
        (&behind, "https, http", "https", false),
        (&alone, "https", "https", false),
        (&alone, "https", "http", true),
    ] {
        let origin = format!("{scheme}://{}", edge.address);
        let headers = [COOKIE, ("origin", &origin), ("x-forwarded-proto", said)];
        let answer = board(edge, &headers).await;
        let handed = if has_cookie { "ticket" } else { "nothing" };
        assert_eq!(answer.header("handed"), handed, "{said} {scheme}");
    }
}

/// What a page of an origin is told: who may read, and whether with cookies.
async fn preflight(edge: &Edge, target: &str, verb: &str, origin: &str) -> (String, String) {
    let headers = [("origin", origin), ("access-control-request-method", verb)];
    let answer = edge.send("OPTIONS", target, &headers, "").await;
    let said = |name| answer.header(name).to_owned();
    (
        said("access-control-allow-origin"),
        said("access-control-allow-credentials"),
    )
}

#[tokio::test]
async fn pages_of_this_machine_may_call_and_keep_their_cookie() {
    let edge = edge(Config::default()).await;
    let page = "http://localhost:5173";
    for target in ["/h/board", "/harbor.v1.Berths/Board"] {
        let told = preflight(&edge, target, "POST", page).await;
        assert_eq!(told, (page.to_owned(), "true".to_owned()));
    }
    for (target, verb) in [
        ("/h/greet", "GET"),
        ("/h/board", "GET"),
        ("/nowhere", "POST"),
    ] {
        let told = preflight(&edge, target, verb, page).await;
        assert_eq!(told, (page.to_owned(), String::new()), "{verb} {target}");
    }
    let told = preflight(&edge, "/h/board", "POST", "https://evil.example").await;
    assert_eq!(told, Default::default());

    let answer = board(&edge, &[COOKIE, SAME_SITE, ("origin", page)]).await;
    assert_eq!(answer.header("handed"), "ticket");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-request-id"), "{exposed}");
}

#[tokio::test]
async fn any_origin_is_never_one_with_cookies() {
    let mut config = Config::default();
    config.cors.allowed_origins = vec!["*".into()];
    config.cors.loopback = false;
    let edge = edge(config).await;
    for page in ["https://evil.example", "http://localhost:5173"] {
        let told = preflight(&edge, "/h/board", "POST", page).await;
        assert_eq!(told, ("*".to_owned(), String::new()));
        let answer = board(&edge, &[COOKIE, SAME_SITE, ("origin", page)]).await;
        assert_without_cookie(&answer);
    }
}

#[tokio::test]
async fn pages_of_this_machine_can_be_kept_out() {
    let mut config = Config::default();
    config.cors.loopback = false;
    let edge = edge(config).await;
    let told = preflight(&edge, "/h/greet", "GET", "http://localhost:5173").await;
    assert_eq!(told, Default::default());
}
