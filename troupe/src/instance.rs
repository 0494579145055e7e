//! The running platform of a data folder: the folder is locked, and a file in it that names the process and where it listens. The
//! locks are the kernel's, so that they go when the process does, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Seek;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use mesh::Role;
use serde::{Deserialize, Serialize};
use wire::identity::LocalCertificate;

use crate::settings::Settings;

/// How long to wait for a process that has the folder only for a moment, such as a backup.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for one that hasn't said yet who it is.
const MOMENT: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The hold on a data folder, for as long as this lives.
pub(crate) struct Instance {
    file: File,
    /// Locked like the file, which somebody could move away or delete under a running platform.
    _folder: File,
    /// The roles that were ready on the folder before.
    known: Vec<String>,
    /// The start of the machine in which one was last ready on it.
    boot: Option<String>,
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) version: String,
    /// Where its gateway listens, if it has one.
    pub(crate) address: Option<SocketAddr>,
    /// How its gateway speaks HTTPS, if it does.
    #[serde(default)]
    pub(crate) tls: Option<Tls>,
    /// The roles that it has; none until it is ready.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// The roles that have been ready on the folder, now or before.
    #[serde(default)]
    pub(crate) known: Vec<String>,
    /// The start of the machine in which a platform was last ready on the folder.
    #[serde(default)]
    pub(crate) boot: Option<String>,
    /// Whether it gives the folder back at once.
    #[serde(default)]
    pub(crate) is_brief: bool,
}

/// The certificate of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tls {
    pub(crate) name: String,
    /// The file of its authority.
    pub(crate) authority: PathBuf,
}

/// How to reach a platform from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) url: String,
    /// The file of the authority to trust.
    pub(crate) authority: Option<PathBuf>,
}

impl Instance {
    /// Takes the data folder, making it if need be, readable by its owner alone.
    ///
    /// # Errors
    /// Where the folder can't be used, or another process has it.
    pub(crate) fn claim(data_dir: &Path) -> Result<Self> {
        Self::take(data_dir, Running::here(&[], None))
    }

    /// The same for a moment: other processes that want the folder wait for it.
    ///
    /// # Errors
    /// As those of [`Instance::claim`].
    pub(crate) fn claim_briefly(data_dir: &Path) -> Result<Self> {
        let running = Running {
            is_brief: true,
            ..Running::here(&[], None)
        };
        Self::take(data_dir, running)
    }

    fn take(data_dir: &Path, running: Running) -> Result<Self> {
        let failed = |error: std::io::Error| unusable(data_dir, &error);
        make_private(data_dir).map_err(failed)?;
        let folder = File::open(data_dir).map_err(failed)?;
        // Where a folder can't be locked, as on some networks, the file alone has to do.
        if let Ok(false) = lock(data_dir, &folder) {
            return Err(taken(data_dir));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(lock_file(data_dir)).map_err(failed)?;
        if !lock(data_dir, &file).map_err(failed)? {
            return Err(taken(data_dir));
        }
        let before = read(data_dir);
        let boot = before.as_ref().and_then(|before| before.boot.clone());
        let known = before.map_or(Vec::new(), Running::known);
        let mut instance = Self {
            file,
            _folder: folder,
            known,
            boot,
        };
        instance.write(running).map_err(failed)?;
        Ok(instance)
    }

    /// The roles that were ready on the folder before, as far as that is known.
    pub(crate) fn known(&self) -> &[String] {
        &self.known
    }

    /// Whether the machine has run on since a platform was last ready on the folder.
    pub(crate) fn machine_ran_on(&self) -> bool {
        self.boot.is_some() && self.boot == this_boot()
    }

    /// Tells others what this process is, and where and how its gateway listens.
    pub(crate) fn announce(
        &mut self,
        roles: &[Role],
        gateway: Option<SocketAddr>,
        certificate: Option<&LocalCertificate>,
    ) -> Result<()> {
        self.boot = this_boot();
        let tls = certificate.map(|certificate| Tls {
            name: certificate.name().to_owned(),
            authority: certificate.authority(),
        });
        let running = Running::here(roles, gateway);
        let written = self.write(Running { tls, ..running });
        written.context("the data folder can't be written")
    }

    fn write(&mut self, mut running: Running) -> std::io::Result<()> {
        running.known.clone_from(&self.known);
        running.boot.clone_from(&self.boot);
        self.file.set_len(0)?;
        self.file.rewind()?;
        Ok(serde_json::to_writer(&mut self.file, &running)?)
    }
}

impl Running {
    fn here(roles: &[Role], address: Option<SocketAddr>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            pid: std::process::id(),
            version,
            address,
            tls: None,
            roles: roles.iter().map(Role::to_string).collect(),
            known: Vec::new(),
            boot: None,
            is_brief: false,
        }
    }

    /// How to reach its gateway, if it has one.
    pub(crate) fn reach(&self) -> Option<Reach> {
        let tls = self.tls.as_ref();
        Some(Reach {
            url: url(self.address?, tls.map(|tls| tls.name.as_str())),
            authority: tls.map(|tls| tls.authority.clone()),
        })
    }

    fn known(self) -> Vec<String> {
        let mut known = self.known;
        known.extend(self.roles);
        known.sort();
        known.dedup();
        known
    }
}

/// The platform that runs on a data folder, if one does.
pub(crate) fn find(data_dir: &Path) -> Option<Running> {
    let file = File::open(lock_file(data_dir)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => read(data_dir),
        _ => None,
    }
}

/// How clients on this machine reach the platform: the running one, else the configured address.
pub(crate) fn reach(settings: &Settings) -> Reach {
    let running = find(&settings.data_dir).and_then(|running| running.reach());
    running.unwrap_or_else(|| Reach {
        url: url(settings.gateway.listen, None),
        authority: None,
    })
}

