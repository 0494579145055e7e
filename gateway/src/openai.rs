//! OpenAI's API at `/v1`: it translates between that API's forms and the methods of the contracts, and decides nothing else. Models by
//! themselves are ai's; characters (`character:<id>`) and sessions (`session:<id>`) are roleplay's.

mod ask;
mod asked;
mod chat;
mod chunks;
mod content;
mod embeddings;
mod error;
mod listing;
mod model;
mod options;
mod reply;
mod responses;
mod text;

use std::sync::Arc;

use http::{Method as Verb, Request, Response};
use platform::Clock;
use tonic::body::Body;

use self::ask::{Ask, Form};
use crate::call::{Answered, Call, Outcome, told};
use crate::catalog::Method;
use crate::parts::Parts;
use crate::refusal::Refusal;
use crate::visit::{AccessLog, Visit};

pub(crate) use self::error::{json as error_json, refusal};

/// What begins the paths of this API, and of no other of ours.
const PREFIX: &str = "/v1/";
const MODEL_PREFIX: &str = "/v1/models/";

/// The methods that stand behind this API.
#[derive(Debug)]
pub(crate) struct Facade {
    complete: Arc<Method>,
    embed: Arc<Method>,
    list_models: Arc<Method>,
    get_model: Arc<Method>,
    roleplay: Option<Roleplay>,
    clock: Clock,
}

/// Those of characters and sessions.
#[derive(Debug)]
struct Roleplay {
    list_characters: Arc<Method>,
    get_character: Arc<Method>,
    answer_chat: Arc<Method>,
    get_session: Arc<Method>,
    send_message: Arc<Method>,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door<'p> {
    Models,
    Model(&'p str),
    Generation(Form),
    Embeddings,
}

impl Facade {
    /// The API, where `find` knows ai's methods by their paths. There are characters where it knows roleplay's.
    pub(crate) fn new(find: impl Fn(&str) -> Option<Arc<Method>>) -> Option<Self> {
        let ai = |method: &str| find(&format!("/troupe.ai.v1.{method}"));
        let roleplay = || {
            let method = |method: &str| find(&format!("/troupe.roleplay.v1.{method}"));
            Some(Roleplay {
                list_characters: method("CharacterService/ListCharacters")?,
                get_character: method("CharacterService/GetCharacter")?,
                answer_chat: method("CharacterService/AnswerChat")?,
                get_session: method("SessionService/GetSession")?,
                send_message: method("MessageService/SendMessage")?,
            })
        };
        Some(Self {
            complete: ai("InferenceService/Complete")?,
            embed: ai("EmbeddingService/EmbedTexts")?,
            list_models: ai("ModelService/ListModels")?,
            get_model: ai("ModelService/GetModel")?,
            roleplay: roleplay(),
            clock: Clock::system(),
        })
    }

    /// The method whose policy holds for a request, before more of it is known than where it goes: what else may be called has the
    /// same audience and budget.
    pub(crate) fn method(&self, path: &str) -> Option<&Arc<Method>> {
        Some(match Door::at(path)? {
            Door::Models => &self.list_models,
            Door::Model(_) => &self.get_model,
            Door::Generation(_) => &self.complete,
            Door::Embeddings => &self.embed,
        })
    }
}

/// Whether a path is one of this API's.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with(PREFIX)
}

impl<'p> Door<'p> {
    fn at(path: &'p str) -> Option<Self> {
        Some(match path {
            "/v1/models" => Self::Models,
            "/v1/chat/completions" => Self::Generation(Form::Chat),
            "/v1/completions" => Self::Generation(Form::Text),
            "/v1/responses" => Self::Generation(Form::Response),
            "/v1/embeddings" => Self::Embeddings,
            _ => Self::Model(
                path.strip_prefix(MODEL_PREFIX)
                    .filter(|id| !id.is_empty())?,
            ),
        })
    }

    /// As logs and measurements name it.
    fn route(self) -> &'static str {
        match self {
            Self::Models => "/v1/models",
            Self::Model(_) => "/v1/models/{model}",
            Self::Generation(form) => form.path(),
            Self::Embeddings => "/v1/embeddings",
        }
    }

    fn verbs(self) -> &'static [Verb] {
        match self {
            Self::Models | Self::Model(_) => &[Verb::GET, Verb::HEAD],
            Self::Generation(_) | Self::Embeddings => &[Verb::POST],
        }
    }
}

/// Answers a request.
pub(crate) async fn answer(
    front: &Arc<Parts>,
    visit: &Visit,
    request: Request<Body>,
) -> Response<Body> {
    let mut log = AccessLog::start("openai", request.method().clone(), visit);
    let outcome = call(front, visit, request, &mut log).await;
    told(outcome, log, &visit.request_id, error::answer)
}

async fn call(
    front: &Arc<Parts>,
    visit: &Visit,
    request: Request<Body>,
    log: &mut AccessLog,
) -> Outcome {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let facade = front.catalog.openai.as_ref();
    let (facade, door) = facade.zip(Door::at(path)).ok_or_else(Refusal::no_route)?;
    log.route(&door.route().into());
    if !door.verbs().contains(&parts.method) {
        return Err(Refusal::wrong_method(door.verbs()));
    }
    let method = facade.method(path).ok_or_else(Refusal::no_route)?;
    let ask = Ask {
        facade,
        call: Call {
            front,
            visit,
            method,
            headers: &parts.headers,
        },
    };
    let answer = match door {
        Door::Models => ask.models(body).await?,
        Door::Model(id) => ask.model(id, body).await?,
        Door::Embeddings => ask.embeddings(body).await?,
        Door::Generation(form) => return ask.generation(form, body).await,
    };
    Ok(Answered::Whole(match parts.method {
        Verb::HEAD => answer.map(|_| Body::empty()),
        _ => answer,
    }))
}

#[cfg(test)]
mod tests {
    use troupe_proto::policy;

    #[test]
    fn what_may_stand_behind_a_path_has_one_audience_and_one_budget() {
        let of = |path: &str| {
            let policy = policy::find(path).unwrap();
            (policy.audience, policy.rate_class, policy.rate_cost)
        };
        let [ai, roleplay] = ["/troupe.ai.v1.", "/troupe.roleplay.v1."];
        let same = [
            (
                format!("{ai}InferenceService/Complete"),
                [
                    format!("{roleplay}CharacterService/AnswerChat"),
                    format!("{roleplay}MessageService/SendMessage"),
                ],
            ),
            (
                format!("{ai}ModelService/ListModels"),
                [
                    format!("{ai}ModelService/GetModel"),
                    format!("{roleplay}CharacterService/ListCharacters"),
                ],
            ),
            (
                format!("{ai}ModelService/GetModel"),
                [
                    format!("{roleplay}CharacterService/GetCharacter"),
                    format!("{roleplay}SessionService/GetSession"),
                ],
            ),
        ];
        for (door, behind) in same {
            for method in behind {
                assert_eq!(of(&method), of(&door), "{method}");
            }
        }
    }
}
