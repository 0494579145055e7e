use super::super::examples::{body, full, pieces, said, traits};
use super::*;

#[test]
fn writes_its_own_names() {
    let sent = body(&Cohere, &full(), &traits());
    let expected = json!({
        "model": "tiny",
        "stream": true,
        "max_tokens": 64,
        "messages": [
            {"role": "system", "content": "You are Wren."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Hi."},
            {"role": "system", "content": "Be brief."},
        ],
        "temperature": 0.7, "p": 0.9, "k": 40, "seed": 7, "stop_sequences": ["\nAnn:", "\n"],
    });
    assert_eq!(sent, expected);
    let mut wide = full();
    wide.sampling.top_p = Some(1.0);
    wide.sampling.top_k = Some(0);
    let sent = body(&Cohere, &wide, &traits());
    assert_eq!((&sent["p"], sent.get("k")), (&json!(0.99), None));
}

#[test]
fn reads_events_by_their_type() {
    let delta = |content: Value| json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": content}}});
    let events = [
        json!({"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant", "content": []}}}),
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "thinking", "thinking": ""}}}}),
        delta(json!({"thinking": "hm"})),
        delta(json!({"text": "Hi"})),
        json!({"type": "citation-start", "delta": {"message": {"citations": {}}}}),
        json!({"type": "content-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "MAX_TOKENS", "usage": {"billed_units": {"input_tokens": 5,
            "output_tokens": 2}, "tokens": {"input_tokens": 71, "output_tokens": 3}, "cached_tokens": 4}}}),
    ];
    let figures = Figures {
        prompt: Some(5),
        cached: Some(4),
        completion: Some(2),
        ..Figures::default()
    };
    let expected = [
        Piece::Thought,
        said("Hi"),
        Piece::Usage(figures),
        Piece::Finish(Ending::Length),
        Piece::Done,
    ];
    assert_eq!(pieces(&Cohere, &events), expected);
}

#[test]
fn knows_ends_that_are_failures_and_whole_answers() {
    let failed =
        json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "lost"}});
    assert!(matches!(pieces(&Cohere, &[failed])[0], Piece::Failed(_)));
    let late = json!({"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}});
    assert_eq!(pieces(&Cohere, &[late])[0], Piece::Finish(Ending::Failed));
    let whole = json!({"id": "m", "finish_reason": "COMPLETE", "message": {"role": "assistant",
        "content": [{"type": "text", "text": "Hi"}]}, "usage": {"tokens": {"input_tokens": 2, "output_tokens": 1}}});
    let read = pieces(&Cohere, &[whole]);
    assert_eq!(
        (&read[0], &read[2]),
        (&said("Hi"), &Piece::Finish(Ending::Stop))
    );
}

#[test]
fn embeds_for_a_purpose() {
    for (purpose, name) in [
        (Purpose::Document, "search_document"),
        (Purpose::Query, "search_query"),
    ] {
        let outgoing = Cohere.embedding("e", &["a"], purpose).unwrap();
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        assert_eq!(
            (&*outgoing.path, &body["input_type"]),
            ("embed", &json!(name))
        );
    }
    let answer =
        json!({"embeddings": {"float": [[1, 2]]}, "meta": {"billed_units": {"input_tokens": 3}}});
    assert_eq!(Cohere.vectors(&answer), [(0, &json!([1, 2]))]);
    assert_eq!(Cohere.embedded_tokens(&answer), Some(3));
}
