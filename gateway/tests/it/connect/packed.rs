//! Messages that clients send compressed.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use troupe_gateway::Config;

use super::{JSON, PROTO, STREAM_JSON, STREAM_PROTO, call, envelope, error, opened, path};
use crate::harness::Edge;

const GZIP: (&str, &str) = ("content-encoding", "gzip");
const GZIP_STREAM: (&str, &str) = ("connect-content-encoding", "gzip");

fn packed(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_message_may_be_compressed_by_gzip() {
    let edge = Edge::start().await;
    let long = "é".repeat(100_000);
    let text = format!("{{\"str\": \"{long}\"}}");
    for coding in ["gzip", "GZIP", "identity, gzip"] {
        let headers = [JSON, ("content-encoding", coding)];
        let answer = call(&edge, "Echo", &headers, packed(text.as_bytes())).await;
        assert_eq!(answer.ok(), json!({"str": long}), "{coding}");
    }
    let message = [&[0x7a, 3][..], b"abc"].concat();
    let answer = call(&edge, "Echo", &[PROTO, GZIP], packed(&message)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &message[..])
    );
    // In several parts, as gzip allows, and without any.
    let parts = [packed(b"{\"str\":"), packed(b"\"x\"}")].concat();
    let answer = call(&edge, "Echo", &[JSON, GZIP], parts).await;
    assert_eq!(answer.ok(), json!({"str": "x"}));
    assert_eq!(call(&edge, "Echo", &[PROTO, GZIP], "").await.status, 200);

    let query = URL_SAFE_NO_PAD.encode(packed(br#"{"str": "x"}"#));
    let target = format!("?encoding=json&base64=1&compression=gzip&message={query}");
    let target = path("Get") + &target;
    let answer = edge.send("GET", &target, &[], "").await;
    assert_eq!(answer.ok(), json!({"str": "x"}));
}

#[tokio::test]
async fn a_message_in_an_envelope_may_be_compressed_or_not() {
    let edge = Edge::start().await;
    let text = br#"{"to": 2}"#;
    for body in [envelope(1, &packed(text)), envelope(0, text)] {
        let answer = call(&edge, "Count", &[STREAM_JSON, GZIP_STREAM], body).await;
        assert_eq!(opened(&answer.body).0.len(), 2);
    }
    // What a stream of requests has passes as it is, and nobody behind it unpacks it.
    let headers = [STREAM_PROTO, GZIP_STREAM];
    let answer = call(&edge, "Sum", &headers, envelope(1, &packed(b""))).await;
    assert_eq!(opened(&answer.body).1["error"]["code"], "unimplemented");
    assert_eq!(answer.header("connect-accept-encoding"), "identity");
}

#[tokio::test]
async fn what_is_no_gzip_is_refused() {
    let edge = Edge::start().await;
    let whole = packed(br#"{"str": "x"}"#);
    let mut wrong_sum = whole.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    for body in [
        b"{}".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        whole[..12].to_vec(),
        wrong_sum,
        [&whole[..], b"{}"].concat(),
    ] {
        let answer = call(&edge, "Echo", &[JSON, GZIP], body.clone()).await;
        assert_eq!(error(&answer), (400, "invalid_argument".into()), "{body:?}");
        let body = envelope(1, &body);
        let answer = call(&edge, "Count", &[STREAM_JSON, GZIP_STREAM], body).await;
        let code = &opened(&answer.body).1["error"]["code"];
        assert_eq!(code, "invalid_argument");
    }
}

#[tokio::test]
async fn a_small_message_that_grows_beyond_the_limit_is_refused() {
    let mut config = Config::default();
    config.limits.request_bytes = 1000;
    let edge = Edge::with(config).await;
    let of = |len: usize| [&[0x7a, 0xe5, 0x07][..], &vec![b'a'; len - 3]].concat();
    let answer = call(&edge, "Echo", &[PROTO, GZIP], packed(&of(1000))).await;
    assert_eq!(answer.status, 200);
    let too_large = (429, "resource_exhausted".to_owned());
    for len in [1001, 100_000] {
        let body = packed(&of(len));
        assert!(body.len() < 500);
        let answer = call(&edge, "Echo", &[PROTO, GZIP], body).await;
        assert_eq!(error(&answer), too_large, "{len}");
    }
    let count = async |text: String| {
        let body = packed(text.as_bytes());
        assert!(body.len() < 2_000, "{}", body.len());
        let headers = [STREAM_JSON, GZIP_STREAM];
        opened(
            &call(&edge, "Count", &headers, envelope(1, &body))
                .await
                .body,
        )
    };
    let of = |spaces: usize| format!("{{\"to\": 1}}{}", " ".repeat(spaces));
    // JSON may be twice as long as the message that it stands for.
    assert_eq!(count(of(1_990)).await.0.len(), 1);
    for spaces in [1_992, 1_500_000] {
        let end = count(of(spaces)).await.1;
        assert_eq!(end["error"]["code"], too_large.1, "{spaces}");
    }
}
