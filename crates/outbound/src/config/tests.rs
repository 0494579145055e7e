use super::*;

fn problem(text: &str) -> String {
    let config: Config = toml::from_str(text).unwrap();
    config.validate().unwrap_err().to_string()
}

fn unreadable(text: &str) -> String {
    toml::from_str::<Config>(text).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_https_at_its_port_to_public_hosts() {
    let config: Config = toml::from_str("").unwrap();
    config.validate().unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.ports, [443]);
    assert!(!config.plain_http && config.allowed_networks.is_empty());
    assert_eq!(config.timeout(), Duration::from_secs(15));
    assert_eq!(config.max_answer_bytes, 65_536);
}

#[test]
fn reads_networks_and_single_addresses() {
    let text = r#"allowed_networks = ["10.20.0.0/16", " 192.168.1.7 ", "fd12::/64", "::1"]"#;
    let config: Config = toml::from_str(text).unwrap();
    config.validate().unwrap();
    let read: Vec<String> = config
        .allowed_networks
        .iter()
        .map(IpNet::to_string)
        .collect();
    assert_eq!(
        read,
        ["10.20.0.0/16", "192.168.1.7/32", "fd12::/64", "::1/128"]
    );
}

#[test]
fn refuses_what_is_no_network_and_keys_that_it_does_not_know() {
    for network in ["ten", "10.0.0.0/33", "10.0.0/8", "localhost", ""] {
        let error = unreadable(&format!("allowed_networks = [\"{network}\"]"));
        assert!(
            error.contains("neither an address nor a network"),
            "{error}"
        );
    }
    assert!(unreadable("follow_redirects = true").contains("follow_redirects"));
}

#[test]
fn refuses_networks_that_open_nothing_or_everything() {
    for network in ["0.0.0.0/0", "::/0", "8.8.8.8/32", "10.0.0.0/7", "2000::/3"] {
        let error = problem(&format!("allowed_networks = [\"{network}\"]"));
        assert!(error.starts_with("allowed_networks"), "{error}");
        assert!(error.contains(network), "{error}");
    }
    let error = problem(r#"allowed_networks = ["::ffff:10.0.0.0/104"]"#);
    assert!(error.contains("write it as IPv4"), "{error}");
}

#[test]
fn names_the_key_whose_value_lets_nothing_through() {
    for (text, key) in [
        ("ports = []", "ports"),
        ("ports = [443, 0]", "ports"),
        ("timeout_secs = 0", "timeout_secs"),
        ("max_answer_bytes = 0", "max_answer_bytes"),
    ] {
        let error = problem(text);
        assert!(error.starts_with(key), "{error}");
    }
}
