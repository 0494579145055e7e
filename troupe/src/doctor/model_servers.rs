//! The servers of models, as they are configured, and what each of their keys is good for.

use std::time::Duration;

use ai::Listed;
use ai::config::{KeyConfig, ServerConfig};
use platform::config::ServerUrl;
use platform::reach::Unreached;
use reqwest::StatusCode;

use super::finding::Finding;
use super::models::EMBEDDING;

const TIMEOUT: Duration = Duration::from_secs(5);
const SERVER: &str = "model server";

/// A server as it is configured.
pub(super) struct Remote<'a> {
    name: &'a str,
    /// Where, such as `ai.openai`.
    setting: String,
    config: &'a ServerConfig,
}

impl<'a> Remote<'a> {
    pub(super) fn new(ai: &ai::Config, name: &'a str, config: &'a ServerConfig) -> Self {
        Self {
            name,
            setting: ai.setting_of(name),
            config,
        }
    }

    /// Asks the server for its models with each of its keys.
    pub(super) async fn examine(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let keys = self.config.all_keys();
        for (place, key) in keys.iter().enumerate() {
            let with = match keys.len() {
                1 => String::new(),
                // By its place: keys are secret.
                count => format!(" with key {} of {count}", place + 1),
            };
            findings.push(self.examine_with(key, &with).await);
        }
        findings
    }

    async fn examine_with(&self, key: &KeyConfig, with: &str) -> Finding {
        let at = format!("{}{with}", self.url());
        match list_models(self.config, key).await {
            Ok(listed) if !listed.chat.is_empty() => {
                let more = match listed.others.len() {
                    0 => String::new(),
                    count => format!(", and {count} that can't chat"),
                };
                let text = format!("{at} has {}{more}", shortened(&listed.chat));
                Finding::good(SERVER, text)
            }
            Ok(_) if !self.config.models.is_empty() => {
                let text = format!("{at} answers; its models are those of the configuration");
                Finding::good(SERVER, text)
            }
            Ok(listed) => {
                let text = match listed.others.is_empty() {
                    true => format!("{at} answers, and lists no models"),
                    false => format!("{at} has no models that can chat"),
                };
                let (name, setting) = (self.name, &self.setting);
                Finding::missing(SERVER, text).advise(format!(
                    "name one in TROUPE__AI__DEFAULT_MODEL, such as {name}/NAME, or list its models under [[{setting}.models]]"
                ))
            }
            Err(unlisted) => {
                let variable = self.variable("base_url");
                let advice = format!(
                    "start it, or correct {variable} (with its version, such as http://127.0.0.1:8080/v1)"
                );
                self.unlisted(unlisted, SERVER, &at, &advice)
            }
        }
    }

    /// Servers list their embedding models among the others, if they do: one that isn't listed may still be there.
    pub(super) async fn examine_embedding(&self, model: &str) -> Finding {
        let url = self.url().to_string();
        let key = self.config.all_keys().swap_remove(0);
        match list_models(self.config, &key).await {
            Ok(listed) if listed.chat.iter().chain(&listed.others).any(|it| it == model) => {
                Finding::good(EMBEDDING, format!("{url} has {model}"))
            }
            Ok(_) => Finding::missing(
                EMBEDDING,
                format!("{url} answers, but doesn't list {model}"),
            )
            .advise("make sure that it is loaded there and can embed, or correct TROUPE__AI__EMBEDDINGS__MODEL"),
            Err(unlisted) => {
                let advice = "start it, or set TROUPE__AI__EMBEDDINGS__MODEL=local/all-minilm-l6-v2";
                self.unlisted(unlisted, EMBEDDING, &url, advice)
            }
        }
    }

    fn unlisted(
        &self,
        unlisted: Unlisted,
        subject: &'static str,
        at: &str,
        advice: &str,
    ) -> Finding {
        let broken = |text: String| Finding::broken(subject, format!("{at}{text}"));
        match unlisted {
            Unlisted::Refused(status) => broken(format!(" refuses the key: it answers {status}"))
                .advise(format!("correct {}", self.variable("api_key"))),
            Unlisted::Unreached(unreached) => broken(format!(" can't be reached: {unreached}"))
                .advise(unreached.advice().unwrap_or(advice)),
            Unlisted::Foreign(text) => broken(format!(": {text}")).advise(advice),
        }
    }

    fn url(&self) -> ServerUrl {
        ServerUrl::new(self.config.url())
    }

    /// The variable of a setting, or the setting where no variable can name it.
    fn variable(&self, key: &str) -> String {
        let setting = format!("{}.{key}", self.setting);
        match setting.contains('-') {
            true => setting,
            false => format!("TROUPE__{}", setting.replace('.', "__").to_uppercase()),
        }
    }
}

/// Why a server's models aren't known.
enum Unlisted {
    /// It doesn't take the key, or wants one.
    Refused(StatusCode),
    /// There is no way to it.
    Unreached(Unreached),
    /// It answers something else.
    Foreign(String),
}

impl From<reqwest::Error> for Unlisted {
    fn from(error: reqwest::Error) -> Self {
        match Unreached::of(&error) {
            _ if error.is_timeout() => Self::Unreached(Unreached::Silent),
            Some(unreached) => Self::Unreached(unreached),
            None => {
                Self::Foreign("what listens there doesn't answer as a web server does".to_owned())
            }
        }
    }
}

/// The models that the server lists; none where it has no list, which is no fault.
async fn list_models(config: &ServerConfig, key: &KeyConfig) -> Result<Listed, Unlisted> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    // A key that no header can hold is a finding about the configuration already.
    let headers = config.headers(&key.key).unwrap_or_default();
    let request = client.get(ai::listing_url(config)).headers(headers);
    let answer = request.send().await?;
    match answer.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            return Err(Unlisted::Refused(status));
        }
        StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::GONE
        | StatusCode::NOT_IMPLEMENTED => {
            return Ok(Listed::default());
        }
        status if !status.is_success() => {
            return Err(Unlisted::Foreign(format!("it answers {status}")));
        }
        _ => {}
    }
    let body = answer.bytes().await?;
    let listed = ai::listed(config, &body);
    listed.ok_or_else(|| Unlisted::Foreign("its list of models isn't JSON".to_owned()))
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
