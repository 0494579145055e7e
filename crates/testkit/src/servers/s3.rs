//! An S3-compatible store in the process: signatures are checked, files are kept in a temporary folder.

use std::io::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use platform::Tasks;
use platform::config::SecretText;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use storage::S3Config;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::daemon::{Daemon, Place};

const ACCESS_KEY_ID: &str = "troupe-test";
const SECRET_ACCESS_KEY: &str = "a secret of tests";
const BUCKET: &str = "files";

/// A store with one bucket. It is gone, files and all, with this value.
#[derive(Debug)]
pub struct S3 {
    address: SocketAddr,
    folder: Daemon,
    is_paused: watch::Sender<bool>,
    /// Ends the listener and all connections.
    running: CancellationToken,
}

impl S3 {
    /// Starts a store on a free port of 127.0.0.1. With `disk_bytes`, its files are on a disk of that size, which takes root.
    ///
    /// # Errors
    /// There is no port, or no room for a folder.
    pub async fn start(disk_bytes: Option<u64>) -> Result<Self, Error> {
        let place = Place::new(disk_bytes)?;
        std::fs::create_dir(place.data().join(BUCKET))?;
        let folder = place.keep()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let store = Self {
            address: listener.local_addr()?,
            folder,
            is_paused: watch::Sender::new(false),
            running: CancellationToken::new(),
        };
        store.serve(listener)?;
        Ok(store)
    }

    /// How to reach it, with keys that it knows.
    pub fn config(&self) -> S3Config {
        S3Config {
            bucket: BUCKET.to_owned(),
            endpoint: format!("http://{}", self.address),
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SecretText::new(SECRET_ACCESS_KEY),
            ..S3Config::default()
        }
    }

    /// Where the files are.
    pub fn data(&self) -> PathBuf {
        self.folder.data()
    }

    /// How many files there are.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn count_files(&self) -> Result<usize, Error> {
        fn count(folder: &Path) -> Result<usize, Error> {
            let mut files = 0;
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                files += match entry.file_type()?.is_dir() {
                    true => count(&entry.path())?,
                    false => 1,
                };
            }
            Ok(files)
        }
        count(&self.data().join(BUCKET))
    }

    /// Ends it with all its connections; the files stay.
    pub fn stop(&self) {
        self.running.cancel();
    }

    /// Starts it again after [`S3::stop`], on the same port with the same files.
    ///
    /// # Errors
    /// Another program took the port.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.running = CancellationToken::new();
        self.serve(TcpListener::bind(self.address).await?)
    }

    /// Lets calls wait until [`S3::resume`].
    pub fn pause(&self) {
        self.is_paused.send_replace(true);
    }

    /// Answers again.
    pub fn resume(&self) {
        self.is_paused.send_replace(false);
    }

    fn serve(&self, listener: TcpListener) -> Result<(), Error> {
        let files = FileSystem::new(self.data()).map_err(|e| Error::other(format!("{e:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let connections = Connections {
            service: service.build(),
            is_paused: self.is_paused.subscribe(),
            running: self.running.clone(),
        };
        drop(Tasks::new().spawn(connections.accept(listener)));
        Ok(())
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Clone)]
struct Connections {
    service: S3Service,
    is_paused: watch::Receiver<bool>,
    running: CancellationToken,
}

impl Connections {
    async fn accept(self, listener: TcpListener) {
        let tasks = Tasks::new();
        while let Some(Ok((stream, _))) = self.running.run_until_cancelled(listener.accept()).await
        {
            drop(tasks.spawn(self.clone().serve(stream)));
        }
    }

    async fn serve(self, stream: TcpStream) {
        let service = service_fn(|request: Request<Incoming>| {
            let (service, mut is_paused) = (self.service.clone(), self.is_paused.clone());
            async move {
                // The sender outlives every call that it holds up.
                let _ = is_paused.wait_for(|is_paused| !is_paused).await;
                service.call(request.map(s3s::Body::from)).await
            }
        });
        let http = Builder::new(TokioExecutor::new());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        // How a client's connection ends is the client's business.
        let _ended = self.running.run_until_cancelled(connection).await;
    }
}
