//! Asks the server from time to time which models it has, so that no call waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use platform::Tasks;
use tokio::sync::watch::{self, Receiver};
use tokio::time::timeout;

use super::Server;
use super::listing::{self, Found, Listing};
use crate::domain::ProviderError;
use crate::infrastructure::upstream::endpoint::Refusal;
use crate::infrastructure::upstream::failure;

const PAUSE: Duration = Duration::from_secs(300);
const PAUSE_WHEN_AWAY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts the watch, which ends at shutdown. What it knows is at the receiver.
pub(super) fn start(server: Arc<Server>, tasks: &Tasks) -> Receiver<Arc<Listing>> {
    let (sender, receiver) = watch::channel(Arc::new(Listing::initial(&server.config)));
    let token = tasks.token().clone();
    tasks.spawn(token.run_until_cancelled_owned(async move {
        server.remember().await;
        loop {
            let answer = ask(&server).await;
            let listing = sender.borrow().updated(&server.config, answer);
            let away = listing.problem().is_some();
            report(&sender.borrow(), &listing);
            sender.send_replace(Arc::new(listing));
            tokio::time::sleep(if away { PAUSE_WHEN_AWAY } else { PAUSE }).await;
        }
    }));
    receiver
}

/// The models that the server has, or why it can't be used. A server without a list of models has those that are named.
async fn ask(server: &Server) -> Result<Vec<Found>, String> {
    let answer = timeout(TIMEOUT, server.endpoint.get("models"));
    let answer = answer.await.unwrap_or_else(|_elapsed| {
        let waited_for = "its list of models did not come";
        Err(ProviderError::Timeout { waited_for }.into())
    });
    let mut found = match answer {
        Ok(answer) => match failure::told_by(&answer) {
            Some(error) => return Err(problem(&server.endpoint.strike_out(error))),
            None => listing::read(&answer),
        },
        Err(refusal)
            if has_no_list(&refusal) || !server.config.discovers() && is_rejected(&refusal) =>
        {
            return Ok(Vec::new());
        }
        Err(refusal) => return Err(problem(&refusal.error)),
    };
    if listing::wants_props(&found)
        && let Ok(Ok(props)) = timeout(TIMEOUT, server.endpoint.get_beside("props")).await
    {
        listing::take_props(&mut found, &props);
    }
    Ok(found)
}

/// Whether what was refused is not there at all.
fn has_no_list(refusal: &Refusal) -> bool {
    let status = refusal.status.map(|status| status.as_u16());
    matches!(status, Some(404 | 405 | 410 | 501))
}

fn is_rejected(refusal: &Refusal) -> bool {
    matches!(
        refusal.error,
        ProviderError::Rejected { .. }
            | ProviderError::ModelGone { .. }
            | ProviderError::Foreign { .. }
    )
}

/// Why the server can't be used, for people.
fn problem(error: &ProviderError) -> String {
    match error {
        ProviderError::Account { .. } => {
            "the model server refuses the key: set TROUPE__AI__OPENAI__API_KEY".to_owned()
        }
        error => error.to_string(),
    }
}

/// Logs when the server goes away or comes back, and not each time it is asked.
fn report(before: &Listing, after: &Listing) {
    match (
        before.is_settled() && before.problem().is_none(),
        after.problem(),
    ) {
        (false, None) => tracing::info!(models = after.models().count(), "model server answers"),
        (true, Some(problem)) => tracing::warn!(problem, "model server is away"),
        (false, Some(problem)) if !before.is_settled() => {
            tracing::warn!(problem, "model server can't be used yet");
        }
        _ => {}
    }
}
