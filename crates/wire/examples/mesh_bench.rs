//! Compares how clients stand the loss of a server: `cargo run --release -p troupe-wire --example mesh_bench -- [callers]
//! [seconds] [milliseconds]`.
//!
//! Three endpoints, one of them dead from the start; the two others are processes of their own that take so many
//! milliseconds for a call. So many callers call one after another, for so many seconds: while all is as it was, from
//! the moment that one process is killed, and from the moment that it is there again. Prints one `name value unit` a line
//! for our channel with a method that may be repeated, for our channel with one that may not, and for tonic's own balance.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io::Read;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh::{Channel, Role};
use platform::Tasks;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Endpoint;
use troupe_proto::users as pb;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_wire::{Endpoints, Upstream};

const SERVE: &str = "--serve";

type Failure = Box<dyn Error + Send + Sync>;

/// How much is called.
#[derive(Debug, Clone, Copy)]
struct Load {
    callers: usize,
    phase: Duration,
    work: Duration,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, or: u64| match arguments.get(index) {
        Some(text) => text.parse(),
        None => Ok(or),
    };
    if arguments.first().is_some_and(|it| it == SERVE) {
        let address = arguments.get(1).ok_or("an address is missing")?.parse()?;
        return serve(address, Duration::from_millis(number(2, 0)?));
    }
    let load = Load {
        callers: usize::try_from(number(0, 16)?)?,
        phase: Duration::from_secs(number(1, 3)?),
        work: Duration::from_millis(number(2, 5)?),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(compare(load))
}

async fn compare(load: Load) -> Result<(), Failure> {
    let world = World::new(load)?;
    let ours = AuthServiceClient::new(world.ours());
    measure("mesh", world, load, || get_jwks(ours.clone())).await?;
    let world = World::new(load)?;
    let ours = AuthServiceClient::new(world.ours());
    measure("mesh_once", world, load, || log_in(ours.clone())).await?;
    let world = World::new(load)?;
    let theirs = AuthServiceClient::new(world.theirs()?);
    measure("tonic", world, load, || get_jwks(theirs.clone())).await
}

/// The contract lets it be repeated.
async fn get_jwks<C>(mut users: AuthServiceClient<C>) -> Result<(), Status>
where
    C: tonic::client::GrpcService<Body>,
    C::Error: Into<Failure>,
    C::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Failure> + Send,
{
    users.get_jwks(pb::GetJwksRequest {}).await.map(drop)
}

/// It doesn't.
async fn log_in(mut users: AuthServiceClient<Channel>) -> Result<(), Status> {
    users.login(pb::LoginRequest::default()).await.map(drop)
}

/// Two processes that live, and an address where none does.
struct World {
    addresses: [SocketAddr; 3],
    killed: Process,
    _spared: Process,
}

impl World {
    fn new(load: Load) -> Result<Self, Failure> {
        // Taken together, so that they differ.
        let ports = [
            StdListener::bind("127.0.0.1:0")?,
            StdListener::bind("127.0.0.1:0")?,
            StdListener::bind("127.0.0.1:0")?,
        ];
        let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); 3];
        for (address, port) in addresses.iter_mut().zip(&ports) {
            *address = port.local_addr()?;
        }
        drop(ports);
        Ok(Self {
            killed: Process::start(addresses[0], load.work)?,
            _spared: Process::start(addresses[1], load.work)?,
            addresses,
        })
    }

    fn ours(&self) -> Channel {
        let endpoints = Endpoints::fixed(self.addresses.map(|it| it.to_string()));
        Upstream::to(Role::Users, endpoints, None, &Tasks::new()).channel()
    }

    fn theirs(&self) -> Result<tonic::transport::Channel, Failure> {
        let mut endpoints = Vec::new();
        for address in self.addresses {
            let endpoint = Endpoint::try_from(format!("http://{address}"))?;
            endpoints.push(
                endpoint
                    .tcp_nodelay(true)
                    .connect_timeout(Duration::from_secs(2)),
            );
        }
        Ok(tonic::transport::Channel::balance_list(
            endpoints.into_iter(),
        ))
    }
}

