//! The web page and the API.
//!
//! [`serve`] runs until it is told to stop. Everything below this room is synchronous: handlers turn a request into a
//! job, `work` runs it on a bounded number of threads, and what comes back is written as JSON or as a page. No session
//! is kept, and nothing that was asked is written anywhere, unless the operator names a [`QueryLog`], which redacts.
//!
//! A request passes `accept` (connections and their limits), `wire` (bytes and their deadlines), `door` (an id, one
//! line of log, panics), `guard` (rates, keys, the body) and then its route.

mod accept;
mod access;
mod address;
mod app;
mod asked;
mod asker;
mod body;
mod config;
mod conversation;
mod door;
mod error;
mod guard;
mod harden;
mod listen;
mod logs;
mod making;
mod metrics;
mod pages;
mod questions;
mod rates;
mod reload;
mod routes;
#[cfg(test)]
mod sample;
mod spoken;
mod standing;
mod tls;
mod wire;
mod wording;
mod work;

pub use access::{Key, Role};
pub use config::{Limits, LogLevel, Proxy, Rate, Rates, ServerConfig};
pub use error::ServerError;
pub use listen::{SecretSource, serve};
pub use making::Maker;
pub use questions::{Kept, QueryLog, Records};
pub use tls::{Pem, Secrets};
pub use wording::sentences;
