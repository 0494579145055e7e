//! The certificate by which the browsers of a local network know a gateway. Whoever trusts its authority trusts it for this
//! name and for their own machine alone: the authority itself says so, and browsers hold it to that. So its key may lie where
//! the platform can renew the certificate by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use platform::{Clock, Timestamp};
use rcgen::{
    CertificateParams, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authority::{Authority, DevelopmentError, ca_params, failed, params};
use super::spiffe;

/// The certificate's files, without their endings.
const FILE: &str = "server";
/// No browser takes more than 398.
const DAYS: u32 = 90;
/// It is renewed when it has no more left than this.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// Names of this machine, for those who sit at it.
const OWN_NAME: &str = "localhost";
const OWN_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The certificate of a name, kept in a folder.
#[derive(Debug)]
pub struct LocalCertificate {
    name: String,
    authority: Authority,
    clock: Clock,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    valid_until: Timestamp,
}

impl LocalCertificate {
    /// Takes the certificate of a name from below a folder, or makes it there, and an authority with it if there is none.
    ///
    /// # Errors
    /// Where it is no name, or files can't be used.
    pub fn open(folder: &Path, name: &str, clock: Clock) -> Result<Self, DevelopmentError> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let names = Names::of(&name)?;
        let now = clock.now();
        let mut ca = ca_params(&format!("Troupe CA for {name}"), now);
        ca.name_constraints = Some(names.constraints());
        // A colon has a meaning of its own in many places.
        let authority = Authority::open(folder.join(name.replace(':', "-")), ca)?;
        let current = match read(&authority) {
            // One of a CA that is gone is good for nobody who trusts the new one.
            Some(current) if !is_due(&current, now) && !authority.is_new() => current,
            _ => issue(&authority, &names, now)?,
        };
        Ok(Self {
            name,
            authority,
            clock,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate of its authority, which devices have to trust.
    pub fn authority(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Until when the certificate is good that is in use.
    pub fn valid_until(&self) -> Timestamp {
        self.current.load().valid_until
    }

    /// Servers that show the newest certificate.
    ///
    /// # Errors
    /// Never, with the cryptography that is built in.
    pub fn server(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth();
        let newest = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        Ok(config.with_cert_resolver(newest))
    }

    /// Makes the certificate anew if it ends soon. True if it was made.
    ///
    /// # Errors
    /// Where files can't be written. The one before stays in use.
    pub fn renew(&self) -> Result<bool, DevelopmentError> {
        let now = self.clock.now();
        if !is_due(&self.current.load(), now) {
            return Ok(false);
        }
        let renewed = issue(&self.authority, &Names::of(&self.name)?, now)?;
        self.current.store(Arc::new(renewed));
        Ok(true)
    }

    /// Renews the certificate before it ends. Never returns.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.renew() {
                Ok(false) => {}
                Ok(true) => tracing::info!(name = self.name, "the certificate was renewed"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the certificate can't be renewed; it is tried again");
                }
            }
        }
    }
}

impl ResolvesServerCert for LocalCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

/// What the certificate names.
struct Names {
    hosts: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Names {
    fn of(name: &str) -> Result<Self, DevelopmentError> {
        let (mut hosts, mut addresses) = (vec![OWN_NAME.to_owned()], OWN_ADDRESSES.to_vec());
        match name.parse::<IpAddr>() {
            Ok(address) if !address.is_unspecified() => addresses.push(address),
            Err(_) if DnsName::try_from(name).is_ok() => hosts.push(name.to_owned()),
            _ => {
                let name = name.to_owned();
                return Err(DevelopmentError::Name { name });
            }
        }
        hosts.dedup();
        Ok(Self { hosts, addresses })
    }

    /// The authority is good for these alone.
    fn constraints(&self) -> NameConstraints {
        let hosts = self.hosts.iter().cloned().map(GeneralSubtree::DnsName);
        let addresses = self.addresses.iter().map(|address| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, bits))
        });
        NameConstraints {
            permitted_subtrees: hosts.chain(addresses).collect(),
            excluded_subtrees: Vec::new(),
        }
    }

    fn params(&self, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
        let mut names = Vec::new();
        for host in &self.hosts {
            names.push(SanType::DnsName(host.as_str().try_into()?));
        }
        names.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        let mut params = params("Troupe", now, DAYS);
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params)
    }
}

fn is_due(current: &Current, now: Timestamp) -> bool {
    current.valid_until.since(now) < RENEW_BEFORE
}

fn issue(
    authority: &Authority,
    names: &Names,
    now: Timestamp,
) -> Result<Current, DevelopmentError> {
    let params = names.params(now).map_err(|source| failed(FILE, source))?;
    let issued = authority.issue(FILE, params)?;
    read(authority).ok_or_else(|| DevelopmentError::File {
        file: issued.certificate,
        source: std::io::Error::other("what was just written can't be read"),
    })
}

/// The certificate that is there, if it is whole.
fn read(authority: &Authority) -> Option<Current> {
    let (certificate, key) = authority.files(FILE);
    let certificate = CertificateDer::from_pem_file(certificate).ok()?;
    let key = PrivateKeyDer::from_pem_file(key).ok()?;
    let valid_until = spiffe::valid_until(&certificate)?;
    let provider = aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(vec![certificate], key, &provider).ok()?;
    Some(Current {
        key: Arc::new(key),
        valid_until,
    })
}
