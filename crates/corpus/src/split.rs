//! Which stretches of a document are its passages?
//!
//! Pure. Sentences are the units; within a section the cuts are chosen together, by the cheapest way to bound every
//! passage and to balance their lengths, so that no section ends in a rag of twelve words.

use std::ops::Range;

use clinqa_schema::{Document, Passage};
use serde::{Deserialize, Serialize};

use crate::sentence::{list_marker, sentences};

/// A word longer than this counts as one more word for each further such stretch: unbroken strings (sequences, URLs,
/// scripts without spaces) must not make a passage that no reader can take in.
const WORD_CHARS: usize = 40;

/// How long passages are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SplitConfig {
    /// Passages of `min` to `max` words within one section. `max` is kept always; `min` where the section is that long
    /// and its sentences allow it.
    Words {
        /// Fewest words, where possible.
        min: usize,
        /// Most words.
        max: usize,
    },
    /// One passage a document, as BEIR evaluation wants it.
    Whole,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self::Words { min: 40, max: 160 }
    }
}

impl SplitConfig {
    /// One passage a document.
    pub fn whole() -> Self {
        Self::Whole
    }
}

/// Cuts `document` into passages, in order, numbered from 0.
///
/// Each is `document.text[passage.bytes()]` without white space at its ends, and lies in one section (unless whole).
/// Every character of a section that is not white belongs to exactly one passage. A document without usable sections
/// is one section without a heading.
pub fn split(document: &Document, config: &SplitConfig) -> Vec<Passage> {
    let stretches = match *config {
        SplitConfig::Whole => {
            trimmed(&document.text, 0..document.text.len()).map(|whole| ("", whole)).into_iter().collect()
        }
        SplitConfig::Words { min, max } => sections(document)
            .into_iter()
            .flat_map(|(heading, body)| {
                cut(&document.text, body, Bounds::new(min, max)).into_iter().map(move |range| (heading, range))
            })
            .collect::<Vec<_>>(),
    };
    (0u32..)
        .zip(stretches)
        .filter_map(|(ordinal, (heading, range))| Passage::cut(document, ordinal, heading, range).ok())
        .collect()
}

/// The sections that can be cut: in bounds, in order, not blank. A section that breaks its promise is left out; if
/// none is left, the whole text is one.
fn sections(document: &Document) -> Vec<(&str, Range<usize>)> {
    let mut previous = 0;
    let mut kept = Vec::new();
    for section in &document.sections {
        let Range { start, end } = section.bytes;
        if start < previous || document.text.get(start..end).is_none() {
            continue;
        }
        previous = end;
        kept.extend(trimmed(&document.text, start..end).map(|body| (section.heading.as_str(), body)));
    }
    if kept.is_empty() {
        kept.extend(trimmed(&document.text, 0..document.text.len()).map(|body| ("", body)));
    }
    kept
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let body = text[range.clone()].trim_start();
    let start = range.end - body.len();
    let end = start + body.trim_end().len();
    (start < end).then_some(start..end)
}

/// Word counts between which passages lie.
#[derive(Clone, Copy)]
struct Bounds {
    min: usize,
    max: usize,
}

impl Bounds {
    fn new(min: usize, max: usize) -> Self {
        let max = max.max(1);
        Self { min: min.min(max), max }
    }
}

/// A stretch that is not cut further, its length in words, and what a cut behind it would cost.
struct Unit {
    bytes: Range<usize>,
    words: usize,
    cut_cost: usize,
}

// What a cut costs, in the unit of the balance below: the square of words away from the ideal length.
const COST_PARAGRAPH: usize = 0;
const COST_CLAUSE: usize = 25;
const COST_SENTENCE: usize = 100;
const COST_LIST: usize = 225;
const COST_WORD: usize = 400;
/// A list cut off from the line that introduces it says nothing.
const COST_LEAD_IN: usize = 2_500;
/// How much heavier a word short of the minimum weighs than a word off balance.
const SHORTAGE: usize = 10;

fn cut(text: &str, body: Range<usize>, bounds: Bounds) -> Vec<Range<usize>> {
    let mut units: Vec<Unit> = Vec::new();
    for sentence in sentences(&text[body.clone()]) {
        let sentence = body.start + sentence.start..body.start + sentence.end;
        if let Some(last) = units.last_mut() {
            last.cut_cost = cost_between(text, last.bytes.clone(), sentence.clone());
        }
        units.extend(pieces(text, sentence, bounds));
    }
    pack(&units, bounds).into_iter().map(|run| run.bytes).collect()
}

/// A sentence as one unit, or, if it is longer than a passage may be, as several: cut at clauses, else between words.
fn pieces(text: &str, sentence: Range<usize>, bounds: Bounds) -> Vec<Unit> {
    let words = words(text, sentence.clone(), bounds.max * WORD_CHARS);
    let total = words.iter().map(|word| word.words).sum();
    if total <= bounds.max {
        return vec![Unit { bytes: sentence, words: total, cut_cost: COST_SENTENCE }];
    }
    pack(&words, bounds)
}

