//! The command line.

mod flags;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::place::Place;
use crate::{backup, certs, chat, contracts, doctor, events, memory, restore, serve, up};

const EXAMPLES: &str = "\
Examples:
  troupe                                   start the platform, with all data in ~/.local/share/troupe
  troupe chat                              talk with a character, in another terminal
  troupe --data-dir ./data --listen 0.0.0.0:8000
                                           use another data folder; let other machines connect
  TROUPE__AI__OPENAI__BASE_URL=http://127.0.0.1:11434/v1 troupe
                                           use a model server, here Ollama, besides the local model
  troupe doctor                            check what is configured, reachable and missing

You can set every key of the configuration in a file (--config) or by an environment variable: [gateway] listen is
TROUPE__GATEWAY__LISTEN. config.default.toml documents the keys.";

const UP_EXAMPLES: &str = "\
Examples:
  troupe up                                start the platform, as `troupe` alone does
  troupe up --listen 0.0.0.0:8000 --tls    let other machines connect, by HTTPS at this machine's name
  troupe up --listen 0.0.0.0:443 --tls box.local
                                           the same at another name, and at the port of HTTPS

With --tls, the port speaks HTTPS alone. The platform makes a certificate for the name, for localhost and for the addresses of
this machine alone, keeps it in the data folder and renews it. At the start it prints the file of its authority (CA). Install
that file as an authority on the devices that connect; it is good for these names and no others. Anybody who has the data
folder can act as these names.";

const CHAT_EXAMPLES: &str = "\
Examples:
  troupe chat                              sign in or sign up, then choose a character or a session
  troupe chat ~/cards/mira.png             import a card and talk with its character
  troupe chat --server https://troupe.example
  TROUPE_CHAT_PASSWORD=… troupe chat --sign-up --email ann@example.com --name Ann card.json <lines.txt
                                           ask no questions: for scripts

In the conversation, /help lists the commands: swipe, continue, edit, branch, cancel and more.
The sign-in is remembered in ~/.config/troupe/chat.json.";

const SERVE_EXAMPLES: &str = "\
Examples:
  troupe certs dev                         first make certificates: roles prove by them who they are
  troupe --data-dir data/users serve users
  troupe --data-dir data/models serve ai
  troupe --data-dir data/chats serve roleplay
  troupe --data-dir data/edge serve gateway
                                           run the platform in four processes, here on one machine
  troupe --data-dir data/some serve users ai
                                           run several roles in one process

The section [mesh] of the configuration says where roles listen and where they find the others.

You can also run the gateway alone, in front of your own gRPC services:
  troupe serve gateway --descriptor-set api.binpb --upstream shop.v1.Orders=http://127.0.0.1:50051
                                           offer JSON, Connect, gRPC-Web and gRPC on one port

Make the descriptor set with `buf build -o api.binpb`, or with
`protoc --include_imports --include_source_info --descriptor_set_out=api.binpb FILES`.";

const BACKUP_EXAMPLES: &str = "\
Examples:
  troupe backup /backups/monday            back up the default data folder; the platform may run
  troupe --data-dir ./data backup \"/backups/$(date +%F)\"
                                           for cron: make a new folder each day

A backup shows one moment: it has every database and every picture as they were then, and the keys. Writes that arrive during
the backup wait for less than a second. The folder appears when the backup is complete; an interrupted backup leaves nothing.
Only its owner can read it, because it has keys and what people wrote. It doesn't have models or the configuration file.

The command backs up one whole data folder. If roles have separate data folders, back up each of them; each backup shows its
own moment. A backup doesn't have what PostgreSQL, S3 or Qdrant keep: the command then says what to do for them, and exits with
status 2. It exits with status 1 if it made no backup.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  troupe --data-dir ./data restore /backups/monday
                                           restore into a new or empty data folder
  troupe restore /backups/monday --replace
                                           restore into a folder that has data; its old files are put
                                           aside inside it

Stop the platform first. The command checks every file against the backup's manifest before it changes anything. The data
folder stays as it was, or gets the whole backup: if a restore is interrupted while it moves files, the next start finishes it.
If it is interrupted before, a folder with data starts with these; an empty one refuses to start until you restore again.
A restore undoes everything that happened after the backup, also deletions, logouts and changed passwords.";

