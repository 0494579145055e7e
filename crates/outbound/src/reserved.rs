//! The networks that people's addresses must not lead to, and how an operator lets a part of one in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A network that is refused unless the configuration allows it.
///
/// The networks are those of IANA's registries of special-purpose addresses that aren't reached globally, multicast, all
/// of IPv6 outside of `2000::/3`, and where clouds tell machines their secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    network: IpNet,
    purpose: &'static str,
    source: &'static str,
}

impl Reserved {
    const fn v4(octets: [u8; 4], prefix: u8, purpose: &'static str, source: &'static str) -> Self {
        let [a, b, c, d] = octets;
        Self {
            network: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)),
            purpose,
            source,
        }
    }

    const fn v6(
        segments: [u16; 8],
        prefix: u8,
        purpose: &'static str,
        source: &'static str,
    ) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        let base = Ipv6Addr::new(a, b, c, d, e, f, g, h);
        Self {
            network: IpNet::V6(Ipv6Net::new_assert(base, prefix)),
            purpose,
            source,
        }
    }

    /// The network, such as `10.0.0.0/8`.
    pub fn network(&self) -> IpNet {
        self.network
    }

    /// What the network is for, such as "a private network".
    pub fn purpose(&self) -> &'static str {
        self.purpose
    }
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            network,
            purpose,
            source,
        } = self;
        write!(f, "{network}, {purpose} ({source})")
    }
}

/// All that are refused. The first that holds an address is the one that is named, so the narrow ones stand first.
#[rustfmt::skip]
const RESERVED: &[Reserved] = &[
    // Where clouds tell machines their secrets. Azure's is a public address that only its own machines reach.
    Reserved::v4([169, 254, 0, 0], 16, "link-local, with the metadata of most clouds", "RFC 3927"),
    Reserved::v4([100, 100, 100, 200], 32, "metadata of Alibaba Cloud", "Alibaba Cloud"),
    Reserved::v4([168, 63, 129, 16], 32, "the platform of Azure", "Microsoft"),
    Reserved::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, "metadata of AWS", "Amazon"),
    Reserved::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, "metadata of Google Cloud", "Google"),

    Reserved::v4([0, 0, 0, 0], 8, "this machine", "RFC 1122"),
    Reserved::v4([10, 0, 0, 0], 8, "a private network", "RFC 1918"),
    Reserved::v4([100, 64, 0, 0], 10, "a provider's inner network", "RFC 6598"),
    Reserved::v4([127, 0, 0, 0], 8, "this machine", "RFC 1122"),
    Reserved::v4([172, 16, 0, 0], 12, "a private network", "RFC 1918"),
    Reserved::v4([192, 0, 0, 0], 24, "for protocols of the network", "RFC 6890"),
    Reserved::v4([192, 0, 2, 0], 24, "documentation", "RFC 5737"),
    Reserved::v4([192, 88, 99, 0], 24, "relays of 6to4", "RFC 7526"),
    Reserved::v4([192, 168, 0, 0], 16, "a private network", "RFC 1918"),
    Reserved::v4([198, 18, 0, 0], 15, "measurements", "RFC 2544"),
    Reserved::v4([198, 51, 100, 0], 24, "documentation", "RFC 5737"),
    Reserved::v4([203, 0, 113, 0], 24, "documentation", "RFC 5737"),
    Reserved::v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    Reserved::v4([255, 255, 255, 255], 32, "broadcast", "RFC 919"),
    Reserved::v4([240, 0, 0, 0], 4, "reserved", "RFC 1112"),

    Reserved::v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "this machine", "RFC 4291"),
    Reserved::v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "this machine", "RFC 4291"),
    Reserved::v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4 in IPv6 (compatible)", "RFC 4291"),
    Reserved::v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4 in IPv6 (translated)", "RFC 2765"),
    Reserved::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "IPv4 in IPv6 (NAT64)", "RFC 6052"),
    Reserved::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "IPv4 in IPv6 (local NAT64)", "RFC 8215"),
    Reserved::v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "for discarding", "RFC 6666"),
    Reserved::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "IPv4 in IPv6 (Teredo)", "RFC 4380"),
    Reserved::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "for protocols of the network", "RFC 2928"),
    Reserved::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation", "RFC 3849"),
    Reserved::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "IPv4 in IPv6 (6to4)", "RFC 3056"),
    Reserved::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation", "RFC 9637"),
    Reserved::v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "routes of segments", "RFC 9602"),
    Reserved::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "a private network", "RFC 4193"),
    Reserved::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local", "RFC 4291"),
    Reserved::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local", "RFC 3879"),
    Reserved::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", "RFC 4291"),

    // The rest of IPv6 outside of 2000::/3, of which nothing is given out.
    Reserved::v6([0, 0, 0, 0, 0, 0, 0, 0], 3, "not given out", "RFC 4291"),
    Reserved::v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, "not given out", "RFC 4291"),
    Reserved::v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, "not given out", "RFC 4291"),
];

/// Judges addresses by [`RESERVED`] and by what an operator allows.
#[derive(Debug)]
pub(crate) struct Guard {
    allowed: Vec<IpNet>,
}

impl Guard {
    pub(crate) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Refuses an address that leads to a reserved network.
    ///
    /// What is allowed opens only networks that it lies in itself. So a private network that is allowed as a whole opens
    /// no metadata inside of it, and nothing opens more than one thought of.
    ///
    /// An address of IPv6 that carries one of IPv4 is as good as the one that it carries. A network of NAT64 may be allowed
    /// where all names resolve to it, and still leads to no private network.
    pub(crate) fn judge(&self, address: IpAddr) -> Result<(), Reserved> {
        // The system connects to ::ffff:10.0.0.1 as to 10.0.0.1.
        let address = address.to_canonical();
        let refuses = |reserved: &&Reserved| {
            reserved.network.contains(&address) && !self.opens(reserved, address)
        };
        if let Some(reserved) = RESERVED.iter().find(refuses) {
            return Err(*reserved);
        }
        match carried(address) {
            Some(inner) => self.judge(IpAddr::V4(inner)),
            None => Ok(()),
        }
    }

    fn opens(&self, reserved: &Reserved, address: IpAddr) -> bool {
        let opens =
            |allowed: &IpNet| allowed.contains(&address) && reserved.network.contains(allowed);
        self.allowed.iter().any(opens)
    }
}

/// Whether something would be refused in a network, so that to allow it says something.
pub(crate) fn is_reserved(network: &IpNet) -> bool {
    RESERVED.iter().any(|it| it.network.contains(network))
}

/// The address of IPv4 that one of IPv6 carries, where the translation is one that everybody does alike.
fn carried(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // :: and ::1 carry nothing.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo inverts the client's bits.
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
