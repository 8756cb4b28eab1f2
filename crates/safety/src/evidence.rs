//! How much do the words of a turn, taken together, sound like an emergency that no rule names?
//!
//! A score card: each word, its stem, each pair of neighbours, each list of `data/lists.toml` that is met, each two
//! such lists and each frame has points in `data/evidence.tsv`, for or against. Frightened people tell of the same
//! thing in more ways than patterns can hold; what their words have in common adds up. The points were fitted (logistic regression, `fit` below) to the committed sets of messages and to
//! the examples of the rules, and are read here as data: nothing is learned while the program runs. Evidence may add a
//! notice, never take one away; a learned model may one day stand in its place under the same rule.

use rustc_hash::FxHashMap;

use crate::context::Frames;
use crate::matcher::{Found, Slot};

const POINTS: &str = include_str!("../data/evidence.tsv");

/// A long message is read in pieces of so many words, so that what matters is not drowned.
const PIECE: usize = 90;
/// How far the next piece begins after the last one.
const STEP: usize = 45;

/// The list of whoever it may be about: `who`.
const WHO_LIST: usize = 4;

/// The lists before this one (who, how much, cannot, will not …) tell nothing: all of life is full of them.
const FIRST_LIST: usize = 14;

/// So many letters of a longer word count as its stem.
const STEM: usize = 5;

/// Most words of a bare topic, as people type it into a search: `hand, foot and mouth disease`.
const TOPIC_WORDS: usize = 6;

/// Words, persons among them, of which a message about somebody has one at least; a topic has none. In alphabetical order.
const TELLING: [&str; 97] = [
    "a", "after", "am", "are", "baby", "be", "because", "been", "being", "boy", "brother", "but", "can", "cannot",
    "cant", "child", "dad", "daughter", "did", "didnt", "do", "does", "doesnt", "dont", "father", "feel", "feels",
    "friend", "getting", "girl", "go", "going", "gone", "got", "grandad", "grandma", "had", "has", "hasnt", "have",
    "he", "help", "her", "hes", "him", "his", "how", "husband", "i", "if", "im", "in", "is", "isnt", "it", "its",
    "ive", "just", "keeps", "kid", "man", "me", "mom", "mother", "mum", "my", "nan", "no", "not", "now", "partner",
    "please", "she", "shes", "since", "sister", "so", "son", "suddenly", "the", "them", "they", "think", "this",
    "toddler", "up", "was", "we", "went", "were", "what", "why", "wife", "will", "woman", "wont", "you",
];

/// A term's hash.
type Term = u64;

/// The points, in hundredths.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    bias: f32,
    points: FxHashMap<Term, f32>,
}

impl Evidence {
    /// The points that are part of this build; a line that is none is passed over, which a test forbids.
    pub(crate) fn embedded() -> Self {
        Self::read(POINTS)
    }

    fn read(text: &str) -> Self {
        let mut evidence = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((term, points)) = line.split_once('\t') else { continue };
            let Ok(points) = points.parse::<f32>() else { continue };
            match term {
                "" => evidence.bias = points,
                _ => drop(evidence.points.insert(hash(term.bytes()), points)),
            }
        }
        evidence
    }

    /// The points of the weightiest piece of the turns from word `from` on.
    pub(crate) fn total(&self, found: &Found, frames: &Frames, lists: &[Slot], from: usize) -> f32 {
        let pieces = pieces(found, from).filter(|piece| !is_topic(found, lists[WHO_LIST], piece));
        pieces.map(|piece| self.sum(&terms(found, frames, lists, piece))).fold(f32::NEG_INFINITY, f32::max)
    }

    fn sum(&self, terms: &[Term]) -> f32 {
        let known: Vec<f32> = terms.iter().filter_map(|term| self.points.get(term)).copied().collect();
        // A long piece holds more of everything: what counts is how one-sided its words are.
        self.bias + known.iter().sum::<f32>() / (known.len().max(1) as f32).sqrt()
    }
}

/// The pieces of each turn, as ranges of words.
fn pieces(found: &Found, from: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let ends = found.turns.iter().skip(1).copied().chain([found.words.len()]);
    let turns = found.turns.iter().copied().zip(ends).filter(move |(start, _)| *start >= from);
    turns.flat_map(|(start, end)| {
        let starts = (start..end).step_by(STEP).take_while(move |piece| *piece == start || piece + STEP < end);
        starts.map(move |piece| piece..end.min(piece + PIECE))
    })
}

/// Whether a piece names something and tells of nobody: no word of it is worth an alarm that no rule raised.
fn is_topic(found: &Found, who: Slot, piece: &std::ops::Range<usize>) -> bool {
    let words = &found.words[piece.clone()];
    words.len() <= TOPIC_WORDS
        && !words.iter().any(|word| TELLING.binary_search(&word.text.as_ref()).is_ok())
        && !found.matches[who].iter().any(|person| piece.contains(&person.start))
}

/// The terms of a piece, each once.
fn terms(found: &Found, frames: &Frames, lists: &[Slot], piece: std::ops::Range<usize>) -> Vec<Term> {
    let words: Vec<&[u8]> = found.words[piece.clone()].iter().map(|word| written(&word.text)).collect();
    let mut terms: Vec<Term> = words.iter().map(|word| hash(word.iter().copied())).collect();
    let pair = |pair: &[&[u8]]| hash(pair[0].iter().copied().chain([b' ']).chain(pair[1].iter().copied()));
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
    terms
}

/// Any number counts as one.
fn written(word: &str) -> &[u8] {
    if word.starts_with(|c: char| c.is_ascii_digit()) { b"0" } else { word.as_bytes() }
}

/// A list by its place in `data/lists.toml`: `{0}`, `{1}`.
fn list_name(number: usize) -> String {
    format!("{{{number}}}")
}

/// FNV-1a; of some thousand terms no two share a hash (a test looks).
fn hash(bytes: impl IntoIterator<Item = u8>) -> Term {
    go_on(0xcbf2_9ce4_8422_2325, bytes)
}

/// The hash of what `hash` stands for with `bytes` behind it.
fn go_on(hash: Term, bytes: impl IntoIterator<Item = u8>) -> Term {
    bytes.into_iter().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
