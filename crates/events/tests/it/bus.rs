//! The bus, in the process and over NATS.

mod server;

use bytes::Bytes;
use futures::FutureExt;
use platform::Tasks;
use platform::config::ServerUrl;
use testkit::servers::Nats;
use testkit::waiting::{PATIENCE, eventually};
use troupe_events::NatsConfig;
use troupe_events::bus::{Bus, Lost, MOST_PAYLOAD, Received, Subscription, TooLarge, Topic};

/// A process with a bus.
#[derive(Clone)]
struct Process {
    bus: Bus,
    tasks: Tasks,
}

impl Process {
    fn alone() -> Self {
        let tasks = Tasks::new();
        let bus = Bus::in_process(&tasks);
        Self { bus, tasks }
    }

    async fn open(config: &NatsConfig) -> Self {
        let tasks = Tasks::new();
        let bus = Bus::open(config, &tasks).await.unwrap();
        Self { bus, tasks }
    }

    async fn connect(config: &NatsConfig) -> Self {
        let process = Self::open(config).await;
        eventually("NATS is reached", process.bus.reached()).await;
        process
    }

    fn say(&self, topic: &Topic, text: impl Into<String>) {
        self.bus.publish(topic, Bytes::from(text.into())).unwrap();
    }
}

/// A server with topics that no other test has.
fn config(server: &Nats) -> NatsConfig {
    NatsConfig {
        url: ServerUrl::new(server.url()),
        prefix: server.new_prefix(),
        ..NatsConfig::default()
    }
}

fn room(id: &str) -> Topic {
    Topic::new("room", id)
}

fn message(text: impl Into<String>) -> Received {
    Received::Message(Bytes::from(text.into()))
}

async fn next(subscription: &mut Subscription) -> Received {
    let next = eventually("something comes", subscription.next()).await;
    next.unwrap()
}

/// What every carrier does. `make` gives a process that listens and one that publishes; it may be one and the same.
async fn suite(make: impl AsyncFn() -> [Process; 2]) {
    let [listens, publishes] = make().await;
    all_who_listen_get_everything_in_order(&listens, &publishes).await;
    topics_are_apart_whatever_they_are_called(&listens, &publishes).await;
    slow_ones_lose_messages_and_are_told_and_hold_up_nobody(&listens, &publishes).await;
    few_large_messages_are_too_many_too(&listens, &publishes).await;
    whoever_leaves_takes_nothing_along(&listens, &publishes).await;
    payloads_are_bounded(&listens, &publishes).await;
    a_wait_that_is_given_up_loses_nothing(&listens, &publishes).await;
    assert_eq!(listens.bus.dropped() + publishes.bus.dropped(), 0);
    ends_in_order(make().await).await;
}

async fn all_who_listen_get_everything_in_order(listens: &Process, publishes: &Process) {
    let topic = room("order");
    let (mut one, mut other) = (
        listens.bus.subscribe(&topic).await,
        listens.bus.subscribe(&topic).await,
    );
    for number in 0..400 {
        publishes.say(&topic, format!("there {number}"));
        listens.say(&topic, format!("here {number}"));
    }
    for subscription in [&mut one, &mut other] {
        let (mut there, mut here) = (Vec::new(), Vec::new());
        for _ in 0..800 {
            let next = next(subscription).await;
            match &next {
                Received::Message(text) if text.starts_with(b"there") => there.push(next),
                _ => here.push(next),
            }
        }
        for (name, heard) in [("there", there), ("here", here)] {
            let said = (0..400).map(|number| message(format!("{name} {number}")));
            assert_eq!(heard, said.collect::<Vec<_>>());
        }
    }
}

async fn topics_are_apart_whatever_they_are_called(listens: &Process, publishes: &Process) {
    let long = "a".repeat(1 << 20);
    let ids = [
        "",
        ".",
        "..",
        "a",
        "a.b",
        "b",
        "*",
        ">",
        "a.*",
        "a.>",
        " ",
        "a b",
        "a\r\nPUB x 0\r\n",
        "\0",
        "ünï",
        "~",
        &long,
    ];
    let topics = ids
        .iter()
        .flat_map(|id| [room(id), Topic::new("other", id)]);
    let topics: Vec<Topic> = topics
        .chain([Topic::new("*", "a"), Topic::new("", "")])
        .collect();
    let mut subscriptions = Vec::new();
    for topic in &topics {
        subscriptions.push(listens.bus.subscribe(topic).await);
    }
    for text in ["", "the end of "] {
        for (number, topic) in topics.iter().enumerate() {
            publishes.say(topic, format!("{text}{number}"));
        }
    }
    for (number, subscription) in subscriptions.iter_mut().enumerate() {
        assert_eq!(next(subscription).await, message(number.to_string()));
        assert_eq!(
            next(subscription).await,
            message(format!("the end of {number}"))
        );
    }
}

