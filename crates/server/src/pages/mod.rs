//! The pages that people see; each is built from values that escape themselves.

pub(crate) mod assets;
pub(crate) mod chat;
mod conversation;
pub(crate) mod error;
mod layout;
pub(crate) mod origin;
mod parts;
mod quoted;
pub(crate) mod source;
pub(crate) mod words;
