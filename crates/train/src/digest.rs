//! Is a run resumed with the examples that it began with? What they say, as one number.

use clinqa_encoder::Sequence;

/// What examples say, piece by piece; two orders of the same pieces differ.
#[derive(Debug, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// Numbers, and how many there are: where one list ends and the next begins makes a difference.
    pub fn numbers(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        let count = bytes.len() as u64 / 8;
        bytes.extend_from_slice(&count.to_le_bytes());
        self.0.update(&bytes);
    }

    /// Token ids or the like.
    pub fn ids(&mut self, ids: &[u32]) {
        self.numbers(ids.iter().map(|&id| id.into()));
    }

    /// What a model reads.
    pub fn sequence(&mut self, sequence: &Sequence) {
        self.ids(&sequence.ids);
        self.ids(&sequence.types);
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.0.update(text.as_bytes()).update(&(text.len() as u64).to_le_bytes());
    }

    /// BLAKE3 of all of it, in hex.
    pub fn finish(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_and_where_it_ends_makes_a_difference() {
        let of = |lists: &[&[u32]]| {
            let mut digest = Digest::default();
            for list in lists {
                digest.ids(list);
            }
            digest.finish()
        };
        assert_eq!(of(&[&[1, 2], &[3]]), of(&[&[1, 2], &[3]]));
        for other in [&[&[1][..], &[2, 3]][..], &[&[1, 2, 3]], &[&[2, 1], &[3]], &[&[1, 2], &[3], &[]]] {
            assert_ne!(of(&[&[1, 2], &[3]]), of(other), "{other:?}");
        }
    }
}
