//! One line that is edited as readline does, with its history and its completion (pure).

use unicode_segmentation::UnicodeSegmentation as _;

use crate::key::Key;
use crate::names::Names;
use crate::text::{Charset, clean};

/// Questions that are remembered.
pub(crate) const REMEMBERED: usize = 200;

/// Bytes of the longest line; a question is shorter.
const LONGEST: usize = 4_000;

/// What keys do in a line, as the help says it. Whoever adds one to [`Line::edit`] adds it here; a test holds the two
/// together.
pub(crate) const EDITS: [(&[Key], &str); 16] = [
    (&[Key::Left, Key::Ctrl('b')], "a letter back"),
    (&[Key::Right, Key::Ctrl('f')], "a letter on"),
    (&[Key::Alt('b')], "a word back"),
    (&[Key::Alt('f')], "a word on"),
    (&[Key::Home, Key::Ctrl('a')], "to the beginning"),
    (&[Key::End, Key::Ctrl('e')], "to the end"),
    (&[Key::Backspace, Key::Ctrl('h')], "delete the letter before"),
    (&[Key::Delete, Key::Ctrl('d')], "delete the letter under the cursor"),
    (&[Key::Ctrl('w'), Key::AltBackspace], "cut the word before"),
    (&[Key::Alt('d')], "cut the word behind"),
    (&[Key::Ctrl('u')], "cut all that is before"),
    (&[Key::Ctrl('k')], "cut all that is behind"),
    (&[Key::Ctrl('y')], "put back what was cut last"),
    (&[Key::Ctrl('t')], "swap two letters"),
    (&[Key::Up, Key::Ctrl('p')], "the question before"),
    (&[Key::Down, Key::Ctrl('n')], "the question after"),
];

/// A line with its cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    text: String,
    /// In bytes, between two graphemes.
    cursor: usize,
    /// What was cut last.
    cut: String,
    history: Vec<String>,
    /// Which line of the history is shown, counted from the end, and what was typed before.
    browsing: Option<(usize, String)>,
}

/// What a key did to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// The text is another one.
    Changed,
    /// Only the cursor moved, or nothing did.
    Moved,
    /// The key means nothing here.
    Unknown,
}

impl Line {
    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor stands, in bytes.
    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Replaces the text; the cursor stands behind it.
    pub(crate) fn set(&mut self, text: &str) {
        self.text = clean(text, Charset::Utf8);
        self.cursor = self.text.len();
        self.browsing = None;
    }

    /// Remembers the text as asked, and gives it back unless it was the last one that was asked.
    pub(crate) fn remember(&mut self) -> Option<String> {
        let asked = self.text.trim().to_owned();
        self.browsing = None;
        if asked.is_empty() || self.history.last() == Some(&asked) {
            return None;
        }
        self.history.push(asked.clone());
        let surplus = self.history.len().saturating_sub(REMEMBERED);
        self.history.drain(..surplus);
        Some(asked)
    }

    /// Puts questions of earlier sessions before those of this one.
    pub(crate) fn recall(&mut self, earlier: Vec<String>) {
        let earlier = earlier.into_iter().map(|line| clean(line.trim(), Charset::Utf8)).filter(|line| !line.is_empty());
        let mut history: Vec<String> = earlier.filter(|line| line.len() <= LONGEST).collect();
        history.append(&mut self.history);
        let surplus = history.len().saturating_sub(REMEMBERED);
        self.history = history.split_off(surplus);
    }

    /// Whether an older line is shown.
    pub(crate) fn is_browsing(&self) -> bool {
        self.browsing.is_some()
    }

