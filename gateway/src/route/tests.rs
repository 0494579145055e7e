use http::Method;

use super::{Lookup, Template, Tree};

fn tree(templates: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (route, (method, template)) in templates.iter().enumerate() {
        let method = (*method != "*").then(|| method.parse().unwrap());
        tree.add(method, &Template::parse(template).unwrap(), route)
            .unwrap();
    }
    tree
}

fn route(tree: &Tree, method: &str, path: &str) -> Option<usize> {
    match tree.find(&method.parse().unwrap(), path) {
        Lookup::Found(found) => Some(found.route),
        _ => None,
    }
}

fn captured(template: &str, path: &str) -> Vec<Result<String, &'static str>> {
    let template = Template::parse(template).unwrap();
    let mut tree = Tree::new();
    tree.add(None, &template, 0).unwrap();
    let Lookup::Found(found) = tree.find(&Method::GET, path) else {
        return vec![];
    };
    let captures = template
        .variables
        .iter()
        .map(|variable| found.capture(variable));
    captures
        .map(|capture| capture.map(|text| text.into_owned()))
        .collect()
}

#[test]
fn takes_the_templates_of_the_specification() {
    for text in [
        "/v1",
        "/v1/messages/{message_id}",
        "/v1/{name=messages/*}",
        "/v1/messages/{message_id}/{sub.subfield}",
        "/v1/**",
        "/v1/{name=**}",
        "/v1/{name=**}:verb",
        "/v1/*/b",
        "/v1/{a=*}/{b}",
        "/{x}:cancel",
        "/a:b",
        "/v1/{a_b.c1}",
        "/.well-known/jwks.json",
        "/{a=x/*/y/**}:verb",
    ] {
        assert!(
            Template::parse(text).is_ok(),
            "{text}: {:?}",
            Template::parse(text)
        );
    }
}

#[test]
fn refuses_templates_that_are_not_in_the_grammar() {
    for text in [
        "",
        "v1",
        "/",
        "//",
        "/v1/",
        "/v1//x",
        "/v1?x",
        "/v1#x",
        "/a*",
        "/***",
        "/{x}a",
        "/a{x}",
        "/{x",
        "/x}",
        "/{}",
        "/{=*}",
        "/{1a}",
        "/{a-b}",
        "/{a..b}",
        "/{a.}",
        "/{x={y}}",
        "/{x=/a}",
        "/{x=a/}",
        "/**/a",
        "/{x=**}/a",
        "/{x=a/**/b}",
        "/a:",
        "/a:b:c",
        "/a:b/c",
        "/{x=a:b}",
        "/{x=}",
        "/a/{x}/{x}",
        "/{a}/{a=b/*}",
        "/%zz",
        "/{x}:{y}",
        "/*:*",
    ] {
        assert!(Template::parse(text).is_err(), "{text}");
    }
}

#[test]
fn literals_win_over_one_and_one_over_rest_with_backtracking() {
    let it = tree(&[
        ("GET", "/a/b"),
        ("GET", "/a/{x}"),
        ("GET", "/a/**"),
        ("GET", "/a/b/c/d"),
        ("GET", "/a/{x}/c/e"),
        ("GET", "/**"),
        ("GET", "/a/{x}/{y=q/**}"),
    ]);
    for (path, expected) in [
        ("/a/b", 0),
        ("/a/z", 1),
        ("/a/z/w", 2),
        ("/a/b/c/d", 3),
        ("/a/b/c/e", 4),
        ("/a/b/c/f", 2),
        ("/a", 2),
        ("/z", 5),
        ("/a/b/q/1/2", 6),
        ("/a/b/q", 6),
        ("/", 5),
        ("/a/", 2),
    ] {
        assert_eq!(route(&it, "GET", path), Some(expected), "{path}");
    }
}

#[test]
fn a_literal_of_another_method_does_not_hide_a_variable() {
    let it = tree(&[("GET", "/u/me"), ("POST", "/u/{id}")]);
    assert_eq!(route(&it, "POST", "/u/me"), Some(1));
    assert_eq!(route(&it, "GET", "/u/me"), Some(0));
}

#[test]
fn a_verb_counts_only_where_a_template_has_it() {
    let it = tree(&[
        ("GET", "/byid/{id}"),
        ("POST", "/byid/{id}:archive"),
        ("GET", "/x/{p=**}:stat"),
        ("GET", "/x/{p=**}"),
    ]);
    assert_eq!(route(&it, "POST", "/byid/jason:archive"), Some(1));
    assert_eq!(route(&it, "GET", "/byid/jason:other"), Some(0));
    assert_eq!(route(&it, "GET", "/byid/a:b:c"), Some(0));
    assert_eq!(route(&it, "GET", "/x/a/b:stat"), Some(2));
    assert_eq!(route(&it, "GET", "/x/a:stat/b"), Some(3));
    assert_eq!(route(&it, "GET", "/byid/jason%3Aarchive"), Some(0));
    assert!(matches!(
        it.find(&Method::GET, "/byid/jason:archive"),
        Lookup::WrongMethod(_)
    ));
    assert_eq!(
        captured("/byid/{id}", "/byid/jason:other"),
        [Ok("jason:other".into())]
    );
    assert_eq!(
        captured("/byid/{id}:go", "/byid/a:b:go"),
        [Ok("a:b".into())]
    );
}

