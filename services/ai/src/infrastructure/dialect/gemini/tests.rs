use super::super::examples::{body, full, pieces, said, traits};
use super::*;

fn part(text: &str) -> Value {
    json!({"text": text})
}

#[test]
fn writes_contents_of_parts() {
    let sent = body(&Gemini, &full(), &traits());
    let expected = json!({
        "systemInstruction": {"parts": [part("You are Wren.")]},
        "contents": [
            {"role": "user", "parts": [part("[The conversation begins.]")]},
            {"role": "model", "parts": [part("Hello.")]},
            {"role": "user", "parts": [part("Hi."), part("\n\nBe brief.")]},
        ],
        "generationConfig": {
            "maxOutputTokens": 64, "temperature": 0.7, "topP": 0.9, "topK": 40, "seed": 7, "stopSequences": ["\nAnn:", "\n"],
        },
    });
    assert_eq!(sent, expected);
    let outgoing = Gemini.completion(&full(), &traits()).unwrap();
    assert_eq!(outgoing.path, "models/tiny:streamGenerateContent?alt=sse");
}

#[test]
fn sets_filters_and_thoughts_where_that_is_configured() {
    let set = Traits {
        thinking_tokens: Some(100),
        safety_threshold: "OFF".to_owned(),
        ..traits()
    };
    let sent = body(&Gemini, &full(), &set);
    assert_eq!(
        sent["safetySettings"].as_array().unwrap().len(),
        HARMS.len()
    );
    assert_eq!(sent["safetySettings"][0]["threshold"], "OFF");
    let config = &sent["generationConfig"];
    assert_eq!(
        (
            &config["maxOutputTokens"],
            &config["thinkingConfig"]["thinkingBudget"]
        ),
        (&json!(164), &json!(100))
    );
    let mut without_system = traits();
    without_system.roles.no_system = true;
    assert_eq!(
        body(&Gemini, &full(), &without_system).get("systemInstruction"),
        None
    );
}

fn candidate(candidate: Value) -> Value {
    json!({"candidates": [candidate], "modelVersion": "tiny"})
}

#[test]
fn reads_text_thoughts_and_figures() {
    let first = candidate(
        json!({"content": {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": "Good "}]}}),
    );
    let mut last =
        candidate(json!({"content": {"parts": [{"text": "day"}]}, "finishReason": "STOP"}));
    last["usageMetadata"] = json!({"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 2,
        "thoughtsTokenCount": 5, "totalTokenCount": 17});
    let figures = Figures {
        prompt: Some(10),
        cached: Some(4),
        cache_written: None,
        completion: Some(7),
        reasoning: Some(5),
    };
    let expected = [
        Piece::Thought,
        said("Good "),
        said("day"),
        Piece::Usage(figures),
        Piece::Finish(Ending::Stop),
    ];
    assert_eq!(pieces(&Gemini, &[first, last]), expected);
}

#[test]
fn knows_a_prompt_that_is_blocked() {
    for reason in ["SAFETY", "OTHER", "PROHIBITED_CONTENT", "JAILBREAK"] {
        let blocked = json!({"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 8}});
        let read = pieces(&Gemini, &[blocked]);
        assert_eq!(
            read.last(),
            Some(&Piece::Failed(ProviderError::Refused)),
            "{reason}"
        );
    }
    let healthy = json!({"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}});
    assert_eq!(pieces(&Gemini, &[healthy]), []);
}

#[test]
fn knows_every_reason() {
    for (reason, expected) in [
        ("STOP", Some(Ending::Stop)),
        ("MAX_TOKENS", Some(Ending::Length)),
        ("SAFETY", Some(Ending::ContentFilter)),
        ("RECITATION", Some(Ending::ContentFilter)),
        ("PROHIBITED_CONTENT", Some(Ending::ContentFilter)),
        ("SPII", Some(Ending::ContentFilter)),
        ("MODEL_ARMOR", Some(Ending::ContentFilter)),
        ("LANGUAGE", Some(Ending::ContentFilter)),
        ("MALFORMED_RESPONSE", Some(Ending::Failed)),
        ("OTHER", Some(Ending::Failed)),
        ("FINISH_REASON_UNSPECIFIED", None),
    ] {
        assert_eq!(ending(reason), expected, "{reason}");
    }
}

#[test]
fn embeds_for_a_purpose() {
    let outgoing = Gemini.embedding("e", &["a", "b"], Purpose::Query).unwrap();
    assert_eq!(outgoing.path, "models/e:batchEmbedContents");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(body["requests"][1]["content"]["parts"][0]["text"], "b");
    assert_eq!(body["requests"][0]["taskType"], "RETRIEVAL_QUERY");
    let answer = json!({"embeddings": [{"values": [1]}, {"values": [2]}]});
    assert_eq!(
        Gemini.vectors(&answer),
        [(0, &json!([1])), (1, &json!([2]))]
    );
    assert_eq!(Gemini.model_name("models/gemini-3"), "gemini-3");
}
