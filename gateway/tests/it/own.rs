//! Services of the gateway's own: health and reflection.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use serde_json::json;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use troupe_gateway::Config;
use troupe_proto::{Reason, error};

use crate::echo::Echo;
use crate::harness::{Edge, pool};
use crate::identity::Issuer;
use crate::mounted::harbor;
use crate::raw::Raw;

async fn channel(edge: &Edge) -> tonic::transport::Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", edge.address));
    endpoint.unwrap().connect().await.unwrap()
}

fn asked(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

/// A gateway that is ready as long as the flag is set.
async fn ready_while(flag: &Arc<AtomicBool>) -> Edge {
    let echo = Echo::default();
    let upstream = wire::remote("echo", echo.start().await);
    let channels = HashMap::from([("echo.v1.EchoService".to_owned(), upstream)]);
    let flag = Arc::clone(flag);
    let readiness = Arc::new(move || match flag.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("it rests".to_owned()),
    });
    let config = Config::default();
    let gateway = troupe_gateway::build(&config, &pool(), channels, None, readiness, None);
    Edge::serve(gateway.unwrap(), echo).await
}

#[tokio::test]
async fn health_is_that_of_the_whole_and_of_each_service() {
    let flag = Arc::new(AtomicBool::new(true));
    let edge = ready_while(&flag).await;
    let mut client = HealthClient::new(channel(&edge).await);
    let mut check = async |service: &str| -> Result<ServingStatus, Status> {
        let answer = client.check(asked(service)).await?;
        assert!(answer.metadata().contains_key("ratelimit"));
        Ok(answer.into_inner().status())
    };
    let services = [
        "",
        "echo.v1.EchoService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    for service in services {
        assert_eq!(
            check(service).await.unwrap(),
            ServingStatus::Serving,
            "{service}"
        );
    }
    let unknown = check("echo.v1.Nope").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    flag.store(false, Ordering::Relaxed);
    for service in services {
        assert_eq!(
            check(service).await.unwrap(),
            ServingStatus::NotServing,
            "{service}"
        );
    }
    // By Connect it is at hand for whoever has no gRPC.
    let answer = edge.post("/grpc.health.v1.Health/Check", "{}").await;
    assert_eq!(answer.ok(), json!({"status": "NOT_SERVING"}));
}

#[tokio::test]
async fn whoever_watches_is_told_of_a_change_and_the_stream_ends_with_the_service() {
    let flag = Arc::new(AtomicBool::new(true));
    let edge = ready_while(&flag).await;
    let mut client = HealthClient::new(channel(&edge).await);
    let mut watched = client.watch(asked("")).await.unwrap().into_inner();
    let status = |answer: HealthCheckResponse| answer.status();
    let next = watched.next().await.unwrap().unwrap();
    assert_eq!(status(next), ServingStatus::Serving);
    flag.store(false, Ordering::Relaxed);
    let next = watched.next().await.unwrap().unwrap();
    assert_eq!(status(next), ServingStatus::NotServing);
    assert!(watched.next().await.is_none());
    let mut unknown = client
        .watch(asked("echo.v1.Nope"))
        .await
        .unwrap()
        .into_inner();
    let next = unknown.next().await.unwrap().unwrap();
    assert_eq!(status(next), ServingStatus::ServiceUnknown);
}

/// Says that a field has more bytes than follow.
const BROKEN: &[u8] = &[0x0a, 0x7f, b'a'];

