//! Roles with certificates, on connections of their own.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mesh::Role;
use platform::{Clock, Tasks};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tower::Service;
use troupe_wire::Identity;
use troupe_wire::identity::{DevelopmentCa, IdentityError};

/// A CA, and a certificate of each role.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn new() -> Self {
        let certificates = Self(tempfile::tempdir().unwrap());
        certificates.issue(&Role::ALL);
        certificates
    }

    /// Makes new ones.
    pub(crate) fn issue(&self, roles: &[Role]) {
        let ca = DevelopmentCa::open(self.folder(), Clock::system()).unwrap();
        for role in roles {
            ca.issue(*role).unwrap();
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn load(&self, role: Role) -> Result<Identity, IdentityError> {
        Identity::load(self.folder(), role)
    }

    pub(crate) fn of(&self, role: Role) -> Identity {
        self.load(role).unwrap()
    }
}

/// A socket at a free port, and its address.
pub(crate) async fn socket() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// One HTTP/2 connection, to call through.
#[derive(Clone)]
pub(crate) struct Wire(pub(crate) SendRequest<Body>);

impl Wire {
    /// A connection by which `identity` calls `server`.
    pub(crate) async fn connect(
        identity: &Identity,
        server: Role,
        address: SocketAddr,
    ) -> io::Result<Self> {
        let io = TcpStream::connect(address).await?;
        Self::over(identity.connect(io, server).await?).await
    }

    async fn over(io: TlsStream<TcpStream>) -> io::Result<Self> {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await;
        let (sender, connection) = handshake.map_err(io::Error::other)?;
        Tasks::new().spawn(connection);
        Ok(Self(sender))
    }
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Body>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.0.send_request(request);
        Box::pin(async move { Ok(answer.await?.map(Body::new)) })
    }
}

/// What generated clients take for the address.
pub(crate) fn origin() -> http::Uri {
    "https://users".parse().unwrap()
}

/// A client that believes every server and has no certificate of its own.
pub(crate) async fn connect_as_nobody(address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believer))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let io = TcpStream::connect(address).await?;
    let name = ServerName::try_from("users").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, io).await
}

#[derive(Debug)]
struct Believer;

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = aws_lc_rs::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
