//! How much speaks for a candidate (pure)? Each kind of evidence is a number; a weighted sum ranks the candidates.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use clinqa_index::FaqHit;
use clinqa_reader::Candidate;
use clinqa_retrieval::{
    Kind, Understood, asks_for_the_end, has_duration, has_number, has_reason, is_negative, people,
    tells_of_the_beginning,
};
use clinqa_schema::{Passage, PassageId};

use crate::Place;
use crate::concepts::Concepts;
use crate::faq;
use crate::opposed::opposed;
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
    /// Cosine of the question and what would be quoted; that of the passage where the quote could not win by any, and 0.43
    /// where words alone were searched.
    Likeness,
    /// The share of what is asked that the document's names, the heading and the quote speak of, by rarity, 0 to 1.
    Coverage,
    /// The share of it that the document's names speak of, 0 to 1.
    Names,
    /// 1 if it stands under a heading that the question asks for, -1 if under another, 0 if it asks for none.
    Heading,
    /// The logarithm of the likelihood that the answer stands under this heading of the document.
    Section,
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
    /// 1 if a reason is asked for and given, -1 if it is not.
    Reason,
    /// 1 if the quote speaks of the opposite or of others: of a high count, asked about a low one; of adults, asked about a
    /// child; of what does not help, asked what does. -0.5 if it speaks of just the high or low that is asked about.
    Opposed,
    /// How much says that people ask the same and are answered there: grows with how like and how many their questions are;
    /// 0 if no corpus says what they ask.
    Asked,
    /// The cosine of the question that is most like this one of those that the document answers; 0 likewise. For a document of
    /// which no corpus says what people ask, that of the most like of all.
    AskedOf,
}

impl Feature {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 19] = [
        Self::Margin,
        Self::Rank,
        Self::Nearness,
        Self::Document,
        Self::Likeness,
        Self::Coverage,
        Self::Names,
        Self::Heading,
        Self::Section,
        Self::Topic,
        Self::Duration,
        Self::Number,
        Self::List,
        Self::Polarity,
        Self::People,
        Self::Reason,
        Self::Opposed,
        Self::Asked,
        Self::AskedOf,
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
            Self::Names => "names",
            Self::Heading => "heading",
            Self::Section => "section",
            Self::Topic => "topic",
            Self::Duration => "duration",
            Self::Number => "number",
            Self::List => "list",
            Self::Polarity => "polarity",
            Self::People => "people",
            Self::Reason => "reason",
            Self::Opposed => "opposed",
            Self::Asked => "asked",
            Self::AskedOf => "asked_of",
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
    /// Fitted on the dev half of the starter questions (see `crates/README.md`) but for the last, of which those hold nothing:
    /// it is worth more than a heading and a name together.
    fn default() -> Self {
        Self([
            0.12, 0.08, 5.56, 0.84, 11.38, 4.77, 0.63, 0.29, 0.43, 1.17, 1.25, 1.3, 1.09, 0.85, 0.5, 1.74, -2.55, 0.0,
            0.0,
        ])
    }
}

impl EvidenceWeights {
    /// The same where a corpus says what people ask, fitted likewise; polarity, people and opposites, of which those questions hold
    /// too little, are worth what they are worth without.
    pub fn with_faq() -> Self {
        Self([
            0.07, 0.27, 7.98, 0.17, 6.53, 3.03, 1.48, 0.3, 0.34, 0.56, 1.64, 0.99, 1.28, 0.85, 0.5, 1.86, -2.55, 0.95,
            2.84,
        ])
    }
}

/// Candidates whose likeness is measured at once, before it is known how much there is to beat.
const MEASURED_FIRST: usize = 8;

/// Whose likeness is measured: each costs the encoder a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// That of candidates that would win if their quotes were as like the question as can be.
    CanWin,
    /// That of every candidate, so that weights can be fitted to it.
    All,
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
    /// What the document is called, all names together.
    pub(crate) names: &'a str,
    /// The headings of the document.
    pub(crate) headings: &'a [&'a str],
    /// What people ask that is like the question.
    pub(crate) faq: &'a [FaqHit],
    /// Whether a corpus says what people ask of the document.
    pub(crate) has_faq: bool,
}

/// A question as it is weighed.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) understood: &'a Understood,
    pub(crate) concepts: &'a Concepts,
}

