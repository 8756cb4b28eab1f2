//! Which key does what (pure)? One table is the keys, the help, the hints and what settings may change.

use std::collections::BTreeMap;

use crate::key::{Key, KeyError};

/// What a key can do outside the question line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Question,
    Accept,
    Down,
    Up,
    First,
    Last,
    HalfDown,
    HalfUp,
    NextPane,
    PreviousPane,
    Open,
    Copy,
    Pin,
    Worklist,
    Export,
    Report,
    Filters,
    Sort,
    Explain,
    Similar,
    Compare,
    Contents,
    NextMatch,
    PreviousMatch,
    Librarian,
    Check,
    Rebuild,
    Help,
    Back,
    Redraw,
    Suspend,
    Quit,
    Interrupt,
}

/// One line of the table.
pub(crate) struct Binding {
    pub(crate) action: Action,
    /// Its name in the settings.
    pub(crate) name: &'static str,
    /// The keys it has unless settings give it others.
    keys: &'static [Key],
    /// One word for the last line.
    pub(crate) hint: &'static str,
    /// What the help says.
    pub(crate) help: &'static str,
}

/// Every action, in the order of the help.
pub(crate) const BINDINGS: [Binding; 33] = [
    binding(
        Action::Question,
        "question",
        &[Key::Char('/')],
        "question",
        "type a question; in a document: search in it",
    ),
    binding(Action::Accept, "accept", &[Key::Enter], "ask", "ask the question; in lists: open or choose"),
    binding(Action::Down, "down", &[Key::Char('j'), Key::Down], "down", "down"),
    binding(Action::Up, "up", &[Key::Char('k'), Key::Up], "up", "up"),
    binding(Action::First, "first", &[Key::Char('g'), Key::Home], "first", "to the beginning"),
    binding(Action::Last, "last", &[Key::Char('G'), Key::End], "last", "to the end"),
    binding(Action::HalfDown, "half-down", &[Key::Ctrl('d'), Key::PageDown], "half down", "half a page down"),
    binding(Action::HalfUp, "half-up", &[Key::Ctrl('u'), Key::PageUp], "half up", "half a page up"),
    binding(Action::NextPane, "next-pane", &[Key::Tab], "pane", "next pane; in the question: take the completion"),
    binding(Action::PreviousPane, "previous-pane", &[Key::BackTab], "pane back", "pane before"),
    binding(Action::Open, "open", &[Key::Char('o')], "open", "open the document at its span; in it: its web address"),
    binding(Action::Copy, "copy", &[Key::Char('y')], "copy", "copy the quote with its citation"),
    binding(
        Action::Pin,
        "pin",
        &[Key::Char('p'), Key::Char(' ')],
        "pin",
        "pin the passage to the worklist, or unpin it",
    ),
    binding(Action::Worklist, "worklist", &[Key::Char('w')], "worklist", "what is pinned"),
    binding(Action::Export, "export", &[Key::Char('e')], "export", "write what is pinned to a file"),
    binding(Action::Report, "report", &[Key::Char('!')], "report", "report a wrong answer, redacted"),
    binding(Action::Filters, "filters", &[Key::Char('f')], "filter", "conditions: kind, grade, date, place and more"),
    binding(Action::Sort, "sort", &[Key::Char('s')], "sort", "sort by relevance, date, title or kind"),
    binding(Action::Explain, "explain", &[Key::Char('x')], "why", "why is this passage here"),
    binding(Action::Similar, "similar", &[Key::Char('m')], "more like it", "passages that say something like it"),
    binding(
        Action::Compare,
        "compare",
        &[Key::Char('c')],
        "compare",
        "mark for comparison; on a second one: side by side",
    ),
    binding(Action::Contents, "contents", &[Key::Char('t')], "contents", "table of contents of a document"),
    binding(
        Action::NextMatch,
        "next-match",
        &[Key::Char('n')],
        "next",
        "next place that was searched for in a document",
    ),
    binding(Action::PreviousMatch, "previous-match", &[Key::Char('N')], "before", "place before"),
    binding(Action::Librarian, "librarian", &[Key::Char('L')], "librarian", "generations, corpora, rebuild, gaps"),
    binding(Action::Check, "check", &[Key::Char('v')], "verify", "librarian: compare every byte with its checksum"),
    binding(Action::Rebuild, "rebuild", &[Key::Char('R')], "rebuild", "librarian: rebuild the index from its corpora"),
    binding(Action::Help, "help", &[Key::Char('?')], "keys", "every key"),
    binding(Action::Back, "back", &[Key::Esc], "back", "back"),
    binding(Action::Redraw, "redraw", &[Key::Ctrl('l')], "redraw", "draw the screen anew"),
    binding(Action::Suspend, "suspend", &[Key::Ctrl('z')], "suspend", "suspend; `fg` comes back"),
    binding(Action::Quit, "quit", &[Key::Char('q')], "quit", "quit"),
    binding(Action::Interrupt, "interrupt", &[Key::Ctrl('c')], "quit", "quit, from anywhere"),
];

const fn binding(
    action: Action,
    name: &'static str,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { action, name, keys, hint, help }
}

