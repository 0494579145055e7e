//! JSON over HTTP.

use serde_json::json;

use crate::harness::Edge;

#[tokio::test]
async fn json_goes_to_the_service_and_back() {
    let edge = Edge::start().await;
    let message = json!({"str": "é", "int64": "9007199254740993", "child": {"number": 1}, "labels": {"a": "b"}});
    let answer = edge.post("/v1/echo", message.to_string()).await;
    assert_eq!(answer.ok(), message);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn path_query_and_body_meet_with_the_path_on_top() {
    let edge = Edge::start().await;
    let answer = edge
        .post(
            "/v1/echo/from%2Fpath",
            r#"{"str": "from body", "int32": 3}"#,
        )
        .await;
    assert_eq!(answer.ok(), json!({"str": "from/path", "int32": 3}));
    assert_eq!(
        edge.get("/v1/get/a?int32=5&strings=x&strings=y").await.ok(),
        json!({"str": "a", "int32": 5, "strings": ["x", "y"]})
    );
    assert_eq!(edge.get("/v1/get/a?str=b").await.error(), (400, 3));
}

#[tokio::test]
async fn a_field_alone_can_be_body_and_answer() {
    let edge = Edge::start().await;
    let answer = edge
        .send("PUT", "/v1/echo/a/numbers", &[], "[1, 2, 3]")
        .await;
    assert_eq!(answer.ok(), json!([1, 2, 3]));
    assert_eq!(
        edge.send("PUT", "/v1/echo/a/numbers", &[], "").await.ok(),
        json!([])
    );
    assert_eq!(
        edge.send("DELETE", "/v1/child/a", &[], "").await.ok(),
        json!({"str": "a"})
    );
    assert_eq!(edge.get("/v1/literal/me").await.ok(), json!(""));
}

#[tokio::test]
async fn an_empty_answer_is_an_empty_object() {
    let edge = Edge::start().await;
    let answer = edge.get("/v1/get").await;
    assert_eq!(answer.text(), "{}");
}

#[tokio::test]
async fn raw_bodies_are_bytes_with_their_type() {
    let edge = Edge::start().await;
    let answer = edge.get("/v1/raw?content_type=image/png").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &[0, 159, 146, 150][..])
    );
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.header("content-disposition"), "attachment");
    assert_eq!(
        edge.get("/v1/raw").await.header("content-type"),
        "application/octet-stream"
    );

    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let answer = edge
        .send(
            "POST",
            "/v1/raw/name",
            &[("content-type", "image/png")],
            bytes.clone(),
        )
        .await;
    assert_eq!(
        (answer.header("content-type"), &answer.body[..]),
        ("image/png", &bytes[..])
    );
    let answer = edge
        .send(
            "POST",
            "/v1/raw/name:measure",
            &[("content-type", "text/plain")],
            "four",
        )
        .await;
    assert_eq!(
        answer.ok(),
        json!({"content": {"contentType": "text/plain", "data": "Zm91cg=="}, "size": "4"})
    );
}

#[tokio::test]
async fn custom_and_any_methods_are_routed() {
    let edge = Edge::start().await;
    assert_eq!(
        edge.send("REPORT", "/v1/custom?int32=1", &[], "")
            .await
            .ok(),
        json!({"int32": 1})
    );
    assert_eq!(
        edge.send("FROBNICATE", "/v1/any-method", &[], "")
            .await
            .ok(),
        json!({})
    );
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let edge = Edge::start().await;
    let answer = edge.send("HEAD", "/v1/get/a", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let edge = Edge::start().await;
    let answer = edge.send("DELETE", "/v1/get/a", &[], "").await;
    assert_eq!(answer.error(), (405, 12));
    assert_eq!(answer.header("allow"), "GET, HEAD");
    assert!(answer.text().contains("GET, HEAD"), "{}", answer.text());
    assert_eq!(edge.get("/v1/nothing").await.error(), (404, 12));
}

#[tokio::test]
async fn floods_of_slashes_are_answered() {
    let edge = Edge::start().await;
    assert_eq!(edge.get(&"/".repeat(20_000)).await.status.as_u16(), 404);
    let flood = "/".repeat(20_000);
    assert_eq!(
        edge.get(&format!("/v1/files{flood}")).await.ok()["str"]
            .as_str()
            .unwrap()
            .len(),
        19_999
    );
}

#[tokio::test]
async fn metadata_passes_both_ways_and_hop_by_hop_headers_do_not() {
    let edge = Edge::start().await;
    let headers = [
        ("authorization", "Bearer token"),
        ("traceparent", "00-a-b-01"),
        ("x-mine", "1"),
        ("data-bin", "AQI="),
        ("x-user-id", "root"),
        ("x-troupe-client-address", "::1"),
        ("connection", "x-once"),
        ("x-once", "1"),
        ("grpc-encoding", "gzip"),
        ("keep-alive", "5"),
        ("proxy-authorization", "a"),
        ("cookie", "a=b"),
    ];
    let answer = edge.send("GET", "/v1/get", &headers, "").await;
    assert_eq!(answer.status.as_u16(), 200);
    let seen = answer.header("seen");
    for wanted in [
        "authorization=Bearer token",
        "traceparent=00-a-b-01",
        "x-mine=1",
        "data-bin=AQI",
        "x-troupe-client-address=127.0.0.1",
    ] {
        assert!(seen.contains(wanted), "{wanted} in {seen}");
    }
    for unwanted in [
        "x-user-id",
        "x-once",
        "grpc-encoding",
        "keep-alive",
        "proxy-",
        "cookie",
        "::1",
    ] {
        assert!(!seen.contains(unwanted), "{unwanted} in {seen}");
    }
    assert_eq!(answer.header("data-bin").trim_end_matches('='), "AQI");
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("grpc-"))
    );
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_named() {
    let edge = Edge::start().await;
    let deep = "{\"child\":".repeat(20_000) + "{}" + &"}".repeat(20_000);
    assert_eq!(edge.post("/v1/echo", deep).await.error(), (400, 3));
    assert_eq!(
        edge.post("/v1/echo", vec![b'{', 0xff, b'}']).await.error(),
        (400, 3)
    );
    assert_eq!(
        edge.send("GET", "/v1/get/%ff", &[], "").await.error(),
        (400, 3)
    );
    let packed = edge
        .send("POST", "/v1/echo", &[("content-encoding", "gzip")], "x")
        .await;
    assert_eq!(packed.error(), (415, 3));
    let answer = edge.post("/v1/echo", r#"{"child": {"nope": 1}}"#).await;
    assert_eq!(answer.error(), (400, 3));
    let violation = &answer.json()["details"][1]["fieldViolations"][0];
    assert_eq!(violation["field"], "child.nope");
    assert_eq!(
        edge.send(
            "POST",
            "/v1/echo",
            &[("content-type", "multipart/form-data; boundary=x")],
            "--x"
        )
        .await
        .error(),
        (415, 3)
    );
}

#[tokio::test]
async fn unknown_fields_and_defaults_follow_the_configuration() {
    let mut config = troupe_gateway::Config::default();
    config.json.ignore_unknown_fields = true;
    config.json.print_defaults = true;
    let edge = Edge::with(config).await;
    let answer = edge
        .post("/v1/echo", r#"{"nope": [{"a": 1}], "int32": 2}"#)
        .await
        .ok();
    assert_eq!(
        (&answer["int32"], &answer["str"], &answer["numbers"]),
        (&json!(2), &json!(""), &json!([]))
    );
}
