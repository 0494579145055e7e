//! The healthy instances of a service that Consul knows, by blocking queries: an answer comes when something changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::part::Part;
use super::{Addresses, has_port, parameters};

/// How long a query may wait for a change.
const WAIT: Duration = Duration::from_secs(30);
/// Consul adds up to a sixteenth of the wait; what takes longer is lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A service at an agent of Consul.
#[derive(Debug, Clone)]
pub(super) struct Consul {
    pub(super) agent: Arc<str>,
    pub(super) service: String,
    pub(super) tag: Option<String>,
}

/// An instance, as `/v1/health/service` has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    node: Node,
    service: Service,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    /// Empty where it is the node's.
    #[serde(default)]
    address: String,
    port: u16,
}

/// Why Consul gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConsulError {
    #[error("Consul can't be reached")]
    Http(#[from] reqwest::Error),
    #[error("Consul answered {0}")]
    Refused(StatusCode),
    #[error("Consul gave no index")]
    NoIndex,
}

impl Consul {
    /// Reads `host:port/service?tag=..`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let form = "must have the form consul://host:port/service";
        let (agent, rest) = text.split_once('/').ok_or(form)?;
        let (service, query) = match rest.split_once('?') {
            Some((service, query)) => (service, Some(query)),
            None => (rest, None),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !has_port(agent) || service.is_empty() || !service.chars().all(is_plain) {
            return Err(form);
        }
        let mut tag = None;
        for (key, value) in parameters(query) {
            if key != "tag" || value.is_empty() || !value.chars().all(is_plain) {
                return Err("has a parameter other than `tag`, or an invalid tag");
            }
            tag = Some(value.to_owned());
        }
        Ok(Self {
            agent: agent.into(),
            service: service.to_owned(),
            tag,
        })
    }

    /// Follows the service for as long as it is asked to. What was known last stands while Consul is away.
    pub(super) async fn follow(self, part: Part) {
        let mut index = 0;
        let mut pause = SHORTEST_PAUSE;
        let mut was_there = true;
        let client = loop {
            match client() {
                Ok(client) => break client,
                Err(error) => {
                    tracing::error!(%error, "a client for Consul can't be made");
                    tokio::time::sleep(LONGEST_PAUSE).await;
                }
            }
        };
        loop {
            match self.healthy(&client, index).await {
                Ok((addresses, next)) => {
                    pause = SHORTEST_PAUSE;
                    was_there = true;
                    part.set(addresses);
                    // One that goes back is of another Consul, whose changes would be missed.
                    index = if next < index { 0 } else { next };
                    continue;
                }
                Err(error) => {
                    if was_there {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(
                            error,
                            service = self.service,
                            "the instances of a service can't be watched"
                        );
                    }
                    was_there = false;
                    index = 0;
                }
            }
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..=1.0))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The healthy instances once they are others than at `index`, or the wait is over.
    async fn healthy(
        &self,
        client: &reqwest::Client,
        index: u64,
    ) -> Result<(Addresses, u64), ConsulError> {
        let mut url = format!(
            "http://{}/v1/health/service/{}?passing=1&index={index}&wait={}s",
            self.agent,
            self.service,
            WAIT.as_secs()
        );
        if let Some(tag) = &self.tag {
            url.push_str("&tag=");
            url.push_str(tag);
        }
        let answer = client.get(url).timeout(ANSWER_WITHIN).send().await?;
        if !answer.status().is_success() {
            return Err(ConsulError::Refused(answer.status()));
        }
        let next = answer
            .headers()
            .get("x-consul-index")
            .and_then(|it| it.to_str().ok()?.parse().ok())
            .filter(|next| *next > 0)
            .ok_or(ConsulError::NoIndex)?;
        let instances: Vec<Instance> = answer.json().await?;
        let addresses = instances.iter().map(Instance::address).collect();
        Ok((addresses, next))
    }
}

impl Instance {
    fn address(&self) -> Arc<str> {
        let host = match self.service.address.as_str() {
            "" => &self.node.address,
            own => own,
        };
        let port = self.service.port;
        let is_ipv6 = host.contains(':') && !host.starts_with('[');
        if is_ipv6 {
            format!("[{host}]:{port}").into()
        } else {
            format!("{host}:{port}").into()
        }
    }
}

/// A client for an agent.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .no_proxy()
        .build()
}

impl fmt::Display for Consul {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "consul://{}/{}", self.agent, self.service)
    }
}
