//! A certificate authority for development and tests. Its key lies beside the certificates, which is no place for one that
//! anybody must trust: production takes its certificates from elsewhere, such as cert-manager or SPIRE.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh::Role;
use platform::{Clock, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use super::spiffe;

const CA_NAME: &str = "Troupe development CA";
const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_DAYS: u32 = 3650;
const ROLE_DAYS: u32 = 365;
/// How far behind the clock of a peer may be.
const SKEW: Duration = Duration::from_secs(300);
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// Why a certificate was not made.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// A file can't be read or written.
    #[error("using {}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// One half of the CA is there.
    #[error(
        "{} has a CA that was not made here: its key ca-key.pem is missing; choose another folder, or delete ca.pem to make a new CA",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// The key of the CA isn't one.
    #[error("{} holds no private key that certificates can be signed with", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// A certificate can't be made.
    #[error("making the certificate of {name}")]
    Certificate {
        /// Whose.
        name: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

/// A certificate authority in a folder: `ca.pem` and `ca-key.pem`.
#[derive(Debug)]
pub struct DevelopmentCa {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    is_new: bool,
    clock: Clock,
}

/// A certificate that was made.
#[derive(Debug)]
pub struct Issued {
    /// Its file.
    pub certificate: PathBuf,
    /// The file of its private key, readable by its owner alone.
    pub key: PathBuf,
    /// Until when it is good.
    pub valid_until: Timestamp,
}

impl DevelopmentCa {
    /// Takes the authority of a folder, or makes one there.
    ///
    /// # Errors
    /// Where files can't be used, or the folder has a CA that was not made here.
    pub fn open(folder: impl Into<PathBuf>, clock: Clock) -> Result<Self, DevelopmentError> {
        let folder = folder.into();
        let (certificate, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        let (is_new, pair) = match (certificate.exists(), key.exists()) {
            (true, true) => (false, read_key(&key)?),
            (true, false) => return Err(DevelopmentError::Foreign { folder }),
            (false, _) => (true, Self::make(&folder, &certificate, &key, &clock)?),
        };
        Ok(Self {
            issuer: Issuer::new(ca_params(clock.now()), pair),
            folder,
            is_new,
            clock,
        })
    }

    fn make(
        folder: &Path,
        certificate: &Path,
        key: &Path,
        clock: &Clock,
    ) -> Result<KeyPair, DevelopmentError> {
        std::fs::create_dir_all(folder).map_err(|source| DevelopmentError::File {
            file: folder.to_owned(),
            source,
        })?;
        let failed = |source| DevelopmentError::Certificate {
            name: CA_NAME.to_owned(),
            source,
        };
        let pair = KeyPair::generate().map_err(failed)?;
        let made = ca_params(clock.now()).self_signed(&pair).map_err(failed)?;
        put(key, PRIVATE, &pair.serialize_pem())?;
        put(certificate, PUBLIC, &made.pem())?;
        Ok(pair)
    }

    /// Whether the authority was made just now.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The authority's certificate, which every process needs.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Makes a key and a certificate for a role, in the place of those that are there.
    ///
    /// # Errors
    /// Where files can't be written.
    pub fn issue(&self, role: Role) -> Result<Issued, DevelopmentError> {
        let failed = |source| DevelopmentError::Certificate {
            name: role.to_string(),
            source,
        };
        let now = self.clock.now();
        let pair = KeyPair::generate().map_err(failed)?;
        let params = role_params(role, now).map_err(failed)?;
        let made = params.signed_by(&pair, &self.issuer).map_err(failed)?;
        let issued = Issued {
            certificate: self.folder.join(format!("{role}.pem")),
            key: self.folder.join(format!("{role}-key.pem")),
            valid_until: now + ROLE_DAYS * DAY,
        };
        put(&issued.key, PRIVATE, &pair.serialize_pem())?;
        put(&issued.certificate, PUBLIC, &made.pem())?;
        Ok(issued)
    }
}

/// The same at every start, but for the times: what certificates say of their issuer must be what the CA says of itself.
fn ca_params(now: Timestamp) -> CertificateParams {
    let mut params = params(CA_NAME, now, CA_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn role_params(role: Role, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(role.name(), now, ROLE_DAYS);
    params.subject_alt_names = vec![SanType::URI(spiffe::id(role).try_into()?)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}

fn params(name: &str, now: Timestamp, days: u32) -> CertificateParams {
    let since_1970 = Duration::from_secs(now.secs().unsigned_abs());
    let now = date_time_ymd(1970, 1, 1) + since_1970;
    let mut params = CertificateParams::default();
    params.not_before = now - SKEW;
    params.not_after = now + days * DAY;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Troupe");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn read_key(file: &Path) -> Result<KeyPair, DevelopmentError> {
    let text = std::fs::read_to_string(file).map_err(|source| DevelopmentError::File {
        file: file.to_owned(),
        source,
    })?;
    KeyPair::from_pem(&text).map_err(|source| DevelopmentError::Key {
        file: file.to_owned(),
        source,
    })
}

/// Puts a whole file into its place: a process that reads while it is written has the one before.
fn put(file: &Path, mode: u32, text: &str) -> Result<(), DevelopmentError> {
    let new = file.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        let mut handle: File = options.open(&new)?;
        // One that was left half written may have another mode.
        handle.set_permissions(Permissions::from_mode(mode))?;
        handle.write_all(text.as_bytes())?;
        handle.sync_all()?;
        std::fs::rename(&new, file)
    };
    write().map_err(|source| DevelopmentError::File {
        file: file.to_owned(),
        source,
    })
}
