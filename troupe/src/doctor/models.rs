//! The models: the files of those in the process, and the servers of others.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use ai::config::{Embedding, LocalConfig};
use engine::weights::{ALL_MINILM_L6_V2, File as ModelFile, GEMMA_3_270M, Model};
use engine::{Encoder, Needs};
use sha2::{Digest, Sha256};

use super::finding::{Finding, State};
use super::model_servers::Remote;
use crate::settings::Settings;

const LOCAL: &str = "local model";
pub(super) const EMBEDDING: &str = "embeddings";

/// Looks at the models' files and asks the server.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let config = &settings.ai;
    let mut findings = Vec::new();
    if config.local_enabled() {
        findings.push(match &config.local.path {
            Some(path) => own_file(path, &config.local),
            None => default_file(&settings.data_dir.join("models"), &config.local),
        });
    }
    for (name, server) in config.servers() {
        findings.extend(Remote::new(config, name, server).examine().await);
    }
    if findings.is_empty() {
        let advice = "enable the one in the process (TROUPE__AI__LOCAL__ENABLED=true), or name a server (TROUPE__AI__OPENAI__BASE_URL, or one in [ai.servers])";
        findings.push(Finding::broken("model", "none is configured").advise(advice));
    }
    findings.push(embeddings(settings).await);
    findings
}

async fn embeddings(settings: &Settings) -> Finding {
    let config = &settings.ai.embeddings;
    if let Some(Embedding::Server { server, model }) = config.parsed_model()
        && let Some(found) = settings.ai.server(server)
    {
        let remote = Remote::new(&settings.ai, server, found);
        return remote.examine_embedding(model).await;
    }
    match &config.path {
        Some(folder) => own_folder(folder),
        None => {
            let folder = settings.data_dir.join("models").join(ALL_MINILM_L6_V2.name);
            fetched(EMBEDDING, &folder, ALL_MINILM_L6_V2)
        }
    }
}

/// Loads the model: it takes milliseconds, and tells most that can be wrong with it.
fn own_folder(folder: &Path) -> Finding {
    match Encoder::load(folder, 1) {
        Ok(_) => Finding::good(EMBEDDING, folder.display().to_string()),
        Err(error) => Finding::broken(EMBEDDING, error.to_string()).advise(
            "name another folder with TROUPE__AI__EMBEDDINGS__PATH, or none to download a model",
        ),
    }
}

/// The model that is fetched, and what it takes once it is there.
fn default_file(folder: &Path, config: &LocalConfig) -> Finding {
    match fetched(LOCAL, folder, GEMMA_3_270M) {
        Finding {
            state: State::Good, ..
        } => own_file(&folder.join(GEMMA_3_270M.files[0].name), config),
        other => other,
    }
}

/// Reads the file as a start does, and says what it will take.
fn own_file(path: &Path, config: &LocalConfig) -> Finding {
    match Needs::of(path, &config.options()) {
        Ok(needs) => Finding::good(LOCAL, taken(path, needs, config.slots)),
        Err(error) => Finding::broken(LOCAL, with_cause(&error))
            .advise("name another with TROUPE__AI__LOCAL__PATH, or none to download a small model"),
    }
}

/// `m.gguf, 4168 MiB; a window of 8192 tokens takes up to 1024 MiB more, in each of 4 slots`.
fn taken(path: &Path, needs: Needs, slots: usize) -> String {
    let Needs {
        file_bytes,
        window,
        slot_bytes,
    } = needs;
    format!(
        "{}, {} MiB; a window of {window} tokens takes up to {} MiB more in each of {slots} slots",
        path.display(),
        file_bytes >> 20,
        slot_bytes.div_ceil(1 << 20),
    )
}

fn with_cause(error: &engine::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn fetched(subject: &'static str, folder: &Path, model: Model<'_>) -> Finding {
    let [weights, ..] = model.files else {
        return Finding::good(subject, model.name);
    };
    let name = folder.join(weights.name).display().to_string();
    for file in model.files {
        let path = folder.join(file.name);
        match look(&path, *file) {
            Look::Whole => {}
            Look::Missing => {
                let text = format!(
                    "{} isn't there yet; {} MiB are downloaded when it is first needed",
                    path.display(),
                    model.size_bytes() >> 20
                );
                return Finding::missing(subject, text);
            }
            Look::Damaged(what) => {
                return Finding::broken(subject, format!("{} {what}", path.display()))
                    .advise("delete it; it is downloaded again when it is next needed");
            }
        }
    }
    let size = model.size_bytes() >> 20;
    Finding::good(subject, format!("{name}, {size} MiB, whole"))
}

/// How a file stands that can be fetched.
enum Look {
    Whole,
    Missing,
    /// What is wrong with it.
    Damaged(String),
}

fn look(path: &Path, wanted: ModelFile<'_>) -> Look {
    let Ok(metadata) = std::fs::metadata(path) else {
        return Look::Missing;
    };
    let (size, expected) = (metadata.len(), wanted.size_bytes);
    if size != expected {
        return Look::Damaged(format!("has {size} bytes instead of {expected}"));
    }
    match sha256(path) {
        Ok(hash) if hash == wanted.sha256 => Look::Whole,
        Ok(_) => Look::Damaged("doesn't have the hash that it should".to_owned()),
        Err(error) => Look::Damaged(format!("can't be read: {error}")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_model_file_that_is_missing_short_or_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(GEMMA_3_270M.files[0].name);
        let state = || fetched(LOCAL, dir.path(), GEMMA_3_270M).state;
        assert_eq!(state(), State::Missing);
        let own = || own_file(&path, &LocalConfig::default());
        assert_eq!(own().state, State::Broken);
        std::fs::write(&path, b"GGUF and so on").unwrap();
        assert_eq!(state(), State::Broken);
        assert_eq!(own().state, State::Broken);
    }

    #[test]
    fn finds_an_embedding_model_that_is_missing_or_something_else() {
        let dir = tempfile::tempdir().unwrap();
        let state = || fetched(EMBEDDING, dir.path(), ALL_MINILM_L6_V2).state;
        assert_eq!(state(), State::Missing);
        assert_eq!(own_folder(dir.path()).state, State::Broken);
        std::fs::write(dir.path().join("model.safetensors"), b"PNG").unwrap();
        assert_eq!(state(), State::Broken);
        assert_eq!(own_folder(dir.path()).state, State::Broken);
    }
}
