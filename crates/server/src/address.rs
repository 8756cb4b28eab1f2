//! Where does a request come from, as far as limits care?

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderMap;

use crate::config::Proxy;

/// What one subscriber has: an address of IPv4, or a /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    V4(Ipv4Addr),
    V6([u8; 8]),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let mut subnet = [0; 8];
                subnet.copy_from_slice(&address.octets()[..8]);
                Self::V6(subnet)
            }
        }
    }
}

/// Where a request that came over `peer` comes from. What a client can write itself is never believed: behind a proxy
/// that is trusted, the last entry is the proxy's own word.
pub(crate) fn origin(peer: IpAddr, headers: &HeaderMap, proxy: Proxy) -> Origin {
    let forwarded = || {
        let line = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    match proxy {
        Proxy::Direct => peer.into(),
        Proxy::Trusted => forwarded().unwrap_or(peer).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entry_counts_and_only_behind_a_trusted_proxy() {
        let check = |proxy: Proxy, lines: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().expect("a header"));
            }
            let peer = "192.0.2.1".parse().expect("an address");
            let expected: IpAddr = expected.parse().expect("an address");
            assert_eq!(origin(peer, &headers, proxy), expected.into(), "{proxy:?} {lines:?}");
        };
        check(Proxy::Direct, &["198.51.100.7"], "192.0.2.1");
        check(Proxy::Trusted, &[], "192.0.2.1");
        check(Proxy::Trusted, &["198.51.100.7"], "198.51.100.7");
        check(Proxy::Trusted, &["203.0.113.9, 198.51.100.7"], "198.51.100.7");
        check(Proxy::Trusted, &["203.0.113.9", "198.51.100.7"], "198.51.100.7");
        check(Proxy::Trusted, &["nonsense"], "192.0.2.1");
        check(Proxy::Trusted, &["2001:db8::1"], "2001:db8::ffff");
        check(Proxy::Trusted, &["::ffff:198.51.100.7"], "198.51.100.7");
    }
}
