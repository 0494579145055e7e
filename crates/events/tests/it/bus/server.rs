//! What happens to the bus when NATS goes, comes back or stands still, and what it leaves there.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use async_nats::{ConnectOptions, RequestErrorKind};
use bytes::Bytes;
use futures::FutureExt;
use platform::Tasks;
use platform::config::ServerUrl;
use testkit::servers::Nats;
use testkit::waiting::{PATIENCE, eventually};
use troupe_events::NatsConfig;
use troupe_events::bus::{Bus, Lost, Received, Subscription, TooLarge, Topic};

use super::{Process, config, message, next, room};
use crate::stage::until;

const UNSURE: Received = Received::Lost(Lost::Unknown);

/// Listens to a topic, whether the server is there or not.
async fn soon(process: &Process, topic: &Topic) -> Subscription {
    let subscribing = process.bus.subscribe(topic);
    eventually("nobody waits for NATS", subscribing).await
}

/// Speaks until that is heard. What is lost instead is told, so that each wait ends.
async fn until_heard(process: &Process, topic: &Topic, subscription: &mut Subscription) {
    loop {
        process.say(topic, "again");
        if next(subscription).await == message("again") {
            return;
        }
    }
}

/// Whether nobody listens to a subject, which the server says at once.
async fn is_deserted(client: &async_nats::Client, subject: &str) -> bool {
    let asked = client.request(subject.to_owned(), Bytes::new()).await;
    asked.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders)
}

#[tokio::test]
async fn a_topic_is_known_to_the_server_for_as_long_as_somebody_listens() {
    let server = Nats::shared().await.unwrap();
    let config = config(server);
    let process = Process::connect(&config).await;
    let options = ConnectOptions::new().request_timeout(Some(Duration::from_millis(100)));
    let client = options.connect(server.url()).await.unwrap();
    let subject = format!("{}.bus.room.lobby", config.prefix);
    assert!(is_deserted(&client, &subject).await);
    let one = process.bus.subscribe(&room("lobby")).await;
    let other = process.bus.subscribe(&room("lobby")).await;
    drop(one);
    assert!(!is_deserted(&client, &subject).await);
    drop(other);
    until("the server forgets the topic", async || {
        is_deserted(&client, &subject).await
    })
    .await;
}

#[tokio::test]
async fn while_nats_is_away_messages_are_dropped_and_subscriptions_live_again_after_it() {
    let server = Nats::start(None).await.unwrap();
    let config = config(&server);
    let (here, there) = (
        Process::connect(&config).await,
        Process::connect(&config).await,
    );
    let topic = room("lobby");
    let mut early = here.bus.subscribe(&topic).await;
    there.say(&topic, "before");
    assert_eq!(next(&mut early).await, message("before"));
    server.daemon().unwrap().kill().unwrap();
    for process in [&here, &there] {
        eventually("the death is noticed", process.bus.lost()).await;
        for number in 0..10_000 {
            process.say(&topic, format!("meanwhile {number}"));
        }
        assert_eq!(process.bus.dropped(), 10_000);
    }
    let mut late = soon(&here, &topic).await;
    let mut elsewhere = soon(&here, &room("elsewhere")).await;
    assert_eq!(early.next().now_or_never(), None, "nothing came meanwhile");
    server.daemon().unwrap().start().unwrap();
    for process in [&here, &there] {
        eventually("NATS is reached again", process.bus.reached()).await;
    }
    there.say(&topic, "after");
    there.say(&room("elsewhere"), "after");
    for subscription in [&mut early, &mut late, &mut elsewhere] {
        assert_eq!(next(subscription).await, UNSURE);
        assert_eq!(next(subscription).await, message("after"));
    }
}

