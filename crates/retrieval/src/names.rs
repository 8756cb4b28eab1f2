//! What else is a thing called (pure)? Abbreviations, everyday words and brand names, each a line of a table in `data/`.

use std::sync::LazyLock;

use clinqa_index::name_of;
use rustc_hash::FxHashMap;

/// Words of the longest entry.
pub(crate) const MAX_WORDS: usize = 5;

/// Which table a name stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Abbreviation,
    Lay,
    Medicine,
}

/// One meaning of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) table: Table,
    pub(crate) means: &'static str,
    /// As it is written: an abbreviation that is a word in lower case ("as", "all") is one only in capitals.
    pub(crate) written: &'static str,
    /// Words of the question that speak for this meaning; without any it is the usual one.
    context: Vec<String>,
}

static MEANINGS: LazyLock<FxHashMap<String, Vec<Meaning>>> = LazyLock::new(|| {
    let tables = [
        (Table::Abbreviation, include_str!("../data/abbreviations.tsv")),
        (Table::Lay, include_str!("../data/lay.tsv")),
        (Table::Medicine, include_str!("../data/medicines.tsv")),
    ];
    let mut meanings: FxHashMap<String, Vec<Meaning>> = FxHashMap::default();
    meanings.reserve(tables.iter().map(|(_, text)| text.lines().count()).sum());
    for (table, text) in tables {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split('\t').map(str::trim);
            let (Some(written), Some(means)) = (fields.next(), fields.next()) else { continue };
            let context = fields.next().unwrap_or_default().split(',').map(name_of).filter(|word| !word.is_empty());
            let meaning = Meaning { table, means, written, context: context.collect() };
            // Most names mean one thing.
            meanings.entry(name_of(written)).or_insert_with(|| Vec::with_capacity(1)).push(meaning);
        }
    }
    meanings
});

/// What `name` (in the form of [`name_of`]) means in a question of these words: the meaning most of whose context stands
/// there, else the one that needs none.
pub(crate) fn meaning(name: &str, question: &[String]) -> Option<&'static Meaning> {
    let meanings = MEANINGS.get(name)?;
    let spoken_for = |meaning: &&Meaning| meaning.context.iter().filter(|word| question.contains(word)).count();
    let by_context = meanings.iter().filter(|meaning| spoken_for(meaning) > 0).max_by_key(spoken_for);
    by_context.or_else(|| meanings.iter().find(|meaning| meaning.context.is_empty()))
}

/// Whether some table knows `word`, which is then no slip of the pen.
pub(crate) fn is_known(word: &str) -> bool {
    MEANINGS.contains_key(&name_of(word))
}

/// The words of all names and meanings, so that a slip is mended towards them too.
pub(crate) fn vocabulary() -> impl Iterator<Item = &'static str> {
    let texts = MEANINGS.values().flatten().flat_map(|meaning| [meaning.written, meaning.means]);
    texts.flat_map(|text| text.split(|c: char| !c.is_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_what_the_rest_of_the_question_says() {
        let check = |name: &str, question: &str, expected: Option<&str>| {
            let words: Vec<String> = question.split(' ').map(name_of).collect();
            assert_eq!(meaning(name, &words).map(|meaning| meaning.means), expected, "{name} in {question}");
        };
        check("af", "does af need tablets", Some("atrial fibrillation"));
        check("pile", "are piles dangerous", Some("haemorrhoids"));
        check("tylenol", "tylenol dose", Some("paracetamol"));
        check("zolfendrine", "zolfendrine dose", None);
    }

    #[test]
    fn every_line_of_the_tables_has_a_name_and_a_meaning() {
        let tables = ["abbreviations", "lay", "medicines"];
        let texts = [
            include_str!("../data/abbreviations.tsv"),
            include_str!("../data/lay.tsv"),
            include_str!("../data/medicines.tsv"),
        ];
        for (table, text) in tables.iter().zip(texts) {
            for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
                let fields: Vec<&str> = line.split('\t').collect();
                let is_whole = matches!(fields.len(), 2 | 3) && fields.iter().all(|field| !field.trim().is_empty());
                assert!(is_whole, "data/{table}.tsv:{}: `{line}`", at + 1);
                let words = name_of(fields[0]).split(' ').count();
                assert!(words <= MAX_WORDS, "data/{table}.tsv:{}: more than {MAX_WORDS} words", at + 1);
            }
        }
    }
}
