//! `/v1/embeddings`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tonic::Status;
use tonic::body::Body;
use troupe_proto::ai::{EmbedTextsRequest, EmbedTextsResponse, Embedding};
use troupe_proto::error::invalid_field;

use super::ask::{Ask, parsed};
use crate::refusal::Refusal;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    model: Option<String>,
    input: Option<Input>,
    dimensions: Option<i64>,
    encoding_format: Option<String>,
}

/// Texts. Tokens aren't taken: nobody knows by whose tokenizer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Several(Vec<Value>),
}

#[derive(Debug, Serialize)]
struct Answer {
    object: &'static str,
    data: Vec<Vector>,
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct Vector {
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

/// The numbers of a vector: as they are, or their bytes in base64, by which clients save time.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Numbers {
    Plain(Vec<f32>),
    Base64(String),
}

#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: i32,
    total_tokens: i32,
}

impl Ask<'_> {
    /// Embeds texts.
    pub(super) async fn embeddings(&self, body: Body) -> Result<Response<Body>, Refusal> {
        let arrived = self.arrived(body).await?;
        let request: Request = parsed(&arrived.body)?;
        let is_base64 = match request.encoding_format.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => {
                let problem = "must be float or base64";
                return Err(invalid_field("encoding_format", problem).into());
            }
        };
        let asked = EmbedTextsRequest {
            embedding_model_id: request.model.unwrap_or_default(),
            texts: texts(request.input)?,
        };
        let method = &self.facade.embed;
        let answer: EmbedTextsResponse = self.one(method, &asked, arrived.deadline).await?;
        let model = answer.model.unwrap_or_default();
        if request
            .dimensions
            .is_some_and(|it| it != i64::from(model.dimensions))
        {
            let problem = format!("must be {} or absent", model.dimensions);
            return Err(invalid_field("dimensions", problem).into());
        }
        let vector = |(index, embedding)| Vector {
            object: "embedding",
            index,
            embedding: numbers(embedding, is_base64),
        };
        let embeddings = answer.embeddings.into_iter().enumerate();
        self.answer(&Answer {
            object: "list",
            data: embeddings.map(vector).collect(),
            model: model.id,
            usage: Usage {
                prompt_tokens: answer.prompt_tokens,
                total_tokens: answer.prompt_tokens,
            },
        })
        .await
    }
}

fn texts(input: Option<Input>) -> Result<Vec<String>, Status> {
    let problem = || invalid_field("input", "must be a text or a list of texts");
    match input {
        Some(Input::One(text)) => Ok(vec![text]),
        Some(Input::Several(texts)) if !texts.is_empty() => {
            let text = |value| match value {
                Value::String(text) => Ok(text),
                _ => Err(problem()),
            };
            texts.into_iter().map(text).collect()
        }
        _ => Err(problem()),
    }
}

fn numbers(embedding: Embedding, is_base64: bool) -> Numbers {
    if !is_base64 {
        return Numbers::Plain(embedding.values);
    }
    let bytes = embedding.values.iter().flat_map(|it| it.to_le_bytes());
    Numbers::Base64(STANDARD.encode(bytes.collect::<Vec<u8>>()))
}
