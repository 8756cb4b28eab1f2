//! Which words, numbers and marks does a text hold, as the eye reads them, and where?
//!
//! People (and machines) write one number in many ways: wide digits, digits of other scripts, styled letters, marks of no
//! width between two digits. All fold to plain letters and digits here, and every token keeps the bytes it came from.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Letters, with an apostrophe between two of them.
    Word,
    /// Digits.
    Digits,
    /// Any other single sign.
    Mark,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// "asthma"
    Lower,
    /// `Asthma`, `O'Brien`, `McDonald`
    Title,
    /// "ASTHMA"
    Upper,
    /// "mRNA", and words of scripts that have no capitals
    Mixed,
}

/// What stands before a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Nothing: it is glued to the one before.
    None,
    /// Blanks.
    Blank,
    /// The end of a line, or the beginning of the text.
    Line,
}

/// A word, a number or a mark.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) sort: Sort,
    pub(super) shape: Shape,
    pub(super) gap: Gap,
    /// Lower case, without accents; digits are ASCII ones.
    pub(super) text: String,
    /// Where it stands in the text it came from.
    pub(super) bytes: Range<usize>,
}

impl Token {
    /// The mark that it is.
    pub(super) fn mark(&self) -> Option<char> {
        if self.sort == Sort::Mark { self.text.chars().next() } else { None }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(super) fn is_word(&self) -> bool {
        self.sort == Sort::Word
    }

    pub(super) fn is_digits(&self) -> bool {
        self.sort == Sort::Digits
    }

    /// Begins with a capital.
    pub(super) fn is_capital(&self) -> bool {
        matches!(self.shape, Shape::Title | Shape::Upper) && self.is_word()
    }

    /// The word without its `'s` or closing apostrophe.
    pub(super) fn stem(&self) -> &str {
        self.text.strip_suffix("'s").or_else(|| self.text.strip_suffix('\'')).unwrap_or(&self.text)
    }

    /// Its number, if it has few digits.
    pub(super) fn value(&self) -> Option<u32> {
        if self.is_digits() && self.text.len() <= 8 { self.text.parse().ok() } else { None }
    }
}

/// One folded character and the bytes that it came from.
#[derive(Clone, Copy)]
struct Folded {
    c: char,
    from: usize,
    to: usize,
}

/// The tokens of `text`, in order. Linear in its length.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let letters = fold(text);
    let mut found: Vec<Token> = Vec::new();
    let mut gap = Gap::Line;
    let mut at = 0;
    while let Some(&first) = letters.get(at) {
        if first.c.is_whitespace() {
            let line = matches!(first.c, '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}');
            gap = gap.max(if line { Gap::Line } else { Gap::Blank });
            at += 1;
            continue;
        }
        let sort = sort_of(first.c);
        let mut end = at + 1;
        while let Some(next) = letters.get(end) {
            let inside = next.c == '\'' && letters.get(end + 1).is_some_and(|after| sort_of(after.c) == Sort::Word);
            let goes_on = match sort {
                Sort::Word => sort_of(next.c) == Sort::Word || inside,
                Sort::Digits => sort_of(next.c) == Sort::Digits,
                Sort::Mark => false,
            };
            if !goes_on {
                break;
            }
            end += 1;
        }
        let piece = &letters[at..end];
        let text: String = piece.iter().flat_map(|folded| folded.c.to_lowercase()).collect();
        let bytes = first.from..piece.last().map_or(first.to, |last| last.to);
        found.push(Token { sort, shape: shape_of(piece), gap, text, bytes });
        gap = Gap::None;
        at = end;
    }
    found
}

fn sort_of(c: char) -> Sort {
    if c.is_ascii_digit() {
        Sort::Digits
    } else if c.is_alphabetic() || c.is_numeric() {
        Sort::Word
    } else {
        Sort::Mark
    }
}

fn shape_of(piece: &[Folded]) -> Shape {
    let letters = || piece.iter().map(|folded| folded.c).filter(|c| c.is_alphabetic());
    let (upper, all) = (letters().filter(|c| c.is_uppercase()).count(), letters().count());
    let lower = letters().filter(|c| c.is_lowercase()).count();
    let first_upper = letters().next().is_some_and(char::is_uppercase);
    match () {
        () if lower == all && all > 0 => Shape::Lower,
        () if upper == all && all > 1 => Shape::Upper,
        // One capital alone is an initial more often than a word.
        () if first_upper && (upper <= 1 + all / 4 || upper == 2) => Shape::Title,
        () => Shape::Mixed,
    }
}

