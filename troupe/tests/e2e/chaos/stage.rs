//! The platform and its servers, and how they are killed, paused and brought back.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use mesh::Role;
use testkit::scripted::Handle;
use testkit::servers::{Daemon, Nats, Postgres, Redis};

use crate::events::waiting;
use crate::platform::{Platform, Setup, eventually, free_address};
use crate::processes::fleet::Certificates;

/// Until the next look.
const BREATH: Duration = Duration::from_millis(200);
/// The roles in the order in which they need one another, and how many processes have each.
const ROLES: [Role; 4] = [Role::Users, Role::Ai, Role::Roleplay, Role::Gateway];
const REPLICAS: usize = 2;

/// A platform on real servers. All of them come back where they were.
pub(super) struct Stage {
    processes: Vec<Process>,
    postgres: Postgres,
    nats: Nats,
    redis: Option<Redis>,
    _certificates: Option<Certificates>,
}

/// A process of the platform.
struct Process {
    name: String,
    setup: Setup,
    /// The role that it has; none for all.
    role: Option<Role>,
    /// Absent while it is dead.
    running: Option<Platform>,
}

/// Who is struck.
#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    Process(usize),
    Postgres,
    Nats,
    Redis,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// As `kill -9` does.
    Kill,
    /// It stands still: its connections stay open, and nobody answers.
    Pause,
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
        })
    }
}

impl Stage {
    /// All roles in one process, on PostgreSQL and NATS.
    pub(super) async fn whole(model: &Handle) -> Self {
        let mut stage = Self::without_processes(None).await;
        let setup = stage.setup(model, &stage.postgres.new_database().unwrap());
        let address = free_address();
        stage.processes.push(Process {
            name: "platform".to_owned(),
            setup: setup.with("TROUPE__GATEWAY__LISTEN", address),
            role: None,
            running: None,
        });
        stage.start_all().await
    }

    /// Two processes of each role, on PostgreSQL, NATS and Redis.
    pub(super) async fn replicas(model: &Handle) -> Self {
        let mut stage = Self::without_processes(Some(Redis::start().await.unwrap())).await;
        let certificates = Certificates::new().await;
        let database = stage.postgres.new_database().unwrap();
        let addresses = ROLES.map(|_| [(); REPLICAS].map(|()| free_address()));
        for (role, own) in ROLES.into_iter().zip(&addresses) {
            for (number, address) in own.iter().enumerate() {
                let mut setup = stage
                    .setup(model, &database)
                    .with(
                        "TROUPE__MESH__CERTIFICATES",
                        certificates.folder().to_str().unwrap(),
                    )
                    .with(&listen_variable(role), address);
                for (peer, peers) in ROLES.into_iter().zip(&addresses) {
                    if peer != Role::Gateway {
                        let variable =
                            format!("TROUPE__MESH__PEERS__{}", peer.name().to_uppercase());
                        setup = setup.with(&variable, peers.join(","));
                    }
                }
                stage.processes.push(Process {
                    name: format!("{role} {}", number + 1),
                    setup,
                    role: Some(role),
                    running: None,
                });
            }
        }
        stage._certificates = Some(certificates);
        stage.start_all().await
    }

    async fn without_processes(redis: Option<Redis>) -> Self {
        Self {
            processes: Vec::new(),
            postgres: Postgres::start(None).await.unwrap(),
            nats: Nats::start(None).await.unwrap(),
            redis,
            _certificates: None,
        }
    }

    /// What all processes are told.
    fn setup(&self, model: &Handle, database: &str) -> Setup {
        let mut setup = Setup::new()
            .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
            .with("TROUPE__DATABASE__URL", database)
            .with("TROUPE__NATS__URL", self.nats.url());
        if let Some(redis) = &self.redis {
            setup = setup.with("TROUPE__REDIS__URL", redis.url());
        }
        for class in ["READ", "WRITE", "CREDENTIALS", "GENERATE"] {
            let rate = format!("TROUPE__GATEWAY__RATES__{class}");
            setup = setup
                .with(&format!("{rate}__PER_SECOND"), "10000")
                .with(&format!("{rate}__BURST"), "10000");
        }
        setup
    }