#[tokio::test]
async fn a_request_that_is_no_message_is_the_clients_fault() {
    let edge = Edge::start().await;
    let invalid = |status: &Status, what: &str| {
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status:?}");
        assert_eq!(error::reason_of(status), Some(Reason::InvalidRequest));
    };
    for path in [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        let request = Request::new(tokio_stream::once(Bytes::from_static(BROKEN)));
        let mut client = crate::grpc::client(&edge).await;
        let answers = client.streaming(request, path.parse().unwrap(), Raw).await;
        let refused = match answers {
            Ok(answers) => answers.into_inner().message().await.unwrap_err(),
            Err(refused) => refused,
        };
        invalid(&refused, path);
    }
    let by = |kind: &'static str, body: Vec<u8>| {
        let headers = [("content-type", kind)];
        let edge = &edge;
        async move {
            let path = "/grpc.health.v1.Health/Check";
            edge.send("POST", path, &headers, body).await
        }
    };
    let answer = by("application/proto", BROKEN.to_vec()).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
    assert_eq!(answer.json()["code"], "invalid_argument");
    let framed =
        |flag: u8, message: &[u8]| [&[flag, 0, 0, 0, message.len() as u8], message].concat();
    for body in [framed(0, BROKEN), framed(2, &[]), Vec::new()] {
        let answer = by("application/grpc-web", body.clone()).await;
        invalid(
            &Status::from_header_map(&answer.headers).unwrap(),
            &format!("{body:?}"),
        );
    }
}

/// Asks one question of reflection.
async fn ask(edge: &Edge, question: MessageRequest) -> Result<MessageResponse, Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    };
    let mut client = ServerReflectionClient::new(channel(edge).await);
    let request = Request::new(tokio_stream::once(request));
    let answers = client.server_reflection_info(request).await?;
    let answer: ServerReflectionResponse = answers.into_inner().next().await.unwrap()?;
    match answer.message_response.unwrap() {
        MessageResponse::ErrorResponse(error) => Err(Status::new(
            Code::from(error.error_code),
            error.error_message,
        )),
        answer => Ok(answer),
    }
}

async fn services(edge: &Edge) -> Vec<String> {
    let question = MessageRequest::ListServices(String::new());
    let MessageResponse::ListServicesResponse(list) = ask(edge, question).await.unwrap() else {
        panic!("no list");
    };
    let mut names: Vec<_> = list.service.into_iter().map(|it| it.name).collect();
    names.sort();
    names
}

async fn file(edge: &Edge, question: MessageRequest) -> Result<FileDescriptorProto, Status> {
    let MessageResponse::FileDescriptorResponse(files) = ask(edge, question).await? else {
        panic!("no file");
    };
    Ok(FileDescriptorProto::decode(&files.file_descriptor_proto[0][..]).unwrap())
}

/// All that a client finds which wants to call a service.
async fn found(edge: &Edge, service: &str) -> DescriptorPool {
    let symbol = MessageRequest::FileContainingSymbol(service.to_owned());
    let first = file(edge, symbol).await.unwrap();
    let mut wanted = first.dependency.clone();
    let mut files = BTreeMap::from([(first.name().to_owned(), first)]);
    while let Some(name) = wanted.pop() {
        if let Entry::Vacant(place) = files.entry(name) {
            let name = MessageRequest::FileByFilename(place.key().clone());
            let next = file(edge, name).await.unwrap();
            wanted.extend(next.dependency.iter().cloned());
            place.insert(next);
        }
    }
    let file = files.into_values().collect();
    DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file }).unwrap()
}

