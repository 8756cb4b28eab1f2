//! What do people ask that is like this question, and does this place answer it (pure)?

use std::ops::Range;

use clinqa_index::FaqHit;
use clinqa_retrieval::ALIKE;
use clinqa_schema::{DocumentId, PassageId};

/// How much surer one is by each unit of a cosine above that of questions that are alike.
const STEEPNESS: f32 = 20.0;

/// How much says that what stands at `bytes` of `passage` answers what is asked: 0 if no question that is like this one is
/// answered there, growing with how like they are and with their number.
pub(crate) fn answered(hits: &[FaqHit], passage: &PassageId, bytes: &Range<usize>) -> f32 {
    let is_there = |hit: &&FaqHit| {
        let mut answers = hit.entry.answers.iter();
        answers.any(|(at, there)| at == passage && there.start < bytes.end && bytes.start < there.end)
    };
    let sum: f32 = hits.iter().filter(is_there).map(|hit| ((hit.score - ALIKE) * STEEPNESS).exp()).sum();
    sum.ln_1p()
}

/// The cosine of the question that is most like this one of those that `document` answers; that of the least like one at
/// hand, if none of them is at hand, and 0 if there are none at all. A document of which nobody said what people ask
/// (`has_faq`) is not thought less of: it has that of the most like one at hand.
pub(crate) fn asked_of(hits: &[FaqHit], document: &DocumentId, has_faq: bool) -> f32 {
    if !has_faq {
        return hits.iter().map(|hit| hit.score).reduce(f32::max).unwrap_or(0.0);
    }
    let is_its_own = |hit: &&FaqHit| hit.entry.answers.iter().any(|(passage, _)| passage.document == *document);
    let nearest = hits.iter().filter(is_its_own).map(|hit| hit.score).reduce(f32::max);
    nearest.or_else(|| hits.iter().map(|hit| hit.score).reduce(f32::min)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use clinqa_index::FaqEntry;

    use super::*;

    #[test]
    fn a_place_is_answered_for_by_the_questions_that_it_answers() {
        let passage = |document: &str| PassageId::new(DocumentId::new(document).expect("an id"), 1);
        let hit = |document: &str, bytes: Range<usize>, score| FaqHit {
            entry: FaqEntry {
                question: String::new(),
                title: String::new(),
                answers: vec![(passage(document), bytes)],
            },
            score,
        };
        let hits = [hit("a", 10..20, 0.8), hit("a", 15..30, 0.7), hit("b", 0..5, 0.5)];
        let check = |document: &str, bytes: Range<usize>, expected: f32| {
            let found = answered(&hits, &passage(document), &bytes);
            assert!((found - expected).abs() < 1e-4, "{document} {bytes:?}: {found}");
        };
        let like = |score: f32| ((score - 0.6) * 20.0).exp();
        check("a", 0..12, (1.0 + like(0.8)).ln());
        check("a", 0..16, (1.0 + like(0.8) + like(0.7)).ln());
        check("a", 20..40, (1.0 + like(0.7)).ln());
        check("a", 0..10, 0.0);
        check("b", 4..6, (1.0 + like(0.5)).ln());
        check("c", 0..40, 0.0);
        let of = |document: &str| asked_of(&hits, &passage(document).document, true);
        assert_eq!((of("a"), of("b"), of("c"), asked_of(&[], &passage("a").document, true)), (0.8, 0.5, 0.5, 0.0));
        let unasked = asked_of(&hits, &passage("c").document, false);
        assert!((unasked - 0.8).abs() < 1e-6, "nobody said what is asked of it: {unasked}");
    }
}
