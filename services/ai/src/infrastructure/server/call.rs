//! One generation at the server.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Server;
use super::listing::Listing;
use super::quirk;
use crate::domain::ProviderError;
use crate::domain::provider::{Prompt, Request, Role};
use crate::infrastructure::dialect::{Traits, untold_stop_texts};
use crate::infrastructure::upstream::{
    Call, Endpoint, Filters, Outgoing, Reader, Refusal, Timings,
};

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
        let traits = self.traits();
        let encoded = self.server.dialect.completion(&self.request, &traits);
        encoded.map_err(|error| ProviderError::Rejected {
            cause: format!("the request can't be written as JSON: {error}"),
        })
    }

    fn reader(&self) -> Box<dyn Reader> {
        self.server.dialect.reader()
    }

    fn filters(&self) -> Filters {
        let traits = self.traits();
        Filters {
            echo_of: traits.echoes.then(|| Arc::clone(&self.request.prompt)),
            stop: untold_stop_texts(self.server.dialect, &self.request.stop, &traits),
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
        let Ok(refused) = self.outgoing() else {
            return false;
        };
        let lessons = quirk::lessons(refusal, &fields(&refused, &self.traits()));
        let new = self.server.quirks.add(model, lessons);
        for quirk in &new {
            tracing::info!(model.name = %model, refusal = %quirk, "the model server refuses what others take: it is asked without");
            self.server
                .learned
                .record(&self.server.url, model, &quirk.to_string());
        }
        // A dialect may have no other way to ask.
        !new.is_empty() && self.outgoing().is_ok_and(|next| next != refused)
    }
}

/// The names of the fields of a request.
fn fields(outgoing: &Outgoing, traits: &Traits) -> BTreeSet<String> {
    let body = serde_json::from_slice(&outgoing.body).unwrap_or_default();
    let mut fields = BTreeSet::new();
    collect_names(&body, &mut fields);
    if !traits.streams {
        fields.remove("stream");
    }
    fields
}

/// Adds the names of all members.
fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                names.insert(quirk::common_name(name).to_owned());
                collect_names(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_names(value, names)),
        _ => {}
    }
}
