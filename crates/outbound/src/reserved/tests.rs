use super::*;

fn judge(address: &str, allowed: &[&str]) -> Result<(), String> {
    let allowed = allowed.iter().map(|it| it.parse().unwrap()).collect();
    let verdict = Guard::new(allowed).judge(address.parse().unwrap());
    verdict.map_err(|reserved| reserved.network().to_string())
}

fn refused(network: &str) -> Result<(), String> {
    Err(network.to_owned())
}

#[test]
fn what_is_allowed_opens_the_networks_that_it_lies_in() {
    assert_eq!(judge("10.1.2.3", &["10.1.0.0/16"]), Ok(()));
    assert_eq!(judge("10.2.0.1", &["10.1.0.0/16"]), refused("10.0.0.0/8"));
    assert_eq!(judge("::1", &["::1/128"]), Ok(()));
    assert_eq!(judge("fd12:3456::1", &["fd12:3456::/48"]), Ok(()));
}

#[test]
fn what_is_allowed_as_ipv4_holds_for_its_mapped_spelling() {
    assert_eq!(judge("::ffff:10.1.2.3", &["10.1.0.0/16"]), Ok(()));
    assert_eq!(
        judge("::ffff:10.2.0.1", &["10.1.0.0/16"]),
        refused("10.0.0.0/8")
    );
}

#[test]
fn a_private_network_opens_no_metadata_inside_of_it() {
    let metadata = [
        ("fd00:ec2::254", "fd00::/8", "fd00:ec2::/32"),
        ("fd20:ce::254", "fd00::/8", "fd20:ce::254/128"),
        ("100.100.100.200", "100.64.0.0/10", "100.100.100.200/32"),
    ];
    for (address, allowed, network) in metadata {
        assert_eq!(judge(address, &[allowed]), refused(network));
        let itself = format!("{address}/{}", if address.contains(':') { 128 } else { 32 });
        assert_eq!(judge(address, &[&itself]), Ok(()));
    }
}

#[test]
fn a_network_that_translates_is_as_good_as_what_is_behind_it() {
    let nat64 = "64:ff9b::/96";
    assert_eq!(judge("64:ff9b::1.1.1.1", &[nat64]), Ok(()));
    let behind = [
        ("64:ff9b::10.0.0.1", nat64, "10.0.0.0/8"),
        ("64:ff9b::169.254.169.254", nat64, "169.254.0.0/16"),
        ("2002:7f00:1::1", "2002::/16", "127.0.0.0/8"),
        ("2001:0:101:101::f5ff:fffe", "2001::/32", "10.0.0.0/8"),
        ("::7f00:1", "::/96", "127.0.0.0/8"),
        ("::ffff:0:c0a8:1", "::ffff:0:0:0/96", "192.168.0.0/16"),
    ];
    for (address, allowed, network) in behind {
        assert_eq!(judge(address, &[allowed]), refused(network), "{address}");
    }
    assert_eq!(
        judge("64:ff9b::10.0.0.1", &[nat64, "10.0.0.0/8"]),
        Ok(()),
        "both are allowed"
    );
}

#[test]
fn the_widest_networks_open_nothing() {
    assert_eq!(judge("10.0.0.1", &["0.0.0.0/0"]), refused("10.0.0.0/8"));
    assert_eq!(judge("::1", &["::/0"]), refused("::1/128"));
    assert_eq!(judge("fd00::1", &["8000::/1"]), refused("fc00::/7"));
}

#[test]
fn says_what_a_network_is_for() {
    let ten: IpAddr = [10, 0, 0, 1].into();
    let reserved = Guard::new(Vec::new()).judge(ten).unwrap_err();
    assert_eq!(
        reserved.to_string(),
        "10.0.0.0/8, a private network (RFC 1918)"
    );
    assert_eq!(reserved.purpose(), "a private network");
}
