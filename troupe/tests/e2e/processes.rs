//! The platform as four processes that know one another by certificates: what they do together, whom they refuse, how
//! certificates change under them, and how they end.

pub(crate) mod fleet;

use std::fs;

use mesh::Role;
use serde_json::Value;
use testkit::scripted::{self, Reply};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::{Code, Request};
use troupe_proto::Reason;
use troupe_proto::ai::ResolveModelRequest;
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::error::reason_of;
use troupe_proto::users::WatchAccessRequest;
use troupe_proto::users::auth_service_client::AuthServiceClient;

use self::fleet::{Certificates, Fleet, setup, until_ready};
use crate::cards::maren;
use crate::main_job::does_the_main_job;
use crate::person::Person;
use crate::platform::Setup;

#[tokio::test]
async fn do_the_main_job_together() {
    let fleet = Fleet::start().await;
    does_the_main_job(&fleet.model, &fleet.gateway).await;
    for ended in fleet.stop().await {
        assert_eq!(ended.code(), Some(0));
    }
}

#[tokio::test]
async fn have_as_many_roles_each_as_they_are_told() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let certificates = Certificates::new().await;
    let of_users = setup(&model, &certificates);
    let users = of_users.serve(&[Role::Users]).await;
    // What is in the process isn't looked for elsewhere.
    let of_others =
        setup(&model, &certificates).with("TROUPE__MESH__PEERS__USERS", users.address());
    let others = [Role::Gateway, Role::Ai, Role::Roleplay];
    let others = of_others.serve(&others).await;
    until_ready(&others).await;
    does_the_main_job(&model, &others).await;
    assert_eq!(others.stop().await.code(), Some(0));
    assert_eq!(users.stop().await.code(), Some(0));
}

#[tokio::test]
async fn end_after_the_reply_that_runs() {
    let fleet = Fleet::start().await;
    let ann = Person::register(&fleet.gateway, "Ann").await;
    let session = ann.open_session(maren()).await;
    fleet.model.push(Reply::words("Wait for me.").hold_after(2));
    let mut reply = ann.say(&session, "I'm off.").await;
    reply.until(|text| text == "Wait for").await;
    fleet.ask_to_stop();
    fleet.model.release();
    let reply = reply.at_end().await;
    assert_eq!(reply.text, "Wait for me.");
    assert_eq!(
        reply.ended["generation"]["state"],
        "GENERATION_STATE_COMPLETED"
    );
    for ended in fleet.ended().await {
        assert_eq!(ended.code(), Some(0));
    }
}

#[tokio::test]
async fn answer_nobody_who_is_no_role() {
    let fleet = Fleet::start().await;
    let strangers = Certificates::new().await;
    for (role, platform) in fleet.services() {
        // Nothing of TLS, then a certificate of another CA, then the right CA and another role than was meant.
        let mut plain = TcpStream::connect(platform.address()).await.unwrap();
        let request = b"GET /readyz HTTP/1.1\r\nhost: troupe\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut plain, request)
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _reset_or_end = plain.read_to_end(&mut answer).await;
        assert!(answer.len() < 16, "an alert at most: {answer:?}");

        let stranger = strangers.of(Role::Gateway);
        let io = TcpStream::connect(platform.address()).await.unwrap();
        assert!(stranger.connect(io, role).await.is_err());

        let gateway = fleet.certificates.of(Role::Gateway);
        let io = TcpStream::connect(platform.address()).await.unwrap();
        assert!(gateway.connect(io, Role::Gateway).await.is_err());
    }
}

#[tokio::test]
async fn let_each_role_call_what_the_contract_has_for_it() {
    let fleet = Fleet::start().await;
    let resolve = || ResolveModelRequest::default();
    let as_roleplay = fleet.channel(Role::Roleplay, Role::Ai).by(Role::Roleplay);
    InferenceServiceClient::new(as_roleplay)
        .resolve_model(resolve())
        .await
        .unwrap();
    for other in [Role::Gateway, Role::Users, Role::Ai] {
        // The certificate counts, not what the caller says of itself.
        let channel = fleet.channel(other, Role::Ai).by(Role::Roleplay);
        let mut request = Request::new(resolve());
        for header in ["x-troupe-role", "x-role"] {
            request
                .metadata_mut()
                .insert(header, "roleplay".parse().unwrap());
        }
        let refused = InferenceServiceClient::new(channel)
            .resolve_model(request)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{other}");
        assert_eq!(reason_of(&refused), Some(Reason::UnknownMethod));
    }
}

