//! A service in the process of a test: its real server stack, a real store, and time that the test moves.

use std::sync::Arc;
use std::time::Duration;

use mesh::context::REQUEST_ID;
use mesh::server::Limits;
use mesh::{Channel, Role, Server, Verifier};
use platform::clock::FakeTime;
use platform::id::UserId;
use platform::{Clock, Tasks, Timestamp};
use redis::Redis;
use service::{Backends, BuildError, Host, Neighbours, Service};
use storage::Database;
use tonic::Request;

use crate::Home;
use crate::held;
use crate::people::Issuer;

/// When a stage begins.
const BEGINNING: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// In which a service that is asked to stop has stopped.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// What a service is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where it keeps its data.
    pub home: Arc<Home>,
    /// The servers that take the place of embedded parts.
    pub backends: Backends,
    /// Redis, where there is one.
    pub redis: Option<Redis>,
    /// The other roles.
    pub neighbours: Vec<Server>,
    /// The time, and what moves it.
    pub time: (Clock, FakeTime),
}

/// A running service, and people who call it.
#[derive(Debug)]
pub struct Stage {
    /// What it was started with.
    pub setup: Setup,
    /// The service, as neighbours call it.
    pub server: Server,
    /// The process that it runs in.
    pub host: Host,
    /// Whose access tokens it takes.
    pub verifier: Verifier,
    issuer: Issuer,
}

/// Somebody who calls: a person with an access token, or nobody.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where to.
    pub channel: Channel,
    /// Who; absent for nobody.
    pub user_id: Option<UserId>,
    /// The access token.
    pub bearer: Option<String>,
    /// What the requests are called; absent to let each get a name of its own.
    pub request_id: Option<String>,
}

impl Setup {
    /// A service on a new home, with embedded parts and no neighbours.
    ///
    /// # Errors
    /// There is no home; see [`Home::new`].
    pub async fn new() -> std::io::Result<Self> {
        Ok(Self::on(Arc::new(Home::new().await?)))
    }

    /// The same on a home that there is.
    pub fn on(home: Arc<Home>) -> Self {
        Self {
            backends: Backends {
                database: home.database(),
                ..Backends::default()
            },
            home,
            redis: None,
            neighbours: Vec::new(),
            time: Clock::fake(BEGINNING),
        }
    }

    /// Starts the service. It takes the access tokens of an issuer of its own.
    ///
    /// # Errors
    /// The service can't be built.
    pub async fn start<S: Service>(self, config: &S::Config) -> Result<Stage, BuildError> {
        let issuer = Issuer::new(self.time.0.clone());
        let verifier = issuer.verifier();
        self.start_with::<S>(config, issuer, verifier).await
    }

    /// Starts a service that issues access tokens itself. Nobody's are taken until somebody gives the verifier its keys.
    ///
    /// # Errors
    /// The service can't be built.
    pub async fn start_issuer<S: Service>(self, config: &S::Config) -> Result<Stage, BuildError> {
        let clock = self.time.0.clone();
        let (issuer, verifier) = (Issuer::new(clock.clone()), Verifier::new(clock));
        self.start_with::<S>(config, issuer, verifier).await
    }

    async fn start_with<S: Service>(
        self,
        config: &S::Config,
        issuer: Issuer,
        verifier: Verifier,
    ) -> Result<Stage, BuildError> {
        let host = Host {
            clock: self.time.0.clone(),
            tasks: Tasks::new(),
            backends: self.backends.clone(),
            redis: self.redis.clone(),
            ..Host::new(self.home.path())
        };
        let neighbours = Seen(S::ROLE, &self.neighbours);
        let routes = service::build::<S>(config, &host, &neighbours).await?;
        let server = Server::new(S::ROLE, routes, verifier.clone(), Limits::default());
        Ok(Stage {
            setup: self,
            server,
            host,
            verifier,
            issuer,
        })
    }
}

/// The neighbours of a role.
struct Seen<'s>(Role, &'s [Server]);

impl Neighbours for Seen<'_> {
    fn channel(&self, to: Role) -> Result<Channel, BuildError> {
        match self.1.iter().find(|server| server.role() == to) {
            Some(server) => Ok(Channel::in_process(server, self.0)),
            None => service::Alone.channel(to),
        }
    }
}

impl Stage {
    /// What moves the time.
    pub fn time(&self) -> &FakeTime {
        &self.setup.time.1
    }

    /// A channel by which a role makes its own calls.
    pub fn as_role(&self, role: Role) -> Channel {
        held::as_role(&self.server, role)
    }

    /// Somebody without an access token.
    pub fn nobody(&self) -> Caller {
        Caller {
            channel: held::for_clients(&self.server),
            user_id: None,
            bearer: None,
            request_id: None,
        }
    }

    /// A person that nobody heard of before.
    ///
    /// # Errors
    /// As those of [`Issuer::token`].
    pub fn person(&self) -> Result<Caller, Box<dyn std::error::Error>> {
        self.person_of(UserId::new())
    }

    /// A person.
    ///
    /// # Errors
    /// As those of [`Issuer::token`].
    pub fn person_of(&self, user_id: UserId) -> Result<Caller, Box<dyn std::error::Error>> {
        Ok(Caller {
            user_id: Some(user_id),
            bearer: Some(self.issuer.token(user_id)?),
            ..self.nobody()
        })
    }

    /// The service's store, by connections beside its own.
    ///
    /// # Errors
    /// It can't be opened.
    pub async fn store(&self) -> Result<Option<Database>, storage::database::OpenError> {
        Database::attach(&self.host.storage(), self.server.role().name()).await
    }

    /// Stops the service, and gives what another one on its data is started with. False if it didn't stop in time.
    pub async fn stop(self) -> (Setup, bool) {
        let has_stopped = self.host.tasks.shut_down(STOPPED_WITHIN).await;
        (self.setup, has_stopped)
    }
}

impl Caller {
    /// A request of theirs.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = self
            .bearer
            .as_ref()
            .map(|bearer| format!("Bearer {bearer}"));
        let headers = [
            ("authorization", bearer.as_deref()),
            (REQUEST_ID, self.request_id.as_deref()),
        ];
        for (name, value) in headers {
            if let Some(value) = value.and_then(|value| value.parse().ok()) {
                request.metadata_mut().insert(name, value);
            }
        }
        request
    }
}
