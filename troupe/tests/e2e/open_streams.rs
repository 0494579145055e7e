//! Open streams end with the login session that they were opened in, in every form; what they show goes on.

use futures::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::scripted::{self, Handle, Reply};
use testkit::servers::Postgres;
use tonic::{Code, Request};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::WatchGenerationRequest;
use troupe_proto::roleplay::generation_service_client::GenerationServiceClient;

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::Person;
use crate::platform::{Platform, Setup, eventually};

const TEXT: &str = "One two three";
/// The forms of a stream in JSON.
const FORMS: [&str; 3] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/json",
];

/// A reply that waits for the model after its second word.
struct Running {
    ann: Person,
    generation: String,
}

impl Running {
    async fn begin(model: &Handle, platform: &Platform) -> Self {
        let ann = Person::register(platform, "Ann").await;
        Self::of(model, ann).await
    }

    async fn of(model: &Handle, ann: Person) -> Self {
        let session = ann.open_session(maren()).await;
        model.push(Reply::words(TEXT).hold_after(2));
        let mut reply = ann.say(&session, "Count.").await;
        reply.until(|text| text == "One two").await;
        let generation = reply.generation_id().to_owned();
        Self { ann, generation }
    }

    /// Watches in a form of JSON, and reads what is there.
    async fn watch(&self, form: &str) -> Open {
        let path = format!("/api/v1/roleplay/generations/{}:watch", self.generation);
        let request = self.ann.request(Method::GET, &path).header("accept", form);
        let answer = eventually("a watch", request.send()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let mut open = Open {
            form: form.to_owned(),
            parts: answer.bytes_stream().boxed(),
            seen: String::new(),
        };
        while !open.seen.contains("two") {
            assert!(open.step().await, "{}", open.seen);
        }
        open
    }
}

/// A stream that is open.
struct Open {
    form: String,
    parts: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    seen: String,
}

impl Open {
    async fn step(&mut self) -> bool {
        match eventually("more, or the end", self.parts.next()).await {
            Some(part) => {
                let part = part.expect("the stream broke");
                self.seen.push_str(std::str::from_utf8(&part).unwrap());
                true
            }
            None => false,
        }
    }

    /// Reads to the end.
    async fn all(mut self) -> String {
        while self.step().await {}
        self.seen
    }

