//! Google's Gemini.

use serde_json::{Map, Value, json};

use super::{Dialect, Traits, decimal, list, messages, post, put, text, told_stop_texts};
use crate::domain::embedder::Purpose;
use crate::domain::provider::Role;
use crate::domain::{ProviderError, Request};
use crate::infrastructure::roles::{self, RoleRules, Turn};
use crate::infrastructure::upstream::piece::count;
use crate::infrastructure::upstream::{Ending, Figures, Outgoing, Piece, Reader, failure};

/// More make it refuse the request.
const STOP_TEXTS: usize = 5;
/// What its filters look for.
const HARMS: &[&str] = &[
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
];

#[derive(Debug)]
pub(super) struct Gemini;

impl Dialect for Gemini {
    fn completion(
        &self,
        request: &Request,
        traits: &Traits,
    ) -> Result<Outgoing, serde_json::Error> {
        let rules = RoleRules {
            alternating: true,
            ..traits.roles
        };
        let messages = messages(&request.prompt);
        let written = roles::placed(&messages).filter(|(_, message)| !message.content.is_empty());
        let mut turns = roles::turns(written, rules);
        let system = turns.iter().position(|turn| turn.role == Role::System);
        let system = system.map(|at| json!({"parts": parts(&turns.remove(at))}));
        let contents: Vec<Value> = turns.iter().map(content).collect();
        let mut body = Map::new();
        put(&mut body, "systemInstruction", system);
        put(&mut body, "contents", Some(contents));
        put(
            &mut body,
            "generationConfig",
            Some(settings(request, traits)),
        );
        let threshold = &*traits.safety_threshold;
        let harm = |category: &&str| json!({"category": category, "threshold": threshold});
        let safety: Vec<Value> = HARMS.iter().map(harm).collect();
        put(
            &mut body,
            "safetySettings",
            Some(safety).filter(|_| !threshold.is_empty()),
        );
        // Without the query the answer is one list that grows.
        let path = format!("{}:streamGenerateContent?alt=sse", resource(&request.model));
        post(path, &body)
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(ContentReader)
    }

    fn takes_stop(&self, index: usize, _text: &str, _traits: &Traits) -> bool {
        index < STOP_TEXTS
    }

    fn list_path(&self) -> &'static str {
        "models?pageSize=1000"
    }

    fn model_name(&self, listed: &str) -> String {
        listed.strip_prefix("models/").unwrap_or(listed).to_owned()
    }

    fn embedding(&self, model: &str, texts: &[&str], purpose: Purpose) -> Option<Outgoing> {
        let resource = resource(model);
        let task = match purpose {
            Purpose::Document => "RETRIEVAL_DOCUMENT",
            Purpose::Query => "RETRIEVAL_QUERY",
        };
        let request = |text: &&str| json!({"model": resource, "content": {"parts": [{"text": text}]}, "taskType": task});
        let requests: Vec<Value> = texts.iter().map(request).collect();
        post(
            format!("{resource}:batchEmbedContents"),
            &json!({"requests": requests}),
        )
        .ok()
    }

    fn vectors<'a>(&self, answer: &'a Value) -> Vec<(usize, &'a Value)> {
        let vectors = list(answer, "embeddings").filter_map(|entry| entry.get("values"));
        vectors.enumerate().collect()
    }

    fn embedded_tokens(&self, answer: &Value) -> Option<u32> {
        count(answer.get("usageMetadata")?, "promptTokenCount")
    }
}

/// The path of a model; tuned ones have one of their own.
fn resource(model: &str) -> String {
    match model.contains('/') {
        true => model.to_owned(),
        false => format!("models/{model}"),
    }
}

fn content(turn: &Turn<'_>) -> Value {
    let role = if turn.role == Role::Assistant {
        "model"
    } else {
        "user"
    };
    json!({"role": role, "parts": parts(turn)})
}

