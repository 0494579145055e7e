//! Routes: which of several models a request goes to, and why not to the others. Pure: facts come in, an order comes out.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::breaker::Gate;
use super::{Form, Model, TokenUsage};

/// Tokens of prompts are mostly estimated: what is up to an eighth too long is left to the model to judge.
const DOUBT: u64 = 8;

/// What may write in the place of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Its id; no model's, as it has no slash.
    pub(crate) id: Arc<str>,
    /// Name for people.
    pub(crate) display_name: String,
    /// The models, the preferred one first. Empty: all that are there.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) rules: Rules,
}

/// A model that a route may choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) model_id: String,
    /// The tiers whose people may have it; empty for all.
    pub(crate) tiers: Vec<String>,
    /// The languages that it writes; empty for all.
    pub(crate) languages: Vec<String>,
}

/// How a route chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) order: Preference,
    pub(crate) min_window_tokens: u32,
    pub(crate) min_reply_tokens: u32,
    /// The most that a prompt token may cost, in pico-USD.
    pub(crate) max_prompt_price: Option<i64>,
    /// The most that a generated token may cost, in pico-USD.
    pub(crate) max_completion_price: Option<i64>,
    /// Models whose first text takes longer come behind the others.
    pub(crate) slowest_first_token: Option<Duration>,
    /// Models that write fewer tokens a second come behind the others.
    pub(crate) fewest_tokens_per_sec: Option<u32>,
    /// How long the first text of one model is waited for where another is there; absent for as long as its provider allows.
    pub(crate) next_after: Option<Duration>,
    /// How long a session goes on with the model that wrote last; zero for not at all.
    pub(crate) sticky_for: Duration,
}

/// Which of the models that fit comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// The one that is listed first.
    #[default]
    Listed,
    /// The one that the request costs least with.
    Price,
    /// The one whose first text comes soonest.
    Latency,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish<'a> {
    /// The form of its prompt; absent for any.
    pub(crate) form: Option<Form>,
    pub(crate) prompt_tokens: u32,
    /// Most tokens of the reply.
    pub(crate) max_tokens: u32,
    /// Of the person.
    pub(crate) tier: &'a str,
    /// Its primary subtag, such as `ja`; absent for unknown.
    pub(crate) language: Option<&'a str>,
}

/// What is known of a model by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) gate: Gate,
    pub(crate) failed_percent: u32,
    pub(crate) first_token: Option<Duration>,
    pub(crate) tokens_per_sec: Option<u32>,
    /// Whether it wrote last in the session.
    pub(crate) is_warm: bool,
}

/// A candidate with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer<'a> {
    pub(crate) candidate: &'a Candidate,
    /// Absent where there is no such model now.
    pub(crate) model: Option<&'a Model>,
    pub(crate) standing: Standing,
}

/// What a route thinks of a candidate. Stored and sent under these names, so a variant keeps its name for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It fits.
    Fits,
    /// It fits, and has what the session's last prompt left in its cache.
    Warm,
    /// It would be left out, if there were another.
    LastResort,
    /// There is no such model now.
    Unknown,
    /// Prompts of this form aren't for it.
    Form,
    /// It isn't for the person's tier.
    Tier,
    /// It doesn't write the language.
    Language,
    /// Its window is smaller than the route wants.
    Window,
    /// Its replies are shorter than the route wants.
    ReplyLength,
    /// It costs more than the route allows, or nobody knows what it costs.
    Price,
    /// Its provider says that it can't be used now.
    Unavailable,
    /// The prompt is too long for it.
    ContextLength,
    /// It failed, and isn't asked for a while.
    Failing,
}

/// A candidate's place: its number among the offers, and why it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offer: usize,
    pub(crate) verdict: Verdict,
}

impl Verdict {
    /// Whether the candidate is tried.
    pub(crate) fn is_tried(self) -> bool {
        matches!(self, Self::Fits | Self::Warm | Self::LastResort)
    }

    /// Why, for people.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Warm => "fits, and wrote last in this session, so that it has most of the prompt",
            Self::LastResort => "is tried only because no other can be",
            Self::Unknown => "isn't there now",
            Self::Form => "takes prompts of another form",
            Self::Tier => "isn't for the person's tier",
            Self::Language => "isn't for the language",
            Self::Window => "has a smaller window than the route wants",
            Self::ReplyLength => "writes shorter replies than the route wants",
            Self::Price => "costs more than the route allows, or its price isn't known",
            Self::Unavailable => "can't be used now",
            Self::ContextLength => "has too small a window for the prompt and the reply",
            Self::Failing => "failed or was slow too often, and isn't asked for a while",
        }
    }

    /// Which of those that are left out is tried where all are: the higher, the sooner. None for those that never are.
    fn last_resort(self) -> Option<u8> {
        match self {
            Self::Failing => Some(3),
            Self::ContextLength => Some(2),
            Self::Unavailable => Some(1),
            _ => None,
        }
    }
}

