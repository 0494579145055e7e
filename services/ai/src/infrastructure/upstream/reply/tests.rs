use super::*;
use crate::domain::TokenUsage;
use crate::domain::provider::{Message, Prompt, Role};

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

fn timeout() -> Cut {
    Cut::Broken(ProviderError::Timeout { waited_for: "more" })
}

/// What a reply gives of these pieces, one frame each: its text, and how it ends.
fn read_by(
    mut reply: Reply,
    pieces: &[Piece],
    cut: Cut,
) -> (String, Result<FinishReason, ProviderError>) {
    let mut failure = None;
    for piece in pieces {
        if let Err(error) = reply.take(vec![piece.clone()]) {
            reply.flush();
            failure = Some(error);
            break;
        }
    }
    let closed = failure.map_or_else(|| reply.close(cut), Err);
    let (mut text, mut end) = (String::new(), None);
    while let Some(event) = reply.next() {
        match event {
            Event::Delta(delta) => text += &delta,
            Event::Finished { reason, .. } => end = Some(reason),
            other => panic!("{other:?}"),
        }
    }
    (text, closed.map(|()| end.unwrap()))
}

fn read(pieces: &[Piece], cut: Cut) -> (String, Result<FinishReason, ProviderError>) {
    read_by(Reply::default(), pieces, cut)
}

fn lost() -> Piece {
    Piece::Failed(ProviderError::Unavailable {
        cause: "lost".to_owned(),
    })
}

#[test]
fn takes_a_reply_with_its_end_for_whole() {
    let stop = Piece::Finish(Ending::Stop);
    for pieces in [
        vec![text("Hi"), stop.clone(), Piece::Done],
        vec![text("Hi"), stop.clone()],
        vec![text("Hi"), Piece::Done],
        vec![
            Piece::Thought,
            text("Hi"),
            Piece::Usage(Figures::default()),
            stop.clone(),
        ],
        vec![text("H"), stop.clone(), text("i"), stop.clone()],
        vec![text("H"), stop.clone(), text("i"), Piece::Done],
        vec![
            text("Hi"),
            Piece::Done,
            lost(),
            text("more"),
            Piece::Finish(Ending::Failed),
        ],
    ] {
        assert_eq!(
            read(&pieces, Cut::Closed),
            ("Hi".to_owned(), Ok(FinishReason::Stop)),
            "{pieces:?}"
        );
    }
    for pieces in [
        vec![text("Hi"), stop.clone()],
        vec![text("Hi"), Piece::Done],
    ] {
        assert_eq!(
            read(&pieces, timeout()).1,
            Ok(FinishReason::Stop),
            "{pieces:?}"
        );
    }
    let cut = [text("Hi"), Piece::Finish(Ending::Length)];
    assert_eq!(read(&cut, Cut::Closed).1, Ok(FinishReason::Length));
}

#[test]
fn takes_no_other_end_for_one_and_keeps_the_text() {
    for pieces in [
        vec![text("Hi")],
        vec![text("Hi"), lost(), Piece::Done],
        vec![text("Hi"), Piece::Finish(Ending::Failed), Piece::Done],
        vec![text("Hi"), Piece::Finish(Ending::Aborted), Piece::Done],
        vec![text("Hi"), Piece::Finish(Ending::Stop), lost()],
    ] {
        let (shown, end) = read(&pieces, Cut::Closed);
        assert_eq!(shown, "Hi", "{pieces:?}");
        assert!(
            matches!(end, Err(ProviderError::Unavailable { .. })),
            "{pieces:?}"
        );
    }
    // A reason that text came after says nothing of a stream that breaks off later.
    for pieces in [
        vec![text("Hi")],
        vec![text("H"), Piece::Finish(Ending::Stop), text("i")],
    ] {
        assert!(
            matches!(read(&pieces, timeout()), (shown, Err(ProviderError::Timeout { .. })) if shown == "Hi")
        );
    }
}

