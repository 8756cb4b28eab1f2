//! Which characters of a delivered text may become document text?
//!
//! A terminal obeys control characters, zero-width characters hide words from search and from safety rules, and
//! direction overrides turn text around on a screen: none of them reaches an index. Text is composed (NFC) because
//! questions are, so that the same word has the same bytes on both sides.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Longest single-line text (title, heading, name) in characters; it travels with every passage.
const MAX_LINE_CHARS: usize = 300;

/// Text of any number of lines: line ends become `\n`, what cannot be seen goes, letters are composed.
pub(crate) fn clean(text: &str) -> String {
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    if text.chars().all(|c| kept(c) == Some(c)) && is_nfc(text) {
        return text.to_owned();
    }
    let unified = text.replace("\r\n", "\n");
    let visible: String = unified.chars().filter_map(kept).collect();
    if is_nfc(&visible) { visible } else { visible.nfc().collect() }
}

/// One line: cleaned, white space runs made single spaces, cut at [`MAX_LINE_CHARS`].
pub(crate) fn clean_line(text: &str) -> String {
    let line = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_LINE_CHARS) {
        Some((end, _)) => line[..end].trim_end().to_owned(),
        None => line,
    }
}

/// One line of any length: cleaned, white space runs made single spaces.
pub(crate) fn clean_paragraph(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut push = |word: &str| {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    };
    if text.bytes().all(|byte| is_plain(byte) || byte == b'\r') {
        text.split_ascii_whitespace().for_each(&mut push);
    } else {
        clean(text).split_whitespace().for_each(&mut push);
    }
    line
}

/// Whether a byte is a character that stays as it is, whatever stands beside it.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

/// A message of a parser, which may quote the file: one clean line.
pub(crate) fn clean_message(message: impl std::fmt::Display) -> String {
    clean_line(&message.to_string())
}

fn kept(c: char) -> Option<char> {
    match c {
        ' '..='~' | '\n' | '\t' => Some(c),
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{b}' | '\u{c}' => Some(' '),
        _ if c.is_control() || is_invisible(c) => None,
        _ => Some(c),
    }
}

/// Soft hyphen, joiners, zero-width and direction marks, annotation marks, byte order mark, and the tag characters
/// in which whole sentences can be hidden.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_does_not_become_text() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected, "{text:?}");
        check("\u{feff}a\r\nb\rc\u{85}d", "a\nb\nc\nd");
        check("as\u{200b}th\u{202e}ma\u{ad}", "asthma");
        check("\u{1b}[31mred\0\u{7}", "[31mred");
        check("a\u{e0041}b", "ab");
        check("a\tb\u{c}c", "a\tb c");
        check("cafe\u{301} 5\u{a0}mg", "café 5\u{a0}mg");
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length() {
        assert_eq!(clean_line("  Type 2\r\n\tdiabetes "), "Type 2 diabetes");
        assert_eq!(clean_line(&"é".repeat(5_000)).chars().count(), MAX_LINE_CHARS);
        assert_eq!(clean_paragraph(" a\r\n\tb  c\u{a0}d "), "a b c d");
        assert_eq!(clean_paragraph(" a\r\n\tb "), "a b");
    }

    proptest::proptest! {
        #[test]
        fn clean_text_stays_as_it_is(text in "(?s).{0,60}") {
            let once = clean(&text);
            proptest::prop_assert_eq!(clean(&once), once.clone());
            proptest::prop_assert!(!once.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
