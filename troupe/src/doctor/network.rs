//! The running platform, or whether one could listen.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use storage::database::Outage;
use tokio::net::TcpListener;
use troupe_proto::error::DOMAIN;

use super::finding::Finding;
use crate::instance::{self, Reach, Running};
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(3);
const SUBJECT: &str = "platform";

/// Looks at the platform that runs on the data folder, or at the address where one would listen.
pub(super) async fn examine(settings: &Settings, running: Option<&Running>) -> Vec<Finding> {
    let Some(running) = running else {
        return vec![
            Finding::missing(SUBJECT, "none runs on this data folder")
                .advise("start it with `troupe up`"),
            address(settings.gateway.listen).await,
        ];
    };
    let Running {
        pid,
        version,
        roles,
        ..
    } = running;
    let process = format!("process {pid}, version {version}");
    match running.reach() {
        Some(reach) => {
            let runs = Finding::good(SUBJECT, format!("{process}, at {}", reach.url));
            vec![runs, health(&reach).await]
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

/// Whether a platform could listen there; if not, who does.
async fn address(address: SocketAddr) -> Finding {
    const SUBJECT: &str = "address";
    let error = match TcpListener::bind(address).await {
        Ok(_) => return Finding::good(SUBJECT, format!("{address} is free")),
        Err(error) => error,
    };
    if error.kind() != ErrorKind::AddrInUse {
        let text = format!("can't listen at {address}: {error}");
        return Finding::broken(SUBJECT, text).advise("choose another address with --listen");
    }
    match is_troupe(&instance::url(address, None)).await {
        true => Finding::missing(
            SUBJECT,
            format!("another Troupe listens at {address}, with another data folder"),
        )
        .advise("to check that one, name its folder with --data-dir; to run one on this folder too, choose another address with --listen"),
        false => Finding::broken(SUBJECT, format!("another program listens at {address}"))
            .advise("stop it, or choose another address with --listen"),
    }
}

/// Whether a gateway of ours answers, also one that still starts: its errors are of our domain.
async fn is_troupe(url: &str) -> bool {
    let answer = async {
        let answer = client(None)?.get(format!("{url}/")).send().await?;
        answer.json::<Value>().await
    };
    let details = answer.await.map(|mut answer| answer["details"].take());
    let is_ours = |detail: &Value| detail["domain"] == DOMAIN;
    details.is_ok_and(|details| details.as_array().into_iter().flatten().any(is_ours))
}

async fn health(reach: &Reach) -> Finding {
    let url = &reach.url;
    match readiness(reach).await {
        Ok((true, _)) => Finding::good("health", "ready"),
        Ok((false, missing)) => {
            Finding::broken("health", missing.trim().to_owned()).advise(advice(&missing))
        }
        Err(error) => Finding::broken("health", format!("{url} doesn't answer: {error}"))
            .advise("look at its log; stop the process and start it again"),
    }
}

/// What to do where a platform isn't ready. A disk gets no room by waiting.
fn advice(missing: &str) -> &'static str {
    let outages = [
        (
            Outage::Full,
            "make room on that disk; the platform continues by itself within seconds",
        ),
        (
            Outage::ReadOnly,
            "make sure that the disk, or the database, accepts writes; its log says more",
        ),
        (
            Outage::Failing,
            "check what the system's log says about that disk, and replace it if necessary",
        ),
        (
            Outage::Locked,
            "end the transaction of the program that has a database of the data folder open, such as sqlite3; the platform's log \
             names the database, and the platform continues by itself within seconds",
        ),
        (
            Outage::Refused,
            "correct the user and password in database.url (--database-url or TROUPE__DATABASE__URL)",
        ),
    ];
    let told = outages
        .iter()
        .find(|(outage, _)| missing.contains(&outage.to_string()));
    told.map_or(
        "wait a moment; if this doesn't change, its log says why",
        |(_, advice)| advice,
    )
}

async fn readiness(reach: &Reach) -> Result<(bool, String), reqwest::Error> {
    let client = client(reach.authority.as_deref())?;
    let answer = client.get(format!("{}/readyz", reach.url)).send().await?;
    Ok((answer.status().is_success(), answer.text().await?))
}

/// A client that trusts an authority beside the system's; without the file the connection fails, which is then told.
fn client(authority: Option<&Path>) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
    if let Some(text) = authority.and_then(|file| std::fs::read(file).ok()) {
        builder = builder.tls_certs_merge([reqwest::Certificate::from_pem(&text)?]);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use platform::Tasks;

    use super::super::finding::State;
    use super::*;
    use crate::pages;

    /// What is found where something answers every request with a page.
    async fn occupied_by(text: &'static str) -> Finding {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = listener.local_addr().unwrap();
        let connections = Tasks::new();
        let page = |_: &_| {
            let status = http::StatusCode::NOT_FOUND;
            pages::page(status, "application/json", text.to_owned())
        };
        tokio::select! {
            () = pages::serve(&listener, &connections, page) => unreachable!(),
            finding = address(taken) => finding,
        }
    }

    #[tokio::test]
    async fn tells_another_troupe_from_another_program() {
        let ours = occupied_by(r#"{"code":5,"details":[{"domain":"troupe.dev"}]}"#).await;
        assert_eq!(ours.state, State::Missing);
        let text = ours.to_string();
        assert!(
            text.contains("another Troupe") && text.contains("--data-dir"),
            "{text}"
        );
        for other in ["ok", "{}", r#"{"details":[{"domain":"example.com"}]}"#] {
            let other = occupied_by(other).await;
            assert_eq!(other.state, State::Broken);
            let text = other.to_string();
            assert!(text.contains("another program"), "{text}");
        }
    }

    #[test]
    fn advises_to_make_room_on_a_full_disk() {
        let full = format!("not ready: {}\n", Outage::Full);
        assert!(advice(&full).contains("make room"));
        assert!(advice("not ready: the process is starting").contains("wait"));
    }
}
