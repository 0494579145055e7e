//! The service of `echo.proto`, by hand: whole messages go back as the bytes that came.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt};
use tower::service_fn;

use crate::etags::{delete, read};
use crate::raw::Raw;
use crate::updates::update;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HttpBody {
    #[prost(string, tag = "1")]
    pub(crate) content_type: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DownloadRequest {
    #[prost(string, tag = "1")]
    pub(crate) content_type: String,
    #[prost(int32, tag = "2")]
    pub(crate) parts: i32,
    #[prost(bool, tag = "3")]
    pub(crate) fail: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UploadRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) content: Option<HttpBody>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UploadResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) content: Option<HttpBody>,
    #[prost(int64, tag = "2")]
    pub(crate) size: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CountRequest {
    #[prost(int32, tag = "1")]
    pub(crate) to: i32,
    #[prost(int32, tag = "2")]
    pub(crate) fail_at: i32,
    #[prost(bool, tag = "3")]
    pub(crate) hang: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Number {
    #[prost(int32, tag = "1")]
    pub(crate) number: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FailRequest {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(bool, tag = "2")]
    pub(crate) with_details: bool,
}

/// The service, and what became of its calls.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// Told when a call that hangs is dropped.
    pub(crate) dropped: Arc<Notify>,
}

/// Tells when it is dropped.
struct Watch(Arc<Notify>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Echo {
    /// Serves on a port of its own.
    pub(crate) async fn start(&self) -> http::Uri {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        platform::Tasks::new().spawn(self.clone().serve_on(listener, CancellationToken::new()));
        format!("http://{address}").parse().unwrap()
    }

    /// Serves until `shutdown` is cancelled.
    pub(crate) async fn serve_on(self, listener: TcpListener, shutdown: CancellationToken) {
        tonic::transport::Server::builder()
            .serve_with_incoming_shutdown(
                self,
                TcpListenerStream::new(listener),
                shutdown.cancelled_owned(),
            )
            .await
            .unwrap();
    }

    async fn serve(self, request: http::Request<Body>) -> http::Response<Body> {
        if let Some(odd) = request.headers().get("x-odd") {
            return crate::answers::odd(odd.to_str().unwrap());
        }
        let path = request.uri().path().to_owned();
        match path.rsplit('/').next().unwrap() {
            "Echo" | "Get" => raw().unary(service_fn(echo), request).await,
            "Update" => raw().unary(service_fn(update), request).await,
            "GetThing" => raw().unary(service_fn(read), request).await,
            "DeleteThing" => raw().unary(service_fn(delete), request).await,
            "Download" => prost().unary(service_fn(download), request).await,
            "Upload" => prost().unary(service_fn(upload), request).await,
            "DownloadParts" => {
                prost()
                    .server_streaming(service_fn(download_parts), request)
                    .await
            }
            "Count" => {
                let count = service_fn(move |request| count(self.clone(), request));
                prost().server_streaming(count, request).await
            }
            "Follow" => {
                let follow = service_fn(crate::events::follow);
                prost().server_streaming(follow, request).await
            }
            "Sum" => prost().client_streaming(service_fn(sum), request).await,
            "Chat" => prost().streaming(service_fn(chat), request).await,
            "Fail" => prost().unary(service_fn(fail), request).await,
            "Hang" => {
                let watch = Watch(self.dropped.clone());
                let hang = service_fn(move |_: Request<()>| {
                    let watch = Watch(watch.0.clone());
                    async move {
                        std::future::pending::<()>().await;
                        drop(watch);
                        Ok::<_, Status>(Response::new(()))
                    }
                });
                prost().unary(hang, request).await
            }
            "Board" | "Greet" => prost().unary(service_fn(board), request).await,
            // Any method of any other service takes and gives an empty message.
            _ => {
                prost()
                    .unary(
                        service_fn(|_: Request<()>| async { Ok::<_, Status>(Response::new(())) }),
                        request,
                    )
                    .await
            }
        }
    }
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.serve(request).await) })
    }
}

fn prost<Out, In>() -> Grpc<ProstCodec<Out, In>>
where
    Out: prost::Message + Send + 'static,
    In: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(64 << 20)
}

fn raw() -> Grpc<Raw> {
    Grpc::new(Raw).max_decoding_message_size(64 << 20)
}

