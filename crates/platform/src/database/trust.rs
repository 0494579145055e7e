//! Whose certificates are believed: those that the system's roots vouch for, or `SSL_CERT_FILE`, as everywhere else in the
//! process. A file that the address names with `sslrootcert` takes their place.

use std::error::Error;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sea_orm::SqlxError;
use sea_orm::sqlx::postgres::PgConnectOptions;

/// How the driver calls the parameter that names a file of roots.
const PARAMETERS: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];
/// The variable of PostgreSQL's programs that names one too.
const VARIABLE: &str = "PGSSLROOTCERT";

/// Lets a connection believe the system's roots, unless it is told whom to believe.
pub(super) fn system(options: PgConnectOptions, url: &str) -> PgConnectOptions {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let mut names = parameters
        .split('&')
        .filter_map(|pair| pair.split('=').next());
    if names.any(|name| PARAMETERS.contains(&name)) || std::env::var_os(VARIABLE).is_some() {
        return options;
    }
    match roots() {
        "" => options,
        roots => options.ssl_root_cert_from_pem(roots.as_bytes().to_vec()),
    }
}

/// The system's roots in PEM, read once.
fn roots() -> &'static str {
    static ROOTS: OnceLock<String> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "some of the system's certificates can't be read");
        }
        let certificates = found.certs.into_iter().filter(|certificate| {
            // One that can't be used would keep the driver from using the others.
            let mut store = rustls::RootCertStore::empty();
            store.add(certificate.clone()).is_ok()
        });
        certificates
            .map(|certificate| {
                let text = STANDARD.encode(&certificate);
                format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
            })
            .collect()
    })
}

/// What is wrong with the server's certificate, if that is what an error tells of.
pub(super) fn problem(error: &SqlxError) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        let tls = [Some(error), inner].into_iter().flatten();
        let mut tls = tls.filter_map(|error| error.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(problem)) = tls.next() {
            return Some(format!(
                "its certificate isn't trusted ({problem}): name the file of its CA in SSL_CERT_FILE, or with sslrootcert in \
                 database.url, and the host as the certificate has it"
            ));
        }
        cause = inner.or_else(|| error.source());
    }
    None
}
