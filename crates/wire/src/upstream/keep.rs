//! Keeps an endpoint connected, in the background: no call waits for a connection while another endpoint has one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connector;
use super::endpoint::Endpoint;
use super::health;

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Where a call would have the endpoint, the pause isn't longer than this.
const WANTED_PAUSE: Duration = Duration::from_millis(100);
/// A connection that lasted for so long was a good one; the next is made at once.
const GOOD_AFTER: Duration = Duration::from_secs(1);

/// Connects an endpoint, again and again. Never ends by itself.
pub(super) async fn connected(endpoint: Arc<Endpoint>, connector: Connector) {
    let mut pause = SHORTEST_PAUSE;
    let mut was_told = false;
    loop {
        endpoint.connects();
        match connector.connect(&endpoint.address).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                let began = Instant::now();
                was_told = false;
                tokio::select! {
                    () = Arc::clone(&connection).closing() => {}
                    never = health::follow(&endpoint, &connection) => match never {},
                }
                endpoint.let_go(&connection);
                tracing::debug!(
                    server = endpoint.name(),
                    address = &*endpoint.address,
                    "a connection to a process takes no more calls"
                );
                if began.elapsed() >= GOOD_AFTER {
                    pause = SHORTEST_PAUSE;
                    continue;
                }
            }
            Err(error) => {
                let error = error.to_string();
                endpoint.not_connected(&error);
                if !was_told {
                    was_told = true;
                    tracing::warn!(
                        server = endpoint.name(),
                        address = &*endpoint.address,
                        error,
                        "a process can't be reached"
                    );
                }
            }
        }
        // Clients that lost the same process don't come back to it all at once.
        let jittered = pause.mul_f64(rand::random_range(0.5..=1.0));
        let least = jittered.min(WANTED_PAUSE);
        tokio::time::sleep(least).await;
        let _wanted_or_time =
            tokio::time::timeout(jittered - least, endpoint.wanted.notified()).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
