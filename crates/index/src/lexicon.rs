//! Which words and names does the corpus use?
//!
//! Spelling is mended towards words that the passages hold, and a question is linked to the documents whose title or
//! synonym it names. Both are counted while an index is written, so that nothing has to be read to understand a question.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use clinqa_schema::{Document, DocumentId};

/// Words that are kept, the most frequent first: enough for the language of a large literature.
const MAX_WORDS: usize = 200_000;

/// Words that are counted at a time; beyond, those seen once are forgotten.
const MAX_COUNTED: usize = 1_000_000;

/// Names that are kept.
const MAX_NAMES: usize = 100_000;

/// A name of more documents than these singles none of them out, and is left away: a subject heading of a large
/// literature is that of every hundredth article.
const MAX_NAMED: usize = 1_000;

/// Words of the longest name. A title that is a sentence names nothing that people would type.
pub const MAX_NAME_WORDS: usize = 7;

/// Letters of a word.
const LETTERS: RangeInclusive<usize> = 2..=30;

const HEADER: &str = "clinqa lexicon 1";

/// The words of a corpus with the number of documents that hold each, and the names of its documents.
///
/// Words and names are in lower case, runs of letters and digits; the words of a name stand between single spaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lexicon {
    /// By number of characters, sorted.
    words: BTreeMap<usize, BTreeMap<String, u32>>,
    names: HashMap<String, Vec<DocumentId>>,
}

impl Lexicon {
    /// How many documents hold `word`, given in lower case.
    pub fn count(&self, word: &str) -> u32 {
        self.words.get(&word.chars().count()).and_then(|words| words.get(word)).copied().unwrap_or(0)
    }

    /// The words of so many characters, shorter ones first, then by the alphabet, each with its number of documents.
    pub fn words(&self, characters: RangeInclusive<usize>) -> impl Iterator<Item = (&str, u32)> {
        // A range that ends before it starts holds nothing; the map would panic over it.
        let ends = if characters.is_empty() { 0..=0 } else { characters };
        self.words.range(ends).flat_map(|(_, words)| words.iter().map(|(word, count)| (word.as_str(), *count)))
    }

    /// The documents that are called `name`, in the form of [`name_of`], in the order of their ids.
    pub fn named(&self, name: &str) -> &[DocumentId] {
        self.names.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// A lexicon of these words, each in one document: what tests of spelling need.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut lexicon = Self::default();
        for word in words {
            lexicon.words.entry(word.chars().count()).or_default().insert(word.to_lowercase(), 1);
        }
        lexicon
    }

    /// A lexicon of these names: what tests of topics need.
    pub fn of_names<'a>(names: impl IntoIterator<Item = (&'a str, DocumentId)>) -> Self {
        let mut lexicon = Self::default();
        for (name, document) in names {
            lexicon.names.entry(name_of(name)).or_default().push(document);
        }
        lexicon
    }

    /// As a file: a line a word, a line a name, sorted.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut lines = vec![HEADER.to_owned()];
        lines.extend(self.words(0..=usize::MAX).map(|(word, count)| format!("w\t{word}\t{count}")));
        let names: BTreeMap<_, _> = self.names.iter().collect();
        lines.extend(names.into_iter().map(|(name, documents)| {
            let ids: Vec<&str> = documents.iter().map(DocumentId::as_str).collect();
            format!("n\t{name}\t{}", ids.join("\t"))
        }));
        (lines.join("\n") + "\n").into_bytes()
    }

    /// What [`Lexicon::encode`] wrote; `None` if it did not write this.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let body = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
        let mut lexicon = Self::default();
        for line in body.lines() {
            let mut parts = line.split('\t');
            match (parts.next()?, parts.next()?) {
                ("w", word) => {
                    let count = parts.next()?.parse().ok()?;
                    lexicon.words.entry(word.chars().count()).or_default().insert(word.to_owned(), count);
                }
                ("n", name) => {
                    let ids = parts.map(|id| DocumentId::new(id).ok()).collect::<Option<Vec<_>>>()?;
                    lexicon.names.insert(name.to_owned(), ids);
                }
                _ => return None,
            }
        }
        Some(lexicon)
    }
}

