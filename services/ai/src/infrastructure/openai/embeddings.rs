//! The server's embedding models. What they take is not in the ledger of usage yet.

use std::sync::OnceLock;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use platform::Clock;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::config::{EmbeddingsConfig, OpenAiConfig};
use crate::domain::{Embedder, ProviderError};
use crate::infrastructure::upstream::retry::pause_before_retry;
use crate::infrastructure::upstream::{Endpoint, EndpointError};

/// Texts in a request: what the strictest of the usual servers takes.
const REQUEST_TEXTS: usize = 32;
/// A text that is too long for the model is cut to half its length up to so many times.
const MOST_CUTS: u32 = 6;
/// What is embedded to learn how many numbers a vector has.
const PROBE: &str = "Hello";

/// An embedding model of the server.
#[derive(Debug)]
pub(crate) struct OpenAiEmbedder {
    endpoint: Endpoint,
    /// Its id, and the server's own name for it.
    model_id: String,
    model: String,
    timeout: Duration,
    retry_pause: Duration,
    /// Known from the first answer on.
    dimensions: OnceLock<usize>,
}

impl OpenAiEmbedder {
    /// The model called `name` at the server of a configuration. Connects to nothing yet.
    pub(crate) fn new(
        server: &OpenAiConfig,
        config: &EmbeddingsConfig,
        name: &str,
        clock: &Clock,
    ) -> Result<Self, EndpointError> {
        Ok(Self {
            endpoint: super::endpoint(server, clock)?,
            model_id: config.model.clone(),
            model: name.to_owned(),
            timeout: config.timeout(),
            retry_pause: server.retry_pause(),
            dimensions: OnceLock::new(),
        })
    }

    async fn embed_all(
        &self,
        texts: &[String],
        deadline: Instant,
    ) -> Result<Vec<Vec<f32>>, ProviderError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(REQUEST_TEXTS) {
            vectors.extend(self.embed_some(texts, deadline).await?);
        }
        Ok(vectors)
    }

    /// Embeds as many texts as one request takes. Embedding changes nothing at the server, so what may pass is tried again.
    async fn embed_some(
        &self,
        texts: &[String],
        deadline: Instant,
    ) -> Result<Vec<Vec<f32>>, ProviderError> {
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (mut tries, mut cuts) = (0, 0);
        loop {
            let error = match self.ask(&texts, deadline).await {
                Ok(vectors) => return Ok(vectors),
                Err(error) => error,
            };
            if matches!(error, ProviderError::ContextLength { .. }) && cuts < MOST_CUTS {
                cuts += 1;
                cut_longest(&mut texts);
                continue;
            }
            tries += 1;
            let pause = pause_before_retry(&error, tries, self.retry_pause, deadline);
            let Some(pause) = pause else {
                return Err(error);
            };
            tracing::debug!(provider.tries = tries, %error, ?pause, "model server is tried again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(&self, texts: &[&str], deadline: Instant) -> Result<Vec<Vec<f32>>, ProviderError> {
        let body = Body {
            model: &self.model,
            input: texts,
            encoding_format: "float",
        };
        let body = serde_json::to_vec(&body).map_err(|error| rejected(error.to_string()))?;
        let until = deadline.min(Instant::now() + self.timeout);
        let answer = timeout_at(until, self.endpoint.post_json("embeddings", body)).await;
        let answer = answer.unwrap_or(Err(ProviderError::Timeout {
            waited_for: "the embeddings did not come",
        }))?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| {
            // The message of serde_json could quote the answer.
            rejected(format!(
                "its answer holds no embeddings: {:?}",
                error.classify()
            ))
        })?;
        let vectors = in_order(answer.data, texts.len())?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        let known = *self.dimensions.get_or_init(|| dimensions);
        if vectors.iter().any(|vector| vector.len() != known) {
            return Err(rejected(format!(
                "its vectors no longer have {known} numbers: restart Troupe if its model has changed"
            )));
        }
        Ok(vectors)
    }
}

