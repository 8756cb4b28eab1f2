//! What does the meaning of a question add to what its words said? An emergency, or one's own case; nothing is taken back.

use clinqa_schema::{Abstention, Question};

use crate::opinion::{Choice, Opinion, heed};
use crate::perceptron::Learned;
use crate::region::Region;
use crate::rules::Rules;
use crate::screen::{Screening, Verdict};
use crate::{evidence, own, scope};

/// All that was learned of the vectors of the shipped encoder.
static LEARNED: [&Learned; 3] = [&evidence::meaning::LEARNED, &own::meaning::LEARNED, &scope::LEARNED];

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
        LEARNED.iter().any(|learned| learned.knows(encoder))
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
    use crate::perceptron::Perceptron;
    use crate::screen;

    #[test]
    fn each_file_is_whole_and_any_other_is_refused() {
        for Learned { file, magic, .. } in LEARNED {
            let read = |file: &[u8]| Perceptron::read(file, magic);
            assert!(read(file).is_some(), "{magic}");
            assert!(read(&file[..file.len() - 1]).is_none() && read(&file[..file.len() - 4]).is_none(), "{magic}");
            assert!(read(&[*file, &[0; 4]].concat()).is_none() && read(b"").is_none(), "{magic}");
            let later = format!("{}a 1 1\n", magic.replace('1', "2"));
            assert!(read(later.as_bytes()).is_none(), "{magic}");
        }
    }

    #[test]
    fn the_same_weights_are_known_in_bytes_and_in_f32_and_no_others() {
        for learned in LEARNED {
            let encoder = &learned.perceptron().expect("a whole file").encoder;
            let known = [("", true), ("-f32", true), ("-256d", false), ("-f32-256d", false), ("-f16", false)];
            for (after, expected) in known {
                let named = format!("{encoder}{after}");
                assert_eq!((learned.knows(&named), Meaning::is_known(&named)), (expected, expected), "{after}");
            }
            assert!(!learned.knows("another") && !learned.knows("another-f32"));
        }
    }

    #[test]
    fn another_encoders_vector_says_nothing_and_what_was_said_stays() {
        let rules = Rules::embedded().expect("the embedded rules");
        for learned in LEARNED {
            let learned = learned.perceptron().expect("a whole file");
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
                assert_eq!(scope::elsewhere(Meaning { vector: &vector, encoder: "another" }), None);
                let after = heard(&learned.encoder);
                assert!(before.notices.iter().all(|notice| after.notices.contains(notice)), "{text}");
            }
        }
    }
}
