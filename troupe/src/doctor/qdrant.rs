//! Qdrant, where it keeps the vectors.

use platform::backends::QdrantConfig;
use platform::vectors::{self, Error};

use super::finding::Finding;

const SUBJECT: &str = "qdrant";

/// Asks the server, if one is named.
pub(super) async fn examine(config: &QdrantConfig) -> Vec<Finding> {
    if !config.url.is_named() {
        return Vec::new();
    }
    let url = &config.url;
    let finding = match vectors::examine(config).await {
        Ok(state) => {
            let (version, count) = (state.version, state.collections);
            Finding::good(SUBJECT, format!("{url}: version {version}, {count} collections of ours"))
        }
        Err(Error::Unavailable(_)) => {
            Finding::broken(SUBJECT, format!("{url} can't be reached")).advise(
                "start it, or mend TROUPE__QDRANT__URL (its gRPC port, such as http://127.0.0.1:6334); without it the platform runs, and memories aren't recalled",
            )
        }
        Err(error) if error.is_about_key() => Finding::broken(SUBJECT, format!("{url} refuses the key"))
            .advise("correct TROUPE__QDRANT__API_KEY; without it the platform runs, and memories aren't recalled"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            let cause = cause.unwrap_or_default();
            Finding::broken(SUBJECT, format!("{url}: {error}{cause}"))
                .advise("mend TROUPE__QDRANT__URL and TROUPE__QDRANT__API_KEY")
        }
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use platform::backends::ServerUrl;

    use super::super::finding::State;
    use super::*;

    fn named(url: &str) -> QdrantConfig {
        QdrantConfig {
            url: ServerUrl::new(url),
            ..QdrantConfig::default()
        }
    }

    #[tokio::test]
    async fn finds_a_server_that_is_not_there() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let findings = examine(&named(&format!("http://{address}"))).await;
        assert_eq!(findings[0].state, State::Broken);
        let findings = examine(&named("no address")).await;
        assert_eq!(findings[0].state, State::Broken);
        assert!(examine(&QdrantConfig::default()).await.is_empty());
    }
}
