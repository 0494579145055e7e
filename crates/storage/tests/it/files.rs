//! Files, in a folder and in a bucket.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use platform::config::SecretText;
use testkit::servers::S3;
use troupe_storage::database::sqlite::InUse;
use troupe_storage::files::{Error, Files, Refusal, examine};
use troupe_storage::{Owner, S3Config, Storage};

/// For an answer of a store that isn't there, and for a slow machine.
const SOON: Duration = Duration::from_secs(10);

fn storage(data_dir: &Path, s3: S3Config) -> Storage {
    Storage {
        s3,
        ..Storage::new(data_dir)
    }
}

#[tokio::test]
async fn a_folder_says_whose_it_is_beside_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Owner::generate();
    let storage = Storage {
        in_use: Some(InUse::by(owner)),
        ..Storage::new(dir.path())
    };
    let place = storage.folder("a/pictures");
    let files = Files::open(&storage, "a/pictures").unwrap();
    assert_eq!(Owner::of_folder(&place), None, "nobody misses it");
    files.put("1", b"picture".to_vec()).await.unwrap();
    assert_eq!(Owner::of_folder(&place), Some(owner));
    assert_eq!(files.list(None).await.unwrap(), ["1"]);
    // One of before, which lost its last file since.
    files.delete("1").await.unwrap();
    std::fs::remove_file(place.join("platform")).unwrap();
    Files::open(&storage, "a/pictures").unwrap();
    assert_eq!(Owner::of_folder(&place), Some(owner));
}

/// What every implementation does. `open` gives the files of a folder.
async fn suite(open: impl Fn(&str) -> Files) {
    gives_back_what_was_stored(&open("plain")).await;
    the_last_of_a_name_counts(&open("overwritten")).await;
    nothing_is_found_where_nothing_is(&open("missing")).await;
    what_was_deleted_is_gone(&open("deleted")).await;
    lists_by_folder(&open("listed")).await;
    keeps_large_files_and_empty_ones(&open("sizes")).await;
    folders_are_apart(&open("one"), &open("one/two"), &open("other")).await;
}

#[tokio::test]
async fn a_folder_is_noted_with_its_first_file_and_one_of_what_can_be_made_again_never() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage {
        in_use: Some(InUse::default()),
        ..Storage::new(dir.path())
    };
    let is_noted = |folder: &str| dir.path().join("stores/files").join(folder).exists();
    let files = Files::open(&storage, "a/pictures").unwrap();
    assert!(!is_noted("a/pictures"), "nothing can be lost yet");
    files.put("1", b"picture".to_vec()).await.unwrap();
    assert!(is_noted("a/pictures"));
    // A folder of before there were notes.
    std::fs::remove_dir_all(dir.path().join("stores")).unwrap();
    Files::open(&storage, "a/pictures").unwrap();
    assert!(is_noted("a/pictures"));
    let derived = Files::open(&storage, "a/picture-sizes").unwrap();
    derived.put("1", b"picture".to_vec()).await.unwrap();
    assert!(!is_noted("a/picture-sizes"));
    // Who only looks at a folder that others may have notes nothing.
    let looking = Storage::new(dir.path());
    let files = Files::open(&looking, "b/pictures").unwrap();
    files.put("1", b"picture".to_vec()).await.unwrap();
    assert!(!is_noted("b/pictures"));
}

async fn gives_back_what_was_stored(files: &Files) {
    files.put("a.png", b"picture".to_vec()).await.unwrap();
    assert_eq!(files.find("a.png").await.unwrap().unwrap(), b"picture");
    assert!(files.has("a.png").await.unwrap());
}

async fn the_last_of_a_name_counts(files: &Files) {
    files.put("a", b"a longer first".to_vec()).await.unwrap();
    files.put("a", b"second".to_vec()).await.unwrap();
    assert_eq!(files.find("a").await.unwrap().unwrap(), b"second");
    assert_eq!(files.list(None).await.unwrap(), ["a"]);
}

async fn nothing_is_found_where_nothing_is(files: &Files) {
    assert_eq!(files.find("a").await.unwrap(), None);
    assert!(!files.has("a").await.unwrap());
    assert!(files.list(None).await.unwrap().is_empty());
    files.delete("a").await.unwrap();
}

