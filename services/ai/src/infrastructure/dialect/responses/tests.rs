use super::super::examples::{body, full, pieces, said, traits};
use super::super::untold_stop_texts;
use super::*;
use crate::infrastructure::upstream::Figures;

#[test]
fn asks_for_a_response_that_nobody_stores() {
    let sent = body(&Responses, &full(), &traits());
    let expected = json!({
        "model": "tiny",
        "stream": true,
        "store": false,
        "max_output_tokens": 64,
        "input": [
            {"role": "system", "content": "You are Wren."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Hi."},
            {"role": "system", "content": "Be brief."},
        ],
        "temperature": 0.7, "top_p": 0.9,
    });
    assert_eq!(sent, expected);
    assert_eq!(
        untold_stop_texts(&Responses, &full().stop, &traits()).len(),
        2
    );
}

fn ended(kind: &str, response: Value) -> Value {
    json!({"type": format!("response.{kind}"), "response": response})
}

#[test]
fn reads_events_by_their_type() {
    let usage = json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 5}});
    let events = [
        ended(
            "created",
            json!({"status": "in_progress", "error": null, "output": []}),
        ),
        json!({"type": "response.output_item.added", "item": {"type": "reasoning"}}),
        json!({"type": "response.reasoning_summary_text.delta", "delta": "hm"}),
        json!({"type": "response.output_text.delta", "delta": "Hi", "logprobs": []}),
        json!({"type": "response.output_text.done", "text": "Hi"}),
        ended(
            "completed",
            json!({"status": "completed", "error": null, "incomplete_details": null, "usage": usage}),
        ),
    ];
    let figures = Figures {
        prompt: Some(9),
        cached: Some(4),
        cache_written: None,
        completion: Some(6),
        reasoning: Some(5),
    };
    let expected = [
        Piece::Thought,
        said("Hi"),
        Piece::Usage(figures),
        Piece::Finish(Ending::Stop),
        Piece::Done,
    ];
    assert_eq!(pieces(&Responses, &events), expected);
}

#[test]
fn knows_how_a_response_ends() {
    let incomplete = |reason: &str| {
        ended(
            "incomplete",
            json!({"status": "incomplete", "incomplete_details": {"reason": reason}}),
        )
    };
    for (event, ending) in [
        (incomplete("max_output_tokens"), Ending::Length),
        (incomplete("content_filter"), Ending::ContentFilter),
        (ended("failed", json!({"status": "failed"})), Ending::Failed),
        (
            ended("cancelled", json!({"status": "cancelled"})),
            Ending::Aborted,
        ),
    ] {
        let read = pieces(&Responses, std::slice::from_ref(&event));
        assert_eq!(read[0], Piece::Finish(ending), "{event}");
    }
    for failed in [
        ended(
            "failed",
            json!({"status": "failed", "error": {"code": "server_error", "message": "lost"}}),
        ),
        json!({"type": "error", "code": "server_error", "message": "lost", "sequence_number": 3}),
    ] {
        let read = pieces(&Responses, std::slice::from_ref(&failed));
        assert!(matches!(read[0], Piece::Failed(_)), "{failed}");
    }
    let whole = json!({"object": "response", "status": "completed", "error": null, "output": [{"type": "reasoning"},
        {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]});
    let read = pieces(&Responses, &[whole]);
    assert_eq!(
        read[..3],
        [Piece::Thought, said("Hi"), Piece::Finish(Ending::Stop)]
    );
}
