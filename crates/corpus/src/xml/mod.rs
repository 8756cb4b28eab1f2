//! How is XML that strangers wrote read without trusting it?
//!
//! [`Frames`] finds the records of a stream, [`Xml`] reads one of them, [`fragment`] reads the HTML that some carry.

mod fragment;
mod frames;
mod pull;

pub(crate) use fragment::fragment;
pub(crate) use frames::{Between, Frame, Frames};
pub(crate) use pull::{Node, Tag, Xml};
