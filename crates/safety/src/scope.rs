//! Does a question mean something other than health, where no rule says so?
//!
//! A perceptron with one hidden layer over the vector of the question (`scope_meaning.py`). It takes one question on health in
//! thirty for one on something else, so that it is asked only of what the corpus does not answer: then it decides whether
//! "we do not know" or "this is not about health" is the truer word. It was learned from the vectors of one encoder and says
//! nothing of another's.

use std::sync::LazyLock;

use clinqa_schema::Abstention;

use crate::meaning::Meaning;
use crate::opinion::{Choice, Opinion, heed};
use crate::perceptron::Perceptron;
use crate::region::Region;
use crate::rules::Rules;
use crate::screen::{Screening, Verdict};

const FILE: &[u8] = include_bytes!("../data/scope-meaning.bin");
const MAGIC: &str = "clinqa-scope-meaning 1 ";

/// The rule whose notice is shown.
const NOT_HEALTH: &str = "not-health";

/// From this logit on it is likelier to be about something else.
const LEAST: f32 = 0.0;

/// `None` if the file were damaged, which a test looks after: then the rules stand alone.
static LEARNED: LazyLock<Option<Perceptron>> = LazyLock::new(|| Perceptron::read(FILE, MAGIC));

/// Whether the vectors of `encoder` say anything.
pub(crate) fn is_known(encoder: &str) -> bool {
    LEARNED.as_ref().is_some_and(|learned| learned.knows(encoder))
}

/// How much likelier than not a question is about something other than health, as a logarithm; `None` where the vector says
/// nothing.
pub fn elsewhere(meaning: Meaning<'_>) -> Option<f32> {
    LEARNED.as_ref().filter(|learned| learned.knows(meaning.encoder))?.logit(0.0, meaning.vector)
}

/// What is said of a question that nothing answers: that it is not about health, if it means something else; what was said
/// before, if not. Pure.
pub fn hear_scope(rules: &Rules, screening: Screening, meaning: Meaning<'_>, region: Option<&Region>) -> Screening {
    let is_elsewhere = screening.verdict == Verdict::Proceed && elsewhere(meaning).is_some_and(|logit| logit >= LEAST);
    if !is_elsewhere {
        return screening;
    }
    let labels = [(NOT_HEALTH, 1.0)];
    let heard = heed(rules, screening, &Opinion { labels: &labels, choice: Choice::Any, threshold: 1.0 }, region);
    debug_assert_eq!(heard.verdict, Verdict::Abstain(Abstention::Scope));
    heard
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Question;

    use super::*;
    use crate::screen;

    #[test]
    fn the_file_is_whole_and_any_other_is_refused() {
        let learned = LEARNED.as_ref().expect("a whole file");
        assert!(is_known(&learned.encoder) && !is_known("another"));
        assert!(Perceptron::read(&FILE[..FILE.len() - 1], MAGIC).is_none());
    }

    #[test]
    fn only_what_would_have_been_answered_is_called_out_of_scope_and_by_the_rule_for_it() {
        let rules = Rules::embedded().expect("the embedded rules");
        let learned = LEARNED.as_ref().expect("a whole file");
        // Of a vector and its opposite one is likelier to be about something else.
        let side = |sign: f32| vec![sign / (learned.dimension as f32).sqrt(); learned.dimension];
        let logit = |vector: &[f32]| elsewhere(Meaning { vector, encoder: &learned.encoder }).expect("a logit");
        let (one, other) = (side(1.0), side(-1.0));
        for (vector, text) in [&one, &other].into_iter().flat_map(|vector| {
            ["how long do I boil an egg", "my chest hurts and i cant breathe", "how many of my tablets tonight"]
                .map(|text| (vector, text))
        }) {
            let before = screen(&rules, &Question::new(text).expect("a question"), &[], None);
            let hear = |encoder: &str| hear_scope(&rules, before.clone(), Meaning { vector, encoder }, None);
            assert_eq!(hear("another"), before);
            let after = hear(&learned.encoder);
            if before.verdict == Verdict::Proceed && logit(vector) >= LEAST {
                assert_eq!(after.verdict, Verdict::Abstain(Abstention::Scope), "{text}");
                assert_eq!(after.notices.last().map(|notice| notice.rule.as_str()), Some(NOT_HEALTH));
            } else {
                assert_eq!(after, before, "{text}");
            }
        }
    }
}
