use super::*;

fn stream(stops: &[&str]) -> TextStream {
    TextStream::new(stops.iter().map(|stop| (*stop).to_owned()).collect())
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

#[test]
fn waits_for_the_rest_of_a_character() {
    let mut stream = stream(&[]);
    let fox = "🦊".as_bytes();
    assert_eq!(stream.push(&[b'a', fox[0], fox[1]]), text("a"));
    assert_eq!(stream.push(&fox[2..3]), text(""));
    assert_eq!(stream.push(&[fox[3], b'b']), text("🦊b"));
}

#[test]
fn replaces_bytes_that_make_no_character() {
    let mut stream = stream(&[]);
    assert_eq!(stream.push(b"a\xffb\xe2\x28"), text("a\u{fffd}b\u{fffd}("));
    assert_eq!(stream.push(b"\xf0\x9f"), text(""));
    assert_eq!(stream.finish(), "\u{fffd}");
}

#[test]
fn never_gives_out_a_stop_string_that_comes_in_pieces() {
    let mut stream = stream(&["\nUser:"]);
    assert_eq!(stream.push(b"Hello.\nU"), text("Hello."));
    assert_eq!(stream.push(b"se"), text(""));
    assert_eq!(stream.push(b"r: hi"), Piece::Stopped(String::new()));
}

#[test]
fn gives_out_what_only_looked_like_a_stop_string() {
    let mut stream = stream(&["\nUser:"]);
    assert_eq!(stream.push(b"a\nUs"), text("a"));
    assert_eq!(stream.push(b"ually\n"), text("\nUsually"));
    assert_eq!(stream.finish(), "\n");
}

#[test]
fn ends_before_the_first_of_several_stop_strings() {
    assert_eq!(
        stream(&["end", "the"]).push(b"see the end"),
        Piece::Stopped("see ".to_owned())
    );
}

#[test]
fn holds_back_the_longest_possible_beginning() {
    let mut stream = stream(&["aab"]);
    assert_eq!(stream.push(b"aaa"), text("a"));
    assert_eq!(stream.push(b"b"), Piece::Stopped(String::new()));
}

#[test]
fn ignores_empty_stop_strings() {
    assert_eq!(stream(&[""]).push(b"text"), text("text"));
}
