//! A page of the platform that lets the browser keep its refresh token, by HTTPS at a name of the local network.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use reqwest::{Certificate, Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::person::PASSWORD;
use crate::platform::{Platform, Setup, eventually};

const NAME: &str = "box.local";
const COOKIE: &str = "__Host-troupe_refresh=";
const EMAIL: &str = "ann@example.com";

/// A page in a browser that trusts the platform's authority.
#[derive(Clone)]
struct Page {
    http: Client,
    url: String,
    /// What browsers say of it.
    site: &'static str,
    cookie: String,
    token: String,
}

impl Page {
    fn of(setup: &Setup, platform: &Platform) -> Self {
        let authority = setup.data_dir().join("keys/tls").join(NAME).join("ca.pem");
        let authority = Certificate::from_pem(&std::fs::read(authority).unwrap()).unwrap();
        let http = Client::builder().no_proxy().tls_certs_only([authority]);
        Self {
            http: http.build().unwrap(),
            url: platform.url().to_owned(),
            site: "same-origin",
            cookie: String::new(),
            token: String::new(),
        }
    }

    async fn post(&mut self, method: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}/api/v1/users/{method}", self.url);
        let mut request = self.http.post(url).json(&body);
        request = request.header("sec-fetch-site", self.site);
        request = request.header("cookie", &self.cookie);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = eventually("the call is answered", request.send()).await;
        let answer = answer.unwrap();
        self.keep(&answer);
        (answer.status(), answer.json().await.unwrap())
    }

    /// Takes a cookie as browsers do.
    fn keep(&mut self, answer: &Response) {
        if let Some(set) = answer.headers().get("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.starts_with(COOKIE), "{set}");
            let attributes = "; Path=/; Secure; HttpOnly; SameSite=Strict";
            assert!(set.ends_with(attributes), "{set}");
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
    }

    async fn login(&mut self) -> (StatusCode, Value) {
        let login = json!({"email": EMAIL, "password": PASSWORD, "useCookie": true});
        self.post("login", login).await
    }
}

#[tokio::test]
async fn a_page_stays_signed_in_by_its_cookie_and_nobody_learns_it() {
    let setup = Setup::new();
    let platform = setup.start_with_tls(NAME).await;
    let mut page = Page::of(&setup, &platform);
    let account = json!({"email": EMAIL, "password": PASSWORD, "displayName": "Ann"});
    assert_eq!(page.post("register", account).await.0, StatusCode::OK);

    page.site = "cross-site";
    let (status, refused) = page.login().await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(refused["details"][0]["reason"], "COOKIE_REFUSED");
    assert_eq!(page.cookie, "");

    page.site = "same-origin";
    let (status, tokens) = page.login().await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(tokens["refreshToken"].as_str().unwrap_or_default(), "");
    let first = page.cookie.clone();
    let (status, renewed) = page.post("refresh", json!({})).await;
    assert_eq!(status, StatusCode::OK, "{renewed}");
    assert_ne!(page.cookie, first);
    assert_eq!(renewed["loginSessionId"], tokens["loginSessionId"]);
    let last = page.cookie.clone();
    page.token = renewed["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(page.post("logout", json!({})).await.0, StatusCode::OK);
    assert_eq!(page.cookie, COOKIE);

    let secrets = [first, last].map(|it| it.replace(COOKIE, ""));
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    for secret in secrets {
        assert!(secret.starts_with("trt_") && !log.contains(&secret));
    }
}

/// Puts a cookie into the browser's jar, unless it was there before.
fn keep(jar: &Mutex<Vec<String>>, cookie: &str) {
    let mut cookies = jar.lock().unwrap();
    if !cookies.iter().any(|it| it == cookie) {
        cookies.push(cookie.to_owned());
    }
}

/// A tab: it calls until it has tokens, each time with the newest cookie that the platform has set for any tab, and uses them.
async fn live(mut page: Page, jar: &Mutex<Vec<String>>) {
    loop {
        let (status, answer) = page.post("refresh", json!({})).await;
        let reason = answer["details"][0]["reason"].as_str();
        match (status, reason) {
            (StatusCode::OK, _) => {
                break page.token = answer["accessToken"].as_str().unwrap().into();
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => tokio::time::sleep(Duration::from_secs(1)).await,
            (_, Some("TOKEN_SUPERSEDED")) => {
                page.cookie = jar.lock().unwrap().last().unwrap().clone();
            }
            _ => panic!("a tab is signed out: {answer}"),
        }
    }
    keep(jar, &page.cookie);
    let me = page.http.get(format!("{}/api/v1/users/me", page.url));
    let me = me.bearer_auth(&page.token).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::OK, "{:?}", me.text().await);
}

#[tokio::test]
async fn twenty_tabs_that_refresh_by_one_cookie_at_once_stay_signed_in() {
    let setup = Setup::new();
    let platform = setup.start_with_tls(NAME).await;
    let mut page = Page::of(&setup, &platform);
    let account = json!({"email": EMAIL, "password": PASSWORD, "displayName": "Ann"});
    assert_eq!(page.post("register", account).await.0, StatusCode::OK);
    assert_eq!(page.login().await.0, StatusCode::OK);
    let jar = Mutex::new(vec![page.cookie.clone()]);
    for _ in 0..3 {
        page.cookie = jar.lock().unwrap().last().unwrap().clone();
        join_all((0..20).map(|_| live(page.clone(), &jar))).await;
    }
}

#[tokio::test]
async fn the_terminal_client_and_the_doctor_find_a_platform_with_tls() {
    let setup = Setup::new();
    let platform = setup.start_with_tls(NAME).await;
    let doctor = setup.run(&["doctor", "--json"]).await;
    let findings: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let findings = findings.to_string();
    assert!(findings.contains(platform.url()), "{findings}");
    assert!(findings.contains("\"ready\""), "{findings}");
    let args = ["chat", "--sign-up", "--email", EMAIL, "--name", "Ann"];
    let setup = setup.with("TROUPE_CHAT_PASSWORD", PASSWORD);
    let chat = setup.run_with_input(&args, &["/quit"]).await;
    let said = String::from_utf8_lossy(&chat.stderr).into_owned();
    assert!(!said.contains("no platform answers"), "{said}");
    let mut page = Page::of(&setup, &platform);
    assert_eq!(page.login().await.0, StatusCode::OK, "{said}");
}

#[tokio::test]
async fn the_certificate_is_kept_and_a_name_that_is_none_is_refused() {
    let setup = Setup::new();
    let authority = setup.data_dir().join("keys/tls").join(NAME).join("ca.pem");
    setup.start_with_tls(NAME).await.stop().await;
    let made = std::fs::read(&authority).unwrap();
    let platform = setup.start_with_tls(NAME).await;
    assert_eq!(std::fs::read(&authority).unwrap(), made);
    assert!(platform.log().contains(&authority.display().to_string()));
    platform.stop().await;
    let refused = setup.run(&["up", "--tls", "no name"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("box.local"),
        "{said}"
    );
}
