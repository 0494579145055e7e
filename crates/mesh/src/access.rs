//! Keeps a [`Verifier`] up to date: follows the keys and the revocations that users announces, and tells users which
//! access tokens were used.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use platform::Tasks;
use platform::id::AccessTokenId;
use tokio::sync::mpsc;
use tonic::Status;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_proto::users::{ReportTokenUseRequest, WatchAccessRequest};

use crate::{Channel, Verifier};

const RETRY_DELAY: Duration = Duration::from_millis(200);
/// At most what the contract takes.
const REPORTED_AT_ONCE: usize = 1000;

/// Follows the users service behind `channel` until shutdown. Returns immediately.
pub fn follow(verifier: Verifier, channel: Channel, tasks: &Tasks) {
    if let Some(uses) = verifier.take_first_uses() {
        let stop = tasks.token().clone();
        tasks.spawn(stop.run_until_cancelled_owned(report(uses, channel.clone())));
    }
    let stop = tasks.token().clone();
    tasks.spawn(stop.run_until_cancelled_owned(async move {
        let mut was_told = false;
        loop {
            let watched = watch(&verifier, channel.clone(), &mut was_told).await;
            if let (Err(status), false) = (watched, was_told) {
                was_told = true;
                tracing::warn!(code = ?status.code(), "the stream of access keys was interrupted");
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }));
}

/// Follows until the stream ends. An interruption is told once, until something came again.
async fn watch(verifier: &Verifier, channel: Channel, was_told: &mut bool) -> Result<(), Status> {
    let mut changes = AuthServiceClient::new(channel)
        .watch_access(WatchAccessRequest {})
        .await?
        .into_inner();
    while let Some(change) = changes.message().await? {
        *was_told = false;
        if !change.keys.is_empty() {
            verifier.set_keys(&change.keys);
        }
        for_each_id(&change.revoked_login_session_ids, |id| verifier.revoke(id));
        for_each_id(&change.revoked_token_ids, |id| verifier.revoke_token(id));
    }
    Ok(())
}

fn for_each_id<T: FromStr<Err: Display>>(ids: &[String], act: impl Fn(T)) {
    for id in ids {
        match id.parse() {
            Ok(id) => act(id),
            Err(error) => tracing::error!(%error, "users announced an invalid id"),
        }
    }
}

/// Sends what the verifier saw. While users can't be reached the verifier's queue fills, and what doesn't fit is lost.
async fn report(mut uses: mpsc::Receiver<AccessTokenId>, channel: Channel) {
    let mut users = AuthServiceClient::new(channel);
    let mut seen = Vec::new();
    while uses.recv_many(&mut seen, REPORTED_AT_ONCE).await > 0 {
        let token_ids: Vec<String> = seen.drain(..).map(|id| id.to_string()).collect();
        let report = ReportTokenUseRequest { token_ids };
        while let Err(status) = users.report_token_use(report.clone()).await {
            tracing::debug!(code = ?status.code(), "used access tokens could not be reported");
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
}
