//! The generated clients of the public API over one connection, each call with the person's access token.

use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::Uri;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use troupe_proto::ai::model_service_client::ModelServiceClient;
use troupe_proto::roleplay::bookmark_service_client::BookmarkServiceClient;
use troupe_proto::roleplay::cast_service_client::CastServiceClient;
use troupe_proto::roleplay::character_service_client::CharacterServiceClient;
use troupe_proto::roleplay::generation_service_client::GenerationServiceClient;
use troupe_proto::roleplay::invitation_service_client::InvitationServiceClient;
use troupe_proto::roleplay::memory_service_client::MemoryServiceClient;
use troupe_proto::roleplay::message_service_client::MessageServiceClient;
use troupe_proto::roleplay::participant_service_client::ParticipantServiceClient;
use troupe_proto::roleplay::scenario_service_client::ScenarioServiceClient;
use troupe_proto::roleplay::session_service_client::SessionServiceClient;
use troupe_proto::roleplay::sharing_service_client::SharingServiceClient;
use troupe_proto::users::auth_service_client::AuthServiceClient;
use troupe_proto::users::user_service_client::UserServiceClient;

/// A card may hold 16 MiB, and a page of messages long texts.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which calls wait is tried so often, and one that doesn't answer in that time is given up.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Until an answer begins; a stream may then take as long as it takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that puts the access token on each call.
pub(crate) type Connection = InterceptedService<Channel, Bearer>;

/// Puts the newest access token on each call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bearer(Arc<RwLock<Option<MetadataValue<Ascii>>>>);

impl Bearer {
    /// Uses another access token from now on.
    pub(crate) fn set(&self, access_token: &str) -> Result<()> {
        let mut value: MetadataValue<Ascii> = format!("Bearer {access_token}").parse()?;
        value.set_sensitive(true);
        // A panic while it was held can't have left it half written.
        *self
            .0
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(value);
        Ok(())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let token = self
            .0
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", token);
        }
        Ok(request)
    }
}

pub(crate) struct Api {
    /// The token they share.
    pub(crate) bearer: Bearer,
    pub(crate) auth: AuthServiceClient<Connection>,
    /// The person's account.
    pub(crate) users: UserServiceClient<Connection>,
    pub(crate) characters: CharacterServiceClient<Connection>,
    pub(crate) scenarios: ScenarioServiceClient<Connection>,
    pub(crate) sharing: SharingServiceClient<Connection>,
    pub(crate) sessions: SessionServiceClient<Connection>,
    pub(crate) messages: MessageServiceClient<Connection>,
    pub(crate) bookmarks: BookmarkServiceClient<Connection>,
    pub(crate) casts: CastServiceClient<Connection>,
    pub(crate) participants: ParticipantServiceClient<Connection>,
    pub(crate) invitations: InvitationServiceClient<Connection>,
    pub(crate) memories: MemoryServiceClient<Connection>,
    pub(crate) generations: GenerationServiceClient<Connection>,
    pub(crate) models: ModelServiceClient<Connection>,
}

impl Api {
    /// Connects to a platform, such as `http://127.0.0.1:8000`. Beside the system's authorities it trusts the one in a file.
    ///
    /// # Errors
    /// Where the address makes no sense, or nobody answers there.
    pub(crate) async fn connect(server: &str, authority: Option<&Path>) -> Result<Self> {
        let channel = endpoint(server, authority)?.connect().await.with_context(|| {
            format!("no platform answers at {server}: start one with `troupe up`, or name another with --server")
        })?;
        let bearer = Bearer::default();
        let connection = InterceptedService::new(channel, bearer.clone());
        Ok(Self {
            bearer,
            auth: AuthServiceClient::new(connection.clone()),
            users: UserServiceClient::new(connection.clone()),
            characters: CharacterServiceClient::new(connection.clone())
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            scenarios: ScenarioServiceClient::new(connection.clone())
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            sharing: SharingServiceClient::new(connection.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            sessions: SessionServiceClient::new(connection.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            messages: MessageServiceClient::new(connection.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            bookmarks: BookmarkServiceClient::new(connection.clone()),
            casts: CastServiceClient::new(connection.clone()),
            participants: ParticipantServiceClient::new(connection.clone()),
            invitations: InvitationServiceClient::new(connection.clone()),
            memories: MemoryServiceClient::new(connection.clone()),
            generations: GenerationServiceClient::new(connection.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            models: ModelServiceClient::new(connection),
        })
    }
}

fn endpoint(server: &str, authority: Option<&Path>) -> Result<Endpoint> {
    let uri: Uri = server
        .parse()
        .with_context(|| format!("`{server}` isn't an address"))?;
    let is_tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => bail!("`{server}` must begin with http:// or https://, such as http://127.0.0.1:8000"),
    };
    let endpoint = Endpoint::from(uri)
        .user_agent(concat!("troupe-chat/", env!("CARGO_PKG_VERSION")))?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);
    if !is_tls {
        return Ok(endpoint);
    }
    let mut tls = ClientTlsConfig::new().with_enabled_roots();
    if let Some(file) = authority {
        let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        tls = tls.ca_certificate(Certificate::from_pem(text));
    }
    Ok(endpoint.tls_config(tls)?)
}