#[tokio::test]
async fn give_clients_none_of_the_gateway_s_rights() {
    let fleet = Fleet::start().await;
    let watch = WatchAccessRequest {};
    // The gateway may, on its own account.
    let own = fleet.channel(Role::Gateway, Role::Users).by(Role::Gateway);
    AuthServiceClient::new(own)
        .watch_access(watch)
        .await
        .unwrap();
    // What it passes on for its clients it calls through a channel like this.
    let passing_on = fleet.channel(Role::Gateway, Role::Users);
    let refused = AuthServiceClient::new(passing_on).watch_access(watch).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    // And a client can't make it its own, whatever it sends.
    let client = wire::remote("gateway", fleet.gateway.url().parse().unwrap());
    for (name, value) in [
        ("x-troupe-for-client", ""),
        ("x-troupe-role", "gateway"),
        ("x-role", "gateway"),
    ] {
        let mut request = Request::new(watch);
        let key: tonic::metadata::MetadataKey<_> = name.parse().unwrap();
        request.metadata_mut().insert(key, value.parse().unwrap());
        let refused = AuthServiceClient::new(client.clone())
            .watch_access(request)
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::Unimplemented, "{name}");
    }
}

#[tokio::test]
async fn take_new_certificates_over_without_a_restart() {
    let fleet = Fleet::start().await;
    let ann = Person::register(&fleet.gateway, "Ann").await;
    let session = ann.open_session(maren()).await;
    let before = Certificates::new().await;
    let copy = |from: &Certificates, to: &Certificates| {
        for file in fs::read_dir(from.folder()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.folder().join(file.file_name())).unwrap();
        }
    };
    copy(&fleet.certificates, &before);
    let after = Certificates::new().await;
    copy(&after, &fleet.certificates);
    let (new, old) = (after.of(Role::Gateway), before.of(Role::Gateway));
    for (role, platform) in fleet.services() {
        let connect = async |identity: &wire::Identity| {
            let io = TcpStream::connect(platform.address()).await.unwrap();
            identity.connect(io, role).await.is_ok()
        };
        while !connect(&new).await {}
        assert!(!connect(&old).await, "{role}");
    }
    fleet.model.push(Reply::words("Still here."));
    let reply = ann.say(&session, "Hello?").await.at_end().await;
    assert_eq!(reply.text, "Still here.");
}

#[tokio::test]
async fn are_seen_by_the_doctor_each_as_the_others_see_it() {
    let fleet = Fleet::start().await;
    let setup = fleet.setup_of_gateway();
    let about_mesh = async || {
        let output = setup.run(&["doctor", "--json"]).await;
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let about = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("subject") == "mesh").then(|| (text("state"), text("text")))
        };
        Vec::from_iter(findings.iter().filter_map(about))
    };
    let found = about_mesh().await;
    for (role, platform) in fleet.services() {
        let begin = format!("gateway -> {role} at {}: serves", platform.address());
        let good = |(state, text): &(String, String)| state == "good" && text.starts_with(&begin);
        assert!(found.iter().any(good), "{role}: {found:#?}");
    }
    fleet.stop().await;
}

#[tokio::test]
async fn say_what_to_do_where_certificates_are_missing() {
    let setup = Setup::new();
    let output = setup.run(&["serve", "users"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("troupe certs dev") && text.contains("mesh.certificates"),
        "{text}"
    );
    let made = setup.run(&["certs", "dev", "users"]).await;
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let setup = setup.with("TROUPE__MESH__LISTEN__USERS", "127.0.0.1:0");
    let users = setup.serve(&[Role::Users]).await;
    assert_eq!(users.stop().await.code(), Some(0));
}
