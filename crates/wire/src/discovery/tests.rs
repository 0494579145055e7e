use super::*;

fn read(entry: &str) -> Result<String, String> {
    let read = Endpoints::parse(&[entry]);
    read.map(|it| it.to_string()).map_err(|it| it.to_string())
}

#[test]
fn reads_what_the_documentation_promises() {
    for entry in [
        "users:7000",
        "127.0.0.1:7000",
        "[::1]:7000",
        "dns://users.troupe.svc:7000",
        "consul://127.0.0.1:8500/troupe-users",
    ] {
        assert_eq!(read(entry).as_deref(), Ok(entry));
    }
    let with = |entry| read(entry).unwrap();
    assert_eq!(
        with("dns://users:7000?server=127.0.0.1:53"),
        "dns://users:7000"
    );
    assert_eq!(
        with("consul://c:8500/users?tag=blue"),
        "consul://c:8500/users"
    );
    let several = Endpoints::parse(&["a:1", "dns://b:2"]).unwrap();
    assert_eq!(several.to_string(), "a:1, dns://b:2");
}

#[test]
fn says_what_is_wrong_with_an_entry() {
    for (entry, problem) in [
        ("users", "must be an address with a port"),
        ("users:", "must be an address with a port"),
        (":7000", "must be an address with a port"),
        ("me@users:7000", "must be an address with a port"),
        ("http://users:7000", "must begin with dns:// or consul://"),
        ("dns://users", "must name a port"),
        ("dns://users:7000?server=here", "must name its server"),
        ("dns://users:7000?port=1", "a parameter other than `server`"),
        ("consul://users", "must have the form"),
        ("consul://c/users", "must have the form"),
        ("consul://c:8500/", "must have the form"),
        ("consul://c:8500/a/b", "must have the form"),
        ("consul://c:8500/users?dc=1", "a parameter other than `tag`"),
        (
            "consul://c:8500/users?tag=a%26b",
            "a parameter other than `tag`",
        ),
    ] {
        let refused = read(entry).unwrap_err();
        assert!(refused.starts_with(&format!("`{entry}` ")), "{refused}");
        assert!(refused.contains(problem), "{refused}");
    }
}
