//! Time to first token: a message sent through the whole of Troupe, against the model server asked directly.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::Client;
use crate::process::{Process, free_address};
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
    let (_model, model_address) = start_model(workspace).await?;
    let (_troupe, address) = start_troupe(workspace, model_address).await?;
    let mut model = Client::connect(model_address).await?;
    let mut troupe = Client::connect(address).await?;
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

async fn start_model(workspace: &Workspace) -> Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["model", "--listen", &address.to_string()]);
    let mut process = Process::start("model", command, workspace.scratch())?;
    process.until_listening(address).await?;
    Ok((process, address))
}

async fn start_troupe(workspace: &Workspace, model: SocketAddr) -> Result<(Process, SocketAddr)> {
    let executable = workspace.troupe().await?;
    let address = free_address()?;
    let mut command = Command::new(executable);
    command
        .arg("up")
        .arg("--data-dir")
        .arg(workspace.scratch().join("data"))
        .args(["--listen", &address.to_string()])
        .env("TROUPE__GATEWAY__RATES__GENERATE__PER_SECOND", "1000000")
        .env("TROUPE__GATEWAY__RATES__GENERATE__BURST", "1000000")
        .env("TROUPE__AI__OPENAI__BASE_URL", format!("http://{model}/v1"))
        .env("TROUPE__LOG__LEVEL", "warn");
    let mut process = Process::start("troupe", command, workspace.scratch())?;
    process.until_listening(address).await?;
    Ok((process, address))
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
