//! An ai service whose vectors say which words a text has: texts that share words are near one another.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use troupe_proto::ai as pb;
use troupe_proto::ai::embedding_service_server::EmbeddingService;
use troupe_proto::{Reason, error};

const MODEL: &str = "scripted/words";
const DIMENSIONS: usize = 256;

/// The service.
#[derive(Clone, Default)]
pub(crate) struct Embedder(Arc<Inner>);

#[derive(Default)]
struct Inner {
    mood: Mutex<Mood>,
    asked: AtomicUsize,
}

/// How the service is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers.
    #[default]
    Well,
    /// It can't be reached.
    Away,
    /// It never answers.
    Stuck,
}

impl Embedder {
    /// From now on it is so.
    pub(crate) fn be(&self, mood: Mood) {
        *self.0.mood.lock().unwrap() = mood;
    }

    /// How often it was asked to embed.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    async fn answer(&self) -> Result<(), Status> {
        let mood = *self.0.mood.lock().unwrap();
        match mood {
            Mood::Well => Ok(()),
            Mood::Away => {
                let message = "the embedder is away";
                Err(error::status(Reason::Unavailable, message))
            }
            Mood::Stuck => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl EmbeddingService for Embedder {
    async fn embed(
        &self,
        request: Request<pb::EmbedRequest>,
    ) -> Result<Response<pb::EmbedResponse>, Status> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        self.answer().await?;
        let texts = request.into_inner().texts;
        let embeddings = texts.iter().map(|text| pb::Embedding {
            values: vector(text),
        });
        Ok(Response::new(pb::EmbedResponse {
            embeddings: embeddings.collect(),
            model: Some(model()),
        }))
    }

    async fn embed_texts(
        &self,
        _: Request<pb::EmbedTextsRequest>,
    ) -> Result<Response<pb::EmbedTextsResponse>, Status> {
        Err(Status::unimplemented("roleplay asks for no such thing"))
    }

    async fn get_embedding_model(
        &self,
        _: Request<pb::GetEmbeddingModelRequest>,
    ) -> Result<Response<pb::GetEmbeddingModelResponse>, Status> {
        self.answer().await?;
        let model = Some(model());
        Ok(Response::new(pb::GetEmbeddingModelResponse { model }))
    }
}

fn model() -> pb::EmbeddingModel {
    pb::EmbeddingModel {
        id: MODEL.to_owned(),
        dimensions: i32::try_from(DIMENSIONS).unwrap(),
    }
}

/// Each word has its place.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        // FNV-1a.
        let hash = word
            .to_lowercase()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        if word.len() > 3 {
            vector[usize::try_from(hash % DIMENSIONS as u64).unwrap()] += 1.0;
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    vector.into_iter().map(|x| x / length).collect()
}
