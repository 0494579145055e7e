use serde_json::json;

use super::super::Anthropic;
use super::*;
use crate::infrastructure::dialect::examples::{pieces, said};

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "stop_reason": null, "usage":
        {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1}}})
}

#[test]
fn reads_a_message_with_thoughts() {
    let events = [
        start(),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage":
            {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 7}}}),
        json!({"type": "message_stop"}),
    ];
    let read = Figures {
        prompt: Some(123),
        cached: Some(100),
        cache_written: Some(20),
        ..Figures::default()
    };
    let whole = Figures {
        completion: Some(9),
        reasoning: Some(7),
        ..read
    };
    let expected = [
        Piece::Usage(read),
        Piece::Thought,
        Piece::Thought,
        Piece::Thought,
        said("Hi"),
        Piece::Usage(whole),
        Piece::Finish(Ending::Length),
        Piece::Done,
    ];
    assert_eq!(pieces(&Anthropic, &events), expected);
}

#[test]
fn lets_later_figures_replace_earlier_ones() {
    let last = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage":
        {"input_tokens": 5, "cache_read_input_tokens": 90, "output_tokens": 9}});
    let pieces = pieces(&Anthropic, &[start(), last]);
    let Piece::Usage(figures) = &pieces[1] else {
        panic!("no figures: {pieces:?}")
    };
    assert_eq!((figures.prompt, figures.cached), (Some(115), Some(90)));
}

#[test]
fn reads_a_whole_message_and_every_reason() {
    let whole = |reason: &str| {
        json!({"type": "message", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}],
            "stop_reason": reason, "usage": {"input_tokens": 2, "output_tokens": 1}})
    };
    for (reason, ending) in [
        ("end_turn", Ending::Stop),
        ("stop_sequence", Ending::Stop),
        ("pause_turn", Ending::Stop),
        ("tool_use", Ending::Tool),
        ("refusal", Ending::ContentFilter),
        ("model_context_window_exceeded", Ending::Length),
    ] {
        let pieces = pieces(&Anthropic, &[whole(reason)]);
        assert_eq!(pieces[..2], [Piece::Thought, said("Hi")]);
        assert_eq!(pieces.last(), Some(&Piece::Finish(ending)), "{reason}");
    }
}

#[test]
fn passes_over_what_makes_no_sense() {
    for event in [
        json!({"type": "content_block_delta", "delta": 7}),
        json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": ["x"]}}),
        json!({"type": "message_delta", "delta": {"stop_reason": null}, "usage": 7}),
        json!({"type": "message_start", "message": []}),
        json!({"type": "something_new", "value": {}}),
        json!({"type": "ping"}),
    ] {
        let read = pieces(&Anthropic, std::slice::from_ref(&event));
        let only_figures = read
            .iter()
            .all(|piece| *piece == Piece::Usage(Figures::default()));
        assert!(only_figures, "{event}: {read:?}");
    }
    let failed =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert!(matches!(
        pieces(&Anthropic, &[failed])[..],
        [Piece::Failed(_)]
    ));
}
