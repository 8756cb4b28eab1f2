//! Which words does a text consist of, for this index?

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer,
};

/// Name under which the analyser is known to the engine; a change of the analyser is a change of the name.
pub(crate) const ANALYSER: &str = "clinqa_english_1";

/// Longer runs of letters (sequences, encoded data) are not words; in bytes.
const MAX_WORD_BYTES: usize = 100;

/// Runs of letters and digits, in lower case, without accents, stemmed as English. A hyphen ends a word, so that
/// `beta-blocker` is found by either half.
pub(crate) fn analyser() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// The words of `text`, in order, repeats included.
pub(crate) fn words(analyser: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    analyser.token_stream(text).process(&mut |token| words.push(token.text.clone()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_folded_stemmed_words() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(&mut analyser(), text), expected, "{text}");
        check("Beta-blockers lower pressures", &["beta", "blocker", "lower", "pressur"]);
        check("Sjögren’s type-2 IL6", &["sjogren", "s", "type", "2", "il6"]);
        check("((((\" OR glucose: >7", &["or", "glucos", "7"]);
        check("", &[]);
        check("—?!", &[]);
        check(&"x".repeat(101), &[]);
    }
}
