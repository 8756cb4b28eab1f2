//! Which text is about the same and does not answer (pure)?
//!
//! A reader that has only seen random wrong texts is far too sure of itself on retrieved ones, which are on topic. So
//! the wrong text of a question is the one that shares most of the rare words of its question and of its right text.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use clinqa_eval::normalise_answer;
use rayon::prelude::*;

use super::mixture::draw;
use super::squad::SpanQuestion;

/// A word that stands in more than one of so many texts says little about what a text is about.
const RARE: usize = 20;

/// Of few texts a word may stand in this many all the same.
const FEW: usize = 20;

/// How much more a word of the question counts than one of the text.
const QUESTION_WORD: f64 = 2.0;

/// For a `share` (0 to 1) of the answerable `questions`, drawn by `seed`: the same question beside the most similar other text of
/// the set that holds none of its answers. Texts that share no rare word with it yield none.
pub(crate) fn wrong_passages(questions: &[SpanQuestion], share: f64, seed: u64) -> Vec<SpanQuestion> {
    let texts = Texts::of(questions);
    let drawn = |question: &&SpanQuestion| {
        question.answer.is_some() && draw(seed, &["wrong", &question.file, &question.id]) < share
    };
    let beside = |question: &SpanQuestion| {
        let text = Arc::clone(texts.most_similar(question)?);
        let id = format!("{}#wrong", question.id);
        Some(SpanQuestion { id, text, answer: None, accepted: Vec::new(), ..question.clone() })
    };
    questions.par_iter().filter(drawn).filter_map(beside).collect()
}

/// The different texts of a set, and where its rare words stand.
struct Texts {
    all: Vec<Arc<str>>,
    /// The answer-normalised form of each, framed by spaces.
    normal: Vec<String>,
    /// How many different words each has.
    sizes: Vec<usize>,
    /// Rare word → the texts that hold it.
    postings: HashMap<String, Vec<usize>>,
}

impl Texts {
    fn of(questions: &[SpanQuestion]) -> Self {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let mut texts: Vec<Arc<str>> = Vec::new();
        for question in questions {
            if known.insert(&question.text) {
                texts.push(Arc::clone(&question.text));
            }
        }
        let mut postings: HashMap<String, Vec<usize>> = HashMap::new();
        let mut sizes = Vec::with_capacity(texts.len());
        for (text, content) in texts.iter().enumerate() {
            let words = words(content);
            sizes.push(words.len());
            for word in words {
                postings.entry(word).or_default().push(text);
            }
        }
        let most = (texts.len() / RARE).max(FEW);
        postings.retain(|_, held| (2..=most).contains(&held.len()));
        let normal = texts.iter().map(|text| framed(text)).collect();
        Self { all: texts, normal, sizes, postings }
    }

    fn most_similar(&self, question: &SpanQuestion) -> Option<&Arc<str>> {
        let asked = words(&question.question);
        let mut scores = vec![0.0; self.all.len()];
        for word in words(&question.text).union(&asked) {
            let Some(held) = self.postings.get(word) else { continue };
            let rarity = (self.all.len() as f64 / held.len() as f64).ln();
            let weight = if asked.contains(word) { QUESTION_WORD * rarity } else { rarity };
            // A long text shares words because it is long.
            for &text in held {
                scores[text] += weight / (self.sizes[text] as f64).sqrt();
            }
        }
        let golds: Vec<String> = question.golds().map(framed).collect();
        let answers = |text: usize| {
            self.all[text] == question.text || golds.iter().any(|gold| self.normal[text].contains(gold.as_str()))
        };
        // The best but for those that answer; of equals the first.
        let mut best: Option<usize> = None;
        for (text, score) in scores.iter().enumerate() {
            if *score > best.map_or(0.0, |best| scores[best]) && !answers(text) {
                best = Some(text);
            }
        }
        best.map(|text| &self.all[text])
    }
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_lowercase).collect()
}

fn framed(text: &str) -> String {
    format!(" {} ", normalise_answer(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &str, question: &str, text: &str, answer: &str) -> SpanQuestion {
        let at = text.find(answer).expect("the answer");
        let range = at..at + answer.len();
        SpanQuestion {
            file: "f".into(),
            record: 1,
            id: id.to_owned(),
            question: question.to_owned(),
            text: text.into(),
            answer: Some(range.clone()),
            accepted: vec![range],
            group: 0,
        }
    }

    fn set() -> Vec<SpanQuestion> {
        vec![
            question("a", "What dose of warfarin?", "The dose of warfarin is 5 mg daily.", "5 mg"),
            question("b", "What raises warfarin?", "Amiodarone raises warfarin levels.", "Amiodarone"),
            question("c", "What else?", "Five kinds of warfarin dose: some take 5 mg.", "Five kinds"),
            question("d", "Which grape?", "The grape of the region is Syrah.", "Syrah"),
            question("e", "Which region?", "The region lies south of the river.", "south"),
        ]
    }

    #[test]
    fn the_wrong_text_is_on_topic_and_holds_no_answer() {
        let wrong = wrong_passages(&set(), 1.0, 7);
        let of = |id: &str| wrong.iter().find(|question| question.id == id).expect("a wrong text");
        // "c" shares most words with "a", and holds its answer.
        assert_eq!(&*of("a#wrong").text, "Amiodarone raises warfarin levels.");
        assert_eq!(&*of("d#wrong").text, "The region lies south of the river.");
        assert!(wrong.iter().all(|question| question.answer.is_none() && question.accepted.is_empty()));
    }

    #[test]
    fn a_share_is_drawn_by_the_seed_and_none_is_none() {
        assert!(wrong_passages(&set(), 0.0, 7).is_empty());
        let many: Vec<SpanQuestion> = (0..400)
            .map(|at| {
                question(&format!("q{at}"), "Which region?", &format!("region{} lies south {at}", at / 2), "south")
            })
            .map(|mut question| {
                question.accepted = Vec::new();
                question
            })
            .collect();
        let wrong = wrong_passages(&many, 0.5, 7);
        assert!((150..250).contains(&wrong.len()), "{}", wrong.len());
        assert_eq!(wrong, wrong_passages(&many, 0.5, 7));
        assert_ne!(wrong, wrong_passages(&many, 0.5, 8));
    }
}
