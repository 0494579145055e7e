//! The gateway as one service: names each request, answers preflights, and hands the rest to the parts.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, Version};
use mesh::{Channel, Readiness, Verifier};
use prost_reflect::DescriptorPool;
use redis::Redis;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer, ExposeHeaders};
use tracing::Instrument;

use crate::address::Proxies;
use crate::admission::Admission;
use crate::caching::Keeping;
use crate::catalog::{BuildError, Catalog};
use crate::config::{Config, ConfigError, Cors};
use crate::intake::Intake;
use crate::notices::Notices;
use crate::openapi;
use crate::overload::{Arrival, Gate, Pace};
use crate::own::with_own;
use crate::pages::Pages;
use crate::parts::Parts;
use crate::rates::Budgets;
use crate::visit::{Place, Visit, request_id};

/// The edge: one tower service for every protocol. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
    cors: Option<CorsLayer>,
    proxies: Arc<Proxies>,
    peer: IpAddr,
    leaving: CancellationToken,
    /// How fast the connection is read, where it is one client's.
    pace: Option<Arc<Pace>>,
}

/// Builds a gateway for the services of `pool` that `channels` has by full name. Services without a channel are left
/// out; those that a channel names and `pool` doesn't know are reached by gRPC alone. The gateway's own health and reflection
/// stand beside them.
///
/// Without `verifier`, methods whose policy asks for a token can't be called. Budgets are shared with other gateways through
/// `redis`.
///
/// # Errors
/// Where the configuration can't be used, where HTTP bindings are malformed or take the same requests, and where a mounted
/// contract has a policy that can't be enforced, such as one that asks for a token where there is no `verifier`.
pub fn build(
    config: &Config,
    pool: &DescriptorPool,
    channels: HashMap<String, Channel>,
    verifier: Option<Verifier>,
    readiness: Readiness,
    redis: Option<&Redis>,
) -> Result<Gateway, BuildError> {
    config.validate()?;
    let (all, channels) = with_own(pool, channels, readiness.clone(), &config.limits);
    let catalog = Catalog::new(&all, channels, &config.limits, &config.overload)?;
    if verifier.is_none()
        && let Some(method) = catalog.mounted_behind_tokens()
    {
        let reason = "needs an access token, and this gateway verifies none".to_owned();
        return Err(BuildError::Policy { method, reason });
    }
    let parts = Parts {
        gate: Gate::new(&config.overload, &catalog.schema),
        intake: Intake::new(&config.bodies),
        catalog: Arc::new(catalog),
        admission: Admission::new(verifier, Budgets::new(&config.rates, redis)),
        limits: config.limits.clone(),
        json: config.json.clone(),
        pages: Pages::new(&openapi::document(pool, config)),
        readiness,
    };
    Ok(Gateway {
        parts: Arc::new(parts),
        cors: cors(&config.cors)?,
        proxies: Arc::new(Proxies::new(&config.trusted_proxies)),
        peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        leaving: CancellationToken::new(),
        pace: None,
    })
}

impl Gateway {
    /// The same gateway, for a connection that is read at a pace. That of a trusted proxy carries the requests of many, who
    /// don't wait for one another.
    pub(crate) fn for_connection(&self, pace: &Arc<Pace>) -> Self {
        let peer = pace.address();
        Self {
            peer,
            pace: (!self.proxies.contain(peer)).then(|| Arc::clone(pace)),
            ..self.clone()
        }
    }

    /// The same gateway, which lets clients know once `leaving` is cancelled that their connections end: it answers all
    /// requests, the last one of each connection. Before it shuts down it should leave, or requests are lost that clients
    /// send just then.
    pub fn leaving(self, leaving: CancellationToken) -> Self {
        Self { leaving, ..self }
    }

    /// Cancelled once the gateway leaves.
    pub(crate) fn leaves(&self) -> &CancellationToken {
        &self.leaving
    }

