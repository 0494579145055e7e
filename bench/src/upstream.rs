//! The upstream of the gateway's benchmark: a gRPC server on one thread that does next to nothing.

use std::net::SocketAddr;

use anyhow::Result;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::contract::greeting_service_server::{GreetingService, GreetingServiceServer};
use crate::contract::{GreetRequest, GreetResponse, ListTopicsRequest, ListTopicsResponse, Topic};
use crate::process;

/// Where to serve.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Loopback address to listen on.
    #[arg(long)]
    listen: SocketAddr,
}

/// Serves until the benchmark ends.
pub(crate) async fn run(args: &Args) -> Result<()> {
    Server::builder()
        .tcp_nodelay(true)
        .add_service(GreetingServiceServer::new(Greeter))
        .serve_with_shutdown(args.listen, process::parent_gone())
        .await?;
    Ok(())
}

/// What the upstream answers.
pub(crate) fn answer(request: GreetRequest) -> GreetResponse {
    GreetResponse {
        text: format!(
            "Good evening, {}, and welcome back to the inn.",
            request.name
        ),
        number: request.number,
        topics: request.topics,
    }
}

/// The topics that the upstream lists: about 12 kB of JSON, as twenty characters of a library are.
pub(crate) fn topics(request: &ListTopicsRequest) -> ListTopicsResponse {
    const WORDS: [&str; 11] = [
        "harbour", "winter", "letter", "keeper", "lantern", "of", "the", "north", "road", "and",
        "silver",
    ];
    let words = |from: u64, count: u64| {
        let word = |it: u64| WORDS[(from.wrapping_mul(2_654_435_761) + it * it * 7) as usize % 11];
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    let topic = |number: u64| Topic {
        id: format!("top_{:026x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        title: words(number, 3),
        text: format!("{}, {}.", request.name, words(number + 100, 70)),
        number: (number * 31) as i64,
    };
    ListTopicsResponse {
        topics: (1..=20).map(topic).collect(),
    }
}

struct Greeter;

#[tonic::async_trait]
impl GreetingService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        Ok(Response::new(answer(request.into_inner())))
    }

    async fn list_topics(
        &self,
        request: Request<ListTopicsRequest>,
    ) -> Result<Response<ListTopicsResponse>, Status> {
        Ok(Response::new(topics(request.get_ref())))
    }
}
