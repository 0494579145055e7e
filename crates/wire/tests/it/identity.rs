//! Who is let in, who is called, and how certificates change.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::{fs, io};

use mesh::Role;
use platform::{Clock, Timestamp};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use troupe_wire::Identity;
use troupe_wire::identity::{DevelopmentCa, IdentityError};

use crate::peers::{Certificates, connect_as_nobody, socket};

/// More than the time between two looks at the files.
const A_WHILE: Duration = Duration::from_secs(2);

/// Lets `client` call `server`, which should be `meant`. Tells what the client got, and whom the server saw.
async fn meet(client: &Identity, server: &Identity, meant: Role) -> (io::Result<()>, Option<Role>) {
    let (listener, address) = socket().await;
    let calling = async {
        let io = TcpStream::connect(address).await?;
        let mut stream = client.connect(io, meant).await?;
        // Until then the client doesn't know whether it was let in.
        stream.read_exact(&mut [0]).await.map(drop)
    };
    tokio::join!(calling, greet(listener, server))
}

/// Lets one client in, says a byte to it, and tells who it is.
async fn greet(listener: TcpListener, server: &Identity) -> Option<Role> {
    use tokio::io::AsyncWriteExt;
    let (io, _address) = listener.accept().await.unwrap();
    let (mut stream, role) = server.accept(io).await.ok()?;
    stream.write_all(b"!").await.unwrap();
    stream.shutdown().await.unwrap();
    Some(role)
}

#[tokio::test]
async fn both_ends_learn_who_the_other_is() {
    let certificates = Certificates::new();
    let users = certificates.of(Role::Users);
    for role in Role::ALL {
        let (called, seen) = meet(&certificates.of(role), &users, Role::Users).await;
        called.unwrap();
        assert_eq!(seen, Some(role));
    }
}

#[tokio::test]
async fn a_server_that_is_another_role_is_not_called() {
    let certificates = Certificates::new();
    let (gateway, ai) = (certificates.of(Role::Gateway), certificates.of(Role::Ai));
    let (called, seen) = meet(&gateway, &ai, Role::Users).await;
    let error = called.unwrap_err().to_string();
    assert!(error.contains("spiffe://troupe/ai"), "{error}");
    assert_eq!(seen, None);
}

#[tokio::test]
async fn certificates_of_another_ca_are_worth_nothing_at_either_end() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let (client, server) = (others.of(Role::Gateway), ours.of(Role::Users));
    let (called, seen) = meet(&client, &server, Role::Users).await;
    assert!(called.is_err());
    assert_eq!(seen, None);
}

#[tokio::test]
async fn a_client_without_a_certificate_is_not_let_in() {
    let certificates = Certificates::new();
    let users = certificates.of(Role::Users);
    let (listener, address) = socket().await;
    let calling = async {
        let mut stream = connect_as_nobody(address).await?;
        stream.read_exact(&mut [0]).await
    };
    let (called, seen) = tokio::join!(calling, greet(listener, &users));
    assert!(called.is_err());
    assert_eq!(seen, None);
}

#[tokio::test(start_paused = true)]
async fn new_files_are_taken_over_and_those_that_can_not_be_used_are_not() {
    let certificates = Certificates::new();
    let (gateway, users) = (certificates.of(Role::Gateway), certificates.of(Role::Users));
    let certificate = certificates.folder().join("users.pem");

    fs::write(&certificate, "half of a certif").unwrap();
    tokio::time::advance(A_WHILE).await;
    let (called, _) = meet(&gateway, &users, Role::Users).await;
    called.unwrap();

    // As if the platform moved to another CA.
    let others = Certificates::new();
    for name in ["ca.pem", "users.pem", "users-key.pem"] {
        fs::copy(others.folder().join(name), certificates.folder().join(name)).unwrap();
    }
    tokio::time::advance(A_WHILE).await;
    let (called, seen) = meet(&others.of(Role::Ai), &users, Role::Users).await;
    called.unwrap();
    assert_eq!(seen, Some(Role::Ai));
    let before = Certificates::new().of(Role::Ai);
    let (_, seen) = meet(&before, &users, Role::Users).await;
    assert_eq!(seen, None);
}

#[test]
fn says_which_file_is_missing_and_which_holds_something_else() {
    let certificates = Certificates::new();
    let file = |name: &str| certificates.folder().join(name);

    fs::copy(file("ai.pem"), file("users.pem")).unwrap();
    let error = certificates.load(Role::Users).unwrap_err();
    assert!(matches!(error, IdentityError::OtherRole { .. }), "{error}");

    fs::write(file("users.pem"), "nothing").unwrap();
    let error = certificates.load(Role::Users).unwrap_err();
    assert!(matches!(error, IdentityError::Malformed { .. }), "{error}");

    fs::remove_file(file("users.pem")).unwrap();
    let error = certificates.load(Role::Users).unwrap_err();
    assert!(matches!(error, IdentityError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("users.pem"), "{error}");

    fs::copy(file("ai-key.pem"), file("roleplay-key.pem")).unwrap();
    let error = certificates.load(Role::Roleplay).unwrap_err();
    assert!(matches!(error, IdentityError::Unusable { .. }), "{error}");
}

#[test]
fn a_certificate_that_the_others_would_refuse_is_found_at_the_start() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    fs::copy(others.folder().join("ca.pem"), ours.folder().join("ca.pem")).unwrap();
    let error = ours.load(Role::Users).unwrap_err();
    assert!(matches!(error, IdentityError::Refused { .. }), "{error}");

    let long_ago = Clock::fake(Timestamp::from_micros(1_500_000_000_000_000)).0;
    let folder = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(folder.path(), long_ago).unwrap();
    ca.issue(Role::Users).unwrap();
    let error = Identity::load(folder.path(), Role::Users).unwrap_err();
    assert!(matches!(error, IdentityError::Refused { .. }), "{error}");
}

#[test]
fn private_keys_are_for_their_owner_and_the_ca_is_kept() {
    let certificates = Certificates::new();
    for name in ["ca-key.pem", "users-key.pem"] {
        let mode = fs::metadata(certificates.folder().join(name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let ca = fs::read(certificates.folder().join("ca.pem")).unwrap();
    let key = fs::read(certificates.folder().join("users-key.pem")).unwrap();
    certificates.issue(&[Role::Users]);
    assert_eq!(fs::read(certificates.folder().join("ca.pem")).unwrap(), ca);
    assert_ne!(
        fs::read(certificates.folder().join("users-key.pem")).unwrap(),
        key
    );
    assert_eq!(certificates.of(Role::Users).role(), Role::Users);
}
