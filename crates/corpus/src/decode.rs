//! Which text are these bytes?

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};

use crate::report::SkipReason;

/// The text of `bytes`: a byte order mark decides, then UTF-8 if it is that, then `declared`, then Windows-1252, which
/// any byte is a character of. Bytes with NULs are no text.
pub(crate) fn decode<'a>(bytes: &'a [u8], declared: Option<&str>) -> Result<Cow<'a, str>, SkipReason> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return Ok(encoding.decode_without_bom_handling(&bytes[length..]).0);
    }
    if bytes.contains(&0) {
        return Err(SkipReason::Binary);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    // What could be searched for its declaration is not in an encoding of two bytes a letter, whatever it says.
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let declared = declared.filter(|encoding| encoding.is_ascii_compatible());
    Ok(declared.unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_the_text_that_was_meant() {
        let check = |bytes: &[u8], declared, expected: &str| {
            assert_eq!(decode(bytes, declared).expect("text"), expected);
        };
        check(b"\xef\xbb\xbfcaf\xc3\xa9", None, "café");
        check(b"\xff\xfec\0a\0f\0\xe9\0", None, "café");
        check(b"\xfe\xff\0c\0a\0f\0\xe9", None, "café");
        check(b"caf\xe9 \x96 5 \x80", None, "café – 5 €");
        check(b"caf\xe9", Some("utf-16"), "café");
        check(b"\xea\xe0\xf8\xe5\xeb\xfc", Some("windows-1251"), "кашель");
        assert!(matches!(decode(b"a\0b", None), Err(SkipReason::Binary)));
    }
}
