//! Which passages look like the answer and are none? Hard negatives out of a run that `clinqa eval retrieval` wrote.
//!
//! A run ranks passages for each question; those that rank high and are not judged to answer teach most, but many of them
//! do answer, and nobody judged them. So a passage is left out if it says what a right one says, if it was cut from the
//! same document, or if its score comes too near the right one's (the positive-aware filter of NV-Retriever, Moreira et
//! al. 2024): with `margin` 0.05 it must stay below 95% of that.

use std::collections::{BTreeMap, BTreeSet};

use clinqa_eval::Run;

use super::pairs::{Pair, PairPassage, normalised};

/// Which ranks are looked at, and what is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mining {
    /// First rank that is looked at, from 1: the ones before it are the likeliest to answer.
    pub first: usize,
    /// Last rank that is looked at.
    pub last: usize,
    /// Most negatives a pair.
    pub top_k: usize,
    /// By which share a negative's score must stay below the right passage's, 0 to 1.
    pub margin: f32,
}

impl Default for Mining {
    fn default() -> Self {
        Self { first: 1, last: 50, top_k: 4, margin: 0.05 }
    }
}

/// What mining did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct MiningReport {
    /// Pairs that got a negative.
    pub pairs: usize,
    /// Negatives in all.
    pub negatives: usize,
    /// Pairs whose question the run does not name.
    pub unasked: usize,
    /// Pairs whose passage the run did not find, so that nothing says how near is too near.
    pub unfound: usize,
    /// Passages left out because they say what a right one says, or were cut from the same document.
    pub same: usize,
    /// Passages left out because their score comes too near the right one's.
    pub near: usize,
    /// Passages that the run names and the corpus lacks.
    pub unknown: usize,
}

/// What answers each question, whichever pair says so.
#[derive(Debug, Default)]
pub struct Judged(BTreeMap<String, Right>);

/// What answers a question, by all its pairs.
#[derive(Debug, Default)]
struct Right {
    texts: BTreeSet<String>,
    documents: BTreeSet<String>,
}

/// Gives every pair up to `top_k` negatives from `run`, best ranked first, behind those that it has. With `teacher` the
/// scores of that run go with them, if it scored every passage of the pair. `judged` is of all pairs that were read, those
/// that are held out or were not drawn too: what answers in one of them is no negative in another.
pub fn mine(
    pairs: &mut [Pair],
    (judged, passages): (&Judged, &BTreeMap<String, PairPassage>),
    run: &Run,
    teacher: Option<&Run>,
    mining: Mining,
) -> MiningReport {
    let mut report = MiningReport::default();
    for pair in pairs {
        let found = run.documents(&pair.id);
        if found.is_empty() {
            report.unasked += 1;
            continue;
        }
        let Some(own) = found.iter().find(|document| document.document_id == pair.passage.id) else {
            report.unfound += 1;
            continue;
        };
        // Scores below zero are cosines of the unlike: 95% of one would be nearer, not farther.
        let limit = own.score - mining.margin * own.score.abs();
        let right = judged.0.get(&normalised(&pair.question));
        let answers = |passage: &PairPassage| right.is_some_and(|right| right.holds(passage));
        let before = pair.negatives.len();
        let window = mining.last.saturating_sub(mining.first.saturating_sub(1));
        for document in found.iter().skip(mining.first.saturating_sub(1)).take(window) {
            if pair.negatives.len() - before == mining.top_k {
                break;
            }
            match passages.get(&document.document_id) {
                None => report.unknown += 1,
                Some(passage) if answers(passage) => report.same += 1,
                Some(_) if document.score > limit => report.near += 1,
                Some(passage) => pair.negatives.push(passage.clone()),
            }
        }
        report.pairs += usize::from(pair.negatives.len() > before);
        report.negatives += pair.negatives.len() - before;
        if let Some(scores) = teacher.and_then(|teacher| scores(pair, teacher)) {
            pair.scores = scores;
        } else if pair.negatives.len() > before {
            // Scores of some passages only would be taken for scores of all.
            pair.scores.clear();
        }
    }
    report
}

impl Judged {
    /// Everything that answers a question of `pairs`.
    pub fn of(pairs: &[Pair]) -> Self {
        let mut judged = Self::default();
        for pair in pairs {
            let own = judged.0.entry(normalised(&pair.question)).or_default();
            own.texts.insert(normalised(&pair.passage.text));
            if !pair.passage.document.is_empty() {
                own.documents.insert(pair.passage.document.clone());
            }
        }
        judged
    }
}

impl Right {
    fn holds(&self, passage: &PairPassage) -> bool {
        self.documents.contains(&passage.document) || self.texts.contains(&normalised(&passage.text))
    }
}

