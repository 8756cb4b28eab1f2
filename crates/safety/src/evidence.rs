//! How much does what was said, taken together, sound like an emergency, where no rule is certain?
//!
//! A score card: each word, its stem, each pair of neighbours, each run of four or five letters, each list of
//! `data/lists.toml` that is met, each two such lists, each frame and each rule that is met has points in
//! `data/evidence.tsv`, for or against. Frightened people tell of the same thing in more ways than patterns can hold;
//! what their words have in common adds up. The points were fitted (logistic regression, `fit.py`) to the committed
//! sets of messages and to the examples of the rules, and are read here as data: nothing is learned while the program
//! runs. They take nothing away from what is certain; what is doubtful they decide.

pub(crate) mod meaning;

use std::ops::Range;

use crate::context::Frames;
use crate::matcher::{Found, Slot};
use crate::points::{Points, Term, go_on, hash, written};

/// Those of `data/evidence.tsv`.
const POINTS: Points<2> = Points::new(
    include_bytes!(concat!(env!("OUT_DIR"), "/evidence_terms.bin")),
    include_bytes!(concat!(env!("OUT_DIR"), "/evidence_points.bin")),
);

/// A long message is read in pieces of so many words, so that what matters is not drowned.
const PIECE: usize = 90;
/// How far the next piece begins after the last one.
const STEP: usize = 45;

/// The list of whoever it may be about: `who`.
pub(crate) const WHO_LIST: usize = 4;

/// The lists before this one (who, how much, cannot, will not …) tell nothing: all of life is full of them.
const FIRST_LIST: usize = 14;

/// So many letters of a longer word count as its stem.
const STEM: usize = 5;

/// Most words of a bare topic, as people type it into a search: `hand, foot and mouth disease`.
const TOPIC_WORDS: usize = 6;

/// Words, persons among them, of which a message about somebody has one at least; a topic has none. In alphabetical
/// order.
const TELLING: [&str; 97] = [
    "a", "after", "am", "are", "baby", "be", "because", "been", "being", "boy", "brother", "but", "can", "cannot",
    "cant", "child", "dad", "daughter", "did", "didnt", "do", "does", "doesnt", "dont", "father", "feel", "feels",
    "friend", "getting", "girl", "go", "going", "gone", "got", "grandad", "grandma", "had", "has", "hasnt", "have",
    "he", "help", "her", "hes", "him", "his", "how", "husband", "i", "if", "im", "in", "is", "isnt", "it", "its",
    "ive", "just", "keeps", "kid", "man", "me", "mom", "mother", "mum", "my", "nan", "no", "not", "now", "partner",
    "please", "she", "shes", "since", "sister", "so", "son", "suddenly", "the", "them", "they", "think", "this",
    "toddler", "up", "was", "we", "went", "were", "what", "why", "wife", "will", "woman", "wont", "you",
];

/// So many letters in a row, over the ends of words, are a term too: what is misspelt still shares some.
const RUNS: [usize; 2] = [4, 5];

/// The terms of a piece, each once.
#[derive(Debug, Default)]
struct Terms {
    /// Words, stems, pairs, lists, frames.
    words: Vec<Term>,
    /// Runs of letters.
    runs: Vec<Term>,
}

/// A turn of so many words at most tells no more than what it is about.
const BRIEF: usize = 16;

/// How much a turn says: where it is little, a word means something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Brief,
    Long,
}

impl Length {
    /// That of a turn of so many words.
    pub(crate) fn of(words: usize) -> Self {
        if words <= BRIEF { Self::Brief } else { Self::Long }
    }
}

/// The points of a term in a brief turn, and in a longer one.
type Row = [f32; 2];

/// The points, in hundredths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence {
    points: Points<2>,
    bias: Row,
}

impl Evidence {
    /// The points that are part of this build.
    pub(crate) fn embedded() -> Self {
        Self { points: POINTS, bias: POINTS.of(hash([])).unwrap_or_default() }
    }

    /// The points of a term, if it has any.
    fn of(&self, term: Term, length: Length) -> Option<f32> {
        self.points.of(term).map(|row| row[length as usize])
    }

    /// The points of the weightiest piece of the turns that count. Each turn is weighed with what was met in it alone,
    /// so that nothing said later takes away; a sentence in which a rule is met is weighed by itself too, so that
    /// nothing said around it does.
    pub(crate) fn total(&self, found: &Found, frames: &Frames, lists: &[Slot], signs: &Signs<'_>) -> f32 {
        let mut most = f32::NEG_INFINITY;
        for turn in turns(found, frames.emergencies_from) {
            let length = Length::of(turn.len());
            let weigh = |piece: Range<usize>| self.sum(&terms(found, frames, lists, piece), length);
            let here = |(_, place): &&(&str, Range<usize>)| turn.contains(&place.start);
            let mut met: Vec<&str> = signs.met.iter().filter(here).map(|(rule, _)| *rule).collect();
            met.dedup();
            let is_met = !met.is_empty();
            let points = self.of_signs(met.into_iter().chain(is_met.then_some("")), length);
            let asked = if turn.start >= frames.question_from {
                self.of_signs(signs.asked.iter().copied(), length)
            } else {
                0.0
            };
            let whole = pieces(&turn).filter(|piece| is_met || !is_topic(found, lists[WHO_LIST], piece));
            let whole = whole.map(|piece| weigh(piece) + asked);
            let alone = signs.met.iter().filter(here).map(|(_, place)| weigh(place.clone()));
            most = whole.chain(alone).map(|total| total + points).fold(most, f32::max);
        }
        most
    }

