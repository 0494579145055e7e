//! Four processes, a model that says what the test wants, and a PostgreSQL.

use std::path::PathBuf;
use std::process::ExitStatus;

use mesh::{Channel, Role};
use reqwest::StatusCode;
use testkit::scripted::{self, Handle};
use testkit::servers::Postgres;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wire::{Endpoints, Identity, Upstream};

use crate::platform::{Platform, Setup, eventually};

/// Certificates as `troupe certs dev` makes them.
pub(crate) struct Certificates(Setup);

impl Certificates {
    pub(crate) async fn new() -> Self {
        let certificates = Self(Setup::new());
        let folder = certificates.folder();
        let args = ["certs", "dev", "--dir", folder.to_str().unwrap()];
        let made = certificates.0.run(&args).await;
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        certificates
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path("certs")
    }

    pub(crate) fn of(&self, role: Role) -> Identity {
        Identity::load(self.folder(), role).unwrap()
    }
}

/// The platform in four processes.
pub(crate) struct Fleet {
    pub(crate) model: Handle,
    pub(crate) certificates: Certificates,
    pub(crate) gateway: Platform,
    users: Platform,
    roleplay: Platform,
    ai: Platform,
    tasks: platform::Tasks,
    /// Of users, ai, roleplay and the gateway.
    setups: [Setup; 4],
}

impl Fleet {
    /// Starts all four and waits until they are ready for calls.
    pub(crate) async fn start() -> Self {
        let model = scripted::serve("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let certificates = Certificates::new().await;
        let database = Postgres::shared().await.unwrap().new_database().unwrap();
        let setup = || setup(&model, &certificates).with("TROUPE__DATABASE__URL", &database);
        let of_users = setup();
        let users = of_users.serve(&[Role::Users]).await;
        let of_ai = setup().with("TROUPE__MESH__PEERS__USERS", users.address());
        let ai = of_ai.serve(&[Role::Ai]).await;
        let of_roleplay = setup()
            .with("TROUPE__MESH__PEERS__USERS", users.address())
            .with("TROUPE__MESH__PEERS__AI", ai.address());
        let roleplay = of_roleplay.serve(&[Role::Roleplay]).await;
        let of_gateway = setup()
            .with("TROUPE__MESH__PEERS__USERS", users.address())
            .with("TROUPE__MESH__PEERS__AI", ai.address())
            .with("TROUPE__MESH__PEERS__ROLEPLAY", roleplay.address());
        let gateway = of_gateway.serve(&[Role::Gateway]).await;
        let fleet = Self {
            model,
            certificates,
            gateway,
            users,
            roleplay,
            ai,
            tasks: platform::Tasks::new(),
            setups: [of_users, of_ai, of_roleplay, of_gateway],
        };
        fleet.ready().await;
        fleet
    }

    /// The roles that only roles call.
    pub(crate) fn services(&self) -> [(Role, &Platform); 3] {
        [
            (Role::Users, &self.users),
            (Role::Roleplay, &self.roleplay),
            (Role::Ai, &self.ai),
        ]
    }

    /// What the gateway was started with.
    pub(crate) fn setup_of_gateway(&self) -> &Setup {
        let [_users, _ai, _roleplay, gateway] = &self.setups;
        gateway
    }

    /// A channel to `server` with the certificate of `caller`, for calls that it passes on.
    pub(crate) fn channel(&self, caller: Role, server: Role) -> Channel {
        let mut services = self.services().into_iter();
        let (_, platform) = services.find(|(role, _)| *role == server).unwrap();
        let endpoints = Endpoints::fixed([platform.address()]);
        let identity = self.certificates.of(caller);
        Upstream::to(server, endpoints, Some(identity), &self.tasks).channel()
    }

    async fn ready(&self) {
        for (role, _) in self.services() {
            let mut health = HealthClient::new(self.channel(Role::Gateway, role));
            let is_serving = async || {
                let said = health.check(HealthCheckRequest::default()).await;
                said.is_ok_and(|said| said.into_inner().status() == ServingStatus::Serving)
            };
            eventually("a role serves", until(is_serving)).await;
        }
        until_ready(&self.gateway).await;
    }

    /// Asks all to end.
    pub(crate) fn ask_to_stop(&self) {
        for platform in [&self.gateway, &self.roleplay, &self.ai, &self.users] {
            platform.ask_to_stop();
        }
    }

    /// Waits until all have ended.
    pub(crate) async fn ended(self) -> [ExitStatus; 4] {
        [
            self.gateway.ended().await,
            self.roleplay.ended().await,
            self.ai.ended().await,
            self.users.ended().await,
        ]
    }

    /// Asks all to end, and waits until they have.
    pub(crate) async fn stop(self) -> [ExitStatus; 4] {
        self.ask_to_stop();
        self.ended().await
    }
}

/// What a process with some roles is started with: free ports, and nothing of the others.
pub(crate) fn setup(model: &Handle, certificates: &Certificates) -> Setup {
    let folder = certificates.folder();
    Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
        .with("TROUPE__MESH__CERTIFICATES", folder.to_str().unwrap())
        .with("TROUPE__MESH__LISTEN__USERS", "127.0.0.1:0")
        .with("TROUPE__MESH__LISTEN__ROLEPLAY", "127.0.0.1:0")
        .with("TROUPE__MESH__LISTEN__AI", "127.0.0.1:0")
}

/// Waits until a gateway says that it is ready.
pub(crate) async fn until_ready(gateway: &Platform) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/readyz", gateway.url());
    let is_ready = async || http.get(&url).send().await.unwrap().status() == StatusCode::OK;
    eventually("the gateway is ready", until(is_ready)).await;
}

/// Asks until the answer is yes.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {}
}