/// The URL of a platform that listens at an address, by HTTPS if it has a name for that. Its certificate is for the name, and for
/// the addresses of this machine alone.
pub(crate) fn url(mut listen: SocketAddr, tls_name: Option<&str>) -> String {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    match tls_name {
        None => format!("http://{listen}"),
        Some(_) if listen.ip().is_loopback() => format!("https://{listen}"),
        Some(name) if name.contains(':') => format!("https://[{name}]:{}", listen.port()),
        Some(name) => format!("https://{name}:{}", listen.port()),
    }
}

/// Whether the machine has run on since a platform was last ready on a folder.
pub(crate) fn machine_ran_on(data_dir: &Path) -> bool {
    let boot = read(data_dir).and_then(|running| running.boot);
    boot.is_some() && boot == this_boot()
}

/// The roles that are or were ready on a folder, as far as that is known.
pub(crate) fn known(data_dir: &Path) -> Vec<String> {
    read(data_dir).map_or(Vec::new(), Running::known)
}

/// What the system calls the time since the machine was started.
fn this_boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.ok().map(|id| id.trim().to_owned())
}

/// Locks the folder or the file in it, unless a process has it for longer than a moment.
fn lock(data_dir: &Path, file: &File) -> std::io::Result<bool> {
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        let patience = match find(data_dir) {
            Some(running) if running.is_brief => PATIENCE,
            Some(_) => Duration::ZERO,
            // Somebody only looks who has the folder, or is about to say it; or what says it was taken away.
            None => MOMENT,
        };
        if since.elapsed() >= patience {
            return Ok(false);
        }
        sleep(PAUSE);
    }
}

fn lock_file(data_dir: &Path) -> PathBuf {
    data_dir.join("troupe.lock")
}

fn read(data_dir: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(lock_file(data_dir)).ok()?).ok()
}

fn unusable(data_dir: &Path, error: &std::io::Error) -> anyhow::Error {
    let folder = data_dir.display();
    match error.kind() {
        std::io::ErrorKind::AlreadyExists if data_dir.is_symlink() => anyhow!(
            "the data folder {folder} is a link that leads nowhere: make the folder that it names, or choose another with --data-dir"
        ),
        std::io::ErrorKind::AlreadyExists => {
            anyhow!("the data folder {folder} is a file: choose another with --data-dir")
        }
        std::io::ErrorKind::ReadOnlyFilesystem => anyhow!(
            "the data folder {folder} is on a disk that can only be read: use one that can be written, or a copy of the whole folder, with --data-dir"
        ),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => anyhow!(
            "the disk of the data folder {folder} is full: make room there, or choose another folder with --data-dir"
        ),
        _ => anyhow!(
            "the data folder {folder} can't be used ({error}): make sure that it can be read and written, or choose another with --data-dir"
        ),
    }
}

fn taken(data_dir: &Path) -> anyhow::Error {
    let folder = data_dir.display();
    let running = read(data_dir);
    let process = match &running {
        Some(running) => match running.reach() {
            Some(reach) => format!("process {}, at {}", running.pid, reach.url),
            None => format!("process {}", running.pid),
        },
        None => "another process".to_owned(),
    };
    match running {
        Some(running) if running.roles.is_empty() => anyhow!(
            "{process} already uses the data folder {folder}, perhaps for a start or a restore: wait until it is done, or choose another folder with --data-dir"
        ),
        _ => anyhow!(
            "a platform already runs on the data folder {folder} ({process}); stop it, or choose another folder with --data-dir"
        ),
    }
}

/// Makes a folder, and those above it, readable by their owner alone.
pub(crate) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_folder_that_is_taken_and_names_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        let mut first = Instance::claim(&folder).unwrap();
        let address = "127.0.0.1:4711".parse().ok();
        first.announce(&[Role::Gateway], address, None).unwrap();
        let error = Instance::claim(&folder)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        let pid = std::process::id().to_string();
        assert!(
            error.contains(&pid) && error.contains("http://127.0.0.1:4711"),
            "{error}"
        );
        assert!(error.contains("--data-dir") && error.contains(&folder.display().to_string()));
        let expected = Running {
            boot: this_boot(),
            ..Running::here(&[Role::Gateway], address)
        };
        assert_eq!(find(&folder), Some(expected));
    }

    #[test]
    fn a_folder_stays_taken_where_its_file_is_moved_away() {
        let dir = tempfile::tempdir().unwrap();
        let first = Instance::claim(dir.path()).unwrap();
        std::fs::rename(lock_file(dir.path()), dir.path().join("old.lock")).unwrap();
        let error = Instance::claim(dir.path()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        assert!(!lock_file(dir.path()).exists());
        drop(first);
        assert!(Instance::claim(dir.path()).is_ok());
    }

    #[test]
    fn takes_a_folder_that_was_left() {
        let dir = tempfile::tempdir().unwrap();
        drop(Instance::claim(dir.path()).unwrap());
        assert_eq!(find(dir.path()), None);
        assert!(Instance::claim(dir.path()).is_ok());
    }

    #[test]
    fn reaches_a_platform_that_listens_on_every_address_by_the_local_one() {
        let url = |listen: &str, name| url(listen.parse().unwrap(), name);
        assert_eq!(url("0.0.0.0:80", None), "http://127.0.0.1:80");
        assert_eq!(url("[::]:80", None), "http://[::1]:80");
        assert_eq!(url("10.1.2.3:80", None), "http://10.1.2.3:80");
        let name = Some("box.local");
        assert_eq!(url("0.0.0.0:80", name), "https://127.0.0.1:80");
        assert_eq!(url("10.1.2.3:80", name), "https://box.local:80");
    }
}
