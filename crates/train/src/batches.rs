//! Which examples are learned from together, and in which order? (pure)

use crate::pass::mix;

/// Examples of this many batches are drawn together and sorted by length: batches of even length, in random order.
const POOL: usize = 50;

/// The batches of one epoch, as indices: every example in exactly one, `size` in each but for the last of a pool. The
/// same seed and epoch give the same batches.
pub(crate) fn plan(lengths: &[usize], size: usize, seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let size = size.max(1);
    let mut draw = Draw(mix(mix(seed) ^ epoch));
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    draw.shuffle(&mut order);
    let mut batches = Vec::with_capacity(lengths.len().div_ceil(size));
    for pool in order.chunks_mut(size * POOL) {
        pool.sort_by_key(|&index| lengths[index]);
        batches.extend(pool.chunks(size).map(<[usize]>::to_vec));
    }
    draw.shuffle(&mut batches);
    batches
}

/// Random numbers by a counter.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number from 0 to `bound - 1`; 0 if there is none.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 to 1, 1 excluded.
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Puts `items` in a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_example_is_in_one_batch(lengths in proptest::collection::vec(1usize..512, 0..300), size in 1usize..40, seed: u64) {
            let batches = plan(&lengths, size, seed, 1);
            let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
            seen.sort_unstable();
            proptest::prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            proptest::prop_assert!(batches.iter().all(|batch| batch.len() <= size));
            proptest::prop_assert_eq!(&batches, &plan(&lengths, size, seed, 1));
        }
    }

    #[test]
    fn epochs_differ_and_lengths_of_a_batch_are_near() {
        let lengths: Vec<usize> = (0..1000).map(|i| 20 + (i * 7919) % 400).collect();
        let first = plan(&lengths, 16, 3, 0);
        assert_ne!(first, plan(&lengths, 16, 3, 1));
        assert_ne!(first, plan(&lengths, 16, 4, 0));
        let spread = |batch: &Vec<usize>| {
            let of = |index: &usize| lengths[*index];
            batch.iter().map(of).max().unwrap_or(0) - batch.iter().map(of).min().unwrap_or(0)
        };
        assert!(first.iter().map(spread).max().unwrap_or(0) < 60);
    }
}
