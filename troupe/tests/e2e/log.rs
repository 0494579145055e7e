//! Logs that nobody reads, or that can't be written.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::platform::{Setup, eventually};

/// More lines than a pipe holds that nobody reads.
const REQUESTS: usize = 400;

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_neither_requests_nor_the_process() {
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    serves_with("a reader that is gone", gone.into()).await;
    let (_unread, full) = std::io::pipe().unwrap();
    serves_with("a reader that doesn't read", full.into()).await;
    let no_room = File::options().write(true).open("/dev/full").unwrap();
    serves_with("no room", no_room.into()).await;
}

async fn serves_with(what: &str, log: Stdio) {
    let setup = Setup::new();
    let mut process = setup.command(&["up"]).stderr(log).spawn().unwrap();
    let address = eventually(what, address(&setup)).await;
    let url = format!("http://{address}/.well-known/jwks.json");
    for _ in 0..REQUESTS {
        let answer = eventually(what, reqwest::get(&url)).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{what}");
    }
    let pid = Pid::from_raw(process.id().unwrap() as i32).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let exit = eventually(what, process.wait()).await.unwrap();
    assert!(exit.success(), "{what}: {exit}");
    let left = std::fs::read_dir(setup.data_dir()).unwrap().flatten();
    let logs: Vec<_> = left
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with("-wal"))
        .collect();
    assert!(logs.is_empty(), "{what}: {logs:?}");
}

/// Where the platform listens, once it is ready: the file that claims its data folder says so.
async fn address(setup: &Setup) -> String {
    loop {
        let claim = std::fs::read(setup.data_dir().join("troupe.lock")).unwrap_or_default();
        let claim: Value = serde_json::from_slice(&claim).unwrap_or_default();
        if let Some(address) = claim["address"].as_str() {
            return address.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
