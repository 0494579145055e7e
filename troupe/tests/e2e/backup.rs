//! Backups, also of a platform that is being written to; restores; and starts on folders that aren't whole.

mod lost;
mod moments;
mod places;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::cards::maren;
use crate::person::Person;
use crate::platform::{Platform, Setup, eventually};

/// Without limits to how fast one person writes.
fn setup() -> Setup {
    let mut setup = Setup::new();
    for class in ["READ", "WRITE"] {
        for key in ["PER_SECOND", "BURST"] {
            let rate = format!("TROUPE__GATEWAY__RATES__{class}__{key}");
            setup = setup.with(&rate, "1000000");
        }
    }
    setup
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn backup(setup: &Setup, dir: &Path) -> Output {
    setup.run(&["backup", dir.to_str().unwrap()]).await
}

async fn restore(setup: &Setup, dir: &Path, more: &[&str]) -> Output {
    let args = [&["restore", dir.to_str().unwrap()], more].concat();
    setup.run(&args).await
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

async fn refused(output: Output, parts: &[&str]) {
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "one sentence: {error}");
    for part in parts {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
}

/// What of a folder a platform leaves that is killed now.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The files of a folder with what is in them, without the lock, which names whoever tried last, and SQLite's memory.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("troupe.lock") && !path.to_str().unwrap().ends_with("-shm") {
                let bytes = fs::read(&path).unwrap();
                // Whether an empty log stays depends on who is faster: SQLite's thread or the end of the process.
                if !(bytes.is_empty() && path.to_str().unwrap().ends_with("-wal")) {
                    files.push((path, bytes));
                }
            }
        }
    }
    files.sort();
    files
}

/// Writes numbers until it is told to stop: each to users, then to roleplay.
async fn write_numbers(ann: &Person, acknowledged: &AtomicU64, stop: &AtomicBool) {
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let profile = json!({"displayName": format!("Ann {number}")});
        ann.ok(Method::PATCH, "/api/v1/users/me", profile).await;
        let persona = json!({"name": format!("{number}"), "description": "someone"});
        ann.ok(Method::POST, "/api/v1/roleplay/personas", persona)
            .await;
        acknowledged.store(number, Ordering::Release);
    }
}

/// The numbers in a platform's data: the last of users, and all of roleplay.
async fn read_numbers(ann: &Person) -> (u64, Vec<u64>) {
    let profile = ann.get("/api/v1/users/me").await;
    let name = profile["displayName"].as_str().unwrap().to_owned();
    let last = name.strip_prefix("Ann").unwrap().trim().parse();
    let (mut numbers, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/roleplay/personas?pageSize=100&pageToken={token}");
        let page = ann.get(&path).await;
        let personas = page["personas"].as_array().cloned().unwrap_or_default();
        for persona in personas {
            numbers.push(persona["name"].as_str().unwrap().parse().unwrap());
        }
        token = page["nextPageToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if token.is_empty() {
            break;
        }
    }
    numbers.sort();
    (last.unwrap_or(0), numbers)
}

