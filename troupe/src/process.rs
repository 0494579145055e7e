//! A process of the platform, from its start to the end of its last call: with every role in it, connected in memory, or
//! with some, which reach the others through the mesh.

mod allocator;
mod banner;
mod channels;
mod files;
mod sockets;
mod start;
pub(crate) mod tls;
mod wiring;

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mesh::Role;
use platform::lifecycle::Signals;
use platform::telemetry::Exporting;
use platform::{Tasks, telemetry};
use redis::Redis;
use service::Host;
use tokio::task::JoinHandle;

use self::channels::{Channels, Mesh};

use self::sockets::Sockets;
pub(crate) use self::sockets::listen;
use self::start::Start;
use crate::admin;
use crate::hold::Hold;
use crate::services::ROLES;
use crate::settings::Settings;

/// How long running calls and generations may take to end after a signal.
const DRAIN: Duration = Duration::from_secs(30);
/// How long the work after those may take, such as storing the last text.
const AFTER_DRAIN: Duration = Duration::from_secs(2);
/// How long it may take to close the files, which also writes their logs back.
const CLOSE: Duration = Duration::from_secs(10);
/// How long it may take to close connections to other processes.
const HANG_UP: Duration = Duration::from_secs(1);

/// Runs the whole platform until a signal. What was claimed or opened is released however it ends.
///
/// # Errors
/// Where the data folder or the address is taken, and where a part can't be built.
pub(crate) async fn up(settings: &Settings) -> Result<()> {
    telemetry::init(&settings.log)?;
    settings.validate()?;
    run(settings, &ROLES, None).await
}

/// Runs some roles until a signal.
///
/// # Errors
/// As for the whole platform, and where a role has no certificates or doesn't know where another is.
pub(crate) async fn serve(settings: &Settings, roles: &[Role]) -> Result<()> {
    telemetry::init(&settings.log)?;
    settings.validate()?;
    let mesh = Mesh::load(&settings.mesh, roles)?;
    run(settings, roles, Some(mesh)).await
}

async fn run(settings: &Settings, roles: &[Role], mesh: Option<Mesh>) -> Result<()> {
    files::allow_most(settings, roles);
    let exporting = telemetry::start(&settings.telemetry, &service_name(roles))?;
    let signals = Signals::listen()?;
    let mut hold = Hold::take(settings, roles).await?;
    let outcome = run_in(&mut hold, settings, roles, mesh, signals, &exporting).await;
    hold.release().await;
    if outcome.is_ok() {
        exporting.flush().await;
    }
    outcome
}

async fn run_in(
    hold: &mut Hold,
    settings: &Settings,
    roles: &[Role],
    mesh: Option<Mesh>,
    signals: Signals,
    exporting: &Exporting,
) -> Result<()> {
    let is_whole = mesh.is_none();
    let sockets = Sockets::open(settings, roles, mesh.is_some()).await?;
    let addresses = sockets.addresses()?;
    let certificate = tls::open(settings, roles)?;
    let tasks = Tasks::new();
    allocator::keep_giving_back(&tasks);
    let host = Host {
        tasks: tasks.clone(),
        backends: settings.backends(),
        redis: Redis::open(&settings.redis, &tasks)?,
        in_use: Some(hold.in_use()),
        ..Host::new(&settings.data_dir)
    };

    if is_whole {
        banner::opening(settings)?;
    }
    // Calls that end after shutdown began still call others.
    let connections = Tasks::new();
    let channels = Channels::new(mesh, &connections);
    let start = Start::new(&host.health);
    if let Some(address) = settings.telemetry.admin {
        admin::serve(address, exporting, start.readiness(), &tasks).await?;
    }
    let mut asked = pin!(signals.asked());
    let platform = tokio::select! {
        built = wiring::build(settings, &host, roles, channels) => built?,
        () = start.answer(sockets.gateway()) => bail!("the listener closed before the platform was ready"),
        _ = &mut asked => {
            tasks.shut_down(AFTER_DRAIN).await;
            close(&host).await;
            tracing::info!("stopped before the start was complete");
            return Ok(());
        }
    };
    start.is_over(platform.readiness.clone());
    // Those that the first start has made.
    hold.mark(settings).await?;
    hold.note_made(settings, roles, certificate.as_deref())?;
    hold.instance
        .announce(roles, addresses.gateway, certificate.as_deref())?;
    let register = &settings.mesh.register;
    let gateway = match (platform.gateway, &certificate) {
        (Some(gateway), Some(certificate)) => Some(tls::serve(gateway, certificate, &tasks)?),
        (gateway, _) => gateway,
    };
    let serving = sockets.serve(gateway, platform.listeners, register, &tasks)?;
    addresses.log(&settings.data_dir, platform.readiness, &tasks);
    if let (true, Some(address), Some(ai)) = (is_whole, addresses.gateway, &platform.ai) {
        banner::ready(address, certificate.as_deref(), (Role::Roleplay, ai)).await?;
    }

    asked.await.leave(&tasks, settings.shutdown.notice()).await;
    drain(serving, &tasks).await?;
    close(&host).await;
    connections.shut_down(HANG_UP).await;
    tracing::info!("stopped");
    Ok(())
}

/// Closes the files in order: a platform that was stopped leaves each whole by itself.
async fn close(host: &Host) {
    if !host.stores.close(CLOSE).await {
        tracing::warn!("some files were in use; their logs stay beside them");
    }
}

/// What collectors know the process by: the roles that it has, unless it has all.
fn service_name(roles: &[Role]) -> String {
    if roles.len() == ROLES.len() {
        return "troupe".to_owned();
    }
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    format!("troupe-{}", roles.join("-"))
}

/// Waits for what still runs, within limits.
async fn drain(serving: Vec<JoinHandle<bool>>, tasks: &Tasks) -> Result<()> {
    tracing::info!("stopping: running calls may end first");
    let until = Instant::now() + DRAIN;
    for served in serving {
        if !served.await? {
            tracing::warn!("some calls had not ended in time");
        }
    }
    if !tasks
        .shut_down(until.saturating_duration_since(Instant::now()) + AFTER_DRAIN)
        .await
    {
        tracing::warn!("some work had not ended in time");
    }
    Ok(())
}
