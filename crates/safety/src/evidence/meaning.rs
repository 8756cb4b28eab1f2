//! Does a question mean an emergency, where its words do not weigh enough to say so?
//!
//! A perceptron with one hidden layer over the vector of the question, whose logit is added to the points of the words
//! (`emergency_meaning.py`). It was learned from the vectors of one encoder and says nothing of another's.

use std::sync::LazyLock;

use clinqa_schema::Question;

use crate::meaning::Meaning;
use crate::opinion::{ANY_EMERGENCY, Choice, Opinion, heed};
use crate::perceptron::Perceptron;
use crate::region::Region;
use crate::rules::{BRIEF, Rules};
use crate::screen::{Screening, Verdict, weigh};

const FILE: &[u8] = include_bytes!("../../data/emergency-meaning.bin");
const MAGIC: &str = "clinqa-emergency-meaning 1 ";

/// It was learned from questions of so many words at most; what a longer one means is a mixture.
const MOST_WORDS: usize = 60;

/// Points, with a logit counted as a hundred, from which on there is an emergency: of a brief message, whose points have a
/// doubt of 100 in their bias, and of a longer one.
const LEAST: [f32; 2] = [-175.0, -100.0];

/// `None` if the file were damaged, which a test looks after: then the words stand alone.
static LEARNED: LazyLock<Option<Perceptron>> = LazyLock::new(|| Perceptron::read(FILE, MAGIC));

/// Whether the vectors of `encoder` say anything.
pub(crate) fn is_known(encoder: &str) -> bool {
    LEARNED.as_ref().is_some_and(|learned| learned.knows(encoder))
}

/// What the rules said with what `meaning` adds: the notice of an emergency. Nothing is taken back. Pure.
pub(crate) fn hear(
    rules: &Rules,
    screening: Screening,
    asked: &Question,
    meaning: Meaning<'_>,
    region: Option<&Region>,
) -> Screening {
    if screening.verdict == Verdict::Redirect {
        return screening;
    }
    let learned = LEARNED.as_ref().filter(|learned| learned.knows(meaning.encoder));
    let Some(logit) = learned.and_then(|learned| learned.logit(0.0, meaning.vector)) else { return screening };
    let weighed = weigh(rules, &[asked.text()]);
    let least = LEAST[usize::from(weighed.words > BRIEF)];
    if weighed.words > MOST_WORDS || weighed.points + 100.0 * logit < least {
        return screening;
    }
    let named = weighed.doubtful.iter().map(|rule| (*rule, 1.0));
    let labels: Vec<(&str, f32)> = named.chain([(ANY_EMERGENCY.1, 1.0)]).collect();
    heed(rules, screening, &Opinion { labels: &labels, choice: Choice::Any, threshold: 1.0 }, region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_only_adds() {
        let learned = LEARNED.as_ref().expect("a whole file");
        assert!(is_known(&learned.encoder) && !is_known("another"));
        let rules = Rules::embedded().expect("the embedded rules");
        let vector = vec![1.0 / (learned.dimension as f32).sqrt(); learned.dimension];
        for text in
            ["what is gout", "my chest hurts and i cant breathe", "how many of my tablets should i take tonight"]
        {
            let question = Question::new(text).expect("a question");
            let before = crate::screen(&rules, &question, &[], None);
            let heard =
                |encoder: &str| hear(&rules, before.clone(), &question, Meaning { vector: &vector, encoder }, None);
            assert_eq!(heard("another"), before);
            let after = heard(&learned.encoder);
            let stays = |notice: &clinqa_schema::Notice| after.notices.contains(notice);
            assert!(after.verdict == Verdict::Redirect || before.notices.iter().all(stays), "{text}");
        }
    }
}
