//! Does the index keep its promises, seen from outside?

mod crash;
mod damage;
mod ranking;
mod round_trip;
mod support;
