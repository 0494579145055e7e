use proptest::prelude::*;

use super::*;

/// The events of a stream that arrives in these chunks.
fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    for chunk in chunks {
        let taken = parser.push(chunk, |data| {
            events.push(String::from_utf8(data.to_vec()).unwrap());
        });
        taken.unwrap();
    }
    events
}

#[test]
fn reads_data_of_each_event() {
    let stream = "data: one\n\ndata:two\n\ndata:  three\n\n";
    assert_eq!(events([stream.as_bytes()]), ["one", "two", " three"]);
}

#[test]
fn takes_every_kind_of_line_end() {
    let stream = "data: a\r\n\r\ndata: b\r\rdata: c\n\n";
    assert_eq!(events([stream.as_bytes()]), ["a", "b", "c"]);
}

#[test]
fn joins_data_lines_and_passes_over_the_rest() {
    let stream = ": keep alive\nevent: x\ndata: a\nid: 7\ndata\ndata: b\ndatabase: no\nretry: 1\n\n\n\n:\n\n";
    assert_eq!(events([stream.as_bytes()]), ["a\n\nb"]);
}

#[test]
fn passes_over_a_byte_order_mark_at_the_start_alone() {
    assert_eq!(events(["\u{feff}data: a\n\n".as_bytes()]), ["a"]);
    assert!(events(["\n\u{feff}data: a\n\n".as_bytes()]).is_empty());
}

#[test]
fn drops_an_event_that_was_cut() {
    assert_eq!(events([b"data: a\n\ndata: b\n".as_slice()]), ["a"]);
}

#[test]
fn refuses_an_event_without_end() {
    let mut parser = Parser::default();
    let line = [b'x'; 4096];
    let mut pushed = 0;
    while parser.push(&line, |_| {}).is_ok() {
        pushed += line.len();
        assert!(pushed <= MAX_EVENT_BYTES);
    }
    let mut parser = Parser::default();
    let lines = b"data: x\n".repeat(1000);
    let mut taken = Ok(());
    for _ in 0..1000 {
        taken = taken.and_then(|()| parser.push(&lines, |_| {}));
    }
    assert_eq!(taken, Err(TooLarge));
}

proptest! {
    #[test]
    fn reads_the_same_events_however_the_stream_is_cut(
        texts in prop::collection::vec("[^\r\n]{0,12}", 0..8),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 1..4),
        cuts in prop::collection::vec(0usize..400, 0..12),
    ) {
        let mut stream = String::new();
        for (index, text) in texts.iter().enumerate() {
            let end = ends[index % ends.len()];
            stream += &format!(":note{end}data: {text}{end}{end}");
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut start = 0;
        for cut in cuts {
            chunks.push(&stream.as_bytes()[start..cut]);
            start = cut;
        }
        chunks.push(&stream.as_bytes()[start..]);
        prop_assert_eq!(events(chunks), texts);
    }

    #[test]
    fn never_fails_on_small_garbage(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let taken = Parser::default().push(&bytes, |_| {});
        prop_assert_eq!(taken, Ok(()));
    }
}