    /// Puts `text` where the cursor is, without what may not be drawn.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = clean(text, Charset::Utf8);
        if self.text.len() + text.len() <= LONGEST {
            self.text.insert_str(self.cursor, &text);
            // A mark joins the letter before it: the cursor never stands between the two.
            self.cursor = self.bound_from(self.cursor + text.len());
        }
    }

    /// What completes the end of the line, if the cursor is there.
    pub(crate) fn completion<'a>(&self, names: &'a Names) -> Option<&'a str> {
        if self.cursor == self.text.len() { names.complete(&self.text) } else { None }
    }

    /// Takes a key as readline does.
    pub(crate) fn edit(&mut self, key: Key) -> Edit {
        let before = self.text.clone();
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Key::Left | Key::Ctrl('b') => self.cursor = self.before(),
            Key::Right | Key::Ctrl('f') => self.cursor = self.after(),
            Key::Home | Key::Ctrl('a') => self.cursor = 0,
            Key::End | Key::Ctrl('e') => self.cursor = self.text.len(),
            Key::Alt('b') => self.cursor = self.word_before(),
            Key::Alt('f') => self.cursor = self.word_after(),
            Key::Backspace | Key::Ctrl('h') => self.delete(self.before(), self.cursor),
            Key::Delete | Key::Ctrl('d') => self.delete(self.cursor, self.after()),
            Key::Ctrl('u') => self.cut(0, self.cursor),
            Key::Ctrl('k') => self.cut(self.cursor, self.text.len()),
            Key::Ctrl('w') => self.cut(self.blank_before(), self.cursor),
            Key::AltBackspace => self.cut(self.word_before(), self.cursor),
            Key::Alt('d') => self.cut(self.cursor, self.word_after()),
            Key::Ctrl('y') => self.insert(&self.cut.clone()),
            Key::Ctrl('t') => self.transpose(),
            Key::Up | Key::Ctrl('p') => self.older(),
            Key::Down | Key::Ctrl('n') => self.newer(),
            _ => return Edit::Unknown,
        }
        if self.text == before { Edit::Moved } else { Edit::Changed }
    }

    fn delete(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        self.cursor = start;
    }

    fn cut(&mut self, start: usize, end: usize) {
        if start < end {
            self.text[start..end].clone_into(&mut self.cut);
            self.delete(start, end);
        }
    }

    /// Swaps the letter before the cursor and the one under it.
    fn transpose(&mut self) {
        let at = if self.cursor == self.text.len() { self.before() } else { self.cursor };
        let first = self.bound_to(at);
        let second = self.bound_from(at + 1);
        if first < at && at < second {
            let swapped = format!("{}{}", &self.text[at..second], &self.text[first..at]);
            self.text.replace_range(first..second, &swapped);
            self.cursor = self.bound_from(first + swapped.len());
        }
    }

    fn older(&mut self) {
        let (place, typed) = self.browsing.clone().unwrap_or((0, self.text.clone()));
        if place < self.history.len() {
            self.show(place + 1, typed);
        }
    }

    fn newer(&mut self) {
        match self.browsing.clone() {
            Some((1, typed)) => self.set(&typed),
            Some((place, typed)) => self.show(place - 1, typed),
            None => {}
        }
    }

    fn show(&mut self, place: usize, typed: String) {
        if let Some(line) = self.history.len().checked_sub(place).and_then(|at| self.history.get(at)) {
            self.text = line.clone();
            self.cursor = self.text.len();
            self.browsing = Some((place, typed));
        }
    }

    fn before(&self) -> usize {
        self.bound_to(self.cursor)
    }

    fn after(&self) -> usize {
        self.bound_from(self.cursor + 1)
    }

    /// The last bound of a grapheme before `at`.
    fn bound_to(&self, at: usize) -> usize {
        self.text.grapheme_indices(true).map(|(start, _)| start).take_while(|start| *start < at).last().unwrap_or(0)
    }

    /// The first bound of a grapheme at `at` or after it.
    fn bound_from(&self, at: usize) -> usize {
        let starts = self.text.grapheme_indices(true).map(|(start, _)| start);
        starts.chain([self.text.len()]).find(|start| *start >= at).unwrap_or(self.text.len())
    }

    fn word_before(&self) -> usize {
        let words = self.text.unicode_word_indices().map(|(start, _)| start);
        words.take_while(|start| *start < self.cursor).last().unwrap_or(0)
    }

    fn word_after(&self) -> usize {
        let ends = self.text.unicode_word_indices().map(|(start, word)| start + word.len());
        ends.into_iter().find(|end| *end > self.cursor).unwrap_or(self.text.len())
    }

    /// The beginning of what stands between the cursor and the blank before it.
    fn blank_before(&self) -> usize {
        let before = self.text[..self.cursor].trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line after keys, with `|` where the cursor stands.
    fn after(typed: &str, keys: &[Key]) -> String {
        let mut line = Line::default();
        line.set(typed);
        for key in keys {
            line.edit(*key);
        }
        let (before, behind) = line.text.split_at(line.cursor);
        format!("{before}|{behind}")
    }

    #[test]
    fn a_line_is_edited_as_readline_does() {
        use Key::{Alt, AltBackspace, Backspace, Char, Ctrl, Delete, End, Home, Left};
        let check = |typed: &str, keys: &[Key], expected: &str| assert_eq!(after(typed, keys), expected, "{keys:?}");
        check("sepsis", &[Char('!')], "sepsis!|");
        check("sepsis", &[Left, Left, Char('x')], "sepsx|is");
        check("sepsis", &[Ctrl('a'), Delete], "|epsis");
        check("one two three", &[Ctrl('w')], "one two |");
        check("one two three", &[Ctrl('w'), Ctrl('w'), Ctrl('y')], "one two |");
        check("one two", &[Alt('b'), AltBackspace], "|two");
        check("one two", &[Home, Alt('d')], "| two");
        check("one two", &[Home, Alt('f'), Ctrl('k')], "one|");
        check("one two", &[Ctrl('u'), Ctrl('y'), Ctrl('y')], "one twoone two|");
        check("ab", &[Ctrl('t')], "ba|");
        check("naïve", &[Left, Left, Backspace], "na|ve");
        check("e\u{301}a", &[Left, Backspace], "|a");
        check("x", &[Ctrl('h'), Backspace, Delete, Ctrl('d'), End], "|");
        check("", &[Char('\u{202e}'), Char('\u{1b}')], "|");
    }

    #[test]
    fn the_help_names_every_key_that_edits_and_no_other() {
        let listed: Vec<Key> = EDITS.iter().flat_map(|(keys, _)| keys.iter().copied()).collect();
        for key in Key::all().into_iter().filter(|key| !matches!(key, Key::Char(_))) {
            let edits = Line::default().edit(key) != Edit::Unknown;
            assert_eq!(edits, listed.contains(&key), "{key}");
        }
    }

    #[test]
    fn older_questions_come_back_and_what_was_typed_too() {
        let mut line = Line::default();
        for asked in ["first", "second", "second", " "] {
            line.set(asked);
            line.remember();
        }
        line.set("typed");
        let mut press = |key| {
            line.edit(key);
            line.text().to_owned()
        };
        assert_eq!(press(Key::Up), "second");
        assert_eq!(press(Key::Up), "first");
        assert_eq!(press(Key::Up), "first");
        assert_eq!(press(Key::Down), "second");
        assert_eq!(press(Key::Down), "typed");
        assert_eq!(press(Key::Down), "typed");
    }

    proptest::proptest! {
        #[test]
        fn the_cursor_stays_between_letters(keys in proptest::collection::vec((0usize..20, proptest::char::any()), 0..60)) {
            let mut line = Line::default();
            for (which, c) in keys {
                let keys = [
                    Key::Char(c), Key::Char('a'), Key::Char(' '), Key::Left, Key::Right, Key::Home, Key::End, Key::Backspace,
                    Key::Delete, Key::Ctrl('w'), Key::Ctrl('u'), Key::Ctrl('k'), Key::Ctrl('y'), Key::Ctrl('t'), Key::Alt('b'),
                    Key::Alt('f'), Key::Alt('d'), Key::AltBackspace, Key::Up, Key::Down,
                ];
                line.edit(keys[which]);
                proptest::prop_assert!(line.text().is_char_boundary(line.cursor()));
                proptest::prop_assert!(line.text().chars().all(crate::text::may_be_drawn));
            }
        }
    }
}
