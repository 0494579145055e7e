//! Server-sent events: their names, their ids, and streams that go on where a client left them.

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Value, json};
use tonic::{Request, Response, Status};

use crate::harness::{Answer, Edge};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FollowRequest {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(int32, tag = "2")]
    offset: i32,
    #[prost(bool, tag = "3")]
    fail: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FollowResponse {
    #[prost(message, optional, tag = "1")]
    event: Option<FollowEvent>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FollowEvent {
    #[prost(oneof = "Event", tags = "1, 2, 3, 4, 5")]
    event: Option<Event>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Event {
    #[prost(message, tag = "1")]
    Started(FollowStarted),
    #[prost(message, tag = "2")]
    TextPart(TextPart),
    #[prost(message, tag = "3")]
    Ended(()),
    #[prost(message, tag = "4")]
    Failure(()),
    #[prost(message, tag = "5")]
    Odd(()),
}

#[derive(Clone, PartialEq, prost::Message)]
struct FollowStarted {
    #[prost(int64, tag = "1")]
    next_offset: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TextPart {
    #[prost(int64, tag = "1")]
    offset: i64,
    #[prost(string, tag = "2")]
    text: String,
    #[prost(int64, tag = "3")]
    next_offset: i64,
}

type Answers = Result<Response<BoxStream<'static, Result<FollowResponse, Status>>>, Status>;

/// A part for each byte of the text. `0` is an empty part, `-` one of a negative place, `?` an event of nothing, `!` and `~`
/// events with odd names.
pub(crate) async fn follow(request: Request<FollowRequest>) -> Answers {
    let FollowRequest { text, offset, fail } = request.into_inner();
    let len = text.len() as i64;
    let rest = text.bytes().zip(0..).skip(offset as usize);
    let parts = rest.map(|(byte, at)| {
        Some(match byte {
            b'!' => Event::Failure(()),
            b'~' => Event::Odd(()),
            b'?' => return None,
            byte => Event::TextPart(TextPart {
                offset: at,
                text: char::from(byte).into(),
                next_offset: match byte {
                    b'0' => 0,
                    b'-' => -1,
                    _ => at + 1,
                },
            }),
        })
    });
    let started = Event::Started(FollowStarted { next_offset: len });
    let events = std::iter::once(Some(started)).chain(parts);
    let events = events.chain((!fail).then_some(Some(Event::Ended(()))));
    let events = events.map(|event| {
        let event = Some(FollowEvent { event });
        Ok(FollowResponse { event })
    });
    let failure = fail.then(|| Err(Status::aborted("stopped")));
    let events: Vec<_> = events.chain(failure).collect();
    Ok(Response::new(stream::iter(events).boxed()))
}

/// The lines of each event, and what its data are.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    let read = blocks.map(|block| {
        let (head, data) = block.split_once("data: ").unwrap();
        (head.to_owned(), serde_json::from_str(data).unwrap())
    });
    read.collect()
}

fn heads(answer: &Answer) -> Vec<String> {
    events(answer).into_iter().map(|(head, _)| head).collect()
}

async fn with_id(edge: &Edge, target: &str, id: &str) -> Answer {
    let headers = [("last-event-id", id)];
    edge.send("GET", target, &headers, "").await
}

#[tokio::test]
async fn an_event_has_the_name_of_what_happened_and_the_place_after_it() {
    let edge = Edge::start().await;
    let expected = [
        "event: started\n",
        "event: textPart\nid: 1\n",
        "event: textPart\nid: 2\n",
        "event: ended\n",
    ];
    for accept in [
        &[][..],
        &[("accept", "*/*")],
        &[("accept", "text/event-stream")],
    ] {
        let answer = edge.send("GET", "/v1/follow/hi", accept, "").await;
        assert_eq!(heads(&answer), expected, "{accept:?}");
    }
    let bare = events(&edge.get("/v1/follow/hi").await);
    let whole = events(&edge.get("/v1/follow-whole/hi").await);
    let part = json!({"offset": "1", "text": "i", "nextOffset": "2"});
    assert_eq!(bare[2].1, json!({"textPart": part}));
    // Told of the message that is returned: this one has no oneof.
    assert_eq!(
        whole[2],
        (String::new(), json!({"event": {"textPart": part}}))
    );
}

#[tokio::test]
async fn what_a_name_or_an_id_can_not_say_is_left_out() {
    let edge = Edge::start().await;
    let heads = heads(&edge.get("/v1/follow/0-!~%3f").await);
    let expected = [
        "event: started\n",
        "event: textPart\nid: 0\n",
        "event: textPart\n",
        "",
        "",
        "",
        "event: ended\n",
    ];
    assert_eq!(heads, expected);
}

#[tokio::test]
async fn a_failure_is_an_event_of_its_own() {
    let edge = Edge::start().await;
    let events = events(&edge.get("/v1/follow/a?fail=true").await);
    let (head, status) = events.last().unwrap();
    assert_eq!(head, "event: failure\n");
    assert_eq!(
        (&status["code"], &status["message"]),
        (&json!(10), &json!("stopped"))
    );
}

#[tokio::test]
async fn a_client_that_connects_again_gets_what_it_has_not_got() {
    let edge = Edge::start().await;
    let ids = |answer: &Answer| {
        let heads = heads(answer);
        let ids = heads.iter().filter_map(|head| head.split_once("id: "));
        ids.map(|(_, id)| id.trim().to_owned()).collect::<Vec<_>>()
    };
    let target = "/v1/follow/text";
    assert_eq!(ids(&with_id(&edge, target, "2").await), ["3", "4"]);
    assert_eq!(ids(&with_id(&edge, target, "4").await), [""; 0]);
    for query in ["offset=3", "offset=0"] {
        let answer = with_id(&edge, &format!("{target}?{query}"), "2").await;
        assert_eq!(
            ids(&answer),
            ["3", "4"],
            "a page keeps the address that it began with"
        );
    }
    let bound = with_id(&edge, &format!("{target}/from/1"), "3").await;
    assert_eq!(ids(&bound), ["2", "3", "4"], "the path has the last word");
    let anew = with_id(&edge, target, "").await;
    assert_eq!(ids(&anew), ["1", "2", "3", "4"]);
    // Ids that no event has: from the beginning, a client would get twice what it has.
    for odd in ["x", "-1", "1.5", "99999999999", "msg_1", "2 3"] {
        let answer = with_id(&edge, target, odd).await;
        assert_eq!(answer.error(), (400, 3), "{odd}");
        assert!(answer.text().contains("last-event-id"), "{odd}");
    }
    let lines = [("last-event-id", "3"), ("accept", "application/x-ndjson")];
    let answer = edge.send("GET", target, &lines, "").await;
    assert_eq!(answer.text().lines().count(), 3, "{}", answer.text());
}

#[tokio::test]
async fn only_the_get_of_a_stream_goes_on() {
    let edge = Edge::start().await;
    let posted = [("last-event-id", "2"), ("content-type", "application/json")];
    let answer = edge
        .send("POST", "/v1/follow", &posted, r#"{"text": "ab"}"#)
        .await;
    assert_eq!(heads(&answer).len(), 4);
    let twice = [("last-event-id", "1"), ("last-event-id", "2")];
    let answer = edge.send("GET", "/v1/follow/ab", &twice, "").await;
    assert_eq!(answer.error(), (400, 3));
}
