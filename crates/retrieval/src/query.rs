//! What is asked for (pure): the words to search for, and the text to encode.

use std::collections::HashSet;
use std::sync::LazyLock;

use clinqa_index::{Clause, FieldWeights, LexicalQuery};
use clinqa_schema::Question;

static STOP_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("../data/stopwords.txt").lines();
    lines.filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect()
});

/// A question as the two indexes take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// The words to search for, in the order of the question, each once.
    pub terms: Vec<String>,
    /// The same as a weighted query.
    pub lexical: LexicalQuery,
    /// What the encoder is given.
    pub dense: String,
}

/// Takes the words that carry meaning; if none does, all of them.
pub fn understand(question: &Question, weights: FieldWeights) -> Understood {
    let words: Vec<String> = words(question.text());
    let mut terms = distinct(words.iter().filter(|word| !STOP_WORDS.contains(word.as_str())));
    if terms.is_empty() {
        terms = distinct(words.iter());
    }
    let clauses = terms.iter().map(|term| Clause { text: term.clone(), weight: 1.0 }).collect();
    Understood { terms, lexical: LexicalQuery { clauses, weights }, dense: question.text().to_owned() }
}

/// Lower-case words: letters, digits, and the marks that hold one together (`type-2`, `don't`, `7.5`).
fn words(text: &str) -> Vec<String> {
    let holds = |c: char| matches!(c, '-' | '\'' | '’' | '.' | '/' | '%' | '+');
    text.split(|c: char| !(c.is_alphanumeric() || holds(c)))
        .map(|word| word.trim_matches(holds).replace('’', "'").to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

fn distinct<'a>(words: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = HashSet::new();
    words.filter(|word| seen.insert(word.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_carry_meaning_are_searched_for() {
        let check = |question: &str, expected: &[&str]| {
            let question = Question::new(question).expect("a question");
            assert_eq!(understand(&question, FieldWeights::default()).terms, expected);
        };
        check("What are the early signs of type 2 diabetes?", &["early", "signs", "type", "2", "diabetes"]);
        check("Is HbA1c of 48 bad, is it?", &["hba1c", "48", "bad"]);
        check("why can't I not sleep", &["not", "sleep"]);
        check("what is it?", &["what", "is", "it"]);
        check("COVID-19/flu don’t", &["covid-19/flu"]);
    }

    proptest::proptest! {
        #[test]
        fn every_question_has_something_to_search_for(text in "\\PC{1,80}") {
            if let Ok(question) = Question::new(&text) {
                let understood = understand(&question, FieldWeights::default());
                proptest::prop_assert!(!understood.dense.is_empty());
                proptest::prop_assert!(understood.terms.iter().all(|term| !term.is_empty()));
            }
        }
    }
}
