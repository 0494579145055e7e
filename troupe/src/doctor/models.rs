//! The models: the file of the one in the process, and the server of others.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use engine::weights::GEMMA_3_270M;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::finding::Finding;
use crate::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(5);
const LOCAL: &str = "local model";
const SERVER: &str = "model server";
/// What every GGUF file begins with.
const MAGIC: &[u8] = b"GGUF";

/// Looks at the model file and asks the server.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let config = &settings.ai;
    let mut findings = Vec::new();
    if config.local_enabled() {
        findings.push(match &config.local.path {
            Some(path) => own_file(path),
            None => fetched_file(&settings.data_dir.join("models").join(GEMMA_3_270M.file)),
        });
    }
    if config.openai.is_configured() {
        findings.push(server(&config.openai).await);
    }
    if findings.is_empty() {
        let advice = "enable the one in the process (TROUPE__AI__LOCAL__ENABLED=true), or name a server (TROUPE__AI__OPENAI__BASE_URL)";
        findings.push(Finding::broken("model", "none is configured").advise(advice));
    }
    findings
}

fn own_file(path: &Path) -> Finding {
    let name = path.display();
    match begins_with_magic(path) {
        Ok(true) => Finding::good(LOCAL, format!("{name}")),
        Ok(false) => Finding::broken(LOCAL, format!("{name} is no GGUF file")).advise(
            "name another with TROUPE__AI__LOCAL__PATH, or none to have a small one fetched",
        ),
        Err(error) => Finding::broken(LOCAL, format!("{name} can't be read: {error:#}")).advise(
            "name another with TROUPE__AI__LOCAL__PATH, or none to have a small one fetched",
        ),
    }
}

fn begins_with_magic(path: &Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    File::open(path)?
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    Ok(start == MAGIC)
}

fn fetched_file(path: &Path) -> Finding {
    let name = path.display();
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(_) => {
            let text = format!(
                "{name} isn't there yet; the first start fetches {} MiB",
                GEMMA_3_270M.size_bytes >> 20
            );
            return Finding::missing(LOCAL, text);
        }
    };
    let damaged = |what: String| {
        Finding::broken(LOCAL, format!("{name} {what}"))
            .advise("delete it; the next start fetches it again")
    };
    if size != GEMMA_3_270M.size_bytes {
        return damaged(format!(
            "has {size} bytes instead of {}",
            GEMMA_3_270M.size_bytes
        ));
    }
    match sha256(path) {
        Ok(hash) if hash == GEMMA_3_270M.sha256 => {
            Finding::good(LOCAL, format!("{name}, {} MiB, whole", size >> 20))
        }
        Ok(_) => damaged("doesn't have the hash that it should".to_owned()),
        Err(error) => damaged(format!("can't be read: {error}")),
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    loop {
        let part = file.fill_buf()?;
        if part.is_empty() {
            break;
        }
        hasher.update(part);
        let read = part.len();
        file.consume(read);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

async fn server(config: &ai::config::OpenAiConfig) -> Finding {
    let url = &config.base_url;
    match list_models(config).await {
        Ok(models) if models.is_empty() => Finding::broken(SERVER, format!("{url} has no models"))
            .advise("load one there, or list its models under [[ai.openai.models]]"),
        Ok(models) => Finding::good(SERVER, format!("{url} has {}", shortened(&models))),
        Err(error) => Finding::broken(SERVER, format!("{url}: {error:#}")).advise(
            "start it, or mend TROUPE__AI__OPENAI__BASE_URL (with its version, such as http://127.0.0.1:8080/v1) and TROUPE__AI__OPENAI__API_KEY",
        ),
    }
}

#[derive(Deserialize)]
struct Listing {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
}

async fn list_models(config: &ai::config::OpenAiConfig) -> Result<Vec<String>> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let mut request = client.get(format!("{}/models", config.base_url.trim_end_matches('/')));
    if let Some(key) = config.api_key.header() {
        request = request.header(AUTHORIZATION, key?);
    }
    let answer = request.send().await.context("it can't be reached")?;
    if !answer.status().is_success() {
        bail!("it answers {}", answer.status());
    }
    let listing: Listing = answer
        .json()
        .await
        .context("it doesn't list models as OpenAI does")?;
    Ok(listing.data.into_iter().map(|entry| entry.id).collect())
}

fn shortened(models: &[String]) -> String {
    const SHOWN: usize = 3;
    let names = models
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match models.len() {
        ..=SHOWN => names,
        count => format!("{names} and {} more", count - SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn finds_a_model_file_that_is_missing_short_or_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        assert_eq!(fetched_file(&path).state, State::Missing);
        assert_eq!(own_file(&path).state, State::Broken);
        std::fs::write(&path, b"GGUF and so on").unwrap();
        assert_eq!(fetched_file(&path).state, State::Broken);
        assert_eq!(own_file(&path).state, State::Good);
        std::fs::write(&path, b"PK").unwrap();
        assert_eq!(own_file(&path).state, State::Broken);
    }
}
