//! What the server says of itself and of the consumers.

use futures::TryStreamExt;

use super::{Server, away};
use crate::inspect::ConsumerLag;
use crate::transport::SendError;

impl Server {
    /// The server's version.
    pub(crate) fn version(&self) -> String {
        self.connection.client().server_info().version
    }

    /// How many dead letters there are.
    pub(crate) async fn count_dead(&self) -> Result<u64, SendError> {
        self.check_connected()?;
        let stream = self.stream(self.dead_config()).await?;
        Ok(stream.cached_info().state.messages)
    }

    /// How far the consumers are.
    pub(crate) async fn consumers(&self) -> Result<Vec<ConsumerLag>, SendError> {
        let stream = self.stream(self.events_config()).await?;
        let mut consumers = Vec::new();
        let mut infos = stream.consumers();
        let prefix = self.durable_name("");
        while let Some(info) = infos.try_next().await.map_err(away)? {
            let Some(name) = info.name.strip_prefix(&prefix) else {
                continue;
            };
            consumers.push(ConsumerLag {
                consumer: name.to_owned(),
                pending: info.num_pending,
                unacknowledged: info.num_ack_pending as u64,
                redelivered: info.num_redelivered as u64,
            });
        }
        Ok(consumers)
    }
}
