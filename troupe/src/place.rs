//! The flags that say where the configuration, the data and the platform are.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::Args;

/// Where the configuration, the data and the platform are. `flags` says which commands take which of these flags.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Place {
    /// Configuration file; config.default.toml documents the keys
    #[arg(long, global = true, env = "TROUPE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Folder for all data [default: ~/.local/share/troupe]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Address to listen on [default: 127.0.0.1:8000, or the one in mesh.listen]; port 0 means any free port
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = listening)]
    pub(crate) listen: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) servers: Servers,
}

/// Servers that replace embedded parts. Put addresses with passwords into a variable or the file: everybody on the machine
/// can read a command line.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "External servers (each replaces an embedded part)")]
pub(crate) struct Servers {
    /// PostgreSQL instead of SQLite, as postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,

    /// Redis for budgets (rate limits) and failed logins instead of memory, as redis://HOST
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) redis_url: Option<String>,

    /// NATS with JetStream for events instead of a dispatcher in the process, as nats://HOST
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) nats_url: Option<String>,

    /// Qdrant for vectors instead of a store in the process; its gRPC port, as http://HOST:6334
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) qdrant_url: Option<String>,

    /// Bucket of an S3-compatible store for pictures instead of the data folder; the section s3 of the configuration says where the store is
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) s3_bucket: Option<String>,
}

/// Reads an address and a port. Of a host's name it takes the first address, one of IPv4 if there is any: `localhost` is
/// 127.0.0.1, as everywhere else here.
fn listening(text: &str) -> Result<SocketAddr, String> {
    const WRITE: &str = "write an address and a port, such as 127.0.0.1:8000";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let is_whole = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_whole {
        return Err(WRITE.to_owned());
    }
    let found = text.to_socket_addrs();
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    let first = found.into_iter().next();
    first.ok_or_else(|| format!("no host of that name is known; {WRITE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_at_a_host_by_its_name_or_says_what_to_write() {
        for (text, address) in [
            ("localhost:1234", "127.0.0.1:1234"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::]:80", "[::]:80"),
        ] {
            assert_eq!(listening(text).unwrap(), address.parse().unwrap());
        }
        for text in [
            "",
            "8000",
            ":8000",
            "localhost",
            "localhost:99999",
            "no host:1",
        ] {
            let error = listening(text).unwrap_err();
            assert!(error.contains("127.0.0.1:8000"), "{text}: {error}");
        }
    }
}
