//! Which documents say nearly the same: one leaflet on three sites, a preprint and its article (pure)?
//!
//! Each document leaves two similarity hashes (Charikar 2002), of its words and of its pairs of words, and hashes of its title's
//! words: some 70 bytes beside its id. Two documents are alike where both hashes nearly agree, one title holds the other and both
//! stand alike: what was withdrawn or superseded is never hidden behind what was not, nor named beside it without its mark. Texts made from one template differ in little but the name of what they are about, and are not alike.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;

use clinqa_schema::{Document, DocumentId, StandingState};
use siphasher::sip::SipHasher;

/// Shorter texts say too little to be told apart.
const LEAST_WORDS: usize = 40;
/// Bits in which hashes of words may differ: what candidates are found by. Of the 75,466 pairs of the starter corpus, which
/// holds no two texts alike, three are that near.
const MOST_BITS: u32 = 5;
/// Bits in which hashes of pairs of words may differ. No pair of the starter corpus is nearer than 14.
const MOST_BITS_OF_PAIRS: u32 = 12;
/// Hashes are cut into so many pieces; with [`MOST_BITS`] bits different, two pieces at least are equal.
const PIECES: usize = 7;

/// What is kept of the documents that were shown.
#[derive(Debug, Default)]
pub struct Similar {
    seen: Vec<Trace>,
}

/// What is kept of one document.
#[derive(Debug)]
struct Trace {
    hash: u64,
    pairs: u64,
    id: DocumentId,
    /// Hashes of the title's words, ascending, each once.
    title: Box<[u32]>,
    state: StandingState,
}

impl Similar {
    /// Notes a document; one that is too short is like no other.
    pub fn note(&mut self, document: &Document) {
        let words = Words::of(&document.text);
        if words.bounds.len() < LEAST_WORDS {
            return;
        }
        self.seen.push(Trace {
            hash: simhash(words.runs(1)),
            pairs: simhash(words.runs(2)),
            id: document.id.clone(),
            title: hashes(&Words::of(&document.title)),
            state: document.metadata.standing.state,
        });
    }

    /// Every document that has its like, with all that are alike through it, itself left out, in the order of ids.
    pub fn siblings(mut self) -> BTreeMap<DocumentId, Vec<DocumentId>> {
        self.seen.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.seen.dedup_by(|a, b| a.id == b.id);
        let mut groups = Groups::of(self.seen.len());
        for first in 0..PIECES {
            for second in first + 1..PIECES {
                self.join_equal(&mut groups, piece(first) | piece(second));
            }
        }
        let mut members: BTreeMap<usize, Vec<DocumentId>> = BTreeMap::new();
        for (at, trace) in self.seen.iter().enumerate() {
            members.entry(groups.root(at)).or_default().push(trace.id.clone());
        }
        let shared = members.into_values().filter(|ids| ids.len() > 1);
        shared
            .flat_map(|ids| {
                let others = |id: &DocumentId| ids.iter().filter(|other| *other != id).cloned().collect();
                ids.iter().map(|id| (id.clone(), others(id))).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Joins the like among those whose hashes are equal under `mask`.
    fn join_equal(&self, groups: &mut Groups, mask: u64) {
        // The hashes stand beside the places, so that sorting a million of them does not look each up wherever it lies.
        let mut order: Vec<(u64, usize)> =
            self.seen.iter().enumerate().map(|(at, trace)| (trace.hash & mask, at)).collect();
        order.sort_unstable();
        for equal in order.chunk_by(|(a, _), (b, _)| a == b) {
            for (offset, &(_, at)) in equal.iter().enumerate() {
                // A thousand copies of one text need not be compared each with each: neighbours chain them.
                for &(_, other) in equal[offset + 1..].iter().take(64) {
                    if self.are_alike(at, other) {
                        groups.join(at, other);
                    }
                }
            }
        }
    }

    fn are_alike(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.seen[a], &self.seen[b]);
        a.state == b.state
            && (a.hash ^ b.hash).count_ones() <= MOST_BITS
            && (a.pairs ^ b.pairs).count_ones() <= MOST_BITS_OF_PAIRS
            && !a.title.is_empty()
            && !b.title.is_empty()
            && (holds(&a.title, &b.title) || holds(&b.title, &a.title))
            && numbers(&a.title).eq(numbers(&b.title))
    }
}

/// The bits of piece number `at`.
fn piece(at: usize) -> u64 {
    let bound = |at: usize| (at * 64).div_ceil(PIECES);
    (bound(at)..bound(at + 1)).fold(0, |mask, bit| mask | 1 << bit)
}

/// The words of a text in lower case, one space between each two: words that follow one another are one stretch of it.
struct Words {
    text: String,
    bounds: Vec<Range<usize>>,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut it = Self { text: String::with_capacity(text.len() + 1), bounds: Vec::with_capacity(text.len() / 6) };
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            let start = it.text.len();
            it.text.push_str(word);
            if word.is_ascii() {
                it.text[start..].make_ascii_lowercase();
            } else {
                // What ends a word may decide its small letters, so that it is the word that is asked.
                it.text.truncate(start);
                it.text.push_str(&word.to_lowercase());
            }
            it.bounds.push(start..it.text.len());
            it.text.push(' ');
        }
        it
    }

