//! gRPC through the gateway.

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use crate::echo::{CountRequest, FailRequest, Number};
use crate::harness::Edge;
use crate::raw::Raw;

pub(crate) async fn client(edge: &Edge) -> Grpc<Channel> {
    let channel = Endpoint::from_shared(format!("http://{}", edge.address))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = Grpc::new(channel).max_decoding_message_size(64 << 20);
    client.ready().await.unwrap();
    client
}

pub(crate) fn path(method: &str) -> PathAndQuery {
    format!("/echo.v1.EchoService/{method}").parse().unwrap()
}

async fn count(edge: &Edge, request: CountRequest) -> Result<Response<Streaming<Number>>, Status> {
    client(edge)
        .await
        .server_streaming(Request::new(request), path("Count"), ProstCodec::default())
        .await
}

#[tokio::test]
async fn a_call_passes_as_the_bytes_it_is() {
    let edge = Edge::start().await;
    // No message of the contract: nothing decodes it on the way.
    let bytes = Bytes::from_static(&[0xff, 0xff, 0xff, 1, 2, 3]);
    let mut request = Request::new(bytes.clone());
    request
        .metadata_mut()
        .insert("x-mine", "1".parse().unwrap());
    request
        .metadata_mut()
        .insert("x-user-id", "root".parse().unwrap());
    request.metadata_mut().insert_bin(
        "data-bin",
        tonic::metadata::MetadataValue::from_bytes(&[1, 2]),
    );
    let answer = client(&edge)
        .await
        .unary(request, path("Echo"), Raw)
        .await
        .unwrap();
    let seen = answer
        .metadata()
        .get("seen")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        seen.contains("x-mine=1") && !seen.contains("x-user-id"),
        "{seen}"
    );
    assert_eq!(
        answer
            .metadata()
            .get_bin("data-bin")
            .unwrap()
            .to_bytes()
            .unwrap(),
        &[1, 2][..]
    );
    assert!(answer.metadata().contains_key("x-request-id"));
    assert_eq!(answer.into_inner(), bytes);
}

#[tokio::test]
async fn streams_pass_in_every_direction() {
    let edge = Edge::start().await;
    let numbers: Vec<i32> = count(
        &edge,
        CountRequest {
            to: 3,
            ..Default::default()
        },
    )
    .await
    .unwrap()
    .into_inner()
    .map(|it| it.unwrap().number)
    .collect()
    .await;
    assert_eq!(numbers, [1, 2, 3]);

    let sent = || tokio_stream::iter((1..=4).map(|number| Number { number }));
    let codec = ProstCodec::<Number, Number>::default();
    let sum = client(&edge)
        .await
        .client_streaming(Request::new(sent()), path("Sum"), codec)
        .await;
    assert_eq!(sum.unwrap().into_inner().number, 10);

    let (tx, rx) = tokio::sync::mpsc::channel(1);
    let codec = ProstCodec::<Number, Number>::default();
    let sending = tokio_stream::wrappers::ReceiverStream::new(rx);
    tx.send(Number { number: 1 }).await.unwrap();
    let mut answers = client(&edge)
        .await
        .streaming(Request::new(sending), path("Chat"), codec)
        .await
        .unwrap()
        .into_inner();
    // Each answer is awaited before the next number is sent: neither side waits for the other's end.
    for number in 1..=3 {
        assert_eq!(answers.message().await.unwrap().unwrap().number, number * 2);
        tx.send(Number { number: number + 1 }).await.unwrap();
    }
    drop(tx);
    assert_eq!(answers.message().await.unwrap().unwrap().number, 8);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn errors_keep_code_message_details_and_trailers() {
    let edge = Edge::start().await;
    let request = Request::new(FailRequest {
        code: 9,
        with_details: true,
    });
    let codec = ProstCodec::<FailRequest, ()>::default();
    let status = client(&edge)
        .await
        .unary(request, path("Fail"), codec)
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::FailedPrecondition, "it's bröken: 100 %")
    );
    assert_eq!(status.get_details_error_info().unwrap().reason, "TESTING");
    let request_id = status.metadata().get("x-request-id").unwrap();
    let told = status.get_details_request_info().unwrap().request_id;
    assert_eq!(request_id, told.as_str());
    assert_eq!(status.metadata().get("x-trailer").unwrap(), "kept");

    let mut numbers = count(
        &edge,
        CountRequest {
            to: 3,
            fail_at: 2,
            ..Default::default()
        },
    )
    .await
    .unwrap()
    .into_inner();
    assert_eq!(numbers.message().await.unwrap().unwrap().number, 1);
    let status = numbers.message().await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Aborted, "stopped counting")
    );
    assert!(status.get_details_retry_info().is_some());
    assert!(status.get_details_request_info().is_some());
}

