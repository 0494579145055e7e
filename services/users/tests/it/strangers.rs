//! Every method, called by those who may not.

use http::{Request, header};
use http_body_util::BodyExt;
use mesh::Server;
use tonic::Code;
use tonic::body::Body;
use tower::ServiceExt;
use troupe_proto::policy::{self, Audience, MethodPolicy};

use crate::harness::Service;

/// An empty message, sent as nobody.
async fn call_as_nobody(server: &Server, method: &MethodPolicy) -> Code {
    let frame = http_body_util::Full::new(bytes::Bytes::from_static(&[0; 5]));
    let request = Request::post(method.path)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Body::new(frame.map_err(|never| match never {})))
        .unwrap();
    let answer = server.clone().oneshot(request).await.unwrap();
    let status = tonic::Status::from_header_map(answer.headers());
    status.map_or(Code::Ok, |status| status.code())
}

#[tokio::test]
async fn nobody_reaches_what_is_a_person_s_or_a_role_s() {
    let service = Service::start().await;
    let ours = |m: &&MethodPolicy| m.path.starts_with("/troupe.users.v1.");
    let methods: Vec<&MethodPolicy> = policy::METHODS.iter().filter(ours).collect();
    assert!(methods.len() >= 12);
    for method in methods {
        let expected = match method.audience {
            Audience::User | Audience::Admin => Code::Unauthenticated,
            Audience::Service => Code::Unimplemented,
            _ => continue,
        };
        let code = call_as_nobody(&service.server, method).await;
        assert_eq!(code, expected, "{}", method.path);
    }
}

#[tokio::test]
async fn a_person_does_not_reach_what_is_a_role_s() {
    let service = Service::start().await;
    let alice = service.with(&service.person("alice").await);
    let watch = alice.request(troupe_proto::users::WatchAccessRequest {});
    let refused = alice.auth().watch_access(watch).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unimplemented);
    let report = alice.request(troupe_proto::users::ReportTokenUseRequest::default());
    let refused = alice.auth().report_token_use(report).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}