/// Why keys cannot be as the settings say.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeymapError {
    /// There is no such action.
    #[error("`{found}` under [keys] is nothing that a key can do; `?` in `clinqa tui` lists: {known}")]
    Unknown {
        /// The name, escaped.
        found: String,
        /// All names.
        known: String,
    },
    /// What was written is no key.
    #[error("cannot read the key of `{action}`: {source}")]
    Key {
        /// The action.
        action: String,
        /// Why.
        source: KeyError,
    },
    /// Two actions want one key.
    #[error("the key {key} is given to both `{first}` and `{second}`; give one of them another")]
    Taken {
        /// The key.
        key: String,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },
    /// Nobody could leave any more.
    #[error("`{action}` has no key under [keys]; give it one")]
    Missing {
        /// The action.
        action: String,
    },
}

/// The keys in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap(BTreeMap<Key, Action>);

impl Default for Keymap {
    fn default() -> Self {
        Self(BINDINGS.iter().flat_map(|line| line.keys.iter().map(|key| (*key, line.action))).collect())
    }
}

impl Keymap {
    /// The keys of the table, but those that `changed` names by their actions.
    ///
    /// Ctrl-c and `?` keep their meaning whatever is changed, unless another key is given to their own actions as well.
    pub fn with(changed: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        let known = || BINDINGS.iter().map(|line| line.name).collect::<Vec<_>>().join(", ");
        if let Some(stranger) = changed.keys().find(|name| !BINDINGS.iter().any(|line| line.name == **name)) {
            return Err(KeymapError::Unknown { found: stranger.escape_default().to_string(), known: known() });
        }
        let mut taken: BTreeMap<Key, &Binding> = BTreeMap::new();
        for line in &BINDINGS {
            let keys = match changed.get(line.name) {
                None => line.keys.to_vec(),
                Some(keys) => {
                    let action = || line.name.to_owned();
                    let parse =
                        |key: &String| key.parse().map_err(|source| KeymapError::Key { action: action(), source });
                    keys.iter().map(parse).collect::<Result<Vec<Key>, _>>()?
                }
            };
            if keys.is_empty() {
                return Err(KeymapError::Missing { action: line.name.to_owned() });
            }
            for key in keys {
                if let Some(other) = taken.insert(key, line).filter(|other| other.action != line.action) {
                    let (first, second) = (other.name.to_owned(), line.name.to_owned());
                    return Err(KeymapError::Taken { key: key.to_string(), first, second });
                }
            }
        }
        Ok(Self(taken.into_iter().map(|(key, line)| (key, line.action)).collect()))
    }

    /// Every key of the table, but those that end a session or stop it.
    #[cfg(test)]
    pub(crate) fn default_keys() -> Vec<Key> {
        let ends = [Action::Quit, Action::Interrupt, Action::Suspend];
        Self::default().0.into_iter().filter(|(_, action)| !ends.contains(action)).map(|(key, _)| key).collect()
    }

    /// What `key` does.
    pub(crate) fn action(&self, key: Key) -> Option<Action> {
        self.0.get(&key).copied()
    }

    /// The keys of `action`, those of the table in its order first.
    pub(crate) fn keys(&self, action: Action) -> Vec<Key> {
        let mut keys: Vec<Key> = self.0.iter().filter(|(_, found)| **found == action).map(|(key, _)| *key).collect();
        let table = BINDINGS.iter().find(|line| line.action == action).map_or(&[] as &[Key], |line| line.keys);
        keys.sort_by_key(|key| table.iter().position(|known| known == key).unwrap_or(table.len()));
        keys
    }

    /// The key that hints name.
    pub(crate) fn shown(&self, action: Action) -> String {
        self.keys(action).first().map(ToString::to_string).unwrap_or_default()
    }
}

/// The line of the table for `action`.
pub(crate) fn hint(action: Action) -> &'static str {
    BINDINGS.iter().find(|line| line.action == action).map_or("", |line| line.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(pairs: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        let texts = |keys: &[&str]| keys.iter().map(ToString::to_string).collect();
        Keymap::with(&pairs.iter().map(|(name, keys)| ((*name).to_owned(), texts(keys))).collect())
    }

    #[test]
    fn every_action_stands_in_the_table_once_and_no_key_does_two_things() {
        let keys: usize = BINDINGS.iter().map(|line| line.keys.len()).sum();
        assert_eq!(Keymap::default().0.len(), keys, "no key twice");
        for (at, line) in BINDINGS.iter().enumerate() {
            assert_eq!(line.action as usize, at, "{}", line.name);
        }
        assert_eq!(changed(&[]), Ok(Keymap::default()));
    }

    #[test]
    fn settings_give_other_keys_or_are_refused_with_the_reason() {
        let keymap = changed(&[("quit", &["Q", "ctrl-q"])]).expect("keys");
        assert_eq!(keymap.action(Key::Ctrl('q')), Some(Action::Quit));
        assert_eq!(keymap.action(Key::Char('q')), None);
        assert!(matches!(changed(&[("fly", &["x"])]), Err(KeymapError::Unknown { .. })));
        assert!(matches!(changed(&[("quit", &["xx"])]), Err(KeymapError::Key { .. })));
        assert!(matches!(changed(&[("quit", &["j"])]), Err(KeymapError::Taken { .. })));
        assert!(matches!(changed(&[("quit", &[])]), Err(KeymapError::Missing { .. })));
    }
}
