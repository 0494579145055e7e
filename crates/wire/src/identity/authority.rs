//! A certificate authority in a folder: `ca.pem`, and its key beside it, which is no place for one that anybody must trust.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use platform::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::spiffe;

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_DAYS: u32 = 3650;
/// How far behind the clock of a peer may be, or this one when it is set back.
const SKEW: Duration = DAY;
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
    /// The certificate of the CA isn't one, or that of another key.
    #[error(
        "{} holds no certificate that belongs to the key ca-key.pem beside it: restore both from a backup; or delete it to make a new CA, which devices then have to trust instead of the old one",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
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
    /// A name that no certificate can have.
    #[error("`{name}` is neither the name of a host nor an address: write one such as box.local")]
    Name {
        /// The name.
        name: String,
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

/// The authority of a folder.
#[derive(Debug)]
pub(super) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    is_new: bool,
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

impl Authority {
    /// Takes the authority of a folder, or makes one there by its parameters, which must be the same at every start but for the
    /// times: what certificates say of their issuer must be what the authority says of itself.
    pub(super) fn open(
        folder: PathBuf,
        params: CertificateParams,
    ) -> Result<Self, DevelopmentError> {
        let (certificate, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        let (is_new, pair) = match (certificate.exists(), key.exists()) {
            (true, true) => {
                let pair = read_key(&key)?;
                if !is_of(&certificate, &pair) {
                    return Err(DevelopmentError::Damaged { file: certificate });
                }
                (false, pair)
            }
            (true, false) => return Err(DevelopmentError::Foreign { folder }),
            (false, _) => (true, make(&folder, &certificate, &key, &params)?),
        };
        Ok(Self {
            issuer: Issuer::new(params, pair),
            folder,
            is_new,
        })
    }

    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The files of a certificate and its key.
    pub(super) fn files(&self, name: &str) -> (PathBuf, PathBuf) {
        let certificate = self.folder.join(format!("{name}.pem"));
        (certificate, self.folder.join(format!("{name}-key.pem")))
    }

    /// Makes a key and a certificate, in the place of those that are there.
    pub(super) fn issue(
        &self,
        name: &str,
        params: CertificateParams,
    ) -> Result<Issued, DevelopmentError> {
        let failed = |source| failed(name, source);
        let valid_until = Timestamp::from_micros(params.not_after.unix_timestamp() * 1_000_000);
        let pair = KeyPair::generate().map_err(failed)?;
        let made = params.signed_by(&pair, &self.issuer).map_err(failed)?;
        let (certificate, key) = self.files(name);
        put(&key, PRIVATE, &pair.serialize_pem())?;
        put(&certificate, PUBLIC, &made.pem())?;
        Ok(Issued {
            certificate,
            key,
            valid_until,
        })
    }
}

pub(super) fn failed(name: &str, source: rcgen::Error) -> DevelopmentError {
    let name = name.to_owned();
    DevelopmentError::Certificate { name, source }
}

fn make(
    folder: &Path,
    certificate: &Path,
    key: &Path,
    params: &CertificateParams,
) -> Result<KeyPair, DevelopmentError> {
    std::fs::create_dir_all(folder).map_err(|source| DevelopmentError::File {
        file: folder.to_owned(),
        source,
    })?;
    let failed = |source| failed("the CA", source);
    let pair = KeyPair::generate().map_err(failed)?;
    let made = params.self_signed(&pair).map_err(failed)?;
    put(key, PRIVATE, &pair.serialize_pem())?;
    put(certificate, PUBLIC, &made.pem())?;
    Ok(pair)
}

/// What an authority says of itself.
pub(super) fn ca_params(name: &str, now: Timestamp) -> CertificateParams {
    let mut params = params(name, now, CA_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(super) fn params(name: &str, now: Timestamp, days: u32) -> CertificateParams {
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

/// Whether a file has the certificate of a key.
fn is_of(file: &Path, pair: &KeyPair) -> bool {
    let certificate = CertificateDer::from_pem_file(file).ok();
    certificate.is_some_and(|it| spiffe::public_key(&it).as_deref() == Some(pair.public_key_raw()))
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
