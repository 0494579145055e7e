//! What a call needs to be made again: its request, kept as it is sent, and its whole answer before anybody has seen a
//! part of it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use mesh::body::{Filter, Filtered, Polled};
use tonic::Status;
use tonic::body::Body;

/// Larger requests are made once, and larger answers handed on as they come.
const KEPT_BYTES: usize = 64 * 1024;

/// A request that is kept while it is sent.
#[derive(Debug)]
pub(super) struct Replay {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Arc<Mutex<KeptBody>>,
}

#[derive(Debug, Default)]
struct KeptBody {
    pieces: Vec<Bytes>,
    bytes: usize,
    is_whole: bool,
    /// It is too large, or none of gRPC.
    is_unfit: bool,
}

impl Replay {
    /// Keeps a request; what is returned is to be sent in its place.
    pub(super) fn keep(request: Request<Body>) -> (Self, Request<Body>) {
        let (head, mut inner) = request.into_parts();
        let mut kept = KeptBody::default();
        let mut ahead = VecDeque::with_capacity(1);
        // What generated clients send is all there: then it is whole before it is sent, whatever becomes of that.
        while !kept.is_whole && !kept.is_unfit {
            let Some(frame) = inner.frame().now_or_never() else {
                break;
            };
            kept.note(frame.as_ref());
            ahead.extend(frame);
        }
        if kept.is_whole {
            // It has told its end, after which nobody may ask it for more.
            inner = Body::empty();
        }
        let body = Arc::new(Mutex::new(kept));
        let replay = Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: head.headers.clone(),
            body: Arc::clone(&body),
        };
        let rest = Filtered::new(inner, Keep(body));
        let sent = Body::new(Filtered::new(rest, Ahead(ahead)));
        (replay, Request::from_parts(head, sent))
    }

    /// The request again, if all of it was kept.
    pub(super) fn again(&self) -> Option<Request<Body>> {
        let kept = lock(&self.body);
        if !kept.is_whole || kept.is_unfit {
            return None;
        }
        let mut request = Request::new(of_pieces(kept.pieces.iter().cloned()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        Some(request)
    }
}

impl KeptBody {
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        match frame {
            Some(Ok(frame)) if frame.is_data() => {
                let data = frame.data_ref().cloned().unwrap_or_default();
                self.bytes += data.len();
                self.is_unfit |= self.bytes > KEPT_BYTES;
                if self.is_unfit {
                    self.pieces.clear();
                } else {
                    self.pieces.push(data);
                }
            }
            // Requests of gRPC have no trailers.
            Some(_) => self.is_unfit = true,
            None => self.is_whole = true,
        }
    }
}

/// Keeps a body while it is sent.
struct Keep(Arc<Mutex<KeptBody>>);

impl Filter<Body> for Keep {
    fn poll_frame(self: Pin<&mut Self>, body: Pin<&mut Body>, cx: &mut Context<'_>) -> Polled {
        let frame = ready!(body.poll_frame(cx));
        lock(&self.0).note(frame.as_ref());
        Poll::Ready(frame)
    }
}

/// What was read of a body before, which its reader gets first.
struct Ahead(VecDeque<Result<Frame<Bytes>, Status>>);

impl<B: http_body::Body<Data = Bytes, Error = Status>> Filter<B> for Ahead {
    fn poll_frame(mut self: Pin<&mut Self>, body: Pin<&mut B>, cx: &mut Context<'_>) -> Polled {
        match self.0.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self, body: &B) -> bool {
        self.0.is_empty() && body.is_end_stream()
    }

    fn size_hint(&self, _: &B) -> SizeHint {
        SizeHint::default()
    }
}

/// A body of pieces that are all there.
fn of_pieces(pieces: impl IntoIterator<Item = Bytes>) -> Body {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    Body::new(Filtered::new(Body::empty(), Ahead(frames.collect())))
}

/// Reads an answer to its end, so that one that breaks off can be asked for again. Of a large one only the beginning.
///
/// # Errors
/// The status of the connection that broke.
pub(super) async fn whole(answer: Response<Body>) -> Result<Response<Body>, Status> {
    let (head, mut body) = answer.into_parts();
    let mut frames = VecDeque::with_capacity(2);
    let mut bytes = 0;
    while bytes <= KEPT_BYTES {
        let Some(frame) = body.frame().await else {
            body = Body::empty();
            break;
        };
        let frame = frame?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
        frames.push_back(Ok(frame));
    }
    let body = Body::new(Filtered::new(body, Ahead(frames)));
    Ok(Response::from_parts(head, body))
}

fn lock(kept: &Mutex<KeptBody>) -> MutexGuard<'_, KeptBody> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    fn request(pieces: impl IntoIterator<Item = Bytes>) -> Request<Body> {
        let mut request = Request::post("http://a/b").body(of_pieces(pieces)).unwrap();
        request
            .headers_mut()
            .insert("te", "trailers".parse().unwrap());
        request
    }

    async fn read(request: Request<Body>) -> Bytes {
        request.into_body().collect().await.unwrap().to_bytes()
    }

    async fn assert_kept(kept: &Replay) {
        for _ in 0..2 {
            let again = kept.again().unwrap();
            assert_eq!(again.uri().path(), "/b");
            assert_eq!(again.method(), Method::POST);
            assert_eq!(again.headers()["te"], "trailers");
            assert_eq!(read(again).await, "abcd");
        }
    }

    #[tokio::test]
    async fn a_request_is_had_again_as_often_as_needed() {
        let (kept, sent) = Replay::keep(request(["ab".into(), "cd".into()]));
        // It is all there, so that it needn't be sent first.
        assert_kept(&kept).await;
        assert_eq!(sent.headers()["te"], "trailers");
        assert_eq!(read(sent).await, "abcd");
        assert_kept(&kept).await;
    }

    #[tokio::test]
    async fn a_request_that_comes_piece_by_piece_is_had_again_once_all_of_it_was_sent() {
        let (pieces, coming) = tokio::sync::mpsc::channel(2);
        let coming = futures::stream::unfold(coming, |mut coming| async move {
            let piece: &'static str = coming.recv().await?;
            Some((Ok::<_, Status>(Frame::data(Bytes::from(piece))), coming))
        });
        pieces.send("ab").await.unwrap();
        let mut slow = request([]);
        *slow.body_mut() = Body::new(StreamBody::new(coming));
        let (kept, sent) = Replay::keep(slow);
        assert!(kept.again().is_none());
        pieces.send("cd").await.unwrap();
        drop(pieces);
        assert!(kept.again().is_none());
        assert_eq!(read(sent).await, "abcd");
        assert_kept(&kept).await;
    }

    #[tokio::test]
    async fn a_large_request_is_sent_once() {
        let (kept, sent) = Replay::keep(request([vec![0; KEPT_BYTES].into(), "x".into()]));
        assert_eq!(read(sent).await.len(), KEPT_BYTES + 1);
        assert!(kept.again().is_none());
    }

    #[tokio::test]
    async fn an_answer_is_whole_with_its_trailers() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        for bytes in [3, KEPT_BYTES + 1, 3 * KEPT_BYTES] {
            let body = http_body_util::Full::from(vec![7; bytes]);
            let told = trailers.clone();
            let body = body.with_trailers(async move { Some(Ok(told)) });
            let answer = whole(Response::new(Body::new(body))).await.unwrap();
            let read = answer.into_body().collect().await.unwrap();
            assert_eq!(read.trailers(), Some(&trailers));
            assert_eq!(read.to_bytes().len(), bytes);
        }
    }
}