#[tokio::test]
async fn a_process_starts_without_nats_and_uses_it_when_it_comes() {
    let server = Nats::start(None).await.unwrap();
    server.daemon().unwrap().kill().unwrap();
    let process = Process::open(&config(&server)).await;
    let mut subscription = soon(&process, &room("lobby")).await;
    process.say(&room("lobby"), "before");
    assert_eq!(process.bus.dropped(), 1);
    server.daemon().unwrap().start().unwrap();
    eventually("NATS is reached", process.bus.reached()).await;
    process.say(&room("lobby"), "after");
    assert_eq!(next(&mut subscription).await, UNSURE);
    assert_eq!(next(&mut subscription).await, message("after"));
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_stands_still() {
    let server = Nats::start(None).await.unwrap();
    let process = Process::connect(&config(&server)).await;
    let topic = room("lobby");
    let mut subscription = process.bus.subscribe(&topic).await;
    server.daemon().unwrap().pause().unwrap();
    let mut published = 0;
    while process.bus.dropped() == 0 {
        assert!(published < 10_000, "more waits than there is room for");
        process.say(&topic, "x".repeat(64 * 1024));
        published += 1;
        tokio::task::yield_now().await;
    }
    let mut elsewhere = soon(&process, &room("elsewhere")).await;
    server.daemon().unwrap().resume().unwrap();
    until_heard(&process, &topic, &mut subscription).await;
    assert_eq!(next(&mut elsewhere).await, UNSURE);
    process.say(&room("elsewhere"), "again");
    assert_eq!(next(&mut elsewhere).await, message("again"));
}

#[tokio::test]
async fn a_process_that_has_no_time_for_what_arrives_is_told_of_a_loss() {
    let server = Nats::shared().await.unwrap();
    let config = config(server);
    let process = Process::connect(&config).await;
    let mut subscription = process.bus.subscribe(&room("lobby")).await;
    let mut elsewhere = process.bus.subscribe(&room("elsewhere")).await;
    // Blocks the thread on which the process has everything to do.
    flood(server, &format!("{}.bus.room.lobby", config.prefix), 50_000);
    for subscription in [&mut subscription, &mut elsewhere] {
        while next(subscription).await != UNSURE {}
    }
    until_heard(&process, &room("lobby"), &mut subscription).await;
}

/// Publishes so many messages as fast as can be, and returns once the server has them.
fn flood(server: &Nats, subject: &str, messages: usize) {
    let address = server.url().trim_start_matches("nats://");
    let mut connection = TcpStream::connect(address).unwrap();
    let mut answers = BufReader::new(connection.try_clone().unwrap()).lines();
    let publish = format!("PUB {subject} 1\r\nx\r\n");
    let text = format!(
        "CONNECT {{\"verbose\":false}}\r\n{}PING\r\n",
        publish.repeat(messages)
    );
    connection.write_all(text.as_bytes()).unwrap();
    while answers.next().unwrap().unwrap() != "PONG" {}
}

#[tokio::test]
async fn what_was_published_before_the_end_is_sent() {
    let server = Nats::shared().await.unwrap();
    let config = config(server);
    let (here, there) = (
        Process::connect(&config).await,
        Process::connect(&config).await,
    );
    let topic = room("lobby");
    let mut subscription = here.bus.subscribe(&topic).await;
    for number in 0..1000 {
        there.say(&topic, number.to_string());
    }
    assert!(there.tasks.shut_down(PATIENCE).await);
    for number in 0..1000 {
        assert_eq!(next(&mut subscription).await, message(number.to_string()));
    }
}

#[tokio::test]
async fn a_server_that_takes_less_than_we_do_refuses_by_name() {
    let server = Nats::start_with("max_payload: 1000").await.unwrap();
    let process = Process::connect(&config(&server)).await;
    let topic = room("lobby");
    let mut subscription = process.bus.subscribe(&topic).await;
    let (bytes, most) = (1001, 1000);
    let refused = process.bus.publish(&topic, Bytes::from(vec![0; bytes]));
    assert_eq!(refused, Err(TooLarge { bytes, most }));
    let fits = Bytes::from(vec![0; most]);
    process.bus.publish(&topic, fits.clone()).unwrap();
    assert_eq!(next(&mut subscription).await, Received::Message(fits));
}

#[tokio::test]
async fn platforms_of_other_prefixes_are_apart_and_odd_prefixes_refused() {
    let server = Nats::shared().await.unwrap();
    let (ours, theirs) = (config(server), config(server));
    let (us, them) = (
        Process::connect(&ours).await,
        Process::connect(&theirs).await,
    );
    let mut subscription = us.bus.subscribe(&room("lobby")).await;
    them.say(&room("lobby"), "theirs");
    let mut heard = them.bus.subscribe(&room("other")).await;
    them.say(&room("other"), "the server has both");
    assert_eq!(next(&mut heard).await, message("the server has both"));
    us.say(&room("lobby"), "ours");
    assert_eq!(next(&mut subscription).await, message("ours"));
    let odd = NatsConfig {
        prefix: "troupe.>".to_owned(),
        ..ours
    };
    let error = Bus::open(&odd, &Tasks::new()).await.unwrap_err();
    assert!(error.to_string().contains("nats.prefix"), "{error}");
}

#[tokio::test]
async fn logs_in_as_events_do_and_needs_no_server_where_none_is_named() {
    let server = Nats::start_with(r#"authorization { token: "word" }"#)
        .await
        .unwrap();
    let config = NatsConfig {
        url: ServerUrl::new(server.url_as("word")),
        ..NatsConfig::default()
    };
    let process = Process::connect(&config).await;
    assert_eq!(format!("{:?}", process.bus), "Bus(NATS)");
    let process = Process::connect(&NatsConfig::default()).await;
    assert_eq!(format!("{:?}", process.bus), "Bus(in process)");
}
