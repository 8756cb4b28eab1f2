//! Which parameter of a BERT has which name? (pure)

/// The word embeddings.
pub(crate) const WORDS: &str = "embeddings.word_embeddings.weight";

/// The layer that a parameter of the trunk belongs to; `None` for the embeddings and for whatever is no trunk's.
pub(crate) fn layer_of(name: &str) -> Option<usize> {
    name.strip_prefix("encoder.layer.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_layer() {
        let check = |name: &str, expected: Option<usize>| assert_eq!(layer_of(name), expected, "{name}");
        check("encoder.layer.11.output.dense.weight", Some(11));
        check(WORDS, None);
        check("qa_outputs.weight", None);
    }
}