    async fn start_all(mut self) -> Self {
        for process in &mut self.processes {
            process.start().await;
        }
        self
    }

    /// Whoever can be struck.
    pub(super) fn victims(&self) -> Vec<Victim> {
        let processes = (0..self.processes.len()).map(Victim::Process);
        let redis = self.redis.is_some().then_some(Victim::Redis);
        let servers = [Victim::Postgres, Victim::Nats].into_iter().chain(redis);
        processes.chain(servers).collect()
    }

    /// What people call a victim.
    pub(super) fn name(&self, victim: Victim) -> String {
        match victim {
            Victim::Process(index) => self.processes[index].name.clone(),
            Victim::Postgres => "PostgreSQL".to_owned(),
            Victim::Nats => "nats-server".to_owned(),
            Victim::Redis => "Redis".to_owned(),
        }
    }

    /// The gateways, all of which are running.
    pub(super) fn gateways(&self) -> impl Iterator<Item = &Platform> {
        let gateways = self.processes.iter();
        gateways
            .filter(|process| matches!(process.role, None | Some(Role::Gateway)))
            .filter_map(|process| process.running.as_ref())
    }

    /// How many processes there are.
    pub(super) fn count(&self) -> usize {
        self.processes.len()
    }

    /// Ends a process as an operator does, and starts it again.
    pub(super) async fn restart(&mut self, index: usize) -> Option<i32> {
        let process = &mut self.processes[index];
        let ended = process.running.take().unwrap().stop().await;
        process.start().await;
        ended.code()
    }

    /// Waits until every event had its effect.
    pub(super) async fn events_settle(&self) {
        let setup = &self.processes[0].setup;
        let settled = async {
            while waiting(setup).await != Some(0) {
                tokio::time::sleep(BREATH).await;
            }
        };
        eventually("no event waits", settled).await;
    }

    /// Strikes one of them.
    pub(super) async fn strike(&mut self, victim: Victim, blow: Blow) {
        match (victim, blow) {
            (Victim::Process(index), Blow::Kill) => {
                self.processes[index].running.take().unwrap().kill().await;
            }
            (Victim::Process(index), Blow::Pause) => {
                self.processes[index].running.as_ref().unwrap().pause();
            }
            (server, Blow::Kill) => self.daemon(server).kill().unwrap(),
            (server, Blow::Pause) => self.daemon(server).pause().unwrap(),
        }
    }

    /// Starts it again, or lets it go on.
    pub(super) async fn bring_back(&mut self, victim: Victim, blow: Blow) {
        match (victim, blow) {
            (Victim::Process(index), Blow::Kill) => self.processes[index].start().await,
            (Victim::Process(index), Blow::Pause) => {
                self.processes[index].running.as_ref().unwrap().resume();
            }
            (server, Blow::Kill) => self.daemon(server).start().unwrap(),
            (server, Blow::Pause) => self.daemon(server).resume().unwrap(),
        }
    }

    fn daemon(&self, server: Victim) -> &Daemon {
        let daemon = match server {
            Victim::Postgres => self.postgres.daemon(),
            Victim::Nats => self.nats.daemon(),
            Victim::Redis => self.redis.as_ref().unwrap().daemon(),
            Victim::Process(_) => panic!("a process of the platform is no server"),
        };
        daemon.unwrap()
    }
}

impl Process {
    async fn start(&mut self) {
        self.running = Some(match self.role {
            None => self.setup.start().await,
            Some(role) => self.setup.serve(&[role]).await,
        });
    }
}

fn listen_variable(role: Role) -> String {
    match role {
        Role::Gateway => "TROUPE__GATEWAY__LISTEN".to_owned(),
        _ => format!("TROUPE__MESH__LISTEN__{}", role.name().to_uppercase()),
    }
}

/// Chance that can be had again from its seed.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64, then the remainder: even enough for pauses.
    pub(super) fn pick(&mut self, range: Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (bits ^ (bits >> 31)) % (range.end - range.start)
    }

    /// One of some.
    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.pick(0..all.len() as u64) as usize]
    }
}
