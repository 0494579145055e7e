//! What a reader must know of a run besides its figures: machine, date, revision, command.

use anyhow::Result;
use tokio::process::Command;

/// A line each.
pub(crate) async fn lines() -> Result<Vec<String>> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
    let named = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let processor = named.map_or("unknown processor", |name| {
        name.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism()?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    Ok(vec![
        format!(
            "machine: {processor}, {cores} cores, Linux {}",
            kernel.trim()
        ),
        format!(
            "date: {}",
            said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).await
        ),
        format!(
            "revision: {}",
            said_by("git", &["describe", "--always", "--dirty"]).await
        ),
        format!("command: `cargo xtask bench {}`", arguments.join(" ")),
        format!("load average at the end: {}", load.trim()),
    ])
}

/// What a command prints; "unknown" where it can't be had.
async fn said_by(command: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(command);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command
        .output()
        .await
        .ok()
        .filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| "unknown".to_owned())
}
