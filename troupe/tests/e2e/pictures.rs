//! Pictures as pages show them, and long answers as pages read them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cards::{example, maren};
use crate::main_job::with_model;
use crate::person::{PASSWORD, Person, nobody};
use crate::platform::Setup;

#[tokio::test]
async fn a_page_shows_a_picture_and_keeps_it() {
    let (_model, _setup, platform) = with_model().await;
    let (ann, page) = (Person::register(&platform, "Ann").await, nobody(&platform));
    let character = ann.import(maren()).await;
    let listed = ann.get("/api/v1/roleplay/characters").await;
    let avatar = &listed["characters"][0]["avatar"];
    for name in ["thumbnailUrl", "cardUrl", "fullUrl"] {
        let url = avatar[name].as_str().unwrap();
        let shown = page.request(Method::GET, url).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::OK, "{url}");
        assert_eq!(shown.headers()["content-type"], "image/webp");
        let kept = &shown.headers()["cache-control"];
        assert_eq!(kept, "private, max-age=31536000, immutable");
        assert!(!shown.headers().contains_key("content-encoding"));
        assert!(shown.bytes().await.unwrap().starts_with(b"RIFF"));
    }
    let url = avatar["cardUrl"].as_str().unwrap();
    let forged = url.replace("AVATAR_SIZE_CARD", "AVATAR_SIZE_FULL");
    let (status, refusal) = page.call(Method::GET, &forged, json!(null)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refusal}");
    assert!(refusal.to_string().contains("AVATAR_ADDRESS_INVALID"));
    let id = character["id"].as_str().unwrap();
    let outside = url.replace(id, "..%2f..%2fkeys");
    let (status, refusal) = page.call(Method::GET, &outside, json!(null)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refusal}");

    let original = format!("/api/v1/roleplay/characters/{id}/avatar");
    let get = || ann.request(Method::GET, &original);
    let first = get().send().await.unwrap();
    assert_eq!(first.headers()["cache-control"], "private, no-cache");
    let tag = first.headers()["etag"].clone();
    let again = get().header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()["etag"], tag);
    assert!(again.bytes().await.unwrap().is_empty());
    let (status, _) = page.call(Method::GET, &original, json!(null)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn long_reads_are_compressed_and_tokens_never() {
    let (_model, _setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let id = ann.import(maren()).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/roleplay/characters/{id}");
    let coding = async |method, path: &str, body| {
        let request = ann.request(method, path).header("accept-encoding", "gzip");
        let answer = request.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path} {}", answer.status());
        answer.headers().get("content-encoding").cloned()
    };
    let read = ann.request(Method::GET, &path);
    let read = read.header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(read.headers()["content-encoding"], "gzip");
    let login = json!({"email": ann.email, "password": PASSWORD});
    assert_eq!(
        coding(Method::POST, "/api/v1/users/login", login).await,
        None
    );
    let change = json!({"creator": "Ann"});
    assert_eq!(coding(Method::PATCH, &path, change).await, None);
}

#[tokio::test]
async fn a_page_gives_a_character_a_picture_by_the_state_that_it_saw() {
    let setup = Setup::new();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let body = json!({"name": "Odo"});
    let made = ann
        .ok(Method::POST, "/api/v1/roleplay/characters", body)
        .await;
    let path = format!(
        "/api/v1/roleplay/characters/{}/avatar",
        made["id"].as_str().unwrap()
    );
    let put = async |headers: &[(&str, &str)], body: Vec<u8>| {
        let request = ann.request(Method::PUT, &path).body(body);
        let request = headers
            .iter()
            .fold(request, |it, (name, value)| it.header(*name, *value));
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let given = put(&[("content-type", "image/png")], maren()).await;
    assert_eq!(given.0, StatusCode::OK, "{}", given.1);
    assert_eq!(
        (&given.1["name"], &given.1["hasAvatar"]),
        (&json!("Odo"), &json!(true))
    );
    // The state of a picture is what its own answer says.
    let shown = ann.request(Method::GET, &path).send().await.unwrap();
    let tag = shown.headers()["etag"].to_str().unwrap().to_owned();
    let form = "multipart/form-data; boundary=xyz";
    let mut body =
        b"--xyz\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.png\"\r\n\r\n".to_vec();
    body.extend(example("quill.png"));
    body.extend(b"\r\n--xyz--\r\n");
    let headers = [("content-type", form), ("if-match", tag.as_str())];
    let replaced = put(&headers, body.clone()).await;
    assert_eq!(replaced.0, StatusCode::OK, "{}", replaced.1);
    assert_ne!(replaced.1["avatar"], given.1["avatar"]);
    let late = put(&headers, body).await;
    assert_eq!(late.0, StatusCode::PRECONDITION_FAILED, "{}", late.1);
    let odd = put(&[("content-type", "image/png")], b"{}".to_vec()).await;
    assert_eq!(odd.0, StatusCode::BAD_REQUEST);
    assert!(odd.1.to_string().contains("AVATAR_INVALID"), "{}", odd.1);
    let gone = ann.ok(Method::DELETE, &path, Value::Null).await;
    assert_eq!(gone, json!({}));
    let shown = ann.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(shown.status(), StatusCode::NOT_FOUND);
}
