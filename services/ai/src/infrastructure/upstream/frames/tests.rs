use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The frames of an answer that arrives in these chunks.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let (mut frames, mut out) = (Frames::default(), Vec::new());
    for chunk in chunks {
        frames.push(chunk, &mut out).unwrap();
    }
    frames.finish(&mut out);
    out
}

fn bodies(answer: &str) -> Vec<Body> {
    let frames = frames([answer.as_bytes()]);
    frames.into_iter().map(|frame| frame.body).collect()
}

fn number(number: usize) -> Body {
    Body::Json(json!({"n": number}))
}

fn numbers(until: usize) -> Vec<Body> {
    (1..=until).map(number).collect()
}

#[test]
fn reads_events_whatever_ends_their_lines() {
    for answer in [
        "data: {\"n\": 1}\n\ndata:{\"n\":2}\n\n",
        "data: {\"n\": 1}\r\n\r\ndata: {\"n\": 2}\r\n\r\n",
        "data: {\"n\": 1}\r\rdata: {\"n\": 2}\r\r",
        "\u{feff}data: {\"n\": 1}\n\ndata: {\"n\": 2}",
        ": hello\n\nid: 7\ndata: {\"n\": 1}\nretry: 1\n\n:\n\n\n\ndata: {\"n\": 2}\n\n",
    ] {
        assert_eq!(bodies(answer), numbers(2), "{answer:?}");
    }
}

#[test]
fn reads_events_that_break_the_rules() {
    for answer in [
        // No blank lines.
        "data: {\"n\": 1}\ndata: {\"n\": 2}\n",
        "event: a\ndata: {\"n\": 1}\nevent: a\ndata: {\"n\": 2}\n",
        // Two objects in one line.
        "data: {\"n\": 1}{\"n\": 2}\n\n",
        // The field's name twice.
        "data: data: {\"n\": 1}\n\ndata: {\"n\": 2}\n\n",
        // JSON in several lines, with and without the field's name.
        "data: {\ndata: \"n\": 1\ndata: }\n\ndata: {\"n\": 2}\n\n",
        "data: {\n\"n\": 1\n}\n\ndata: {\"n\": 2}\n\n",
        // JSON within JSON.
        "data: \"{\\\"n\\\": 1}\"\n\ndata: [{\"n\": 2}]\n\n",
        // A line that is no event.
        "data: {\"n\": 1}\n\n{\"n\": 2}\n\n",
    ] {
        assert_eq!(bodies(answer), numbers(2), "{answer:?}");
    }
}

#[test]
fn reads_an_answer_that_is_no_stream_of_events() {
    for answer in [
        "{\"n\": 1}\n{\"n\": 2}\n",
        "{\"n\": 1}\r\n{\"n\": 2}",
        "[{\"n\": 1},\n{\"n\": 2}]",
        "[{\n  \"n\": 1\n}\n,\n{\"n\": 2}\n]\n",
        "{\n  \"n\": 1\n}\n{\"n\": 2}",
    ] {
        assert_eq!(bodies(answer), numbers(2), "{answer:?}");
    }
    assert_eq!(bodies("\u{feff}\n\n{\n  \"n\":\n1}"), numbers(1));
}

#[test]
fn tells_the_end_heartbeats_and_words_apart() {
    let answer = "data:\n\ndata: \n\ndata\n\ndata: null\n\ndata: [DONE]\n\ndata: ping\n\nevent: error\ndata:\n\n";
    let words = |text: &str| Body::Words(text.to_owned());
    assert_eq!(
        bodies(answer),
        [words("null"), Body::Done, words("ping"), words("")]
    );
    assert_eq!(bodies("data: [DONE]"), [Body::Done]);
    assert_eq!(
        bodies("data: {\"n\": 1}\ndata: [DONE]"),
        [number(1), Body::Done]
    );
    assert_eq!(bodies("<html>\n<b>502</b>"), [words("<html>\n<b>502</b>")]);
    assert_eq!(bodies(" \r\n\n"), []);
}

#[test]
fn names_events() {
    let answer = "event: error\ndata: {\"n\": 1}\n\ndata: {\"n\": 2}\nevent: error\n\nevent: a\ndata: {\"n\": 3}\nevent: b\ndata: {\"n\": 4}\n\ndata: {\"n\": 5}\n\n";
    let frames = frames([answer.as_bytes()]);
    let names: Vec<&str> = frames.iter().map(|frame| &*frame.name).collect();
    assert_eq!(names, ["error", "error", "a", "b", ""]);
}

#[test]
fn knows_json_that_was_cut() {
    for answer in [
        "data: {\"n\": 1}\n\ndata: {\"n\"",
        "{\"n\": 1}\n{\"n\"",
        "data: {\"n\": 1}\n\ndata: {\"n\": \n\n",
    ] {
        assert_eq!(bodies(answer), [number(1), Body::Broken], "{answer:?}");
    }
    assert_eq!(bodies("{\"n\""), [Body::Broken]);
}

#[test]
fn takes_lines_of_megabytes_but_not_without_end() {
    let line = format!(
        "data: {{\"n\": 1, \"t\": \"{}\"}}\n\n",
        "x".repeat(20 << 20)
    );
    assert_eq!(frames([line.as_bytes()]).len(), 1);
    let chunk = [b'x'; 1 << 20];
    let (mut frames, mut pushed) = (Frames::default(), 0);
    while frames.push(&chunk, &mut Vec::new()).is_ok() {
        pushed += chunk.len();
        assert!(pushed <= MAX_BYTES);
    }
    let mut frames = Frames::default();
    let lines = b"data: [\n".repeat(1 << 17);
    let mut push = || frames.push(&lines, &mut Vec::new());
    assert!((0..200).any(|_| push() == Err(TooLarge)));
}

proptest! {
    #[test]
    fn reads_the_same_however_the_answer_is_cut(
        texts in prop::collection::vec("[^\r\n]{0,12}", 0..8),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 1..4),
        cuts in prop::collection::vec(0usize..600, 0..12),
    ) {
        let mut stream = String::new();
        for (index, text) in texts.iter().enumerate() {
            let (end, data) = (ends[index % ends.len()], json!({"t": text}));
            stream += &format!(":note{end}data: {data}{end}{end}");
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut chunks, mut start) = (Vec::new(), 0);
        for cut in cuts {
            chunks.push(&stream.as_bytes()[start..cut]);
            start = cut;
        }
        chunks.push(&stream.as_bytes()[start..]);
        let bodies: Vec<Body> = frames(chunks).into_iter().map(|frame| frame.body).collect();
        let expected: Vec<Body> = texts.iter().map(|text| Body::Json(json!({"t": text}))).collect();
        prop_assert_eq!(bodies, expected);
    }

    #[test]
    fn never_breaks_on_garbage(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        prop_assert_eq!(frames.push(&bytes, &mut out), Ok(()));
        frames.finish(&mut out);
    }
}