    /// Reads to the end, which must be that of the session.
    async fn ends_with_its_session(self) {
        let form = self.form.clone();
        let seen = self.all().await;
        let status: Value = match form.as_str() {
            "text/event-stream" => {
                let last = seen.trim_end().rsplit("\n\n").next().unwrap();
                let (event, data) = last.split_once('\n').unwrap();
                assert!(event.starts_with("event: "), "{last}");
                serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap()
            }
            "application/x-ndjson" => {
                let last: Value = serde_json::from_str(seen.lines().last().unwrap()).unwrap();
                last["error"].clone()
            }
            _ => {
                let all: Value = serde_json::from_str(&seen).unwrap();
                all.as_array().unwrap().last().unwrap()["error"].clone()
            }
        };
        assert_eq!(status["code"], 16, "{form}: {seen}");
        assert_eq!(status["details"][0]["reason"], "TOKEN_INVALID");
    }
}

/// Logs in on another device.
async fn other_device(ann: &Person, platform: &Platform) -> (Person, Value) {
    let mut other = ann.at(platform);
    let tokens = other.log_in().await;
    (other, tokens)
}

#[tokio::test]
async fn a_logout_ends_the_session_s_streams_in_every_form_and_the_reply_goes_on() {
    let (model, _setup, platform) = with_model().await;
    let running = Running::begin(&model, &platform).await;
    let mut open = Vec::new();
    for form in FORMS {
        open.push(running.watch(form).await);
    }
    let mut grpc =
        GenerationServiceClient::new(wire::remote("gateway", platform.url().parse().unwrap()));
    let mut request = Request::new(WatchGenerationRequest {
        generation_id: running.generation.clone(),
        offset: 0,
    });
    let bearer = format!("Bearer {}", running.ann.token());
    request
        .metadata_mut()
        .insert("authorization", bearer.parse().unwrap());
    let mut of_grpc = grpc.watch_generation(request).await.unwrap().into_inner();
    of_grpc.message().await.unwrap().unwrap();
    let web = web_watch(&running, &platform).await;

    let (other, _) = other_device(&running.ann, &platform).await;
    let elsewhere = Running {
        ann: other,
        generation: running.generation.clone(),
    };
    let goes_on = elsewhere.watch("text/event-stream").await;

    let logout = "/api/v1/users/logout";
    running.ann.ok(Method::POST, logout, json!({})).await;
    for stream in open {
        stream.ends_with_its_session().await;
    }
    let ended = loop {
        match eventually("an event comes", of_grpc.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended well"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&ended), Some(Reason::TokenInvalid));
    let trailers = eventually("gRPC-Web ends", web.bytes()).await.unwrap();
    let trailers = String::from_utf8_lossy(&trailers);
    assert!(trailers.contains("grpc-status:16"), "{trailers}");

    // Another login, and the reply, which nobody stopped.
    let (again, _) = other_device(&running.ann, &platform).await;
    let again = Running {
        ann: again,
        generation: running.generation.clone(),
    };
    let watched = again.watch("text/event-stream").await;
    model.release();
    for stream in [goes_on, watched] {
        let seen = stream.all().await;
        assert!(seen.contains("GENERATION_STATE_COMPLETED"), "{seen}");
        assert!(seen.contains("three"), "{seen}");
    }
}

/// Watches by gRPC-Web.
async fn web_watch(running: &Running, platform: &Platform) -> reqwest::Response {
    let id = running.generation.as_bytes();
    let mut frame = vec![0, 0, 0, 0, u8::try_from(id.len() + 2).unwrap(), 0x0a];
    frame.push(u8::try_from(id.len()).unwrap());
    frame.extend_from_slice(id);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let method = "/troupe.roleplay.v1.GenerationService/WatchGeneration";
    let request = client
        .post(format!("{}{method}", platform.url()))
        .bearer_auth(running.ann.token())
        .header("content-type", "application/grpc-web+proto")
        .body(frame);
    let answer = eventually("gRPC-Web answers", request.send())
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(!answer.headers().contains_key("grpc-status"));
    answer
}

#[tokio::test]
async fn a_revocation_from_elsewhere_and_a_replay_end_the_session_s_streams() {
    let (model, _setup, platform) = with_model().await;
    let running = Running::begin(&model, &platform).await;
    for is_replay in [false, true] {
        let (device, tokens) = other_device(&running.ann, &platform).await;
        let on_device = Running {
            ann: device,
            generation: running.generation.clone(),
        };
        let stream = on_device.watch("text/event-stream").await;
        if is_replay {
            let mut spent = vec![tokens["refreshToken"].clone()];
            for _ in 0..3 {
                let last = json!({"refreshToken": spent.last()});
                let pair = running
                    .ann
                    .ok(Method::POST, "/api/v1/users/refresh", last)
                    .await;
                spent.push(pair["refreshToken"].clone());
            }
            let replay = json!({"refreshToken": spent[0]});
            let answer = running
                .ann
                .call(Method::POST, "/api/v1/users/refresh", replay);
            assert!(answer.await.0.is_client_error());
        } else {
            let id = tokens["loginSessionId"].as_str().unwrap();
            let path = format!("/api/v1/users/me/login-sessions/{id}");
            running.ann.ok(Method::DELETE, &path, Value::Null).await;
        }
        stream.ends_with_its_session().await;
    }
    let mine = running.watch("text/event-stream").await;
    model.release();
    assert!(mine.all().await.contains("GENERATION_STATE_COMPLETED"));
}

#[tokio::test]
async fn an_access_token_that_lapses_ends_nothing_and_the_end_of_the_session_does() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let setup = Setup::new().with("TROUPE__AI__OPENAI__BASE_URL", model.base_url());
    let first = setup.start().await;
    let ann = Person::register(&first, "Ann").await;
    first.stop().await;
    let setup = setup.with("TROUPE__USERS__ACCESS_TOKEN_SECS", "12");
    let platform = setup.start().await;
    let (device, _) = other_device(&ann, &platform).await;
    let running = Running::of(&model, device).await;
    let stream = running.watch("text/event-stream").await;
    let is_refused = async {
        let path = "/api/v1/users/me/login-sessions";
        while running.ann.call(Method::GET, path, Value::Null).await.0 != StatusCode::UNAUTHORIZED {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    eventually("the token has lapsed", is_refused).await;
    model.release();
    assert!(stream.all().await.contains("GENERATION_STATE_COMPLETED"));
    platform.stop().await;

    // Because nobody renews it, and because it may not last longer.
    let mut setup = setup.with("TROUPE__USERS__REFRESH_TOKEN_SECS", "12");
    for login_session_secs in ["7776000", "12"] {
        setup = setup.with("TROUPE__USERS__LOGIN_SESSION_SECS", login_session_secs);
        let platform = setup.start().await;
        let (device, _) = other_device(&ann, &platform).await;
        let running = Running::of(&model, device).await;
        let stream = running.watch("text/event-stream").await;
        stream.ends_with_its_session().await;
        model.release();
        platform.stop().await;
    }
}

#[tokio::test]
async fn a_session_that_nobody_renews_ends_its_streams_through_every_replica() {
    let server = Postgres::shared().await.unwrap();
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let database = server.new_database().unwrap();
    let replica = || {
        Setup::new()
            .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
            .with("TROUPE__DATABASE__URL", database.clone())
    };
    // Only the second knows how soon its sessions lapse.
    let short = replica()
        .with("TROUPE__USERS__ACCESS_TOKEN_SECS", "12")
        .with("TROUPE__USERS__REFRESH_TOKEN_SECS", "12");
    let long = replica();
    let (one, two) = (long.start().await, short.start().await);
    let running = Running::begin(&model, &one).await;
    let of = |ann: Person| Running {
        ann,
        generation: running.generation.clone(),
    };

    let (device, mut tokens) = other_device(&running.ann, &two).await;
    let renewed = of(device);
    let goes_on = renewed.watch("text/event-stream").await;
    let (device, _) = other_device(&running.ann, &two).await;
    let lapsing = [
        of(device.at(&one)).watch("text/event-stream").await,
        of(device).watch("application/x-ndjson").await,
    ];
    let renewing = async {
        loop {
            let last = json!({"refreshToken": tokens["refreshToken"]});
            let refresh = "/api/v1/users/refresh";
            tokens = renewed.ann.ok(Method::POST, refresh, last).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    let ending = async {
        for stream in lapsing {
            stream.ends_with_its_session().await;
        }
    };
    tokio::select! {
        () = ending => {}
        () = renewing => {}
    }
    model.release();
    let seen = goes_on.all().await;
    assert!(seen.contains("GENERATION_STATE_COMPLETED"), "{seen}");
}

#[tokio::test]
async fn a_logout_through_one_replica_ends_streams_through_another() {
    let server = Postgres::shared().await.unwrap();
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let database = server.new_database().unwrap();
    let replica = || {
        Setup::new()
            .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
            .with("TROUPE__DATABASE__URL", database.clone())
    };
    let setups = [replica(), replica()];
    let (one, two) = (setups[0].start().await, setups[1].start().await);
    let running = Running::begin(&model, &one).await;
    let through_two = Running {
        ann: running.ann.at(&two),
        generation: running.generation.clone(),
    };
    let streams = [
        running.watch("text/event-stream").await,
        through_two.watch("application/x-ndjson").await,
    ];
    let logout = "/api/v1/users/logout";
    through_two.ann.ok(Method::POST, logout, json!({})).await;
    for stream in streams {
        stream.ends_with_its_session().await;
    }
    model.release();
}
