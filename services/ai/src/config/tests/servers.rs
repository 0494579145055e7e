//! Servers by name, with several keys.

use super::*;

/// The configuration that variables make, without their prefix.
fn configured(variables: &[(&str, &str)]) -> Config {
    let name = |name: &str| format!("TROUPE__{}", name.replace('.', "__").to_uppercase());
    let variables = variables.iter();
    let variables = variables.map(|(key, value)| (name(key), (*value).to_owned()));
    platform::config::load_from(None, variables.collect()).unwrap()
}

fn one(key: &str, value: &str) -> Config {
    let key = format!("servers.home.{key}");
    configured(&[
        ("default_model", "home/tiny"),
        ("servers.home.first_token_timeout_ms", "9"),
        (&key, value),
    ])
}

#[test]
fn takes_any_number_of_servers_of_any_kind() {
    let config = configured(&[
        ("default_model", "claude/claude-sonnet-5"),
        ("openai.base_url", "http://127.0.0.1:8080/v1"),
        ("servers.claude.kind", "anthropic"),
        ("servers.claude.api_key", "sk-ant-1"),
        ("servers.google.kind", "gemini"),
        ("servers.google.keys", "one,two"),
        ("servers.home.kind", "ollama"),
        ("servers.work.kind", "cohere"),
        ("servers.other.kind", "openai-responses"),
    ]);
    config.validate().unwrap();
    let names: Vec<&str> = config.servers().map(|(name, _)| name).collect();
    let expected = ["openai", "claude", "google", "home", "other", "work"];
    assert_eq!(names, expected);
    assert!(!config.local_enabled());
    let google = config.server("google").unwrap();
    assert_eq!((google.kind, google.all_keys().len()), (Kind::Gemini, 2));
    assert_eq!(config.setting_of("google"), "ai.servers.google");
    assert_eq!(config.setting_of("openai"), "ai.openai");
}

