use serde::Deserialize;

use super::*;
use crate::config::{SecretText, ServerUrl};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Sample {
    name: String,
    secret: SecretText,
    url: ServerUrl,
    #[serde(deserialize_with = "address")]
    endpoint: String,
    #[serde(deserialize_with = "addresses")]
    origins: Vec<String>,
    listen: Option<std::net::SocketAddr>,
    inner: Inner,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Inner {
    max_size: u32,
    share: f64,
    enabled: bool,
    maybe: Option<bool>,
    kind: Kind,
    numbers: Vec<u16>,
    models: Vec<Model>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Plain,
    VeryFancy,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Model {
    id: String,
    window: Option<u32>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            name: "default".into(),
            secret: SecretText::default(),
            url: ServerUrl::default(),
            endpoint: String::new(),
            origins: Vec::new(),
            listen: None,
            inner: Inner::default(),
        }
    }
}

fn read(file: Option<&str>, variables: &[(&str, &str)]) -> Result<Sample, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("troupe.toml");
    let file = file.map(|text| {
        std::fs::write(&path, text).unwrap();
        path.as_path()
    });
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_from(file, variables.collect()).map_err(|error| error.to_string())
}

fn variable(name: &str, value: &str) -> Result<Sample, String> {
    read(None, &[(&format!("TROUPE__{name}"), value)])
}

#[test]
fn takes_defaults_then_the_file_then_the_environment() {
    let file = Some("name = 'file'\n[inner]\nmax_size = 1\n");
    assert_eq!(read(None, &[]).unwrap(), Sample::default());
    assert_eq!(read(file, &[]).unwrap().inner.max_size, 1);
    let sample = read(file, &[("TROUPE__INNER__MAX_SIZE", "7")]).unwrap();
    assert_eq!((sample.name.as_str(), sample.inner.max_size), ("file", 7));
}

#[test]
fn text_stays_the_text_that_a_variable_holds() {
    for text in [
        "007",
        "1e5",
        "12345678901234567890",
        "0x1F",
        "1_000",
        "true",
        "False",
        "null",
        "nan",
        "-0",
        "1.10",
        "[a]",
        "{a}",
        "a,b",
        "\"quoted\"",
        "2026-11-29",
        "p=a;s s#w$o",
    ] {
        assert_eq!(variable("NAME", text).unwrap().name, text);
        let secret = variable("SECRET", text).unwrap().secret;
        assert_eq!(secret.reveal(), Some(text));
    }
}

#[test]
fn the_end_of_a_line_belongs_to_no_setting() {
    for end in ["\n", "\r\n", " ", "\t\n\n"] {
        let with_end = |text: &str| format!("{text}{end}");
        let read = |name, text| variable(name, &with_end(text)).unwrap();
        assert_eq!(read("SECRET", "key").secret.reveal(), Some("key"));
        assert_eq!(read("URL", "redis://h/").url.reveal(), "redis://h");
        assert_eq!(read("ENDPOINT", "https://s3/").endpoint, "https://s3");
        assert!(read("LISTEN", "127.0.0.1:1").listen.is_some());
        assert_eq!(read("INNER__MAX_SIZE", "7").inner.max_size, 7);
        assert!(read("INNER__ENABLED", "true").inner.enabled);
        assert_eq!(
            read("INNER__KIND", "very_fancy").inner.kind,
            Kind::VeryFancy
        );
        assert_eq!(
            read("ORIGINS", "https://a/, https://b").origins,
            ["https://a", "https://b"]
        );
        let toml = format!("secret = \"\"\"key{end}\"\"\"\nendpoint = \" https://s3/\"");
        let from_file = super::tests::read(Some(&toml), &[]).unwrap();
        assert_eq!(from_file.secret.reveal(), Some("key"));
        assert_eq!(from_file.endpoint, "https://s3");
    }
}

