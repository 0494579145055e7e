//! The banner that a person at a terminal reads when the platform starts. Without a terminal, only the log says it.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use mesh::{Channel, Ctx, Role};
use platform::trace::Cause;
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::ai::{Model, ResolveModelRequest};

use crate::instance;
use crate::settings::Settings;

const MODEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Prints what starts, and where its data is.
pub(super) fn opening(settings: &Settings) -> Result<()> {
    say(&format!(
        "Troupe {}\n\n  data   {}\n",
        env!("CARGO_PKG_VERSION"),
        settings.data_dir.display()
    ))
}

/// Prints how to reach the platform, and which model writes the replies.
pub(super) async fn ready(address: SocketAddr, caller: Role, ai: &Channel) -> Result<()> {
    if !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let url = instance::url(address);
    let model = default_model(caller, ai).await;
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "troupe".to_owned());
    say(&format!(
        "  model  {model}
  API    {url}   gRPC, gRPC-Web, Connect and JSON
  docs   {url}/docs   also /redoc and /openapi.json

Talk with a character, in another terminal:
  {program} chat
Or by JSON, first for an account:
  curl {url}/api/v1/users/register -d '{{\"email\": \"ann@example.com\", \"password\": \"a long one\", \"displayName\": \"Ann\"}}'

Ctrl-C stops the platform; everything is kept.\n\n"
    ))
}

async fn default_model(caller: Role, ai: &Channel) -> String {
    let ctx = Ctx::of_job(caller, &Cause::new(), MODEL_TIMEOUT);
    let request = ctx.request(ResolveModelRequest::default());
    match InferenceServiceClient::new(ai.clone())
        .resolve_model(request)
        .await
    {
        Ok(answer) => match answer.into_inner().model.unwrap_or_default() {
            Model {
                id,
                available: true,
                ..
            } => id,
            Model {
                id,
                unavailable_reason,
                ..
            } => format!("{id} ({unavailable_reason})"),
        },
        Err(status) => format!("none: {}", status.message()),
    }
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if out.is_terminal() {
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
