//! Does the house keep its word? One module a question, each asked through the binary or a crate's public door.

mod ask;
mod damage;
mod eval;
mod formats;
mod hostile;
mod inspect;
mod model;
mod parity;
mod privacy;
mod rebuild;
mod search;
mod serve;
mod support;
mod tidy;
