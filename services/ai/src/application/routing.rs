//! From what a request names, a model or a route, to the models that are tried for it, in their order.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::catalog::{Catalog, Choice};
use super::health::Health;
use super::tiers::Tiers;
use super::warmth::{Place, Warmth};
use crate::domain::breaker::Condition;
use crate::domain::decision::{Considered, Decision};
use crate::domain::route::{self, Candidate, Offer, Route, Rules, Verdict, Wish};
use crate::domain::{Form, Model};
use crate::error::Error;

/// A provider with more models lists what it has, not what was chosen: they are no candidates of `auto`.
const MOST_OF_A_PROVIDER: usize = 8;

/// The models, the routes, and how they did lately. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Routing {
    pub(crate) catalog: Catalog,
    pub(crate) health: Health,
    pub(crate) tiers: Tiers,
    routes: Arc<[Arc<Route>]>,
    /// The route that is used where nothing is named.
    default_route: Option<Arc<Route>>,
    warmth: Warmth,
}

/// What a request names, with what is there of it now.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Absent where a model is named.
    pub(crate) route: Option<Arc<Route>>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    candidate: Candidate,
    /// Absent where there is no such model now.
    choice: Option<Choice>,
}

/// The models that are tried, in their order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tried: Vec<Choice>,
    /// The largest window of those that the prompt is too long for, where nothing else speaks against them.
    pub(crate) smaller_window: Option<u32>,
    /// Absent where a model is named.
    pub(crate) decision: Option<Arc<Decision>>,
}

/// A model or a route as it is listed.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Of a route, the model that it would choose now.
    pub(crate) model: Model,
    pub(crate) route: Option<Arc<Route>>,
    /// Those that a route chooses from.
    pub(crate) candidates: Vec<String>,
    pub(crate) is_default: bool,
    pub(crate) condition: Condition,
}

impl Routing {
    pub(crate) fn new(
        catalog: Catalog,
        health: Health,
        tiers: Tiers,
        routes: Vec<Route>,
        default_id: &str,
    ) -> Self {
        let routes: Arc<[Arc<Route>]> = routes.into_iter().map(Arc::new).collect();
        let default_route = routes.iter().find(|route| &*route.id == default_id);
        Self {
            default_route: default_route.cloned(),
            catalog,
            health,
            tiers,
            routes,
            warmth: Warmth::new(),
        }
    }

    /// What an id names; the empty one names the default. Waits until `deadline` for providers that don't yet know their models,
    /// where without them there is none.
    pub(crate) async fn find(&self, id: &str, deadline: Instant) -> Result<Asked, Error> {
        let Some(route) = self.route(id) else {
            let choice = self.catalog.resolve(id, deadline).await?;
            return Ok(Asked::model(choice));
        };
        let mut entries = self.entries(&route);
        if entries.iter().all(|entry| entry.choice.is_none()) {
            self.catalog.settle(deadline).await;
            entries = self.entries(&route);
        }
        if entries.iter().all(|entry| entry.choice.is_none()) {
            return Err(self.catalog.missing(""));
        }
        let route = Some(route);
        Ok(Asked { route, entries })
    }

    /// The route of an id, as [`Routing::find`] finds it.
    pub(crate) async fn find_route(&self, id: &str, deadline: Instant) -> Result<Asked, Error> {
        match self.route(id) {
            Some(_) => self.find(id, deadline).await,
            None => Err(Error::ModelUnknown(id.to_owned())),
        }
    }

    /// All models, the default first, and behind them the routes. `auto` is there where it has a choice.
    pub(crate) async fn list(&self, deadline: Instant) -> Vec<Listed> {
        let models = self.catalog.list(deadline).await;
        let mut all: Vec<Listed> = models.into_iter().map(|it| self.listed(it)).collect();
        for route in &*self.routes {
            let asked = Asked {
                entries: self.entries(route),
                route: Some(Arc::clone(route)),
            };
            let is_choice = asked.entries.len() > 1 || !route.candidates.is_empty();
            all.extend(is_choice.then(|| self.shown(&asked)).flatten());
        }
        // Sorting is stable: the others stay where they are.
        all.sort_by_key(|listed| !listed.is_default);
        all
    }

    /// What was asked for as it is listed; none if no model of a route is there.
    pub(crate) fn shown(&self, asked: &Asked) -> Option<Listed> {
        let Some(route) = &asked.route else {
            let choice = asked.entries.first()?.choice.clone()?;
            return Some(self.listed(choice));
        };
        let wish = self.any_wish();
        let first = self.first(asked, &wish)?;
        let default = self.default_route.as_ref();
        Some(Listed {
            condition: self.health.condition(&first.model.id()),
            model: first.model.clone(),
            candidates: asked.ids(),
            is_default: default.is_some_and(|default| default.id == route.id),
            route: Some(Arc::clone(route)),
        })
    }

    /// The model that would be tried first, or if none would be, the first that is there.
    pub(crate) fn first<'a>(&self, asked: &'a Asked, wish: &Wish<'_>) -> Option<&'a Choice> {
        let places = self.places(asked, wish, None);
        let tried = places.iter().filter(|place| place.verdict.is_tried());
        let mut tried = tried.filter_map(|place| asked.entries[place.offer].choice.as_ref());
        let any = || asked.entries.iter().find_map(|it| it.choice.as_ref());
        tried.next().or_else(any)
    }