    /// What is known of a request that has just been read.
    pub(crate) fn arrival(&self, version: Version) -> Arrival {
        Arrival::on(self.pace.clone(), version)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Answers a request.
    pub(crate) async fn answer(self, arrival: Arrival, request: Request<Body>) -> Response<Body> {
        let visit = Visit {
            request_id: request_id(request.headers()),
            client: self.proxies.client(self.peer, request.headers()),
            trace: is_traced().then(|| Place::of(request.headers())),
            arrival,
            ticket: None,
            notices: Notices::default(),
        };
        let notices = visit.notices.clone();
        let id = visit.request_id.clone();
        let span = tracing::info_span!(
            "request",
            role = "gateway",
            request.id = id.to_str().unwrap_or_default(),
            trace.id = visit.trace.map(|place| place.at.trace_id()),
            span.id = visit.trace.map(|place| place.at.span_id()),
        );
        let keeping = Keeping::of(&request);
        let mut answer = self.cross_origin(visit, request).instrument(span).await;
        keeping.say(&mut answer);
        notices.say(answer.headers_mut());
        answer.headers_mut().insert(mesh::context::REQUEST_ID, id);
        answer
    }

    async fn cross_origin(self, visit: Visit, request: Request<Body>) -> Response<Body> {
        let Some(cors) = self.cors else {
            return self.parts.answer(visit, request).await;
        };
        if !request.headers().contains_key(header::ORIGIN) {
            let mut answer = self.parts.answer(visit, request).await;
            // A cache must not hand this answer to a page, which needs other headers.
            answer
                .headers_mut()
                .append(header::VARY, HeaderValue::from_static("origin"));
            return answer;
        }
        let parts = service_fn(move |request: Request<Body>| {
            let (parts, visit) = (self.parts.clone(), visit.clone());
            async move { Ok::<_, Infallible>(parts.answer(visit, request).await) }
        });
        match cors.layer(parts).oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
}

impl Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gateway = self.clone();
        let arrival = self.arrival(request.version());
        Box::pin(async move { Ok(gateway.answer(arrival, request).await) })
    }
}

/// Whether a place in a trace is shown anywhere: in a log, or to a collector. Otherwise it is as the client sent it.
fn is_traced() -> bool {
    platform::trace::is_exported() || tracing::enabled!(tracing::Level::INFO)
}

/// The rules for pages of other origins; None where no origin is allowed. Credentials are never part of it: tokens
/// travel in a header that pages set themselves, so that `*` may expose every trailer.
fn cors(config: &Cors) -> Result<Option<CorsLayer>, ConfigError> {
    let origins = match config.allowed_origins.as_slice() {
        [] => return Ok(None),
        [any] if any == "*" => AllowOrigin::any(),
        listed => AllowOrigin::list(
            listed
                .iter()
                .map(|origin| origin_value(origin))
                .collect::<Result<Vec<_>, _>>()?,
        ),
    };
    let own = [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "x-request-id",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "deprecation",
        "sunset",
        "etag",
        "content-disposition",
        "*",
    ];
    let mut exposed: Vec<HeaderName> = own.into_iter().map(HeaderName::from_static).collect();
    for name in &config.exposed_headers {
        let invalid = |_| {
            ConfigError::new(
                "cors.exposed_headers",
                format!("holds `{name}`, which is no header"),
            )
        };
        exposed.push(HeaderName::try_from(name.as_str()).map_err(invalid)?);
    }
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(exposed))
        .max_age(Duration::from_secs(7200));
    Ok(Some(layer))
}

fn origin_value(origin: &str) -> Result<HeaderValue, ConfigError> {
    let is_origin = origin.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme().is_some() && uri.authority().is_some() && !origin.ends_with('/')
    });
    let value = HeaderValue::from_str(origin).ok().filter(|_| is_origin);
    value.ok_or_else(|| {
        let reason =
            format!("holds `{origin}`, which must have the form https://host or stand alone as *");
        ConfigError::new("cors.allowed_origins", reason)
    })
}
