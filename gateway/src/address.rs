//! Whose address a request counts for: the socket's, unless a trusted proxy says otherwise.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use serde::Deserialize;

/// Where proxies write whom they speak for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where they write how their clients came.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// An address, or a network of them: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    base: u128,
    mask: u128,
    is_v4: bool,
}

/// A text that is no network.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as 10.0.0.0/8")]
pub struct InvalidNetwork(String);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let text = text.trim().trim_end_matches('/');
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = prefix
            .map_or(Ok(width), str::parse)
            .map_err(|_| invalid())?;
        if prefix > width {
            return Err(invalid());
        }
        // A client that comes by IPv4 over a socket of IPv6 is known by its IPv4 address.
        let (address, width, prefix) = match address.to_canonical() {
            canonical if canonical != address && prefix >= 96 => (canonical, 32, prefix - 96),
            _ => (address, width, prefix),
        };
        let host_bits = width - prefix;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Ok(Self {
            base: bits(address) & mask,
            mask,
            is_v4: address.is_ipv4(),
        })
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl Network {
    /// Whether an address is of the network.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.is_v4 == address.is_ipv4() && bits(address) & self.mask == self.base
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The reverse proxies whose word is believed.
#[derive(Debug)]
pub(crate) struct Proxies {
    trusted: Vec<Network>,
    /// Whether the log has named one that isn't among them.
    is_other_told: AtomicBool,
}

impl Proxies {
    /// Those in some networks.
    pub(crate) fn new(trusted: &[Network]) -> Self {
        Self {
            trusted: trusted.to_vec(),
            is_other_told: AtomicBool::new(false),
        }
    }

    /// Whether an address is a trusted proxy's.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        self.trusted
            .iter()
            .any(|network| network.contains(canonical))
    }

    /// The client's address: the last one in `x-forwarded-for` that isn't a trusted proxy's, where the socket's is, and
    /// otherwise the socket's. `forwarded` (RFC 7239) isn't read: a proxy that sets one of them passes the other on as clients
    /// sent it.
    pub(crate) fn client(&self, socket: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = socket.to_canonical();
        if !self.contain(client) {
            if headers.contains_key(FORWARDED_FOR) {
                self.tell_of(client);
            }
            return client;
        }
        let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let hops = values
            .iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            // Nothing left of what isn't an address can be trusted.
            let Some(address) = std::str::from_utf8(hop).ok().and_then(hop_address) else {
                break;
            };
            client = address.to_canonical();
            if !self.contain(client) {
                break;
            }
        }
        client
    }

    /// Whether a trusted proxy says that the client came by HTTPS. Where several do, the nearest one knows it of its own.
    pub(crate) fn say_https(&self, socket: IpAddr, headers: &HeaderMap) -> bool {
        let said = headers.get_all(FORWARDED_PROTO).iter().next_back();
        let last = said.and_then(|it| it.as_bytes().rsplit(|byte| *byte == b',').next());
        last.is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"https"))
            && self.contain(socket)
    }

    /// Tells the log once of what is most likely a proxy that was forgotten. Anybody else may send the header, too.
    fn tell_of(&self, peer: IpAddr) {
        let is_near = match peer {
            IpAddr::V4(peer) => peer.is_private() || peer.is_loopback() || peer.is_link_local(),
            IpAddr::V6(peer) => {
                peer.is_unique_local() || peer.is_loopback() || peer.is_unicast_link_local()
            }
        };
        if is_near && !self.is_other_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "x-forwarded-for comes from an address that isn't in gateway.trusted_proxies: everybody behind it counts as one client"
            );
        }
    }
}

/// The address of a hop, as proxies write it: alone, with a port, in brackets, with a zone, in quotes.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let quoted = hop.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let hop = quoted.unwrap_or(hop).trim();
    if let Some(bracketed) = hop.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let port = port.strip_prefix(':').unwrap_or(port);
        return ipv6(address).filter(|_| is_port(port));
    }
    if let Some(address) = hop.parse().ok().or_else(|| ipv6(hop)) {
        return Some(address);
    }
    let (address, port) = hop.rsplit_once(':')?;
    let address = address.parse().ok().or_else(|| ipv6(address));
    address.filter(|_| is_port(port))
}

