//! Which keys work, and where (pure)?

use crate::block::Block;
use crate::key::Key;
use crate::keymap::{Action, BINDINGS};
use crate::line::EDITS;
use crate::run::Pointer;
use crate::state::State;
use crate::theme::Role;

/// Every key, by where it works.
pub(crate) fn text(state: &State) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (title, rows) in sections(state) {
        if !blocks.is_empty() {
            blocks.push(Block::gap());
        }
        blocks.push(Block::of(Role::Title, title));
        let keys = rows.iter().map(|(keys, _)| written(keys));
        let widest = keys.map(|keys| keys.len()).max().unwrap_or(0);
        blocks.extend(rows.iter().map(|(keys, help)| row(&written(keys), help, widest)));
    }
    blocks.push(Block::gap());
    blocks.push(Block::plain(match state.pointer {
        Pointer::Terminal => "The mouse is left to your terminal: select and scroll as you are used to.",
        Pointer::Screen => "A click chooses, the wheel scrolls; with Shift the mouse is your terminal's.",
    }));
    blocks
}

fn written(keys: &[Key]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What is said of keys stands two columns behind the longest.
fn row(keys: &str, help: &str, widest: usize) -> Block {
    Block::plain(format!("{keys:<widest$}  {help}")).marked(0..keys.len(), Role::Key)
}

/// Keys that do one thing, and what.
type Row = (Vec<Key>, String);

/// The keys of each place with what they do there.
pub(crate) fn sections(state: &State) -> Vec<(&'static str, Vec<Row>)> {
    let keys = |action: Action| state.keymap.keys(action);
    let actions = BINDINGS.iter().map(|line| (keys(line.action), format!("{} ({})", line.help, line.name)));
    let edits = EDITS.iter().map(|(keys, help)| (keys.to_vec(), (*help).to_owned()));
    // A letter is typed there, whatever it does elsewhere.
    let typed = |actions: &[Action], help: &str| -> Row {
        let all = actions.iter().flat_map(|action| keys(*action));
        (all.filter(|key| !matches!(key, Key::Char(_))).collect(), help.to_owned())
    };
    let listing = |action: Action, help: &str| -> Row {
        let free = keys(action).into_iter().filter(|key| !edits_with(*key) && !matches!(key, Key::Char(_)));
        (free.collect(), help.to_owned())
    };
    let both = |first: Action, second: Action, help: &str| -> Row {
        (keys(first).into_iter().chain(keys(second)).collect(), help.to_owned())
    };
    vec![
        ("Keys (change them under [keys] in the settings file, by the name on the right)", actions.collect()),
        ("In a line, as in readline: the question, or what is searched for in a document", edits.collect()),
        (
            "In the question",
            vec![
                typed(&[Action::Accept], "ask"),
                typed(&[Action::NextPane], "take the completion; else next pane"),
                typed(&[Action::PreviousPane], "pane before"),
                (vec![Key::Down], "from the newest question on: to the list".to_owned()),
                listing(Action::HalfDown, "half a page down in the list"),
                listing(Action::HalfUp, "half a page up in the list"),
                typed(&[Action::Back], "to the list"),
            ],
        ),
        (
            "Where something is chosen: filters, menus",
            vec![
                both(Action::Accept, Action::Pin, "take it; on a filter that is on: lift it"),
                both(Action::NextPane, Action::PreviousPane, "next group of filters, group before"),
                (vec![Key::Backspace], "a sign of a date less; digits and - type one".to_owned()),
                both(Action::Back, Action::Quit, "close"),
            ],
        ),
    ]
}

fn edits_with(key: Key) -> bool {
    EDITS.iter().any(|(keys, _)| keys.contains(&key))
}
