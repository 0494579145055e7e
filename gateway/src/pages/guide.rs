//! `/llms.txt`: a short text that leads programs which read, and people, to what there is.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// What there is beside the methods.
const DOCUMENTS: &str = "\
## Documents

- [OpenAPI](/openapi.json): every method, with its fields, their rules and its refusals
- [Documentation](/docs): the same for people, who can try calls there
- [Errors](/docs/errors): the reasons for which calls are refused, and what to do; as JSON with `accept: application/json`

## Conventions

- Each method is called by JSON over HTTP, Connect, gRPC or gRPC-Web, on the same port.
- Methods that need a person take `authorization: Bearer` with an access token, as logging in returns it.
- A refusal is `google.rpc.Status`. Programs read the `reason` among its details; texts may change.
- Each answer says what is left of the caller's budget, in `RateLimit`; a refusal for it is 429 with `Retry-After`.
- A stream comes as server-sent events, or with `accept: application/x-ndjson` as lines of JSON.
";

/// The path of the method behind them.
const COMPLETIONS: &str = "/api/v1/ai/completions";
/// Where people find the models of a platform without any of this.
const OPENAI: &str = "
## OpenAI's API

- Clients of OpenAI's API take `/v1` of this port as their base, and an access token as their key.
- `GET /v1/models` lists the models: `provider/name`, and `character:<id>` for each of the caller's characters; `session:<id>` goes on with a session.
- `POST /v1/chat/completions`, `/v1/completions`, `/v1/responses`: text, whole or streamed. `POST /v1/embeddings`: vectors.
";

/// The text, from an OpenAPI document.
pub(super) fn text(openapi: &Value) -> String {
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let info = &openapi["info"];
    let mut text = format!("# {}\n\n", part(&info["title"]));
    let description = part(&info["description"]);
    if let Some(first) = description.split("\n\n").next().filter(|it| !it.is_empty()) {
        let first = first.replace('\n', " ");
        text.push_str(&format!("> {first}\n\n"));
    }
    text.push_str(DOCUMENTS);
    if !openapi["paths"][COMPLETIONS].is_null() {
        text.push_str(OPENAI);
    }
    for (tag, lines) in by_tag(openapi) {
        // Writing into a string doesn't fail.
        _ = write!(text, "\n## {tag}\n\n{lines}");
    }
    text
}

/// A line for each operation.
fn by_tag(openapi: &Value) -> BTreeMap<String, String> {
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let paths = openapi["paths"].as_object().into_iter().flatten();
    for (path, item) in paths {
        for (verb, operation) in item.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            let description = operation["description"].as_str().unwrap_or_default();
            let summary = first_sentence(description);
            let verb = verb.to_uppercase();
            let lines = lines.entry(tag.to_owned()).or_default();
            let colon = if summary.is_empty() { "" } else { ": " };
            _ = writeln!(lines, "- `{verb} {path}`{colon}{summary}");
        }
    }
    lines
}

/// The first sentence of a text, without its full stop.
fn first_sentence(text: &str) -> String {
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.replace('\n', " ");
    let end = first.find(". ").unwrap_or(first.len());
    first[..end].trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use crate::openapi::document;

    #[test]
    fn the_text_leads_to_the_documents_and_names_every_operation() {
        let openapi = document(troupe_proto::descriptor_pool(), &Config::default());
        let text = text(&openapi);
        assert!(text.starts_with("# Troupe\n"), "{text}");
        for place in [
            "(/openapi.json)",
            "(/docs)",
            "(/docs/errors)",
            "`/v1` of this port",
        ] {
            assert!(text.contains(place), "{place}");
        }
        for (path, item) in openapi["paths"].as_object().unwrap() {
            for verb in item.as_object().unwrap().keys() {
                let line = format!("- `{} {path}`: ", verb.to_uppercase());
                assert!(text.contains(&line), "{line}");
            }
        }
    }
}
