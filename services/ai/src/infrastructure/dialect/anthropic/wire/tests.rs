use super::*;
use crate::infrastructure::dialect::examples::{body, chat, full, traits};
use crate::infrastructure::dialect::untold_stop_texts;

fn block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn kept(text: &str) -> Value {
    json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}})
}

#[test]
fn puts_instructions_beside_turns_of_blocks() {
    let sent = body(&Anthropic, &full(), &traits());
    let expected = json!({
        "model": "tiny",
        "max_tokens": 64,
        "stream": true,
        "system": [block("You are Wren.")],
        "messages": [
            {"role": "user", "content": [block("[The conversation begins.]")]},
            {"role": "assistant", "content": [block("Hello.")]},
            {"role": "user", "content": [block("Hi."), block("\n\nBe brief.")]},
        ],
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["\nAnn:"],
    });
    assert_eq!(sent, expected);
    // White space is refused as a stop text.
    assert_eq!(
        untold_stop_texts(&Anthropic, &full().stop, &traits()),
        ["\n"]
    );
}

#[test]
fn asks_for_no_more_than_it_takes() {
    let mut request = full();
    request.sampling.temperature = Some(1.4);
    assert_eq!(body(&Anthropic, &request, &traits())["temperature"], 1.0);
    let refuses = Traits {
        refused: ["temperature", "top_p", "top_k"].map(str::to_owned).into(),
        ..traits()
    };
    let sent = body(&Anthropic, &request, &refuses);
    for field in ["temperature", "top_p", "top_k", "min_p", "seed"] {
        assert_eq!(sent.get(field), None, "{field}");
    }
    let open = chat(&[
        (Role::User, "Hi."),
        (Role::Assistant, "  "),
        (Role::Assistant, "She said: \n"),
    ]);
    let sent = body(&Anthropic, &open, &traits());
    let expected = json!([
        {"role": "user", "content": [block("Hi.")]},
        {"role": "assistant", "content": [block("She said:")]},
    ]);
    assert_eq!(sent["messages"], expected);
    let mut closed = traits();
    closed.roles.last_user = true;
    let sent = body(&Anthropic, &open, &closed);
    assert_eq!(sent["messages"][2]["role"], "user");
}

#[test]
fn marks_where_the_stable_part_ends() {
    let said = [
        (Role::System, "One. Two."),
        (Role::User, "Hi."),
        (Role::Assistant, "Yes?"),
        (Role::User, "Go."),
    ];
    let sent = |stable_bytes| {
        let request = Request {
            stable_bytes,
            ..chat(&said)
        };
        body(&Anthropic, &request, &traits())
    };
    assert_eq!(sent(0)["system"], json!([block("One. Two.")]));
    assert_eq!(sent(4)["system"], json!([kept("One."), block(" Two.")]));
    assert_eq!(sent(9)["system"], json!([kept("One. Two.")]));
    let within = sent(9 + 3 + 4);
    assert_eq!(within["system"], json!([block("One. Two.")]));
    assert_eq!(within["messages"][1]["content"], json!([kept("Yes?")]));
    assert_eq!(
        sent(9 + 3 + 4 + 3)["messages"][2]["content"],
        json!([kept("Go.")])
    );
    // No block may be white space alone.
    let blank = Request {
        stable_bytes: 3,
        ..chat(&[(Role::User, "   Hi.")])
    };
    assert_eq!(
        body(&Anthropic, &blank, &traits())["messages"][0]["content"],
        json!([block("   Hi.")])
    );
}

#[test]
fn lets_a_model_think_beside_its_reply() {
    let thinks = |tokens| Traits {
        thinking_tokens: Some(tokens),
        ..traits()
    };
    let sent = body(&Anthropic, &full(), &thinks(10));
    assert_eq!(
        sent["thinking"],
        json!({"type": "enabled", "budget_tokens": 1024})
    );
    assert_eq!(
        (&sent["max_tokens"], sent.get("temperature")),
        (&json!(1088), None)
    );
    let off = body(&Anthropic, &full(), &thinks(0));
    assert_eq!(off["thinking"], json!({"type": "disabled"}));
    assert_eq!(
        (&off["max_tokens"], &off["temperature"]),
        (&json!(64), &json!(0.7))
    );
    let open = chat(&[(Role::User, "Hi."), (Role::Assistant, "He")]);
    let sent = body(&Anthropic, &open, &thinks(2000));
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
}
