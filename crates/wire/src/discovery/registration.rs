//! Registers a process of ours with Consul, and reports its health by a heartbeat for as long as it is well.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use platform::Tasks;
use reqwest::Client;
use serde_json::json;
use tokio::sync::watch;

use super::EndpointsError;
use super::consul::{self, Consul, ConsulError};

/// Consul takes a process that says nothing for so long for one that isn't well.
const GOOD_FOR: Duration = Duration::from_secs(6);
const TELL_EVERY: Duration = Duration::from_secs(2);
/// And forgets it after this, the shortest that it takes.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A process that Consul is to know.
#[derive(Debug)]
pub struct Registration {
    consul: Consul,
    address: SocketAddr,
    id: String,
    client: Client,
}

impl Registration {
    /// Reads where to register: `consul://host:port/service?tag=..`. `address` is where other processes reach this one.
    ///
    /// # Errors
    /// Where the entry has another form.
    pub fn parse(entry: &str, address: SocketAddr) -> Result<Self, EndpointsError> {
        let failed = |reason| EndpointsError {
            entry: entry.to_owned(),
            reason,
        };
        let rest = entry
            .strip_prefix("consul://")
            .ok_or_else(|| failed("must have the form consul://host:port/service"))?;
        let consul = Consul::parse(rest).map_err(failed)?;
        let client = consul::client().map_err(|_| failed("can't be called from here"))?;
        Ok(Self {
            // What may stand in a path as it is.
            id: format!("{}-{address}", consul.service).replace([':', '[', ']'], "-"),
            consul,
            address,
            client,
        })
    }

    /// Registers the process, tells whether it serves whenever that changes and every few seconds, and takes it out when
    /// `tasks` are asked to end. Consul may be away meanwhile.
    pub fn keep(self, is_serving: watch::Receiver<bool>, tasks: &Tasks) {
        let stop = tasks.token().clone();
        tasks.spawn(async move {
            stop.run_until_cancelled(self.tell(is_serving)).await;
            if let Err(error) = self.put(&self.path("agent/service/deregister"), None).await {
                warn(&error, "this process can't be taken out of Consul");
            }
        });
    }

    async fn tell(&self, mut is_serving: watch::Receiver<bool>) {
        let mut is_known = false;
        let mut was_told = false;
        loop {
            let serves = *is_serving.borrow_and_update();
            match self.tell_once(serves, &mut is_known).await {
                Ok(()) => was_told = false,
                Err(error) if !was_told => {
                    was_told = true;
                    warn(&error, "this process can't be registered with Consul");
                }
                Err(_) => {}
            }
            let changed = async {
                if is_serving.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let _changed_or_time = tokio::time::timeout(TELL_EVERY, changed).await;
        }
    }

    async fn tell_once(&self, serves: bool, is_known: &mut bool) -> Result<(), ConsulError> {
        if !*is_known {
            self.put("agent/service/register", Some(self.description()))
                .await?;
            *is_known = true;
        }
        let verb = if serves { "pass" } else { "fail" };
        let told = self
            .put(&format!("agent/check/{verb}/service:{}", self.id), None)
            .await;
        if let Err(ConsulError::Refused(_)) = told {
            // An agent that was started anew knows nothing of the check.
            *is_known = false;
        }
        told
    }

    fn description(&self) -> serde_json::Value {
        let secs = |time: Duration| format!("{}s", time.as_secs());
        json!({
            "ID": self.id,
            "Name": self.consul.service,
            "Tags": self.consul.tag.as_slice(),
            "Address": self.address.ip().to_string(),
            "Port": self.address.port(),
            "Check": {
                "TTL": secs(GOOD_FOR),
                "Status": "critical",
                "DeregisterCriticalServiceAfter": secs(FORGOTTEN_AFTER),
            },
        })
    }

    fn path(&self, verb: &str) -> String {
        format!("{verb}/{}", self.id)
    }

    async fn put(&self, path: &str, body: Option<serde_json::Value>) -> Result<(), ConsulError> {
        let url = format!("http://{}/v1/{path}", self.consul.agent);
        let mut request = self.client.put(url).timeout(ANSWER_WITHIN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        match request.send().await?.status() {
            StatusCode::OK => Ok(()),
            refused => Err(ConsulError::Refused(refused)),
        }
    }
}

fn warn(error: &ConsulError, message: &str) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, "{message}");
}
