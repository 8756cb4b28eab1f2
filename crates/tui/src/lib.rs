//! The terminal screen.
//!
//! The core is pure: `update` takes a state and a message and gives the next state and what is to be
//! done; `view` draws a state. Threads of `worker` own the index and the models, `screen` owns the terminal, and
//! whoever calls [`run`] hands in the world outside as a [`House`].

mod block;
mod content;
mod export;
mod house;
mod key;
mod keymap;
mod line;
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

pub use house::{House, Refusal};
pub use key::KeyError;
pub use keymap::{Keymap, KeymapError};
pub use message::{Paper, PaperKind};
pub use run::{Ending, TuiConfig, TuiError, run};
pub use text::Charset;
pub use theme::{Borders, Colours, Theme};
