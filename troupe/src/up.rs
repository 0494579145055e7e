//! The whole platform in one process: every service behind its server stack, connected in memory, and the gateway
//! before them.

mod greeting;
mod wiring;

use std::time::{Duration, Instant};

use anyhow::Result;
use platform::lifecycle::Signals;
use platform::{Host, Redis, Tasks, telemetry};

use crate::admin;
use crate::instance::Instance;
use crate::serve::listen;
use crate::settings::Settings;

/// For running calls and generations to end once a signal came.
const DRAIN: Duration = Duration::from_secs(30);
/// For what those leave to do, such as writing the last text.
const AFTER_DRAIN: Duration = Duration::from_secs(2);

/// Runs the platform until a signal. What was claimed or opened is released however it ends.
///
/// # Errors
/// Where the data folder or the address is taken, and where a part can't be built.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    telemetry::init(&settings.log)?;
    settings.validate()?;
    let exporting = telemetry::start(&settings.telemetry, "troupe")?;
    let signals = Signals::listen()?;
    let mut instance = Instance::claim(&settings.data_dir)?;
    let listener = listen(settings.gateway.listen).await?;
    let address = listener.local_addr()?;
    let tasks = Tasks::new();
    let host = Host {
        tasks: tasks.clone(),
        backends: settings.backends(),
        redis: Redis::open(&settings.redis, &tasks)?,
        ..Host::new(&settings.data_dir)
    };

    greeting::opening(&settings)?;
    let platform = wiring::build(&settings, &host).await?;
    instance.announce(address)?;
    if let Some(address) = settings.telemetry.admin {
        admin::serve(address, &exporting, platform.readiness).await?;
    }
    let serving = tasks.spawn(platform.gateway.serve(listener, tasks.token().clone()));
    tracing::info!(ready = true, %address, data_dir = %settings.data_dir.display(), "the platform is ready");
    greeting::ready(address, wiring::ROLEPLAY, &platform.ai).await?;

    signals.stop(&tasks).await;
    tracing::info!("stopping: running calls may end first");
    let until = Instant::now() + DRAIN;
    if !serving.await? {
        tracing::warn!("some calls had not ended when their time was up");
    }
    if !tasks
        .shut_down(until.saturating_duration_since(Instant::now()) + AFTER_DRAIN)
        .await
    {
        tracing::warn!("some work had not ended when its time was up");
    }
    exporting.flush().await;
    tracing::info!("stopped");
    Ok(())
}
