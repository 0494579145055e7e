//! PostgreSQL.

use std::ffi::OsString;
use std::fs::Permissions;
use std::io::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

use super::daemon::{self, Daemon, Place};
use super::running::Running;
use super::{free_port, named_by, program};

const VARIABLE: &str = "TROUPE_TEST_POSTGRES_URL";
/// The database refuses to run as root; Debian's packages make this user.
const USER: &str = "postgres";
const FOLDERS: &str = "/usr/lib/postgresql";

/// A PostgreSQL server.
#[derive(Debug)]
pub struct Postgres(Running);

impl Postgres {
    /// The server that tests share: the one that `TROUPE_TEST_POSTGRES_URL` names (without a database, and with the right
    /// to make some), else one that is started now.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        let start = || async {
            match named_by(VARIABLE) {
                Some(url) => Ok(Self(Running::named(url.trim_end_matches('/')))),
                None => Self::start(None).await,
            }
        };
        SHARED.get_or_try_init(start).await
    }

    /// A server of the caller's own. With `disk_bytes`, on a disk of that size, which takes root.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start(disk_bytes: Option<u64>) -> Result<Self, Error> {
        // Without fsync a kill of the process loses nothing, only one of the machine.
        Self::launch(disk_bytes, "fsync=off", None).await
    }

    /// A server of the caller's own that waits for its disk, as one that is measured must.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start_durable() -> Result<Self, Error> {
        Self::launch(None, "fsync=on", None).await
    }

    /// A server of the caller's own that speaks TLS too, and wants the password `p@:/%#` from the user `ann`.
    ///
    /// # Errors
    /// It isn't installed or doesn't start; the message says what to do.
    pub async fn start_secured(certificate_pem: &str, key_pem: &str) -> Result<Self, Error> {
        let server = Self::launch(None, "fsync=off", Some((certificate_pem, key_pem))).await?;
        execute(
            server.0.url(),
            "CREATE ROLE ann LOGIN SUPERUSER PASSWORD 'p@:/%#'",
        )?;
        Ok(server)
    }

    async fn launch(
        disk_bytes: Option<u64>,
        fsync: &str,
        certificate: Option<(&str, &str)>,
    ) -> Result<Self, Error> {
        let place = Place::new(disk_bytes)?;
        let (data, port) = (place.data(), free_port()?);
        let is_root = daemon::run(Command::new("test").args(["-w", "/"])).is_ok();
        let mut as_user: Vec<OsString> = Vec::new();
        if is_root {
            daemon::hand_over(&data, USER)?;
            let drop_rights = [
                "setpriv",
                "--reuid",
                USER,
                "--regid",
                USER,
                "--clear-groups",
            ];
            as_user.extend(drop_rights.map(OsString::from));
        }
        let run = |name: &str, arguments: &[&str]| -> Result<Vec<OsString>, Error> {
            let mut command = as_user.clone();
            command.push(find(name)?.into());
            command.extend(arguments.iter().map(OsString::from));
            Ok(command)
        };
        let data = data.to_string_lossy();
        let init = [
            "-D",
            &*data,
            "-U",
            "troupe",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ];
        let init = run("initdb", &init)?;
        daemon::run(Command::new(&init[0]).args(&init[1..]).current_dir("/"))?;
        if let Some((certificate, key)) = certificate {
            secure(&place.data(), certificate, key, is_root)?;
        }
        let ssl = if certificate.is_some() {
            "ssl=on"
        } else {
            "ssl=off"
        };
        let port_text = port.to_string();
        let serve = [
            "-D",
            &*data,
            "-p",
            &port_text,
            "-h",
            "127.0.0.1",
            "-k",
            "",
            "-c",
            fsync,
            "-c",
            ssl,
            "-c",
            "max_connections=400",
        ];
        let daemon = place.start(&run("postgres", &serve)?)?;
        let url = format!("postgres://troupe@127.0.0.1:{port}");
        let is_ready = |url: &str| execute(url, "SELECT 1").is_ok();
        let started = Running::started("PostgreSQL", url, daemon, is_ready);
        started.await.map(Self)
    }

    /// Waits until the server answers, such as after it was started again.
    ///
    /// # Errors
    /// It doesn't within half a minute.
    pub async fn ready(&self) -> Result<(), Error> {
        self.0.ready().await
    }

    /// A new database's address.
    ///
    /// # Errors
    /// The server doesn't make one.
    pub fn new_database(&self) -> Result<String, Error> {
        let (server, name) = (self.0.url(), self.0.new_name('_'));
        execute(server, &format!("CREATE DATABASE {name}"))?;
        Ok(format!("{server}/{name}"))
    }

    /// Runs a statement as the server's owner.
    ///
    /// # Errors
    /// The server refuses it.
    pub fn execute(&self, sql: &str) -> Result<(), Error> {
        execute(self.0.url(), sql)
    }

    /// The process, to kill, pause and start it.
    ///
    /// # Errors
    /// The server was named and isn't ours.
    pub fn daemon(&self) -> Result<&Daemon, Error> {
        self.0.daemon()
    }
}

/// Gives a server a certificate, and asks one user for a password.
fn secure(data: &Path, certificate: &str, key: &str, is_root: bool) -> Result<(), Error> {
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        let file = data.join(name);
        std::fs::write(&file, text)?;
        std::fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        if is_root {
            daemon::hand_over(&file, USER)?;
        }
    }
    let file = data.join("pg_hba.conf");
    let others = std::fs::read_to_string(&file)?;
    std::fs::write(file, format!("host all ann all scram-sha-256\n{others}"))
}

/// Runs a statement on a server, which is named without a database.
fn execute(server: &str, sql: &str) -> Result<(), Error> {
    let mut psql = Command::new(find("psql")?);
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql])
        .arg(format!("{server}/postgres"))
        .stdout(Stdio::null());
    daemon::run(&mut psql)
}

/// A program of PostgreSQL, of the newest version that is installed.
fn find(name: &str) -> Result<PathBuf, Error> {
    let versions = std::fs::read_dir(FOLDERS).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    program(name, &folders, VARIABLE)
}
