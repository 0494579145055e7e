//! What requests of all forms have beside what is said: which model, how to sample, how to answer.

use serde::Deserialize;
use tonic::Status;
use troupe_proto::error::invalid_field;

/// The members that count. What else there is has no effect, as with most servers of this API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Options {
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    pub(super) temperature: Option<f32>,
    pub(super) top_p: Option<f32>,
    pub(super) top_k: Option<i32>,
    pub(super) min_p: Option<f32>,
    pub(super) repetition_penalty: Option<f32>,
    pub(super) seed: Option<i64>,
    max_tokens: Option<i32>,
    max_completion_tokens: Option<i32>,
    max_output_tokens: Option<i32>,
    stop: Option<OneOrMany>,
    n: Option<i64>,
    best_of: Option<i64>,
    logprobs: Option<Flag>,
    echo: Option<bool>,
    suffix: Option<String>,
    tools: Option<Vec<serde::de::IgnoredAny>>,
    tool_choice: Option<Choice>,
    response_format: Option<Kind>,
    text: Option<TextOptions>,
    modalities: Option<Vec<String>>,
    background: Option<bool>,
    previous_response_id: Option<String>,
    conversation: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A switch, which an older form of the API has as a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Count(i64),
}

/// A word, or an object that says more.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Choice {
    Word(String),
    Object(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kind {
    #[serde(rename = "type")]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TextOptions {
    format: Option<Kind>,
}

impl Options {
    /// Refuses what would make the answer another than is asked for.
    ///
    /// # Errors
    /// Names the member.
    pub(super) fn check(&self) -> Result<(), Status> {
        let is_structured = |kind: &Option<Kind>| {
            let kind = kind.as_ref().map_or("", |kind| &kind.name);
            !matches!(kind, "" | "text")
        };
        let format = self.text.as_ref().and_then(|text| text.format.as_ref());
        let is_format_structured = format.is_some_and(|it| !matches!(&*it.name, "" | "text"));
        let has_tools = self.tools.as_ref().is_some_and(|tools| !tools.is_empty());
        let must_call = match &self.tool_choice {
            Some(Choice::Word(word)) => word == "required",
            Some(Choice::Object(_)) => true,
            None => false,
        };
        let has_logprobs = match self.logprobs {
            Some(Flag::Bool(wanted)) => wanted,
            Some(Flag::Count(count)) => count > 0,
            None => false,
        };
        let speaks = |kinds: &Vec<String>| kinds.iter().any(|kind| kind != "text");
        let wrong = [
            ("n", self.n.is_some_and(|n| n != 1), "must be 1"),
            ("best_of", self.best_of.is_some_and(|n| n > 1), "must be 1"),
            ("logprobs", has_logprobs, "aren't to be had"),
            ("echo", self.echo == Some(true), "isn't supported"),
            (
                "suffix",
                self.suffix.as_ref().is_some_and(|it| !it.is_empty()),
                "isn't supported",
            ),
            (
                "tool_choice",
                has_tools && must_call,
                "can't be required: models call no tools here",
            ),
            (
                "response_format",
                is_structured(&self.response_format),
                "must be text",
            ),
            ("text.format", is_format_structured, "must be text"),
            (
                "modalities",
                self.modalities.as_ref().is_some_and(speaks),
                "must be text",
            ),
            (
                "background",
                self.background == Some(true),
                "isn't supported",
            ),
            (
                "previous_response_id",
                self.previous_response_id.is_some(),
                "isn't supported: nothing is stored, so send what was said before as input",
            ),
            (
                "conversation",
                self.conversation.is_some(),
                "isn't supported: nothing is stored, so send what was said before as input",
            ),
        ];
        match wrong.iter().find(|(_, is_wrong, _)| *is_wrong) {
            Some((member, _, problem)) => Err(invalid_field(*member, *problem)),
            None => Ok(()),
        }
    }

    /// The model; empty for the default one.
    pub(super) fn model(&self) -> &str {
        self.model.as_deref().unwrap_or_default()
    }

    /// Whether the answer is a stream.
    pub(super) fn stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether a stream says what the reply took.
    pub(super) fn include_usage(&self) -> bool {
        let options = self.stream_options.as_ref();
        options.is_some_and(|options| options.include_usage == Some(true))
    }

    /// Most tokens of the reply.
    ///
    /// # Errors
    /// They are less than one.
    pub(super) fn max_tokens(&self) -> Result<Option<i32>, Status> {
        let members = [
            ("max_completion_tokens", self.max_completion_tokens),
            ("max_output_tokens", self.max_output_tokens),
            ("max_tokens", self.max_tokens),
        ];
        match members
            .iter()
            .find_map(|(name, it)| it.map(|it| (name, it)))
        {
            Some((name, most)) if most < 1 => Err(invalid_field(*name, "must be at least 1")),
            Some((_, most)) => Ok(Some(most)),
            None => Ok(None),
        }
    }

    /// Texts that end the reply.
    pub(super) fn stop(&self) -> Vec<String> {
        let stop = match &self.stop {
            None => Vec::new(),
            Some(OneOrMany::One(text)) => vec![text.clone()],
            Some(OneOrMany::Many(texts)) => texts.clone(),
        };
        stop.into_iter().filter(|text| !text.is_empty()).collect()
    }
}
