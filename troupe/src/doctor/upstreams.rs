//! Services of others behind the gateway, if some are named.

use std::time::Duration;

use futures::future::join_all;
use platform::reach::connect;

use super::finding::Finding;

const SUBJECT: &str = "upstream";
const TIMEOUT: Duration = Duration::from_secs(3);

/// Sees whether something listens where they should be.
pub(super) async fn examine(config: &gateway::Config) -> Vec<Finding> {
    // What can't be read is a finding about the configuration already.
    let uris = config.upstream_uris().unwrap_or_default();
    let looks = uris.iter().map(async |(service, uri)| {
        let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        let place = format!("{service} at {host}:{port}");
        let Err(unreached) = connect((host, port), TIMEOUT).await else {
            return Finding::good(SUBJECT, place);
        };
        Finding::broken(SUBJECT, format!("{place} can't be reached: {unreached}")).advise(
            "start it, or correct TROUPE__GATEWAY__UPSTREAMS; until then its methods are refused",
        )
    });
    join_all(looks).await
}
