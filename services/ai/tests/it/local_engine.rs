use platform::id::UserId;
use troupe_ai::Config;
use troupe_proto::Reason;
use troupe_proto::ai as pb;
use troupe_proto::error::{Code, reason_of};

use crate::platform_in_test::{Service, model, text};

#[tokio::test]
async fn says_why_the_local_model_can_not_be_used() {
    let mut config = Config::default();
    config.local.path = Some("/nowhere/tiny.gguf".into());
    let service = Service::start_at(model().await, &config).await;
    // Requests wait until the model is there, or is known not to come.
    let status = service
        .reply(text(UserId::new(), "Once"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason_of(&status), Some(Reason::ProviderUnavailable));
    assert!(!status.message().contains("nowhere"), "{status:?}");
    let request = service.as_person(UserId::new(), pb::ListModelsRequest::default());
    let models = service
        .models()
        .list_models(request)
        .await
        .unwrap()
        .into_inner()
        .models;
    let [model] = models.try_into().unwrap();
    assert_eq!((model.id.as_str(), model.is_default), ("local/tiny", true));
    assert_eq!(model.form(), pb::PromptForm::Text);
    assert!(
        !model.available && model.unavailable_reason.contains("TROUPE__AI__LOCAL__PATH"),
        "{model:?}"
    );
    assert!(
        !model.unavailable_reason.contains("nowhere"),
        "no path of the server: {model:?}"
    );
}
