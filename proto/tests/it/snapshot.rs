//! `TROUPE_UPDATE_SNAPSHOTS=1 cargo test -p troupe-proto` writes what is checked in.

use troupe_proto::{DESCRIPTOR_SET, descriptor_pool, policy};

#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
fn compare(name: &str, actual: &str) {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("TROUPE_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{name} differs from the contracts; run `just snapshots`, and read the diff"
    );
}

#[test]
fn policy_table_is_checked_in() {
    compare("policy.txt", &policy::table());
}

#[test]
fn embedded_descriptors_keep_their_options() {
    assert!(!DESCRIPTOR_SET.is_empty());
    let pool = descriptor_pool();
    let http = pool.get_extension_by_name("google.api.http").unwrap();
    for method in policy::METHODS {
        let (service, name) = method.path[1..].split_once('/').unwrap();
        let service = pool.get_service_by_name(service).unwrap();
        let descriptor = service.methods().find(|m| m.name() == name).unwrap();
        let is_internal = method.audience == policy::Audience::Service;
        assert_eq!(
            descriptor.options().has_extension(&http),
            !is_internal,
            "{}",
            method.path
        );
    }
}

#[test]
fn finds_a_policy_by_its_grpc_path() {
    let login = policy::find("/troupe.users.v1.AuthService/Login").unwrap();
    assert_eq!(login.audience, policy::Audience::Public);
    assert!(!login.idempotent);
    assert!(policy::find("/troupe.users.v1.AuthService/Nothing").is_none());
}
