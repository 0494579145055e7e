//! Files, in a folder and in a bucket.

use std::path::Path;
use std::time::{Duration, Instant};

use testkit::servers::S3;
use troupe_platform::backends::S3Config;
use troupe_platform::files::{Error, Files, examine};
use troupe_platform::{Backends, Host};

/// For an answer of a store that isn't there, and for a slow machine.
const SOON: Duration = Duration::from_secs(10);

fn host(data_dir: &Path, s3: S3Config) -> Host {
    let backends = Backends {
        s3,
        ..Backends::default()
    };
    Host {
        backends,
        ..Host::new(data_dir)
    }
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

async fn gives_back_what_was_stored(files: &Files) {
    files.put("a.png", b"picture".to_vec()).await.unwrap();
    assert_eq!(files.find("a.png").await.unwrap().unwrap(), b"picture");
}

async fn the_last_of_a_name_counts(files: &Files) {
    files.put("a", b"a longer first".to_vec()).await.unwrap();
    files.put("a", b"second".to_vec()).await.unwrap();
    assert_eq!(files.find("a").await.unwrap().unwrap(), b"second");
    assert_eq!(files.list(None).await.unwrap(), ["a"]);
}

async fn nothing_is_found_where_nothing_is(files: &Files) {
    assert_eq!(files.find("a").await.unwrap(), None);
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
    let host = host(dir.path(), S3Config::default());
    suite(|folder| Files::open(&host, folder).unwrap()).await;
}

#[tokio::test]
async fn holds_in_a_bucket() {
    let (dir, store) = (tempfile::tempdir().unwrap(), S3::start(None).await.unwrap());
    let host = host(dir.path(), store.config());
    suite(|folder| Files::open(&host, folder).unwrap()).await;
    assert!(dir.path().read_dir().unwrap().next().is_none());
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
    let files = Files::open(&host(dir.path(), store.config()), "gone").unwrap();
    files.put("a", b"before".to_vec()).await.unwrap();
    store.stop();
    assert_unavailable(&files).await;
    store.restart().await.unwrap();
    assert_eq!(files.find("a").await.unwrap().unwrap(), b"before");
}

#[tokio::test]
async fn says_so_while_the_store_stands_still_and_uses_it_again() {
    let (dir, store) = (tempfile::tempdir().unwrap(), S3::start(None).await.unwrap());
    let files = Files::open(&host(dir.path(), store.config()), "still").unwrap();
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
    assert!(refused.is_about_keys(), "{refused}");
    let files = Files::open(&host(dir.path(), config), "refused").unwrap();
    let put = files.put("a", b"picture".to_vec()).await;
    assert!(matches!(put, Err(Error::Refused(_))), "{put:?}");
    examine(&store.config()).await.unwrap();
}

#[tokio::test]
async fn finds_a_bucket_that_is_missing() {
    let store = S3::start(None).await.unwrap();
    let config = S3Config {
        bucket: "another".to_owned(),
        ..store.config()
    };
    let missing = examine(&config).await.unwrap_err();
    assert!(!missing.is_about_keys(), "{missing}");
}
