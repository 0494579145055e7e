//! What the ai service found out about models and wrote down: what their servers refuse, and which fail.

use std::time::Duration;

use platform::Clock;
use platform::config::ServerUrl;
use service::Host;
use storage::Database;

use super::finding::Finding;
use crate::settings::Settings;

const LEARNED: &str = "learned";
const BREAKER: &str = "breaker";

/// Reads the service's store. Nothing where there is none, or it can't be read: others tell of that.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let host = Host {
        backends: settings.backends(),
        ..Host::new(&settings.data_dir)
    };
    let Ok(Some(store)) = Database::attach(&host.storage(), "ai").await else {
        return Vec::new();
    };
    let mut findings = refusals(&store).await;
    findings.extend(troubles(&store).await);
    findings
}

/// Models that aren't asked for a while, as the ai service last wrote it down.
async fn troubles(store: &Database) -> Vec<Finding> {
    let now = Clock::system().now();
    let troubles = ai::troubles(store, now).await.unwrap_or_default();
    let finding = |trouble: ai::Trouble| {
        let (model, cause, ago) = (trouble.model_id, trouble.cause, now.since(trouble.since));
        let again = match trouble.until.since(now) {
            Duration::ZERO => "the next request finds out whether it answers again".to_owned(),
            rest => format!("it is asked again in {} s", rest.as_secs() + 1),
        };
        let text = format!("{model} failed {} s ago ({cause}): {again}", ago.as_secs());
        Finding::missing(BREAKER, text).advise(
            "routes leave it out until then; the log of the ai role has the provider's words",
        )
    };
    troubles.into_iter().map(finding).collect()
}

/// What model servers refused, by what the ai service stored of it.
async fn refusals(store: &Database) -> Vec<Finding> {
    let lessons = ai::lessons(store).await.unwrap_or_default();
    let finding = |of_model: &[ai::Lesson]| {
        let refused: Vec<&str> = of_model.iter().map(|lesson| &*lesson.refusal).collect();
        let (server, model) = (ServerUrl::new(&*of_model[0].server), &of_model[0].model);
        let text = format!("{server} refuses for {model}: {}", refused.join(", "));
        Finding::good(LEARNED, text)
            .advise("found out from its answers; the settings of the server's models overrule it")
    };
    let of_one = |one: &ai::Lesson, other: &ai::Lesson| {
        (&one.server, &one.model) == (&other.server, &other.model)
    };
    lessons.chunk_by(of_one).map(finding).collect()
}
