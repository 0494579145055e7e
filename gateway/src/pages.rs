//! Pages of the gateway's own: documentation, which works offline, and probes.

mod errors;
mod guide;
mod text;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use mesh::Readiness;
use tonic::body::Body;

use self::errors::{Errors, Form};
use self::text::Text;
use crate::explained::ERRORS_PAGE;

const SWAGGER_JS: &[u8] = include_bytes!("../assets/swagger-ui-bundle.js.gz");
const SWAGGER_CSS: &[u8] = include_bytes!("../assets/swagger-ui.css.gz");
const REDOC_JS: &[u8] = include_bytes!("../assets/redoc.standalone.js.gz");

const SWAGGER_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

const SWAGGER_START: &str = include_str!("pages/docs.js");

const REDOC_PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<style>body { margin: 0; }</style>
</head>
<body>
<div id="api"></div>
<script src="/redoc/redoc.standalone.js"></script>
<script src="/redoc/start.js"></script>
</body>
</html>
"#;

const REDOC_START: &str = r#"// Examples call the platform where the reader found it.
fetch("/openapi.json").then(async (answer) => {
  const text = (await answer.text()).replaceAll("http://127.0.0.1:8000", location.origin);
  const options = { disableSearch: false, nativeScrollbars: true };
  Redoc.init(JSON.parse(text), options, document.getElementById("api"));
});
"#;

/// Nothing from elsewhere; styles inline, because both pages write theirs so; a worker from a blob for ReDoc's search.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the pages show.
#[derive(Debug)]
pub(crate) struct Pages {
    /// The OpenAPI document.
    openapi: Text,
    /// The text for programs that read.
    guide: Text,
    errors: Errors,
}

impl Pages {
    /// Pages about an API.
    pub(crate) fn new(openapi: &serde_json::Value) -> Self {
        Self {
            openapi: Text::new(openapi.to_string()),
            guide: Text::new(guide::text(openapi)),
            errors: Errors::new(),
        }
    }

    /// The page that a request is for, if the gateway has one there.
    pub(crate) fn find(
        &self,
        request: &Request<Body>,
        readiness: &Readiness,
    ) -> Option<Response<Body>> {
        let method = request.method();
        let (html, js) = ("text/html; charset=utf-8", "text/javascript; charset=utf-8");
        let text = |kind, text: &'static str| page(kind, text.into(), false);
        let packed = |kind, bytes: &'static [u8]| page(kind, Bytes::from_static(bytes), true);
        let answer = match request.uri().path() {
            "/" => redirect("/docs"),
            ERRORS_PAGE => self.errors(request),
            "/llms.txt" => self
                .guide
                .page("text/plain; charset=utf-8", request.headers()),
            "/openapi.json" => self.openapi.page("application/json", request.headers()),
            "/docs" | "/docs/" => text(html, SWAGGER_PAGE),
            "/docs/start.js" => text(js, SWAGGER_START),
            "/docs/swagger-ui-bundle.js" => packed(js, SWAGGER_JS),
            "/docs/swagger-ui.css" => packed("text/css; charset=utf-8", SWAGGER_CSS),
            "/redoc" | "/redoc/" => text(html, REDOC_PAGE),
            "/redoc/start.js" => text(js, REDOC_START),
            "/redoc/redoc.standalone.js" => packed(js, REDOC_JS),
            path => {
                let (status, text) = mesh::probe(path, || readiness())?;
                let mut answer = page("text/plain", text.into(), false);
                *answer.status_mut() = status;
                answer
            }
        };
        if method == Method::GET {
            return Some(answer);
        }
        if method == Method::HEAD {
            return Some(answer.map(|_| Body::empty()));
        }
        let mut refusal = Response::new(Body::empty());
        *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        refusal
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        Some(refusal)
    }

    fn errors(&self, request: &Request<Body>) -> Response<Body> {
        let form = Form::accepted(request.headers());
        let mut answer = page(form.content_type(), self.errors.page(form), false);
        answer
            .headers_mut()
            .insert(header::VARY, HeaderValue::from_static("accept"));
        answer
    }
}

fn redirect(to: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::FOUND;
    answer
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static(to));
    answer
}

fn page(kind: &'static str, content: Bytes, is_gzip: bool) -> Response<Body> {
    let mut answer = Response::new(Body::new(Full::new(content)));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    let cache = if is_gzip {
        "public, max-age=86400"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}