/// The words of `range` as units; a word longer than `longest` characters comes in several.
fn words(text: &str, range: Range<usize>, longest: usize) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut push = |bytes: Range<usize>, chars: usize| {
        let clause_ends = text[bytes.clone()].ends_with([',', ';', ':', '–', '—', ')', '，', '、', '；']);
        let cut_cost = if clause_ends { COST_CLAUSE } else { COST_WORD };
        units.push(Unit { bytes, words: chars.div_ceil(WORD_CHARS), cut_cost });
    };
    let (mut start, mut chars) = (range.start, 0);
    for (at, c) in text[range.clone()].char_indices() {
        let at = range.start + at;
        if c.is_whitespace() || chars == longest {
            if chars > 0 {
                push(start..at, chars);
            }
            (start, chars) = (at, 0);
        }
        if c.is_whitespace() {
            start = at + c.len_utf8();
        } else {
            chars += 1;
        }
    }
    if chars > 0 {
        push(start..range.end, chars);
    }
    units
}

fn cost_between(text: &str, one: Range<usize>, next: Range<usize>) -> usize {
    let gap = &text[one.end..next.start];
    let next_is_item = gap.contains('\n') && list_marker(&text[next.start..]) > 0;
    match (next_is_item, text[one].ends_with(':')) {
        (_, true) => COST_LEAD_IN,
        (true, false) => COST_LIST,
        (false, false) if gap.matches('\n').count() > 1 => COST_PARAGRAPH,
        (false, false) => COST_SENTENCE,
    }
}

/// Joins neighbouring units into runs of at most `bounds.max` words at the least cost: the sum over runs of
/// (words − ideal)², more for words short of the minimum, and the costs of the cuts. Each unit must fit by itself.
///
/// Dynamic programming over the ends of runs; a run holds at most `max` units, so time is linear in the text.
fn pack(units: &[Unit], bounds: Bounds) -> Vec<Unit> {
    let total: usize = units.iter().map(|unit| unit.words).sum();
    let ideal = total.div_ceil(total.div_ceil(bounds.max).max(1));
    // best[end] = (cost of the cheapest packing of units[..end], where its last run starts)
    let mut best = vec![(0, 0)];
    for end in 1..=units.len() {
        let mut cheapest = (usize::MAX, end - 1);
        let mut length = 0;
        for start in (0..end).rev() {
            length += units[start].words;
            if length > bounds.max && start + 1 < end {
                break;
            }
            let cut_cost = if start == 0 { 0 } else { units[start - 1].cut_cost };
            let cost = best[start].0 + cut_cost + length_cost(length, ideal, bounds);
            if cost < cheapest.0 {
                cheapest = (cost, start);
            }
        }
        best.push(cheapest);
    }
    let mut runs = Vec::new();
    let mut end = units.len();
    while end > 0 {
        let start = best[end].1;
        runs.push(Unit {
            bytes: units[start].bytes.start..units[end - 1].bytes.end,
            words: units[start..end].iter().map(|unit| unit.words).sum(),
            cut_cost: units[end - 1].cut_cost,
        });
        end = start;
    }
    runs.reverse();
    runs
}

