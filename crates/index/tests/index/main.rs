//! Does the index keep its promises, seen from outside?

mod crash;
mod damage;
mod faq;
mod ranking;
mod round_trip;
mod support;
