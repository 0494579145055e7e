//! Refresh tokens in the cookies of pages, as the gateway hands them over and takes them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use platform::Tasks;
use redis::RedisConfig;
use tokio::sync::Barrier;
use tonic::{Code, Request, Response, Status};
use troupe_proto::error::reason_of;
use troupe_proto::{Reason, users as pb};

use crate::harness::{Caller, PASSWORD, Service, email};

const COOKIE: &str = "x-troupe-cookie";
const SET_COOKIE: &str = "x-troupe-set-cookie";

/// A browser's page: it may keep a cookie, and has none at first.
#[derive(Clone)]
struct Page {
    caller: Caller,
    cookie: String,
}

/// What an answer sets: the value, and for how many seconds.
fn set<T>(answer: &Response<T>) -> Option<(String, i64)> {
    let set = answer.metadata().get(SET_COOKIE)?.to_str().unwrap();
    let (value, secs) = set.split_once("; Max-Age=").unwrap();
    Some((value.to_owned(), secs.parse().unwrap()))
}

impl Page {
    fn new(service: &Service) -> Self {
        let (caller, cookie) = (service.nobody(), String::new());
        Self { caller, cookie }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.caller.request(message);
        request
            .metadata_mut()
            .insert(COOKIE, self.cookie.parse().unwrap());
        request
    }

    /// Takes what an answer sets, as browsers do.
    fn take<T>(&mut self, answer: &Response<T>) {
        if let Some((value, _)) = set(answer) {
            self.cookie = value;
        }
    }

    async fn login(&mut self, name: &str) -> pb::TokenPair {
        let request = self.request(in_cookie(name));
        let answer = self.caller.auth().login(request).await.unwrap();
        let secs = set(&answer).unwrap().1;
        let tokens = answer.get_ref().tokens.clone().unwrap();
        assert_eq!(tokens.refresh_token, "", "it is not in the answer too");
        assert!(secs > 24 * 3600, "{secs}");
        self.take(&answer);
        tokens
    }

    async fn refresh_as(&mut self, login_session_id: &str) -> Result<pb::TokenPair, Status> {
        let request = self.request(pb::RefreshTokenRequest {
            login_session_id: login_session_id.into(),
            ..Default::default()
        });
        let answer = self.caller.auth().refresh_token(request).await?;
        let tokens = answer.get_ref().tokens.clone().unwrap();
        assert_eq!(tokens.refresh_token, "", "it is not in the answer too");
        assert_ne!(set(&answer).unwrap().0, self.cookie, "it is a new one");
        self.take(&answer);
        Ok(tokens)
    }

    async fn refresh(&mut self) -> Result<pb::TokenPair, Status> {
        self.refresh_as("").await
    }
}

fn in_cookie(name: &str) -> pb::LoginRequest {
    pb::LoginRequest {
        email: email(name),
        password: PASSWORD.into(),
        device_name: "browser".into(),
        use_cookie: true,
    }
}

fn reason(status: &Status) -> Reason {
    reason_of(status).unwrap()
}

async fn page_of(service: &Service, name: &str) -> (Page, pb::TokenPair) {
    let registered = service.nobody().register(&email(name), PASSWORD).await;
    registered.unwrap();
    let mut page = Page::new(service);
    let tokens = page.login(name).await;
    (page, tokens)
}

#[tokio::test]
async fn a_page_lives_on_its_cookie_from_login_to_logout() {
    let service = Service::start().await;
    let (mut page, first) = page_of(&service, "alice").await;
    let second = page.refresh().await.unwrap();
    assert_eq!(second.login_session_id, first.login_session_id);
    page.caller = service.with(&second);
    assert_eq!(page.caller.sessions().await.unwrap().len(), 1);

    let logout = page.request(pb::LogoutRequest {});
    let answer = page.caller.auth().logout(logout).await.unwrap();
    assert_eq!(set(&answer), Some((String::new(), 0)));
    let lost = page.refresh().await.unwrap_err();
    assert_eq!(reason(&lost), Reason::RefreshTokenInvalid);
    page.take(&answer);
    let none = page.refresh().await.unwrap_err();
    assert_eq!(reason(&none), Reason::RefreshTokenInvalid);
}

