use serde_json::json;

use super::*;

/// The pieces of these events.
fn pieces(events: &[Value]) -> Vec<Piece> {
    let (mut reader, mut pieces) = (CompletionReader, Vec::new());
    for event in events {
        reader.read("", event, &mut pieces);
    }
    pieces
}

fn text(of: &[Value]) -> String {
    let texts = pieces(of).into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        _ => None,
    });
    texts.collect()
}

fn delta(delta: Value) -> Value {
    json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

const FIGURES: Figures = Figures {
    prompt: Some(12),
    cached: Some(8),
    cache_written: None,
    completion: Some(3),
    reasoning: None,
};

#[test]
fn reads_a_reply_as_openai_sends_it() {
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 8}});
    let events = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Good "})),
        delta(json!({"content": "day"})),
        end("stop"),
        json!({"choices": [], "usage": usage}),
    ];
    let expected = [
        Piece::Text("Good ".to_owned()),
        Piece::Text("day".to_owned()),
        Piece::Finish(Ending::Stop),
        Piece::Usage(FIGURES),
    ];
    assert_eq!(pieces(&events), expected);
}

#[test]
fn finds_the_text_wherever_it_stands() {
    for event in [
        json!({"choices": [{"text": "Hi", "index": 0, "finish_reason": null}]}),
        json!({"choices": [{"message": {"content": "Hi"}}]}),
        json!({"choices": [{"delta": {"content": "Hi"}, "message": {"content": "Hi there, all of it"}}]}),
        json!({"choices": [{"delta": null, "message": {"content": "Hi"}}]}),
        json!({"choices": [{"index": 7, "delta": {"content": "Hi"}}]}),
        json!({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "Hi"}}]}),
        json!({"choices": [{"index": "0", "delta": {"content": "Hi"}, "logprobs": []}], "id": 7, "created": "now", "model": null}),
        json!({"choices": [null, {"delta": {"content": "Hi"}}]}),
        json!({"choices": {"delta": {"content": "Hi"}}}),
        delta(json!({"content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]})),
        delta(
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "no"}]}, {"type": "text", "text": "Hi"}]}),
        ),
        delta(json!({"content": {"type": "text", "text": {"value": "Hi"}}})),
        delta(json!({"content": ["H", "i"]})),
        delta(json!({"role": ["assistant"], "content": "Hi", "tool_calls": {}})),
    ] {
        assert_eq!(text(std::slice::from_ref(&event)), "Hi", "{event}");
    }
}

#[test]
fn passes_over_what_it_does_not_know() {
    for event in [
        json!({"choices": [], "prompt_filter_results": []}),
        json!({"choices": null, "obfuscation": "xx"}),
        json!({"choices": "none"}),
        json!({"choices": [{"index": 0, "delta": {"content": 7}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": null, "role": "assistant"}, "finish_reason": ""}]}),
        json!({"choices": [{"index": 0, "delta": [], "finish_reason": 7}]}),
        json!({"choices": [{}], "usage": [], "timings": null, "error": null}),
        json!({"object": "ping"}),
    ] {
        assert_eq!(pieces(std::slice::from_ref(&event)), [], "{event}");
    }
}

#[test]
fn takes_thoughts_and_tools_for_signs_of_life() {
    for member in ["reasoning_content", "reasoning", "tool_calls", "images"] {
        let event = delta(json!({member: ["hm"], "content": null}));
        assert_eq!(pieces(&[event]), [Piece::Thought], "{member}");
    }
    assert_eq!(
        pieces(&[delta(json!({"reasoning_content": "", "tool_calls": []}))]),
        []
    );
}

#[test]
fn reads_figures_wherever_they_stand() {
    let base = json!({"prompt_tokens": 12, "completion_tokens": 3});
    let with = |key: &str, value: Value| {
        let mut usage = base.clone();
        usage[key] = value;
        usage
    };
    for event in [
        json!({"choices": [{"delta": {}}], "usage": with("prompt_tokens_details", json!({"cached_tokens": 8}))}),
        json!({"usage": with("prompt_cache_hit_tokens", json!(8))}),
        json!({"usage": base, "timings": {"cache_n": 8, "prompt_n": 4}}),
        json!({"x_groq": {"usage": with("cached_tokens", json!("8"))}, "usage": null}),
        json!({"usage": {"input_tokens": 12.0, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 8}}}),
    ] {
        assert_eq!(
            pieces(std::slice::from_ref(&event)),
            [Piece::Usage(FIGURES)],
            "{event}"
        );
    }
    let details = json!({"usage": {
        "prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }});
    let figures = Figures {
        cache_written: Some(2),
        reasoning: Some(1),
        ..FIGURES
    };
    assert_eq!(pieces(&[details]), [Piece::Usage(figures)]);
    let odd = json!({"usage": {"prompt_tokens": -1, "completion_tokens": 3, "prompt_tokens_details": [], "completion_tokens_details": null}});
    let figures = Figures {
        completion: Some(3),
        ..Figures::default()
    };
    assert_eq!(pieces(&[odd]), [Piece::Usage(figures)]);
}

#[test]
fn reads_text_reason_and_failure_of_one_event_in_this_order() {
    let last = json!({"choices": [{"delta": {"content": "."}, "finish_reason": "length"}]});
    assert_eq!(
        pieces(&[last]),
        [Piece::Text(".".to_owned()), Piece::Finish(Ending::Length)]
    );
    let failed = json!({"error": {"code": 429, "message": "slow down"}, "choices": [{"delta": {"content": "Hi"}, "finish_reason": "error"}]});
    let pieces = pieces(&[failed]);
    assert_eq!(pieces[0], Piece::Text("Hi".to_owned()));
    assert!(matches!(
        pieces[1],
        Piece::Failed(crate::domain::ProviderError::RateLimited { .. })
    ));
    let within = json!({"choices": [{"error": {"message": "lost"}, "finish_reason": "stop"}]});
    assert!(matches!(
        super::tests::pieces(&[within])[0],
        Piece::Failed(_)
    ));
}
