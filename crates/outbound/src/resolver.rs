//! Where names become addresses, and the one way from there to a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::Rules;
use crate::error::Refusal;

/// Resolves names.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a name, in the order in which they should be tried. Has no time limit of its own: the request's
    /// deadline drops it.
    ///
    /// # Errors
    /// Fails if the name doesn't exist, or nobody can be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Resolves as the system does, `/etc/hosts` and search domains included.
///
/// A question that takes longer than its request keeps a thread of the runtime's blocking pool until the system gives up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let answers = tokio::net::lookup_host((name, 0)).await?;
        Ok(answers.map(|answer| answer.ip()).collect())
    }
}

/// What the HTTP client asks for each connection to a name: it never sees an answer that wasn't judged, and has no other.
#[derive(Clone)]
pub(crate) struct Judging {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) rules: Arc<Rules>,
}

/// A name without addresses that may be called. Found again in the chain of causes of the HTTP client's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error(transparent)]
    Refused(Refusal),
    #[error("the resolver failed")]
    Failed(#[source] io::Error),
    #[error("there are no addresses")]
    Empty,
}

impl Judging {
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let answers = self.resolver.resolve(name).await;
        let answers = answers.map_err(LookupError::Failed)?;
        if answers.is_empty() {
            return Err(LookupError::Empty);
        }
        let judged = self.rules.judge_answers(name, answers);
        judged.map_err(LookupError::Refused)
    }
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let judging = self.clone();
        Box::pin(async move {
            let addresses = judging.addresses(name.as_str()).await?;
            // Port 0 stands for the URL's.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
