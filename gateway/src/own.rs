//! Services of the gateway's own: `grpc.health.v1`, `grpc.reflection.v1` and its forerunner `v1alpha`. They are methods like any other, with budgets and
//! limits, over every protocol that has a form for them.

mod health;
mod public;
mod reflection;

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;

use http::{Request, Response};
use mesh::{Channel, Readiness};
use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};
use troupe_proto::policy::Audience;

use crate::config::Limits;
use crate::policy::Policy;
use crate::refusal::invalid;

/// What messages call the server of these.
const NAME: &str = "gateway";

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// True for a service of the gateway's own.
pub(crate) fn is_own(service: &str) -> bool {
    matches!(service, HEALTH | REFLECTION | REFLECTION_ALPHA)
}

/// The same descriptors and channels with those of the gateway's own services. What somebody mounted under their names stays.
pub(crate) fn with_own(
    pool: &DescriptorPool,
    mut channels: HashMap<String, Channel>,
    readiness: Readiness,
    limits: &Limits,
) -> (DescriptorPool, HashMap<String, Channel>) {
    let mut pool = pool.clone();
    let sets = [
        (
            HEALTH,
            "grpc/health/v1/health.proto",
            tonic_health::pb::FILE_DESCRIPTOR_SET,
        ),
        (
            REFLECTION,
            "grpc/reflection/v1/reflection.proto",
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ),
        (
            REFLECTION_ALPHA,
            "grpc/reflection/v1alpha/reflection.proto",
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ),
    ];
    let mut ours = Vec::new();
    for (service, file, set) in sets {
        if channels.contains_key(service) {
            continue;
        }
        match add(&mut pool, service, file, set) {
            Ok(()) => ours.push(service),
            Err(error) => {
                tracing::warn!(
                    service,
                    error,
                    "a mounted contract keeps out a service of the gateway"
                );
            }
        }
    }
    let mut names: BTreeSet<String> = channels.keys().cloned().collect();
    names.extend(ours.iter().map(|service| (*service).to_owned()));
    names.retain(|name| {
        // Of a service without descriptors every method can be called.
        let service = pool.get_service_by_name(name);
        service.is_none_or(|service| has_public_method(&pool, &service, limits))
    });
    let is_public = |service: &ServiceDescriptor| names.contains(service.full_name());
    let set = public::descriptors(&pool, is_public, |method| {
        is_for_clients(&pool, method, limits)
    });
    match reflection::new(set) {
        Ok(service) => {
            if ours.contains(&REFLECTION) {
                channels.insert(REFLECTION.to_owned(), channel(service.clone()));
            }
            if ours.contains(&REFLECTION_ALPHA) {
                let service = service.map_request(reflection::in_v1);
                channels.insert(REFLECTION_ALPHA.to_owned(), channel(service));
            }
        }
        Err(error) => tracing::warn!(%error, "there is no reflection"),
    }
    if ours.contains(&HEALTH) {
        channels.insert(HEALTH.to_owned(), channel(health::new(names, readiness)));
    }
    (pool, channels)
}

/// Adds the descriptors of a service, under the usual name of their file, unless the pool has them already.
fn add(pool: &mut DescriptorPool, service: &str, file: &str, set: &[u8]) -> Result<(), String> {
    if pool.get_service_by_name(service).is_some() {
        return Ok(());
    }
    let mut set = FileDescriptorSet::decode(set).map_err(|error| error.to_string())?;
    for descriptor in &mut set.file {
        descriptor.name = Some(file.to_owned());
    }
    let added = pool.add_file_descriptor_set(set);
    added.map_err(|error| error.to_string())
}

fn has_public_method(pool: &DescriptorPool, service: &ServiceDescriptor, limits: &Limits) -> bool {
    service
        .methods()
        .any(|method| is_for_clients(pool, &method, limits))
}

/// True for a method that clients may call, with or without a token. One whose policy can't be enforced stops the start.
fn is_for_clients(pool: &DescriptorPool, method: &MethodDescriptor, limits: &Limits) -> bool {
    let policy = Policy::of(pool, method, limits);
    policy.is_ok_and(|policy| policy.audience != Audience::Service)
}

fn channel<S>(service: S) -> Channel
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let service = service.map_err(|never| -> Status { match never {} });
    let service = service.map_response(|answer: Response<Body>| {
        match Status::from_header_map(answer.headers()) {
            Some(status) if status.code() == Code::Internal => unread(status).into_http(),
            _ => answer,
        }
    });
    Channel::foreign(NAME, BoxCloneSyncService::new(service))
}

/// The status of a request that couldn't be read, which tonic takes for a fault of the server's. These services have no other.
fn unread(status: Status) -> Status {
    match status.code() {
        Code::Internal => invalid(format!("the request can't be read: {}", status.message())),
        _ => status,
    }
}
