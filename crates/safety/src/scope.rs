//! Does a question mean something other than health, where no rule says so?
//!
//! A perceptron with one hidden layer over the vector of the question (`scope_meaning.py`). It takes two questions on health of a
//! hundred for some on something else, so that it is asked only of what the corpus does not answer: then it decides whether
//! "we do not know" or "this is not about health" is the truer word. It was learned from the vectors of one encoder and says
//! nothing of another's.

use clinqa_schema::Abstention;

use crate::meaning::Meaning;
use crate::opinion::{Choice, Opinion, heed};
use crate::perceptron::Learned;
use crate::region::Region;
use crate::rules::Rules;
use crate::screen::{Screening, Verdict};

pub(crate) static LEARNED: Learned =
    Learned::new(include_bytes!("../data/scope-meaning.bin"), "clinqa-scope-meaning 1 ");

/// The rule whose notice is shown.
const NOT_HEALTH: &str = "not-health";

/// From this logit on it is likelier to be about something else.
const LEAST: f32 = 0.0;

/// How much likelier than not a question is about something other than health, as a logarithm; `None` where the vector says
/// nothing.
pub fn elsewhere(meaning: Meaning<'_>) -> Option<f32> {
    LEARNED.logit(0.0, meaning)
}

/// What is said of a question that nothing answers and that is so much likelier than not to be about something else: that it
/// is not about health; what was said before, if it is not likelier. Pure.
pub fn hear_scope(rules: &Rules, screening: Screening, elsewhere: f32, region: Option<&Region>) -> Screening {
    let is_elsewhere = screening.verdict == Verdict::Proceed && elsewhere >= LEAST;
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
    fn only_what_would_have_been_answered_is_called_out_of_scope_and_by_the_rule_for_it() {
        let rules = Rules::embedded().expect("the embedded rules");
        let check = |text: &str, elsewhere: f32, is_called_so: bool| {
            let before = screen(&rules, &Question::new(text).expect("a question"), &[], None);
            let after = hear_scope(&rules, before.clone(), elsewhere, None);
            if is_called_so {
                assert_eq!(after.verdict, Verdict::Abstain(Abstention::Scope), "{text}");
                assert_eq!(after.notices.last().map(|notice| notice.rule.as_str()), Some(NOT_HEALTH));
            } else {
                assert_eq!(after, before, "{text}");
            }
        };
        check("how long do I boil an egg", 0.0, true);
        check("how long do I boil an egg", -0.1, false);
        check("how long do I boil an egg", f32::NAN, false);
        check("my chest hurts and i cant breathe", 9.0, false);
        check("how many of my tablets should i take tonight", 9.0, false);
    }
}
