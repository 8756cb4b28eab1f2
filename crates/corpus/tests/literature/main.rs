//! Is the literature that others publish read whole, in any order and packing, whatever is wrong with it?

mod faults;
mod hostile;
mod order;
mod packed;
mod published;
mod support;
mod synthetic;
