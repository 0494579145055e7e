//! One generation at the server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::Server;
use super::listing::Listing;
use super::quirk;
use super::reader::CompletionReader;
use super::wire::{self, Traits};
use crate::domain::ProviderError;
use crate::domain::provider::{Prompt, Request, Role};
use crate::infrastructure::upstream::endpoint::Refusal;
use crate::infrastructure::upstream::{Call, Endpoint, Filters, Outgoing, Reader, Timings};

/// A completion that is asked for.
#[derive(Debug)]
pub(super) struct Completion {
    server: Arc<Server>,
    listing: Arc<Listing>,
    request: Request,
}

impl Completion {
    pub(super) fn new(server: Arc<Server>, listing: Arc<Listing>, request: Request) -> Self {
        Self {
            server,
            listing,
            request,
        }
    }

    /// What the server takes for the model, as far as is known by now.
    fn traits(&self) -> Traits {
        let quirks = self.server.quirks.of(&self.request.model);
        self.listing
            .traits(&self.server.config, &self.request.model, &quirks)
    }

    /// The names of the fields of the request.
    fn fields(&self, traits: &Traits) -> BTreeSet<String> {
        let body = wire::encode(&self.request, traits)
            .map(|(_, body)| body)
            .unwrap_or_default();
        let members: BTreeMap<String, IgnoredAny> =
            serde_json::from_slice(&body).unwrap_or_default();
        let mut fields: BTreeSet<String> = members.into_keys().collect();
        if !traits.streams {
            fields.remove("stream");
        }
        if traits.names && has_names(&self.request.prompt) {
            fields.insert("name".to_owned());
        }
        fields
    }
}

impl Call for Completion {
    fn endpoint(&self) -> &Endpoint {
        &self.server.endpoint
    }

    fn timings(&self) -> Timings {
        let config = &self.server.config;
        Timings {
            first_text: config.first_token_timeout(),
            idle: config.idle_timeout(),
            retry_pause: config.retry_pause(),
        }
    }

    fn outgoing(&self) -> Result<Outgoing, ProviderError> {
        let encoded = wire::encode(&self.request, &self.traits());
        let (path, body) = encoded.map_err(|error| ProviderError::Rejected {
            cause: format!("the request can't be written as JSON: {error}"),
        })?;
        let path = path.to_owned();
        Ok(Outgoing { path, body })
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(CompletionReader)
    }

    fn filters(&self) -> Filters {
        let traits = self.traits();
        Filters {
            echo_of: traits.echoes.then(|| Arc::clone(&self.request.prompt)),
            stop: wire::untold_stop_texts(&self.request.stop, &traits).to_vec(),
        }
    }

    fn may_be_empty(&self) -> bool {
        let Prompt::Chat(messages) = &*self.request.prompt else {
            return false;
        };
        messages
            .last()
            .is_some_and(|last| last.role == Role::Assistant && !last.content.trim().is_empty())
    }

    fn may_retry(&self) -> bool {
        self.request.may_retry
    }

    fn learn(&self, refusal: &Refusal) -> bool {
        let model = &self.request.model;
        if let ProviderError::ContextLength {
            window: Some(window),
            ..
        } = &refusal.error
        {
            self.server.quirks.saw_window(model, *window);
        }
        let lessons = quirk::lessons(refusal, &self.fields(&self.traits()));
        let new = self.server.quirks.add(model, lessons);
        for quirk in &new {
            tracing::info!(model.name = %model, refusal = %quirk, "the model server refuses what others take: it is asked without");
            self.server
                .learned
                .record(&self.server.config.base_url, model, &quirk.to_string());
        }
        !new.is_empty()
    }
}

fn has_names(prompt: &Prompt) -> bool {
    match prompt {
        Prompt::Chat(messages) => messages.iter().any(|message| !message.name.is_empty()),
        Prompt::Text(_) => false,
    }
}
