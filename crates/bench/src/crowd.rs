//! An index of many passages to press keys on: real sentences joined so that every text differs, and vectors that nobody
//! computed.
//!
//! Encoding a hundred thousand passages takes an hour; how long a search takes does not depend on what the vectors mean.
//! They lie around centres, as those of texts do, and are seeded: the same command makes the same index.

use std::fs;
use std::path::Path;

use clinqa_encoder::Encoder;
use clinqa_index::{GraphParams, Store, WriterConfig};
use clinqa_qa::identity;
use clinqa_schema::{Date, Document, DocumentId, Embedding, Metadata, Passage, Silent, SourceLocator};
use serde::Deserialize;

use crate::BenchError;

/// Points that vectors lie around.
const CENTRES: usize = 1_000;

/// How far from its centre a vector lies, beside a length of 1.
const SPREAD: f32 = 0.6;

/// Kinds, and words for other conditions, so that there is something to filter by.
const KINDS: [&str; 4] = ["abstract", "guideline", "leaflet", "medicine"];
const GRADES: [Option<&str>; 4] = [None, Some("strong"), Some("conditional"), None];

/// One text of a BEIR corpus.
#[derive(Deserialize)]
struct Line {
    title: String,
    text: String,
}

/// Publishes an index in `folder` of `count` documents, one passage each, made from a BEIR corpus.
pub fn build_crowd(
    corpus: &Path,
    (folder, graph): (&Path, GraphParams),
    count: usize,
    encoder: &Encoder,
) -> Result<(), BenchError> {
    let text = fs::read_to_string(corpus).map_err(BenchError::file(corpus))?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Line>, _>>()?;
    if lines.is_empty() {
        return Err(BenchError::Order { first: "a corpus with texts in it" });
    }
    let store = Store::at(folder);
    let config = WriterConfig { created: 0, encoder: Some(identity(encoder)), corpora: Vec::new(), graph };
    let mut writer = store.writer(config)?;
    let mut seeded = Seeded(7);
    let dimension = encoder.dimension();
    let centres: Vec<Vec<f32>> = (0..CENTRES).map(|_| seeded.direction(dimension)).collect();
    for number in 0..count {
        // The step has no factor in common with any length below, so that no pair comes twice.
        let (first, second) =
            (&lines[number % lines.len()], &lines[(number * 7_919 + number / lines.len()) % lines.len()]);
        let document = document(number, first, second)?;
        let passage = Passage::cut(&document, 0, "", 0..document.text.len())?;
        let noise = seeded.direction(dimension);
        let near = centres[number % CENTRES].iter().zip(noise).map(|(centre, noise)| centre + SPREAD * noise);
        let vector = Embedding::normalised(near.collect()).map_err(|source| BenchError::Encode(source.into()))?;
        writer.add(&document, &[passage], Some(&[vector]))?;
    }
    Ok(store.publish(&writer.finish(&mut Silent)?)?)
}

fn document(number: usize, first: &Line, second: &Line) -> Result<Document, BenchError> {
    let begins = |line: &Line, words: usize| line.text.split_whitespace().take(words).collect::<Vec<_>>().join(" ");
    let title = if first.title.is_empty() { begins(first, 9) } else { first.title.clone() };
    let year = 2000 + number % 26;
    Ok(Document {
        id: DocumentId::new(format!("crowd-{number}"))?,
        title: format!("{title} ({number})"),
        text: format!("{} {}", begins(first, 90), begins(second, 60)),
        sections: Vec::new(),
        metadata: Metadata {
            kind: KINDS[number % KINDS.len()].into(),
            publisher: format!("publisher {}", number % 12),
            published: Date::new(&year.to_string()).ok(),
            grade: GRADES[number / KINDS.len() % GRADES.len()].map(str::to_owned),
            audience: Some("clinician".into()),
            ..Metadata::default()
        },
        source: SourceLocator::default(),
    })
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A vector of about length 1 in any direction: sums of four even numbers are nearly normal.
    fn direction(&mut self, dimension: usize) -> Vec<f32> {
        let scale = 1.0 / (dimension as f32 / 3.0).sqrt();
        let mut even = || (self.next() >> 40) as f32 / (1_u64 << 24) as f32 - 0.5;
        (0..dimension).map(|_| (even() + even() + even() + even()) * scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_have_a_length_of_about_one_and_differ() {
        let mut seeded = Seeded(1);
        let (first, second) = (seeded.direction(384), seeded.direction(384));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!((0.8..1.2).contains(&dot(&first, &first)), "{}", dot(&first, &first));
        assert!(dot(&first, &second).abs() < 0.3);
        assert_eq!(Seeded(1).direction(3), Seeded(1).direction(3));
    }
}