/// Counts as documents come in, which they do in the order of their ids: the first is number 0.
#[derive(Debug, Default)]
pub(crate) struct LexiconBuilder {
    counts: HashMap<String, Counted>,
    /// The documents of a name, by number; none any more where there are too many.
    names: HashMap<String, Vec<u32>>,
    documents: u32,
}

/// How many documents hold a word, and the last of them.
#[derive(Debug)]
struct Counted {
    documents: u32,
    last: u32,
}

impl LexiconBuilder {
    pub(crate) fn add(&mut self, document: &Document) {
        let synonyms = &document.metadata.synonyms;
        for text in synonyms.iter().chain([&document.title, &document.text]) {
            for word in words_of(&plain(text)) {
                self.count(word);
            }
        }
        if self.counts.len() > MAX_COUNTED {
            self.counts.retain(|_, counted| counted.documents > 1);
        }
        for name in synonyms.iter().chain([&document.title]).flat_map(|name| names_in(name)) {
            self.name(name);
        }
        self.documents += 1;
    }

    fn count(&mut self, word: &str) {
        let number = self.documents;
        // Most words were met before, and need no copy to be counted.
        if let Some(counted) = self.counts.get_mut(word) {
            counted.documents += u32::from(counted.last != number);
            counted.last = number;
        } else if LETTERS.contains(&word.chars().count()) {
            self.counts.insert(word.to_owned(), Counted { documents: 1, last: number });
        }
    }

    fn name(&mut self, name: String) {
        let has_room = self.names.len() < MAX_NAMES;
        match self.names.get_mut(&name) {
            // Emptied when there were too many.
            Some(documents) if documents.is_empty() || documents.last() == Some(&self.documents) => {}
            Some(documents) if documents.len() == MAX_NAMED => *documents = Vec::new(),
            Some(documents) => documents.push(self.documents),
            None if has_room => drop(self.names.insert(name, vec![self.documents])),
            None => {}
        }
    }

    /// The lexicon; `id` knows a document by its number.
    pub(crate) fn finish(self, id: impl Fn(u32) -> DocumentId) -> Lexicon {
        let mut counted: Vec<(String, u32)> =
            self.counts.into_iter().map(|(word, counted)| (word, counted.documents)).collect();
        counted.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        counted.truncate(MAX_WORDS);
        let mut lexicon = Lexicon::default();
        for (word, count) in counted {
            lexicon.words.entry(word.chars().count()).or_default().insert(word, count);
        }
        let named = self.names.into_iter().filter(|(_, documents)| !documents.is_empty());
        lexicon.names = named.map(|(name, documents)| (name, documents.into_iter().map(&id).collect())).collect();
        lexicon
    }
}

/// The form in which names are kept and asked for: words in lower case between single spaces, without a final `s`, so that
/// "Crohn's", "crohns" and "Crohn" are one, as "gallstone" and "gallstones" are.
pub fn name_of(text: &str) -> String {
    let singular = |word: &'_ str| match word.strip_suffix('s') {
        Some(stem) if stem.chars().count() >= 3 && !stem.ends_with('s') => stem.len(),
        _ => word.len(),
    };
    let plain = plain(text);
    let mut name = String::with_capacity(plain.len());
    for word in words_of(&plain) {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(&word[..singular(word)]);
    }
    name
}

/// A title, and without what it says in brackets, and what it says there: "Collapsed lung (pneumothorax)" is both.
fn names_in(title: &str) -> Vec<String> {
    let mut all = vec![name_of(title)];
    if let Some((before, rest)) = title.split_once('(') {
        let (inside, after) = rest.split_once(')').unwrap_or((rest, ""));
        all.extend([name_of(&format!("{before} {after}")), name_of(inside)]);
    }
    all.retain(|name| !name.is_empty() && name.split(' ').count() <= MAX_NAME_WORDS);
    all.sort_unstable();
    all.dedup();
    all
}