async fn measure<F>(
    name: &str,
    mut world: World,
    load: Load,
    call: impl Fn() -> F + Clone,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Status>>,
{
    // Until connections are there.
    while call().await.is_err() {}
    report(name, "one_dead", run(load, &call, async || Ok(())).await?);
    let killing = async || Ok(world.killed.kill()?);
    report(name, "killed", run(load, &call, killing).await?);
    let address = world.addresses[0];
    let reviving = async || {
        world.killed = Process::start(address, load.work)?;
        Ok(())
    };
    report(name, "back", run(load, &call, reviving).await?);
    Ok(())
}

/// What became of the calls of a phase.
struct Seen {
    times: Vec<f64>,
    failed: usize,
}

/// Calls for the length of a phase; shortly after its begin something happens.
async fn run<F>(
    load: Load,
    call: impl Fn() -> F,
    event: impl AsyncFnOnce() -> Result<(), Failure>,
) -> Result<Seen, Failure>
where
    F: Future<Output = Result<(), Status>>,
{
    let is_over = AtomicBool::new(false);
    let failed = AtomicUsize::new(0);
    let callers = (0..load.callers).map(|_| async {
        let mut times = Vec::new();
        while !is_over.load(Relaxed) {
            let start = Instant::now();
            match call().await {
                Ok(()) => times.push(start.elapsed().as_secs_f64() * 1e3),
                Err(_) => {
                    failed.fetch_add(1, Relaxed);
                }
            }
        }
        times
    });
    let clock = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let happened = event().await;
        tokio::time::sleep(load.phase).await;
        is_over.store(true, Relaxed);
        happened
    };
    let (times, happened) = tokio::join!(futures::future::join_all(callers), clock);
    happened?;
    let mut times = times.concat();
    times.sort_by(f64::total_cmp);
    Ok(Seen {
        times,
        failed: failed.into_inner(),
    })
}

fn report(name: &str, phase: &str, seen: Seen) {
    let at = |share: f64| {
        let last = seen.times.len().saturating_sub(1);
        let index = (share * last as f64) as usize;
        seen.times.get(index).copied().unwrap_or(f64::NAN)
    };
    println!("{name}_{phase}_failed {} calls", seen.failed);
    println!("{name}_{phase}_answered {} calls", seen.times.len());
    println!("{name}_{phase}_median {:.2} ms", at(0.5));
    println!("{name}_{phase}_p99 {:.2} ms", at(0.99));
    println!("{name}_{phase}_longest {:.2} ms", at(1.0));
}

/// A server in a process of its own, which ends with this one.
struct Process(Child);

impl Process {
    fn start(address: SocketAddr, work: Duration) -> Result<Self, Failure> {
        let child = Command::new(std::env::current_exe()?)
            .args([SERVE, &address.to_string(), &work.as_millis().to_string()])
            .stdin(Stdio::piped())
            .spawn()?;
        Ok(Self(child))
    }

    /// SIGKILL.
    fn kill(&mut self) -> Result<(), Failure> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _was_dead = self.kill();
    }
}

fn serve(address: SocketAddr, work: Duration) -> Result<(), Failure> {
    std::thread::spawn(|| {
        // Ends when whoever started this process does.
        let _ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let tasks = Tasks::new();
        loop {
            let (io, _) = listener.accept().await?;
            io.set_nodelay(true)?;
            let service = service_fn(move |request| answer(request, work));
            let http2 = http2::Builder::new(TokioExecutor::new());
            tasks.spawn(http2.serve_connection(TokioIo::new(io), service));
        }
    })
}

async fn answer(request: Request<Incoming>, work: Duration) -> Result<Response<Body>, Infallible> {
    if request.uri().path().starts_with("/grpc.health") {
        return Ok(Status::unimplemented("nothing is said about health").into_http());
    }
    tokio::time::sleep(work).await;
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        Some(Ok(trailers))
    };
    // An empty message.
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(trailers);
    let mut response = Response::new(Body::new(body));
    let kind = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}