/// Letters as the eye reads them, each with the bytes of the character it came from; marks of no width are gone.
fn fold(text: &str) -> Vec<Folded> {
    let mut letters = Vec::with_capacity(text.len());
    for (from, c) in text.char_indices() {
        let to = from + c.len_utf8();
        if c.is_ascii() {
            letters.push(Folded { c, from, to });
            continue;
        }
        if is_dropped(c) {
            continue;
        }
        if let Some(digit) = digit(c) {
            letters.push(Folded { c: digit, from, to });
            continue;
        }
        if let Some(plain) = plain(c) {
            letters.extend(plain.chars().map(|c| Folded { c, from, to }));
            continue;
        }
        // A letter and its accent are one; Hangul would fall apart into letters that no eye reads.
        if ('\u{ac00}'..='\u{d7a3}').contains(&c) {
            letters.push(Folded { c, from, to });
            continue;
        }
        let decomposed = std::iter::once(c).nfkd().filter(|c| !is_combining_mark(*c));
        letters.extend(decomposed.map(|c| Folded { c, from, to }));
    }
    letters
}

/// Marks that take no room.
fn is_dropped(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{e0000}'..='\u{e007f}')
}

/// Letters and marks that decomposition leaves as they are, in plain ones.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'Ø' => "O",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'ß' => "ss",
        'æ' => "ae",
        'Æ' => "Ae",
        'œ' => "oe",
        'Œ' => "Oe",
        'þ' => "th",
        'Þ' => "Th",
        'ı' => "i",
        'ə' => "e",
        'Ə' => "E",
        '’' | '‘' | 'ʼ' | 'ʹ' | '′' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => "-",
        '∶' | 'ː' => ":",
        '⁄' | '∕' => "/",
        '。' | '․' => ".",
        _ => return None,
    })
}

/// The digit zero of each script that people type numbers in (Unicode's Nd).
const ZEROS: [char; 23] = [
    '٠', '۰', '߀', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '෦', '๐', '໐', '༠', '၀', '០', '᠐', '０', '᧐', '᮰', '꩐',
];

/// A digit of any script as ASCII.
fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    // Styled digits of mathematics come in five sets of ten.
    if (0x1d7ce..=0x1d7ff).contains(&code) {
        return char::from_digit((code - 0x1d7ce) % 10, 10);
    }
    let zero = ZEROS.iter().find(|zero| (u32::from(**zero)..u32::from(**zero) + 10).contains(&code))?;
    char::from_digit(code - u32::from(*zero), 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_folded_and_keep_their_bytes() {
        let check = |text: &str, expected: &[&str]| {
            let found = tokens(text);
            let texts: Vec<&str> = found.iter().map(|token| token.text.as_str()).collect();
            assert_eq!(texts, expected, "{text}");
            for token in &found {
                assert!(text.get(token.bytes.clone()).is_some(), "{text}: {token:?}");
            }
        };
        check("Dr. O’Brien's", &["dr", ".", "o'brien's"]);
        check("٠٧٧ ०१२ ０９", &["077", "012", "09"]);
        check("9\u{200b}4\u{ad}3", &["943"]);
        check("Šárka Ottová, Łódź", &["sarka", "ottova", ",", "lodz"]);
        check("𝟘𝟙 ﬁne", &["01", "fine"]);
        check("", &[]);
    }

    #[test]
    fn shapes_and_gaps_are_told_apart() {
        let found = tokens("Anna McKay USA mRNA\nx");
        let shapes: Vec<Shape> = found.iter().map(|token| token.shape).collect();
        assert_eq!(shapes, [Shape::Title, Shape::Title, Shape::Upper, Shape::Mixed, Shape::Lower]);
        let gaps: Vec<Gap> = found.iter().map(|token| token.gap).collect();
        assert_eq!(gaps, [Gap::Line, Gap::Blank, Gap::Blank, Gap::Blank, Gap::Line]);
    }
}
