//! Qdrant, where it keeps the vectors.

use platform::config::ServerUrl;
use vectors::{Error, QdrantConfig};

use super::finding::Finding;

const SUBJECT: &str = "qdrant";
const START: &str = "start it, or correct qdrant.url (--qdrant-url or TROUPE__QDRANT__URL), its gRPC port, such as http://127.0.0.1:6334";

/// Asks the server, if one is named.
pub(super) async fn examine(config: &QdrantConfig) -> Vec<Finding> {
    if !config.url.is_named() {
        return Vec::new();
    }
    let url = &config.url;
    vec![match vectors::examine(config).await {
        Ok(state) => {
            let (version, count) = (state.version, state.collections);
            Finding::good(
                SUBJECT,
                format!("{url}: version {version}, {count} collections of ours"),
            )
        }
        Err(error) => broken(url, &error),
    }]
}

fn broken(url: &ServerUrl, error: &Error) -> Finding {
    let broken = |text: &str, advice: &str| {
        Finding::broken(SUBJECT, format!("{url} {text}")).advise(format!(
            "{advice}; without it the platform runs, and memories aren't recalled"
        ))
    };
    if let Error::Refused(_) = error {
        return broken("refuses the key", "correct TROUPE__QDRANT__API_KEY");
    }
    if let Some(unreached) = error.unreached() {
        let advice = unreached.advice();
        return broken(
            &format!("can't be reached: {unreached}"),
            advice.unwrap_or(START),
        );
    }
    match error {
        Error::Invalid(problem) => Finding::broken(SUBJECT, problem)
            .advise("correct qdrant.url (--qdrant-url or TROUPE__QDRANT__URL) and qdrant.api_key (TROUPE__QDRANT__API_KEY)"),
        _ => broken("doesn't answer as Qdrant does", START),
    }
}

#[cfg(test)]
mod tests {
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
