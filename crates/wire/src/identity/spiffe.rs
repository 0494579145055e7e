//! The names of roles in certificates.

use mesh::Role;
use platform::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// What all names begin with: the trust domain.
const PREFIX: &str = "spiffe://troupe/";

/// The SPIFFE id of a role.
pub fn id(role: Role) -> String {
    format!("{PREFIX}{role}")
}

/// The role that a certificate names. `None` where it names none, or something else besides: SPIFFE wants one URI alone.
pub fn role_of(certificate: &CertificateDer<'_>) -> Option<Role> {
    let certificate = parse(certificate)?;
    let names = certificate.subject_alternative_name().ok().flatten()?;
    let mut ids = names.value.general_names.iter().filter_map(uri);
    match (ids.next(), ids.next()) {
        (Some(id), None) => Role::find(id.strip_prefix(PREFIX)?),
        _ => None,
    }
}

/// Until when a certificate is good.
pub fn valid_until(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let secs = parse(certificate)?.validity().not_after.timestamp();
    Some(Timestamp::from_micros(secs.saturating_mul(1_000_000)))
}

/// The key that a certificate names, as its bits.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let key = &parse(certificate)?
        .tbs_certificate
        .subject_pki
        .subject_public_key;
    Some(key.data.to_vec())
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (_rest, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(certificate)
}

fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    match name {
        GeneralName::URI(uri) => Some(uri),
        _ => None,
    }
}
