//! Time to first token: a message sent through the whole of Troupe, against the model server asked directly.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::Client;
use crate::model;
use crate::platform::Setup;
use crate::report::{Ratio, Section};
use crate::stats::{median, percentile};
use crate::workspace::Workspace;

/// Messages that a session gets before a new one is opened, so that prompts stay of one size.
const MESSAGES_PER_SESSION: u64 = 20;
const WARM_UP: u64 = 20;

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
    let platform = Setup::new(workspace, "troupe", scripted.address, Vec::new())
        .up()
        .await?;
    let mut model = Client::connect(scripted.address).await?;
    let mut troupe = Client::connect(platform.address).await?;
    troupe.sign_up().await?;
    let character = troupe.import_character().await?;

    let (mut direct, mut through) = (Vec::new(), Vec::new());
    let mut session = String::new();
    eprintln!(
        "bench: {} messages to the model server and through Troupe",
        args.messages
    );
    for number in 0..WARM_UP + args.messages {
        if number % MESSAGES_PER_SESSION == 0 {
            session = troupe.open_session(&character).await?;
        }
        let bare = ask_model(&mut model)
            .await
            .context("asking the model server")?;
        let whole = ask_troupe(&mut troupe, &session)
            .await
            .context("sending a message to Troupe")?;
        if number >= WARM_UP {
            direct.push(bare.as_secs_f64() * 1e3);
            through.push(whole.as_secs_f64() * 1e3);
        }
    }
    Ok(section(&direct, &through))
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

async fn ask_troupe(troupe: &mut Client, session: &str) -> Result<Duration> {
    let path = format!("/api/v1/roleplay/sessions/{session}/messages");
    let body = json!({"text": "Is the inn still open?"});
    let has_text = |event: &Value| event["delta"]["text"].is_string();
    troupe.first_event(&path, &body, has_text).await
}

fn section(direct: &[f64], through: &[f64]) -> Section {
    let row = |name: &str, samples: &[f64]| {
        let ms = |value: f64| format!("{value:.2}");
        let (p50, p99) = (median(samples), percentile(samples, 99));
        vec![name.to_owned(), ms(p50), ms(p99)]
    };
    let (ours, theirs) = (median(through), median(direct));
    let later: Vec<f64> = through
        .iter()
        .zip(direct)
        .map(|(whole, bare)| whole - bare)
        .collect();
    Section {
        title: "First token",
        notes: vec![format!(
            "{} messages each way, in turn; the scripted server answers at once, so what is left is Troupe: gateway, \
             authentication, storage, prompt compilation, the durable generation and its stream.",
            direct.len()
        )],
        columns: vec!["way", "p50 ms", "p99 ms"],
        rows: vec![
            row("model server directly", direct),
            row("through Troupe", through),
            row("later, pair by pair", &later),
        ],
        ratios: vec![Ratio {
            what: "first token through Troupe, p50".to_owned(),
            ours: format!("{ours:.2} ms"),
            other: format!("model server {theirs:.2} ms"),
            ratio: ours / theirs,
            bar: None,
        }],
    }
}
