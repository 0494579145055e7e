mod servers;

use service::Section;

use super::*;

fn with_server(base_url: &str) -> Config {
    let mut config = Config::default();
    config.openai.base_url = base_url.to_owned();
    config
}

fn problem_of(config: &Config) -> String {
    config.validate().unwrap_err().to_string()
}

#[test]
fn runs_the_local_model_where_there_is_no_server() {
    let config = Config::default();
    config.validate().unwrap();
    assert!(config.local_enabled());
    assert_eq!(config.local.model_name(), "gemma-3-270m");
}

#[test]
fn runs_the_local_model_beside_a_server_only_when_asked() {
    let mut config = with_server("http://127.0.0.1:8080/v1");
    config.validate().unwrap();
    assert!(!config.local_enabled());
    config.default_model = "local/gemma-3-270m".to_owned();
    config.validate().unwrap();
    assert!(config.local_enabled());
    config.default_model.clear();
    config.local.enabled = Some(true);
    assert!(config.local_enabled());
}

#[test]
fn calls_a_model_after_its_file() {
    let mut config = Config::default();
    config.local.path = Some("/models/tiny-q4.gguf".into());
    config.default_model = "local/tiny-q4".to_owned();
    config.validate().unwrap();
    config.default_model = "local/other".to_owned();
    assert!(problem_of(&config).contains("`local/tiny-q4`"));
}

#[test]
fn refuses_a_url_that_is_none_or_says_too_much() {
    for url in [
        "localhost:8080",
        "ftp://host/v1",
        "not a url",
        "http://me:pw@host/v1",
        "http://host/v1?key=x",
    ] {
        assert!(
            problem_of(&with_server(url)).contains("ai.openai.base_url"),
            "{url}"
        );
    }
}

#[test]
fn refuses_a_default_model_that_nobody_has() {
    let mut config = Config::default();
    for id in ["gpt-5", "openai/gpt-5", "local/", "acme/x"] {
        config.default_model = id.to_owned();
        assert!(problem_of(&config).contains("ai.default_model"), "{id}");
    }
    let mut config = with_server("http://host/v1");
    config.openai.models = vec![ModelConfig {
        id: "a".to_owned(),
        ..ModelConfig::default()
    }];
    config.default_model = "openai/b".to_owned();
    assert!(problem_of(&config).contains("ai.default_model"));
    config.openai.discover = Some(true);
    config.validate().unwrap();
}

#[test]
fn wants_a_model_named_for_openai_itself() {
    let mut config = with_server("https://api.openai.com/v1");
    assert!(problem_of(&config).contains("ai.default_model"));
    config.default_model = "openai/gpt-5-mini".to_owned();
    config.validate().unwrap();
}

#[test]
fn refuses_half_a_price_and_a_negative_one() {
    let mut config = with_server("http://host/v1");
    let model = |prompt, completion| ModelConfig {
        id: "a".to_owned(),
        prompt_price_micro_usd: prompt,
        completion_price_micro_usd: completion,
        ..ModelConfig::default()
    };
    for (prompt, completion) in [(Some(1), None), (None, Some(1)), (Some(-1), Some(1))] {
        config.openai.models = vec![model(prompt, completion)];
        assert!(
            problem_of(&config).contains("price"),
            "{prompt:?} {completion:?}"
        );
    }
    config.openai.models = vec![model(Some(0), Some(0))];
    config.validate().unwrap();
}

#[test]
fn refuses_a_configuration_without_any_model() {
    let mut config = Config::default();
    config.local.enabled = Some(false);
    assert!(problem_of(&config).contains("ai.local.enabled"));
}

#[test]
fn shows_no_key() {
    let key = ApiKey::new("sk-very-secret");
    assert!(!format!("{key:?}").contains("secret"));
    assert!(!format!("{:?}", key.header("")).contains("secret"));
    assert_eq!(key.strike_out("bad key sk-very-secret!"), "bad key [key]!");
    assert!(ApiKey::default().header("").is_none());
    assert!(ApiKey::new("two\nlines").header("").unwrap().is_err());
}