    /// Every run of `count` words.
    fn runs(&self, count: usize) -> impl Iterator<Item = &str> {
        self.bounds.windows(count).map(|run| &self.text[run[0].start..run[run.len() - 1].end])
    }
}

/// The similarity hash of `features`, the same as [`simhash::simhash_stream`] makes: each bit is what most of the features'
/// hashes have there. Votes are counted for all bits at once, in binary: the n-th digits of the 64 counts are one number.
fn simhash<'a>(features: impl Iterator<Item = &'a str>) -> u64 {
    let mut digits = [0_u64; u32::BITS as usize];
    let mut count = 0_u32;
    for feature in features {
        let mut hasher = SipHasher::default();
        feature.hash(&mut hasher);
        let mut carry = hasher.finish();
        count += 1;
        for digit in &mut digits {
            (*digit, carry) = (*digit ^ carry, *digit & carry);
            if carry == 0 {
                break;
            }
        }
    }
    let votes = |bit: u32| digits.iter().rev().fold(0_u32, |sum, digit| sum << 1 | (digit >> bit & 1) as u32);
    (0..u64::BITS).filter(|bit| votes(*bit) > count / 2).fold(0, |hash, bit| hash | 1 << bit)
}

/// Marks the hash of a word with a digit in it: `type 1` is not `type 2`.
const NUMBER: u32 = 1 << 31;

fn hashes(title: &Words) -> Box<[u32]> {
    let hash = |word: &str| {
        let digest = blake3::hash(word.as_bytes());
        let bytes = digest.as_bytes();
        let short = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) & !NUMBER;
        if word.contains(|c: char| c.is_numeric()) { short | NUMBER } else { short }
    };
    title.runs(1).map(hash).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether `title` has every word of `other`.
fn holds(title: &[u32], other: &[u32]) -> bool {
    other.iter().all(|word| title.binary_search(word).is_ok())
}

fn numbers(title: &[u32]) -> impl Iterator<Item = u32> {
    title.iter().copied().filter(|word| word & NUMBER != 0)
}

