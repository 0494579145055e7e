//! One set of certificates, read from its files and checked as the others will check it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mesh::Role;
use platform::Timestamp;
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::spiffe;
use super::verifier::RoleVerifier;

const HTTP2: &[u8] = b"h2";

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file isn't there.
    #[error("the certificates of {role} are not complete: {} is missing", file.display())]
    Missing {
        /// The role that needs it.
        role: Role,
        /// The file.
        file: PathBuf,
    },
    /// A file can't be read.
    #[error("reading {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {what} in PEM form", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// A certificate is another's.
    #[error("{} is not a certificate of {}, but of {found}", file.display(), spiffe::id(*role))]
    OtherRole {
        /// The file.
        file: PathBuf,
        /// The role that was meant.
        role: Role,
        /// Whose it is.
        found: String,
    },
    /// The other roles would refuse the certificate.
    #[error("{} would be refused by the others", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The parts don't fit together.
    #[error("{} can't be used", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// What connections of a role are made with.
pub(super) struct Credentials {
    /// For those that it makes.
    pub(super) connector: TlsConnector,
    /// For those that it accepts.
    pub(super) acceptor: TlsAcceptor,
    /// Until when the certificate is good.
    pub(super) valid_until: Timestamp,
}

#[derive(Debug)]
pub(super) struct Files {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// What tells one state of the files from another.
pub(super) type Stamp = [Option<FileStamp>; 3];
/// Inode, time of change, size.
type FileStamp = (u64, i64, i64, u64);

/// The parts of a set.
struct Set {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Files {
    /// The files of a role in a folder.
    pub(super) fn of(folder: &Path, role: Role) -> Self {
        Self {
            ca: folder.join("ca.pem"),
            certificate: folder.join(format!("{role}.pem")),
            key: folder.join(format!("{role}-key.pem")),
        }
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.ca.parent().unwrap_or(Path::new("")).to_owned()
    }

    /// How the files are now.
    pub(super) fn stamp(&self) -> Stamp {
        [&self.ca, &self.certificate, &self.key].map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((
                metadata.ino(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.size(),
            ))
        })
    }

    /// Reads the set and checks it.
    pub(super) fn load(&self, role: Role, now: Timestamp) -> Result<Credentials, IdentityError> {
        let set = self.read(role)?;
        let valid_until = self.check_role(&set, role)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::clone(&set.roots);
        let clients = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|_no_root| self.malformed_ca())?;
        self.check_acceptance(&set, &*clients, &provider, now)?;
        let unusable = |source| IdentityError::Unusable {
            file: self.certificate.clone(),
            source,
        };
        let server = server_config(&set, clients, Arc::clone(&provider)).map_err(unusable)?;
        let client = client_config(set, provider).map_err(unusable)?;
        Ok(Credentials {
            connector: TlsConnector::from(Arc::new(client)),
            acceptor: TlsAcceptor::from(Arc::new(server)),
            valid_until,
        })
    }

    fn read(&self, role: Role) -> Result<Set, IdentityError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(role, &self.ca)? {
            roots
                .add(certificate)
                .map_err(|source| IdentityError::Unusable {
                    file: self.ca.clone(),
                    source,
                })?;
        }
        let key = PrivateKeyDer::from_pem_slice(&read(role, &self.key)?);
        Ok(Set {
            roots: Arc::new(roots),
            chain: certificates(role, &self.certificate)?,
            key: key.map_err(|_| IdentityError::Malformed {
                file: self.key.clone(),
                what: "private key",
            })?,
        })
    }

    /// Checks whose certificate it is, and tells until when it is good.
    fn check_role(&self, set: &Set, role: Role) -> Result<Timestamp, IdentityError> {
        let certificate = set.chain.first();
        let found = certificate.and_then(spiffe::role_of);
        if found != Some(role) {
            return Err(IdentityError::OtherRole {
                file: self.certificate.clone(),
                role,
                found: found.map_or_else(|| "no role".to_owned(), spiffe::id),
            });
        }
        certificate
            .and_then(spiffe::valid_until)
            .ok_or_else(|| IdentityError::Malformed {
                file: self.certificate.clone(),
                what: "certificate",
            })
    }

    /// Checks the certificate as the peers of its role do that have the same CA.
    fn check_acceptance(
        &self,
        set: &Set,
        clients: &dyn ClientCertVerifier,
        provider: &CryptoProvider,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.secs().unsigned_abs()));
        let algorithms = provider.signature_verification_algorithms.all;
        let check = || {
            let (own, intermediates) = set
                .chain
                .split_first()
                .ok_or(CertificateError::BadEncoding)?;
            let parsed = ParsedCertificate::try_from(own)?;
            clients.verify_client_cert(own, intermediates, now)?;
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &set.roots,
                intermediates,
                now,
                algorithms,
            )
        };
        check().map_err(|source| IdentityError::Refused {
            file: self.certificate.clone(),
            source,
        })
    }

    fn malformed_ca(&self) -> IdentityError {
        IdentityError::Malformed {
            file: self.ca.clone(),
            what: "certificate",
        }
    }
}

fn read(role: Role, file: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing {
            role,
            file: file.to_owned(),
        },
        _ => IdentityError::Unreadable {
            file: file.to_owned(),
            source,
        },
    })
}

fn certificates(role: Role, file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&read(role, file)?).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(IdentityError::Malformed {
            file: file.to_owned(),
            what: "certificate",
        }),
    }
}

/// Nothing is resumed: each connection shows certificates that are good when it is made.
fn server_config(
    set: &Set,
    clients: Arc<dyn ClientCertVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(set.chain.clone(), set.key.clone_key())?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(config)
}

fn client_config(set: Set, provider: Arc<CryptoProvider>) -> Result<ClientConfig, rustls::Error> {
    let algorithms = provider.signature_verification_algorithms;
    let verifier = RoleVerifier::new(set.roots, algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(set.chain, set.key)?;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(config)
}