async fn what_was_deleted_is_gone(files: &Files) {
    files.put("a", b"first".to_vec()).await.unwrap();
    files.put("b", b"second".to_vec()).await.unwrap();
    files.delete("a").await.unwrap();
    assert_eq!(files.find("a").await.unwrap(), None);
    assert_eq!(files.list(None).await.unwrap(), ["b"]);
}

async fn lists_by_folder(files: &Files) {
    for name in ["x/1", "x/2", "xy/3", "z"] {
        files.put(name, name.into()).await.unwrap();
    }
    let mut all = files.list(None).await.unwrap();
    all.sort();
    assert_eq!(all, ["x/1", "x/2", "xy/3", "z"]);
    let mut of_x = files.list(Some("x")).await.unwrap();
    of_x.sort();
    assert_eq!(of_x, ["x/1", "x/2"]);
}

async fn keeps_large_files_and_empty_ones(files: &Files) {
    let large: Vec<u8> = (0..24_000_000_u32).map(|i| (i % 251) as u8).collect();
    files.put("large", large.clone()).await.unwrap();
    assert!(files.find("large").await.unwrap().unwrap() == large);
    files.put("empty", Vec::new()).await.unwrap();
    assert_eq!(files.find("empty").await.unwrap().unwrap(), b"");
}

async fn folders_are_apart(one: &Files, within: &Files, other: &Files) {
    within.put("a", b"within".to_vec()).await.unwrap();
    assert_eq!(one.find("a").await.unwrap(), None);
    assert_eq!(other.find("a").await.unwrap(), None);
    assert_eq!(one.list(None).await.unwrap(), ["two/a"]);
}

#[tokio::test]
async fn holds_in_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path(), S3Config::default());
    suite(|folder| Files::open(&storage, folder).unwrap()).await;
}

#[tokio::test]
async fn holds_in_a_bucket() {
    let (dir, store) = (tempfile::tempdir().unwrap(), S3::start(None).await.unwrap());
    let storage = storage(dir.path(), store.config());
    suite(|folder| Files::open(&storage, folder).unwrap()).await;
    assert!(dir.path().read_dir().unwrap().next().is_none());
}

fn refusal_of(error: &Error) -> Option<&Refusal> {
    match error {
        Error::Refused { refusal, .. } => Some(refusal),
        _ => None,
    }
}

/// What every call says while the store is away.
async fn assert_unavailable(files: &Files) {
    let began = Instant::now();
    let put = files.put("a", b"while it was away".to_vec()).await;
    assert!(matches!(put, Err(Error::Unavailable(_))), "{put:?}");
    let found = files.find("a").await;
    assert!(matches!(found, Err(Error::Unavailable(_))), "{found:?}");
    let deleted = files.delete("a").await;
    assert!(matches!(deleted, Err(Error::Unavailable(_))), "{deleted:?}");
    let listed = files.list(None).await;
    assert!(matches!(listed, Err(Error::Unavailable(_))), "{listed:?}");
    let waited = began.elapsed() / 4;
    assert!(waited < SOON, "each call took {waited:?}");
}

#[tokio::test]
async fn says_so_while_the_store_is_gone_and_uses_it_again() {
    let (dir, mut store) = (tempfile::tempdir().unwrap(), S3::start(None).await.unwrap());
    let files = Files::open(&storage(dir.path(), store.config()), "gone").unwrap();
    files.put("a", b"before".to_vec()).await.unwrap();
    store.stop();
    assert_unavailable(&files).await;
    store.restart().await.unwrap();
    assert_eq!(files.find("a").await.unwrap().unwrap(), b"before");
}

#[tokio::test]
async fn says_so_while_the_store_stands_still_and_uses_it_again() {
    let (dir, store) = (tempfile::tempdir().unwrap(), S3::start(None).await.unwrap());
    let files = Files::open(&storage(dir.path(), store.config()), "still").unwrap();
    files.put("b", b"before".to_vec()).await.unwrap();
    store.pause();
    assert_unavailable(&files).await;
    store.resume();
    assert_eq!(files.find("b").await.unwrap().unwrap(), b"before");
}

