//! Who has asked too much of late?

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::address::Origin;
use crate::config::{Rate, Rates};
use crate::error::ApiError;
use crate::routes::Kind;

/// A question costs as much as ten looks.
const QUESTION: u32 = 10;

/// Addresses that are told apart; a flood from more of them is counted in crowds. About 10 MB.
const ADDRESSES: usize = 100_000;

/// Crowds that strangers are counted in while too many addresses are known.
const CROWDS: u64 = 4096;

/// New requests between two looks at how many addresses are known.
const SWEEP: u32 = 4096;

/// The limits of one server.
pub(crate) struct RateLimits {
    per_address: Option<PerAddress>,
    per_key: Option<DefaultKeyedRateLimiter<[u8; 32]>>,
}

struct PerAddress {
    limiter: DefaultKeyedRateLimiter<Counted>,
    requests: AtomicU32,
    /// Whether so many addresses are known that no other is told apart.
    crowded: AtomicBool,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    One(Origin),
    /// Everybody whose address falls into this crowd by chance.
    Crowd(u16),
}

impl RateLimits {
    pub(crate) fn new(rates: &Rates) -> Self {
        let per_address = |rate| PerAddress {
            limiter: RateLimiter::keyed(quota(rate)),
            requests: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
            hasher: RandomState::new(),
        };
        Self {
            per_address: rates.per_address.map(per_address),
            per_key: rates.per_key.map(|rate| RateLimiter::keyed(quota(rate))),
        }
    }

    /// Counts a request without a key.
    pub(crate) fn count_address(&self, origin: Origin, kind: Kind) -> Result<(), ApiError> {
        match (&self.per_address, cost(kind)) {
            (Some(limit), Some(cost)) => limit.count(origin, cost),
            _ => Ok(()),
        }
    }

    /// Counts a request with the key of this digest.
    pub(crate) fn count_key(&self, sha256: &[u8; 32], kind: Kind) -> Result<(), ApiError> {
        match (&self.per_key, cost(kind)) {
            (Some(limiter), Some(cost)) => check(limiter, sha256, cost),
            _ => Ok(()),
        }
    }
}

impl PerAddress {
    fn count(&self, origin: Origin, cost: NonZeroU32) -> Result<(), ApiError> {
        if self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP) {
            self.sweep();
        }
        let counted = if self.crowded.load(Ordering::Relaxed) {
            // Seeded, so that nobody can choose whose crowd to fill.
            Counted::Crowd((self.hasher.hash_one(origin) % CROWDS) as u16)
        } else {
            Counted::One(origin)
        };
        check(&self.limiter, &counted, cost)
    }

    /// Forgets whoever has been quiet.
    fn sweep(&self) {
        if self.limiter.len() > ADDRESSES / 2 {
            self.limiter.retain_recent();
        }
        self.crowded.store(self.limiter.len() > ADDRESSES - SWEEP as usize, Ordering::Relaxed);
    }
}

fn quota(rate: Rate) -> Quota {
    let units = |questions: u32| NonZeroU32::new(questions.saturating_mul(QUESTION)).unwrap_or(NonZeroU32::MIN);
    Quota::per_minute(units(rate.questions_per_minute)).allow_burst(units(rate.burst))
}

/// `None` is never counted.
fn cost(kind: Kind) -> Option<NonZeroU32> {
    match kind {
        Kind::Probe | Kind::Care => None,
        Kind::Page | Kind::Look => Some(NonZeroU32::MIN),
        Kind::Form | Kind::Question => NonZeroU32::new(QUESTION),
    }
}

fn check<K: Clone + Eq + std::hash::Hash>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
    cost: NonZeroU32,
) -> Result<(), ApiError> {
    let not_until = match limiter.check_key_n(key, cost) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(not_until)) => not_until.wait_time_from(DefaultClock::default().now()).as_secs() + 1,
        // One question is more than the whole allowance, which a minute does not change.
        Err(_) => 60,
    };
    Err(ApiError::TooMany { retry_after: not_until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn limits() -> RateLimits {
        let rate = Some(Rate { questions_per_minute: 6, burst: 2 });
        RateLimits::new(&Rates { per_address: rate, per_key: rate })
    }

    fn address(number: u32) -> Origin {
        Origin::V4(Ipv4Addr::from(number))
    }

    #[test]
    fn a_burst_is_let_through_and_the_next_question_is_told_when() {
        let limits = limits();
        let ask = |origin| limits.count_address(origin, Kind::Question);
        assert!(ask(address(1)).is_ok() && ask(address(1)).is_ok());
        let Err(ApiError::TooMany { retry_after }) = ask(address(1)) else { panic!("three in a burst of two") };
        assert!((1..=11).contains(&retry_after), "{retry_after}");
        assert!(ask(address(2)).is_ok(), "others are not held to it");
        assert!(limits.count_address(address(1), Kind::Probe).is_ok(), "probes are never counted");
        let key = [7; 32];
        assert!((0..20).all(|_| limits.count_key(&key, Kind::Look).is_ok()));
        assert!(limits.count_key(&key, Kind::Look).is_err(), "ten looks are one question");
    }

    #[test]
    fn a_flood_of_addresses_is_counted_in_bounded_memory() {
        let limits = limits();
        let Some(per_address) = &limits.per_address else { panic!("a limit") };
        for number in 0..400_000 {
            // Each spends its whole burst, so that nobody is forgotten.
            let _ = limits.count_address(address(number), Kind::Question);
            let _ = limits.count_address(address(number), Kind::Question);
        }
        let most = ADDRESSES + SWEEP as usize + CROWDS as usize;
        assert!(per_address.limiter.len() <= most, "{}", per_address.limiter.len());
        assert!(per_address.crowded.load(Ordering::Relaxed));
    }
}
