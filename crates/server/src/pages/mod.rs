//! The pages that people see; each is built from values that escape themselves.

pub(crate) mod chat;
pub(crate) mod problem;
