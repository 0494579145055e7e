//! The running platform, or whether one could listen.

use std::time::Duration;

use tokio::net::TcpListener;

use super::finding::Finding;
use crate::instance::{self, Running};
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(3);
const SUBJECT: &str = "platform";

/// Looks at the platform that runs on the data folder, or at the address where one would listen.
pub(super) async fn examine(settings: &Settings, running: Option<&Running>) -> Vec<Finding> {
    let Some(running) = running else {
        return vec![
            Finding::missing(SUBJECT, "none runs on this data folder")
                .advise("start it with `troupe up`"),
            free_address(settings).await,
        ];
    };
    let Running {
        pid,
        version,
        address,
        roles,
        ..
    } = running;
    let process = format!("process {pid}, version {version}");
    match address {
        Some(address) => {
            let url = instance::url(*address);
            let runs = Finding::good(SUBJECT, format!("{process}, at {url}"));
            vec![runs, health(&url).await]
        }
        None if roles.is_empty() => {
            vec![Finding::missing(SUBJECT, format!("{process}, is starting"))]
        }
        None => {
            let roles = roles.join(" and ");
            vec![Finding::good(SUBJECT, format!("{process}, serves {roles}"))]
        }
    }
}

async fn free_address(settings: &Settings) -> Finding {
    let address = settings.gateway.listen;
    match TcpListener::bind(address).await {
        Ok(_) => Finding::good("address", format!("{address} is free")),
        Err(error) => Finding::broken(
            "address",
            format!("{address} can't be listened at: {error}"),
        )
        .advise("stop what listens there, or choose another address with --listen"),
    }
}

async fn health(url: &str) -> Finding {
    match readiness(url).await {
        Ok((true, _)) => Finding::good("health", "ready"),
        Ok((false, missing)) => Finding::broken("health", missing.trim().to_owned())
            .advise("wait a moment; if it stays like this, its log says why"),
        Err(error) => Finding::broken("health", format!("{url} doesn't answer: {error}"))
            .advise("look at its log; stop the process and start it again"),
    }
}

async fn readiness(url: &str) -> Result<(bool, String), reqwest::Error> {
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()?;
    let answer = client.get(format!("{url}/readyz")).send().await?;
    Ok((answer.status().is_success(), answer.text().await?))
}