#[test]
fn takes_a_reply_without_text_for_none() {
    let cause = |pieces: &[Piece]| match read(pieces, Cut::Closed) {
        (_, Err(ProviderError::Empty { cause })) => cause,
        other => panic!("{other:?}"),
    };
    let stop = Piece::Finish(Ending::Stop);
    assert!(cause(&[stop.clone(), Piece::Done]).contains("no text"));
    assert!(cause(&[text(" \n"), text("\t"), stop.clone()]).contains("no text"));
    assert!(cause(&[Piece::Thought, stop.clone()]).contains("thoughts only"));
    assert!(cause(&[Piece::Thought, Piece::Finish(Ending::Length)]).contains("all tokens"));
    assert!(cause(&[Piece::Finish(Ending::Tool)]).contains("tool"));
    assert!(cause(&[Piece::Done]).contains("no text"));
    let filtered = [Piece::Finish(Ending::ContentFilter)];
    assert_eq!(
        read(&filtered, Cut::Closed).1,
        Ok(FinishReason::ContentFilter)
    );
    let open = Reply::new(EchoFilter::default(), StopFilter::default(), true);
    assert_eq!(
        read_by(open, &[stop], Cut::Closed),
        (String::new(), Ok(FinishReason::Stop))
    );
}

#[test]
fn holds_white_space_until_a_text_follows() {
    let mut reply = Reply::default();
    reply.take(vec![text("\n"), text("\n ")]).unwrap();
    assert_eq!((reply.next(), reply.progress()), (None, Progress::Waiting));
    reply.take(vec![text("Hi "), text(" ")]).unwrap();
    assert_eq!(reply.next(), Some(Event::Delta("\n\n Hi ".to_owned())));
    assert_eq!(reply.next(), Some(Event::Delta(" ".to_owned())));
    assert_eq!(reply.progress(), Progress::Running);
}

#[test]
fn gives_figures_with_the_end() {
    let mut reply = Reply::default();
    let figures = |prompt, completion| {
        Piece::Usage(Figures {
            prompt,
            cached: Some(1),
            completion,
            ..Figures::default()
        })
    };
    reply
        .take(vec![
            figures(Some(9), Some(0)),
            text("Hi"),
            Piece::Done,
            figures(None, Some(3)),
        ])
        .unwrap();
    reply.close(Cut::Closed).unwrap();
    let usage = TokenUsage {
        prompt: 9,
        cached: 1,
        completion: 3,
        ..TokenUsage::default()
    };
    let read = TokenUsage {
        completion: 0,
        ..usage
    };
    assert_eq!(reply.next(), Some(Event::Read(read)));
    reply.next();
    assert_eq!(
        reply.next(),
        Some(Event::Finished {
            reason: FinishReason::Stop,
            usage: Some(usage)
        })
    );
}

#[test]
fn ends_at_a_stop_text_and_leaves_out_what_is_repeated() {
    let last = Message {
        role: Role::Assistant,
        content: "Once".to_owned(),
        name: String::new(),
    };
    let echo = EchoFilter::new(&Prompt::Chat(vec![last]));
    let reply = Reply::new(echo, StopFilter::new(&["\nAnn:".to_owned()]), false);
    let pieces = [
        text("On"),
        text("ce upon a time.\nA"),
        text("nn: no"),
        text("more"),
    ];
    assert_eq!(
        read_by(reply, &pieces, Cut::Closed),
        (" upon a time.".to_owned(), Ok(FinishReason::Stop))
    );
    let only_stop = Reply::new(
        EchoFilter::default(),
        StopFilter::new(&["Ann:".to_owned()]),
        false,
    );
    let (shown, end) = read_by(only_stop, &[text("Ann: hi")], Cut::Closed);
    assert!(
        shown.is_empty() && matches!(end, Err(ProviderError::Empty { .. })),
        "{end:?}"
    );
}
