//! The gateway's own pages.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::echo::Echo;
use crate::harness::{Edge, pool};

#[tokio::test]
async fn documentation_is_served_without_other_hosts() {
    let edge = Edge::start().await;
    for (page, assets) in [
        (
            "/docs",
            vec![
                "/docs/swagger-ui.css",
                "/docs/swagger-ui-bundle.js",
                "/docs/start.js",
            ],
        ),
        (
            "/redoc",
            vec!["/redoc/redoc.standalone.js", "/redoc/start.js"],
        ),
    ] {
        let answer = edge.get(page).await;
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        assert!(!answer.text().contains("://"));
        for asset in assets {
            assert!(answer.text().contains(asset));
            let answer = edge.get(asset).await;
            assert_eq!(answer.status.as_u16(), 200);
            let is_gzip = answer.body.starts_with(&[0x1f, 0x8b]);
            assert_eq!(is_gzip, answer.header("content-encoding") == "gzip");
        }
    }
}

#[tokio::test]
async fn reasons_are_explained_to_people_and_to_programs() {
    let edge = Edge::start().await;
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    for headers in [&[][..], &browser] {
        let page = edge.send("GET", "/docs/errors", headers, "").await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("vary"), "accept");
        assert!(page.text().contains("<h2 id=\"GENERATION_RUNNING\">"));
        assert!(!page.text().contains("://"));
    }
    let json = [("accept", "application/json")];
    let reasons = edge.send("GET", "/docs/errors", &json, "").await.ok();
    let reasons = reasons["reasons"].as_array().unwrap();
    let running = reasons
        .iter()
        .find(|it| it["reason"] == "GENERATION_RUNNING");
    let running = running.unwrap();
    assert_eq!(running["code"], "ABORTED");
    assert_eq!(running["httpStatus"], 409);
    assert_eq!(running["retry"], "LATER");
    assert_eq!(running["metadata"], serde_json::json!(["generationId"]));
}

#[tokio::test]
async fn the_root_leads_to_the_documentation_and_a_text_to_all_of_it() {
    let edge = Edge::start().await;
    let root = edge.get("/").await;
    assert_eq!(
        (root.status.as_u16(), root.header("location")),
        (302, "/docs")
    );
    let guide = edge.get("/llms.txt").await;
    assert_eq!(guide.header("content-type"), "text/plain; charset=utf-8");
    for place in ["/openapi.json", "/docs", "/docs/errors"] {
        let link = format!("]({place})");
        assert!(guide.text().contains(&link), "{link}");
        assert_eq!(edge.get(place).await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn the_document_describes_what_is_routed() {
    let edge = Edge::start().await;
    let document = edge.get("/openapi.json").await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/count/{to}"]["get"].is_object());
}

#[tokio::test]
async fn readiness_is_what_it_is_told() {
    let ready = Arc::new(AtomicBool::new(false));
    let told = ready.clone();
    let readiness = Arc::new(move || match told.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("the model is loading".to_owned()),
    });
    let gateway = troupe_gateway::build(
        &Default::default(),
        &pool(),
        HashMap::new(),
        None,
        readiness,
        None,
    )
    .unwrap();
    let edge = Edge::serve(gateway, Echo::default()).await;
    assert_eq!(edge.get("/healthz").await.status.as_u16(), 200);
    let answer = edge.get("/readyz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (503, "not ready: the model is loading\n")
    );
    ready.store(true, Ordering::Relaxed);
    assert_eq!(edge.get("/readyz").await.status.as_u16(), 200);
    assert_eq!(
        edge.send("POST", "/readyz", &[], "").await.status.as_u16(),
        405
    );
    assert_eq!(edge.send("HEAD", "/healthz", &[], "").await.body.len(), 0);
}