#[test]
fn knows_where_providers_are_and_what_their_versions_are_called() {
    for (kind, url) in [
        ("openai", "https://api.openai.com/v1"),
        ("openai-responses", "https://api.openai.com/v1"),
        ("anthropic", "https://api.anthropic.com/v1"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta"),
        ("cohere", "https://api.cohere.com/v2"),
        ("ollama", "http://127.0.0.1:11434/api"),
    ] {
        let config = configured(&[("servers.a.kind", kind)]);
        assert_eq!(config.server("a").unwrap().url(), url);
        let version = url.rsplit('/').next().unwrap();
        let url_of = |base: &str| {
            let config = configured(&[("servers.a.kind", kind), ("servers.a.base_url", base)]);
            config.server("a").unwrap().url()
        };
        // OpenAI-compatible servers have several, or none.
        let expected = match kind {
            "openai" => "http://h:1".to_owned(),
            _ => format!("http://h:1/{version}"),
        };
        assert_eq!(url_of("http://h:1/"), expected);
        assert_eq!(url_of("http://h:1/proxy/x"), "http://h:1/proxy/x");
    }
}

#[test]
fn sends_keys_as_each_kind_wants_them() {
    for (kind, name, value) in [
        ("openai", "authorization", "Bearer k"),
        ("openai-responses", "authorization", "Bearer k"),
        ("anthropic", "x-api-key", "k"),
        ("gemini", "x-goog-api-key", "k"),
        ("cohere", "authorization", "Bearer k"),
        ("ollama", "authorization", "Bearer k"),
    ] {
        let config = configured(&[("servers.a.kind", kind)]);
        let server = config.server("a").unwrap();
        let headers = server.headers(&ApiKey::new("k")).unwrap();
        assert_eq!(headers[name], value, "{kind}");
        assert!(headers[name].is_sensitive(), "{kind}");
        let has_version = headers.contains_key("anthropic-version");
        assert_eq!(has_version, kind == "anthropic");
        let without = server.headers(&ApiKey::default()).unwrap();
        assert!(!without.contains_key(name), "{kind}");
    }
}

#[test]
fn takes_keys_as_texts_or_with_limits() {
    let limited = r#"{ key = "b", weight = 3, concurrent_calls = 2, calls_per_minute = 60 }"#;
    let config = one("keys", &format!(r#"["a", {limited}]"#));
    config.validate().unwrap();
    let keys = config.server("home").unwrap().all_keys();
    assert_eq!(keys[0], ApiKey::new("a").into());
    let expected = KeyConfig {
        key: ApiKey::new("b"),
        weight: 3,
        concurrent_calls: Some(2),
        calls_per_minute: Some(60),
    };
    assert_eq!(keys[1], expected);
    let none = one("form", "chat").server("home").unwrap().all_keys();
    assert_eq!(none, [ApiKey::default().into()]);
}

#[test]
fn says_what_to_change_of_a_server() {
    for (key, value, words) in [
        ("base_url", "ftp://home:1", "http://"),
        ("base_url", "http://a:b@h", "ai.servers.home.api_key"),
        ("api_key", "two\nlines", "copy the key again"),
        ("keys", r#"["a", ""]"#, "key 2 is empty"),
        ("keys", r#"[{ key = "a", weight = 0 }]"#, "weight 0"),
        (
            "keys",
            r#"[{ key = "a", concurrent_calls = 0 }]"#,
            "at least 1",
        ),
        (
            "keys",
            r#"[{ key = "a", calls_per_minute = 0 }]"#,
            "1 to 100000",
        ),
        ("safety_threshold", "NONE", "BLOCK_NONE"),
        ("idle_timeout_ms", "0", "at least 1"),
        ("models", r#"[{ id = "" }]"#, "an id"),
        (
            "models",
            r#"[{ id = "a", reasoning_price_micro_usd = 1 }]"#,
            "both",
        ),
    ] {
        let problem = problem_of(&one(key, value));
        let at = format!("ai.servers.home.{key}");
        assert!(
            problem.contains(&at) && problem.contains(words),
            "{key}: {problem}"
        );
        assert!(!problem.contains("two"), "{problem}");
    }
    configured(&[("servers.a.kind", "ollama")])
        .validate()
        .unwrap();
}

#[test]
fn says_what_to_change_of_servers_together() {
    for (variables, at, words) in [
        (
            &[("servers.local.kind", "ollama")][..],
            "ai.servers",
            "another",
        ),
        (
            &[("servers.9a.kind", "ollama")],
            "ai.servers",
            "small letters",
        ),
        (
            &[
                ("openai.base_url", "http://h/v1"),
                ("servers.openai.kind", "ollama"),
            ],
            "ai.servers",
            "another",
        ),
        (
            &[("openai.kind", "anthropic")],
            "ai.openai.kind",
            "ai.servers",
        ),
        (
            &[("servers.a.kind", "anthropic")],
            "ai.default_model",
            "must be set",
        ),
        (
            &[("servers.a.kind", "ollama"), ("servers.b.kind", "ollama")],
            "ai.default_model",
            "several servers",
        ),
        (
            &[("servers.a.kind", "ollama"), ("default_model", "b/x")],
            "ai.default_model",
            "ai.servers",
        ),
        (
            &[
                ("servers.a.kind", "cohere"),
                ("servers.a.form", "text"),
                ("default_model", "a/x"),
            ],
            "ai.servers.a.form",
            "must be chat",
        ),
        (
            &[
                ("servers.a.kind", "anthropic"),
                ("default_model", "a/x"),
                ("embeddings.model", "a/x"),
            ],
            "ai.embeddings.model",
            "no embeddings",
        ),
    ] {
        let problem = problem_of(&configured(variables));
        let is_told = problem.contains(at) && problem.contains(words);
        assert!(is_told, "{variables:?}: {problem}");
    }
}

#[test]
fn shows_none_of_the_keys() {
    let config = configured(&[
        ("servers.a.api_key", "secret-one"),
        (
            "servers.a.keys",
            r#"["secret-two", { key = "secret-three" }]"#,
        ),
    ]);
    assert!(!format!("{config:#?}").contains("secret-"));
}
