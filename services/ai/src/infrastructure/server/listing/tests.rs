use serde_json::json;

use super::*;
use crate::domain::Form;

fn config(models: Vec<ModelConfig>) -> ServerConfig {
    ServerConfig {
        base_url: "http://127.0.0.1:8080/v1".to_owned(),
        models,
        ..ServerConfig::default()
    }
}

fn none() -> BTreeSet<Quirk> {
    BTreeSet::new()
}

fn listed(answer: &Value) -> Listed {
    super::listed(
        &ServerConfig::default(),
        &serde_json::to_vec(answer).unwrap(),
    )
    .unwrap()
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.models().map(|model| model.name.as_str()).collect()
}

#[test]
fn lists_what_the_server_has_where_nothing_is_configured() {
    let config = config(Vec::new());
    let initial = Listing::initial("openai", &config);
    assert!(!initial.is_settled() && names(&initial).is_empty());
    let answer = json!({"object": "list", "data": [
        {"id": "a", "max_model_len": 4096},
        {"id": "org/b", "name": "Bee", "context_length": 131072, "top_provider": {"max_completion_tokens": 16384}},
        {"id": "c", "context_length": 0},
        {"id": ""}, {"object": "model"}, 7, null, {"id": "text-embedding-3-small"},
    ]});
    let listing = initial.updated(&config, Ok(read(&answer)));
    assert_eq!(names(&listing), ["a", "org/b", "c"]);
    let windows: Vec<_> = listing
        .models()
        .map(|m| (m.window_tokens, m.max_reply_tokens))
        .collect();
    assert_eq!(windows, [(4096, 4096), (131_072, 16_384), (8192, 4096)]);
    assert_eq!(
        listing.models().nth(1).map(|m| m.display_name.as_str()),
        Some("Bee")
    );
    assert_eq!(listing.find(&config, "d"), None);
}

#[test]
fn lets_the_configuration_overrule_the_server() {
    let model = ModelConfig {
        id: "a".to_owned(),
        display_name: "Ay".to_owned(),
        window_tokens: Some(1000),
        form: Some(Form::Text),
        prompt_price_micro_usd: Some(1_250_000),
        completion_price_micro_usd: Some(10_000_000),
        ..ModelConfig::default()
    };
    let config = config(vec![model]);
    let answer =
        json!({"data": [{"id": "a", "max_model_len": 4096, "name": "Server's"}, {"id": "b"}]});
    let listing = Listing::initial("openai", &config).updated(&config, Ok(read(&answer)));
    let model = listing.find(&config, "a").unwrap();
    assert_eq!(names(&listing), ["a"]);
    assert_eq!((model.window_tokens, model.max_reply_tokens), (1000, 1000));
    assert_eq!(
        (model.display_name.as_str(), model.form),
        ("Ay", Form::Text)
    );
    let prices = Prices {
        prompt: 1_250_000,
        cached: 1_250_000,
        cache_written: 1_250_000,
        completion: 10_000_000,
        reasoning: 10_000_000,
    };
    assert_eq!(model.prices, Some(prices));
}

#[test]
fn asks_llama_cpp_for_the_window_it_runs_with() {
    let mut found = read(&json!({"data": [{"id": "g", "meta": {"n_ctx_train": 32768}}]}));
    assert!(wants_props(&found));
    assert_eq!(found[0].window_tokens, Some(32_768));
    take_props(
        &mut found,
        &json!({"default_generation_settings": {"n_ctx": 2048}}),
    );
    assert_eq!(found[0].window_tokens, Some(2048));
    let newer =
        json!({"data": [{"id": "/m/tiny-q4.gguf", "meta": {"n_ctx_train": 32768, "n_ctx": 2048}}]});
    for (answer, window) in [
        (newer, 2048),
        (json!({"data": [{"id": "a", "max_model_len": 7}]}), 7),
    ] {
        let found = read(&answer);
        assert!(!wants_props(&found));
        assert_eq!(found[0].window_tokens, Some(window));
    }
}