/// An address of IPv6, whose zone means nothing beyond the machine that it was seen on.
fn ipv6(text: &str) -> Option<IpAddr> {
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse().ok().map(IpAddr::V6)
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// What budgets are counted by: an IPv4 address, or the /64 of an IPv6 one, which one household shares.
pub(crate) fn budget_key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(socket: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let proxies = Proxies::new(&trusted);
        proxies
            .client(socket.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn forwarded_addresses_are_not_believed_from_strangers() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.1"], &[]), "192.0.2.1");
        assert_eq!(
            seen("192.0.2.1", &["198.51.100.1"], &["10.0.0.0/8"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client() {
        let chain = ["203.0.113.9, 198.51.100.1", "10.1.2.3"];
        assert_eq!(seen("10.0.0.1", &chain, &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(
            seen("10.0.0.1", &["nonsense, 10.1.2.3"], &["10.0.0.0/8"]),
            "10.1.2.3"
        );
        assert_eq!(
            seen("::ffff:10.0.0.1", &["2001:db8::1"], &["10.0.0.0/8"]),
            "2001:db8::1"
        );
    }

    #[test]
    fn proxies_write_addresses_in_many_ways() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        for (hop, address) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("203.0.113.9:", "203.0.113.9"),
            ("\"203.0.113.9:4711\"", "203.0.113.9"),
            ("\t203.0.113.9 ", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:DB8::1]:443\"", "2001:db8::1"),
            ("2001:db8:0:0:0:0:0:1:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:80", "fe80::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("[::ffff:203.0.113.9]:443", "203.0.113.9"),
            ("203.0.113.9, , ", "203.0.113.9"),
            ("203.0.113.9:1, [fd00::2]:3, 10.0.0.2:80", "203.0.113.9"),
            // Nothing that is no address is believed, nor what stands before it.
            ("203.0.113.9, unknown", "10.0.0.1"),
            ("203.0.113.9, _gazonk", "10.0.0.1"),
            ("203.0.113.9, _gazonk, 10.9.9.9", "10.9.9.9"),
            ("203.0.113.9:99999", "10.0.0.1"),
            ("203.0.113.9:http", "10.0.0.1"),
            ("[2001:db8::1", "10.0.0.1"),
            ("[203.0.113.9]:1", "10.0.0.1"),
            ("203.0.113.999", "10.0.0.1"),
            ("for=203.0.113.9", "10.0.0.1"),
            ("", "10.0.0.1"),
            ("S\u{e3}o Paulo, 203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(seen("10.0.0.1", &[hop], &proxies), address, "{hop}");
        }
        let many = ["198.51.100.1", "203.0.113.9:1", "10.0.0.7", ""];
        assert_eq!(seen("10.0.0.1", &many, &proxies), "203.0.113.9");
    }

    #[test]
    fn networks_of_mapped_addresses_are_those_of_ipv4() {
        let mapped = ["::ffff:10.0.0.0/104"];
        assert_eq!(seen("10.1.2.3", &["203.0.113.9"], &mapped), "203.0.113.9");
        assert_eq!(seen("11.1.2.3", &["203.0.113.9"], &mapped), "11.1.2.3");
        let one = ["::ffff:10.0.0.1"];
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &one), "203.0.113.9");
        assert_eq!(seen("10.0.0.2", &["203.0.113.9"], &one), "10.0.0.2");
    }

    #[test]
    fn ipv6_neighbours_share_a_budget() {
        let key = |text: &str| budget_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:0:1::5"), key("2001:db8:0:1:ffff::9"));
        assert_ne!(key("2001:db8:0:1::5"), key("2001:db8:0:2::5"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert!(
            "::/0"
                .parse::<Network>()
                .unwrap()
                .contains("2001:db8::1".parse().unwrap())
        );
    }
}