/// Sets that are joined two at a time; the smallest member names its set.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn of(count: usize) -> Self {
        Self { parents: (0..count).collect() }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high] = low;
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Metadata, SourceLocator};

    use super::*;

    /// A generator of our own, so that every run sees the same texts.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    fn text(dice: &mut Dice, words: usize) -> Vec<String> {
        (0..words).map(|_| format!("w{}", dice.below(3_000))).collect()
    }

    fn document(id: &str, title: &str, words: &[String]) -> Document {
        Document {
            id: id.parse().expect("an id"),
            title: title.into(),
            text: words.join(" "),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        }
    }

    fn alike(documents: &[Document]) -> Vec<String> {
        let mut similar = Similar::default();
        for document in documents {
            similar.note(document);
        }
        let told = similar.siblings().into_iter();
        told.map(|(id, others)| {
            format!("{id}: {}", others.iter().map(DocumentId::as_str).collect::<Vec<_>>().join(" "))
        })
        .collect()
    }

    #[test]
    fn one_leaflet_on_three_sites_is_one_group_whatever_the_order() {
        let words = text(&mut Dice(1), 300);
        let mut edited = words.clone();
        edited[150] = "altogether".into();
        let other = text(&mut Dice(2), 300);
        let mut documents = vec![
            document("site-b", "Asthma", &words),
            document("site-a", "Asthma, a leaflet", &edited),
            document("site-c", "ASTHMA", &words),
            document("else", "Asthma", &other),
        ];
        let expected = ["site-a: site-b site-c", "site-b: site-a site-c", "site-c: site-a site-b"];
        assert_eq!(alike(&documents), expected);
        documents.reverse();
        assert_eq!(alike(&documents), expected);
    }

    #[test]
    fn texts_from_one_template_about_different_things_are_not_alike() {
        let words = text(&mut Dice(3), 300);
        let check = |a: &str, b: &str, together: bool| {
            let found = alike(&[document("a", a, &words), document("b", b, &words)]);
            assert_eq!(found.len(), if together { 2 } else { 0 }, "{a} and {b}");
        };
        check("Kabuki syndrome", "Jacobsen syndrome", false);
        check("Diabetes type 1", "Diabetes type 2", false);
        check("Diabetes", "Diabetes type 2", false);
        check("Covid-19", "COVID 19", true);
        check("", "", false);
    }

    #[test]
    fn a_withdrawn_copy_stands_by_itself() {
        let words = text(&mut Dice(6), 300);
        let mut withdrawn = document("preprint", "Asthma", &words);
        withdrawn.metadata.standing.state = StandingState::Retracted;
        let found = alike(&[document("article", "Asthma", &words), withdrawn, document("copy", "Asthma", &words)]);
        assert_eq!(found, ["article: copy", "copy: article"]);
    }

    #[test]
    fn a_text_of_a_few_words_is_like_no_other() {
        let words = text(&mut Dice(4), LEAST_WORDS - 1);
        assert_eq!(alike(&[document("a", "A", &words), document("b", "A", &words)]), [""; 0]);
    }

    #[test]
    fn a_text_with_one_word_in_fifty_changed_is_nearly_always_known_again_and_an_unrelated_one_never() {
        let mut dice = Dice(5);
        let (mut known, mut strangers, tries) = (0, 0, 300);
        for _ in 0..tries {
            let length = 60 + dice.below(540) as usize;
            let words = text(&mut dice, length);
            let mut edited = words.clone();
            for _ in 0..length / 50 {
                let at = dice.below(length as u64) as usize;
                edited[at] = format!("new{}", dice.below(1_000));
            }
            known += usize::from(!alike(&[document("a", "T", &words), document("b", "T", &edited)]).is_empty());
            let other = text(&mut dice, length);
            strangers += usize::from(!alike(&[document("a", "T", &words), document("b", "T", &other)]).is_empty());
        }
        assert!(known * 100 >= tries * 85, "{known} of {tries}");
        assert_eq!(strangers, 0);
    }

    #[test]
    fn hashes_are_those_of_the_crate_that_names_them() {
        let mut dice = Dice(7);
        for length in [1, 2, 3, 64, 255, 256, 1_000] {
            let text = text(&mut dice, length).join(" – ") + " Ärzte ΟΔΟΣ";
            let lower: Vec<String> =
                text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
            let pairs: Vec<String> = lower.windows(2).map(|pair| pair.join(" ")).collect();
            let words = Words::of(&text);
            let of_crate = |features: &[String]| simhash::simhash_stream(features.iter().map(String::as_str));
            assert_eq!((simhash(words.runs(1)), simhash(words.runs(2))), (of_crate(&lower), of_crate(&pairs)));
        }
    }

    #[test]
    fn the_pieces_of_a_hash_cover_it_once() {
        assert_eq!((0..PIECES).map(piece).fold(0, |all, bits| all | bits), u64::MAX);
        assert_eq!((0..PIECES).map(|at| piece(at).count_ones()).sum::<u32>(), 64);
    }
}