impl Embedder for OpenAiEmbedder {
    fn model_id(&self) -> &str {
        &self.model_id
    }

    fn host(&self) -> Option<&str> {
        self.endpoint.host()
    }

    fn dimensions(&self, deadline: Instant) -> BoxFuture<'_, Result<usize, ProviderError>> {
        async move {
            if let Some(dimensions) = self.dimensions.get() {
                return Ok(*dimensions);
            }
            let vectors = self.embed_some(&[PROBE.to_owned()], deadline).await?;
            Ok(vectors.first().map_or(0, Vec::len))
        }
        .boxed()
    }

    fn embed(
        &self,
        texts: Vec<String>,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, ProviderError>> {
        async move { self.embed_all(&texts, deadline).await }.boxed()
    }
}

/// Cuts the texts to half the length of the longest.
fn cut_longest(texts: &mut [&str]) {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    for text in texts {
        *text = &text[..text.floor_char_boundary(longest / 2)];
    }
}

/// The vectors in the order of the texts, checked and made to have length 1.
fn in_order(entries: Vec<Entry>, count: usize) -> Result<Vec<Vec<f32>>, ProviderError> {
    if entries.len() != count {
        let found = entries.len();
        return Err(rejected(format!(
            "it gave {found} embeddings for {count} texts"
        )));
    }
    let mut vectors = vec![Vec::new(); count];
    for entry in entries {
        let place = vectors
            .get_mut(entry.index)
            .filter(|place| place.is_empty());
        let place =
            place.ok_or_else(|| rejected("its embeddings have a wrong index".to_owned()))?;
        *place = normalised(entry.embedding)?;
    }
    let dimensions = vectors.first().map_or(0, Vec::len);
    if vectors.iter().any(|vector| vector.len() != dimensions) {
        return Err(rejected("its embeddings differ in size".to_owned()));
    }
    Ok(vectors)
}

fn normalised(mut vector: Vec<f32>) -> Result<Vec<f32>, ProviderError> {
    let squares: f64 = vector.iter().map(|value| f64::from(*value).powi(2)).sum();
    let length = squares.sqrt();
    if !length.is_normal() {
        let problem = "an embedding is empty, zero or not finite";
        return Err(rejected(problem.to_owned()));
    }
    for value in &mut vector {
        *value = (f64::from(*value) / length) as f32;
    }
    Ok(vector)
}

fn rejected(cause: String) -> ProviderError {
    ProviderError::Rejected { cause }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    index: usize,
    embedding: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: usize, embedding: &[f32]) -> Entry {
        Entry {
            index,
            embedding: embedding.to_vec(),
        }
    }

    #[test]
    fn orders_by_index_and_normalises() {
        let entries = vec![entry(1, &[0.0, -2.0]), entry(0, &[3.0, 4.0])];
        let vectors = in_order(entries, 2).unwrap();
        assert_eq!(vectors, [[0.6, 0.8], [0.0, -1.0]]);
    }

    #[test]
    fn refuses_vectors_that_are_none() {
        let bad = [
            vec![entry(0, &[1.0])],
            vec![entry(0, &[1.0]), entry(0, &[1.0])],
            vec![entry(0, &[1.0]), entry(2, &[1.0])],
            vec![entry(0, &[1.0]), entry(1, &[1.0, 2.0])],
            vec![entry(0, &[1.0]), entry(1, &[])],
            vec![entry(0, &[1.0]), entry(1, &[0.0])],
            vec![entry(0, &[1.0]), entry(1, &[f32::INFINITY])],
            vec![entry(0, &[1.0]), entry(1, &[f32::NAN])],
        ];
        for entries in bad {
            let error = in_order(entries, 2).unwrap_err();
            assert!(matches!(error, ProviderError::Rejected { .. }), "{error}");
        }
    }

    #[test]
    fn cuts_the_longest_texts_at_whole_characters() {
        let mut texts = ["short", "ab東東東", "0123456789"];
        cut_longest(&mut texts);
        assert_eq!(texts, ["short", "ab東", "01234"]);
    }
}
