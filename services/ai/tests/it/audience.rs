use mesh::{Channel, Role};
use platform::id::UserId;
use testkit::access::Named;
use troupe_proto::ai as pb;
use troupe_proto::ai::inference_service_client::InferenceServiceClient;
use troupe_proto::error::Code;

use crate::platform_in_test::{Service, chat};

#[tokio::test]
async fn generates_for_no_person_and_for_no_other_role() {
    let service = Service::start().await;
    let alice = UserId::new();
    let mut as_person = InferenceServiceClient::new(Channel::for_clients(service.server()));
    let request = service.as_person(alice, chat(alice, "Hi"));
    let status = as_person.generate(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let users = Channel::in_process(service.server(), Role::Users);
    let status = InferenceServiceClient::new(users)
        .generate(chat(alice, "Hi"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(service.model.received().is_empty());
}

#[tokio::test]
async fn nobody_and_strangers_reach_nothing() {
    let service = Service::start().await;
    let alice = UserId::new();
    let chat = chat(alice, "Hi");
    let things = Named::from([("generation_id", chat.generation_id.clone())]);
    service.reply(chat).await.unwrap();
    assert_eq!(service.usage_of(alice).await.len(), 1);
    let (stage, bob) = (&service.stage, service.stage.person().unwrap());
    let named = [
        ("model_id", "openai/scripted"),
        ("route_id", "auto"),
        ("text", "Hi"),
    ];
    let model = Named::from(named.map(|(name, value)| (name, value.to_owned())));
    stage.lets_nobody_in(&bob, &model).await;
    let bob = async || bob.clone();
    stage.shows_strangers_nothing(bob, &things, &model).await;
}

#[tokio::test]
async fn refuses_ids_and_prompts_that_are_none() {
    let service = Service::start().await;
    let good = chat(UserId::new(), "Hi");
    let bad = [
        pb::GenerateRequest {
            generation_id: "gen_short".to_owned(),
            ..good.clone()
        },
        pb::GenerateRequest {
            generation_id: format!("gen_{}", "!".repeat(26)),
            ..good.clone()
        },
        pb::GenerateRequest {
            user_id: format!("usr_{}", "u".repeat(26)),
            ..good.clone()
        },
        pb::GenerateRequest {
            prompt: None,
            ..good.clone()
        },
        pb::GenerateRequest {
            max_tokens: 0,
            ..good
        },
    ];
    for request in bad {
        let status = service.reply(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{request:?}");
    }
    assert!(service.model.received().is_empty());
}

#[tokio::test]
async fn a_fault_of_the_store_is_logged_once_with_the_request_that_met_it() {
    let service = Service::start().await;
    let (stage, alice) = (&service.stage, service.stage.person().unwrap());
    let path = "/troupe.ai.v1.UsageService/SummarizeUsage";
    stage.logs_a_fault_once(&alice, path, "usage").await;
}
