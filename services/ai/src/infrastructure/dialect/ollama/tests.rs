use super::super::examples::{body, full, pieces, said, traits};
use super::*;

#[test]
fn names_the_window_with_each_request() {
    let sent = body(&Ollama, &full(), &traits());
    let expected = json!({
        "model": "tiny",
        "stream": true,
        "truncate": false,
        "shift": false,
        "messages": [
            {"role": "system", "content": "You are Wren."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Hi."},
            {"role": "system", "content": "Be brief."},
        ],
        "options": {
            "num_ctx": 4096, "num_predict": 64, "temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.05,
            "repeat_penalty": 1.1, "seed": 7, "stop": ["\nAnn:", "\n"],
        },
    });
    assert_eq!(sent, expected);
    let thinks = Traits {
        thinking_tokens: Some(0),
        ..traits()
    };
    assert_eq!(body(&Ollama, &full(), &thinks)["think"], false);
    let text = Request {
        prompt: Prompt::Text("Once".to_owned()).into(),
        ..full()
    };
    let outgoing = Ollama.completion(&text, &traits()).unwrap();
    let sent = body(&Ollama, &text, &traits());
    assert_eq!(
        (&*outgoing.path, &sent["prompt"], &sent["raw"]),
        ("generate", &json!("Once"), &json!(true))
    );
}

#[test]
fn reads_lines() {
    let events = [
        json!({"model": "tiny", "message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": false}),
        json!({"message": {"role": "assistant", "content": "Hi"}, "done": false}),
        json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "length", "prompt_eval_count": 9,
            "eval_count": 2, "total_duration": 123_456_789_012_u64}),
    ];
    let figures = Figures {
        prompt: Some(9),
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
    assert_eq!(pieces(&Ollama, &events), expected);
    let completed = json!({"response": "Hi", "done": true});
    assert_eq!(pieces(&Ollama, &[completed])[0], said("Hi"));
    let failed = json!({"error": "llama runner process has terminated"});
    assert!(matches!(pieces(&Ollama, &[failed])[..], [Piece::Failed(_)]));
}

#[test]
fn finds_the_window_whatever_the_model_is() {
    let said =
        json!({"model_info": {"general.architecture": "gemma3", "gemma3.context_length": 131_072}});
    assert_eq!(window(&said), Some(131_072));
    assert_eq!(window(&json!({"model_info": {}})), None);
}

#[test]
fn embeds() {
    let outgoing = Ollama.embedding("e", &["a"], Purpose::Document).unwrap();
    assert_eq!(outgoing.path, "embed");
    let answer = json!({"embeddings": [[1, 2]], "prompt_eval_count": 3});
    assert_eq!(Ollama.vectors(&answer), [(0, &json!([1, 2]))]);
    assert_eq!(Ollama.embedded_tokens(&answer), Some(3));
}
