//! What the person types: an edited line on a terminal, plain lines on a pipe.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal};

use anyhow::{Context, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

/// Where the person's lines come from.
pub(crate) enum Input {
    /// A terminal with a line editor.
    Editor(Box<DefaultEditor>),
    /// Lines of a pipe, read ahead so that `/cancel` can come while a reply streams.
    Pipe {
        lines: mpsc::UnboundedReceiver<String>,
        /// What came while a reply streamed and is due after it.
        early: VecDeque<String>,
    },
}

impl Input {
    /// The standard input of this process.
    pub(crate) fn open() -> Result<Self> {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            return Ok(Self::Editor(Box::new(DefaultEditor::new()?)));
        }
        Ok(Self::Pipe {
            lines: read_ahead(),
            early: VecDeque::new(),
        })
    }

    /// Asks for a line. None once there are no more.
    pub(crate) async fn ask(&mut self, prompt: &str) -> Result<Option<String>> {
        self.ask_to_change(prompt, "").await
    }

    /// Asks for a line that starts out as `text` where lines can be edited.
    pub(crate) async fn ask_to_change(
        &mut self,
        prompt: &str,
        text: &str,
    ) -> Result<Option<String>> {
        match self {
            Self::Editor(editor) => {
                let read = || editor.readline_with_initial(prompt, (text, ""));
                match tokio::task::block_in_place(read) {
                    Ok(line) => {
                        let _is_new = editor.add_history_entry(&line)?;
                        Ok(Some(line))
                    }
                    // Ctrl-C drops the line, as in a shell; Ctrl-D ends.
                    Err(ReadlineError::Interrupted) => Ok(Some(String::new())),
                    Err(ReadlineError::Eof) => Ok(None),
                    Err(error) => Err(error).context("the terminal can't be read"),
                }
            }
            Self::Pipe { lines, early } => Ok(match early.pop_front() {
                Some(line) => Some(line),
                None => lines.recv().await,
            }),
        }
    }

    /// Asks for a password without showing it; on a pipe it is a line like any other.
    pub(crate) async fn ask_password(&mut self, prompt: &str) -> Result<Option<String>> {
        match self {
            Self::Editor(_) => {
                let read = || rpassword::prompt_password(prompt);
                Ok(Some(
                    tokio::task::block_in_place(read).context("the password can't be read")?,
                ))
            }
            Self::Pipe { .. } => self.ask(prompt).await,
        }
    }

    /// Completes when the person wants the running reply to end: Ctrl-C, or `/cancel` on a pipe.
    pub(crate) async fn cancelled(&mut self) {
        match self {
            Self::Editor(_) => {
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Self::Pipe { lines, early } => {
                while let Some(line) = lines.recv().await {
                    if line.trim() == "/cancel" {
                        return;
                    }
                    early.push_back(line);
                }
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether a line can start out as a text to change.
    pub(crate) fn edits(&self) -> bool {
        matches!(self, Self::Editor(_))
    }
}

/// Whether an answer to a question means yes; everything else doesn't.
pub(crate) fn is_yes(answer: &str) -> bool {
    answer.trim().to_lowercase().starts_with('y')
}

fn read_ahead() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    // A thread of its own, because nobody can end a read that blocks.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
