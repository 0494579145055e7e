//! A platform for real clients, on a data folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tests;
use crate::workspace::Workspace;

/// Where its replies come from.
pub(crate) enum Model<'a> {
    /// The model in the process.
    Local,
    /// A model server at this address.
    Server(&'a str),
}

/// A running platform. It ends when this is dropped.
pub(crate) struct Platform {
    process: Child,
    folder: PathBuf,
    address: String,
}

impl Platform {
    /// Starts one with a file of settings, and waits until it can be used. Its folder has this name, and is new.
    pub(crate) fn start(
        workspace: &Workspace,
        name: &str,
        settings: &Path,
        model: &Model<'_>,
    ) -> Result<Self> {
        let folder = workspace.tools().join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let models = tests::model_cache();
        std::fs::create_dir_all(&models)?;
        std::os::unix::fs::symlink(models, folder.join("models"))?;

        let mut command = Command::new(workspace.executable("troupe"));
        command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&folder)
            .arg("--config")
            .arg(settings);
        if let Model::Server(url) = model {
            command.env("TROUPE__AI__OPENAI__BASE_URL", url);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().context("no log to read")?;
        let mut lines = BufReader::new(log).lines();
        let address = match usable_address(lines.by_ref().map_while(Result::ok), model) {
            Ok(address) => address,
            Err(last_line) => {
                let _ = process.kill();
                process.wait()?;
                bail!("the platform can't be used; its last words: {last_line}");
            }
        };
        // What it logs later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            process,
            folder,
            address,
        })
    }

    /// Where it answers, without the scheme.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Its data folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A model server that says again what it is told, as a script has it. It ends when this is dropped.
pub(crate) struct ScriptedModel {
    process: Child,
    url: String,
}

impl ScriptedModel {
    /// Starts a script of Python, and waits until it has printed its address.
    pub(crate) fn start(python: &Path, script: &Path) -> Result<Self> {
        let mut process = Command::new(python.join("python"))
            .arg(script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("no output to read")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url)?;
        let url = url.trim().to_owned();
        Ok(Self { process, url })
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address of a platform whose log this is, once its local model is there too: weights that are still to be fetched may take
/// longer than a client waits for a reply. The last line of the log where it ends before that, or the model can't be used.
fn usable_address(log: impl Iterator<Item = String>, model: &Model<'_>) -> Result<String, String> {
    let mut has_model = matches!(model, Model::Server(_));
    let (mut address, mut last_line) = (None, String::new());
    for line in log {
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        last_line = line;
        match said["message"].as_str() {
            Some("local model is ready") => has_model = true,
            Some("local model can't be used") => break,
            _ if said["ready"] == true => address = said["address"].as_str().map(str::to_owned),
            _ => {}
        }
        if has_model && let Some(address) = &address {
            return Ok(address.clone());
        }
    }
    Err(last_line)
}

#[cfg(test)]
mod log {
    use super::{Model, usable_address};

    const READY: &str =
        r#"{"message":"the platform is ready","ready":true,"address":"127.0.0.1:8000"}"#;
    const MODEL: &str = r#"{"message":"local model is ready","model.name":"x"}"#;

    fn address(lines: &[&str], model: &Model<'_>) -> Result<String, String> {
        usable_address(lines.iter().map(|&line| line.to_owned()), model)
    }

    #[test]
    fn waits_for_the_platform_and_its_model_in_any_order() {
        let address = |lines: &[&str]| address(lines, &Model::Local);
        let ready = Ok("127.0.0.1:8000".to_owned());
        assert_eq!(address(&[READY, "no JSON", MODEL]), ready);
        assert_eq!(address(&[MODEL, READY]), ready);
        assert_eq!(address(&[MODEL, "error: no"]), Err("error: no".to_owned()));
        let starting = r#"{"message":"starting","address":"x"}"#;
        assert_eq!(address(&[MODEL, starting]), Err(starting.to_owned()));
        let failed = r#"{"message":"local model can't be used","error":"no room"}"#;
        assert_eq!(address(&[READY, failed, MODEL]), Err(failed.to_owned()));
    }

    #[test]
    fn waits_for_no_model_where_a_server_has_it() {
        let server = Model::Server("http://127.0.0.1:9/v1");
        assert_eq!(address(&[READY], &server), Ok("127.0.0.1:8000".to_owned()));
    }
}
