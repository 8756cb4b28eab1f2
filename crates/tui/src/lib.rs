//! The terminal screen.
//!
//! The core is pure: `update` takes a state and a message and gives the next state and what is to be
//! done; `view` draws a state. Threads of `worker` ask a [`Desk`], which is an index of this machine ([`Local`]) or of
//! another one; `screen` owns the terminal, and whoever calls [`run`] hands in the world outside as a [`House`].

mod block;
mod content;
mod corpora_page;
mod desk;
mod export;
mod help;
mod house;
mod key;
mod keymap;
mod librarian_pages;
mod line;
mod local;
mod message;
mod names;
mod run;
#[cfg(test)]
mod sample;
mod screen;
mod state;
mod text;
mod theme;
mod update;
mod view;
mod worker;

pub use desk::{Desk, DeskError, LISTED, Making, Opening, Place, READ, Wanted};
pub use house::{House, Refusal, Workshop};
pub use key::KeyError;
pub use keymap::{Keymap, KeymapError};
pub use local::Local;
pub use message::{By, Found, Paper, PaperKind, Ranks, Row, Shelved};
pub use run::{Ending, Pointer, TuiConfig, TuiError, run};
pub use text::Charset;
pub use theme::{Borders, Colours, Theme};