#[test]
fn knows_llama_cpp_by_what_it_tells_of_its_models() {
    let config = config(Vec::new());
    let answer =
        json!({"data": [{"id": "/m/tiny-q4.gguf", "meta": {"n_ctx_train": 32768, "n_ctx": 2048}}]});
    let listing = Listing::initial("openai", &config).updated(&config, Ok(read(&answer)));
    assert!(listing.traits(&config, "/m/tiny-q4.gguf", &none()).echoes);
    assert_eq!(
        listing.models().next().map(|m| m.display_name.as_str()),
        Some("tiny-q4")
    );
}

#[test]
fn keeps_what_it_knew_when_the_server_is_away() {
    let config = config(Vec::new());
    let known = Listing::initial("openai", &config)
        .updated(&config, Ok(read(&json!({"data": [{"id": "a"}]}))));
    let away = known.updated(&config, Err("gone".to_owned()));
    let model = away.find(&config, "a").unwrap();
    assert_eq!(model.unavailable.as_deref(), Some("gone"));
    assert_eq!(away.find(&config, "b"), None);
    let back = away.updated(&config, Ok(read(&json!({"data": [{"id": "a"}]}))));
    assert_eq!(back.find(&config, "a").unwrap().unavailable, None);
}

#[test]
fn does_not_deny_a_model_of_a_server_that_never_answered() {
    let config = config(Vec::new());
    let initial = Listing::initial("openai", &config);
    assert_eq!(initial.find(&config, "a"), None);
    let away = initial.updated(&config, Err("gone".to_owned()));
    assert_eq!(
        away.find(&config, "a").unwrap().unavailable.as_deref(),
        Some("gone")
    );
    assert!(names(&away).is_empty());
}

#[test]
fn knows_what_openai_takes() {
    let mut config = config(Vec::new());
    config.base_url = "https://api.openai.com/v1".to_owned();
    let openai = Listing::default().traits(&config, "gpt-5-mini", &none());
    assert!(openai.is_openai && !openai.names && !openai.extended_sampling);
    assert_eq!(openai.max_tokens_field, MaxTokensField::MaxCompletionTokens);
    config.base_url = "http://127.0.0.1:8080/v1".to_owned();
    let other = Listing::default().traits(&config, "x", &none());
    assert!(!other.echoes && !other.is_openai && other.names && other.extended_sampling);
    assert_eq!(other.max_tokens_field, MaxTokensField::MaxTokens);
}

#[test]
fn reads_lists_in_every_shape() {
    for answer in [
        json!([{"id": "a", "object": "model"}, {"id": "b"}]),
        json!(["a", "b"]),
        json!({"data": ["a", {"id": "b"}]}),
        json!({"data": null, "models": [{"name": "a"}, {"model": "b"}]}),
        json!({"data": [], "models": [{"name": "a"}, {"name": "b"}]}),
        json!({"result": [{"id": null, "name": "a"}, {"name": "b"}], "success": true}),
        json!({"data": {"a": {"object": "model"}, "b": {}}}),
        json!({"data": {"models": ["a", "b", "a"]}}),
        json!({"object": "list", "data": [{"id": " a "}, {}, [], 7, {"id": "b"}, {"id": "a"}]}),
    ] {
        assert_eq!(listed(&answer).chat, ["a", "b"], "{answer}");
    }
    for answer in [
        json!({"data": null}),
        json!(null),
        json!({}),
        json!("a"),
        json!({"object": "list"}),
        json!([{}]),
    ] {
        assert_eq!(listed(&answer), Listed::default(), "{answer}");
    }
    assert_eq!(listed(&json!([{"id": 7}])).chat, ["7"]);
    let marked = "\u{feff}{\"data\": [{\"id\": \"a\"}]}";
    assert_eq!(
        super::listed(&ServerConfig::default(), marked.as_bytes())
            .unwrap()
            .chat,
        ["a"]
    );
    assert_eq!(super::listed(&ServerConfig::default(), b"<html>"), None);
}

