//! The models of all providers, and the one that is used where none is named.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::domain::{Model, Provider};
use crate::error::Error;

/// The providers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    /// The one whose first model is the default comes first.
    providers: Arc<[Arc<dyn Provider>]>,
    /// Id of the default model; absent for the first provider's first.
    default_model: Option<String>,
}

/// A model, and who runs it.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) model: Model,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) is_default: bool,
}

impl Catalog {
    pub(crate) fn new(providers: Vec<Arc<dyn Provider>>, default_model: Option<String>) -> Self {
        Self {
            providers: providers.into(),
            default_model,
        }
    }

    /// All models, the default one first.
    pub(crate) async fn list(&self, deadline: Instant) -> Vec<Choice> {
        self.settle(deadline).await;
        let default = self.default_id();
        let mut models = Vec::new();
        for provider in &*self.providers {
            let choice = |model| Choice::new(model, provider, default.as_deref());
            models.extend(provider.models().into_iter().map(choice));
        }
        if !models.iter().any(|choice| choice.is_default)
            && let Some(default) = default.as_deref().and_then(|id| self.find(id))
        {
            models.push(default);
        }
        // Sorting is stable: the others stay as the providers order them.
        models.sort_by_key(|choice| !choice.is_default);
        models
    }

    /// Waits until `deadline` for providers that don't yet know their models. One that isn't known in time is known by what it is.
    pub(crate) async fn settle(&self, deadline: Instant) {
        for provider in &*self.providers {
            let _ = timeout_at(deadline, provider.settled()).await;
        }
    }

    /// The default model, and those of the providers that have at most so many.
    pub(crate) fn preferred(&self, most: usize) -> Vec<Choice> {
        let default_id = self.default_id();
        let default = default_id.as_deref().and_then(|id| self.find(id));
        let mut all: Vec<Choice> = default.into_iter().collect();
        for provider in &*self.providers {
            let choice = |model| Choice::new(model, provider, default_id.as_deref());
            let few = provider.few(most).into_iter().map(choice);
            all.extend(few.filter(|choice| !choice.is_default));
        }
        all
    }

    /// The model of an id, or the default one of the empty id. Waits until `deadline` for a provider that doesn't yet
    /// know its models.
    pub(crate) async fn resolve(&self, id: &str, deadline: Instant) -> Result<Choice, Error> {
        if let Some(choice) = self.find_or_default(id) {
            return Ok(choice);
        }
        self.settle(deadline).await;
        self.find_or_default(id).ok_or_else(|| self.missing(id))
    }

    fn find_or_default(&self, id: &str) -> Option<Choice> {
        if id.is_empty() {
            return self.find(&self.default_id()?);
        }
        self.find(id)
    }

    /// The model of an id, if there may be one.
    pub(crate) fn find(&self, id: &str) -> Option<Choice> {
        let (prefix, name) = id.split_once('/')?;
        let provider = self.providers.iter().find(|p| p.name() == prefix)?;
        let model = provider.find(name)?;
        Some(Choice::new(model, provider, self.default_id().as_deref()))
    }

    fn default_id(&self) -> Option<String> {
        let first = || Some(self.providers.first()?.first()?.id());
        self.default_model.clone().or_else(first)
    }

    /// Why there is no model of an id.
    pub(crate) fn missing(&self, id: &str) -> Error {
        if id.is_empty() {
            let problem = self
                .providers
                .iter()
                .find_map(|provider| provider.problem());
            let problem = problem.unwrap_or_else(|| "the model server lists none".to_owned());
            return Error::NoModel(problem);
        }
        Error::ModelUnknown(id.to_owned())
    }
}

impl Choice {
    fn new(model: Model, provider: &Arc<dyn Provider>, default: Option<&str>) -> Self {
        Self {
            is_default: default == Some(&*model.id()),
            provider: Arc::clone(provider),
            model,
        }
    }
}
