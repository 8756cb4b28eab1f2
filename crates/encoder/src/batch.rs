//! Which sequences are computed together (pure).

/// How much one batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// Tokens of all rows together: nothing is padded.
    pub tokens: usize,
    /// Rows.
    pub rows: usize,
}

impl Default for TokenBudget {
    /// 4,096 tokens keep memory flat: what is kept of them from layer to layer is 38 MB in a 384-wide model.
    fn default() -> Self {
        Self { tokens: 4_096, rows: 64 }
    }
}

/// Indices of the sequences of one batch.
pub type Batch = Vec<usize>;

/// Groups sequences of the given lengths: longest first, so that the first batch shows the most memory needed;
/// every index in exactly one batch; a sequence over the budget gets a batch of its own.
pub fn plan(lengths: &[usize], budget: TokenBudget) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(lengths[index]), index));
    let mut batches: Vec<Batch> = Vec::new();
    let mut tokens = 0;
    for index in order {
        tokens += lengths[index];
        match batches.last_mut() {
            Some(batch) if batch.len() < budget.rows && tokens <= budget.tokens => batch.push(index),
            _ => {
                batches.push(vec![index]);
                tokens = lengths[index];
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sequences_share_a_batch_with_long_ones_because_nothing_is_padded() {
        let lengths = [&[512; 7][..], &[16; 32]].concat();
        assert_eq!(plan(&lengths, TokenBudget::default()), [(0..39).collect::<Vec<_>>()]);
        assert_eq!(plan(&[384; 10], TokenBudget::default()).len(), 1, "the windows of ten passages go together");
    }

    proptest::proptest! {
        #[test]
        fn every_sequence_is_in_one_batch_and_no_batch_is_over_budget(
            lengths in proptest::collection::vec(1usize..600, 0..200),
            tokens in 1usize..5_000,
            rows in 1usize..70,
        ) {
            let batches = plan(&lengths, TokenBudget { tokens, rows });
            let mut seen: Vec<usize> = batches.iter().flatten().copied().collect();
            seen.sort_unstable();
            proptest::prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            let sum = |batch: &Batch| batch.iter().map(|&index| lengths[index]).sum::<usize>();
            for batch in &batches {
                proptest::prop_assert!(batch.len() == 1 || sum(batch) <= tokens);
                proptest::prop_assert!(batch.len() <= rows);
            }
            for pair in batches.windows(2) {
                let full = pair[0].len() == rows || sum(&pair[0]) + lengths[pair[1][0]] > tokens;
                proptest::prop_assert!(full, "a batch was closed that had room");
            }
        }
    }
}
