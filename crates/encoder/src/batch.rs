//! Which sequences are computed together (pure).

/// How much one batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// Rows × longest row, padding included.
    pub tokens: usize,
    /// Rows.
    pub rows: usize,
}

impl Default for TokenBudget {
    /// 4,096 tokens keep the widest intermediate of a 384-wide model (25 MB) near the caches and memory flat.
    fn default() -> Self {
        Self { tokens: 4_096, rows: 64 }
    }
}

/// Indices of the sequences of one batch, of similar length.
pub type Batch = Vec<usize>;

/// Groups sequences of the given lengths: longest first, so that the first batch shows the most memory needed;
/// every index in exactly one batch; a sequence over the budget gets a batch of its own.
pub fn plan(lengths: &[usize], budget: TokenBudget) -> Vec<Batch> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(lengths[index]), index));
    let mut batches: Vec<Batch> = Vec::new();
    for index in order {
        let fits = batches.last().is_some_and(|batch| {
            let longest = lengths[batch[0]];
            batch.len() < budget.rows && (batch.len() + 1) * longest <= budget.tokens
        });
        match batches.last_mut() {
            Some(batch) if fits => batch.push(index),
            _ => batches.push(vec![index]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

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
            for batch in &batches {
                let longest = batch.iter().map(|&index| lengths[index]).max().unwrap_or(0);
                proptest::prop_assert!(batch.len() == 1 || batch.len() * longest <= tokens);
                proptest::prop_assert!(batch.len() <= rows);
            }
        }
    }
}
