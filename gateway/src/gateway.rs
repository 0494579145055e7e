//! The gateway as one service: names each request, answers preflights, and hands the rest to the parts.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{self, HeaderValue};
use http::{Request, Response, Version};
use mesh::{Channel, Readiness, Verifier};
use prost_reflect::DescriptorPool;
use redis::Redis;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::Instrument;

use crate::address::Proxies;
use crate::admission::Admission;
use crate::caching::Keeping;
use crate::catalog::{BuildError, Catalog};
use crate::config::Config;
use crate::intake::Intake;
use crate::notices::Notices;
use crate::openapi;
use crate::origins::{CrossOrigin, Origins, host_of};
use crate::overload::{Arrival, Gate, Pace};
use crate::own::with_own;
use crate::pages::Pages;
use crate::parts::Parts;
use crate::rates::Budgets;
use crate::tls;
use crate::unread::Reading;
use crate::visit::{Place, Visit, request_id};

/// The edge: one tower service for every protocol. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
    origins: Arc<Origins>,
    cross_origin: Option<Arc<CrossOrigin>>,
    proxies: Arc<Proxies>,
    /// Where it speaks HTTPS.
    tls: Option<TlsAcceptor>,
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
    let origins = Arc::new(Origins::new(&config.cors)?);
    Ok(Gateway {
        parts: Arc::new(parts),
        cross_origin: CrossOrigin::new(&config.cors, &origins)?.map(Arc::new),
        origins,
        proxies: Arc::new(Proxies::new(&config.trusted_proxies)),
        tls: None,
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

    /// The same gateway, which speaks HTTPS alone at its port. Clients choose HTTP/2 or HTTP/1.1 by ALPN.
    pub fn with_tls(self, mut config: ServerConfig) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = Some(TlsAcceptor::from(Arc::new(config)));
        Self { tls, ..self }
    }

    pub(crate) fn tls(&self) -> Option<&TlsAcceptor> {
        self.tls.as_ref()
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
        let is_https = self.tls.is_some() || self.proxies.say_https(self.peer, request.headers());
        let is_strict = self.tls.is_some() && tls::is_strict(host_of(&request));
        let visit = Visit {
            may_keep_cookies: self.origins.may_keep_cookies(&request, is_https),
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
        let (request, reading) = Reading::of(request);
        let mut answer = self.cross_origin(visit, request).instrument(span).await;
        keeping.say(&mut answer);
        reading.say(&mut answer);
        notices.say(answer.headers_mut());
        answer.headers_mut().insert(mesh::context::REQUEST_ID, id);
        if is_strict {
            let headers = answer.headers_mut();
            headers.insert(header::STRICT_TRANSPORT_SECURITY, tls::STRICT);
        }
        answer
    }

    async fn cross_origin(self, visit: Visit, request: Request<Body>) -> Response<Body> {
        let Some(rules) = self.cross_origin else {
            return self.parts.answer(visit, request).await;
        };
        let Some(origin) = request.headers().get(header::ORIGIN) else {
            let mut answer = self.parts.answer(visit, request).await;
            // A cache must not hand this answer to a page, which needs other headers.
            answer
                .headers_mut()
                .append(header::VARY, HeaderValue::from_static("origin"));
            return answer;
        };
        let has_cookie = self.parts.catalog.has_cookie(&request);
        let layer = rules.layer(&self.origins, origin, has_cookie);
        let parts = service_fn(move |request: Request<Body>| {
            let (parts, visit) = (self.parts.clone(), visit.clone());
            async move { Ok::<_, Infallible>(parts.answer(visit, request).await) }
        });
        match layer.layer(parts).oneshot(request).await {
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
