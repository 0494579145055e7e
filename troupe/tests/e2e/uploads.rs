//! The memory of uploads that stop in the middle.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::StreamBody;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use crate::person::Person;
use crate::platform::{Platform, Setup, eventually};

const MIB: u64 = 1 << 20;
const UPLOADS: u64 = 60;
/// What comes of each.
const PART_MIB: u64 = 4;
/// What a process may have more than before, besides what uploads took: caches, and pages that are partly used.
const MARGIN_MIB: u64 = 40;
/// Memory is given back in this time.
const GIVEN_BACK: Duration = Duration::from_secs(60);

fn resident_mib(platform: &Platform) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", platform.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .strip_suffix(" kB")
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024
}

fn setup() -> Setup {
    let mut setup = Setup::new();
    for bound in ["BYTES", "BYTES_PER_ADDRESS", "BYTES_PER_PERSON"] {
        let all = 2 * UPLOADS * PART_MIB * MIB;
        setup = setup.with(
            &format!("TROUPE__GATEWAY__BODIES__{bound}"),
            all.to_string(),
        );
    }
    for key in ["PER_SECOND", "BURST"] {
        setup = setup.with(&format!("TROUPE__GATEWAY__RATES__WRITE__{key}"), "1000000");
    }
    setup
}

/// Uploads on one connection of HTTP/2, each of which stops after a part. They end with this.
async fn stopped(ann: &Person, platform: &Platform) -> JoinSet<()> {
    let mut builder = Client::builder(TokioExecutor::new());
    let client: Client<HttpConnector, _> = builder.http2_only(true).build_http();
    let mut uploads = JoinSet::new();
    for _ in 0..UPLOADS {
        let piece = Bytes::from(vec![b'x'; MIB as usize / 8]);
        let pieces = futures::stream::repeat(piece).take(8 * PART_MIB as usize);
        let pieces = pieces.map(|piece| Ok::<_, std::io::Error>(hyper::body::Frame::data(piece)));
        let body = StreamBody::new(pieces.chain(futures::stream::pending()));
        let path = format!("{}/api/v1/roleplay/characters:import", platform.url());
        let request = http::Request::post(path)
            .header("content-type", "application/octet-stream")
            .header("authorization", format!("Bearer {}", ann.token()));
        let answer = client.request(request.body(body).unwrap());
        uploads.spawn(async move {
            let answer = answer.await;
            panic!("it was answered: {answer:?}");
        });
    }
    uploads
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_uploads_that_stopped_is_given_back_once_their_connection_ends() {
    let setup = setup();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    let before = resident_mib(&platform);
    let uploads = stopped(&ann, &platform).await;
    let much = before + UPLOADS * PART_MIB * 9 / 10;
    let arrive = async {
        while resident_mib(&platform) < much {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    eventually("the parts arrive", arrive).await;
    drop(uploads);
    // Nobody asks for anything meanwhile.
    let given_back = async {
        while resident_mib(&platform) > before + MARGIN_MIB {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(GIVEN_BACK, given_back).await;
    let now = resident_mib(&platform);
    assert!(in_time.is_ok(), "{now} MiB, of {before} before");
}
