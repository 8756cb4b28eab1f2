//! How fast is learned at this step? (pure)

/// The share of the full rate after `progress` of the run (0 to 1): a straight line up to 1 during the first `warmup` of
/// it, then a straight line down to 0 at the end.
pub(crate) fn share(progress: f64, warmup: f64) -> f64 {
    let progress = progress.clamp(0.0, 1.0);
    if progress < warmup {
        return progress / warmup;
    }
    if warmup >= 1.0 { 1.0 } else { (1.0 - progress) / (1.0 - warmup) }
}

/// The share of the rate that the parameters of a layer get, `decay` for each layer that stands above: `None` for the
/// embeddings, below all of them.
pub(crate) fn layer_share(layer: Option<usize>, layers: usize, decay: f64) -> f64 {
    let above = layers - layer.map_or(0, |layer| (layer + 1).min(layers));
    decay.powi(above as i32 + i32::from(layer.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls_in_straight_lines() {
        let check = |progress, warmup, expected: f64| {
            let found = share(progress, warmup);
            assert!((found - expected).abs() < 1e-12, "{progress} of {warmup}: {found}");
        };
        check(0.05, 0.1, 0.5);
        check(0.1, 0.1, 1.0);
        check(0.55, 0.1, 0.5);
        check(1.0, 0.1, 0.0);
        check(0.0, 0.0, 1.0);
        check(2.0, 0.1, 0.0);
        check(1.0, 1.0, 1.0);
    }

    #[test]
    fn lower_layers_learn_more_slowly() {
        let check = |layer, expected: f64| {
            let found = layer_share(layer, 3, 0.5);
            assert!((found - expected).abs() < 1e-12, "{layer:?}: {found}");
        };
        check(Some(2), 1.0);
        check(Some(0), 0.25);
        check(None, 0.0625);
    }
}
