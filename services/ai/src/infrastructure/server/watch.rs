//! Asks the server from time to time which models it has, so that no call waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use platform::Tasks;
use tokio::sync::watch::{self, Receiver};
use tokio::time::timeout;

use super::Server;
use super::listing::{self, Found, Listing};
use crate::config::Kind;
use crate::domain::ProviderError;
use crate::infrastructure::dialect;
use crate::infrastructure::upstream::Refusal;

const PAUSE: Duration = Duration::from_secs(300);
const PAUSE_WHEN_AWAY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts the watch, which ends at shutdown. What it knows is at the receiver.
pub(super) fn start(server: Arc<Server>, tasks: &Tasks) -> Receiver<Arc<Listing>> {
    let (sender, receiver) = watch::channel(Arc::new(Listing::initial(
        Arc::clone(&server.name),
        &server.config,
    )));
    let token = tasks.token().clone();
    tasks.spawn(token.run_until_cancelled_owned(async move {
        server.remember().await;
        loop {
            let answer = ask(&server).await;
            let listing = sender.borrow().updated(&server.config, answer);
            let away = listing.problem().is_some();
            report(&server, &sender.borrow(), &listing);
            sender.send_replace(Arc::new(listing));
            tokio::time::sleep(if away { PAUSE_WHEN_AWAY } else { PAUSE }).await;
        }
    }));
    receiver
}

/// The models that the server has, or why it can't be used. A server without a list of models has those that are named.
async fn ask(server: &Server) -> Result<Vec<Found>, String> {
    let answer = timeout(TIMEOUT, server.endpoint.get(server.dialect.list_path()));
    let answer = answer.await.unwrap_or_else(|_elapsed| {
        let waited_for = "its list of models did not come";
        Err(ProviderError::Timeout { waited_for }.into())
    });
    let mut found = match answer {
        Ok(answer) => listing::named(listing::read(&answer), server.dialect),
        Err(refusal)
            if has_no_list(&refusal) || !server.config.discovers() && is_rejected(&refusal) =>
        {
            return Ok(Vec::new());
        }
        Err(refusal) => return Err(problem(server, &refusal.error)),
    };
    if listing::wants_props(&found)
        && let Ok(Ok(props)) = timeout(TIMEOUT, server.endpoint.get("/props")).await
    {
        listing::take_props(&mut found, &props);
    }
    if server.config.kind == Kind::Ollama {
        // What isn't known in time stays unknown.
        let _ = timeout(TIMEOUT, dialect::describe(&server.endpoint, &mut found)).await;
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
fn problem(server: &Server, error: &ProviderError) -> String {
    match error {
        ProviderError::Account { .. } => {
            let setting = &server.setting;
            let variable = setting.replace('.', "__").to_uppercase();
            format!(
                "the model server refuses the key: set {setting}.api_key (TROUPE__{variable}__API_KEY)"
            )
        }
        error => error.to_string(),
    }
}

/// Logs when the server goes away or comes back, and not each time it is asked.
fn report(server: &Server, before: &Listing, after: &Listing) {
    let server = &*server.name;
    match (
        before.is_settled() && before.problem().is_none(),
        after.problem(),
    ) {
        (false, None) => {
            tracing::info!(
                server,
                models = after.models().count(),
                "model server answers"
            );
        }
        (true, Some(problem)) => tracing::warn!(server, problem, "model server is away"),
        (false, Some(problem)) if !before.is_settled() => {
            tracing::warn!(server, problem, "model server can't be used yet");
        }
        _ => {}
    }
}
