//! The whole platform in one process: every service behind its server stack, connected in memory, and the gateway
//! before them.

mod greeting;
mod wiring;

use anyhow::Result;
use platform::{Clock, Host, Tasks, lifecycle, telemetry};
use std::time::Duration;

use crate::instance::Instance;
use crate::serve::listen;
use crate::settings::Settings;

/// For tasks to end after the last call has.
const TASKS_GRACE: Duration = Duration::from_secs(10);

/// Runs the platform until a signal. What was claimed or opened is released however it ends.
///
/// # Errors
/// Where the data folder or the address is taken, and where a part can't be built.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    telemetry::init(&settings.log)?;
    let mut instance = Instance::claim(&settings.data_dir)?;
    let listener = listen(settings.gateway.listen).await?;
    let address = listener.local_addr()?;
    let tasks = Tasks::new();
    let host = Host { data_dir: settings.data_dir.clone(), clock: Clock::system(), tasks: tasks.clone() };

    greeting::opening(&settings)?;
    let platform = wiring::build(&settings, &host).await?;
    instance.announce(address)?;
    let serving = tasks.spawn(platform.gateway.serve(listener, tasks.token().clone()));
    tracing::info!(%address, data_dir = %settings.data_dir.display(), "the platform is ready");
    greeting::ready(address, wiring::ROLEPLAY, &platform.ai).await?;

    lifecycle::signal(&tasks).await?;
    tracing::info!("stopping: running calls may end first");
    if !serving.await? {
        tracing::warn!("some calls had not ended when their time was up");
    }
    if !tasks.shut_down(TASKS_GRACE).await {
        tracing::warn!("some work had not ended when its time was up");
    }
    tracing::info!("stopped");
    Ok(())
}
