//! Is the model learning or being asked, and which values does dropout drop this time? (pure)

/// One way through the model: what is random in it depends on the seed, the step and the order of the calls alone, so
/// that a run that was resumed equals one that was not.
#[derive(Debug, Clone)]
pub struct Pass {
    training: bool,
    dropout: f64,
    key: u64,
    calls: u64,
}

impl Pass {
    /// A pass that drops nothing.
    pub fn evaluation() -> Self {
        Self { training: false, dropout: 0.0, key: 0, calls: 0 }
    }

    /// A pass of training: `part` counts the parts of a step whose gradients are accumulated.
    pub fn training(dropout: f64, seed: u64, step: u64, part: u64) -> Self {
        let key = mix(mix(mix(seed) ^ step) ^ part);
        Self { training: true, dropout, key, calls: 0 }
    }

    /// Whether the model is learning.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// The share of values that dropout drops; 0 when the model is not learning.
    pub fn dropout(&self) -> f64 {
        if self.training { self.dropout } else { 0.0 }
    }

    /// 64 random bits, others at each call: the seed of whatever is random in a loss.
    pub fn random(&mut self) -> u64 {
        self.calls += 1;
        mix(self.key ^ self.calls)
    }
}

/// Stirs 64 bits so that neighbours have nothing in common (the finaliser of `SplitMix64`).
pub(crate) fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_step_drops_the_same_and_another_step_something_else() {
        let draw = |seed, step, part| {
            let mut pass = Pass::training(0.1, seed, step, part);
            [pass.random(), pass.random()]
        };
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        assert_ne!(draw(1, 2, 3)[0], draw(1, 2, 3)[1]);
        for other in [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)] {
            assert_ne!(draw(1, 2, 3), other);
        }
    }

    #[test]
    fn nothing_is_dropped_when_the_model_is_asked() {
        assert!(Pass::evaluation().dropout() == 0.0);
        assert!(!Pass::evaluation().is_training());
    }
}