    /// Which models are tried for a request.
    pub(crate) fn plan(&self, asked: Asked, wish: &Wish<'_>, session_id: &str) -> Plan {
        let warm = asked
            .place(session_id)
            .and_then(|(place, within)| self.warmth.of(&place, within));
        let places = self.places(&asked, wish, warm.as_deref());
        let smaller_window = (places.iter())
            .filter(|place| place.verdict == Verdict::ContextLength)
            .filter_map(|place| asked.entries[place.offer].choice.as_ref())
            .map(|choice| choice.model.window_tokens)
            .max();
        let decision = asked.route.as_ref().map(|route| {
            let considered = places.iter().map(|place| Considered {
                model_id: asked.entries[place.offer].candidate.model_id.clone(),
                verdict: place.verdict,
            });
            Arc::new(Decision {
                route_id: Arc::clone(&route.id),
                candidates: considered.collect(),
            })
        });
        let mut entries = asked.entries;
        let tried = places.iter().filter(|place| place.verdict.is_tried());
        let tried = tried.filter_map(|place| entries[place.offer].choice.take());
        Plan {
            tried: tried.collect(),
            smaller_window,
            decision,
        }
    }

    /// A wish that every model fulfils that may be used by anybody.
    pub(crate) fn any_wish(&self) -> Wish<'_> {
        Wish {
            form: None,
            prompt_tokens: 0,
            max_tokens: 0,
            tier: self.tiers.of_anybody(),
            language: None,
        }
    }

    /// A model wrote in a session.
    pub(crate) fn wrote(&self, place: Place, model_id: &str) {
        self.warmth.wrote(place, model_id);
    }

    fn places(&self, asked: &Asked, wish: &Wish<'_>, warm: Option<&str>) -> Vec<route::Place> {
        let Some(route) = &asked.route else {
            // Who names a model gets that one, whatever is known of it.
            let verdict = Verdict::Fits;
            return vec![route::Place { offer: 0, verdict }];
        };
        let offers: Vec<Offer<'_>> = (asked.entries.iter())
            .map(|entry| {
                let id = &*entry.candidate.model_id;
                Offer {
                    candidate: &entry.candidate,
                    model: entry.choice.as_ref().map(|choice| &choice.model),
                    standing: self.health.standing(id, warm == Some(id)),
                }
            })
            .collect();
        route::choose(&route.rules, &offers, wish)
    }

    fn route(&self, id: &str) -> Option<Arc<Route>> {
        if id.is_empty() {
            return self.default_route.clone();
        }
        self.routes.iter().find(|route| &*route.id == id).cloned()
    }

    /// A route's models with what is there of them now.
    fn entries(&self, route: &Route) -> Vec<Entry> {
        if route.candidates.is_empty() {
            let all = self.catalog.preferred(MOST_OF_A_PROVIDER);
            return all.into_iter().map(Entry::of).collect();
        }
        let entry = |candidate: &Candidate| Entry {
            choice: self.catalog.find(&candidate.model_id),
            candidate: candidate.clone(),
        };
        route.candidates.iter().map(entry).collect()
    }

    fn listed(&self, choice: Choice) -> Listed {
        Listed {
            condition: self.health.condition(&choice.model.id()),
            is_default: choice.is_default && self.default_route.is_none(),
            model: choice.model,
            route: None,
            candidates: Vec::new(),
        }
    }
}

impl Asked {
    fn model(choice: Choice) -> Self {
        Self {
            route: None,
            entries: vec![Entry::of(choice)],
        }
    }

    /// What was named, for messages.
    pub(crate) fn name(&self) -> String {
        match &self.route {
            Some(route) => route.id.to_string(),
            None => self.ids().concat(),
        }
    }

    /// The rules of the route; of a named model, none.
    pub(crate) fn rules(&self) -> Option<&Rules> {
        Some(&self.route.as_ref()?.rules)
    }

    /// Where it is remembered which model wrote, and for how long; none where nothing is.
    pub(crate) fn place(&self, session_id: &str) -> Option<(Place, Duration)> {
        let route = self.route.as_ref()?;
        let within = route.rules.sticky_for;
        let place = Place {
            route_id: Arc::clone(&route.id),
            session_id: session_id.to_owned(),
        };
        (!within.is_zero() && !session_id.is_empty()).then_some((place, within))
    }

    /// The form that all of its models have which are there; none if they differ.
    pub(crate) fn only_form(&self) -> Option<Form> {
        let mut forms = (self.entries.iter())
            .filter_map(|entry| entry.choice.as_ref())
            .map(|choice| choice.model.form);
        let first = forms.next()?;
        forms.all(|form| form == first).then_some(first)
    }

    fn ids(&self) -> Vec<String> {
        let ids = self.entries.iter().map(|it| it.candidate.model_id.clone());
        ids.collect()
    }
}

impl Entry {
    fn of(choice: Choice) -> Self {
        let candidate = Candidate {
            model_id: choice.model.id(),
            ..Candidate::default()
        };
        let choice = Some(choice);
        Self { candidate, choice }
    }
}
