//! What may be drawn of a text, and how is it broken into lines (pure)?
//!
//! Documents and answers come from elsewhere. A control or escape character drives the terminal, a bidirectional mark turns
//! text around, a zero-width character hides words, a tower of accents covers the lines above: none of these is drawn.
//! Everything that reaches the screen goes through [`clean`].

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Everything that is visible.
    Utf8,
    /// ASCII only; figures and signs of a medical text are written out.
    Ascii,
}

/// Marks above one letter that are drawn; languages need two.
const MOST_MARKS: usize = 2;

/// What becomes of one character.
enum Shown {
    Nothing,
    Itself,
    Instead(&'static str),
}

/// `text` as it may be drawn on one line: no character that drives, turns around or hides; line ends and tabs are blanks.
pub(crate) fn clean(text: &str, charset: Charset) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        match shown(c, charset, &mut marks) {
            Shown::Nothing => {}
            Shown::Itself => out.push(c),
            Shown::Instead(other) => out.push_str(other),
        }
    }
    out
}

/// Whether `c` may stand in a cell of the screen.
pub(crate) fn may_be_drawn(c: char) -> bool {
    !(c.is_control() || is_hidden(c))
}

/// Columns that `text` takes once it is cleaned.
pub(crate) fn columns(text: &str, charset: Charset) -> usize {
    let mut marks = 0;
    text.chars().map(|c| columns_of(c, charset, &mut marks)).sum()
}

/// The beginning of `text`, cleaned, in at most `width` columns; what is cut off is marked.
pub(crate) fn fit(text: &str, width: usize, charset: Charset) -> String {
    if columns(text, charset) <= width {
        return clean(text, charset);
    }
    let mark = if charset == Charset::Utf8 { "…" } else { "~" };
    let room = width.saturating_sub(1);
    let mut out = String::new();
    let (mut used, mut marks) = (0, 0);
    for c in text.chars() {
        let mut next = marks;
        let columns = columns_of(c, charset, &mut next);
        if used + columns > room {
            break;
        }
        used += columns;
        match shown(c, charset, &mut marks) {
            Shown::Nothing => {}
            Shown::Itself => out.push(c),
            Shown::Instead(other) => out.push_str(other),
        }
    }
    if width > 0 {
        out.push_str(mark);
    }
    out
}

/// The lines of `text` in `width` columns, in bytes of `text`: broken at line ends, else between words, else in a word.
///
/// An empty line is an empty range. Blanks at a break belong to no line.
pub(crate) fn wrap(text: &str, width: usize, charset: Charset) -> Vec<Range<usize>> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut start = 0;
    for paragraph in text.split('\n') {
        wrap_paragraph(text, start..start + paragraph.len(), (width, charset), &mut lines);
        start += paragraph.len() + 1;
    }
    lines
}

fn wrap_paragraph(
    text: &str,
    paragraph: Range<usize>,
    (width, charset): (usize, Charset),
    lines: &mut Vec<Range<usize>>,
) {
    let mut start = paragraph.start;
    // Where the line may end, and where the next one would begin.
    let mut last_break: Option<(usize, usize)> = None;
    let (mut used, mut marks) = (0, 0);
    for (offset, c) in text[paragraph.clone()].char_indices() {
        let at = paragraph.start + offset;
        let columns = columns_of(c, charset, &mut marks);
        // More blanks at a break belong to it.
        if c.is_whitespace() && at == start && start > paragraph.start {
            start = at + c.len_utf8();
            continue;
        }
        if c.is_whitespace() {
            let ends_word = last_break.is_none_or(|(_, next)| next < at);
            let end = if ends_word { at } else { last_break.map_or(at, |(end, _)| end) };
            last_break = Some((end, at + c.len_utf8()));
        }
        if used + columns > width && at > start {
            match last_break {
                Some((end, next)) if end > start => {
                    lines.push(start..end);
                    start = next;
                    used = self::columns(&text[start.min(at)..at], charset);
                    last_break = None;
                    // The blank that did not fit is the break itself.
                    if next > at {
                        used = 0;
                        continue;
                    }
                }
                _ => {
                    lines.push(start..at);
                    start = at;
                    used = 0;
                    last_break = None;
                }
            }
        }
        used += columns;
    }
    lines.push(start..paragraph.end.max(start));
}

fn columns_of(c: char, charset: Charset, marks: &mut usize) -> usize {
    match shown(c, charset, marks) {
        Shown::Nothing => 0,
        Shown::Itself => c.width().unwrap_or(0),
        Shown::Instead(other) => other.len(),
    }
}

/// `marks` counts the marks without a width that stand above the last letter.
fn shown(c: char, charset: Charset, marks: &mut usize) -> Shown {
    if matches!(c, '\n' | '\t' | '\r' | '\u{2028}' | '\u{2029}' | '\u{a0}') {
        *marks = 0;
        return Shown::Instead(" ");
    }
    if !may_be_drawn(c) {
        return Shown::Nothing;
    }
    if c.width().unwrap_or(0) == 0 {
        *marks += 1;
        let drawn = *marks <= MOST_MARKS && charset == Charset::Utf8;
        return if drawn { Shown::Itself } else { Shown::Nothing };
    }
    *marks = 0;
    if charset == Charset::Utf8 || c.is_ascii() { Shown::Itself } else { Shown::Instead(in_ascii(c)) }
}

