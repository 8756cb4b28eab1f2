//! Which legal id stands for a name that came with the data?

use clinqa_schema::DocumentId;

/// Characters of the name that a made-up id keeps; with the hash it stays under the limit of 200.
const KEPT_CHARS: usize = 180;
/// Hexadecimal digits of the hash: 48 bits, so that a million odd names collide with probability 0.002.
const HASH_DIGITS: usize = 12;

/// The id for `raw`: `raw` itself where it is legal; otherwise each illegal character becomes `_` and a short hash of
/// `raw` follows, so that different names keep different ids on every machine. `None` if there is nothing in it.
///
/// Whoever reads judgements of the same data (BEIR qrels) maps their ids with this too.
pub fn legal_id(raw: &str) -> Option<DocumentId> {
    if raw.trim().is_empty() {
        return None;
    }
    if let Ok(id) = DocumentId::new(raw) {
        return Some(id);
    }
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-') { c } else { '_' };
    let name: String = raw.chars().take(KEPT_CHARS).map(legal).collect();
    let hash = blake3::hash(raw.as_bytes()).to_hex();
    DocumentId::new(format!("{name}-{}", &hash[..HASH_DIGITS])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(raw: &str) -> String {
        legal_id(raw).expect("an id").to_string()
    }

    #[test]
    fn a_legal_name_is_kept_and_an_empty_one_refused() {
        assert_eq!(id("PMC12:3.v1_a"), "PMC12:3.v1_a");
        assert_eq!(legal_id(""), None);
        assert_eq!(legal_id(" \t"), None);
    }

    #[test]
    fn names_that_differ_keep_ids_that_differ() {
        assert!(id("a b").starts_with("a_b-"));
        assert_ne!(id("a b"), id("a/b"));
        assert_ne!(id(&"x".repeat(300)), id(&"x".repeat(301)));
        assert_eq!(id("naïve"), id("naïve"));
    }
}
