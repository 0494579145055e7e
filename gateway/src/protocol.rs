//! What clients speak, told apart before anything of a request is read but its head.

use http::header;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;

use crate::catalog::Catalog;
use crate::refusal::Refusal;
use crate::route::Lookup;
use crate::schema::Schema;
use crate::{connect, media, openai, web};

/// What a client speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Grpc,
    /// In the form that the answer has.
    Web(&'static str),
    /// In the form that the request has.
    Connect(connect::Form),
    /// OpenAI's API.
    OpenAi,
    Json,
}

impl Protocol {
    /// What a request speaks. At the paths of gRPC what is neither gRPC nor gRPC-Web is Connect, whatever its type: there a
    /// Connect call in JSON looks like any other JSON.
    pub(crate) fn of(request: &Request<Body>, catalog: &Catalog) -> Self {
        let text = media::text(request.headers().get(header::CONTENT_TYPE));
        match &text {
            text if web::is_web(text) => Self::Web(web::answer_form(request.headers())),
            text if media::starts_with(text, "application/grpc") => Self::Grpc,
            _ if is_openai(request, catalog) => Self::OpenAi,
            text if is_connect(request, text, catalog) => {
                Self::Connect(connect::Form::of(request.method(), text))
            }
            _ => Self::Json,
        }
    }

    /// What logs and measurements call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Web(_) => "grpc-web",
            Self::Connect(_) => "connect",
            Self::OpenAi => "openai",
            Self::Json => "json",
        }
    }

    /// A refusal in the form that the client reads.
    pub(crate) fn refusal(self, status: Status, schema: &Schema) -> Response<Body> {
        match self {
            Self::Grpc => status.into_http(),
            Self::Web(form) => web::refusal(status, form),
            Self::Connect(form) => form.refusal(status.into(), schema),
            Self::OpenAi => openai::refusal(status),
            Self::Json => Refusal::from(status).into_answer(schema),
        }
    }
}

/// What somebody mounted at one of its paths stays.
fn is_openai(request: &Request<Body>, catalog: &Catalog) -> bool {
    let path = request.uri().path();
    openai::is_path(path)
        && catalog.openai.is_some()
        && !matches!(catalog.find(request.method(), path), Lookup::Found(_))
}

fn is_connect(request: &Request<Body>, content_type: &str, catalog: &Catalog) -> bool {
    let path = request.uri().path();
    let Some((service, _)) = service_and_method(path) else {
        return false;
    };
    if catalog.has_service(service) {
        return true;
    }
    // Clients that call what isn't there are told so in their own words.
    connect::is_said(request.headers(), content_type)
        && !matches!(catalog.find(request.method(), path), Lookup::Found(_))
}

/// The two parts of a path of gRPC.
fn service_and_method(path: &str) -> Option<(&str, &str)> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let is_path = !service.is_empty() && !method.is_empty() && !method.contains('/');
    is_path.then_some((service, method))
}