    /// What the rules that were met add, whatever else is said; an empty name stands for any emergency.
    fn of_signs<'a>(&self, signs: impl Iterator<Item = &'a str>, length: Length) -> f32 {
        signs.filter_map(|sign| self.of(hash([b'!'].into_iter().chain(sign.bytes())), length)).sum()
    }

    fn sum(&self, terms: &Terms, length: Length) -> f32 {
        // A long piece holds more of everything: what counts is how one-sided it is.
        let mean = |terms: &[Term]| {
            let sum: f32 = terms.iter().filter_map(|term| self.of(*term, length)).sum();
            sum / (terms.len().max(1) as f32).sqrt()
        };
        self.bias[length as usize] + mean(&terms.words) + mean(&terms.runs)
    }
}

/// What rules say that is not certain.
#[derive(Debug, Default)]
pub(crate) struct Signs<'a> {
    /// Emergencies, in the order of the rules: the rule and the sentences that it is met in.
    pub(crate) met: Vec<(&'a str, Range<usize>)>,
    /// Rules on one's own case, and on what is not about health, that the question meets.
    pub(crate) asked: Vec<&'a str>,
}

/// The turns from word `from` on, as ranges of words.
fn turns(found: &Found, from: usize) -> impl Iterator<Item = Range<usize>> {
    let ends = found.turns.iter().skip(1).copied().chain([found.words.len()]);
    found.turns.iter().copied().zip(ends).filter(move |(start, _)| *start >= from).map(|(start, end)| start..end)
}

/// The pieces of a turn.
fn pieces(turn: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let (start, end) = (turn.start, turn.end);
    let starts = (start..end).step_by(STEP).take_while(move |piece| *piece == start || piece + STEP < end);
    starts.map(move |piece| piece..end.min(piece + PIECE))
}

/// Whether a piece names something and tells of nobody: no word of it is worth an alarm that no rule raised.
fn is_topic(found: &Found, who: Slot, piece: &Range<usize>) -> bool {
    let words = &found.words[piece.clone()];
    words.len() <= TOPIC_WORDS
        && !words.iter().any(|word| TELLING.binary_search(&word.text.as_ref()).is_ok())
        && !found.matches[who].iter().any(|person| piece.contains(&person.start))
}

fn terms(found: &Found, frames: &Frames, lists: &[Slot], piece: Range<usize>) -> Terms {
    let words: Vec<Vec<u8>> = found.words[piece.clone()].iter().map(|word| written(&word.text)).collect();
    let mut terms: Vec<Term> = words.iter().map(|word| hash(word.iter().copied())).collect();
    let pair = |pair: &[Vec<u8>]| hash(pair[0].iter().copied().chain([b' ']).chain(pair[1].iter().copied()));
    terms.extend(words.windows(2).map(pair));
    terms.extend(words.first().map(|first| hash([b'^'].into_iter().chain(first.iter().copied()))));
    let stems = words.iter().filter(|word| word.len() > STEM);
    terms.extend(stems.map(|word| hash(word[..STEM].iter().copied().chain([b'*']))));
    // A sign says little, two together much: a limb, and cold; the head, and sick.
    let mut signs: Vec<String> = Vec::new();
    for (number, slot) in lists.iter().enumerate().skip(FIRST_LIST) {
        let all = &found.matches[*slot];
        let first = all.partition_point(|m| m.start < piece.start);
        if all[first..].iter().take_while(|m| m.start < piece.end).any(|m| frames.is_live(*m, &[])) {
            let sign = list_name(number);
            let alone = hash(sign.bytes());
            terms.extend(signs.iter().map(|other| go_on(alone, other.bytes())));
            terms.push(alone);
            signs.push(sign);
        }
    }
    terms.extend(frames.names(piece).map(|name| hash([b'~'].into_iter().chain(name.bytes()))));
    terms.sort_unstable();
    terms.dedup();
    Terms { words: terms, runs: runs(&words) }
}

/// The runs of letters of `words`, each once; a run that is not all ASCII is none.
fn runs(words: &[Vec<u8>]) -> Vec<Term> {
    let mut line = vec![b'_'];
    for word in words {
        line.extend_from_slice(word);
        line.push(b'_');
    }
    let of = |length: usize| line.windows(length).filter(|run| run.is_ascii());
    let mut terms: Vec<Term> =
        RUNS.into_iter().flat_map(of).map(|run| hash([b'/'].into_iter().chain(run.iter().copied()))).collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// A list by its place in `data/lists.toml`: `{0}`, `{1}`.
fn list_name(number: usize) -> String {
    format!("{{{number}}}")
}

#[cfg(test)]
mod tests;
