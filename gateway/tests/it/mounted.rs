//! Mounted contracts with Troupe's own option: they are held to it as Troupe's are.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};
use troupe_gateway::{Config, Rate};

use crate::harness::Edge;
use crate::identity::Issuer;

const WEB: (&str, &str) = ("content-type", "application/grpc-web");

fn resolver() -> ChainFileResolver {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut resolver = ChainFileResolver::new();
    resolver.add(IncludeFileResolver::new(format!("{root}/tests/it").into()));
    resolver.add(IncludeFileResolver::new(format!("{root}/../proto").into()));
    resolver.add(IncludeFileResolver::new(
        format!("{root}/../proto/third_party").into(),
    ));
    resolver.add(GoogleFileResolver::new());
    resolver
}

/// A contract, beside Troupe's own where it is mounted at its gateway.
fn pool(resolver: impl FileResolver + 'static, beside: &DescriptorPool) -> DescriptorPool {
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    compiler.open_file("harbor.proto").unwrap();
    let mut pool = beside.clone();
    let encoded = compiler.encode_file_descriptor_set();
    pool.decode_file_descriptor_set(encoded.as_slice()).unwrap();
    pool
}

pub(crate) async fn harbor(issuer: &Issuer, config: Config) -> Edge {
    let pool = pool(resolver(), troupe_proto::descriptor_pool());
    let verifier = Some(issuer.verifier.clone());
    Edge::before(&pool, &["harbor.v1.Berths"], config, verifier).await
}

/// The HTTP status of a call in JSON, and the status of the same call by gRPC-Web.
async fn both(edge: &Edge, verb: &str, target: &str, method: &str, token: &str) -> (u16, String) {
    let token = [("authorization", token)];
    let token = &token[..usize::from(!token[0].1.is_empty())];
    let json = edge.send(verb, target, token, "").await.status.as_u16();
    let path = format!("/harbor.v1.Berths/{method}");
    let web = [&[WEB], token].concat();
    let web = edge
        .send("POST", &path, &web, Bytes::from_static(&[0; 5]))
        .await;
    let status = match web.header("grpc-status") {
        "" if web.text().contains("grpc-status:0") => "0",
        status => status,
    };
    (json, status.to_owned())
}

#[tokio::test]
async fn who_may_call_is_what_the_contract_says() {
    let issuer = Issuer::new();
    let edge = harbor(&issuer, Config::default()).await;
    let (person, admin) = (issuer.token('q', false), issuer.token('r', true));
    let guess = "Bearer guess";
    let table = [
        (
            "GET",
            "/h/watch",
            "Watch",
            [(200, "0"), (200, "0"), (200, "0"), (200, "0")],
        ),
        (
            "GET",
            "/h/greet",
            "Greet",
            [(200, "0"), (200, "0"), (200, "0"), (200, "0")],
        ),
        (
            "POST",
            "/h/moor",
            "Moor",
            [(401, "16"), (401, "16"), (200, "0"), (200, "0")],
        ),
        (
            "GET",
            "/h/count/7",
            "Count",
            [(401, "16"), (401, "16"), (200, "0"), (200, "0")],
        ),
        (
            "GET",
            "/nowhere",
            "Cast",
            [(404, "16"), (404, "16"), (404, "0"), (404, "0")],
        ),
        (
            "DELETE",
            "/h/ships",
            "Scuttle",
            [(401, "16"), (401, "16"), (403, "7"), (200, "0")],
        ),
        (
            "GET",
            "/nowhere",
            "Tow",
            [(404, "12"), (404, "12"), (404, "12"), (404, "12")],
        ),
    ];
    for (verb, target, method, expected) in table {
        let callers = ["", guess, &person, &admin];
        for (token, (json, web)) in callers.into_iter().zip(expected) {
            let seen = both(&edge, verb, target, method, token).await;
            assert_eq!(seen, (json, web.to_owned()), "{method} {token}");
        }
    }
}

