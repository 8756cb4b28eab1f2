//! How much speaks for a candidate (pure)? Each kind of evidence is a number; a weighted sum ranks the candidates.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use clinqa_reader::Candidate;
use clinqa_retrieval::{Kind, Understood, has_duration, has_number, is_negative, people};
use clinqa_schema::{Passage, PassageId};

use crate::Place;
use crate::quote::widened;

/// A kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// The reader's score of the span less that of "no answer here", in logits.
    Margin,
    /// The score of the passage after fusion and preference, about 0 to 1.5.
    Rank,
    /// Cosine of the question and the passage; 0.43 where no vector found it.
    Nearness,
    /// The mean score of the document's three best passages: an article about the thing is found by several.
    Document,
    /// Cosine of the question and what would be quoted; 0.43 where words alone were searched.
    Likeness,
    /// The share of the question's words that title, heading and quote hold, 0 to 1.
    Coverage,
    /// The share of them that the quote alone holds, 0 to 1.
    QuoteCoverage,
    /// 1 if it stands under a heading that the question asks for, -1 if under another, 0 if it asks for none.
    Heading,
    /// How much the question names the document: 1 if by a name of its own, 0 if not.
    Topic,
    /// 1 if a length of time is asked for and stands there, -1 if it does not.
    Duration,
    /// 1 if a number is asked for and stands there, -1 if it does not.
    Number,
    /// 1 if a list is asked for and the quote is one.
    List,
    /// 1 if question and quote both deny or warn, -1 if only the question does.
    Polarity,
    /// 1 if the people the question is about are spoken of, -1 if they are not, 0 if it is about nobody.
    People,
}

impl Feature {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 14] = [
        Self::Margin,
        Self::Rank,
        Self::Nearness,
        Self::Document,
        Self::Likeness,
        Self::Coverage,
        Self::QuoteCoverage,
        Self::Heading,
        Self::Topic,
        Self::Duration,
        Self::Number,
        Self::List,
        Self::Polarity,
        Self::People,
    ];

    /// Its name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Margin => "margin",
            Self::Rank => "rank",
            Self::Nearness => "nearness",
            Self::Document => "document",
            Self::Likeness => "likeness",
            Self::Coverage => "coverage",
            Self::QuoteCoverage => "quote-coverage",
            Self::Heading => "heading",
            Self::Topic => "topic",
            Self::Duration => "duration",
            Self::Number => "number",
            Self::List => "list",
            Self::Polarity => "polarity",
            Self::People => "people",
        }
    }
}

/// A number for each kind of evidence: how much there is of it, or what a unit of it is worth.
pub(crate) type Numbers = [f32; Feature::ALL.len()];

/// Stands for a likeness that no encoder measured: where the shipped encoder's mean over right dev answers lies less one
/// deviation, so that words alone answer seldom rather than never.
pub(crate) const UNKNOWN_LIKENESS: f32 = 0.43;

/// What a unit of each kind of evidence is worth, in the order of [`Feature::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvidenceWeights(pub [f32; Feature::ALL.len()]);

impl Default for EvidenceWeights {
    /// Fitted on the dev half of the starter questions; see `crates/README.md`.
    fn default() -> Self {
        Self([0.15, 1.76, 4.85, 0.72, 6.42, 1.06, 0.77, 0.41, 0.98, 0.65, 0.59, 1.45, 0.36, 0.47])
    }
}

/// A candidate with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evidence {
    /// The span and where else it stands.
    pub(crate) candidate: Candidate,
    /// What would be quoted for it.
    pub(crate) place: Place,
    /// How much there is of each kind.
    pub(crate) numbers: Numbers,
    /// All of it together.
    pub(crate) total: f32,
    /// What is shown for it.
    pub(crate) shown: Place,
    /// The evidence for all that is shown together: the logarithm of the sum of e to the power of each.
    pub(crate) mass: f32,
}

/// What is known of a candidate before it is weighed.
pub(crate) struct Seen<'a> {
    pub(crate) passage: &'a Passage,
    pub(crate) rank: f32,
    pub(crate) nearness: f32,
    pub(crate) document: f32,
    pub(crate) likeness: f32,
    /// How much the question names the document, 0 to 1.
    pub(crate) named: f32,
}

