//! The web page and the API.
//!
//! [`serve`] runs until it is told to stop. Everything below this room is synchronous: handlers turn a request into a
//! job, [`work`] runs it on a bounded pool of threads, and what comes back is written as JSON or as a page. No session is
//! kept, and nothing that was asked is written anywhere.

mod app;
mod asked;
mod body;
mod config;
mod conversation;
mod error;
mod listen;
mod pages;
mod routes;
mod spoken;
mod wording;
mod work;

pub use config::ServerConfig;
pub use error::ServerError;
pub use listen::serve;
pub use wording::sentences;