#[test]
fn offers_no_model_that_can_not_chat() {
    let answer = json!({"data": [{"id": "text-embedding-3-small"}, {"id": "nomic-embed-text:latest"}, {"id": "x", "type": "image"}, {"id": "gpt-5-mini"}]});
    let listing = Listing::initial("openai", &config(Vec::new()))
        .updated(&config(Vec::new()), Ok(read(&answer)));
    assert_eq!(names(&listing), ["gpt-5-mini"]);
    assert_eq!(
        listed(&answer).others,
        ["text-embedding-3-small", "nomic-embed-text:latest", "x"]
    );
}

#[test]
fn reads_windows_however_they_are_written() {
    let window = |entry: Value| read(&json!([entry]))[0].window_tokens;
    for entry in [
        json!({"id": "a", "context_length": 131072.0}),
        json!({"id": "a", "context_length": "131072"}),
        json!({"id": "a", "context_window": 131072, "max_context_length": 9}),
        json!({"id": "a", "loaded_context_length": 131072, "max_context_length": 262144}),
        json!({"id": "a", "context_length": null, "max_input_tokens": 131072}),
        json!({"id": "a", "context_length": -1, "top_provider": {"context_length": 131072}}),
    ] {
        assert_eq!(window(entry.clone()), Some(131_072), "{entry}");
    }
    assert_eq!(
        window(json!({"id": "a", "context_length": [], "max_model_len": 0.5})),
        None
    );
}

#[test]
fn may_have_any_model_where_the_server_lists_none() {
    let config = config(Vec::new());
    let listing = Listing::initial("openai", &config).updated(&config, Ok(Vec::new()));
    assert_eq!(listing.find(&config, "anything").unwrap().unavailable, None);
    assert!(listing.lists_none());
    let listing = listing.updated(&config, Ok(read(&json!(["a"]))));
    assert_eq!(
        (listing.find(&config, "anything"), listing.lists_none()),
        (None, false)
    );
}

#[test]
fn asks_as_the_server_wants_it_unless_the_configuration_says_otherwise() {
    let learned = BTreeSet::from([
        Quirk::AlternatingRoles,
        Quirk::MaxCompletionTokens,
        Quirk::NoStream,
        Quirk::NoField("top_k"),
    ]);
    let traits = Listing::default().traits(&config(Vec::new()), "a", &learned);
    assert!(traits.roles.alternating && !traits.roles.no_system && !traits.streams);
    assert_eq!(traits.max_tokens_field, MaxTokensField::MaxCompletionTokens);
    assert_eq!(traits.refused, BTreeSet::from(["top_k".to_owned()]));
    let model = ModelConfig {
        id: "a".to_owned(),
        strict_roles: Some(false),
        system_role: Some(true),
        prefill: Some(false),
        stream: Some(true),
        leave_out: Some(vec!["seed".to_owned()]),
        max_tokens_field: Some(MaxTokensField::MaxTokens),
        ..ModelConfig::default()
    };
    let traits = Listing::default().traits(&config(vec![model]), "a", &learned);
    assert!(!traits.roles.alternating && traits.roles.last_user && traits.streams);
    assert_eq!(traits.max_tokens_field, MaxTokensField::MaxTokens);
    assert_eq!(traits.refused, BTreeSet::from(["seed".to_owned()]));
    let both = BTreeSet::from([
        Quirk::MaxTokens,
        Quirk::MaxCompletionTokens,
        Quirk::NoSystemRole,
    ]);
    let traits = Listing::default().traits(&config(Vec::new()), "a", &both);
    assert!(traits.roles.alternating && traits.roles.no_system);
    assert_eq!(traits.max_tokens_field, MaxTokensField::MaxTokens);
}