#[tokio::test]
async fn size_time_and_budget_are_what_the_contract_says() {
    let issuer = Issuer::new();
    let mut config = Config::default();
    config.rates.write = Rate {
        per_second: 0.001,
        burst: 5,
    };
    let edge = harbor(&issuer, config).await;
    let person = issuer.token('q', false);
    let token = ("authorization", person.as_str());
    let send = async |verb: &str, target: &str, body: String| {
        edge.send(verb, target, &[token], body).await.error()
    };
    assert_eq!(send("GET", "/h/hang", String::new()).await, (504, 4));
    // Two of five tokens each, so that a third call finds one left.
    let large = format!(r#"{{"name": "{}"}}"#, "s".repeat(39));
    assert_eq!(send("POST", "/h/moor", large).await, (413, 8));
    let mut frame = vec![0, 0, 0, 0, 41];
    frame.resize(46, 0);
    let web = edge
        .send("POST", "/harbor.v1.Berths/Moor", &[WEB, token], frame)
        .await;
    assert_eq!(web.header("grpc-status"), "8");
    assert!(web.header("grpc-message").contains("40%20bytes"));
    let answer = edge.send("POST", "/h/moor", &[token], "{}").await;
    assert_eq!(answer.error(), (429, 8));
    assert!(answer.text().contains("RATE_LIMITED"), "{}", answer.text());
    // Another budget, and another person's.
    assert_eq!(
        both(&edge, "GET", "/h/count/2", "Count", &person).await.0,
        200
    );
    let other = issuer.token('r', false);
    assert_eq!(both(&edge, "POST", "/h/moor", "Moor", &other).await.0, 200);
}

#[tokio::test]
async fn caches_that_listen_to_other_headers_keep_nothing_of_a_person_s() {
    let issuer = Issuer::new();
    let edge = harbor(&issuer, Config::default()).await;
    let person = issuer.token('q', false);
    let targeted = [
        "cdn-cache-control",
        "acme-cdn-cache-control",
        "surrogate-control",
        "x-accel-expires",
        "expires",
    ];
    let words: String = targeted.iter().map(|it| format!("{it}=77;")).collect();
    let wish = format!("cache-control=public, max-age=77;{words}vary=accept|grpc-status=0");
    let headers = [("x-odd", wish.as_str()), ("authorization", person.as_str())];
    let web = [headers[0], headers[1], WEB];
    for answer in [
        edge.send("GET", "/h/count/2", &headers, "").await,
        edge.send("POST", "/harbor.v1.Berths/Count", &web, vec![0; 5])
            .await,
    ] {
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("cache-control"), "private, max-age=77");
        assert!(answer.header("vary").starts_with("accept"));
        for name in targeted {
            assert_eq!(answer.header(name), "", "{name}");
        }
    }
}

#[tokio::test]
async fn the_documentation_says_who_may_call() {
    let issuer = Issuer::new();
    let edge = harbor(&issuer, Config::default()).await;
    let document = edge.get("/openapi.json").await.ok();
    let security = |path: &str, verb: &str| &document["paths"][path][verb]["security"];
    let (bearer, none) = (serde_json::json!([{"bearer": []}]), serde_json::json!([]));
    for (path, verb, expected) in [
        ("/h/watch", "get", &none),
        ("/h/greet", "get", &none),
        ("/h/moor", "post", &bearer),
        ("/h/ships", "delete", &bearer),
    ] {
        assert_eq!(security(path, verb), expected, "{path}");
    }
}

