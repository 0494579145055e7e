//! A server's embedding models.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::Server;
use crate::config::EmbeddingsConfig;
use crate::domain::embedder::{Embedded, Purpose};
use crate::domain::{Embedder, ProviderError};
use crate::infrastructure::upstream::keys::Lease;
use crate::infrastructure::upstream::retry::pause_before_retry;

/// Texts in a request: what the strictest of the usual servers takes.
const REQUEST_TEXTS: usize = 32;
/// A text that is too long for the model is cut to half its length up to so many times.
const MOST_CUTS: u32 = 6;
/// What is embedded to learn how many numbers a vector has.
const PROBE: &str = "Hello";

/// An embedding model of a server.
#[derive(Debug)]
pub(crate) struct ServerEmbedder {
    server: Arc<Server>,
    /// Its id, and the server's own name for it.
    model_id: String,
    model: String,
    timeout: Duration,
    /// Known from the first answer on.
    dimensions: OnceLock<usize>,
}

impl ServerEmbedder {
    /// The model called `name` at a server. Connects to nothing yet.
    pub(crate) fn new(server: Arc<Server>, config: &EmbeddingsConfig, name: &str) -> Self {
        Self {
            server,
            model_id: config.model.clone(),
            model: name.to_owned(),
            timeout: config.timeout(),
            dimensions: OnceLock::new(),
        }
    }

