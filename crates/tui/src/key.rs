//! Which keys are there, and how are they written in the help and in the settings (pure)?

use std::fmt;
use std::str::FromStr;

/// A key as it was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A letter, digit or sign.
    Char(char),
    /// One with Ctrl.
    Ctrl(char),
    /// One with Alt.
    Alt(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator.
    Tab,
    /// The same with Shift.
    BackTab,
    /// Deletes to the left.
    Backspace,
    /// Deletes a word to the left.
    AltBackspace,
    /// Deletes under the cursor.
    Delete,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// A page back.
    PageUp,
    /// A page on.
    PageDown,
}

/// Keys that have a name, with the sign that the help shows where it can.
const NAMED: [(Key, &str, &str); 16] = [
    (Key::Enter, "enter", "Enter"),
    (Key::Esc, "esc", "Esc"),
    (Key::Tab, "tab", "Tab"),
    (Key::BackTab, "shift-tab", "Shift-Tab"),
    (Key::Backspace, "backspace", "Backspace"),
    (Key::AltBackspace, "alt-backspace", "Alt-Backspace"),
    (Key::Delete, "delete", "Del"),
    (Key::Left, "left", "Left"),
    (Key::Right, "right", "Right"),
    (Key::Up, "up", "Up"),
    (Key::Down, "down", "Down"),
    (Key::Home, "home", "Home"),
    (Key::End, "end", "End"),
    (Key::PageUp, "pageup", "PgUp"),
    (Key::PageDown, "pagedown", "PgDn"),
    (Key::Char(' '), "space", "Space"),
];

#[cfg(test)]
impl Key {
    /// Every key that a terminal of ASCII can send.
    pub(crate) fn all() -> Vec<Self> {
        let letters = || 'a'..='z';
        let mut all: Vec<Self> = NAMED.iter().map(|(key, ..)| *key).collect();
        all.extend((' '..='~').map(Self::Char));
        all.extend(letters().map(Self::Ctrl));
        all.extend(letters().map(Self::Alt));
        all
    }
}

/// Why a text is not a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{found}` is no key; write one character, ctrl-x, alt-x, or enter, esc, tab, space, up, pagedown …")]
pub struct KeyError {
    /// The text, escaped.
    pub found: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, _, shown)) = NAMED.iter().find(|(key, ..)| key == self) {
            return f.write_str(shown);
        }
        match self {
            Self::Char(c) => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "Ctrl-{c}"),
            Self::Alt(c) => write!(f, "Alt-{c}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl FromStr for Key {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError { found: text.escape_default().to_string() };
        let lower = text.to_lowercase();
        if let Some((key, ..)) = NAMED.iter().find(|(_, name, _)| *name == lower) {
            return Ok(*key);
        }
        let single = |text: &str| {
            let mut chars = text.chars();
            chars.next().filter(|c| chars.next().is_none() && crate::text::may_be_drawn(*c))
        };
        if let Some(rest) = lower.strip_prefix("ctrl-") {
            return single(rest).map(Self::Ctrl).ok_or_else(wrong);
        }
        if let Some(rest) = lower.strip_prefix("alt-") {
            return single(rest).map(Self::Alt).ok_or_else(wrong);
        }
        single(text).map(Self::Char).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let check = |text: &str, expected: Option<Key>| assert_eq!(text.parse::<Key>().ok(), expected, "{text}");
        check("j", Some(Key::Char('j')));
        check("G", Some(Key::Char('G')));
        check("Ctrl-D", Some(Key::Ctrl('d')));
        check("alt-x", Some(Key::Alt('x')));
        check("Space", Some(Key::Char(' ')));
        check("PgDn", None);
        check("pagedown", Some(Key::PageDown));
        check("", None);
        check("jj", None);
        check("\u{1b}", None);
        for (key, name, shown) in NAMED {
            assert_eq!(name.parse(), Ok(key));
            assert_eq!(key.to_string(), shown);
        }
    }
}