/// Sends the message back, and every header whose name starts with `x-` or ends in `-bin`; `seen` names them all.
async fn echo(request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    let headers = request.metadata().clone().into_headers();
    let mut response = Response::new(request.into_inner());
    let answer = response.metadata_mut().as_mut();
    let mut seen: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    seen.sort();
    answer.insert("seen", seen.join(";").parse().unwrap());
    for (name, value) in &headers {
        if name.as_str().ends_with("-bin") {
            answer.insert(name.clone(), value.clone());
        }
    }
    Ok(response)
}

/// Tells which cookie it was handed, and tries to set its own and one of Troupe's.
async fn board(request: Request<()>) -> Result<Response<()>, Status> {
    let mut response = Response::new(());
    let handed = request.metadata().get("x-troupe-cookie").cloned();
    let leaked = request.metadata().contains_key("cookie");
    let answer = response.metadata_mut();
    answer.insert("handed", handed.unwrap_or("nothing".parse().unwrap()));
    answer.insert("leaked", leaked.to_string().parse().unwrap());
    answer.insert("x-troupe-set-cookie", "aboard; Max-Age=60".parse().unwrap());
    let planted = "__Host-troupe_refresh=evil; Path=/; Secure";
    answer.insert("set-cookie", planted.parse().unwrap());
    Ok(response)
}

async fn download(request: Request<DownloadRequest>) -> Result<Response<HttpBody>, Status> {
    let content_type = request.into_inner().content_type;
    let mut response = Response::new(HttpBody {
        content_type,
        data: vec![0, 159, 146, 150],
    });
    response
        .metadata_mut()
        .insert("content-disposition", "attachment".parse().unwrap());
    for (name, value) in [("etag", "\"v1\""), ("cache-control", "private, no-cache")] {
        response.metadata_mut().insert(name, value.parse().unwrap());
    }
    Ok(response)
}

async fn upload(request: Request<UploadRequest>) -> Result<Response<UploadResponse>, Status> {
    let content = request.into_inner().content;
    let size = content
        .as_ref()
        .map_or(0, |content| content.data.len() as i64);
    Ok(Response::new(UploadResponse { content, size }))
}

type Answers<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

async fn download_parts(request: Request<DownloadRequest>) -> Answers<HttpBody> {
    let request = request.into_inner();
    let kind = request.content_type;
    let parts = (0..request.parts).map(move |part| {
        Ok(HttpBody {
            content_type: if part == 0 {
                kind.clone()
            } else {
                "ignored/x".into()
            },
            data: vec![part as u8; 3],
        })
    });
    let end = request.fail.then(|| Err(Status::data_loss("lost")));
    Ok(Response::new(stream::iter(parts.chain(end)).boxed()))
}

async fn count(echo: Echo, request: Request<CountRequest>) -> Answers<Number> {
    let CountRequest { to, fail_at, hang } = request.into_inner();
    let numbers = (1..=to).map(move |number| match number == fail_at {
        true => Err(Status::with_error_details(
            Code::Aborted,
            "stopped counting",
            ErrorDetails::with_retry_info(Some(Duration::from_millis(1500))),
        )),
        false => Ok(Number { number }),
    });
    let numbers = stream::iter(numbers);
    if !hang {
        return Ok(Response::new(numbers.boxed()));
    }
    let watch = Watch(echo.dropped.clone());
    let hanging = stream::once(async move {
        std::future::pending::<()>().await;
        drop(watch);
        Ok(Number::default())
    });
    Ok(Response::new(numbers.chain(hanging).boxed()))
}

async fn sum(request: Request<Streaming<Number>>) -> Result<Response<Number>, Status> {
    let mut numbers = request.into_inner();
    let mut number = 0;
    while let Some(next) = numbers.message().await? {
        number += next.number;
    }
    Ok(Response::new(Number { number }))
}

async fn chat(request: Request<Streaming<Number>>) -> Answers<Number> {
    let doubled = request.into_inner().map(|number| {
        number.map(|it| Number {
            number: it.number * 2,
        })
    });
    Ok(Response::new(doubled.boxed()))
}

async fn fail(request: Request<FailRequest>) -> Result<Response<()>, Status> {
    let FailRequest { code, with_details } = request.into_inner();
    let message = "it's bröken: 100 %";
    let mut status = match with_details {
        false => Status::new(Code::from(code), message),
        true => {
            let mut details = ErrorDetails::with_error_info(
                "TESTING",
                "echo.test",
                [("key".to_owned(), "value".to_owned())],
            );
            details.set_retry_info(Some(Duration::from_millis(1500)));
            details.add_bad_request_violation("field.path", "is wrong");
            Status::with_error_details(Code::from(code), message, details)
        }
    };
    status
        .metadata_mut()
        .insert("x-trailer", "kept".parse().unwrap());
    Err(status)
}