    async fn embed_all(
        &self,
        texts: &[String],
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<Embedded, ProviderError> {
        let mut all = Embedded {
            vectors: Vec::with_capacity(texts.len()),
            tokens: Some(0),
        };
        for texts in texts.chunks(REQUEST_TEXTS) {
            let some = self.embed_some(texts, purpose, deadline).await?;
            all.vectors.extend(some.vectors);
            let sum = all.tokens.zip(some.tokens);
            all.tokens = sum.map(|(sum, tokens)| sum.saturating_add(tokens));
        }
        Ok(all)
    }

    /// Embeds as many texts as one request takes. Embedding changes nothing at the server, so what may pass is tried again.
    async fn embed_some(
        &self,
        texts: &[String],
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<Embedded, ProviderError> {
        let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let keys = self.server.endpoint.keys();
        let (mut tries, mut cuts, mut moves) = (0, 0, 0);
        loop {
            let until = deadline.min(Instant::now() + self.timeout);
            let lease = keys.lease(until).await?;
            let error = match self.ask(&texts, purpose, &lease, until).await {
                Ok(embedded) => return Ok(embedded),
                Err(error) => error,
            };
            let has_another_key = keys.failed(&lease, &error);
            drop(lease);
            if has_another_key && moves < keys.count() {
                moves += 1;
                continue;
            }
            if matches!(error, ProviderError::ContextLength { .. }) && cuts < MOST_CUTS {
                cuts += 1;
                cut_longest(&mut texts);
                continue;
            }
            tries += 1;
            let retry_pause = self.server.config.retry_pause();
            let Some(pause) = pause_before_retry(&error, tries, retry_pause, deadline) else {
                return Err(error);
            };
            tracing::debug!(provider.tries = tries, %error, ?pause, "model server is tried again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(
        &self,
        texts: &[&str],
        purpose: Purpose,
        lease: &Lease<'_>,
        until: Instant,
    ) -> Result<Embedded, ProviderError> {
        let dialect = self.server.dialect;
        let outgoing = dialect.embedding(&self.model, texts, purpose);
        let outgoing = outgoing.ok_or_else(|| rejected("it has no embeddings".to_owned()))?;
        let asked = self
            .server
            .endpoint
            .post_json(&outgoing.path, outgoing.body, lease);
        let answer = timeout_at(until, asked).await;
        let answer = answer.unwrap_or(Err(ProviderError::Timeout {
            waited_for: "the embeddings did not come",
        }))?;
        let vectors = in_order(dialect.vectors(&answer), texts.len())?;
        let dimensions = vectors.first().map_or(0, Vec::len);
        let known = *self.dimensions.get_or_init(|| dimensions);
        if vectors.iter().any(|vector| vector.len() != known) {
            return Err(rejected(format!(
                "its vectors no longer have {known} numbers: restart Troupe if its model has changed"
            )));
        }
        let tokens = dialect.embedded_tokens(&answer);
        Ok(Embedded { vectors, tokens })
    }
}

impl Embedder for ServerEmbedder {
    fn model_id(&self) -> &str {
        &self.model_id
    }

    fn host(&self) -> Option<&str> {
        self.server.endpoint.host()
    }

    fn dimensions(&self, deadline: Instant) -> BoxFuture<'_, Result<usize, ProviderError>> {
        async move {
            if let Some(dimensions) = self.dimensions.get() {
                return Ok(*dimensions);
            }
            let probe = [PROBE.to_owned()];
            let probed = self
                .embed_some(&probe, Purpose::default(), deadline)
                .await?;
            Ok(probed.vectors.first().map_or(0, Vec::len))
        }
        .boxed()
    }

    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Embedded, ProviderError>> {
        async move { self.embed_all(&texts, purpose, deadline).await }.boxed()
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
fn in_order(entries: Vec<(usize, &Value)>, count: usize) -> Result<Vec<Vec<f32>>, ProviderError> {
    if entries.len() != count {
        let found = entries.len();
        return Err(rejected(format!(
            "it gave {found} embeddings for {count} texts"
        )));
    }
    let mut vectors = vec![Vec::new(); count];
    for (index, vector) in entries {
        let place = vectors.get_mut(index).filter(|place| place.is_empty());
        let place =
            place.ok_or_else(|| rejected("its embeddings have a wrong index".to_owned()))?;
        *place = normalised(numbers(vector)?)?;
    }
    let dimensions = vectors.first().map_or(0, Vec::len);
    if vectors.iter().any(|vector| vector.len() != dimensions) {
        return Err(rejected("its embeddings differ in size".to_owned()));
    }
    Ok(vectors)
}

fn numbers(vector: &Value) -> Result<Vec<f32>, ProviderError> {
    let values = vector
        .as_array()
        .map(|values| values.iter().map(Value::as_f64));
    let numbers: Option<Vec<f64>> = values.and_then(Iterator::collect);
    let numbers =
        numbers.ok_or_else(|| rejected("an embedding is no list of numbers".to_owned()))?;
    Ok(numbers.into_iter().map(|number| number as f32).collect())
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn orders_by_index_and_normalises() {
        let (one, other) = (json!([0.0, -2.0]), json!([3.0, 4.0]));
        let vectors = in_order(vec![(1, &one), (0, &other)], 2).unwrap();
        assert_eq!(vectors, [[0.6, 0.8], [0.0, -1.0]]);
    }

    #[test]
    fn refuses_vectors_that_are_none() {
        let good = json!([1.0]);
        let bad = [
            json!([1.0, 2.0]),
            json!([]),
            json!([0.0]),
            json!([1e300]),
            json!([null]),
            json!("AAA="),
        ];
        let mut all: Vec<Vec<(usize, &Value)>> =
            bad.iter().map(|bad| vec![(0, &good), (1, bad)]).collect();
        all.push(vec![(0, &good)]);
        all.push(vec![(0, &good), (0, &good)]);
        all.push(vec![(0, &good), (2, &good)]);
        for entries in all {
            let error = in_order(entries.clone(), 2).unwrap_err();
            assert!(
                matches!(error, ProviderError::Rejected { .. }),
                "{entries:?}"
            );
        }
    }

    #[test]
    fn cuts_the_longest_texts_at_whole_characters() {
        let mut texts = ["short", "ab東東東", "0123456789"];
        cut_longest(&mut texts);
        assert_eq!(texts, ["short", "ab東", "01234"]);
    }
}
