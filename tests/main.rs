//! Does the house stand? Behaviour is proved through the binary or a crate's public door, one module a question.

mod ask;
mod damage;
mod eval;
mod formats;
mod hostile;
mod inspect;
mod model;
mod parity;
mod rebuild;
mod search;
mod support;
