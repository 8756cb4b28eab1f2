//! Which examples do the files hold, and what is wrong with the rest? One file a kind of data.

pub mod iob;
pub mod labelled;
pub mod medquad;
pub mod report;
