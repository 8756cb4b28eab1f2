//! Does the house keep its word? One module a question, each asked through the binary or a crate's public door.

mod ask;
mod damage;
mod eval;
mod formats;
mod hostile;
mod inspect;
mod model;
mod pages;
mod parity;
mod privacy;
mod rebuild;
mod search;
mod serve;
mod serve_access;
mod serve_api;
mod serve_browse;
mod serve_hostile;
mod serve_life;
mod serve_limits;
mod serve_load;
mod support;
mod tidy;
mod tui;