#[test]
fn a_wrong_method_names_the_right_ones() {
    let it = tree(&[("GET", "/a/{x}"), ("DELETE", "/a/b"), ("POST", "/a/{x}:v")]);
    let Lookup::WrongMethod(allowed) = it.find(&Method::PUT, "/a/b") else {
        panic!()
    };
    assert_eq!(allowed, [Method::DELETE, Method::GET, Method::HEAD]);
    assert!(matches!(it.find(&Method::PUT, "/b"), Lookup::Nothing));
}

#[test]
fn head_is_answered_as_get() {
    let it = tree(&[("GET", "/a"), ("HEAD", "/b"), ("GET", "/b")]);
    assert_eq!(route(&it, "HEAD", "/a"), Some(0));
    assert_eq!(route(&it, "HEAD", "/b"), Some(1));
}

#[test]
fn custom_methods_and_any_method_are_known() {
    let it = tree(&[("REPORT", "/a"), ("*", "/a"), ("*", "/b"), ("GET", "/b")]);
    assert_eq!(route(&it, "REPORT", "/a"), Some(0));
    assert_eq!(route(&it, "POST", "/a"), Some(1));
    assert_eq!(route(&it, "GET", "/b"), Some(3));
    assert_eq!(route(&it, "FROBNICATE", "/b"), Some(2));
}

#[test]
fn duplicates_are_found_whatever_their_variables_are_called() {
    let mut it = tree(&[("GET", "/a/{x}"), ("GET", "/a/{x}:v"), ("GET", "/a/**")]);
    let mut add = |method: Method, template: &str| {
        it.add(Some(method), &Template::parse(template).unwrap(), 9)
    };
    assert_eq!(add(Method::GET, "/a/{other=*}"), Err(0));
    assert_eq!(add(Method::GET, "/a/*:v"), Err(1));
    assert_eq!(add(Method::GET, "/{y=a/**}"), Err(2));
    assert_eq!(add(Method::POST, "/a/{x}"), Ok(()));
    assert_eq!(add(Method::GET, "/a/{x}:w"), Ok(()));
}

#[test]
fn segments_are_split_before_they_are_decoded() {
    assert_eq!(captured("/a/{x}", "/a/b%2Fc"), [Ok("b/c".into())]);
    assert_eq!(captured("/a/{x}/c", "/a/b/c"), [Ok("b".into())]);
    assert!(captured("/a/{x}", "/a/b/c").is_empty());
    assert_eq!(captured("/v1/us%65rs", "/v1/users").len(), 0);
    assert!(route(&tree(&[("GET", "/v1/users")]), "GET", "/v1/%75sers").is_some());
    assert!(route(&tree(&[("GET", "/a/b")]), "GET", "/a%2Fb").is_none());
}

#[test]
fn captures_of_several_segments_keep_encoded_slashes() {
    assert_eq!(
        captured("/{x=a/*/b/*}", "/a/1%2F2/b/3%20%2f"),
        [Ok("a/1%2F2/b/3 %2f".into())]
    );
    assert_eq!(
        captured("/f/{x=**}", "/f/a//b%2Fc/"),
        [Ok("a//b%2Fc/".into())]
    );
    assert_eq!(captured("/f/{x=**}", "/f"), [Ok(String::new())]);
    assert_eq!(captured("/f/{x=**}:v", "/f/a:v"), [Ok("a".into())]);
}

#[test]
fn one_takes_no_empty_segment() {
    let it = tree(&[("GET", "/a/{x}/b"), ("GET", "/c/{x}")]);
    assert_eq!(route(&it, "GET", "/a//b"), None);
    assert_eq!(route(&it, "GET", "/c/"), None);
    assert_eq!(route(&it, "GET", "/c/x/"), None);
}

#[test]
fn a_flood_of_slashes_neither_overflows_nor_matches() {
    let it = tree(&[
        ("GET", "/a/{x}/{y}/{z}"),
        ("GET", "/f/{p=**}"),
        ("GET", "/a/b/c/**"),
    ]);
    let slashes = "/".repeat(64_000);
    assert_eq!(route(&it, "GET", &slashes), None);
    assert_eq!(route(&it, "GET", &format!("/f{slashes}")), Some(1));
    assert_eq!(route(&it, "GET", &"/a".repeat(32_000)), None);
    assert_eq!(
        captured("/f/{p=**}", &format!("/f{slashes}")),
        [Ok(slashes[1..].into())]
    );
}

#[test]
fn odd_paths_match_nothing() {
    let it = tree(&[("GET", "/a"), ("GET", "/a/{x}")]);
    for path in ["", "*", "a", "/A", "/a/b/c", "//a", "/a/.", "/a/.."] {
        let expected = matches!(path, "/a/." | "/a/..").then_some(1);
        assert_eq!(route(&it, "GET", path), expected, "{path}");
    }
}
