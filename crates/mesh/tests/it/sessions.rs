//! Streams end with the login session that they were opened in.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use platform::id::LoginSessionId;
use serde_json::{Value, json};
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status, Streaming};
use troupe_mesh::server::Limits;
use troupe_mesh::{Channel, Role, Server};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::generation_service_client::GenerationServiceClient;
use troupe_proto::roleplay::generation_service_server::{
    GenerationService, GenerationServiceServer,
};

use crate::fake_users::{World, bearing};

/// A replay that says nothing, or with an offset never stops.
struct FakeReplies;

type Events = Pin<Box<dyn Stream<Item = Result<pb::WatchGenerationResponse, Status>> + Send>>;

#[tonic::async_trait]
impl GenerationService for FakeReplies {
    type WatchGenerationStream = Events;
    type AttachGenerationStream =
        Pin<Box<dyn Stream<Item = Result<pb::AttachGenerationResponse, Status>> + Send>>;

    async fn watch_generation(
        &self,
        request: Request<pb::WatchGenerationRequest>,
    ) -> Result<Response<Events>, Status> {
        let event = || Ok(pb::WatchGenerationResponse::default());
        Ok(Response::new(match request.get_ref().offset {
            0 => futures::stream::iter([event()])
                .chain(futures::stream::pending())
                .boxed(),
            1 => futures::stream::repeat_with(event).boxed(),
            // Has no answer before its first event, as services of other makers.
            _ => std::future::pending().await,
        }))
    }

    async fn attach_generation(
        &self,
        _: Request<pb::AttachGenerationRequest>,
    ) -> Result<Response<Self::AttachGenerationStream>, Status> {
        Ok(Response::new(futures::stream::empty().boxed()))
    }

    async fn get_generation(
        &self,
        _: Request<pb::GetGenerationRequest>,
    ) -> Result<Response<pb::GetGenerationResponse>, Status> {
        Ok(Response::new(pb::GetGenerationResponse::default()))
    }

    async fn list_generations(
        &self,
        _: Request<pb::ListGenerationsRequest>,
    ) -> Result<Response<pb::ListGenerationsResponse>, Status> {
        Ok(Response::new(pb::ListGenerationsResponse::default()))
    }

    async fn cancel_generation(
        &self,
        _: Request<pb::CancelGenerationRequest>,
    ) -> Result<Response<pb::CancelGenerationResponse>, Status> {
        Ok(Response::new(pb::CancelGenerationResponse::default()))
    }

    async fn get_generation_receipt(
        &self,
        _: Request<pb::GetGenerationReceiptRequest>,
    ) -> Result<Response<pb::GetGenerationReceiptResponse>, Status> {
        Ok(Response::new(pb::GetGenerationReceiptResponse::default()))
    }
}

fn client(world: &World) -> GenerationServiceClient<Channel> {
    let routes = Routes::new(GenerationServiceServer::new(FakeReplies));
    let verifier = world.verifier.clone();
    let server = Server::new(Role::Roleplay, routes, verifier, Limits::default());
    GenerationServiceClient::new(Channel::for_clients(&server))
}

/// Attaches with a token of these claims.
async fn attach(
    world: &World,
    client: &GenerationServiceClient<Channel>,
    claims: &Value,
    offset: i32,
) -> Result<Streaming<pb::WatchGenerationResponse>, Status> {
    let request = pb::WatchGenerationRequest {
        generation_id: "gen_01h455vb4pex5vsknk084sn02q".to_owned(),
        offset,
    };
    let token = world.key.sign(claims);
    let answer = client
        .clone()
        .watch_generation(bearing(&token, request))
        .await;
    answer.map(Response::into_inner)
}

fn session_of(claims: &Value) -> LoginSessionId {
    claims["sid"].as_str().unwrap().parse().unwrap()
}

/// Reads to the end, which must be that of the session.
async fn ends(mut stream: Streaming<pb::WatchGenerationResponse>) {
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended well"),
            Err(status) => break status,
        }
    };
    check(&ended);
}

fn check(status: &Status) {
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason_of(status), Some(Reason::TokenInvalid));
}

#[tokio::test]
async fn a_revoked_session_ends_its_streams_and_no_others() {
    let world = World::new();
    let client = client(&world);
    let (mine, mut other) = (world.claims(), world.claims());
    other["sub"] = mine["sub"].clone();
    let mut renewed = mine.clone();
    renewed["jti"] = world.claims()["jti"].clone();
    let silent = attach(&world, &client, &mine, 0).await.unwrap();
    let of_renewed = attach(&world, &client, &renewed, 0).await.unwrap();
    let busy = attach(&world, &client, &mine, 1).await.unwrap();
    let mut elsewhere = attach(&world, &client, &other, 0).await.unwrap();
    elsewhere.message().await.unwrap().unwrap();
    let beginning = attach(&world, &client, &mine, 2);
    let revoking = async {
        tokio::task::yield_now().await;
        world.verifier.revoke(session_of(&mine));
    };
    let (refused, ()) = tokio::join!(beginning, revoking);
    check(&refused.unwrap_err());
    for stream in [silent, of_renewed, busy] {
        ends(stream).await;
    }
    let more = tokio::time::timeout(Duration::from_millis(50), elsewhere.message()).await;
    assert!(more.is_err(), "the other session's stream goes on");
    check(&attach(&world, &client, &mine, 0).await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_by_itself_and_a_token_that_lapses_ends_nothing() {
    let world = World::new();
    let client = client(&world);
    let now = world.clock.now().secs();
    let (mut short, mut long) = (world.claims(), world.claims());
    for claims in [&mut short, &mut long] {
        claims["exp"] = json!(now + 2);
    }
    short["session_exp"] = json!(now + 10);
    long["session_exp"] = json!(now + 90 * 24 * 3600);
    let ending = attach(&world, &client, &short, 0).await.unwrap();
    let mut going_on = attach(&world, &client, &long, 0).await.unwrap();
    going_on.message().await.unwrap().unwrap();
    world.time.advance(Duration::from_secs(5));
    tokio::time::advance(Duration::from_secs(5)).await;
    check(&attach(&world, &client, &long, 0).await.unwrap_err());
    ends(ending).await;
    let more = tokio::time::timeout(Duration::from_secs(10), going_on.message()).await;
    assert!(more.is_err(), "a lapse of the token ended the stream");
}

#[tokio::test]
async fn ten_thousand_streams_are_told_apart() {
    let world = World::new();
    let client = client(&world);
    let mine = world.claims();
    let mut others = Vec::new();
    let one = attach(&world, &client, &mine, 0).await.unwrap();
    for _ in 0..2_000 {
        let claims = world.claims();
        let person = world.verifier.verify(&world.key.sign(&claims)).unwrap();
        others.extend((0..5).map(|_| world.verifier.stream(&person)));
    }
    world.verifier.revoke(session_of(&mine));
    ends(one).await;
    drop(others);
}