#[tokio::test]
async fn refuses_wrong_keys_and_says_so() {
    let (dir, store) = (tempfile::tempdir().unwrap(), S3::start(None).await.unwrap());
    let config = S3Config {
        access_key_id: "somebody".to_owned(),
        ..store.config()
    };
    let refused = examine(&config).await.unwrap_err();
    assert_eq!(refusal_of(&refused), Some(&Refusal::Keys), "{refused}");
    let files = Files::open(&storage(dir.path(), config), "refused").unwrap();
    let put = files.put("a", b"picture".to_vec()).await.unwrap_err();
    assert_eq!(refusal_of(&put), Some(&Refusal::Keys), "{put}");
    examine(&store.config()).await.unwrap();
}

/// What every call says of a store that refuses, and so does a look at it.
async fn each_call_says(config: S3Config, expected: &Refusal) {
    let dir = tempfile::tempdir().unwrap();
    let looked = examine(&config).await.err();
    let files = Files::open(&storage(dir.path(), config), "refused").unwrap();
    for error in [
        looked,
        files.put("a", b"picture".to_vec()).await.err(),
        files.find("a").await.err(),
        files.delete("a").await.err(),
    ] {
        let error = error.unwrap_or_else(|| panic!("{expected:?}"));
        assert_eq!(refusal_of(&error), Some(expected), "{error}");
        assert_eq!(error.to_string(), format!("the file store {expected}"));
        let told = error.passing().unwrap();
        assert!(told.contains("the file store"), "{told}");
        assert!(!told.contains(&expected.to_string()), "{told}");
    }
}

#[tokio::test]
async fn says_that_a_bucket_is_missing() {
    let store = S3::start(None).await.unwrap();
    let config = S3Config {
        bucket: "another".to_owned(),
        ..store.config()
    };
    let looked = examine(&config).await.unwrap_err();
    assert_eq!(looked.to_string(), "the file store has no bucket another");
}

/// A store that answers everything with one error.
fn answering(status: &str, code: &str) -> S3Config {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let body = match code {
        "" => String::new(),
        code => format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>"
        ),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} No\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _whatever = connection.read(&mut [0; 1 << 16]);
            let _gone = connection.write_all(answer.as_bytes());
        }
    });
    S3Config {
        bucket: "files".to_owned(),
        endpoint,
        access_key_id: "somebody".to_owned(),
        secret_access_key: SecretText::new("hunter2"),
        ..S3Config::default()
    }
}

#[tokio::test]
async fn names_what_a_store_refuses_by_its_code() {
    for (status, code, refusal) in [
        ("403", "AccessDenied", Refusal::Keys),
        ("403", "InvalidAccessKeyId", Refusal::Keys),
        ("403", "SignatureDoesNotMatch", Refusal::Keys),
        ("400", "InvalidToken", Refusal::Keys),
        ("403", "", Refusal::Keys),
        ("401", "", Refusal::Keys),
        ("400", "ExpiredToken", Refusal::Expired),
        ("403", "RequestTimeTooSkewed", Refusal::Clock),
        ("404", "NoSuchBucket", Refusal::Bucket("files".to_owned())),
        (
            "400",
            "AuthorizationHeaderMalformed",
            Refusal::Region("No.".to_owned()),
        ),
        (
            "301",
            "PermanentRedirect",
            Refusal::Region("it redirects".to_owned()),
        ),
    ] {
        each_call_says(answering(status, code), &refusal).await;
    }
}

#[tokio::test]
async fn what_answers_otherwise_refuses_nothing_and_may_pass() {
    let dir = tempfile::tempdir().unwrap();
    for (status, code) in [("400", "InvalidRequest"), ("404", ""), ("404", "NoSuchKey")] {
        let config = answering(status, code);
        let looked = examine(&config).await.unwrap_err();
        assert!(matches!(looked, Error::Unavailable(_)), "{code}: {looked}");
        let files = Files::open(&storage(dir.path(), config), "other").unwrap();
        let put = files.put("a", b"picture".to_vec()).await.unwrap_err();
        assert_eq!(refusal_of(&put), None, "{put}");
        assert!(put.passing().is_some(), "{put}");
    }
    let files = Files::open(&storage(dir.path(), answering("404", "NoSuchKey")), "other").unwrap();
    assert_eq!(files.find("a").await.unwrap(), None);
}