async fn slow_ones_lose_messages_and_are_told_and_hold_up_nobody(
    listens: &Process,
    publishes: &Process,
) {
    const SAID: usize = 3000;
    let topic = room("slow");
    let mut slow = listens.bus.subscribe(&topic).await;
    let mut fast = listens.bus.subscribe(&topic).await;
    for number in 0..SAID {
        publishes.say(&topic, number.to_string());
        if number % 100 == 99 {
            for number in number - 99..=number {
                assert_eq!(next(&mut fast).await, message(number.to_string()));
            }
        }
    }
    let (lost, heard) = hear_until(&mut slow, &(SAID - 1).to_string()).await;
    assert!(lost > 0 && heard.len() > 100, "{lost} and {}", heard.len());
    let kept = (SAID - heard.len()..SAID).map(|number| number.to_string());
    assert_eq!(heard, kept.collect::<Vec<_>>(), "the newest are there");
    assert_eq!(lost, SAID - heard.len());
}

/// Takes all that waits; says how much was lost.
async fn hear_until(subscription: &mut Subscription, last: &str) -> (usize, Vec<String>) {
    let (mut lost, mut heard) = (0, Vec::<String>::new());
    while heard.last().is_none_or(|text| text != last) {
        match next(subscription).await {
            Received::Message(text) => heard.push(String::from_utf8(text.to_vec()).unwrap()),
            Received::Lost(Lost::Slow(messages)) => {
                assert!(messages > 0);
                lost += usize::try_from(messages).unwrap();
            }
            Received::Lost(Lost::Unknown) => panic!("the server was there"),
        }
    }
    (lost, heard)
}

async fn few_large_messages_are_too_many_too(listens: &Process, publishes: &Process) {
    let topic = room("large");
    let mut slow = listens.bus.subscribe(&topic).await;
    let mut fast = listens.bus.subscribe(&topic).await;
    let large = "x".repeat(MOST_PAYLOAD);
    for _ in 0..6 {
        publishes.say(&topic, large.clone());
        assert_eq!(next(&mut fast).await, message(large.clone()));
    }
    publishes.say(&topic, "end");
    assert_eq!(next(&mut fast).await, message("end"));
    let (lost, heard) = hear_until(&mut slow, "end").await;
    assert_eq!((lost, heard.len()), (3, 4), "a MiB waits");
}

async fn whoever_leaves_takes_nothing_along(listens: &Process, publishes: &Process) {
    let topic = room("leave");
    let leaves = listens.bus.subscribe(&topic).await;
    let mut stays = listens.bus.subscribe(&topic).await;
    drop(leaves);
    publishes.say(&topic, "a");
    assert_eq!(next(&mut stays).await, message("a"));
    drop(stays);
    let mut back = listens.bus.subscribe(&topic).await;
    publishes.say(&topic, "b");
    assert_eq!(next(&mut back).await, message("b"));
}

async fn payloads_are_bounded(listens: &Process, publishes: &Process) {
    let topic = room("payload");
    let mut subscription = listens.bus.subscribe(&topic).await;
    let (bytes, most) = (MOST_PAYLOAD + 1, MOST_PAYLOAD);
    let refused = publishes.bus.publish(&topic, Bytes::from(vec![0; bytes]));
    assert_eq!(refused, Err(TooLarge { bytes, most }));
    for payload in [vec![], vec![0, 255, b'\r', b'\n'], vec![7; MOST_PAYLOAD]] {
        let payload = Bytes::from(payload);
        publishes.bus.publish(&topic, payload.clone()).unwrap();
        assert_eq!(next(&mut subscription).await, Received::Message(payload));
    }
}

async fn a_wait_that_is_given_up_loses_nothing(listens: &Process, publishes: &Process) {
    let topic = room("wait");
    let mut subscription = listens.bus.subscribe(&topic).await;
    for number in 0..10 {
        assert_eq!(subscription.next().now_or_never(), None);
        publishes.say(&topic, number.to_string());
        assert_eq!(next(&mut subscription).await, message(number.to_string()));
    }
}

async fn ends_in_order([listens, publishes]: [Process; 2]) {
    let topic = room("end");
    let mut subscription = listens.bus.subscribe(&topic).await;
    publishes.say(&topic, "last words");
    assert_eq!(next(&mut subscription).await, message("last words"));
    for process in [&publishes, &listens] {
        assert!(process.tasks.shut_down(PATIENCE).await);
    }
    assert_eq!(eventually("it ends", subscription.next()).await, None);
    publishes.say(&topic, "nobody hears this");
    assert_eq!(publishes.bus.dropped(), 1);
    let mut late = eventually("it is over", listens.bus.subscribe(&topic)).await;
    assert_eq!(eventually("it ends", late.next()).await, None);
}

#[tokio::test]
async fn holds_in_the_process() {
    let make = async || {
        let process = Process::alone();
        [process.clone(), process]
    };
    suite(make).await;
}

#[tokio::test]
async fn holds_over_nats_within_a_process() {
    let server = Nats::shared().await.unwrap();
    let make = async || {
        let process = Process::connect(&config(server)).await;
        [process.clone(), process]
    };
    suite(make).await;
}

#[tokio::test]
async fn holds_over_nats_between_processes() {
    let server = Nats::shared().await.unwrap();
    let make = async || {
        let config = config(server);
        [
            Process::connect(&config).await,
            Process::connect(&config).await,
        ]
    };
    suite(make).await;
}