/// Weighs one candidate.
pub(crate) fn weigh(
    candidate: Candidate,
    place: Place,
    seen: &Seen<'_>,
    question: &Understood,
    weights: EvidenceWeights,
) -> Evidence {
    let text = seen.passage.text();
    let quote = &text[place.quote.clone()];
    let context = format!("{} {} {quote}", seen.passage.title(), seen.passage.heading());
    let wanted = |is_wanted: bool, is_there: bool| if is_wanted { sign(is_there) } else { 0.0 };
    let number = |feature: Feature| match feature {
        Feature::Margin => candidate.margin(),
        Feature::Rank => seen.rank,
        Feature::Nearness => seen.nearness,
        Feature::Document => seen.document,
        Feature::Likeness => seen.likeness,
        Feature::Coverage => coverage(&question.terms, &context),
        Feature::QuoteCoverage => coverage(&question.terms, quote),
        Feature::Heading => {
            let asked_for = question.headings.iter().any(|heading| seen.passage.heading().starts_with(heading));
            wanted(!question.headings.is_empty(), asked_for)
        }
        Feature::Topic => seen.named,
        Feature::Duration => wanted(question.kind == Kind::Duration, has_duration(quote)),
        Feature::Number => wanted(question.kind == Kind::Amount, has_number(quote)),
        Feature::List => f32::from(u8::from(question.kind == Kind::List && quote.contains("\n- "))),
        Feature::Polarity => wanted(question.negative, is_negative(quote)),
        Feature::People => {
            let spoken_of = people(&context);
            wanted(!question.people.is_empty(), question.people.iter().all(|group| spoken_of.contains(group)))
        }
    };
    let numbers = Feature::ALL.map(number);
    let total = numbers.iter().zip(weights.0).map(|(number, weight)| number * weight).sum();
    let shown = place.clone();
    Evidence { candidate, place, numbers, total, shown, mass: total }
}

fn sign(positive: bool) -> f32 {
    if positive { 1.0 } else { -1.0 }
}

/// Decides what is shown for each candidate, and ranks them by the evidence for that: a reader is served by the stretch
/// that most likely holds the answer, not by the likeliest sentence beside nothing. Ties keep their order.
pub(crate) fn rank<'a>(evidence: &mut [Evidence], text_of: impl Fn(&PassageId) -> Option<&'a str>) {
    let weighed: Vec<(PassageId, Range<usize>, f32)> =
        evidence.iter().map(|e| (e.candidate.span.passage().clone(), e.place.quote.clone(), e.total)).collect();
    for one in evidence.iter_mut() {
        let here = one.candidate.span.passage().clone();
        let Some(text) = text_of(&here) else { continue };
        let of_passage = || weighed.iter().filter(|(passage, ..)| *passage == here);
        let worth = |piece: &Range<usize>| {
            let overlapping = of_passage().filter(|(_, quote, _)| quote.start < piece.end && piece.start < quote.end);
            overlapping.map(|(.., total)| *total).fold(f32::NEG_INFINITY, f32::max)
        };
        one.shown = widened(text, &one.place, worth);
        let shown = &one.shown.quote;
        let within = of_passage().filter(|(_, quote, _)| shown.start <= quote.start && quote.end <= shown.end);
        let sum: f32 = within.map(|(.., total)| (total - one.total).exp()).sum();
        one.mass = one.total + sum.max(1.0).ln();
    }
    // Sentences that show the same stretch differ by rounding: the likeliest of them is the answer.
    let coarse = |evidence: &Evidence| (evidence.mass * 256.0).round();
    let descending = |a: f32, b: f32| b.partial_cmp(&a).unwrap_or(Ordering::Equal);
    evidence.sort_by(|a, b| descending(coarse(a), coarse(b)).then(descending(a.total, b.total)));
    put_the_likeliest_first(evidence);
}