async fn picture_of_first_character(ann: &Person) -> reqwest::StatusCode {
    let characters = ann.get("/api/v1/roleplay/characters").await;
    let id = characters["characters"][0]["id"].as_str().unwrap();
    let picture = format!("/api/v1/roleplay/characters/{id}/avatar");
    let answer = ann.request(Method::GET, &picture).send().await.unwrap();
    answer.status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_writes_is_of_one_moment_and_has_all_that_was_acknowledged() {
    let setup = setup();
    let platform = setup.start().await;
    let ann = Arc::new(Person::register(&platform, "Ann").await);
    ann.import(maren()).await;
    let (acknowledged, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let writer = {
        let (ann, acknowledged, stop) = (ann.clone(), acknowledged.clone(), stop.clone());
        platform::Tasks::new().spawn(async move { write_numbers(&ann, &acknowledged, &stop).await })
    };
    let mut backups = Vec::new();
    for round in 0..3 {
        let before = acknowledged.load(Ordering::Acquire);
        let dir = setup.path("backups").join(round.to_string());
        let output = backup(&setup, &dir).await;
        succeeded(&output);
        assert!(stdout(&output).contains("keys"), "{}", stdout(&output));
        backups.push((before, acknowledged.load(Ordering::Acquire), dir));
    }
    stop.store(true, Ordering::Relaxed);
    eventually("the writer ends", writer).await.unwrap();
    platform.kill().await;

    for (before, after, dir) in backups {
        for (path, _) in contents(&dir) {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is private", path.display());
        }
        let elsewhere = self::setup();
        let output = restore(&elsewhere, &dir, &[]).await;
        succeeded(&output);
        let restored = elsewhere.start().await;
        let mut ann = ann.at(&restored);
        ann.get("/api/v1/users/me").await;
        ann.log_in().await;
        let (last, numbers) = read_numbers(&ann).await;
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        let count = numbers.len() as u64;
        assert!(last == count || last == count + 1, "{last} and {count}");
        assert!(
            before <= count && count <= after + 1,
            "{before} {count} {after}"
        );
        assert_eq!(picture_of_first_character(&ann).await, 200);
        assert_eq!(restored.stop().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_backup_of_a_stopped_platform_leaves_it_as_it_was_and_replaces_what_came_later() {
    let setup = Setup::new();
    let platform = setup.start().await;
    Person::register(&platform, "Ann").await;
    platform.stop().await;
    fs::write(setup.data_dir().join("notes.txt"), "somebody's").unwrap();
    let before = contents(&setup.data_dir());
    let dir = setup.path("backup");
    let output = backup(&setup, &dir).await;
    succeeded(&output);
    assert!(
        stdout(&output).contains("left out: notes.txt"),
        "{}",
        stdout(&output)
    );
    assert!(contents(&setup.data_dir()) == before, "nothing has changed");

    let platform = setup.start().await;
    Person::register(&platform, "Bob").await;
    let output = restore(&setup, &dir, &["--replace"]).await;
    refused(
        output,
        &["runs on the data folder", &platform.pid().to_string()],
    )
    .await;
    platform.stop().await;
    refused(
        restore(&setup, &dir, &[]).await,
        &["isn't empty", "--replace"],
    )
    .await;
    let output = restore(&setup, &dir, &["--replace"]).await;
    succeeded(&output);
    assert!(stdout(&output).contains("replaced-"), "{}", stdout(&output));
    assert!(setup.data_dir().join("notes.txt").exists());

    let platform = setup.start().await;
    let again = Person::register(&platform, "Bob").await;
    assert_eq!(again.get("/api/v1/users/me").await["displayName"], "Bob");
}

#[tokio::test]
async fn a_backup_is_refused_where_it_could_not_be_kept() {
    let setup = Setup::new();
    let nothing = backup(&setup, &setup.path("backup")).await;
    refused(nothing, &["nothing to back up", "--data-dir"]).await;
    assert!(!setup.data_dir().exists());
    let platform = setup.start().await;
    platform.stop().await;

    let inside = setup.data_dir().join("backup");
    refused(backup(&setup, &inside).await, &["inside the data folder"]).await;
    let link = setup.path("link");
    std::os::unix::fs::symlink(setup.data_dir(), &link).unwrap();
    let through = link.join("backup");
    refused(backup(&setup, &through).await, &["inside the data folder"]).await;
    let used = setup.path("used");
    fs::create_dir_all(&used).unwrap();
    fs::write(used.join("something"), "").unwrap();
    refused(backup(&setup, &used).await, &["isn't empty"]).await;
    let empty = setup.path("empty");
    fs::create_dir_all(&empty).unwrap();
    assert_eq!(backup(&setup, &empty).await.status.code(), Some(0));
    refused(backup(&setup, &empty).await, &["isn't empty"]).await;
}

#[tokio::test]
async fn a_backup_that_is_damaged_is_refused_and_changes_nothing() {
    let setup = Setup::new();
    setup.start().await.stop().await;
    let dir = setup.path("backup");
    assert_eq!(backup(&setup, &dir).await.status.code(), Some(0));
    let elsewhere = Setup::new();
    let users = dir.join("users.sqlite");
    let mut bytes = fs::read(&users).unwrap();
    bytes[5000] ^= 1;
    fs::write(&users, &bytes).unwrap();
    let output = restore(&elsewhere, &dir, &[]).await;
    refused(output, &["damaged", "users.sqlite", "another backup"]).await;
    assert!(contents(&elsewhere.data_dir()).is_empty());
    assert!(!elsewhere.data_dir().join(".restore").exists());
    let elsewhere = Setup::new();
    fs::write(&users, &bytes[1..]).unwrap();
    let output = restore(&elsewhere, &dir, &[]).await;
    refused(output, &["damaged", "users.sqlite", "another backup"]).await;
    fs::remove_file(&users).unwrap();
    refused(
        restore(&elsewhere, &dir, &[]).await,
        &["lacks users.sqlite"],
    )
    .await;
    fs::remove_file(dir.join("manifest.json")).unwrap();
    refused(restore(&elsewhere, &dir, &[]).await, &["isn't a backup"]).await;
    assert!(!elsewhere.data_dir().exists());
}

#[tokio::test]
async fn a_backup_that_is_killed_or_stopped_leaves_nothing_that_looks_like_one() {
    let setup = Setup::new();
    setup.start().await.stop().await;
    // Large enough to be in the middle of it.
    let large = setup.data_dir().join("files/roleplay/avatars/large.png");
    let large = fs::File::create(large).unwrap();
    large.set_len(1 << 29).unwrap();
    let dir = setup.path("backup");
    let partial = setup.path(".backup.partial");
    for signal in ["-TERM", "-KILL"] {
        let mut command = setup.command(&["backup", dir.to_str().unwrap()]);
        let mut child = command.spawn().unwrap();
        let begun = async {
            while !partial.join("files").exists() {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        eventually("the backup is in the middle", begun).await;
        let pid = child.id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(kill.unwrap().success());
        let ended = eventually("the backup ends", child.wait()).await.unwrap();
        assert!(!ended.success());
        assert!(!dir.exists());
        assert_eq!(partial.exists(), signal == "-KILL");
    }
    large.set_len(1 << 10).unwrap();
    let output = backup(&setup, &dir).await;
    succeeded(&output);
    assert!(!partial.exists());
}

#[tokio::test]
async fn what_servers_keep_is_said_and_shown_by_the_exit_code() {
    let on_servers = Setup::new()
        .with(
            "TROUPE__DATABASE__URL",
            "postgres://ann:secret@db.example/troupe",
        )
        .with("TROUPE__S3__BUCKET", "pictures")
        .with("TROUPE__QDRANT__URL", "http://qdrant.example:6334");
    let dir = on_servers.path("backup");
    let output = backup(&on_servers, &dir).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stdout(&output);
    for part in [
        "pg_dump",
        "db.example",
        "bucket pictures",
        "troupe memory rebuild",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    assert!(!said.contains("secret") && !dir.exists(), "{said}");

    let mixed = Setup::new().with("TROUPE__S3__BUCKET", "pictures");
    let mixed = mixed
        .with("TROUPE__S3__ENDPOINT", "http://127.0.0.1:9")
        .with("TROUPE__S3__ACCESS_KEY_ID", "key")
        .with("TROUPE__S3__SECRET_ACCESS_KEY", "secret");
    mixed.start().await.stop().await;
    let dir = mixed.path("backup");
    let output = backup(&mixed, &dir).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(dir.join("users.sqlite").exists());
    let elsewhere = Setup::new();
    let output = restore(&elsewhere, &dir, &[]).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stdout(&output).contains("pictures"), "{}", stdout(&output));
}

async fn doctor(setup: &Setup) -> String {
    let output = setup.run(&["doctor", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let databases = findings.iter().filter(|it| it["subject"] == "database");
    databases.map(Value::to_string).collect()
}

/// Whether a platform has the account that [`with_ann`] has made.
async fn knows_ann(platform: &Platform) {
    let mut ann = crate::person::nobody(platform);
    ann.email = "ann@example.com".to_owned();
    ann.log_in().await;
}

async fn with_ann(setup: &Setup) -> Platform {
    let platform = setup.start().await;
    Person::register(&platform, "Ann").await;
    platform
}

#[tokio::test]
async fn a_copy_without_the_log_is_refused_by_name_and_one_with_it_starts() {
    let setup = Setup::new();
    let platform = with_ann(&setup).await;
    let copied = Setup::new();
    platform.pause();
    copy_folder(&setup.data_dir(), &copied.data_dir());
    platform.kill().await;

    let log = copied.data_dir().join("users.sqlite-wal");
    let kept = fs::read(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let before = contents(&copied.data_dir());
    let name = log.display().to_string();
    refused(
        copied.run(&["up"]).await,
        &[&name, "touch", "troupe restore"],
    )
    .await;
    assert!(doctor(&copied).await.contains(&name));
    refused(backup(&copied, &copied.path("backup")).await, &[&name]).await;
    assert!(
        contents(&copied.data_dir()) == before,
        "nothing has changed"
    );

    fs::write(&log, kept).unwrap();
    let platform = copied.start().await;
    let mut ann = crate::person::nobody(&platform);
    ann.email = "ann@example.com".to_owned();
    ann.log_in().await;
    assert_eq!(platform.stop().await.code(), Some(0));

    // Killed where it is, it goes on as always; and who only looks leaves that to the next start.
    let events = setup.run(&["events", "lag"]).await;
    assert_eq!(events.status.code(), Some(0), "{}", stderr(&events));
    let output = backup(&setup, &setup.path("backup")).await;
    succeeded(&output);
    let ann = ann.at(&setup.start().await);
    drop(ann);
}

#[tokio::test]
async fn a_folder_that_is_damaged_or_newer_is_refused_in_a_sentence() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let users = setup.data_dir().join("users.sqlite");
    let good = fs::read(&users).unwrap();

    for damage in [good.len() - 1000, 4096, 50] {
        fs::write(&users, &good[..damage]).unwrap();
        refused(
            setup.run(&["up"]).await,
            &["users.sqlite", "damaged", "restore"],
        )
        .await;
        assert!(doctor(&setup).await.contains("damaged"));
    }
    fs::write(&users, "").unwrap();
    refused(setup.run(&["up"]).await, &["users.sqlite", "it is empty"]).await;
    let mut damaged = good.clone();
    damaged[3 * 4096..4 * 4096].fill(0x5a);
    fs::write(&users, &damaged).unwrap();
    fs::write(setup.data_dir().join("users.sqlite-wal"), "").unwrap();
    let where_it_is = ["users.sqlite", "damaged", "page 4, of the "];
    refused(setup.run(&["up"]).await, &where_it_is).await;

    fs::remove_file(setup.data_dir().join("users.sqlite-wal")).unwrap();
    fs::write(&users, &good).unwrap();
    let url = format!("sqlite://{}", setup.data_dir().join("ai.sqlite").display());
    let newer = "INSERT INTO seaql_migrations VALUES ('m99990101_later', 1)";
    let database = sea_orm::Database::connect(url).await.unwrap();
    database.execute_unprepared(newer).await.unwrap();
    database.close().await.unwrap();
    let before = contents(&setup.data_dir());
    for command in [&["up"][..], &["migrate"]] {
        let output = setup.run(command).await;
        refused(output, &["ai.sqlite", "newer version", "m99990101_later"]).await;
    }
    assert!(doctor(&setup).await.contains("newer version"));
    assert!(contents(&setup.data_dir()) == before, "nothing has changed");
}
