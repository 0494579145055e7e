//! Many clients at once who don't listen to `retry-after`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;

use super::Kind;
use crate::connection::Connection;
use crate::stats::percentile;

const WARM_UP: Duration = Duration::from_secs(1);
const PACED: usize = 1000;
const OTHERS_EVERY: Duration = Duration::from_millis(50);
const RECONNECT: Duration = Duration::from_millis(20);

/// How calls are made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Connections that each ask as soon as they were answered.
    Closed { connections: usize },
    /// So many calls a second, whatever becomes of them.
    Open { rate: f64 },
    /// Connections of HTTP/2, each with so many calls under way.
    Streams { connections: usize, streams: usize },
}

/// What was seen. Times are medians and 99th percentiles.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) goodput: f64,
    pub(super) accepted_ms: [f64; 2],
    pub(super) refusals: f64,
    pub(super) refused_ms: [f64; 2],
    /// Neither answered nor refused for load.
    pub(super) failures: usize,
    /// The share of calls of another kind that were answered.
    pub(super) usable: f64,
    pub(super) other_ms: f64,
}

#[derive(Debug, Default)]
struct Seen {
    accepted: Vec<f64>,
    refused: Vec<f64>,
    failures: usize,
    others: Vec<f64>,
    others_failed: usize,
}

/// Calls of a kind to a platform.
pub(super) struct Storm {
    address: SocketAddr,
    calls: Vec<Request<Full<Bytes>>>,
    other: Request<Full<Bytes>>,
    next: AtomicUsize,
    seen: Mutex<Seen>,
}

impl Storm {
    pub(super) fn new(
        address: SocketAddr,
        token: &str,
        kind: Kind,
        paths: Vec<String>,
    ) -> Result<Self> {
        let request = |method: &str, path: &str, body: String| {
            Request::builder()
                .method(method)
                .uri(format!("http://{address}{path}"))
                .header("host", address.to_string())
                .header("authorization", format!("Bearer {token}"))
                .header("accept", "text/event-stream, application/json")
                .header("content-type", "application/json")
                .body(Full::from(body))
        };
        let mut calls = Vec::new();
        for index in 0..paths.len().max(1) {
            let (method, path, body) = kind.call(paths.get(index));
            let body = match method {
                "GET" => String::new(),
                _ => body.to_string(),
            };
            calls.push(request(method, &path, body)?);
        }
        Ok(Self {
            address,
            calls,
            other: request("GET", kind.other(), String::new())?,
            next: AtomicUsize::new(0),
            seen: Mutex::default(),
        })
    }

    /// Storms for a time.
    pub(super) async fn run(self: &Arc<Self>, shape: Shape, time: Duration) -> Result<Figures> {
        let start = Instant::now();
        let (from, until) = (start + WARM_UP, start + WARM_UP + time);
        let mut clients = JoinSet::new();
        let mut drivers = JoinSet::new();
        match shape {
            Shape::Closed { connections } => {
                for _ in 0..connections {
                    clients.spawn(Arc::clone(self).client(from, None));
                }
            }
            Shape::Open { rate } => {
                let period = Duration::from_secs_f64(PACED as f64 / rate);
                for _ in 0..PACED {
                    clients.spawn(Arc::clone(self).client(from, Some(period)));
                }
            }
            Shape::Streams {
                connections,
                streams,
            } => {
                for _ in 0..connections {
                    let Connection::Http2(sender) =
                        Connection::http2(self.address, &mut drivers).await?
                    else {
                        continue;
                    };
                    for _ in 0..streams {
                        let connection = Connection::Http2(sender.clone());
                        clients.spawn(Arc::clone(self).calls(connection, from, None));
                    }
                }
            }
        }
        clients.spawn(Arc::clone(self).others(from));
        tokio::time::sleep_until(until.into()).await;
        let seen = std::mem::take(&mut *self.seen());
        clients.shutdown().await;
        // What was under way is answered before the next storm.
        tokio::time::sleep(WARM_UP).await;
        drop(std::mem::take(&mut *self.seen()));
        Ok(figures(&seen, time))
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client with a connection of its own, made anew where it ends.
    async fn client(self: Arc<Self>, from: Instant, period: Option<Duration>) {
        loop {
            let mut drivers = JoinSet::new();
            if let Ok(connection) = Connection::http1(self.address, &mut drivers).await {
                Arc::clone(&self).calls(connection, from, period).await;
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    /// Calls over a connection, until it ends.
    async fn calls(
        self: Arc<Self>,
        mut connection: Connection,
        from: Instant,
        period: Option<Duration>,
    ) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let call = &self.calls[number % self.calls.len()];
        let mut due = period.map(|period| {
            let share = number as f64 * 0.618_034 % 1.0;
            tokio::time::Instant::now() + period.mul_f64(share)
        });
        loop {
            if let (Some(due), Some(period)) = (&mut due, period) {
                let now = tokio::time::Instant::now();
                while *due < now {
                    *due += period;
                }
                tokio::time::sleep_until(*due).await;
            }
            let start = Instant::now();
            let answer = exchange(&mut connection, call.clone()).await;
            let took = start.elapsed().as_secs_f64() * 1e3;
            let is_lost = answer.is_err();
            if start >= from {
                let mut seen = self.seen();
                match answer {
                    Ok(status) if status.is_success() => seen.accepted.push(took),
                    Ok(StatusCode::TOO_MANY_REQUESTS) => seen.refused.push(took),
                    _ => seen.failures += 1,
                }
            }
            if is_lost {
                return;
            }
        }
    }

    /// Somebody who asks for something else, now and then.
    async fn others(self: Arc<Self>, from: Instant) {
        loop {
            let mut drivers = JoinSet::new();
            let connection = Connection::http1(self.address, &mut drivers).await;
            let Ok(mut connection) = connection else {
                continue;
            };
            loop {
                tokio::time::sleep(OTHERS_EVERY).await;
                let start = Instant::now();
                let answer = exchange(&mut connection, self.other.clone()).await;
                let took = start.elapsed().as_secs_f64() * 1e3;
                let is_lost = answer.is_err();
                if start >= from {
                    match answer {
                        Ok(status) if status.is_success() => self.seen().others.push(took),
                        _ => self.seen().others_failed += 1,
                    }
                }
                if is_lost {
                    break;
                }
            }
        }
    }
}

async fn exchange(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode> {
    let answer = connection.send(request).await?;
    let status = answer.status();
    answer.into_body().collect().await.context("reading")?;
    Ok(status)
}

fn figures(seen: &Seen, time: Duration) -> Figures {
    let both = |samples: &[f64]| [percentile(samples, 50), percentile(samples, 99)];
    let asked = (seen.others.len() + seen.others_failed).max(1);
    Figures {
        goodput: seen.accepted.len() as f64 / time.as_secs_f64(),
        accepted_ms: both(&seen.accepted),
        refusals: seen.refused.len() as f64 / time.as_secs_f64(),
        refused_ms: both(&seen.refused),
        failures: seen.failures,
        usable: seen.others.len() as f64 / asked as f64,
        other_ms: percentile(&seen.others, 99),
    }
}
