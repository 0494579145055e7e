//! The platform and its servers, and how they are killed and brought back.

use std::net::TcpListener;
use std::ops::Range;

use testkit::scripted::Handle;
use testkit::servers::{Nats, Postgres};

use super::ledger::Ledger;
use crate::platform::{Platform, Setup};

/// Who is killed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Victim {
    Platform,
    Postgres,
    Nats,
}

impl Victim {
    pub(super) const ALL: [Self; 3] = [Self::Platform, Self::Postgres, Self::Nats];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Postgres => "PostgreSQL",
            Self::Nats => "nats-server",
        }
    }
}

/// A platform on real servers. All of them come back where they were.
pub(super) struct Stage {
    setup: Setup,
    postgres: Postgres,
    nats: Nats,
    /// Absent while it is dead.
    platform: Option<Platform>,
}

impl Stage {
    pub(super) async fn start(model: &Handle) -> Self {
        let postgres = Postgres::start(None).await.unwrap();
        let nats = Nats::start(None).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut setup = Setup::new()
            .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
            .with("TROUPE__GATEWAY__LISTEN", port.to_string())
            .with("TROUPE__DATABASE__URL", postgres.new_database().unwrap())
            .with("TROUPE__NATS__URL", nats.url());
        for class in ["READ", "WRITE", "CREDENTIALS", "GENERATE"] {
            let rate = format!("TROUPE__GATEWAY__RATES__{class}");
            setup = setup
                .with(&format!("{rate}__PER_SECOND"), "10000")
                .with(&format!("{rate}__BURST"), "10000");
        }
        let platform = Some(setup.start().await);
        Self {
            setup,
            postgres,
            nats,
            platform,
        }
    }

    pub(super) fn platform(&self) -> &Platform {
        self.platform.as_ref().unwrap()
    }

    /// Ends one of them at once.
    pub(super) async fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Platform => self.platform.take().unwrap().kill().await,
            Victim::Postgres => self.postgres.daemon().unwrap().kill().unwrap(),
            Victim::Nats => self.nats.daemon().unwrap().kill().unwrap(),
        }
    }

    /// Starts it again.
    pub(super) async fn bring_back(&mut self, victim: Victim) {
        match victim {
            Victim::Platform => self.platform = Some(self.setup.start().await),
            Victim::Postgres => self.postgres.daemon().unwrap().start().unwrap(),
            Victim::Nats => self.nats.daemon().unwrap().start().unwrap(),
        }
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
}
