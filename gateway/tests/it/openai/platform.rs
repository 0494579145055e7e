//! The methods behind OpenAI's API, as the text of a request asks for them: `Say:a|b` writes `a`, then `b`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;
use troupe_proto::ai::{self, complete_request, complete_response};
use troupe_proto::roleplay::{self, answer_chat_response, generation_event};
use troupe_proto::types::{FinishReason, TokenUsage};
use troupe_proto::{Reason, error};

use super::{CHARACTER, SESSION};

/// What was asked, and whether calls were dropped.
#[derive(Clone, Default)]
pub(crate) struct Platform {
    pub(crate) completions: Arc<Mutex<Vec<ai::CompleteRequest>>>,
    pub(crate) chats: Arc<Mutex<Vec<roleplay::AnswerChatRequest>>>,
    pub(crate) messages: Arc<Mutex<Vec<roleplay::SendMessageRequest>>>,
    pub(crate) embedded: Arc<Mutex<Vec<ai::EmbedTextsRequest>>>,
    /// Told when a reply that hangs is dropped.
    pub(crate) dropped: Arc<Notify>,
}

/// Tells when it is dropped.
struct Watch(Arc<Notify>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

type Answers<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

/// A part of a scripted reply.
enum Part {
    Text(String),
    End(FinishReason),
    Fail(Status),
    Hang,
}

/// What a text asks for.
fn script(text: &str) -> Result<Vec<Part>, Status> {
    let (word, rest) = text.split_once(':').unwrap_or(("Say", text));
    let said = |text: &str| {
        text.split('|')
            .map(|it| Part::Text(it.to_owned()))
            .collect()
    };
    let mut parts: Vec<Part> = if rest.is_empty() {
        Vec::new()
    } else {
        said(rest)
    };
    match word {
        "Say" => parts.push(Part::End(FinishReason::Stop)),
        "Long" => parts.push(Part::End(FinishReason::Length)),
        "Filtered" => parts.push(Part::End(FinishReason::ContentFilter)),
        "Cut" => {}
        "Hang" => parts.push(Part::Hang),
        "Break" => {
            let gone = error::status(Reason::ProviderUnavailable, "the provider is gone");
            parts.push(Part::Fail(gone));
        }
        "Refuse" => return Err(refusal(rest)),
        _ => panic!("{text}"),
    }
    Ok(parts)
}

fn refusal(reason: &str) -> Status {
    let reason = Reason::from_str_name(&format!("REASON_{reason}")).unwrap();
    match reason {
        Reason::ProviderRateLimited => {
            error::retry_later(reason, "slow down", Duration::from_secs(7))
        }
        _ => error::status(reason, "no"),
    }
}

fn usage() -> Option<TokenUsage> {
    Some(TokenUsage {
        prompt_tokens: 12,
        cached_tokens: 4,
        completion_tokens: 3,
        ..TokenUsage::default()
    })
}

impl Platform {
    pub(crate) fn serve(self, listener: TcpListener) {
        platform::Tasks::new().spawn(async move {
            let server = tonic::transport::Server::builder();
            let serving = server.serve_with_incoming(self, TcpListenerStream::new(listener));
            serving.await.unwrap();
        });
    }

    fn play<T: Send + 'static>(
        &self,
        text: &str,
        said: fn(String) -> T,
        ended: fn(FinishReason) -> T,
    ) -> Answers<T> {
        let dropped = self.dropped.clone();
        let parts = stream::iter(script(text)?);
        let answers = parts.then(move |part| {
            let dropped = dropped.clone();
            async move {
                match part {
                    Part::Text(text) => Ok(said(text)),
                    Part::End(reason) => Ok(ended(reason)),
                    Part::Fail(status) => Err(status),
                    Part::Hang => {
                        let _watch = Watch(dropped);
                        std::future::pending().await
                    }
                }
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn complete(
        self,
        request: Request<ai::CompleteRequest>,
    ) -> Answers<ai::CompleteResponse> {
        use complete_response::Event;
        let request = request.into_inner();
        let text = match request.prompt.as_ref().unwrap() {
            complete_request::Prompt::Chat(chat) => chat.messages.last().unwrap().content.clone(),
            complete_request::Prompt::Text(text) => text.text.clone(),
        };
        if request.model_id == "nowhere/none" {
            return Err(refusal("MODEL_UNKNOWN"));
        }
        self.completions.lock().unwrap().push(request);
        self.play(
            &text,
            |text| ai::CompleteResponse {
                event: Some(Event::Delta(ai::Delta { text })),
            },
            |reason| ai::CompleteResponse {
                event: Some(Event::Finished(ai::Finished {
                    reason: reason.into(),
                    usage: usage(),
                    model_id: "local/tiny".into(),
                    route: None,
                })),
            },
        )
    }

    async fn answer(
        self,
        request: Request<roleplay::AnswerChatRequest>,
    ) -> Answers<roleplay::AnswerChatResponse> {
        use answer_chat_response::Event;
        let request = request.into_inner();
        if request.character_id != CHARACTER {
            let problem = "must be an id of a character";
            return Err(error::invalid_field("character_id", problem));
        }
        let text = request.messages.last().unwrap().text.clone();
        self.chats.lock().unwrap().push(request);
        self.play(
            &text,
            |text| roleplay::AnswerChatResponse {
                event: Some(Event::Delta(roleplay::ReplyDelta { text })),
            },
            |reason| roleplay::AnswerChatResponse {
                event: Some(Event::Finished(roleplay::ReplyFinished {
                    reason: reason.into(),
                    usage: usage(),
                    model_id: "local/tiny".into(),
                })),
            },
        )
    }

    async fn send(
        self,
        request: Request<roleplay::SendMessageRequest>,
    ) -> Answers<roleplay::SendMessageResponse> {
        use generation_event::Event;
        let request = request.into_inner();
        if request.session_id != SESSION {
            return Err(refusal("NOT_FOUND"));
        }
        let text = request.text.clone();
        self.messages.lock().unwrap().push(request);
        let event = |event| roleplay::SendMessageResponse {
            event: Some(roleplay::GenerationEvent { event: Some(event) }),
        };
        let started = event(Event::Started(roleplay::GenerationStarted::default()));
        if text == "Fail" {
            let generation = roleplay::Generation {
                state: roleplay::GenerationState::Failed.into(),
                error: Some(roleplay::GenerationError {
                    reason: "PROVIDER_TIMEOUT".into(),
                    message: "too slow".into(),
                }),
                ..roleplay::Generation::default()
            };
            let ended = event(Event::Ended(roleplay::GenerationEnded {
                generation: Some(generation),
                message: None,
            }));
            let events = stream::iter([Ok(started), Ok(ended)]);
            return Ok(Response::new(events.boxed()));
        }
        let told = self.play(
            &text,
            |text| roleplay::SendMessageResponse {
                event: Some(roleplay::GenerationEvent {
                    event: Some(Event::Delta(roleplay::TextDelta {
                        text,
                        ..roleplay::TextDelta::default()
                    })),
                }),
            },
            |reason| roleplay::SendMessageResponse {
                event: Some(roleplay::GenerationEvent {
                    event: Some(Event::Ended(roleplay::GenerationEnded {
                        generation: Some(roleplay::Generation {
                            state: roleplay::GenerationState::Completed.into(),
                            finish_reason: reason.into(),
                            usage: usage(),
                            ..roleplay::Generation::default()
                        }),
                        message: None,
                    })),
                }),
            },
        )?;
        let events = stream::iter([Ok(started)]).chain(told.into_inner());
        Ok(Response::new(events.boxed()))
    }

    async fn embed(
        self,
        request: Request<ai::EmbedTextsRequest>,
    ) -> Result<Response<ai::EmbedTextsResponse>, Status> {
        let request = request.into_inner();
        let vector = |_: &String| ai::Embedding {
            values: vec![0.5, -0.25],
        };
        let embeddings = request.texts.iter().map(vector).collect();
        self.embedded.lock().unwrap().push(request);
        Ok(Response::new(ai::EmbedTextsResponse {
            embeddings,
            model: Some(ai::EmbeddingModel {
                id: "local/vectors".into(),
                dimensions: 2,
            }),
            prompt_tokens: 5,
        }))
    }
}

async fn list_models(
    request: Request<ai::ListModelsRequest>,
) -> Result<Response<ai::ListModelsResponse>, Status> {
    let is_first = request.get_ref().page_token.is_empty();
    let id = if is_first { "local/tiny" } else { "openai/big" };
    Ok(Response::new(ai::ListModelsResponse {
        models: vec![model(id)],
        next_page_token: if is_first { "more" } else { "" }.into(),
    }))
}

async fn get_model(
    request: Request<ai::GetModelRequest>,
) -> Result<Response<ai::GetModelResponse>, Status> {
    match &*request.get_ref().model_id {
        "local/tiny" => Ok(Response::new(ai::GetModelResponse {
            model: Some(model("local/tiny")),
        })),
        _ => Err(refusal("MODEL_UNKNOWN")),
    }
}

fn model(id: &str) -> ai::Model {
    ai::Model {
        id: id.into(),
        provider: id.split('/').next().unwrap().into(),
        display_name: format!("The model {id}"),
        window_tokens: 4096,
        ..ai::Model::default()
    }
}

async fn list_characters(
    _: Request<roleplay::ListCharactersRequest>,
) -> Result<Response<roleplay::ListCharactersResponse>, Status> {
    Ok(Response::new(roleplay::ListCharactersResponse {
        characters: vec![roleplay::Character {
            id: CHARACTER.into(),
            name: "Maren".into(),
            ..roleplay::Character::default()
        }],
        ..roleplay::ListCharactersResponse::default()
    }))
}

fn prost<Out, In>() -> Grpc<ProstCodec<Out, In>>
where
    Out: prost::Message + Send + 'static,
    In: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(64 << 20)
}

impl tower::Service<http::Request<Body>> for Platform {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        let path = request.uri().path().to_owned();
        Box::pin(async move {
            Ok(match path.rsplit('/').next().unwrap() {
                "Complete" => {
                    let complete = service_fn(move |it| this.clone().complete(it));
                    prost().server_streaming(complete, request).await
                }
                "AnswerChat" => {
                    let answer = service_fn(move |it| this.clone().answer(it));
                    prost().server_streaming(answer, request).await
                }
                "SendMessage" => {
                    let send = service_fn(move |it| this.clone().send(it));
                    prost().server_streaming(send, request).await
                }
                "EmbedTexts" => {
                    let embed = service_fn(move |it| this.clone().embed(it));
                    prost().unary(embed, request).await
                }
                "ListModels" => prost().unary(service_fn(list_models), request).await,
                "GetModel" => prost().unary(service_fn(get_model), request).await,
                "ListCharacters" => prost().unary(service_fn(list_characters), request).await,
                _ => Status::unimplemented(path).into_http(),
            })
        })
    }
}
