//! Uploads as pages and tools make them.

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Answer, Edge, raw};

const KIND: &str = "Multipart/Form-Data; boundary=\"----WebKitFormBoundary x\"";

fn form(file: &[u8]) -> Vec<u8> {
    let before = "------WebKitFormBoundary x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nx\r\n\
         ------WebKitFormBoundary x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\
         Content-Type: image/png\r\n\r\n";
    let after = b"\r\n------WebKitFormBoundary x--\r\n";
    [before.as_bytes(), file, after].concat()
}

async fn upload(edge: &Edge, kind: &str, body: impl Into<Bytes>) -> Answer {
    edge.send("POST", "/v1/raw/name", &[("content-type", kind)], body)
        .await
}

#[tokio::test]
async fn the_file_of_a_form_is_taken_as_if_it_were_the_body() {
    let edge = Edge::start().await;
    let file: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let answer = upload(&edge, KIND, form(&file)).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(&answer.body[..], &file[..]);
}

#[tokio::test]
async fn the_file_has_the_limit_that_a_body_has() {
    let mut config = troupe_gateway::Config::default();
    config.limits.request_bytes = 1000;
    let edge = Edge::with(config).await;
    assert_eq!(
        upload(&edge, KIND, form(&[7; 900])).await.status.as_u16(),
        200
    );
    for len in [1001, 10_000, 100_000] {
        let answer = upload(&edge, KIND, form(&vec![7; len])).await;
        assert_eq!(answer.error(), (413, 8), "{len}");
        assert!(answer.text().contains("1000 bytes"), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_can_not_be_taken_is_told_what_to_send() {
    let edge = Edge::start().await;
    let no_boundary = upload(&edge, "multipart/form-data", form(b"x")).await;
    assert_eq!(no_boundary.error(), (400, 3));
    assert!(no_boundary.text().contains("boundary"));
    let cut = upload(&edge, KIND, form(b"x")[..200].to_vec()).await;
    assert_eq!(cut.error(), (400, 3));
    for kind in [
        KIND,
        "application/x-www-form-urlencoded",
        "image/png",
        "application/xml",
    ] {
        let answer = edge
            .send("POST", "/v1/echo", &[("content-type", kind)], "a=b&c=d")
            .await;
        assert_eq!(answer.error(), (415, 3), "{kind}");
        assert!(
            answer.text().contains("content-type: application/json"),
            "{kind}"
        );
    }
    // As `curl -d` sends JSON.
    let curl = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(
        edge.send("POST", "/v1/echo", &curl, "{}")
            .await
            .status
            .as_u16(),
        200
    );
    for coding in ["gzip", "GZIP", "identity, br", "deflate", "zstd"] {
        for target in ["/v1/echo", "/v1/raw/a"] {
            let answer = edge
                .send("POST", target, &[("content-encoding", coding)], "{}")
                .await;
            assert_eq!(answer.error(), (415, 3), "{coding}");
            assert!(answer.text().contains("compressed"), "{coding}");
        }
    }
    let plain = [("content-encoding", "Identity")];
    assert_eq!(
        edge.send("POST", "/v1/echo", &plain, "{}")
            .await
            .status
            .as_u16(),
        200
    );
}

#[tokio::test]
async fn bodies_come_in_chunks_and_after_an_expectation() {
    let edge = Edge::start().await;
    let file = form(b"\x89PNG");
    let mut chunked = format!("POST /v1/raw/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {KIND}\r\ntransfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in file.chunks(7) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(edge.address, &chunked).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("PNG"),
        "{answer}"
    );

    let ask = |kind: &str| {
        format!(
            "POST /v1/raw/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\n{kind}\r\ncontent-length: {}\r\n\r\n",
            file.len()
        )
    };
    let mut socket = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    socket
        .write_all(ask(&format!("content-type: {KIND}")).as_bytes())
        .await
        .unwrap();
    let mut go_on = [0; 25];
    socket.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(&file).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));

    // What will be refused isn't asked for.
    let refused = raw(edge.address, ask("content-encoding: gzip").as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 415"), "{refused}");
}