/// Weighs one candidate.
pub(crate) fn weigh(
    candidate: Candidate,
    place: Place,
    seen: &Seen<'_>,
    Asked { understood: question, concepts }: Asked<'_>,
    weights: EvidenceWeights,
) -> Evidence {
    let text = seen.passage.text();
    let quote = &text[place.quote.clone()];
    let heading = seen.passage.heading();
    let context = format!("{} {heading} {quote}", seen.passage.title());
    let wanted = |is_wanted: bool, is_there: bool| if is_wanted { sign(is_there) } else { 0.0 };
    let number = |feature: Feature| match feature {
        Feature::Margin => candidate.margin(),
        Feature::Rank => seen.rank,
        Feature::Nearness => seen.nearness,
        Feature::Document => seen.document,
        Feature::Likeness => seen.likeness,
        Feature::Coverage => concepts.share(&format!("{} {context}", seen.names)),
        Feature::Names => concepts.share(seen.names),
        Feature::Heading => {
            let asked_for = question.headings.iter().any(|asked_for| heading.starts_with(asked_for));
            wanted(!question.headings.is_empty(), asked_for)
        }
        Feature::Section => question.expected.likelihood(heading, seen.headings.iter().copied()),
        Feature::Topic => seen.named,
        Feature::Duration => {
            let is_there = has_duration(quote) && !(asks_for_the_end(&question.text) && tells_of_the_beginning(quote));
            wanted(question.kind == Kind::Duration, is_there)
        }
        Feature::Number => wanted(question.kind == Kind::Amount, has_number(quote)),
        Feature::List => f32::from(u8::from(question.kind == Kind::List && quote.contains("\n- "))),
        Feature::Polarity => wanted(question.negative, is_negative(quote)),
        Feature::People => {
            let spoken_of = people(&context);
            wanted(!question.people.is_empty(), question.people.iter().all(|group| spoken_of.contains(group)))
        }
        Feature::Reason => wanted(question.kind == Kind::Reason, has_reason(quote)),
        Feature::Opposed => opposed(&question.text, &question.people, quote),
        Feature::Asked => faq::answered(seen.faq, seen.passage.id(), &place.quote),
        Feature::AskedOf => faq::asked_of(seen.faq, &seen.passage.id().document, seen.has_faq),
    };
    let numbers = Feature::ALL.map(number);
    let total = numbers.iter().zip(weights.0).map(|(number, weight)| number * weight).sum();
    let shown = place.clone();
    Evidence { candidate, place, numbers, total, shown, mass: total }
}

