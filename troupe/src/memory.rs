//! Inspects what sessions remember, and computes its vectors again.

use std::io::Write;
use std::time::Duration;

use ai::Ai;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use mesh::server::Limits;
use mesh::{Channel, Role, Server, Verifier};
use platform::Tasks;
use roleplay::{MemoryCounts, MemoryIndex};
use serde::Serialize;
use service::{Alone, Host};

use crate::hold::Hold;
use crate::instance;
use crate::settings::Settings;

/// How long the embedder may take to end what it computes when nobody needs it any more.
const GRACE: Duration = Duration::from_secs(5);

/// What to do with memories.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Task {
    /// Count memories and their vectors
    Status(Form),
    /// Delete all vectors and compute them again, also for messages that never had one; stop the platform first
    Rebuild(Form),
}

/// How the answer looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Status {
    model: String,
    memories: u64,
    embedded: u64,
    vectors: u64,
    agree: bool,
}

/// Does it.
///
/// # Errors
/// The data can't be opened, the embedder fails, or counts that a rebuild has just made don't agree.
pub(crate) async fn run(task: &Task, settings: Settings) -> Result<()> {
    let (form, rebuilds) = match task {
        Task::Status(form) => (form, false),
        Task::Rebuild(form) => (form, true),
    };
    // To count, a platform may run beside it.
    let hold = match rebuilds || instance::find(&settings.data_dir).is_none() {
        true => Some(Hold::take(&settings, &[Role::Ai, Role::Roleplay]).await?),
        false => None,
    };
    let tasks = Tasks::new();
    let host = Host {
        tasks: tasks.clone(),
        backends: settings.backends(),
        in_use: hold.as_ref().map(Hold::in_use),
        ..Host::new(&settings.data_dir)
    };
    let counts = count(&settings, &host, rebuilds).await;
    tasks.shut_down(GRACE).await;
    // What isn't closed in time keeps its log, and the next start and stop fold that in.
    let _in_time = host.stores.close(GRACE).await;
    if let Some(hold) = hold {
        hold.release().await;
    }
    let counts = counts?;
    print(form, &counts)?;
    if rebuilds && !counts.agree() {
        bail!(
            "the counts don't agree; make sure that nothing else writes to the vectors, and rebuild again"
        );
    }
    Ok(())
}

async fn count(settings: &Settings, host: &Host, rebuilds: bool) -> Result<MemoryCounts> {
    let ai = service::build::<Ai>(&settings.ai, host, &Alone)
        .await
        .context("ai")?;
    let verifier = Verifier::new(host.clock.clone());
    let ai = Server::new(Role::Ai, ai, verifier, Limits::default());
    let channel = Channel::in_process(&ai, Role::Roleplay);
    let index = MemoryIndex::open(&settings.roleplay, host, channel).await?;
    if !rebuilds {
        return index.count().await.context("memories can't be counted");
    }
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(
        "embedding memories {wide_bar} {pos}/{len}, {eta} left",
    )?);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let counts = index.rebuild(progress).await;
    bar.finish_and_clear();
    counts.context("not all memories could be embedded; finished ones are kept, and `troupe memory rebuild` starts again")
}

fn print(form: &Form, counts: &MemoryCounts) -> Result<()> {
    let status = Status {
        model: counts.model.clone(),
        memories: counts.memories,
        embedded: counts.embedded,
        vectors: counts.vectors,
        agree: counts.agree(),
    };
    let text = match form.json {
        true => serde_json::to_string_pretty(&status)? + "\n",
        false => text(&status),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("the output can't be written")
}

fn text(status: &Status) -> String {
    let Status {
        model,
        memories,
        embedded,
        vectors,
        agree,
    } = status;
    let advice = match agree {
        true => "the counts agree",
        false => "the counts differ: some are pending, or `troupe memory rebuild` is needed",
    };
    format!("{memories} memories, {embedded} embedded with {model}, {vectors} vectors: {advice}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_do_where_counts_differ() {
        let status = |vectors| Status {
            model: "local/words".to_owned(),
            memories: 3,
            embedded: 3,
            vectors,
            agree: vectors == 3,
        };
        let agreeing = text(&status(3));
        assert_eq!(
            agreeing,
            "3 memories, 3 embedded with local/words, 3 vectors: the counts agree\n"
        );
        assert!(text(&status(2)).contains("troupe memory rebuild"));
    }
}
