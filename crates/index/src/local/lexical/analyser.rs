//! Which words does a text consist of, for this index?

use std::collections::HashMap;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer, Token,
    TokenStream, Tokenizer,
};

/// Name under which the analyser is known to the engine; a change of the analyser is a change of the name.
pub(crate) const ANALYSER: &str = "clinqa_english_1";

/// Longer runs of letters (sequences, encoded data) are not words; in bytes.
const MAX_WORD_BYTES: usize = 100;

/// Words whose form is remembered. Most of a text is words that were met before, and stemming one takes ten times as
/// long as looking it up.
const REMEMBERED: usize = 1 << 15;

/// Runs of letters and digits, in lower case, without accents, stemmed as English. A hyphen ends a word, so that
/// `beta-blocker` is found by either half.
pub(crate) fn analyser() -> TextAnalyzer {
    TextAnalyzer::from(Remembering { forms: Forms::default(), token: Token::default() })
}

/// The words of `text`, in order, repeats included.
pub(crate) fn words(analyser: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    analyser.token_stream(text).process(&mut |token| words.push(token.text.clone()));
    words
}

/// The words of `text` in order, each with how it is said there, in lower case.
pub(crate) fn spoken(analyser: &mut TextAnalyzer, text: &str) -> Vec<(String, String)> {
    let mut words = Vec::new();
    analyser.token_stream(text).process(&mut |token| {
        words.push((token.text.clone(), text[token.offset_from..token.offset_to].to_lowercase()));
    });
    words
}

/// The engine's own filters, one after the other: what each word becomes.
fn filters() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// What words become, by what stands in the text; nothing for one that is too long.
#[derive(Clone)]
struct Forms {
    filters: TextAnalyzer,
    known: HashMap<Box<str>, Box<str>>,
}

impl Default for Forms {
    fn default() -> Self {
        Self { filters: filters(), known: HashMap::new() }
    }
}

impl Forms {
    /// Puts the form of `word` into `form`; `false` if it has none.
    fn put(&mut self, word: &str, form: &mut String) -> bool {
        if word.len() >= MAX_WORD_BYTES {
            return false;
        }
        form.clear();
        if let Some(known) = self.known.get(word) {
            form.push_str(known);
            return true;
        }
        let mut stream = self.filters.token_stream(word);
        if !stream.advance() {
            return false;
        }
        form.push_str(&stream.token().text);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(word.into(), form.as_str().into());
        true
    }
}

/// The filters, with a memory. A field has one for all its texts.
#[derive(Clone)]
struct Remembering {
    forms: Forms,
    token: Token,
}

/// The words of one text.
struct Stream<'a> {
    forms: &'a mut Forms,
    token: &'a mut Token,
    text: &'a str,
    /// Bytes that were taken.
    at: usize,
}

impl Tokenizer for Remembering {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.token.reset();
        Stream { forms: &mut self.forms, token: &mut self.token, text, at: 0 }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        while let Some(before) = self.text[self.at..].find(char::is_alphanumeric) {
            let start = self.at + before;
            let rest = &self.text[start..];
            let end = start + rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            self.at = end;
            self.token.position = self.token.position.wrapping_add(1);
            (self.token.offset_from, self.token.offset_to) = (start, end);
            if self.forms.put(&self.text[start..end], &mut self.token.text) {
                return true;
            }
        }
        self.at = self.text.len();
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    /// Text, place and bounds of each token.
    fn tokens(analyser: &mut TextAnalyzer, text: &str) -> Vec<(String, usize, usize, usize)> {
        let mut tokens = Vec::new();
        let mut take = |it: &Token| tokens.push((it.text.clone(), it.position, it.offset_from, it.offset_to));
        analyser.token_stream(text).process(&mut take);
        tokens
    }

    #[test]
    fn words_keep_their_form_when_more_were_met_than_are_remembered() {
        let mut remembering = analyser();
        let many: Vec<String> = (0..REMEMBERED + 10).map(|number| format!("words{number}")).collect();
        let many = many.join(" ");
        assert_eq!(tokens(&mut remembering, &many), tokens(&mut filters(), &many));
        assert_eq!(tokens(&mut remembering, &many), tokens(&mut filters(), &many));
    }

    proptest! {
        #[test]
        fn words_become_what_the_filters_make_of_them(
            texts in prop::collection::vec("([a-zA-Z]{1,12}(ing|ed|s|ies)?[ ,.–-]{1,2}|\\PC{0,6}|[x]{98,103} ){0,12}", 1..4),
        ) {
            let mut remembering = analyser();
            for text in texts.iter().chain(&texts) {
                prop_assert_eq!(tokens(&mut remembering, text), tokens(&mut filters(), text));
            }
        }
    }
}