#[tokio::test]
async fn whoever_may_keep_no_cookie_gets_none() {
    let service = Service::start().await;
    let nobody = service.nobody();
    nobody.register(&email("alice"), PASSWORD).await.unwrap();
    let request = nobody.request(in_cookie("alice"));
    let refused = nobody.auth().login(request).await.unwrap_err();
    assert_eq!(reason(&refused), Reason::CookieRefused);
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(!refused.metadata().contains_key(SET_COOKIE));
    let request = nobody.request(pb::RefreshTokenRequest::default());
    let refused = nobody.auth().refresh_token(request).await.unwrap_err();
    assert_eq!(reason(&refused), Reason::CookieRefused);
}

#[tokio::test]
async fn who_keeps_the_token_gets_no_cookie_whatever_the_browser_sends() {
    let service = Service::start().await;
    let (planted, _) = page_of(&service, "mallory").await;
    let tokens = service.person("alice").await;
    let request = planted.request(pb::RefreshTokenRequest {
        refresh_token: tokens.refresh_token.clone(),
        ..Default::default()
    });
    let answer = planted.caller.auth().refresh_token(request).await.unwrap();
    assert_eq!(set(&answer), None);
    let renewed = answer.into_inner().tokens.unwrap();
    assert_eq!(renewed.user_id, tokens.user_id);
    assert!(!renewed.refresh_token.is_empty());
}

#[tokio::test]
async fn a_planted_cookie_of_another_account_is_told_apart_and_stays_unspent() {
    let service = Service::start().await;
    let (mut mallory, hers) = page_of(&service, "mallory").await;
    let (mut alice, own) = page_of(&service, "alice").await;
    let kept = std::mem::replace(&mut alice.cookie, mallory.cookie.clone());
    let refused = alice.refresh_as(&own.login_session_id).await.unwrap_err();
    assert_eq!(reason(&refused), Reason::RefreshTokenInvalid);
    alice.cookie = kept;
    assert_eq!(
        alice
            .refresh_as(&own.login_session_id)
            .await
            .unwrap()
            .user_id,
        own.user_id
    );
    // Nothing became of the other one.
    assert_eq!(mallory.refresh().await.unwrap().user_id, hers.user_id);

    // A login goes by the password alone, and the cookie is then its own.
    alice.cookie = mallory.cookie.clone();
    let again = alice.login("alice").await;
    assert_eq!(again.user_id, own.user_id);
    assert_ne!(alice.cookie, mallory.cookie);
    assert_eq!(alice.refresh().await.unwrap().user_id, own.user_id);
}

#[tokio::test]
async fn two_tabs_share_a_cookie_and_neither_is_logged_out() {
    let service = Service::start().await;
    let (mut tab, _) = page_of(&service, "alice").await;
    let (mut one, mut two) = (tab.clone(), tab.clone());
    let (first, second) = tokio::join!(one.refresh(), two.refresh());
    let used = [first.unwrap(), second.unwrap()];
    assert_eq!(used[0].login_session_id, used[1].login_session_id);
    // The browser has what came last.
    tab.cookie = two.cookie.clone();
    tab.refresh().await.unwrap();
}

#[tokio::test]
async fn all_answers_to_one_cookie_have_the_same_pair_until_it_is_used() {
    let service = Service::start().await;
    let (first, _) = page_of(&service, "alice").await;
    let (mut one, mut two) = (first.clone(), first.clone());
    let used = [one.refresh().await.unwrap(), two.refresh().await.unwrap()];
    // Whichever answer the browser reads last, its cookie is good, and so is what the other tab has.
    assert_eq!(one.cookie, two.cookie);
    for tokens in &used {
        service.with(tokens).sessions().await.unwrap();
    }
    // The tabs that come now find the browser's cookie good.
    for _ in 0..3 {
        let mut late = first.clone();
        let superseded = late.refresh().await.unwrap_err();
        assert_eq!(reason(&superseded), Reason::TokenSuperseded);
        assert!(!superseded.metadata().contains_key(SET_COOKIE));
        let mut again = one.clone();
        let tokens = again.refresh().await.unwrap();
        assert_eq!(tokens.login_session_id, used[0].login_session_id);
    }
    // An answer that nobody got in time is given up for another.
    service.time().advance(Duration::from_secs(11));
    let mut lost = one.clone();
    lost.refresh().await.unwrap();
    service.time().advance(Duration::from_secs(11));
    let mut found = one.clone();
    found.refresh().await.unwrap();
    assert_ne!(found.cookie, lost.cookie);
    found.refresh().await.unwrap();
}

