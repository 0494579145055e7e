//! What routes chose, in the contract's words.

use std::collections::HashMap;

use troupe_proto::ai as pb;

use super::used;
use crate::domain::decision::{Decision, FailedTry, Trail};
use crate::domain::route::Verdict;

/// The choice of a route, with those of its models that failed; none where a model was named.
pub(super) fn decision(trail: &Trail) -> Option<pb::RouteDecision> {
    let Decision {
        route_id,
        candidates,
    } = &**trail.decision.as_ref()?;
    // Where a model was tried twice, with a shorter prompt the second time, that is the last.
    let failed = trail.failed.iter().map(|it| (&*it.model_id, it));
    let failed: HashMap<&str, &FailedTry> = failed.collect();
    let candidates = candidates.iter().map(|considered| {
        let failed = failed.get(&*considered.model_id);
        pb::RouteCandidate {
            model_id: considered.model_id.clone(),
            verdict: pb::RouteVerdict::from(considered.verdict).into(),
            explanation: considered.verdict.explanation().to_owned(),
            failure_reason: failed.map_or("", |it| it.reason.name()).to_owned(),
            usage: failed.map(|it| used(&it.tokens, it.cost_pico_usd, it.estimated)),
        }
    });
    Some(pb::RouteDecision {
        route_id: route_id.to_string(),
        candidates: candidates.collect(),
    })
}

impl From<Verdict> for pb::RouteVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Fits => Self::Fits,
            Verdict::Warm => Self::Warm,
            Verdict::LastResort => Self::LastResort,
            Verdict::Unknown => Self::Unknown,
            Verdict::Form => Self::Form,
            Verdict::Tier => Self::Tier,
            Verdict::Language => Self::Language,
            Verdict::Window => Self::Window,
            Verdict::ReplyLength => Self::ReplyLength,
            Verdict::Price => Self::Price,
            Verdict::Unavailable => Self::Unavailable,
            Verdict::ContextLength => Self::ContextLength,
            Verdict::Failing => Self::Failing,
        }
    }
}
