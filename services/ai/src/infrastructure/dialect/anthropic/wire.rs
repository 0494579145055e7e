//! The request as Anthropic takes it: instructions beside the messages, turns of blocks, and a mark where the part of the prompt
//! ends that the next prompts begin with too, so that it is kept for them.

use serde_json::{Map, Value, json};

use super::Anthropic;
use crate::domain::Request;
use crate::domain::provider::{Role, Sampling};
use crate::infrastructure::dialect::{Traits, decimal, messages, post, put, told_stop_texts};
use crate::infrastructure::roles::{self, Part, RoleRules, Turn};
use crate::infrastructure::upstream::Outgoing;

/// The least that a model can be told to think.
const LEAST_THINKING_TOKENS: u32 = 1024;
/// Between messages that share a turn: blocks are read without anything between them.
const JOINT: &str = "\n\n";

pub(super) fn encode(request: &Request, traits: &Traits) -> Result<Outgoing, serde_json::Error> {
    let thinking = traits.thinking_tokens.map(|tokens| match tokens {
        0 => 0,
        tokens => tokens.max(LEAST_THINKING_TOKENS),
    });
    let thinks = thinking.is_some_and(|tokens| tokens > 0);
    let rules = RoleRules {
        alternating: true,
        no_system: traits.roles.no_system,
        // A model that thinks begins its own message.
        last_user: traits.roles.last_user || thinks,
    };
    let (system, said) = written(request, rules);
    let mut body = Map::new();
    put(&mut body, "model", Some(&*request.model));
    let most = request.max_tokens.saturating_add(thinking.unwrap_or(0));
    put(&mut body, "max_tokens", Some(most));
    put(&mut body, "stream", Some(true));
    put(&mut body, "system", system);
    put(&mut body, "messages", Some(said));
    let thinking = thinking.map(|tokens| match tokens {
        0 => json!({"type": "disabled"}),
        tokens => json!({"type": "enabled", "budget_tokens": tokens}),
    });
    put(&mut body, "thinking", thinking);
    if !thinks {
        put_sampling(&mut body, request.sampling, traits);
    }
    let stop = told_stop_texts(&Anthropic, request, traits);
    let stop = Some(stop).filter(|stop| !stop.is_empty());
    put(&mut body, "stop_sequences", stop);
    post("messages", &body)
}

/// The instructions and the messages, with the mark where what is stable ends.
fn written(request: &Request, rules: RoleRules) -> (Option<Vec<Value>>, Vec<Value>) {
    let messages = messages(&request.prompt);
    let filled = roles::placed(&messages).filter(|(_, message)| !message.content.trim().is_empty());
    let mut turns = roles::turns(filled, rules);
    let system = turns.iter().position(|turn| turn.role == Role::System);
    let system = system.map(|at| turns.remove(at));
    let mut blocks = Blocks::new(request.stable_bytes);
    let mut system = system.map(|turn| blocks.of_turn(&turn, false));
    let mut said: Vec<(&str, Vec<Value>)> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let (role, is_open) = match turn.role {
            Role::Assistant => ("assistant", index + 1 == turns.len()),
            Role::System | Role::User => ("user", false),
        };
        said.push((role, blocks.of_turn(turn, is_open)));
    }
    let of_system = system.iter_mut().flatten();
    let mut all = of_system.chain(said.iter_mut().flat_map(|(_, blocks)| blocks));
    if let Some(last) = blocks.last_stable.and_then(|at| all.nth(at)) {
        last["cache_control"] = json!({"type": "ephemeral"});
    }
    let message = |(role, content)| json!({"role": role, "content": content});
    (system, said.into_iter().map(message).collect())
}

fn put_sampling(body: &mut Map<String, Value>, sampling: Sampling, traits: &Traits) {
    // Higher ones are refused.
    let temperature = sampling.temperature.map(|it| decimal(it.clamp(0.0, 1.0)));
    put(
        body,
        "temperature",
        traits.given("temperature", temperature),
    );
    let top_p = sampling.top_p.map(decimal);
    put(body, "top_p", traits.given("top_p", top_p));
    let top_k = sampling.top_k.filter(|top_k| *top_k > 0);
    put(body, "top_k", traits.given("top_k", top_k));
}

/// Writes blocks, and remembers the last one that is stable.
struct Blocks {
    stable_bytes: usize,
    count: usize,
    last_stable: Option<usize>,
}

impl Blocks {
    fn new(stable_bytes: usize) -> Self {
        Self {
            stable_bytes,
            count: 0,
            last_stable: None,
        }
    }

    /// The blocks of a turn. The last message that the model goes on with may not end with white space.
    fn of_turn(&mut self, turn: &Turn<'_>, is_open: bool) -> Vec<Value> {
        let mut blocks = Vec::new();
        for (index, part) in turn.parts.iter().enumerate() {
            let is_last = index + 1 == turn.parts.len();
            let text = if is_open && is_last {
                part.text.trim_end()
            } else {
                part.text
            };
            for (place, (text, is_stable)) in self.split(part, text).into_iter().enumerate() {
                let joint = if index > 0 && place == 0 { JOINT } else { "" };
                blocks.push(json!({"type": "text", "text": format!("{joint}{text}")}));
                if is_stable {
                    self.last_stable = Some(self.count);
                }
                self.count += 1;
            }
        }
        blocks
    }

    /// A text where the stable part ends in it, or as a whole. No block may be white space alone.
    fn split<'a>(&self, part: &Part<'_>, text: &'a str) -> Vec<(&'a str, bool)> {
        let stable = self.stable_bytes.saturating_sub(part.begins);
        if stable >= part.text.len() {
            return vec![(text, true)];
        }
        let (first, rest) = text.split_at(text.floor_char_boundary(stable));
        match first.trim().is_empty() || rest.trim().is_empty() {
            true => vec![(text, false)],
            false => vec![(first, true), (rest, false)],
        }
    }
}

#[cfg(test)]
mod tests;