#[test]
fn reads_each_kind_from_a_variable() {
    assert_eq!(variable("INNER__SHARE", "1").unwrap().inner.share, 1.0);
    assert_eq!(variable("INNER__SHARE", "0.25").unwrap().inner.share, 0.25);
    assert!(variable("INNER__ENABLED", "TRUE").unwrap().inner.enabled);
    assert!(!variable("INNER__ENABLED", "0").unwrap().inner.enabled);
    assert_eq!(
        variable("INNER__MAYBE", "off").unwrap().inner.maybe,
        Some(false)
    );
    assert_eq!(variable("inner__max_size", "7").unwrap().inner.max_size, 7);
}

#[test]
fn reads_lists_and_tables_from_variables() {
    for text in ["1,2", " 1 , 2, ", "[1, 2]", "[\"1\", 2]"] {
        assert_eq!(
            variable("INNER__NUMBERS", text).unwrap().inner.numbers,
            [1, 2]
        );
    }
    assert!(
        variable("INNER__NUMBERS", "[]")
            .unwrap()
            .inner
            .numbers
            .is_empty()
    );
    for text in [
        "[{ id = \"a\", window = 9 }, { id = \"007\" }]",
        "[{\"id\": \"a\", \"window\": 9}, {\"id\": \"007\"}]",
    ] {
        let models = variable("INNER__MODELS", text).unwrap().inner.models;
        assert_eq!(models[0].window, Some(9));
        assert_eq!(models[1].id, "007");
    }
    let file = Some("[inner]\nmax_size = 1\nshare = 0.5");
    let inner = read(file, &[("TROUPE__INNER", "{ max_size = 2 }")])
        .unwrap()
        .inner;
    assert_eq!((inner.max_size, inner.share), (2, 0.5));
    let both = [
        ("TROUPE__INNER", "{ max_size = 2 }"),
        ("TROUPE__INNER__SHARE", "1"),
    ];
    let inner = read(None, &both).unwrap().inner;
    assert_eq!((inner.max_size, inner.share), (2, 1.0));
}

#[test]
fn an_empty_variable_counts_as_absent() {
    for text in ["", " ", "\n"] {
        let file = Some("name = 'file'\n[inner]\nmax_size = 1\nnumbers = [1]\n");
        for name in [
            "NAME",
            "INNER__MAX_SIZE",
            "INNER__NUMBERS",
            "INNER__MAYBE",
            "INNER",
            "NO",
        ] {
            let read = read(file, &[(&format!("TROUPE__{name}"), text)]).unwrap();
            assert_eq!((read.name.as_str(), read.inner.max_size), ("file", 1));
            assert_eq!(read.inner.numbers, [1]);
        }
    }
}