/// Of the stretch that was chosen, the likeliest sentence is the answer, though another one led to it.
fn put_the_likeliest_first(evidence: &mut [Evidence]) {
    let Some(first) = evidence.first() else { return };
    let (passage, quote, mass) = (first.candidate.span.passage().clone(), first.shown.quote.clone(), first.mass);
    let within = |other: &Evidence| {
        let place = &other.place.quote;
        *other.candidate.span.passage() == passage && quote.start <= place.start && place.end <= quote.end
    };
    let inside = (0..evidence.len()).filter(|&at| within(&evidence[at]));
    let likeliest = inside.max_by(|&a, &b| evidence[a].total.total_cmp(&evidence[b].total).then(b.cmp(&a)));
    if let Some(at) = likeliest {
        evidence[..=at].rotate_right(1);
        evidence[0].shown.quote = quote;
        evidence[0].mass = mass;
    }
}

/// The numbers by name, for traces.
pub(crate) fn by_name(numbers: &Numbers) -> BTreeMap<&'static str, f32> {
    Feature::ALL.iter().map(|feature| feature.name()).zip(numbers.iter().copied()).collect()
}

/// The share of `terms` that `text` holds, endings apart: all but the last two letters of a longer word must agree.
pub(crate) fn coverage(terms: &[String], text: &str) -> f32 {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let holds = |term: &str| words.iter().any(|word| word.starts_with(stem(term)));
    let parts: Vec<&str> = terms
        .iter()
        .flat_map(|term| term.split(|c: char| !c.is_alphanumeric()))
        .filter(|part| !part.is_empty())
        .collect();
    let held = parts.iter().filter(|part| holds(part)).count();
    held as f32 / parts.len().max(1) as f32
}

/// The share of `terms` that `text` holds, each counted by how few of the `documents` hold it (`count` tells): a rare word
/// that is missing says more than a common one.
pub(crate) fn held(terms: &[String], text: &str, documents: u64, count: impl Fn(&str) -> u32) -> f32 {
    let text = text.to_lowercase();
    let words: std::collections::HashSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let holds = |term: &str| words.contains(term) || words.iter().any(|word| word.starts_with(stem(term)));
    let rarity = |term: &str| ((documents as f32 + 1.0) / (count(term) as f32 + 0.5)).ln().max(0.0);
    let parts =
        || terms.iter().flat_map(|term| term.split(|c: char| !c.is_alphanumeric())).filter(|part| !part.is_empty());
    let all: f32 = parts().map(rarity).sum();
    let held: f32 = parts().filter(|part| holds(part)).map(rarity).sum();
    if all > 0.0 { held / all } else { 0.0 }
}

fn stem(term: &str) -> &str {
    let letters = term.chars().count();
    let kept = if letters > 5 { letters - 2 } else { letters };
    term.char_indices().nth(kept).map_or(term, |(end, _)| &term[..end])
}

#[cfg(test)]
mod tests {
    use clinqa_index::Lexicon;
    use clinqa_retrieval::{Understanding, understand};
    use clinqa_schema::{Document, DocumentId, Metadata, Question, SourceLocator, Span};

    use super::*;

    fn numbers(question: &str, heading: &str, text: &str) -> BTreeMap<&'static str, f32> {
        let document = Document {
            id: DocumentId::new("d").expect("an id"),
            title: "Croup".into(),
            text: text.into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let passage = Passage::cut(&document, 0, heading, 0..text.len()).expect("a passage");
        let span = Span::new(&passage, 0..4).expect("a span");
        let candidate = Candidate { span, score: 3.0, null_score: 1.0, also: Vec::new() };
        let question = Question::new(question).expect("a question");
        let question = understand(&question, &[], &Lexicon::default(), Understanding::default());
        let seen = Seen { passage: &passage, rank: 0.5, nearness: 0.5, document: 0.4, likeness: 0.6, named: 1.0 };
        let place = Place { quote: 0..text.len(), span: 0..4 };
        by_name(&weigh(candidate, place, &seen, &question, EvidenceWeights::default()).numbers)
    }