/// The candidates in the order in which they are tried, and behind them those that are left out.
pub(crate) fn choose(rules: &Rules, offers: &[Offer<'_>], wish: &Wish<'_>) -> Vec<Place> {
    let mut places = Vec::with_capacity(offers.len());
    for (offer, it) in offers.iter().enumerate() {
        let verdict = judge(rules, it, wish);
        places.push(Place { offer, verdict });
    }
    if !places.iter().any(|place| place.verdict.is_tried())
        && let Some(place) = least_bad(offers, &mut places)
    {
        place.verdict = Verdict::LastResort;
    }
    // Sorting is stable: what is equal stays as it is listed.
    places.sort_by_cached_key(|place| rank(rules, &offers[place.offer], place.verdict, wish));
    places
}

fn judge(rules: &Rules, offer: &Offer<'_>, wish: &Wish<'_>) -> Verdict {
    let Some(model) = offer.model else {
        return Verdict::Unknown;
    };
    let Offer {
        candidate,
        standing,
        ..
    } = offer;
    let allows = |list: &[String], it: &str| {
        list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(it))
    };
    if wish.form.is_some_and(|form| form != model.form) {
        return Verdict::Form;
    }
    if !allows(&candidate.tiers, wish.tier) {
        return Verdict::Tier;
    }
    if wish
        .language
        .is_some_and(|language| !allows(&candidate.languages, language))
    {
        return Verdict::Language;
    }
    if model.window_tokens < rules.min_window_tokens {
        return Verdict::Window;
    }
    if model.max_reply_tokens < rules.min_reply_tokens {
        return Verdict::ReplyLength;
    }
    if is_too_dear(rules, model) {
        return Verdict::Price;
    }
    if model.unavailable.is_some() {
        return Verdict::Unavailable;
    }
    let reply = wish.max_tokens.min(model.max_reply_tokens);
    let window = u64::from(model.window_tokens);
    if u64::from(wish.prompt_tokens) + u64::from(reply) > window + window / DOUBT {
        return Verdict::ContextLength;
    }
    match standing.gate {
        Gate::Open(_) => Verdict::Failing,
        Gate::Closed | Gate::HalfOpen if standing.is_warm => Verdict::Warm,
        Gate::Closed | Gate::HalfOpen => Verdict::Fits,
    }
}

fn is_too_dear(rules: &Rules, model: &Model) -> bool {
    let exceeds = |most: Option<i64>, price: Option<i64>| {
        most.is_some_and(|most| price.is_none_or(|price| price > most))
    };
    exceeds(
        rules.max_prompt_price,
        model.prices.map(|prices| prices.prompt),
    ) || exceeds(
        rules.max_completion_price,
        model.prices.map(|prices| prices.completion),
    )
}

/// Of those that are left out, the one that may do well: that which fails least and is asked again soonest, or has the largest
/// window, or is listed first.
fn least_bad<'p>(offers: &[Offer<'_>], places: &'p mut [Place]) -> Option<&'p mut Place> {
    let rating = |place: &Place| {
        let (offer, resort) = (&offers[place.offer], place.verdict.last_resort()?);
        let soon = match offer.standing.gate {
            Gate::Open(until) => std::cmp::Reverse(until.micros()),
            Gate::Closed | Gate::HalfOpen => std::cmp::Reverse(0),
        };
        let window = match place.verdict {
            Verdict::ContextLength => offer.model.map_or(0, |model| model.window_tokens),
            _ => 0,
        };
        let well = 100u32.saturating_sub(offer.standing.failed_percent);
        Some((resort, window, well, soon, std::cmp::Reverse(place.offer)))
    };
    places
        .iter_mut()
        .filter(|place| place.verdict.last_resort().is_some())
        .max_by_key(|place| rating(place))
}

/// The smaller, the sooner.
fn rank(
    rules: &Rules,
    offer: &Offer<'_>,
    verdict: Verdict,
    wish: &Wish<'_>,
) -> (bool, bool, bool, i64) {
    if !verdict.is_tried() {
        return (true, true, true, 0);
    }
    let standing = &offer.standing;
    let is_late = (rules.slowest_first_token)
        .zip(standing.first_token)
        .is_some_and(|(most, took)| took > most);
    let writes_slowly = (rules.fewest_tokens_per_sec)
        .zip(standing.tokens_per_sec)
        .is_some_and(|(fewest, rate)| rate < fewest);
    let preference = match rules.order {
        Preference::Listed => 0,
        Preference::Price => offer.model.map_or(i64::MAX, |model| cost(model, wish)),
        // One that has no figures gets a chance to have some.
        Preference::Latency => standing.first_token.map_or(0, |took| {
            i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
        }),
    };
    let is_cold = verdict != Verdict::Warm;
    (false, is_cold, is_late || writes_slowly, preference)
}

/// What the request costs at most; what nobody knows the price of is the dearest.
fn cost(model: &Model, wish: &Wish<'_>) -> i64 {
    let usage = TokenUsage {
        prompt: wish.prompt_tokens.max(1),
        completion: wish.max_tokens.min(model.max_reply_tokens),
        ..TokenUsage::default()
    };
    model.prices.map_or(i64::MAX, |prices| prices.cost(&usage))
}

#[cfg(test)]
mod tests;
