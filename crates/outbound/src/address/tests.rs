use super::*;

fn rules() -> Rules {
    Rules::new(&Config::default())
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|it| it.parse().unwrap()).collect()
}

#[test]
fn lets_public_answers_through_in_their_order() {
    let answers = addresses(&["2606:4700:4700::1111", "1.1.1.1", "1.0.0.1"]);
    assert_eq!(
        rules().judge_answers("one.test", answers.clone()),
        Ok(answers)
    );
}

#[test]
fn judges_all_answers_but_tries_only_some() {
    let mut answers = vec![IpAddr::from([1, 1, 1, 1]); 100];
    let judged = rules().judge_answers("many.test", answers.clone());
    assert_eq!(judged.unwrap().len(), MAX_ANSWERS);
    answers.push([127, 0, 0, 1].into());
    let judged = rules().judge_answers("many.test", answers);
    assert!(matches!(judged, Err(Refusal::Name { .. })), "{judged:?}");
}

#[test]
fn reads_an_address_of_the_most_bytes_and_no_longer_one() {
    let start = "https://hooks.test/";
    let longest = format!("{start}{}", "a".repeat(MAX_BYTES - start.len()));
    rules().read(&longest).unwrap();
    let refusal = rules().read(&format!("{longest}a")).unwrap_err();
    assert_eq!(refusal, Refusal::TooLong { max_bytes: 4096 });
}

#[test]
fn reads_http_only_where_it_is_configured() {
    let mut config = Config {
        ports: vec![80, 443],
        ..Config::default()
    };
    let refusal = Rules::new(&config).read("http://hooks.test/").unwrap_err();
    assert_eq!(refusal, Refusal::Scheme("http".to_owned()));
    config.plain_http = true;
    Rules::new(&config).read("http://hooks.test/").unwrap();
    Rules::new(&config).read("https://hooks.test/").unwrap();
    config.ports = vec![443];
    let refusal = Rules::new(&config).read("http://hooks.test/").unwrap_err();
    assert_eq!(refusal, Refusal::Port(80));
}

#[test]
fn refusals_keep_path_and_query_to_themselves() {
    for text in [
        "https://10.0.0.1/hooks/secret?key=secret",
        "https://user:secret@hooks.test/secret",
        "ftp://hooks.test/secret",
        "https://[secret/",
    ] {
        let refusal = rules().read(text).unwrap_err();
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
        assert!(!format!("{refusal:?}").contains("secret"), "{refusal:?}");
    }
}
