//! Who a process is to the others: certificates that name roles (`spiffe://troupe/users`) instead of hosts, so that both
//! ends of a connection know with whom they speak, wherever that runs.

mod authority;
mod credentials;
mod development;
mod local;
mod spiffe;
mod verifier;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use arc_swap::ArcSwap;
use mesh::Role;
use platform::{Clock, Timestamp};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::{client, server};

use self::credentials::{Credentials, Files, Stamp};

pub use self::authority::{DevelopmentError, Issued};
pub use self::credentials::IdentityError;
pub use self::development::DevelopmentCa;
pub use self::local::LocalCertificate;
pub use self::spiffe::{id, role_of, valid_until};

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificates of a role, from a folder with `ca.pem`, `<role>.pem` and `<role>-key.pem`. Cheap to clone.
///
/// New connections take what the folder holds now: a new set is noticed within a second. A set that can't be used is
/// logged, and the one before it stays.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    role: Role,
    files: Files,
    current: ArcSwap<Credentials>,
    looked: Mutex<Looked>,
}

/// When the files were looked at, and what they were like.
struct Looked {
    at: Instant,
    stamp: Stamp,
}

impl Identity {
    /// Reads the certificates of `role`.
    ///
    /// # Errors
    /// Where a file is missing, or the other roles would not accept what it holds.
    pub fn load(folder: impl AsRef<Path>, role: Role) -> Result<Self, IdentityError> {
        let files = Files::of(folder.as_ref(), role);
        // Before reading: what is written meanwhile is then seen as new.
        let stamp = files.stamp();
        let credentials = files.load(role, Clock::system().now())?;
        let at = Instant::now();
        Ok(Self(Arc::new(Inner {
            role,
            files,
            current: ArcSwap::from_pointee(credentials),
            looked: Mutex::new(Looked { at, stamp }),
        })))
    }

    /// The role that the certificates name.
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The folder that they are in.
    pub fn folder(&self) -> PathBuf {
        self.0.files.folder()
    }

    /// Until when they are good.
    pub fn valid_until(&self) -> Timestamp {
        self.0.credentials().valid_until
    }

    /// Makes a connection to a server that proves to be `server`.
    ///
    /// # Errors
    /// What the handshake fails with. A server that doesn't accept this role says so only when it is first read from.
    pub async fn connect(
        &self,
        io: TcpStream,
        server: Role,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        // The name isn't looked up: it tells the verifier whose certificate it must be.
        let name = ServerName::try_from(server.name()).map_err(io::Error::other)?;
        self.0.credentials().connector.connect(name, io).await
    }

    /// Lets in a client that proves to be a role, and tells which.
    ///
    /// # Errors
    /// What the handshake fails with.
    pub async fn accept(&self, io: TcpStream) -> io::Result<(server::TlsStream<TcpStream>, Role)> {
        let stream = self.0.credentials().acceptor.accept(io).await?;
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[_]>::first);
        let role = certificate.and_then(role_of).ok_or_else(|| {
            let reason = "the client's certificate names no role";
            io::Error::new(io::ErrorKind::PermissionDenied, reason)
        })?;
        Ok((stream, role))
    }
}

impl Inner {
    /// What a new connection stands on.
    fn credentials(&self) -> Arc<Credentials> {
        if self.is_changed() {
            self.take_over();
        }
        self.current.load_full()
    }

    /// Looks at the files, if it is time, and tells whether they are others than at the last look.
    fn is_changed(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.at.elapsed() < LOOK_EVERY {
            return false;
        }
        let stamp = self.files.stamp();
        let is_changed = stamp != looked.stamp;
        *looked = Looked {
            at: Instant::now(),
            stamp,
        };
        is_changed
    }

    fn take_over(&self) {
        match self.files.load(self.role, Clock::system().now()) {
            Ok(credentials) => {
                let valid_until_secs = credentials.valid_until.secs();
                tracing::info!(
                    role = self.role.name(),
                    valid_until_secs,
                    "new certificates are in use"
                );
                self.current.store(Arc::new(credentials));
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    role = self.role.name(),
                    error,
                    "new certificates can't be used; the old ones stay"
                );
            }
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("role", &self.0.role)
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}