/// Puts the likeness that `measure` finds for candidates, by their places, where an estimate stood.
pub(crate) fn measure<E>(
    evidence: &mut [Evidence],
    weights: EvidenceWeights,
    measured: Measured,
    mut measure: impl FnMut(&[usize]) -> Result<Vec<f32>, E>,
) -> Result<(), E> {
    const LIKENESS: usize = Feature::Likeness as usize;
    let worth = weights.0[LIKENESS];
    // A cosine lies between -1 and 1.
    let ceiling = |one: &Evidence| one.total - worth * one.numbers[LIKENESS] + worth.abs();
    let mut note = |evidence: &mut [Evidence], places: &[usize]| {
        for (&at, likeness) in places.iter().zip(measure(places)?) {
            let one = &mut evidence[at];
            one.total += worth * (likeness - one.numbers[LIKENESS]);
            one.mass = one.total;
            one.numbers[LIKENESS] = likeness;
        }
        Ok(())
    };
    let mut order: Vec<usize> = (0..evidence.len()).collect();
    order.sort_by(|&a, &b| ceiling(&evidence[b]).total_cmp(&ceiling(&evidence[a])));
    let first = if measured == Measured::All { order.len() } else { MEASURED_FIRST.min(order.len()) };
    let (first, others) = order.split_at(first);
    note(evidence, first)?;
    let best = first.iter().map(|&at| evidence[at].total).fold(f32::NEG_INFINITY, f32::max);
    let can_win: Vec<usize> = others.iter().copied().filter(|&at| ceiling(&evidence[at]) > best).collect();
    if can_win.is_empty() { Ok(()) } else { note(evidence, &can_win) }
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
        let concepts = Concepts::of(&question, 10, |_| 1);
        let asked = Asked { understood: &question, concepts: &concepts };
        let (called, headings) = ("Croup", ["Symptoms", "Causes", "Treatment"].as_slice());
        let (rank, nearness, document, likeness, named) = (0.5, 0.5, 0.4, 0.6, 1.0);
        let (faq, has_faq) = ([].as_slice(), false);
        let passage = &passage;
        let seen = Seen { passage, rank, nearness, document, likeness, named, names: called, headings, faq, has_faq };
        let place = Place { quote: 0..text.len(), span: 0..4 };
        by_name(&weigh(candidate, place, &seen, asked, EvidenceWeights::default()).numbers)
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
        let begins = "Croup begins 2 days after contact.";
        check("how long does croup last", "Symptoms", begins, Feature::Duration, -1.0);
        check("how long before croup starts", "Symptoms", begins, Feature::Duration, 1.0);
        check("how much steam", "Treatment", "Use 5 mL.", Feature::Number, 1.0);
        check("how is croup treated", "Treatment", "A steroid.", Feature::Heading, 1.0);
        check("how is croup treated", "Causes", "A virus.", Feature::Heading, -1.0);
        check("what should I not do", "Treatment", "Do not use steam.", Feature::Polarity, 1.0);
        check("what should I not do", "Treatment", "Keep calm.", Feature::Polarity, -1.0);
        let low = "what does a low white cell count mean";
        check(low, "Causes", "A high white cell count is common.", Feature::Opposed, 1.0);
        check(
            low,
            "Causes",
            "A high white cell count is common, a low white cell count is not.",
            Feature::Opposed,
            -0.5,
        );
        check(low, "Causes", "A high temperature is common.", Feature::Opposed, 0.0);
        check("what is a low INR", "Causes", "The higher the INR, the slower blood clots.", Feature::Opposed, 1.0);
        check("what is a low INR", "Causes", "An INR below the target needs a change.", Feature::Opposed, -0.5);
        let tsh = "what does it mean when my TSH is high";
        check(tsh, "Causes", "In an overactive thyroid, TSH is usually below 0.1.", Feature::Opposed, 1.0);
        check(tsh, "Causes", "TSH rises when thyroid hormone is low.", Feature::Opposed, -0.5);
        let child = "how much for a 5 year old child";
        check(child, "Treatment", "The most for an adult is 4 g.", Feature::Opposed, 1.0);
        check(child, "Treatment", "Adults take 1 g, children 15 mg/kg.", Feature::Opposed, 0.0);
        check("overactive thyroid", "Causes", "An underactive thyroid is common.", Feature::Opposed, 1.0);
        let helps = "what helps a cold";
        check(helps, "Treatment", "Antibiotics do not help a cold.", Feature::Opposed, 1.0);
        check(helps, "Treatment", "Rest and drinks help a cold.", Feature::Opposed, 0.0);
        check("what does not help a cold", "Treatment", "Antibiotics do not help a cold.", Feature::Opposed, 0.0);
        check("is it seen in babies", "Causes", "Babies get it.", Feature::People, 1.0);
        check("is it seen in babies", "Causes", "Adults get it.", Feature::People, -1.0);
        check("signs of croup", "Symptoms", "Signs are:\n- a bark", Feature::List, 1.0);
        check("why is croup worse at night", "Causes", "It is, because air is cool.", Feature::Reason, 1.0);
        check("why is croup worse at night", "Causes", "It is.", Feature::Reason, -1.0);
        check("croup", "Symptoms", "Some text.", Feature::Margin, 2.0);
        check("croup", "Symptoms", "Some text.", Feature::Names, 1.0);
    }

    /// A passage of `text`.
    fn passage(text: &str) -> Passage {
        let document = Document {
            id: DocumentId::new("d").expect("an id"),
            title: "T".into(),
            text: text.to_owned(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        Passage::cut(&document, 0, "", 0..text.len()).expect("a passage")
    }

    /// A candidate for a sentence of it.
    fn candidate(passage: &Passage, sentence: &str, total: f32) -> Evidence {
        let start = passage.text().find(sentence).expect("in the text");
        let quote = start..start + sentence.len();
        let span = Span::new(passage, quote.clone()).expect("a span");
        let candidate = Candidate { span, score: 0.0, null_score: 0.0, also: Vec::new() };
        let place = Place { quote: quote.clone(), span: quote };
        let numbers = [0.0; Feature::ALL.len()];
        Evidence { candidate, shown: place.clone(), place, numbers, total, mass: total }
    }

    #[test]
    fn only_what_can_win_is_measured_and_it_wins_as_if_all_were() {
        let names: Vec<String> = (0..30).map(|at| format!("S{at:02}.")).collect();
        let passage = passage(&names.join(" "));
        // The likeness of each is another one; the last ones could not win by any.
        let likeness = |at: usize| (at * 7 % 30) as f32 / 40.0;
        let all = || -> Vec<Evidence> {
            names.iter().enumerate().map(|(at, name)| candidate(&passage, name, -(at as f32))).collect()
        };
        let run = |measured: Measured| {
            let (mut evidence, mut asked) = (all(), Vec::new());
            let note = |places: &[usize]| {
                asked.extend_from_slice(places);
                Ok::<_, ()>(places.iter().map(|&at| likeness(at)).collect())
            };
            measure(&mut evidence, EvidenceWeights::default(), measured, note).expect("measured");
            let best = evidence.iter().max_by(|a, b| a.total.total_cmp(&b.total)).expect("one");
            (best.candidate.span.bytes().start, best.total, asked)
        };
        let (exhaustive, frugal) = (run(Measured::All), run(Measured::CanWin));
        assert_eq!((exhaustive.0, exhaustive.1), (frugal.0, frugal.1));
        assert_eq!(exhaustive.2.len(), 30);
        assert!((8..20).contains(&frugal.2.len()), "{:?}", frugal.2);
    }

    #[test]
    fn the_stretch_with_most_evidence_comes_first() {
        let text = format!("Alone. {}. Here. There.", "word ".repeat(80).trim_end());
        let passage = passage(&text);
        let evidence = |sentence: &str, total: f32| candidate(&passage, sentence, total);
        let mut all = [evidence("Alone.", 2.0), evidence("There.", 1.8), evidence("Here.", 1.9)];
        rank(&mut all, |_| Some(&text));
        let said: Vec<&str> = all.iter().map(|e| &text[e.place.quote.clone()]).collect();
        assert_eq!(said, ["Here.", "There.", "Alone."]);
        assert!(text[all[0].shown.quote.clone()].ends_with("Here. There."));
    }
}