#[test]
fn embeds_with_the_local_model_or_one_of_the_server() {
    let mut config = Config::default();
    assert_eq!(config.embeddings.parsed_model(), Some(Embedding::Local));
    config.embeddings.model = "openai/org/embed-small".to_owned();
    assert!(problem_of(&config).contains("ai.openai.base_url"));
    config.openai.base_url = "http://127.0.0.1:8080/v1".to_owned();
    config.validate().unwrap();
    let model = config.embeddings.parsed_model();
    let (server, name) = ("openai", "org/embed-small");
    assert_eq!(
        model,
        Some(Embedding::Server {
            server,
            model: name
        })
    );
}

#[test]
fn calls_another_local_embedding_model_as_it_likes() {
    let mut config = Config::default();
    config.embeddings.model = "local/all-minilm-l12-v2".to_owned();
    assert!(problem_of(&config).contains("ai.embeddings.path"));
    config.embeddings.path = Some("/models/all-minilm-l12-v2".into());
    config.validate().unwrap();
    for model in ["", "local/", "all-minilm-l12-v2", "cohere/embed"] {
        config.embeddings.model = model.to_owned();
        assert!(
            problem_of(&config).contains("ai.embeddings.model"),
            "{model}"
        );
    }
}

fn route(candidates: &[&str]) -> RouteConfig {
    let candidate = |model: &&str| CandidateConfig {
        model: (*model).to_owned(),
        ..CandidateConfig::default()
    };
    RouteConfig {
        id: "story".to_owned(),
        candidates: candidates.iter().map(candidate).collect(),
        ..RouteConfig::default()
    }
}

#[test]
fn a_route_of_a_local_model_has_the_engine_run() {
    let mut config = with_server("http://127.0.0.1:8080/v1");
    config.routes = vec![route(&["openai/big", "local/gemma-3-270m"])];
    config.validate().unwrap();
    assert!(config.local_enabled());
    config.default_model = "story".to_owned();
    config.validate().unwrap();
    config.default_model = "tale".to_owned();
    assert!(problem_of(&config).contains("or the id of a route"));
}

#[test]
fn says_what_is_wrong_with_a_route() {
    type Change = fn(&mut RouteConfig);
    let wrong: [(Change, &str); 8] = [
        (|it| it.id = "Story Time".to_owned(), "small letters"),
        (|it| it.candidates.clear(), "1 to 16 candidates"),
        (|it| it.candidates.push(it.candidates[0].clone()), "twice"),
        (
            |it| it.candidates[0].model = "openai".to_owned(),
            "no model of a configured",
        ),
        (
            |it| it.candidates[0].model = "other/x".to_owned(),
            "no model of a configured",
        ),
        (
            |it| it.candidates[0].tiers = vec!["pro".to_owned()],
            "ai.default_tier",
        ),
        (|it| it.max_prompt_price_micro_usd = Some(-1), "negative"),
        (|it| it.next_after_ms = Some(0), "at least 1 ms"),
    ];
    for (change, problem) in wrong {
        let mut config = with_server("http://127.0.0.1:8080/v1");
        config.routes = vec![route(&["openai/big"])];
        config.validate().unwrap();
        change(&mut config.routes[0]);
        let found = problem_of(&config);
        assert!(found.contains(problem), "{found}");
    }
    let mut config = with_server("http://127.0.0.1:8080/v1");
    config.routes = vec![route(&["openai/big"]), route(&["openai/big"])];
    assert!(problem_of(&config).contains("is there twice"));
}

#[test]
fn says_what_is_wrong_with_breakers() {
    type Change = fn(&mut BreakerConfig);
    let wrong: [(Change, &str); 3] = [
        (|it| it.window_secs = 0, "ai.breakers.window_secs"),
        (|it| it.failure_percent = 101, "ai.breakers.failure_percent"),
        (|it| it.slow_percent = 0, "ai.breakers.slow_percent"),
    ];
    for (change, key) in wrong {
        let mut config = Config::default();
        change(&mut config.breakers);
        let found = problem_of(&config);
        assert!(found.contains(key), "{found}");
    }
}

#[test]
fn has_a_route_of_all_models_unless_another_has_its_name() {
    let mut config = with_server("http://127.0.0.1:8080/v1");
    let ids = |config: &Config| {
        let routes = config.all_routes().into_iter();
        routes.map(|route| route.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&config), [AUTO]);
    config.routes = vec![route(&["openai/big"])];
    assert_eq!(ids(&config), ["story", AUTO]);
    config.routes[0].id = AUTO.to_owned();
    assert_eq!(ids(&config), [AUTO]);
}
