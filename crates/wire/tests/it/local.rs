//! The certificate by which browsers know a gateway.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use platform::{Clock, Timestamp};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use troupe_wire::identity::{DevelopmentError, LocalCertificate};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// Whether a browser that trusts the authority takes the certificate in the folder for a name.
fn is_taken(local: &LocalCertificate, name: &str, now: Timestamp) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(local.authority()).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().unwrap();
    let shown = local.authority().with_file_name("server.pem");
    let shown = CertificateDer::from_pem_file(shown).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.secs().unsigned_abs()));
    let checked = verifier.verify_server_cert(&shown, &[], &name, &[], now);
    checked.map(|_| ())
}

#[test]
fn browsers_take_it_for_its_name_and_for_this_machine_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fake(NOW).0;
    let local = LocalCertificate::open(folder.path(), "Box.local.", clock.clone()).unwrap();
    assert_eq!(local.name(), "box.local");
    for name in ["box.local", "localhost", "127.0.0.1", "::1"] {
        is_taken(&local, name, NOW).unwrap();
    }
    for name in ["other.local", "bank.example", "192.0.2.1"] {
        assert!(is_taken(&local, name, NOW).is_err(), "{name}");
    }
    let local = LocalCertificate::open(folder.path(), "192.0.2.1", clock).unwrap();
    is_taken(&local, "192.0.2.1", NOW).unwrap();
    assert!(is_taken(&local, "192.0.2.2", NOW).is_err());
}

#[test]
fn the_authority_is_good_for_no_other_name_whoever_has_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalCertificate::open(folder.path(), "box.local", Clock::fake(NOW).0).unwrap();
    let authority = std::fs::read_to_string(local.authority()).unwrap();
    let key = std::fs::read_to_string(local.authority().with_file_name("ca-key.pem")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&authority, key).unwrap();
    let forged = rcgen::CertificateParams::new(vec!["bank.example".to_owned()]).unwrap();
    let forged = forged.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer);
    std::fs::write(
        local.authority().with_file_name("server.pem"),
        forged.unwrap().pem(),
    )
    .unwrap();
    let refused = is_taken(&local, "bank.example", NOW).unwrap_err();
    assert!(
        format!("{refused:?}").contains("NameConstraint"),
        "{refused:?}"
    );
}

#[test]
fn it_is_kept_and_renewed_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, time) = Clock::fake(NOW);
    let open = || LocalCertificate::open(folder.path(), "box.local", clock.clone()).unwrap();
    let local = open();
    let (authority, first) = (
        std::fs::read(local.authority()).unwrap(),
        local.valid_until(),
    );
    assert!(!local.renew().unwrap());
    assert_eq!(open().valid_until(), first);

    time.advance(61 * DAY);
    assert!(local.renew().unwrap() && !local.renew().unwrap());
    assert!(local.valid_until() > first);
    is_taken(&local, "box.local", clock.now()).unwrap();
    assert_eq!(std::fs::read(local.authority()).unwrap(), authority);

    // The same at a start.
    time.advance(200 * DAY);
    is_taken(&open(), "box.local", clock.now()).unwrap();
    assert_eq!(std::fs::read(local.authority()).unwrap(), authority);
}

#[test]
fn what_was_left_half_written_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fake(NOW).0;
    let local = LocalCertificate::open(folder.path(), "box.local", clock.clone()).unwrap();
    let certificate = local.authority().with_file_name("server.pem");
    std::fs::write(certificate, "half").unwrap();
    let local = LocalCertificate::open(folder.path(), "box.local", clock).unwrap();
    is_taken(&local, "box.local", NOW).unwrap();
}

#[test]
fn an_authority_that_is_not_whole_is_noticed_and_a_new_one_made_where_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::fake(NOW).0;
    let open = |name| LocalCertificate::open(folder.path(), name, clock.clone());
    let local = open("box.local").unwrap();
    let whole = std::fs::read(local.authority()).unwrap();
    let of_others = std::fs::read(open("other.local").unwrap().authority()).unwrap();
    for content in [&b""[..], b"half", &whole[..whole.len() / 2], &of_others] {
        std::fs::write(local.authority(), content).unwrap();
        let refused = open("box.local").unwrap_err();
        assert!(matches!(refused, DevelopmentError::Damaged { .. }));
        let text = refused.to_string();
        assert!(
            text.contains("ca.pem") && text.contains("delete it"),
            "{text}"
        );
    }
    std::fs::write(local.authority(), &whole).unwrap();
    is_taken(&open("box.local").unwrap(), "box.local", NOW).unwrap();
    // As the sentence says.
    std::fs::remove_file(local.authority()).unwrap();
    is_taken(&open("box.local").unwrap(), "box.local", NOW).unwrap();
    assert_ne!(std::fs::read(local.authority()).unwrap(), whole);
}

#[test]
fn keys_are_their_owner_s_alone() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalCertificate::open(folder.path(), "box.local", Clock::fake(NOW).0).unwrap();
    for name in ["ca-key.pem", "server-key.pem"] {
        let file = local.authority().with_file_name(name);
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn refuses_what_is_no_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "",
        "*.local",
        "a b",
        "../x",
        "a/b",
        "0.0.0.0",
        "::",
        "http://box",
    ] {
        let opened = LocalCertificate::open(folder.path(), name, Clock::fake(NOW).0);
        assert!(
            matches!(opened, Err(DevelopmentError::Name { .. })),
            "{name}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