/// Formatting characters of Unicode: what is there to steer and not to be seen, what has no meaning of its own, and what
/// private agreements alone give one.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{10ffff}')
}

/// What stands for a character where only ASCII can be shown. A sign that decides a dose is never lost without a trace.
fn in_ascii(c: char) -> &'static str {
    match c {
        '‘' | '’' | 'ʼ' | '′' => "'",
        '“' | '”' | '″' | '«' | '»' => "\"",
        '–' | '‐' | '‑' | '−' => "-",
        '—' => "--",
        '…' => "...",
        '•' | '·' => "*",
        '≥' | '⩾' => ">=",
        '≤' | '⩽' => "<=",
        '≠' => "!=",
        '≈' => "~",
        '±' => "+/-",
        '×' => "x",
        '÷' => "/",
        '°' => " deg ",
        '½' => "1/2",
        '¼' => "1/4",
        '¾' => "3/4",
        '²' => "^2",
        '³' => "^3",
        '→' => "->",
        '←' => "<-",
        '›' | '▸' => ">",
        'à' | 'á' | 'â' | 'ã' | 'å' => "a",
        'ä' | 'æ' => "ae",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
        'ö' | 'œ' => "oe",
        // The sign for a millionth is written so too.
        'µ' | 'μ' | 'ù' | 'ú' | 'û' => "u",
        'ü' => "ue",
        'ç' => "c",
        'ñ' => "n",
        'ß' => "ss",
        'É' => "E",
        'Ö' => "Oe",
        'Ü' => "Ue",
        'Ä' => "Ae",
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        '£' => "GBP ",
        '€' => "EUR ",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_turns_around_or_hides_is_not_drawn() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text, Charset::Utf8), expected, "{text:?}");
        check("plain", "plain");
        check("\u{1b}[31mred\u{1b}[0m", "[31mred[0m");
        check("\u{9b}31mred", "31mred");
        check("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{ad}f", "abcdef");
        check("line\nend\ttab\r", "line end tab ");
        check("e\u{301}\u{302}\u{303}\u{304}", "e\u{301}\u{302}");
        check("tag\u{e0041}s", "tags");
        check("7.5 mmol/L ≥ 2", "7.5 mmol/L ≥ 2");
    }

    #[test]
    fn a_sign_that_decides_a_dose_is_written_out_in_ascii() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text, Charset::Ascii), expected, "{text:?}");
        check("≥ 5 µg", ">= 5 ug");
        check("38 °C, naïve", "38  deg C, naive");
        check("日本", "??");
    }

    #[test]
    fn a_text_is_cut_to_its_columns() {
        let check = |text: &str, width, expected: &str| assert_eq!(fit(text, width, Charset::Utf8), expected);
        check("sepsis", 6, "sepsis");
        check("sepsis", 5, "seps…");
        check("日本語", 4, "日…");
        check("x", 0, "");
    }

    #[test]
    fn lines_break_between_words_and_else_within_them() {
        let check = |text: &str, width, expected: &[&str]| {
            let lines = wrap(text, width, Charset::Utf8);
            let lines: Vec<&str> = lines.into_iter().map(|line| &text[line]).collect();
            assert_eq!(lines, expected, "{text:?} in {width}");
        };
        check("one two three", 7, &["one two", "three"]);
        check("one two three", 8, &["one two", "three"]);
        check("one\n\ntwo", 9, &["one", "", "two"]);
        check("abcdefgh", 3, &["abc", "def", "gh"]);
        check("a bcdefgh", 3, &["a", "bcd", "efg", "h"]);
        check("", 3, &[""]);
        check("日本語", 4, &["日本", "語"]);
        check("one  two", 3, &["one", "two"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(text in "(\\PC|[\n \u{202e}\u{1b}]){0,120}", width in 2usize..40) {
            for charset in [Charset::Utf8, Charset::Ascii] {
                let lines = wrap(&text, width, charset);
                let mut end = 0;
                for line in &lines {
                    proptest::prop_assert!(line.start >= end && line.end <= text.len());
                    proptest::prop_assert!(text[end..line.start].chars().all(char::is_whitespace));
                    // One replacement of several columns cannot be broken.
                    let widest = if charset == Charset::Utf8 { width } else { width.max(5) };
                    proptest::prop_assert!(columns(&text[line.clone()], charset) <= widest);
                    end = line.end;
                }
                proptest::prop_assert!(text[end..].chars().all(char::is_whitespace));
            }
        }

        #[test]
        fn whatever_is_cleaned_may_be_drawn(text in "(\\PC|\\p{C}|\\p{M}){0,60}") {
            for charset in [Charset::Utf8, Charset::Ascii] {
                let clean = clean(&text, charset);
                proptest::prop_assert!(clean.chars().all(may_be_drawn));
                proptest::prop_assert!(charset == Charset::Utf8 || clean.is_ascii());
            }
        }
    }
}
