//! The banner that a person at a terminal reads when the platform starts. Without a terminal, only the log says it.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use mesh::{Channel, Ctx, Role};
use platform::trace::Cause;
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::ai::{Model, ResolveModelRequest};
use wire::identity::LocalCertificate;

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
pub(super) async fn ready(
    address: SocketAddr,
    certificate: Option<&LocalCertificate>,
    (caller, ai): (Role, &Channel),
) -> Result<()> {
    if !std::io::stdout().is_terminal() {
        return Ok(());
    }
    let url = instance::url(address, certificate.map(LocalCertificate::name));
    let (trust, ca) = certificate.map_or_else(Default::default, |certificate| {
        trusted(certificate, address)
    });
    let model = default_model(caller, ai).await;
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "troupe".to_owned());
    say(&format!(
        "  model  {model}
{trust}  API    {url}   gRPC, gRPC-Web, Connect and JSON
  docs   {url}/docs   also /redoc and /openapi.json

Talk with a character, in another terminal:
  {program} chat
Or by JSON, first for an account:
  curl {ca}{url}/api/v1/users/register -d '{{\"email\": \"ann@example.com\", \"password\": \"a long one\", \"displayName\": \"Ann\"}}'

Ctrl-C stops the platform; everything is kept.\n\n"
    ))
}

/// What devices must trust and where they then go, and how curl is told the same.
fn trusted(certificate: &LocalCertificate, address: SocketAddr) -> (String, String) {
    let (name, port) = (certificate.name(), address.port());
    let authority = certificate.authority();
    let authority = authority.display();
    let trust = format!(
        "  trust  {authority}
         install this file as an authority (CA) on each device; it then reaches https://{name}:{port}\n"
    );
    (trust, format!("--cacert {authority} "))
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
