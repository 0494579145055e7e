use serde_json::json;

use super::*;

/// Feeds events to a reader; the text they carry, and the end.
fn read(events: &[Value]) -> (String, Result<Event, ProviderError>) {
    let mut reader = ReplyReader::default();
    let mut text = String::new();
    for event in events {
        let data = match event {
            Value::String(raw) => raw.clone(),
            event => event.to_string(),
        };
        match reader.read(data.as_bytes()) {
            Ok(Step::Text(delta)) => text += &delta,
            Ok(_) => {}
            Err(error) => return (text, Err(error)),
        }
    }
    (text, reader.finish())
}

fn delta(content: &str) -> Value {
    json!({"id": "c", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}], "usage": null})
}

fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn finished(reason: FinishReason, usage: Option<TokenUsage>) -> Result<Event, ProviderError> {
    Ok(Event::Finished { reason, usage })
}

const USAGE: TokenUsage = TokenUsage {
    prompt: 12,
    cached: 8,
    completion: 3,
};

fn usage() -> Value {
    json!({"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 8}})
}

#[test]
fn reads_a_reply_as_openai_sends_it() {
    let events = [
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}),
        delta("Good "),
        delta("day"),
        end("stop"),
        json!({"choices": [], "usage": usage()}),
        json!("[DONE]"),
    ];
    assert_eq!(
        read(&events),
        (
            "Good day".to_owned(),
            finished(FinishReason::Stop, Some(USAGE))
        )
    );
}

#[test]
fn reads_figures_on_an_event_with_choices() {
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}], "usage": usage()});
    let (_, event) = read(&[delta("a"), last]);
    assert_eq!(event, finished(FinishReason::Length, Some(USAGE)));
}

#[test]
fn reads_llama_cpps_cache_from_its_timings() {
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 3});
    let last = json!({"choices": [], "usage": usage, "timings": {"cache_n": 8, "prompt_n": 4}});
    let (_, event) = read(&[delta("a"), end("stop"), last]);
    assert_eq!(event, finished(FinishReason::Stop, Some(USAGE)));
}

#[test]
fn reads_a_text_completion() {
    let piece = json!({"object": "text_completion", "choices": [{"text": "Once", "index": 0, "finish_reason": null}]});
    let last = json!({"choices": [{"text": "", "index": 0, "finish_reason": "stop"}]});
    assert_eq!(
        read(&[piece, last]),
        ("Once".to_owned(), finished(FinishReason::Stop, None))
    );
}

#[test]
fn passes_over_what_it_does_not_know() {
    let events = [
        json!({"choices": [], "prompt_filter_results": []}),
        json!({"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}),
        json!({"choices": [{"index": 1, "delta": {"content": "another"}}]}),
        json!({"choices": null, "obfuscation": "xx"}),
        delta("a"),
        end("tool_calls"),
    ];
    assert_eq!(
        read(&events),
        ("a".to_owned(), finished(FinishReason::Stop, None))
    );
}

#[test]
fn tells_a_cut_stream_from_a_whole_one() {
    assert!(read(&[delta("a")]).1.is_err());
    assert_eq!(
        read(&[delta("a"), json!(" [DONE] ")]).1,
        finished(FinishReason::Stop, None)
    );
    assert_eq!(
        read(&[end("content_filter")]).1,
        finished(FinishReason::ContentFilter, None)
    );
}

#[test]
fn reports_an_error_within_the_stream() {
    let error = json!({"error": {"code": 429, "message": "slow down"}, "choices": []});
    let limited = ProviderError::RateLimited { retry_after: None };
    assert_eq!(read(&[delta("a"), error]), ("a".to_owned(), Err(limited)));
}

#[test]
fn quotes_no_text_of_an_event_that_is_no_json() {
    let (_, event) = read(&[json!("{\"choices\": [{\"delta\": {\"content\": \"secret")]);
    assert!(!format!("{event:?}").contains("secret"));
}

#[test]
fn keeps_a_reply_whose_characters_are_cut() {
    let half = |escape: &str| {
        let content = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{escape}"}}}}]}}"#);
        Value::String(content)
    };
    let events = [half(r"Quack \ud83e"), half(r"\udd86, he says"), end("stop")];
    assert_eq!(
        read(&events),
        (
            "Quack \u{1f986}, he says".into(),
            finished(FinishReason::Stop, None)
        )
    );
    let cut_at_the_end = [half(r"Quack \ud83e"), end("length")];
    assert_eq!(
        read(&cut_at_the_end),
        (
            "Quack \u{fffd}".into(),
            finished(FinishReason::Length, None)
        )
    );
}