    #[test]
    fn evidence_is_what_the_question_wants() {
        let check = |question: &str, heading: &str, text: &str, feature: Feature, expected: f32| {
            let found = numbers(question, heading, text)[feature.name()];
            assert!((found - expected).abs() < 1e-6, "{question} / {text}: {} is {found}", feature.name());
        };
        check("how long does croup last", "Symptoms", "Croup lasts 3 days.", Feature::Duration, 1.0);
        check("how long does croup last", "Symptoms", "Croup is mild.", Feature::Duration, -1.0);
        check("is croup mild", "Symptoms", "Croup lasts 3 days.", Feature::Duration, 0.0);
        check("how much steam", "Treatment", "Use 5 mL.", Feature::Number, 1.0);
        check("how is croup treated", "Treatment", "A steroid.", Feature::Heading, 1.0);
        check("how is croup treated", "Causes", "A virus.", Feature::Heading, -1.0);
        check("what should I not do", "Treatment", "Do not use steam.", Feature::Polarity, 1.0);
        check("what should I not do", "Treatment", "Keep calm.", Feature::Polarity, -1.0);
        check("is it seen in babies", "Causes", "Babies get it.", Feature::People, 1.0);
        check("is it seen in babies", "Causes", "Adults get it.", Feature::People, -1.0);
        check("signs of croup", "Symptoms", "Signs are:\n- a bark", Feature::List, 1.0);
        check("croup", "Symptoms", "Some text.", Feature::Margin, 2.0);
    }

    #[test]
    fn the_stretch_with_most_evidence_comes_first() {
        let text = format!("Alone. {}. Here. There.", "word ".repeat(80).trim_end());
        let document = Document {
            id: DocumentId::new("d").expect("an id"),
            title: "T".into(),
            text: text.clone(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let passage = Passage::cut(&document, 0, "", 0..text.len()).expect("a passage");
        let evidence = |sentence: &str, total: f32| {
            let start = text.find(sentence).expect("in the text");
            let quote = start..start + sentence.len();
            let span = Span::new(&passage, quote.clone()).expect("a span");
            let candidate = Candidate { span: span.clone(), score: 0.0, null_score: 0.0, also: Vec::new() };
            let place = Place { quote: quote.clone(), span: quote };
            let numbers = [0.0; Feature::ALL.len()];
            Evidence { candidate, shown: place.clone(), place, numbers, total, mass: total }
        };
        let mut all = [evidence("Alone.", 2.0), evidence("There.", 1.8), evidence("Here.", 1.9)];
        rank(&mut all, |_| Some(&text));
        let said: Vec<&str> = all.iter().map(|e| &text[e.place.quote.clone()]).collect();
        assert_eq!(said, ["Here.", "There.", "Alone."]);
        assert!(text[all[0].shown.quote.clone()].ends_with("Here. There."));
    }

    #[test]
    fn a_rare_word_that_is_missing_weighs_more_than_a_common_one() {
        let count = |word: &str| if word == "pain" { 90 } else { 1 };
        let share = |text: &str| held(&["pain".to_owned(), "zolfendrine".to_owned()], text, 100, count);
        assert!(share("Pain is common.") < 0.1);
        assert!(share("Zolfendrine is a tablet.") > 0.9);
        assert!((share("Zolfendrine for pains") - 1.0).abs() < 1e-6);
        assert!(held(&[], "anything", 100, count).abs() < 1e-6);
    }

    #[test]
    fn words_are_covered_whatever_their_ending() {
        let check = |terms: &[&str], text: &str, expected: f32| {
            let terms: Vec<String> = terms.iter().map(ToString::to_string).collect();
            assert!((coverage(&terms, text) - expected).abs() < 1e-6, "{terms:?} in {text}");
        };
        check(&["treated", "asthma"], "Treatment of asthma", 1.0);
        check(&["zolfendrine", "tablets"], "A tablet a day", 0.5);
        check(&["af"], "after", 1.0);
        check(&["af"], "flutter", 0.0);
        check(&["type-2", "naïveté"], "type 2, naïve", 1.0);
        check(&[], "anything", 0.0);
    }
}