/// The cookies of a browser, in the order in which the service gave them.
struct Jar(Mutex<Vec<String>>);

impl Jar {
    fn newest(&self) -> String {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    fn keep(&self, cookie: &str) {
        let mut cookies = self.0.lock().unwrap();
        if !cookies.iter().any(|it| it == cookie) {
            cookies.push(cookie.to_owned());
        }
    }
}

/// A tab with a cookie that it read before: it calls until it has tokens, as often with the cookie that the browser has then,
/// and uses them.
async fn live(service: Arc<Service>, jar: Arc<Jar>, start: Arc<Barrier>) -> pb::TokenPair {
    let mut page = Page::new(&service);
    page.cookie = jar.newest();
    start.wait().await;
    loop {
        service.time().advance(Duration::from_micros(1));
        match page.refresh().await {
            Ok(tokens) => {
                jar.keep(&page.cookie);
                service.with(&tokens).sessions().await.unwrap();
                return tokens;
            }
            Err(status) => {
                assert!(!status.metadata().contains_key(SET_COOKIE));
                match reason(&status) {
                    Reason::TokenSuperseded => page.cookie = jar.newest(),
                    Reason::Unavailable | Reason::Overloaded => {}
                    other => panic!("a tab is signed out: {other:?}"),
                }
            }
        }
    }
}

async fn race(services: Vec<Service>) {
    const TABS: usize = 20;
    let services: Vec<Arc<Service>> = services.into_iter().map(Arc::new).collect();
    let (page, _) = page_of(&services[0], "alice").await;
    let jar = Arc::new(Jar(Mutex::new(vec![page.cookie])));
    for round in 0..10 {
        let start = Arc::new(Barrier::new(TABS));
        let tabs = (0..TABS).map(|tab| {
            let service = services[tab % services.len()].clone();
            Tasks::new().spawn(live(service, jar.clone(), start.clone()))
        });
        let all: Vec<_> = join_all(tabs.collect::<Vec<_>>()).await;
        for tokens in all {
            let tokens = tokens.unwrap();
            services[0].with(&tokens).sessions().await.unwrap();
        }
        services[0]
            .time()
            .advance(Duration::from_secs(11 * (round % 3)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tabs_that_renew_one_cookie_at_once_all_stay_signed_in() {
    race(vec![Service::start().await]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_tabs_do_so_through_two_replicas() {
    race(Service::start_two(RedisConfig::default()).await.into()).await;
}

#[tokio::test]
async fn a_tab_that_is_behind_is_told_and_a_replay_ends_the_session() {
    let service = Service::start().await;
    let (mut page, _) = page_of(&service, "alice").await;
    let mut behind = page.clone();
    let second = page.refresh().await.unwrap();
    service.with(&second).sessions().await.unwrap();
    let superseded = behind.refresh().await.unwrap_err();
    assert_eq!(reason(&superseded), Reason::TokenSuperseded);
    assert!(!superseded.metadata().contains_key(SET_COOKIE));

    let third = page.refresh().await.unwrap();
    service.with(&third).sessions().await.unwrap();
    let replay = behind.refresh().await.unwrap_err();
    assert_eq!(reason(&replay), Reason::RefreshTokenInvalid);
    let ended = page.refresh().await.unwrap_err();
    assert_eq!(reason(&ended), Reason::RefreshTokenInvalid);
}
