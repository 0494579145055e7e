//! Inspects events: pending deliveries and dead letters. Works with and without a running platform.

mod inspector;
mod retell;

use std::fmt::Write as _;
use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use events::{DeadLetter, Lag};
use platform::id::EventId;
use serde::Serialize;

use crate::settings::Settings;

pub(crate) use inspector::open;

/// What to do with events.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Task {
    /// Show how many events are pending, by service and consumer
    Lag(Form),
    /// Show or replay dead letters: events that a consumer could not handle
    #[command(subcommand)]
    DeadLetters(Dead),
    /// Tell again what a service's tables know of what happened, to consumers that came later
    #[command(after_help = retell::NOTES)]
    Retell(retell::History),
}

/// What to do with dead letters.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Dead {
    /// Show them
    List(Form),
    /// Let their consumers handle them again
    Replay(Choice),
}

/// How the answer looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Form {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which dead letters.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The event, as `list` shows it
    #[arg(value_name = "ID")]
    event: Option<EventId>,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// Which dead letters, and how the answer looks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    form: Form,
}

#[derive(Serialize)]
struct Replayed {
    replayed: u64,
}

/// Does it.
///
/// # Errors
/// A database or the server can't be reached, or there is no such dead letter.
pub(crate) async fn run(task: &Task, settings: &Settings) -> Result<()> {
    match task {
        Task::Retell(history) => retell::run(history, settings).await,
        Task::Lag(form) => {
            let lag = open(settings).await?.lag().await?;
            print(form, &lag, lag_text)
        }
        Task::DeadLetters(Dead::List(form)) => {
            let letters = open(settings).await?.dead_letters().await?;
            print(form, &letters, |letters| letters_text(letters))
        }
        Task::DeadLetters(Dead::Replay(Choice { which, form })) => {
            let replayed = open(settings).await?.replay(which.event).await?;
            if let (0, Some(event)) = (replayed, which.event) {
                bail!(
                    "no dead letter has the event {event}; `troupe events dead-letters list` shows them"
                );
            }
            print(form, &Replayed { replayed }, replayed_text)
        }
    }
}

fn print<T: Serialize>(form: &Form, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
    let text = match form.json {
        true => serde_json::to_string_pretty(value)? + "\n",
        false => text(value),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("the output can't be written")
}

fn lag_text(lag: &Lag) -> String {
    let mut text = String::new();
    if lag.outboxes.is_empty() {
        text.push_str("no service has published an event yet\n");
    }
    for outbox in &lag.outboxes {
        let _ = write!(
            text,
            "outbox   {:12} {} unsent",
            outbox.service, outbox.unsent
        );
        if let Some(secs) = outbox.oldest_secs {
            let _ = write!(text, ", the oldest for {secs} s");
        }
        text.push('\n');
    }
    for consumer in &lag.consumers {
        let _ = writeln!(
            text,
            "consumer {:12} {} pending, {} in flight, {} of them retried",
            consumer.consumer, consumer.pending, consumer.unacknowledged, consumer.redelivered
        );
    }
    let _ = writeln!(text, "dead letters: {}", lag.dead_letters);
    text
}

fn letters_text(letters: &[DeadLetter]) -> String {
    let mut text = String::new();
    for letter in letters {
        let asked = match letter.is_asked_for {
            true => "; will be tried again",
            false => "",
        };
        let _ = writeln!(
            text,
            "{} {} {}, tried {} times: {}{asked}",
            letter.event_id, letter.consumer, letter.subject, letter.tries, letter.problem
        );
    }
    if letters.is_empty() {
        text.push_str("there are no dead letters\n");
    }
    text
}

fn replayed_text(Replayed { replayed }: &Replayed) -> String {
    format!("{replayed} will be tried again; a running platform does so within seconds\n")
}

#[cfg(test)]
mod tests {
    use events::ConsumerLag;
    use events::OutboxLag;

    use super::*;

    #[test]
    fn shows_what_waits_and_for_how_long() {
        let lag = Lag {
            outboxes: vec![OutboxLag {
                service: "roleplay".to_owned(),
                unsent: 3,
                oldest_secs: Some(70),
            }],
            consumers: vec![ConsumerLag {
                consumer: "memory".to_owned(),
                pending: 2,
                unacknowledged: 1,
                redelivered: 0,
            }],
            dead_letters: 0,
        };
        assert_eq!(
            lag_text(&lag),
            "outbox   roleplay     3 unsent, the oldest for 70 s\n\
             consumer memory       2 pending, 1 in flight, 0 of them retried\n\
             dead letters: 0\n"
        );
        assert_eq!(letters_text(&[]), "there are no dead letters\n");
    }
}