#[tokio::test]
async fn reflection_finds_what_a_call_needs() {
    let edge = Edge::start().await;
    let names = [
        "echo.v1.EchoService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    assert_eq!(services(&edge).await, names);
    for name in names {
        let pool = found(&edge, name).await;
        let service = pool.get_service_by_name(name).unwrap();
        let own = self::pool().get_service_by_name(name);
        if let Some(own) = own {
            assert_eq!(service.methods().len(), own.methods().len());
        }
    }
    let pool = found(&edge, names[0]).await;
    let everything = pool.get_message_by_name("echo.v1.Everything").unwrap();
    assert_eq!(everything.fields().len(), 44);
}

#[tokio::test]
async fn parts_of_files_are_found_by_their_names() {
    let edge = Edge::start().await;
    for symbol in [
        "echo.v1.EchoService.Echo",
        "echo.v1.Everything",
        "echo.v1.Everything.snake_case",
        "echo.v1.Everything.choice",
        "echo.v1.Shade",
        "echo.v1.SHADE_DARK",
    ] {
        let symbol = MessageRequest::FileContainingSymbol(symbol.to_owned());
        assert_eq!(file(&edge, symbol).await.unwrap().name(), "echo.proto");
    }
    let extensions = MessageRequest::AllExtensionNumbersOfType("echo.v1.Everything".into());
    let MessageResponse::AllExtensionNumbersResponse(none) = ask(&edge, extensions).await.unwrap()
    else {
        panic!("no numbers");
    };
    assert_eq!(none.base_type_name, "echo.v1.Everything");
}

#[tokio::test]
async fn what_is_unknown_is_told_within_the_stream_by_both_names() {
    let edge = Edge::start().await;
    let ask = |question| ServerReflectionRequest {
        host: "here".into(),
        message_request: question,
    };
    let symbol = |name: &str| Some(MessageRequest::FileContainingSymbol(name.into()));
    let questions = [
        symbol("echo.v1.Nope"),
        symbol("echo.v1.Everything.nope"),
        Some(MessageRequest::FileByFilename("nope.proto".into())),
        None,
        symbol("echo.v1.EchoService"),
    ];
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let path: PathAndQuery = path.parse().unwrap();
        let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
        let sent = tokio_stream::iter(questions.clone().map(ask));
        let mut client = crate::grpc::client(&edge).await;
        let answers = client.streaming(Request::new(sent), path, codec).await;
        let answers: Vec<_> = answers.unwrap().into_inner().collect().await;
        let codes = answers.into_iter().map(|answer| {
            let answer = answer.unwrap();
            assert_eq!(answer.valid_host, "here");
            assert!(answer.original_request.is_some());
            match answer.message_response.unwrap() {
                MessageResponse::ErrorResponse(error) => error.error_code,
                MessageResponse::FileDescriptorResponse(_) => 0,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(codes.collect::<Vec<_>>(), [5, 5, 5, 3, 0], "{version}");
    }
}

#[tokio::test]
async fn what_is_for_services_alone_is_not_shown() {
    let issuer = Issuer::new();
    let edge = harbor(&issuer, Config::default()).await;
    assert_eq!(services(&edge).await[3], "harbor.v1.Berths");
    let pool = found(&edge, "harbor.v1.Berths").await;
    let berths = pool.get_service_by_name("harbor.v1.Berths").unwrap();
    let names: Vec<_> = berths.methods().map(|it| it.name().to_owned()).collect();
    assert!(names.iter().any(|it| it == "Scuttle") && !names.iter().any(|it| it == "Tow"));
    // Troupe's contracts are known here, and none of them is served.
    for hidden in [
        "harbor.v1.Berths.Tow",
        "troupe.users.v1.AuthService",
        "troupe.options.v1.MethodPolicy",
    ] {
        let symbol = MessageRequest::FileContainingSymbol(hidden.to_owned());
        let refused = file(&edge, symbol).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{hidden}");
    }
    let health = edge.post(
        "/grpc.health.v1.Health/Check",
        r#"{"service": "troupe.users.v1.AuthService"}"#,
    );
    assert_eq!(health.await.status.as_u16(), 404);
}

#[tokio::test]
async fn what_is_mounted_under_the_same_name_stays() {
    let health = DescriptorPool::decode(tonic_health::pb::FILE_DESCRIPTOR_SET).unwrap();
    let edge = Edge::before(&health, &["grpc.health.v1.Health"], Config::default(), None).await;
    // The echo service has no method of that name, and gives an empty message.
    let mut client = crate::grpc::client(&edge).await;
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    let answer = client.unary(Request::new(asked("")), path, codec).await;
    assert_eq!(
        answer.unwrap().into_inner().status(),
        ServingStatus::Unknown
    );
}
