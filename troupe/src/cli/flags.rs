//! Which of the flags in [`Place`](super::Place) each command takes. The help of a command shows only those, and the command
//! refuses the others: clap itself would give every global flag to every command.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error};

/// Flags of a place, by their ids, and what a person who wrote one should know.
type Refused = (&'static [&'static str], &'static str);

const SERVERS: &[&str] = &[
    "database_url",
    "redis_url",
    "nats_url",
    "qdrant_url",
    "s3_bucket",
];
const LISTEN: Refused = (
    &["listen"],
    "only `up`, `serve` and `doctor` use the address to listen on",
);

/// The flags that a command doesn't take.
fn refused(command: &str) -> &'static [Refused] {
    match command {
        "migrate" | "backup" | "restore" | "events" | "memory" => &[LISTEN],
        "chat" => &[
            (
                &["listen"],
                "name the platform to talk to with `troupe chat --server`",
            ),
            (
                SERVERS,
                "it talks to a running platform: give this flag to the command that starts the platform",
            ),
        ],
        "certs" => &[
            LISTEN,
            (
                SERVERS,
                "it makes certificates and uses no server: give this flag to `troupe serve`",
            ),
            (
                &["data_dir"],
                "it writes no data: name the folder of the certificates with --dir",
            ),
        ],
        "contracts" => &[
            LISTEN,
            (SERVERS, "it prints what is compiled in"),
            (&["data_dir", "config"], "it prints what is compiled in"),
        ],
        _ => &[],
    }
}

/// Hides from each command's help the flags that it doesn't take.
pub(super) fn hide(mut root: Command) -> Command {
    let names: Vec<String> = root
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        let ids = refused(&name).iter().flat_map(|(ids, _)| *ids);
        let hidden: Vec<_> = ids
            .filter_map(|id| root.get_arguments().find(|arg| arg.get_id() == *id))
            .map(|arg| arg.clone().hide(true))
            .collect();
        root = root.mut_subcommand(name, |command| command.args(hidden));
    }
    root
}

/// Refuses a flag that the command doesn't take, wherever on the command line it stands. A variable in its place is fine: it
/// may be there for other commands.
///
/// # Errors
/// Names the flag, and says what to do instead.
pub(super) fn check(root: &mut Command, matches: &ArgMatches) -> Result<(), Error> {
    let Some(command) = matches.subcommand_name() else {
        return Ok(());
    };
    for (ids, instead) in refused(command) {
        for id in *ids {
            if matches.value_source(id) == Some(ValueSource::CommandLine) {
                let flag = id.replace('_', "-");
                let text = format!("`troupe {command}` doesn't take --{flag}; {instead}");
                return Err(root.error(ErrorKind::UnknownArgument, text));
            }
        }
    }
    Ok(())
}
