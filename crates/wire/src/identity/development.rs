//! A certificate authority for development and tests. Its key lies beside the certificates: production takes its certificates
//! from elsewhere, such as cert-manager or SPIRE.

use std::path::PathBuf;

use mesh::Role;
use platform::{Clock, Timestamp};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};

use super::authority::{Authority, DevelopmentError, Issued, ca_params, failed, params};
use super::spiffe;

const CA_NAME: &str = "Troupe development CA";
const ROLE_DAYS: u32 = 365;

/// A certificate authority in a folder: `ca.pem` and `ca-key.pem`.
#[derive(Debug)]
pub struct DevelopmentCa {
    authority: Authority,
    clock: Clock,
}

impl DevelopmentCa {
    /// Takes the authority of a folder, or makes one there.
    ///
    /// # Errors
    /// Where files can't be used, or the folder has a CA that was not made here.
    pub fn open(folder: impl Into<PathBuf>, clock: Clock) -> Result<Self, DevelopmentError> {
        let params = ca_params(CA_NAME, clock.now());
        let authority = Authority::open(folder.into(), params)?;
        Ok(Self { authority, clock })
    }

    /// Whether the authority was made just now.
    pub fn is_new(&self) -> bool {
        self.authority.is_new()
    }

    /// The authority's certificate, which every process needs.
    pub fn certificate(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Makes a key and a certificate for a role, in the place of those that are there.
    ///
    /// # Errors
    /// Where files can't be written.
    pub fn issue(&self, role: Role) -> Result<Issued, DevelopmentError> {
        let params = role_params(role, self.clock.now());
        let params = params.map_err(|source| failed(role.name(), source))?;
        self.authority.issue(role.name(), params)
    }
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