/// The backend for AI roleplay platforms.
///
/// Without a command, it starts the platform: every service in this process, with embedded defaults.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) place: Place,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// Reads the command line, and ends the process where it is wrong or asks for help.
    pub(crate) fn read() -> Self {
        Self::read_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn read_from(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut root = flags::hide(Self::command());
        let matches = root.try_get_matches_from_mut(line)?;
        flags::check(&mut root, &matches)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut root))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the platform: every service in this process (the default)
    #[command(after_help = UP_EXAMPLES)]
    Up(up::Options),
    /// Run some roles in this process; it reaches the others through the mesh
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(serve::Options),
    /// Make certificates for roles in separate processes
    #[command(subcommand)]
    Certs(certs::Task),
    /// Back up the data folder, also while the platform runs
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(backup::Options),
    /// Restore a backup
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(restore::Options),
    /// Migrate the databases of all services to this version, and do nothing else
    Migrate,
    /// Talk with a character in the terminal
    #[command(after_help = CHAT_EXAMPLES)]
    Chat(chat::Options),
    /// Check what is configured, reachable and missing, and say what to do about it
    Doctor(doctor::Options),
    /// Inspect events: pending deliveries and dead letters
    #[command(subcommand)]
    Events(events::Task),
    /// Inspect what sessions remember, or compute its vectors again
    #[command(subcommand)]
    Memory(memory::Task),
    /// Print the API: the OpenAPI document, or the policy of each method
    #[command(subcommand)]
    Contracts(contracts::Document),
}

impl Default for Command {
    fn default() -> Self {
        Self::Up(up::Options::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The help of a command, such as `events dead-letters list`.
    fn help(command: &str) -> String {
        let line = ["troupe"]
            .into_iter()
            .chain(command.split(' '))
            .chain(["--help"]);
        Cli::read_from(line).unwrap_err().to_string()
    }

    #[test]
    fn has_no_contradictions() {
        flags::hide(Cli::command()).debug_assert();
    }

    #[test]
    fn shows_the_flags_that_a_command_takes_and_no_others() {
        let flags = [
            "--database-url",
            "--redis-url",
            "--nats-url",
            "--qdrant-url",
            "--s3-bucket",
            "--listen",
            "--data-dir",
            "--config",
        ];
        for (commands, shown) in [
            (&["up", "serve", "doctor"][..], &flags[..]),
            (
                &["migrate", "backup", "restore"],
                &[&flags[..5], &flags[6..]].concat(),
            ),
            (
                &["events lag", "events dead-letters list"],
                &[&flags[..5], &flags[6..]].concat(),
            ),
            (
                &["memory status", "memory rebuild"],
                &[&flags[..5], &flags[6..]].concat(),
            ),
            (&["chat"], &flags[6..]),
            (&["certs dev"], &flags[7..]),
            (&["contracts policy"], &[]),
        ] {
            for command in commands {
                let help = help(command);
                for flag in flags {
                    let is_shown = help.contains(&format!("{flag} <"));
                    assert_eq!(is_shown, shown.contains(&flag), "{flag} in {help}");
                }
                let has_heading = help.contains("External servers");
                assert_eq!(has_heading, shown.contains(&flags[0]), "{help}");
            }
        }
    }

    #[test]
    fn refuses_a_flag_that_the_command_does_not_take_wherever_it_stands() {
        let url = ["--database-url", "postgres://h/d"];
        let before = [&["troupe"][..], &url, &["chat"]].concat();
        let after = [&["troupe", "chat"][..], &url].concat();
        let below = [&["troupe", "certs", "dev"][..], &url].concat();
        for line in [before, after, below] {
            let error = Cli::read_from(&line).unwrap_err().to_string();
            assert!(error.contains("doesn't take --database-url;"), "{error}");
            assert!(
                error.contains("platform") || error.contains("troupe serve"),
                "{error}"
            );
        }
        let error = Cli::read_from(["troupe", "chat", "--listen", "127.0.0.1:1"]).unwrap_err();
        assert!(error.to_string().contains("--server"), "{error}");
        for command in ["up", "migrate", "doctor"] {
            let line = ["troupe", command, url[0], url[1]];
            let read = Cli::read_from(line).unwrap();
            assert_eq!(read.place.servers.database_url.as_deref(), Some(url[1]));
        }
    }

    #[test]
    fn takes_the_place_before_or_after_the_command() {
        let before = Cli::read_from(["troupe", "--data-dir", "d", "up"]).unwrap();
        let after = Cli::read_from(["troupe", "up", "--data-dir", "d"]).unwrap();
        assert_eq!(before.place.data_dir, after.place.data_dir);
        assert!(Cli::read_from(["troupe", "--listen", "8000"]).is_err());
    }
}