#[test]
fn refuses_what_is_none_of_its_kind_without_showing_it() {
    for (name, text) in [
        ("INNER__MAX_SIZE", "hunter2"),
        ("INNER__MAX_SIZE", "-1"),
        ("INNER__MAX_SIZE", "4294967296"),
        ("INNER__SHARE", "hunter2"),
        ("INNER__ENABLED", "hunter2"),
        ("INNER__KIND", "hunter2"),
        ("INNER__NUMBERS", "1,hunter2"),
        ("INNER__NUMBERS", "[hunter2"),
        ("INNER", "hunter2"),
        ("LISTEN", "hunter2/"),
    ] {
        let error = variable(name, text).unwrap_err();
        assert!(error.contains(&format!("(TROUPE__{name}): ")), "{error}");
        assert!(!error.contains(text), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = read(Some("[inner]\nmax_size = 'hunter2'"), &[]).unwrap_err();
    assert!(
        error.contains("inner.max_size: must be a whole number"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
    for number in ["1e5", "7", "true"] {
        // TOML has no leading zeros, and what it reads as 1e5 was 100000 once it got here.
        let error = read(Some(&format!("secret = {number}")), &[]).unwrap_err();
        assert!(
            error.contains("secret: ") && error.contains("quotes"),
            "{error}"
        );
    }
    let error = read(Some("name = 1\nsecret = 'hunter2"), &[]).unwrap_err();
    assert!(
        error.contains("line 2") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn says_which_text_of_the_file_lacks_its_quotes() {
    for (text, found) in [
        ("secret = hunter2", "line 1: secret: text must"),
        ("[inner]\n\nkind = hunter2", "line 3: inner.kind: text must"),
        (
            "[[a.b]]\nurl = http://hunter2 # a",
            "line 2: a.b.url: text must",
        ),
        ("listen = 127.0.0.1:80", "line 1: listen: text must"),
    ] {
        let error = read(Some(text), &[]).unwrap_err();
        assert!(error.contains(found), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for text in [
        "name = 'a",
        "name = 1\nname = 2",
        "name",
        "name = ",
        "[name",
    ] {
        let error = read(Some(text), &[]).unwrap_err();
        assert!(!error.contains("quotes"), "{text}: {error}");
    }
}

#[test]
fn says_how_an_address_to_listen_at_is_written() {
    let error = variable("LISTEN", "localhost:80").unwrap_err();
    assert!(error.contains("such as 127.0.0.1:8000"), "{error}");
}

#[test]
fn refuses_a_key_that_nobody_reads_and_names_the_nearest() {
    for (name, meant) in [
        ("TROUPE__INNER__MAXSIZE", "TROUPE__INNER__MAX_SIZE"),
        ("TROUPE__INNER_MAX_SIZE", "TROUPE__INNER__MAX_SIZE"),
        ("TROUPE__INNER__MAX__SIZE", "TROUPE__INNER__MAX_SIZE"),
        ("TROUPE__INER__MAX_SIZE", "TROUPE__INNER"),
        ("TROUPE__ENDPOIN", "TROUPE__ENDPOINT"),
        ("TROUPE_INNER_MAX_SIZE", "TROUPE__INNER__MAX_SIZE"),
        ("TROUPE_INNER__MAX_SIZE", "TROUPE__INNER__MAX_SIZE"),
        ("TROUPE___NAME", "TROUPE__NAME"),
    ] {
        let error = read(None, &[(name, "7")]).unwrap_err();
        assert!(error.contains(name), "{error}");
        assert!(error.contains(meant), "{error}");
    }
    let error = read(None, &[("TROUPE__SOMETHING__ELSE", "7")]).unwrap_err();
    assert!(
        error.contains("no setting") && !error.contains("mean"),
        "{error}"
    );
    let error = read(Some("[inner]\nmaxsize = 1"), &[]).unwrap_err();
    assert!(
        error.contains("inner.maxsize") && error.contains("mean inner.max_size"),
        "{error}"
    );
}

#[test]
fn leaves_alone_what_others_call_alike() {
    let others = [
        ("TROUPE_PORT", "tcp://10.0.0.1:8000"),
        ("TROUPE_SERVICE_HOST", "10.0.0.1"),
        ("TROUPE_CONFIG", "file"),
        ("TROUPER_NAME", "x"),
        // The right one is there too: somebody hands it on.
        ("TROUPE_NAME", "x"),
        ("TROUPE__NAME", "y"),
    ];
    assert_eq!(read(None, &others).unwrap().name, "y");
}

#[test]
fn refuses_two_variables_for_one_setting() {
    let two = [("TROUPE__NAME", "a"), ("troupe__name", "b")];
    let error = read(None, &two).unwrap_err();
    assert!(
        error.contains("TROUPE__NAME") && error.contains("troupe__name"),
        "{error}"
    );
}

#[test]
fn finds_what_a_file_sets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("troupe.toml");
    std::fs::write(&file, "[inner]\nmax_size = 1").unwrap();
    assert!(file_has(&file, "inner.max_size"));
    assert!(!file_has(&file, "inner.share"));
    assert!(!file_has(&file, "name"));
}