/// `text` in lower case, without apostrophes and what they join to a word ("Crohn's").
fn plain(text: &str) -> String {
    let mut plain = text.to_lowercase();
    // Tables of thousands of names are read before the first answer, and few hold one.
    if plain.contains(['\'', '’', '`']) {
        plain = plain.replace(['’', '`'], "'").replace("'s ", " ");
        plain = plain.strip_suffix("'s").unwrap_or(&plain).replace('\'', "");
    }
    plain
}

fn words_of(plain: &str) -> impl Iterator<Item = &str> {
    plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && (word.len() <= 2 || word.contains(char::is_alphabetic)))
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Metadata, SourceLocator};

    use super::*;

    fn document(id: &str, title: &str, synonyms: &[&str], text: &str) -> Document {
        Document {
            id: DocumentId::new(id).expect("an id"),
            title: title.into(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata { synonyms: synonyms.iter().map(ToString::to_string).collect(), ..Metadata::default() },
            source: SourceLocator::default(),
        }
    }

    fn lexicon() -> Lexicon {
        let mut builder = LexiconBuilder::default();
        builder.add(&document("b", "Bell's palsy", &["droopy face"], "The face droops."));
        builder.add(&document("p", "Collapsed lung (pneumothorax)", &["droopy face"], "Air, naïve air."));
        builder.finish(|number| DocumentId::new(["b", "p"][number as usize]).expect("an id"))
    }

    #[test]
    fn words_are_counted_by_document() {
        let lexicon = lexicon();
        let check = |word: &str, expected| assert_eq!(lexicon.count(word), expected, "{word}");
        check("face", 2);
        check("air", 1);
        check("naïve", 1);
        check("bell", 1);
        check("lungs", 0);
        let short: Vec<&str> = lexicon.words(3..=4).map(|(word, _)| word).collect();
        assert_eq!(short, ["air", "the", "bell", "face", "lung"]);
    }

    #[test]
    fn a_document_is_found_by_each_of_its_names() {
        let lexicon = lexicon();
        let check = |name: &str, expected: &[&str]| {
            let found: Vec<&str> = lexicon.named(&name_of(name)).iter().map(DocumentId::as_str).collect();
            assert_eq!(found, expected, "{name}");
        };
        check("Bell’s palsy", &["b"]);
        check("bells", &[]);
        check("Pneumothorax", &["p"]);
        check("collapsed LUNG", &["p"]);
        check("droopy face", &["b", "p"]);
        check("type 2", &[]);
    }

    #[test]
    fn a_lexicon_is_read_back_as_it_was() {
        let lexicon = lexicon();
        let text = String::from_utf8(lexicon.encode()).expect("text");
        assert_eq!(Lexicon::decode(&text), Some(lexicon));
        for damaged in ["", "clinqa lexicon 2\n", "clinqa lexicon 1\nw\tface\n", "clinqa lexicon 1\nx\ty\tz\n"] {
            assert_eq!(Lexicon::decode(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_name_of_a_thousand_documents_is_kept_and_one_of_more_is_not() {
        let mut builder = LexiconBuilder::default();
        for number in 0..=MAX_NAMED {
            let rarer = if number == 0 { "Humans" } else { "Asthma" };
            builder.add(&document(&format!("d{number}"), "", &["Humans", rarer, "Humans"], "x"));
        }
        let lexicon = builder.finish(|number| DocumentId::new(format!("d{number}")).expect("an id"));
        assert_eq!(lexicon.named("asthma").len(), MAX_NAMED);
        assert_eq!(lexicon.named("human"), []);
        assert_eq!(lexicon.count("humans"), MAX_NAMED as u32 + 1);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_document_is_called_can_be_written(title in "\\PC{1,40}", text in "\\PC{0,60}") {
            let mut builder = LexiconBuilder::default();
            builder.add(&document("d", &title, &[&text], &text));
            let lexicon = builder.finish(|_| DocumentId::new("d").expect("an id"));
            let text = String::from_utf8(lexicon.encode()).expect("text");
            proptest::prop_assert_eq!(Lexicon::decode(&text), Some(lexicon));
        }
    }
}
