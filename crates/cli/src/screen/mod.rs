//! What does the terminal screen need that only the command line has: files, programs, models, another machine?

mod history;
mod house;
#[cfg(any())]
mod remote;
#[cfg(any())]
mod wire;
mod workshop;

pub(crate) use house::Outside;
#[cfg(any())]
pub(crate) use remote::{Remote, RemoteError};
pub(crate) use workshop::Shop;
