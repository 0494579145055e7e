//! Lua scripts, which decide within the server.

use std::sync::OnceLock;

use fred::clients::{Client, WithOptions};
use fred::error::Error;
use fred::interfaces::LuaInterface;
use fred::types::{FromValue, Value};

use super::{Redis, Unavailable};

/// A script, sent once and named by its hash from then on.
#[derive(Debug)]
pub struct Script {
    text: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    /// A script of this text.
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: OnceLock::new(),
        }
    }

    async fn run<T: FromValue>(
        &self,
        connection: WithOptions<Client>,
        keys: Vec<String>,
        arguments: Vec<Value>,
    ) -> Result<T, Error> {
        let Some(hash) = self.hash.get() else {
            let hash: String = connection.script_load(self.text).await?;
            let hash = self.hash.get_or_init(|| hash);
            return connection.evalsha(hash.as_str(), keys, arguments).await;
        };
        let by_hash = connection.evalsha(hash.as_str(), keys.clone(), arguments.clone());
        match by_hash.await {
            // The server was started again. This sends the script once more, and the server keeps it.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                connection.eval(self.text, keys, arguments).await
            }
            answer => answer,
        }
    }
}

impl Redis {
    /// Runs a script.
    ///
    /// # Errors
    /// Redis is away, or doesn't answer within the patience.
    pub async fn run<T: FromValue>(
        &self,
        script: &Script,
        keys: Vec<String>,
        arguments: Vec<Value>,
    ) -> Result<T, Unavailable> {
        self.ask(|connection| script.run(connection, keys, arguments))
            .await
    }
}
