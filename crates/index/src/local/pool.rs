//! Which few points, best first, has a walk met, and which of them comes next?

use crate::local::best::Scored;

/// Set in the key of a point whose neighbours have not been looked at.
const OPEN: u64 = 1;
/// Most points that keys can tell apart.
pub(crate) const MAX_POINTS: usize = 1 << 31;

/// The best points of those shown, in order. One sorted list serves as the list of the best and as the queue of what
/// comes next: for a few hundred points, moving them costs less than keeping two heaps.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Greatest first: score, then place (the lower, the greater), then whether it is open.
    keys: Vec<u64>,
    capacity: usize,
    /// No point before this one is open.
    next: usize,
}

impl Pool {
    /// Empties the pool; from now on it keeps `capacity` points.
    pub(crate) fn reset(&mut self, capacity: usize) {
        self.keys.clear();
        self.capacity = capacity;
        self.next = 0;
    }

    /// Shows one point, which was not shown before.
    pub(crate) fn offer(&mut self, point: Scored) {
        let key = key_of(point);
        if self.keys.len() >= self.capacity {
            if self.keys.last().is_none_or(|last| key < *last) {
                return;
            }
            self.keys.pop();
        }
        let at = self.keys.partition_point(|kept| *kept > key);
        self.keys.insert(at, key);
        self.next = self.next.min(at);
    }

    /// The best open point, which is then no longer open.
    pub(crate) fn take_next(&mut self) -> Option<u32> {
        let step = self.keys.get(self.next..)?.iter().position(|key| key & OPEN != 0)?;
        self.next += step;
        self.keys[self.next] &= !OPEN;
        Some(point_of(self.keys[self.next]).place)
    }

    /// What is kept, best first.
    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = Scored> + '_ {
        self.keys.iter().map(|key| point_of(*key))
    }
}

/// Floats in the order of [`f32::total_cmp`], as whole numbers.
fn key_of(point: Scored) -> u64 {
    let bits = point.score.to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!point.place & (u32::MAX >> 1)) << 1 | OPEN
}

fn point_of(key: u64) -> Scored {
    let ordered = (key >> 32) as u32;
    let bits = if ordered >> 31 == 1 { ordered & (u32::MAX >> 1) } else { !ordered };
    Scored { score: f32::from_bits(bits), place: !((key >> 1) as u32) & (u32::MAX >> 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_pool_keeps_the_best_in_order_and_gives_each_once(
            scores in proptest::collection::vec(-3i8..3, 0..60),
            capacity in 0usize..20,
        ) {
            let mut all: Vec<Scored> =
                (0u32..).zip(&scores).map(|(place, &score)| Scored { score: f32::from(score), place }).collect();
            let mut pool = Pool::default();
            pool.reset(capacity);
            all.iter().rev().for_each(|point| pool.offer(*point));
            all.sort_by(|a, b| b.cmp(a));
            all.truncate(capacity);
            proptest::prop_assert_eq!(pool.points().collect::<Vec<_>>(), all.clone());
            let taken: Vec<u32> = std::iter::from_fn(|| pool.take_next()).collect();
            proptest::prop_assert_eq!(taken, all.iter().map(|point| point.place).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_point_that_comes_late_is_next_if_it_is_best() {
        let mut pool = Pool::default();
        pool.reset(3);
        let offer = |pool: &mut Pool, score: f32, place: u32| pool.offer(Scored { score, place });
        offer(&mut pool, 0.5, 5);
        offer(&mut pool, -0.5, 6);
        assert_eq!(pool.take_next(), Some(5));
        offer(&mut pool, 0.9, 7);
        offer(&mut pool, 0.1, u32::MAX >> 1);
        assert_eq!(pool.take_next(), Some(7));
        assert_eq!(pool.take_next(), Some(u32::MAX >> 1));
        assert_eq!(pool.take_next(), None, "6 was pushed out");
    }
}