fn parts(turn: &Turn<'_>) -> Vec<Value> {
    let part = |(index, part): (usize, &roles::Part<'_>)| {
        let joint = if index > 0 { "\n\n" } else { "" };
        json!({"text": format!("{joint}{}", part.text)})
    };
    turn.parts.iter().enumerate().map(part).collect()
}

fn settings(request: &Request, traits: &Traits) -> Map<String, Value> {
    let sampling = request.sampling;
    let thinking = traits.thinking_tokens;
    let mut settings = Map::new();
    // Thoughts count.
    let most = request.max_tokens.saturating_add(thinking.unwrap_or(0));
    put(&mut settings, "maxOutputTokens", Some(most));
    put(
        &mut settings,
        "temperature",
        traits.given("temperature", sampling.temperature.map(decimal)),
    );
    put(
        &mut settings,
        "topP",
        traits.given("top_p", sampling.top_p.map(decimal)),
    );
    let top_k = sampling.top_k.filter(|top_k| *top_k > 0);
    put(&mut settings, "topK", traits.given("top_k", top_k));
    let seed = sampling.seed.and_then(|seed| i32::try_from(seed).ok());
    put(&mut settings, "seed", traits.given("seed", seed));
    let stop = told_stop_texts(&Gemini, request, traits);
    put(
        &mut settings,
        "stopSequences",
        Some(stop).filter(|stop| !stop.is_empty()),
    );
    let budget = thinking.map(|tokens| json!({"thinkingBudget": tokens}));
    put(&mut settings, "thinkingConfig", budget);
    settings
}

/// Reads contents. Every event stands for itself, and none says that it is the last: a reason does.
#[derive(Debug)]
struct ContentReader;

impl Reader for ContentReader {
    fn read(&mut self, _event: &str, data: &Value, pieces: &mut Vec<Piece>) {
        let candidate = list(data, "candidates").next();
        if let Some(content) = candidate.and_then(|candidate| candidate.get("content")) {
            list(content, "parts").for_each(|part| read_part(part, pieces));
        }
        pieces.extend(data.get("usageMetadata").map(figures).map(Piece::Usage));
        pieces.extend(failure::told_by(data).map(Piece::Failed));
        let feedback = data.get("promptFeedback");
        if let Some(reason) = feedback.and_then(|feedback| text(feedback, "blockReason"))
            && !reason.is_empty()
            && !reason.ends_with("UNSPECIFIED")
        {
            // A blocked prompt is a success without a candidate.
            pieces.push(Piece::Failed(ProviderError::Refused));
        }
        let reason = candidate.and_then(|candidate| text(candidate, "finishReason"));
        pieces.extend(reason.and_then(ending).map(Piece::Finish));
    }
}

fn read_part(part: &Value, pieces: &mut Vec<Piece>) {
    let is_thought = part.get("thought").and_then(Value::as_bool) == Some(true);
    match text(part, "text") {
        Some(text) if !is_thought && !text.is_empty() => pieces.push(Piece::Text(text.to_owned())),
        Some("") => {}
        _ if part.is_object() => pieces.push(Piece::Thought),
        _ => {}
    }
}

/// Thoughts aren't a part of the candidates' tokens, and are charged as these.
fn figures(usage: &Value) -> Figures {
    let thoughts = count(usage, "thoughtsTokenCount");
    let candidates = count(usage, "candidatesTokenCount");
    Figures {
        prompt: count(usage, "promptTokenCount"),
        cached: count(usage, "cachedContentTokenCount"),
        cache_written: None,
        completion: candidates.map(|tokens| tokens.saturating_add(thoughts.unwrap_or(0))),
        reasoning: thoughts,
    }
}

fn ending(reason: &str) -> Option<Ending> {
    match reason {
        "LANGUAGE" | "ESCALATION" => Some(Ending::ContentFilter),
        // What stopped it isn't said, so that the text isn't known to be whole.
        "OTHER" | "MISSING_THOUGHT_SIGNATURE" => Some(Ending::Failed),
        reason => Ending::of_reason(reason),
    }
}

#[cfg(test)]
mod tests;
