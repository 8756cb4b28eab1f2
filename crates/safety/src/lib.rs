//! May we say this?
//!
//! Two doors. [`screen`] reads a question before anything is retrieved: an emergency is met with what to do now, a
//! question about one's own dose or results with where to turn; [`heed`] adds what a second opinion says, which takes
//! nothing back, and [`hear_meaning`] what the vector of the question says; [`hear_scope`] says of what nothing answers whether
//! it was about health at all. [`review`] reads an answer before it is shown: one that was cut out of a negated clause is withheld. All
//! are pure, deterministic and take well under a millisecond.
//!
//! What fires is data: one TOML file a rule in `rules/`, each with its source and its own examples, in the small
//! pattern language described in `rules/README.md`. None of this is clinical validation.

mod context;
mod evidence;
mod matcher;
mod meaning;
mod normalise;
mod opinion;
#[cfg(test)]
mod oracle;
mod own;
mod pattern;
mod perceptron;
mod points;
mod program;
mod redact;
mod region;
mod review;
mod rules;
mod scope;
mod screen;
mod sound;
mod spelling;
mod vocabulary;

pub use meaning::{Meaning, hear_meaning};
pub use opinion::{Choice, Opinion, heed};
pub use pattern::PatternError;
pub use redact::{Kind, Redacted, Redaction, redact};
pub use region::{Region, RegionError};
pub use review::{Review, review};
pub use rules::{Rules, RulesError};
pub use scope::{elsewhere, hear_scope};
pub use screen::{Screening, Verdict, screen};