#[tokio::test]
async fn deadlines_end_calls_and_streams() {
    // By a header that the client's own transport keeps no clock for.
    let edge = Edge::start().await;
    let mut request = Request::new(());
    request
        .metadata_mut()
        .insert("x-server-timeout", "0.05".parse().unwrap());
    let codec = ProstCodec::<(), ()>::default();
    let status = client(&edge)
        .await
        .unary(request, path("Hang"), codec)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);

    let mut request = Request::new(CountRequest {
        to: 1,
        hang: true,
        ..Default::default()
    });
    request
        .metadata_mut()
        .insert("x-server-timeout", "0.3".parse().unwrap());
    let codec = ProstCodec::<CountRequest, Number>::default();
    let mut numbers = client(&edge)
        .await
        .server_streaming(request, path("Count"), codec)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(numbers.message().await.unwrap().unwrap().number, 1);
    assert_eq!(
        numbers.message().await.unwrap_err().code(),
        Code::DeadlineExceeded
    );
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_call_upstream() {
    let edge = Edge::start().await;
    let mut numbers = count(
        &edge,
        CountRequest {
            to: 1,
            hang: true,
            ..Default::default()
        },
    )
    .await
    .unwrap()
    .into_inner();
    numbers.message().await.unwrap();
    drop(numbers);
    edge.echo.dropped.notified().await;
}

#[tokio::test]
async fn unknown_methods_are_unimplemented() {
    let edge = Edge::start().await;
    for path in ["/echo.v1.EchoService/Nope", "/no.Service/Echo", "/", "/x"] {
        let status = client(&edge)
            .await
            .unary(Request::new(Bytes::new()), path.parse().unwrap(), Raw)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn a_message_larger_than_the_method_takes_is_refused() {
    let mut config = troupe_gateway::Config::default();
    config.limits.request_bytes = 1000;
    let edge = Edge::with(config).await;
    let send = |len: usize| {
        let edge = &edge;
        async move {
            client(edge)
                .await
                .unary(Request::new(Bytes::from(vec![0; len])), path("Echo"), Raw)
                .await
        }
    };
    assert!(send(1000).await.is_ok());
    assert_eq!(
        send(1001).await.unwrap_err().code(),
        Code::ResourceExhausted
    );
    assert_eq!(
        send(300_000).await.unwrap_err().code(),
        Code::ResourceExhausted
    );
}

#[tokio::test]
async fn grpc_over_http_1_is_told_what_to_use() {
    let edge = Edge::start().await;
    let answer = edge
        .send(
            "POST",
            "/echo.v1.EchoService/Echo",
            &[("content-type", "application/grpc")],
            "",
        )
        .await;
    assert_eq!(answer.error(), (400, 3));
    assert!(answer.text().contains("grpc-web"));
}

#[tokio::test]
async fn a_service_without_descriptors_is_reached_by_grpc() {
    let edge = Edge::before(
        &crate::harness::pool(),
        &["other.Service"],
        troupe_gateway::Config::default(),
        None,
    )
    .await;
    let answer = client(&edge)
        .await
        .unary(
            Request::new(Bytes::new()),
            "/other.Service/Any".parse().unwrap(),
            Raw,
        )
        .await;
    assert!(answer.is_ok());
    assert_eq!(edge.get("/v1/get").await.status.as_u16(), 404);
}
