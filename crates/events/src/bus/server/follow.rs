//! From the server to those who listen to a topic here.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;

use super::Server;
use crate::bus::channel::Channel;

/// How long a topic is followed that nobody listens to any more: servers bear few changes of subscriptions a second
/// (<https://github.com/nats-io/nats-server/issues/710>), and whoever reloads a page is back by then.
const LINGER: Duration = Duration::from_secs(5);

/// Follows a topic until nobody has listened for a while, or the process stops.
pub(super) async fn run(server: Arc<Server>, channel: Arc<Channel>) {
    let mut taking = pin!(take(&server, &channel));
    loop {
        tokio::select! {
            () = server.tasks.stopping() => break,
            () = &mut taking => break,
            () = channel.until_deserted(LINGER) => {
                if server.channels.remove_if_empty(&channel) {
                    return;
                }
            }
        }
    }
    server.channels.end(&channel);
}

/// Takes what comes. Its drop ends the subscription at the server.
async fn take(server: &Server, channel: &Channel) {
    let subject = channel.topic.subject(&server.prefix);
    let Ok(mut messages) = server.connection.client().subscribe(subject).await else {
        return;
    };
    if !server.standing.confirmed().await {
        return;
    }
    channel.go_live();
    while let Some(message) = messages.next().await {
        // It is a piece of what was read at once, all of which it would keep for as long as it waits.
        channel.spread(&Bytes::copy_from_slice(&message.payload));
    }
}
