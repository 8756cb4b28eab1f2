//! May this address be asked?
//!
//! The rule is applied twice: to the address as written (which a proxy would resolve for us), and to the addresses that
//! a name resolved to, in the resolver whose answer the socket connects to. A name that resolves differently the second
//! time it is asked therefore gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::{DownloadError, Private};

/// Names that never mean a machine of somebody else.
const INSIDE: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// Reads an address that a person, a manifest or a server wrote.
pub(crate) fn parse(text: &str, private: Private) -> Result<Url, DownloadError> {
    let url = Url::parse(text).map_err(|_| DownloadError::Address { url: text.escape_debug().to_string() })?;
    check(&url, private)?;
    Ok(url)
}

/// Resolves what a redirect says against where it was said. Once encrypted, never in the clear again.
pub(crate) fn redirect(from: &Url, location: &str, private: Private) -> Result<Url, DownloadError> {
    let to = from.join(location).map_err(|_| DownloadError::Address { url: location.escape_debug().to_string() })?;
    check(&to, private)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(DownloadError::Downgrade { url: shown(&to) });
    }
    Ok(to)
}

/// The address without its query, which may carry somebody's key.
pub(crate) fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    bare.to_string()
}

fn check(url: &Url, private: Private) -> Result<(), DownloadError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(DownloadError::Scheme { url: shown_scheme(url) });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(DownloadError::Credentials { host: url.host_str().unwrap_or_default().to_owned() });
    }
    let inside = match url.host() {
        None => return Err(DownloadError::Address { url: shown(url) }),
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => is_inside(name),
    };
    if inside && private == Private::Refused {
        return Err(DownloadError::Private { host: url.host_str().unwrap_or_default().to_owned() });
    }
    Ok(())
}

fn shown_scheme(url: &Url) -> String {
    format!("{}:", url.scheme())
}

fn is_inside(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    INSIDE.iter().any(|inside| name == *inside || name.ends_with(&format!(".{inside}")))
}

/// Whether an address belongs to the public internet, as IANA's special-purpose registries (RFC 6890) have it.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = [
        // This network, and what has no owner outside: private use, loopback, multicast, reserved, broadcast.
        matches!(a, 0 | 10 | 127 | 224..=255),
        // Carrier-grade NAT: RFC 6598.
        matches!((a, b), (100, 64..=127)),
        // Link-local, and with it the metadata services of clouds; then private use again.
        matches!((a, b), (169, 254) | (172, 16..=31) | (192, 168)),
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        matches!((a, b), (198, 18 | 19)),
        matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113)),
    ]
    .contains(&true);
    // Azure answers its machines from a public-looking address.
    !special && address != Ipv4Addr::new(168, 63, 129, 16)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let [.., high, low] = parts;
    let inner = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        // IPv4-mapped, and NAT64 (RFC 6052): what they stand for decides.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(inner),
        // 6to4 carries an IPv4 address behind its prefix; Teredo hides one; documentation has none.
        [0x2002 | 0x3fff, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] => false,
        // Global unicast is 2000::/3; loopback, unique local, link-local and multicast lie outside it.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_our_walls_are_refused_however_they_are_spelled() {
        let check = |text: &str| {
            assert!(matches!(parse(text, Private::Refused), Err(DownloadError::Private { .. })), "{text}");
            parse(text, Private::Allowed).expect("allowed");
        };
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "2852039166",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.192",
            "198.18.0.1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::10.0.0.1]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[ff02::1]",
            "[::127.0.0.1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer.local",
            "metadata.google.internal",
            "１２７.0.0.1",
        ] {
            check(&format!("http://{host}/"));
            check(&format!("https://{host}:8443/x"));
        }
    }

    #[test]
    fn public_addresses_are_not() {
        for host in [
            "130.14.250.11",
            "8.8.8.8",
            "[2607:f220:41e:250::11]",
            "example.org",
            "172.32.0.1",
            "100.128.0.1",
            "internal.example.org",
        ] {
            parse(&format!("https://{host}/file"), Private::Refused).expect("public");
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused_without_its_secrets() {
        let check = |text: &str, expected: &str| {
            let error = parse(text, Private::Allowed).expect_err("refused").to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        };
        check("file:///etc/passwd", "only http and https");
        check("ftp://example.org/a", "only http and https");
        check("gopher://example.org/secret", "only http and https");
        check("data:text/plain,secret", "only http and https");
        check("https://user:secret@example.org/", "user or password");
        check("example.org/a", "no web address");
        check("http://", "no web address");
        check("http://[::1", "no web address");
    }

    #[test]
    fn a_redirect_stays_encrypted_and_outside() {
        let from = parse("https://example.org/a/b", Private::Refused).expect("public");
        let check = |location: &str| redirect(&from, location, Private::Refused);
        assert_eq!(check("../c").expect("beside it").as_str(), "https://example.org/c");
        assert_eq!(check("//example.com/d").expect("elsewhere").as_str(), "https://example.com/d");
        assert!(matches!(check("http://example.com/d"), Err(DownloadError::Downgrade { .. })));
        assert!(matches!(check("https://169.254.169.254/latest"), Err(DownloadError::Private { .. })));
        assert!(matches!(check("file:///etc/passwd"), Err(DownloadError::Scheme { .. })));
    }
}
