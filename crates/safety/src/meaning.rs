//! What does the meaning of a question add to what its words said? An emergency, or one's own case; nothing is taken back.

use clinqa_schema::{Abstention, Question};

use crate::opinion::{Choice, Opinion, heed};
use crate::region::Region;
use crate::rules::Rules;
use crate::screen::{Screening, Verdict};
use crate::{evidence, own, scope};

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
        own::meaning::is_known(encoder) || evidence::meaning::is_known(encoder) || scope::is_known(encoder)
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
    if screening.verdict == Verdict::Redirect {
        return screening;
    }
    let found = rules.matcher.find(&[asked.text()]);
    let mut meant = evidence::meaning::meant(rules, &found, meaning);
    if meant.is_empty() && screening.verdict != Verdict::Abstain(Abstention::Personal) {
        meant.extend(own::meaning::meant(rules, &found, meaning));
    }
    let labels: Vec<(&str, f32)> = meant.into_iter().map(|rule| (rule, 1.0)).collect();
    heed(rules, screening, &Opinion { labels: &labels, choice: Choice::Any, threshold: 1.0 }, region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen;

    #[test]
    fn another_encoders_vector_says_nothing_and_what_was_said_stays() {
        let rules = Rules::embedded().expect("the embedded rules");
        for learned in [&own::meaning::LEARNED, &evidence::meaning::LEARNED] {
            let learned = learned.as_ref().expect("a whole file");
            let vector = vec![1.0 / (learned.dimension as f32).sqrt(); learned.dimension];
            for text in
                ["what is gout", "my chest hurts and i cant breathe", "how many of my tablets should i take tonight"]
            {
                let question = Question::new(text).expect("a question");
                let before = screen(&rules, &question, &[], None);
                let heard = |encoder: &str| {
                    hear_meaning(&rules, before.clone(), &question, Meaning { vector: &vector, encoder }, None)
                };
                assert_eq!(heard("another"), before);
                let after = heard(&learned.encoder);
                assert!(before.notices.iter().all(|notice| after.notices.contains(notice)), "{text}");
            }
        }
    }
}
