//! Keeps a [`Verifier`] up to date: follows the keys and the revoked login sessions that users announces.

use std::time::Duration;

use platform::Tasks;
use tonic::Status;
use troupe_proto::users::WatchAccessRequest;
use troupe_proto::users::auth_service_client::AuthServiceClient;

use crate::{Channel, Verifier};

const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Follows the users service behind `channel` until shutdown. Returns at once.
pub fn follow(verifier: Verifier, channel: Channel, tasks: &Tasks) {
    let token = tasks.token().clone();
    tasks.spawn(token.run_until_cancelled_owned(async move {
        loop {
            if let Err(status) = watch(&verifier, channel.clone()).await {
                tracing::warn!(code = ?status.code(), "following access keys was interrupted");
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }));
}

async fn watch(verifier: &Verifier, channel: Channel) -> Result<(), Status> {
    let mut changes = AuthServiceClient::new(channel)
        .watch_access(WatchAccessRequest {})
        .await?
        .into_inner();
    while let Some(change) = changes.message().await? {
        if !change.keys.is_empty() {
            verifier.set_keys(&change.keys);
        }
        for id in &change.revoked_login_session_ids {
            match id.parse() {
                Ok(id) => verifier.revoke(id),
                Err(error) => {
                    tracing::error!(%error, "users announced something that is no login session")
                }
            }
        }
    }
    Ok(())
}
