//! Starting, stopping, and standing in one another's way.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use testkit::servers::Redis;
use tokio::net::TcpStream;

use crate::person::{Person, nobody};
use crate::platform::Setup;

#[tokio::test]
async fn ends_with_status_0_when_asked_to() {
    let setup = Setup::new();
    let platform = setup.start().await;
    let status = platform.stop().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn finds_accounts_again_after_a_restart() {
    let setup = Setup::new();
    let first = setup.start().await;
    let mut ann = Person::register(&first, "Ann").await;
    first.stop().await;

    let second = setup.start().await;
    ann = ann.at(&second);
    assert_eq!(
        ann.get("/api/v1/users/me").await["email"],
        "ann@example.com",
        "the old token is good"
    );
    ann.log_in().await;
    assert_eq!(ann.get("/api/v1/users/me").await["displayName"], "Ann");
}

#[tokio::test]
async fn takes_all_the_files_that_it_may_open() {
    const AT_FIRST: usize = 64;
    let setup = Setup::new();
    let script = setup.path("few-files.sh");
    let executable = setup.executable().display();
    let text = format!("#!/bin/sh\nulimit -Sn {AT_FIRST}\nexec '{executable}' \"$@\"\n");
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o700)).unwrap();
    let setup = setup.of(script);
    let platform = setup.start().await;
    let mut idle = Vec::new();
    for _ in 0..AT_FIRST * 2 {
        idle.push(TcpStream::connect(platform.address()).await.unwrap());
    }
    Person::register(&platform, "Ann").await;
}

#[tokio::test]
async fn refuses_a_second_platform_on_the_same_folder_and_names_the_first() {
    let setup = Setup::new();
    let first = setup.start().await;
    let second = setup.run(&["up"]).await;
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8(second.stderr).unwrap();
    let folder = setup.data_dir().display().to_string();
    for part in [&first.pid().to_string(), first.url(), &folder, "--data-dir"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(
        nobody(&first)
            .request(reqwest::Method::GET, "/readyz")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn refuses_an_address_that_is_taken_and_says_how_to_choose_another() {
    let first = Setup::new();
    let first = first.start().await;
    let second = Setup::new().run(&["up", "--listen", first.address()]).await;
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(
        error.contains(first.address()) && error.contains("--listen"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[tokio::test]
async fn refuses_a_configuration_with_a_key_that_nobody_reads() {
    let setup = Setup::new().with("TROUPE__GATEWAY__LISEN", "127.0.0.1:1");
    let output = setup.run(&["up"]).await;
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("lisen"), "{error}");
}

#[tokio::test]
async fn explains_itself() {
    let help = Setup::new().run(&["--help"]).await;
    let help = String::from_utf8(help.stdout).unwrap();
    for part in ["chat", "doctor", "serve", "--data-dir", "Examples:"] {
        assert!(help.contains(part), "{part} is missing");
    }
    let policy = Setup::new().run(&["contracts", "policy"]).await;
    assert_eq!(
        String::from_utf8(policy.stdout).unwrap(),
        troupe_proto::policy::table()
    );
}

#[tokio::test]
async fn starts_and_is_ready_while_redis_is_missing() {
    let redis = Redis::start().await.unwrap();
    redis.daemon().unwrap().kill().unwrap();
    let setup = Setup::new().with("TROUPE__REDIS__URL", redis.url());
    let platform = setup.start().await;
    let ready = nobody(&platform).request(reqwest::Method::GET, "/readyz");
    assert_eq!(ready.send().await.unwrap().status(), 200);
    let mut ann = Person::register(&platform, "Ann").await;
    ann.log_in().await;
    assert_eq!(ann.get("/api/v1/users/me").await["displayName"], "Ann");
}
