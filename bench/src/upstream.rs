//! The upstream of the gateway's benchmark: a gRPC server on one thread that does next to nothing.

use std::net::SocketAddr;

use anyhow::Result;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::contract::greeting_service_server::{GreetingService, GreetingServiceServer};
use crate::contract::{GreetRequest, GreetResponse};
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

struct Greeter;

#[tonic::async_trait]
impl GreetingService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        Ok(Response::new(answer(request.into_inner())))
    }
}