/// What the teacher gave the passage and each negative, if it scored all of them.
fn scores(pair: &Pair, teacher: &Run) -> Option<Vec<f32>> {
    if pair.negatives.is_empty() {
        return None;
    }
    let found = teacher.documents(&pair.id);
    let score = |passage: &PairPassage| {
        found.iter().find(|document| document.document_id == passage.id).map(|document| document.score)
    };
    std::iter::once(&pair.passage).chain(&pair.negatives).map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(id: &str, document: &str, text: &str) -> PairPassage {
        PairPassage { id: id.to_owned(), document: document.to_owned(), text: text.to_owned() }
    }

    fn asked(id: &str, question: &str, right: &PairPassage) -> Pair {
        let question = question.to_owned();
        Pair { id: id.to_owned(), question, passage: right.clone(), negatives: Vec::new(), scores: Vec::new() }
    }

    fn mined(mining: Mining, teacher: bool) -> (Vec<Pair>, MiningReport) {
        let all = [
            passage("right", "gout", "Gout is a joint."),
            passage("other-right", "joints", "A joint that hurts."),
            passage("copy", "mirror", "gout is  a JOINT."),
            passage("sister", "gout", "Gout is treated with rest."),
            passage("near", "acne", "Acne is skin."),
            passage("hard", "asthma", "Asthma is lungs."),
            passage("easy", "measles", "Measles is a rash."),
        ];
        let passages: BTreeMap<String, PairPassage> = all.iter().map(|p| (p.id.clone(), p.clone())).collect();
        let mut pairs =
            vec![asked("1", "What is gout?", &all[0]), asked("2", "what is GOUT?", &all[1]), asked("3", "?", &all[4])];
        let mut run = Run::default();
        let found = [
            ("copy", 0.99),
            ("right", 0.9),
            ("other-right", 0.89),
            ("near", 0.86),
            ("sister", 0.8),
            ("lost", 0.8),
            ("hard", 0.7),
            ("easy", 0.1),
        ];
        run.insert("1", found.map(|(id, score)| (id.to_owned(), score)));
        run.insert("3", [("hard".to_owned(), 0.5)]);
        let judged = Judged::of(&pairs);
        let report = mine(&mut pairs, (&judged, &passages), &run, teacher.then_some(&run), mining);
        (pairs, report)
    }

    #[test]
    fn what_may_answer_is_no_negative() {
        let (pairs, report) = mined(Mining { top_k: 1, ..Mining::default() }, true);
        let ids: Vec<&str> = pairs[0].negatives.iter().map(|passage| passage.id.as_str()).collect();
        assert_eq!(ids, ["hard"]);
        assert_eq!(pairs[0].scores, [0.9, 0.7]);
        assert_eq!((report.pairs, report.negatives, report.unasked, report.unfound), (1, 1, 1, 1));
        assert_eq!((report.same, report.near, report.unknown), (4, 1, 1));
    }

    #[test]
    fn what_was_judged_to_answer_is_no_negative_of_a_pair_that_was_drawn_alone() {
        let [right, other, wrong] = ["right", "other", "wrong"].map(|id| passage(id, id, &format!("Text of {id}.")));
        let all = [asked("1", "What is gout?", &right), asked("1", "What is gout?", &other)];
        let passages: BTreeMap<String, PairPassage> = [right, other, wrong].map(|p| (p.id.clone(), p)).into();
        let mut run = Run::default();
        run.insert("1", [("right", 0.9), ("other", 0.5), ("wrong", 0.4)].map(|(id, score)| (id.to_owned(), score)));
        let mut drawn = all[..1].to_vec();
        let report = mine(&mut drawn, (&Judged::of(&all), &passages), &run, None, Mining::default());
        let ids: Vec<&str> = drawn[0].negatives.iter().map(|passage| passage.id.as_str()).collect();
        assert_eq!((ids, report.same), (vec!["wrong"], 2));
    }

    #[test]
    fn window_margin_and_number_decide_what_is_taken() {
        let check = |mining: Mining, expected: &[&str]| {
            let (pairs, _) = mined(mining, false);
            let ids: Vec<&str> = pairs[0].negatives.iter().map(|passage| passage.id.as_str()).collect();
            assert_eq!(ids, expected, "{mining:?}");
            assert!(pairs[0].scores.is_empty());
        };
        let all = Mining { first: 1, last: 50, top_k: 9, margin: 0.0 };
        check(all, &["near", "hard", "easy"]);
        check(Mining { margin: 0.5, ..all }, &["easy"]);
        check(Mining { first: 5, ..all }, &["hard", "easy"]);
        check(Mining { last: 7, ..all }, &["near", "hard"]);
        check(Mining { first: 8, last: 8, ..all }, &["easy"]);
        check(Mining { first: 9, last: 2, ..all }, &[]);
    }
}
