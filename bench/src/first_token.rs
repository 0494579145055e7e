//! Time to first token: a message sent through the whole of Troupe, against the model server asked directly.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::client::Client;
use crate::model;
use crate::platform::Setup;
use crate::report::{Bar, Ratio, Section};
use crate::stats::{median, percentile};
use crate::workspace::Workspace;

/// Messages that a session gets before a new one is opened, so that prompts stay of one size.
const MESSAGES_PER_SESSION: u64 = 20;
const WARM_UP: u64 = 20;
/// Before each message. What a reply leaves to do (its end is stored, it is remembered) is not what the next one waits for.
const PAUSE: Duration = Duration::from_millis(30);
/// What the first token may take, without the wait for the disk.
const BAR_MS: f64 = 2.0;

/// How much to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Messages sent either way, in turn.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    messages: u64,
}

/// Runs the benchmark against a scripted model server.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let scripted = model::start(workspace).await?;
    let mut model = Client::connect(scripted.address).await?;
    let unsynced = ("TROUPE__DATABASE__DURABILITY", "process".to_owned());
    let synced = Setup::new(workspace, "troupe", scripted.address, Vec::new());
    let unsynced = Setup::new(workspace, "unsynced", scripted.address, vec![unsynced]);
    let (synced, unsynced) = (synced.up().await?, unsynced.up().await?);
    let mut troupe = Person::of(synced.address).await?;
    let mut without_sync = Person::of(unsynced.address).await?;

    let mut times = Times::default();
    eprintln!(
        "bench: {} messages to the model server, through Troupe, and through one that doesn't wait for the disk",
        args.messages
    );
    for number in 0..WARM_UP + args.messages {
        if number % MESSAGES_PER_SESSION == 0 {
            troupe.open_session().await?;
            without_sync.open_session().await?;
        }
        sleep(PAUSE).await;
        let direct = ask_model(&mut model)
            .await
            .context("asking the model server")?;
        let synced = troupe.send().await?;
        let unsynced = without_sync.send().await?;
        if number >= WARM_UP {
            times.direct.push(direct.as_secs_f64() * 1e3);
            times.synced.push(synced.as_secs_f64() * 1e3);
            times.unsynced.push(unsynced.as_secs_f64() * 1e3);
        }
    }
    Ok(section(&times))
}

/// Milliseconds until the first token, message by message.
#[derive(Default)]
struct Times {
    /// From the model server itself.
    direct: Vec<f64>,
    /// From Troupe as it is shipped: what was said is on the disk before the model is asked.
    synced: Vec<f64>,
    /// From Troupe without its wait for the disk.
    unsynced: Vec<f64>,
}

/// Somebody at a platform, with a character to talk to.
struct Person {
    client: Client,
    character: String,
    session: String,
}

impl Person {
    async fn of(address: SocketAddr) -> Result<Self> {
        let mut client = Client::connect(address).await?;
        client.sign_up().await?;
        let character = client.import_character().await?;
        Ok(Self {
            client,
            character,
            session: String::new(),
        })
    }

    async fn open_session(&mut self) -> Result<()> {
        self.session = self.client.open_session(&self.character).await?;
        Ok(())
    }

    /// Sends a message, and waits for the first text of the reply.
    async fn send(&mut self) -> Result<Duration> {
        let path = format!("/api/v1/roleplay/sessions/{}/messages", self.session);
        let body = json!({"text": "Is the inn still open?"});
        sleep(PAUSE).await;
        let has_text = |event: &Value| event["delta"]["text"].is_string();
        let first = self.client.first_event(&path, &body, has_text).await;
        first.context("sending a message to Troupe")
    }
}

async fn ask_model(model: &mut Client) -> Result<Duration> {
    let body = json!({
        "model": "scripted",
        "stream": true,
        "messages": [{"role": "user", "content": "Is the inn still open?"}],
    });
    let has_text = |event: &Value| {
        let text = event["choices"][0]["delta"]["content"].as_str();
        text.is_some_and(|text| !text.is_empty())
    };
    model
        .first_event("/v1/chat/completions", &body, has_text)
        .await
}

fn section(times: &Times) -> Section {
    let ms = |value: f64| format!("{value:.2}");
    let row = |name: &str, samples: &[f64]| {
        let (p50, p99) = (median(samples), percentile(samples, 99));
        vec![name.to_owned(), ms(p50), ms(p99)]
    };
    let pairs = |whole: &[f64], part: &[f64]| -> Vec<f64> {
        let pairs = whole.iter().zip(part);
        pairs.map(|(whole, part)| whole - part).collect()
    };
    let own = pairs(&times.unsynced, &times.direct);
    let ratio = |what: &str, ours: &[f64]| {
        let (ours, theirs) = (median(ours), median(&times.direct));
        Ratio {
            what: what.to_owned(),
            ours: format!("{ours:.2} ms"),
            other: format!("model server {theirs:.2} ms"),
            ratio: ours / theirs,
            bar: None,
        }
    };
    let bar = Bar::at_most(BAR_MS, "ms", median(&times.unsynced));
    let waits = format!(
        "Waiting for the disk takes {} ms of it, p50: what the person said is on it before the model is asked.",
        ms(median(&pairs(&times.synced, &times.unsynced)))
    );
    Section {
        title: "First token",
        notes: vec![
            format!(
                "{} messages each way, in turn; the scripted server answers at once, so what is left is Troupe: gateway, \
                 authentication, storage, prompt compilation, the durable generation and its stream.",
                times.direct.len()
            ),
            waits,
        ],
        columns: vec!["way", "p50 ms", "p99 ms"],
        rows: vec![
            row("model server directly", &times.direct),
            row("through Troupe, synced", &times.synced),
            row("through Troupe, without fsync", &times.unsynced),
            row("later, pair by pair, without fsync", &own),
        ],
        ratios: vec![
            ratio("first token through Troupe, p50", &times.synced),
            Ratio {
                bar: Some(bar),
                ..ratio(
                    "first token through Troupe without fsync, p50",
                    &times.unsynced,
                )
            },
        ],
    }
}