fn length_cost(length: usize, ideal: usize, bounds: Bounds) -> usize {
    let shortage = bounds.min.saturating_sub(length);
    length.abs_diff(ideal).pow(2) + SHORTAGE * shortage.pow(2)
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{DocumentId, Metadata, Section, SourceLocator};
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str, sections: &[(&str, Range<usize>)]) -> Document {
        Document {
            id: DocumentId::new("d").expect("an id"),
            title: "D".into(),
            text: text.into(),
            sections: sections
                .iter()
                .map(|(heading, bytes)| Section { heading: (*heading).into(), bytes: bytes.clone() })
                .collect(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        }
    }

    fn sentence(words: usize) -> String {
        format!("W{}. ", " w".repeat(words - 1))
    }

    fn lengths(text: &str) -> Vec<usize> {
        let document = document(text, &[]);
        split(&document, &SplitConfig::default()).iter().map(|p| p.text().split_whitespace().count()).collect()
    }

    #[test]
    fn passages_of_a_section_are_balanced() {
        let check = |sentences: &[usize], expected: &[usize]| {
            let text: String = sentences.iter().map(|words| sentence(*words)).collect();
            assert_eq!(lengths(&text), expected, "{sentences:?}");
        };
        check(&[10; 3], &[30]);
        check(&[20; 8], &[160]);
        check(&[18; 9], &[90, 72]);
        check(&[50, 50, 50, 12], &[100, 62]);
        check(&[150, 12], &[150, 12]);
        check(&[12; 40], &[120, 120, 120, 120]);
        check(&[500], &[125, 125, 125, 125]);
        check(&[], &[]);
    }

    #[test]
    fn a_passage_never_crosses_a_heading() {
        let text = "Short one. Still short.\n\nSymptoms\n\nThirst. Fatigue.";
        let symptoms = text.find("Thirst").expect("there");
        let document = document(text, &[("", 0..23), ("Symptoms", symptoms..text.len())]);
        let passages = split(&document, &SplitConfig::default());
        let found: Vec<(&str, &str)> = passages.iter().map(|p| (p.heading(), p.text())).collect();
        assert_eq!(found, [("", "Short one. Still short."), ("Symptoms", "Thirst. Fatigue.")]);
        assert_eq!(passages[1].id().to_string(), "d#1");
    }

    #[test]
    fn a_list_stays_with_the_line_that_introduces_it() {
        let intro = sentence(100);
        let items = format!("- {}\n", "w ".repeat(9).trim_end()).repeat(6);
        let text = format!("{intro}\n\nCall a doctor if you have:\n\n{items}");
        let document = document(&text, &[]);
        let passages = split(&document, &SplitConfig::default());
        assert_eq!(passages.len(), 2);
        assert!(passages[1].text().starts_with("Call a doctor"), "{}", passages[1].text());
    }

    #[test]
    fn a_long_sentence_is_cut_at_its_clauses() {
        let clause = format!("{},", "w ".repeat(60).trim_end());
        let text = format!("{clause} {clause} {clause} {clause} end.");
        let document = document(&text, &[]);
        let passages = split(&document, &SplitConfig::default());
        assert!(passages.len() > 1);
        assert!(passages[..passages.len() - 1].iter().all(|passage| passage.text().ends_with(',')));
    }

    #[test]
    fn an_endless_word_is_cut_between_characters() {
        let text = "é".repeat(100_000);
        let document = document(&text, &[]);
        let passages = split(&document, &SplitConfig::default());
        assert!(passages.iter().all(|passage| passage.text().chars().count() <= 160 * WORD_CHARS));
        assert_eq!(passages.iter().map(Passage::text).collect::<String>(), text);
    }

    #[test]
    fn a_whole_document_is_one_passage() {
        let document = document(" Title\n\nBody. \n", &[("Title", 8..13)]);
        let passages = split(&document, &SplitConfig::whole());
        assert_eq!(passages.len(), 1);
        assert_eq!(passages[0].text(), "Title\n\nBody.");
    }

    #[test]
    fn sections_that_break_their_promise_are_not_trusted() {
        let text = "Über alles. More.";
        let broken = document(text, &[("a", 1..5), ("b", 3..900), ("c", 12..17), ("d", 0..3)]);
        let found: Vec<String> =
            split(&broken, &SplitConfig::default()).iter().map(|passage| passage.heading().to_owned()).collect();
        assert_eq!(found, ["c"]);
        let hopeless = document(text, &[("a", 1..5)]);
        assert_eq!(split(&hopeless, &SplitConfig::default())[0].text(), text);
        assert!(split(&document(" \n", &[]), &SplitConfig::default()).is_empty());
        assert!(split(&document("", &[]), &SplitConfig::whole()).is_empty());
    }

    proptest! {
        #[test]
        fn every_character_of_every_section_is_in_one_passage(
            bodies in proptest::collection::vec("(?s)([a-zé]{1,9}[,.:]? |\n|\n\n- |[A-Z][a-z]{0,50} |\\PC){0,120}", 0..4),
            min in 0usize..20, max in 0usize..40,
        ) {
            let mut text = String::new();
            let mut sections = Vec::new();
            for body in &bodies {
                text.push_str("Heading\n\n");
                let start = text.len();
                text.push_str(body);
                sections.push(("Heading", start..text.len()));
            }
            let document = document(&text, &sections);
            prop_assume!(bodies.iter().any(|body| !body.trim().is_empty()));
            let passages = split(&document, &SplitConfig::Words { min, max });
            let mut covered = vec![false; text.len()];
            let mut previous = 0;
            for (ordinal, passage) in passages.iter().enumerate() {
                prop_assert_eq!(passage.id().ordinal as usize, ordinal);
                prop_assert_eq!(passage.text(), &text[passage.bytes()]);
                prop_assert_eq!(passage.text(), passage.text().trim());
                prop_assert!(passage.text().split_whitespace().count() <= max.max(1));
                prop_assert!(passage.bytes().start >= previous);
                let inside = |(_, section): &(&str, Range<usize>)| section.start <= passage.bytes().start && passage.bytes().end <= section.end;
                prop_assert!(sections.iter().any(inside));
                previous = passage.bytes().end;
                covered[passage.bytes()].fill(true);
            }
            for (_, section) in &sections {
                for (at, c) in text[section.clone()].char_indices() {
                    prop_assert!(c.is_whitespace() || covered[section.start + at]);
                }
            }
        }
    }
}
