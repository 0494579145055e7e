//! The page of reasons: for what calls are refused, and what to do about it, for people and for programs.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use troupe_proto::policy::{self, Audience};
use troupe_proto::reason::{REASONS, ReasonPolicy};
use troupe_proto::{Retry, error};

use crate::accept;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors</title>
<link rel="icon" href="data:,">
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 0; }
h2 a { color: inherit; text-decoration: none; }
:target { background: #ffef9e; color: #000; }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; }
</style>
</head>
<body>
<h1>Errors</h1>
<p>A call that fails is answered with <code>google.rpc.Status</code>. Among its details, <code>google.rpc.ErrorInfo</code> with
the domain <code>troupe.dev</code> has the reason. Programs read the reason; texts may change.
<code>google.rpc.RequestInfo</code> has the request id, which finds the request in the operator's log. What programs may send
again without harm, <a href="/docs">the documentation of each method</a> says. This page as JSON:
<code>accept: application/json</code>.</p>
"#;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
}

impl Form {
    /// What a client accepts best.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        const FORMS: [(&[&str], Form); 2] = [
            (&["text/html"], Form::Html),
            (&["application/json", "text/json"], Form::Json),
        ];
        accept::best(headers, &FORMS, Self::Html)
    }

    /// The content type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// The page in each form.
#[derive(Debug)]
pub(super) struct Errors {
    html: Bytes,
    json: Bytes,
}

impl Errors {
    /// The page of all reasons of the contracts.
    pub(super) fn new() -> Self {
        let sections: String = REASONS.iter().map(section).collect();
        let reasons: Value = REASONS.iter().map(entry).collect();
        let json = json!({ "domain": error::DOMAIN, "reasons": reasons });
        Self {
            html: format!("{HEAD}{sections}</body>\n</html>\n").into(),
            json: json.to_string().into(),
        }
    }

    /// The page in a form.
    pub(super) fn page(&self, form: Form) -> Bytes {
        match form {
            Form::Html => self.html.clone(),
            Form::Json => self.json.clone(),
        }
    }
}

fn entry(policy: &ReasonPolicy) -> Value {
    let retry = policy.retry.as_str_name().trim_start_matches("RETRY_");
    json!({
        "reason": policy.reason.name(),
        "code": policy.code_name(),
        "httpStatus": policy.http_status().as_u16(),
        "when": policy.when,
        "remedy": policy.remedy,
        "retry": retry,
        "metadata": policy.metadata,
        "common": policy.is_common,
        "methods": methods(policy),
    })
}

fn section(policy: &ReasonPolicy) -> String {
    let name = policy.reason.name();
    let again = match policy.retry {
        Retry::Later => "Yes, as it is, later",
        Retry::AfterFix => "Yes, once something has changed",
        Retry::Never | Retry::Unspecified => "No",
    };
    let code = format!("`{}` ({})", policy.code_name(), policy.code as i32);
    let methods = match policy.is_common {
        true => "all".to_owned(),
        false => methods(policy).join(", "),
    };
    let mut text = format!(
        "<h2 id=\"{name}\"><a href=\"#{name}\">{name}</a></h2>\n<p>{}</p>\n<dl>\n",
        html(policy.when)
    );
    for (term, said) in [
        ("What to do", policy.remedy),
        ("Send again?", again),
        ("HTTP status", policy.http_status().as_str()),
        ("Code", &code),
        ("Metadata", &policy.metadata.join(", ")),
        ("Methods", &methods),
    ] {
        if !said.is_empty() {
            text.push_str(&format!("<dt>{term}</dt><dd>{}</dd>\n", html(said)));
        }
    }
    text + "</dl>\n"
}

/// The methods whose policies name a reason, but for those that only services may call.
fn methods(policy: &ReasonPolicy) -> Vec<&'static str> {
    let named = policy::METHODS.iter().filter(|method| {
        method.audience != Audience::Service && method.reasons.contains(&policy.reason)
    });
    let names = named.map(|method| method.path.rsplit('/').next().unwrap_or_default());
    names.collect()
}

/// Markdown as HTML, as far as the contracts use it: text with pieces of code.
fn html(markdown: &str) -> String {
    let escaped = markdown
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut html = String::with_capacity(escaped.len());
    for (index, piece) in escaped.split('`').enumerate() {
        match index % 2 {
            0 => html.push_str(piece),
            _ => html.push_str(&format!("<code>{piece}</code>")),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_each_reason() {
        let errors = Errors::new();
        let html = String::from_utf8_lossy(&errors.html).into_owned();
        let json: Value = serde_json::from_slice(&errors.json).unwrap();
        for (policy, entry) in REASONS.iter().zip(json["reasons"].as_array().unwrap()) {
            let name = policy.reason.name();
            assert!(html.contains(&format!("<h2 id=\"{name}\">")), "{name}");
            assert_eq!(entry["reason"], name);
            assert_eq!(entry["httpStatus"], policy.http_status().as_u16());
        }
        assert!(html.contains("<code>BadRequest</code>"));
        assert!(!html.contains('`'));
    }

    #[test]
    fn code_and_signs_of_markdown_are_written_as_html() {
        assert_eq!(html("a `b` & <c>"), "a <code>b</code> &amp; &lt;c&gt;");
    }
}
