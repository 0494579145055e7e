//! What the tests of all dialects begin with.

use std::sync::Arc;

use super::*;
use crate::domain::provider::Sampling;
use crate::infrastructure::upstream::Piece;

/// A server that takes everything.
pub(super) fn traits() -> Traits {
    Traits {
        is_openai: false,
        streams: true,
        max_tokens_field: MaxTokensField::MaxTokens,
        names: true,
        extended_sampling: true,
        continue_flag: false,
        echoes: false,
        roles: RoleRules::default(),
        refused: BTreeSet::new(),
        thinking_tokens: None,
        safety_threshold: String::new(),
    }
}

/// A chat of who says what.
pub(super) fn chat(said: &[(Role, &str)]) -> Request {
    let message = |(role, content): &(Role, &str)| Message {
        role: *role,
        content: (*content).to_owned(),
        name: String::new(),
    };
    Request {
        model: "tiny".to_owned(),
        prompt: Arc::new(Prompt::Chat(said.iter().map(message).collect())),
        stable_bytes: 0,
        window_tokens: 4096,
        sampling: Sampling::default(),
        max_tokens: 64,
        stop: Vec::new(),
        may_retry: true,
    }
}

/// A chat with a greeting that ends with an instruction, and with everything that can be asked for.
pub(super) fn full() -> Request {
    let said = [
        (Role::System, "You are Wren."),
        (Role::Assistant, "Hello."),
        (Role::User, "Hi."),
        (Role::System, "Be brief."),
    ];
    Request {
        sampling: Sampling {
            temperature: Some(0.7),
            top_p: Some(0.9),
            top_k: Some(40),
            min_p: Some(0.05),
            repetition_penalty: Some(1.1),
            seed: Some(7),
        },
        stop: vec!["\nAnn:".to_owned(), "\n".to_owned()],
        ..chat(&said)
    }
}

pub(super) fn body(dialect: &dyn Dialect, request: &Request, traits: &Traits) -> Value {
    let outgoing = dialect.completion(request, traits).unwrap();
    serde_json::from_slice(&outgoing.body).unwrap()
}

/// The pieces of these events, which have no names.
pub(super) fn pieces(dialect: &dyn Dialect, events: &[Value]) -> Vec<Piece> {
    let (mut reader, mut pieces) = (dialect.reader(), Vec::new());
    for event in events {
        reader.read("", event, &mut pieces);
    }
    pieces
}

pub(super) fn said(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}