/// Some files are these texts.
struct Written(ChainFileResolver, Vec<(&'static str, String)>);

impl FileResolver for Written {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.1.iter().find(|(written, _)| *written == name) {
            Some((_, source)) => File::from_source(name, source),
            None => self.0.open_file(name),
        }
    }
}

const POLICY: &str = "troupe/options/v1/policy.proto";

fn harbor_with(binding: &str, policy: &str) -> (&'static str, String) {
    let source = format!(
        "syntax = \"proto3\"; package harbor.v1; import \"google/api/annotations.proto\"; \
         import \"google/protobuf/empty.proto\"; import \"{POLICY}\"; \
         service Berths {{ rpc Moor(google.protobuf.Empty) returns (google.protobuf.Empty) {{ \
         {binding} option (troupe.options.v1.policy) = {{ {policy} }}; }} }}"
    );
    ("harbor.proto", source)
}

/// What the start of a gateway says of the method, beside Troupe's own contracts and without them.
fn refusal(files: &[(&'static str, String)], issuer: Option<&Issuer>) -> String {
    let said = [&DescriptorPool::new(), troupe_proto::descriptor_pool()].map(|beside| {
        let pool = pool(Written(resolver(), files.to_vec()), beside);
        let channel = wire::remote("harbor", "http://127.0.0.1:9".parse().unwrap());
        let channels = HashMap::from([("harbor.v1.Berths".to_owned(), channel)]);
        let verifier = issuer.map(|issuer| issuer.verifier.clone());
        let (config, ready) = (Config::default(), Arc::new(|| Ok(())));
        let built = troupe_gateway::build(&config, &pool, channels, verifier, ready, None);
        built
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    });
    assert_eq!(said[0], said[1]);
    said[0].clone()
}

#[tokio::test]
async fn answers_of_deprecated_methods_say_since_when_and_until_when() {
    let issuer = Issuer::new();
    let edge = harbor(&issuer, Config::default()).await;
    let json = ("content-type", "application/json");
    for (verb, target, header, since, sunset) in [
        (
            "GET",
            "/h/row",
            json,
            "@1796083200",
            "Wed, 01 Dec 2027 00:00:00 GMT",
        ),
        (
            "POST",
            "/harbor.v1.Berths/Row",
            json,
            "@1796083200",
            "Wed, 01 Dec 2027 00:00:00 GMT",
        ),
        (
            "POST",
            "/harbor.v1.Berths/Row",
            WEB,
            "@1796083200",
            "Wed, 01 Dec 2027 00:00:00 GMT",
        ),
        // Refused, for there is no token.
        ("GET", "/h/sail", json, "@1801353600", ""),
        ("POST", "/harbor.v1.Berths/Sail", WEB, "@1801353600", ""),
        ("GET", "/h/greet", json, "", ""),
    ] {
        let body = match header {
            WEB => &[0; 5][..],
            _ if verb == "POST" => b"{}",
            _ => b"",
        };
        let answer = edge.send(verb, target, &[header], body).await;
        let is_open = target.to_lowercase().ends_with("/row");
        assert!(!is_open || answer.status == 200, "{}", answer.text());
        let said = (answer.header("deprecation"), answer.header("sunset"));
        assert_eq!(said, (since, sunset), "{target} {}", answer.status);
    }
    // Where the contract names no day, there is nothing to say.
    let edge = Edge::start().await;
    let answer = edge.get("/v1/raw-parts").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("deprecation")),
        (200, "")
    );
}

#[tokio::test]
async fn a_policy_that_can_not_be_enforced_stops_the_start() {
    let issuer = Issuer::new();
    let http = "option (google.api.http) = { get: \"/h/moor\" };";
    let user = "audience: AUDIENCE_USER";
    for (binding, policy, said) in [
        (
            http,
            "rate_class: RATE_CLASS_READ".to_owned(),
            "without an audience",
        ),
        ("", String::new(), "without an audience"),
        (http, "audience: AUDIENCE_SERVICE".into(), "an HTTP binding"),
        (http, format!("{user} callers: \"ai\""), "names callers"),
        (
            http,
            format!("{user} rate_class: RATE_CLASS_INTERNAL"),
            "RATE_CLASS_INTERNAL",
        ),
        ("", format!("{user} timeout: {{}}"), "timeout"),
        ("", format!("{user} timeout: {{ seconds: -7 }}"), "timeout"),
        (
            "",
            format!("{user} timeout: {{ seconds: 315576000001 }}"),
            "timeout",
        ),
        (
            "",
            format!("{user} deprecated_since: \"2026-12-01\""),
            "need `option deprecated = true`",
        ),
        (
            http,
            format!("{user} cookie: \"__Host-troupe_refresh\""),
            "which is one of Troupe's own",
        ),
        (
            http,
            format!("{user} cookie: \"harbor\""),
            "which is not __Host- and a name",
        ),
        (
            "option deprecated = true;",
            format!("{user} sunset: \"2026-12-01\""),
            "deprecated_since must be a day",
        ),
    ] {
        let refusal = refusal(&[harbor_with(binding, &policy)], Some(&issuer));
        let names_it = refusal.starts_with("the method harbor.v1.Berths.Moor ");
        assert!(names_it && refusal.contains(said), "{policy}: {refusal}");
    }
    for policy in [user, "audience: AUDIENCE_ADMIN"] {
        assert_eq!(refusal(&[harbor_with(http, policy)], Some(&issuer)), "");
        let refusal = refusal(&[harbor_with(http, policy)], None);
        assert!(refusal.contains("this gateway verifies none"), "{refusal}");
    }
    for policy in ["audience: AUDIENCE_PUBLIC", "audience: AUDIENCE_SERVICE"] {
        assert_eq!(refusal(&[harbor_with("", policy)], None), "");
    }
}

#[tokio::test]
async fn a_policy_of_a_later_version_stops_the_start_where_it_says_more() {
    let path = format!("{}/../proto/{POLICY}", env!("CARGO_MANIFEST_DIR"));
    let mut later = std::fs::read_to_string(path).unwrap();
    for (after, more) in [
        ("message MethodPolicy {", "string scope = 77;"),
        ("AUDIENCE_ADMIN = 4;", "AUDIENCE_CREW = 77;"),
        ("RATE_CLASS_INTERNAL = 5;", "RATE_CLASS_SLOW = 77;"),
    ] {
        later = later.replace(after, &format!("{after} {more}"));
    }
    let issuer = Issuer::new();
    let refusal = |policy: &str, later: &str| {
        let files = [harbor_with("", policy), (POLICY, later.to_owned())];
        refusal(&files, Some(&issuer))
    };
    assert_eq!(refusal("audience: AUDIENCE_USER", &later), "");
    for policy in [
        "audience: AUDIENCE_USER scope: \"ships\"",
        "audience: AUDIENCE_CREW",
        "audience: AUDIENCE_USER rate_class: RATE_CLASS_SLOW",
    ] {
        let refusal = refusal(policy, &later);
        assert!(refusal.contains("77, which this version"), "{refusal}");
    }
}
