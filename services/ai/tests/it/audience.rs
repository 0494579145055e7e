use mesh::{Channel, Role};
use platform::id::UserId;
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
async fn shows_nobody_anything_without_a_token() {
    let service = Service::start().await;
    let codes = [
        service
            .models()
            .list_models(pb::ListModelsRequest {})
            .await
            .unwrap_err()
            .code(),
        service
            .models()
            .get_model(pb::GetModelRequest {
                model_id: "a".to_owned(),
            })
            .await
            .unwrap_err()
            .code(),
        service
            .usage()
            .list_usage(pb::ListUsageRequest::default())
            .await
            .unwrap_err()
            .code(),
        service
            .usage()
            .summarize_usage(pb::SummarizeUsageRequest {})
            .await
            .unwrap_err()
            .code(),
    ];
    assert_eq!(codes, [Code::Unauthenticated; 4]);
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
