//! What does the meaning of a question add to what its words said? An emergency, or one's own case; nothing is taken back.

use clinqa_schema::Question;

use crate::region::Region;
use crate::rules::Rules;
use crate::screen::Screening;
use crate::{evidence, own};

/// The vector of a question, and the fingerprint of the encoder that made it.
#[derive(Debug, Clone, Copy)]
pub struct Meaning<'a> {
    /// Of length 1.
    pub vector: &'a [f32],
    /// As the encoder's identity has it.
    pub encoder: &'a str,
}

impl Meaning<'_> {
    /// Whether the vectors of `encoder` say anything.
    pub fn is_known(encoder: &str) -> bool {
        own::meaning::is_known(encoder) || evidence::meaning::is_known(encoder)
    }
}

/// What the rules said with what `meaning` adds: the notice of an emergency, or that of a question about one's own case, where
/// no rule and no points of words saw one. Nothing is taken back. Pure.
pub fn hear_meaning(
    rules: &Rules,
    screening: Screening,
    asked: &Question,
    meaning: Meaning<'_>,
    region: Option<&Region>,
) -> Screening {
    let screening = evidence::meaning::hear(rules, screening, asked, meaning, region);
    own::meaning::hear(rules, screening, asked, meaning, region)
}
