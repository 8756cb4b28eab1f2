//! Is it a browser that asks, as far as the head of the request has come (pure)?

use crate::pages::error::names_html;

/// Who may have sent a head that no route will see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// It named HTML among what it accepts.
    Browser,
    /// It named other kinds alone, or none in a whole head.
    Program,
    /// The head ended before it said.
    Unknown,
}

/// Reads what there is of a head; a line that has not come to its end says nothing.
pub(crate) fn asker(head: &[u8]) -> Asker {
    let whole_lines = head.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..whole_lines]);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    // The first is the line of the request.
    let known = lines.skip(1).find_map(|line| {
        if line.is_empty() {
            return Some(Asker::Program);
        }
        let (_, accepted) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("accept"))?;
        Some(if names_html(accepted) { Asker::Browser } else { Asker::Program })
    });
    known.unwrap_or(Asker::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_by_what_it_accepts_and_a_half_line_by_nothing() {
        let check = |head: &str, expected: Asker| assert_eq!(asker(head.as_bytes()), expected, "{head:?}");
        check("GET / HTTP/1.1\r\nhost: a\r\nAccept: text/html,*/*;q=0.8\r\n", Asker::Browser);
        check("GET / HTTP/1.1\naccept:application/xhtml+xml\n", Asker::Browser);
        check("GET / HTTP/1.1\r\naccept: */*\r\nx: text/html\r\n", Asker::Program);
        check("GET / HTTP/1.1\r\nhost: a\r\n\r\naccept: text/html\r\n", Asker::Program);
        check("NONSENSE\r\n\r\n", Asker::Program);
        check("GET / HTTP/1.1\r\nhost: a\r\naccept: text/html", Asker::Unknown);
        check("accept: text/html\r\n", Asker::Unknown);
        check("GET /aaaaaaaa", Asker::Unknown);
        check("\u{16}\u{3}\u{1}", Asker::Unknown);
        check("", Asker::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_somebody(bytes: Vec<u8>) {
            asker(&bytes);
            asker(&[b"GET / HTTP/1.1\r\naccept: ".as_slice(), &bytes, b"\r\n\r\n"].concat());
        }
    }
}
