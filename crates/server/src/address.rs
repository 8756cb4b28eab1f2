//! Where does a request come from, as far as limits care?

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, header};

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

/// What proxies add to a request that they pass on.
const PASSED_ON: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whether a request was sent to this machine by its own name, and not passed on by a proxy. A page whose name was made
/// to lead here is sent to by that name; a program that names no host is no browser.
pub(crate) fn is_at_home(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    host.is_none_or(is_this_machine) && !PASSED_ON.iter().any(|name| headers.contains_key(*name))
}

/// Whether `host`, with or without its port, is a name that leads to this machine wherever it is looked up.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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

    #[test]
    fn at_home_is_what_was_sent_here_by_name_and_by_nobody_in_between() {
        let check = |sent: &[(&'static str, &'static str)], expected: bool| {
            let sent = sent.iter().map(|(name, value)| {
                (name.parse().expect("the name of a header"), header::HeaderValue::from_static(value))
            });
            assert_eq!(is_at_home(&sent.collect()), expected, "{expected}");
        };
        for host in ["127.0.0.1", "127.0.0.1:8787", "localhost:8787", "LocalHost", "[::1]:8787", "[::1]"] {
            check(&[("host", host)], true);
        }
        for host in
            ["", "clinqa.example.org", "127.0.0.1.example.org:8787", "localhost.example.org", "192.0.2.1", "a:b"]
        {
            check(&[("host", host)], false);
        }
        check(&[], true);
        check(&[("host", "localhost"), ("x-forwarded-for", "127.0.0.1")], false);
        check(&[("host", "127.0.0.1:8787"), ("via", "1.1 proxy")], false);
    }
}
