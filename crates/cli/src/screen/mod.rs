//! What does the terminal screen need that only the command line has: files, programs, models, another machine?

#[cfg(feature = "hub")]
mod follow;
mod history;
mod house;
#[cfg(feature = "hub")]
mod remote;
#[cfg(feature = "hub")]
mod wire;
mod workshop;

pub(crate) use house::Outside;
#[cfg(feature = "hub")]
pub(crate) use remote::{Remote, RemoteError};
pub(crate) use workshop::Shop;
