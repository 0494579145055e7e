//! Troupe, the backend for AI roleplay platforms. What it does is in the library crates; this one reads the command
//! line and decides what runs in the process.

mod admin;
mod backup;
mod certs;
mod chat;
mod cli;
mod contracts;
mod doctor;
mod events;
mod failure;
mod hold;
mod instance;
mod made;
mod memory;
mod migrate;
mod pages;
mod place;
mod process;
mod restore;
mod serve;
mod services;
mod settings;
mod up;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use cli::{Cli, Command};
use settings::Settings;

/// Faster than the system's where many threads allocate, and it gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Several libraries bring TLS, and would not agree on whose cryptography it stands on.
    let _ours = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let result = run(Cli::read());
    result.unwrap_or_else(|error| {
        // Where nobody reads the error, the exit code says it.
        let _ = writeln!(std::io::stderr(), "error: {}", failure::told(&error));
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command.unwrap_or_default() {
        Command::Up(options) => up::run(options, &cli.place).await?,
        Command::Serve(options) => serve::run(options, &cli.place).await?,
        Command::Certs(task) => certs::run(&task, &cli.place)?,
        Command::Backup(options) => {
            return backup::run(&options, &Settings::load(&cli.place)?).await;
        }
        Command::Restore(options) => {
            return restore::run(&options, &Settings::load(&cli.place)?).await;
        }
        Command::Migrate => migrate::run(Settings::load(&cli.place)?).await?,
        Command::Chat(options) => {
            let settings = Settings::load(&cli.place)?;
            chat::run(options, instance::reach(&settings)).await?;
        }
        Command::Doctor(options) => return doctor::run(&options, &cli.place).await,
        Command::Events(task) => events::run(&task, &Settings::load(&cli.place)?).await?,
        Command::Memory(task) => memory::run(&task, Settings::load(&cli.place)?).await?,
        Command::Contracts(document) => contracts::print(document)?,
    }
    Ok(ExitCode::SUCCESS)
}
