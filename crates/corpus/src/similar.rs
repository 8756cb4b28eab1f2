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
/// Of more documents than these with one rarest word in their titles, not each is compared with each.
const CROWD: usize = 256;
/// So many that come after it is a document of a crowd compared with: a thousand copies of one text chain one another.
const NEXT: usize = 64;
/// Siblings that a document names. Nobody reads more, and if each of 2,000 leaflets named all others, the index would hold
/// four million names.
const MOST_SIBLINGS: usize = 5;

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

    /// Every document that has its like, with the first five of all that are alike through it, itself left out, in the
    /// order of ids. So the least of a document and the first that it names is the same for its whole group, and tells it
    /// from all others.
    pub fn siblings(mut self) -> BTreeMap<DocumentId, Vec<DocumentId>> {
        self.seen.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.seen.dedup_by(|a, b| a.id == b.id);
        let mut groups = Groups::of(self.seen.len());
        self.join(&mut groups);
        let mut members: BTreeMap<usize, Vec<DocumentId>> = BTreeMap::new();
        for (at, trace) in self.seen.iter().enumerate() {
            members.entry(groups.root(at)).or_default().push(trace.id.clone());
        }
        let shared = members.into_values().filter(|ids| ids.len() > 1);
        shared
            .flat_map(|ids| {
                let others =
                    |id: &DocumentId| ids.iter().filter(|other| *other != id).take(MOST_SIBLINGS).cloned().collect();
                ids.iter().map(|id| (id.clone(), others(id))).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Joins the like. Each document stands under the rarest word of its title; a title that holds it has that word too, so
    /// that it is looked for under each word of every title.
    fn join(&self, groups: &mut Groups) {
        // Words are hashes, and so some of their bits are as good as they are: what shares only those is compared in vain.
        let piles = self.seen.len().next_power_of_two();
        let pile = |word: &u32| *word as usize & (piles - 1);
        let mut common = vec![0_u32; piles];
        self.seen.iter().flat_map(|trace| &trace.title).for_each(|word| common[pile(word)] += 1);
        let rarest = |trace: &Trace| trace.title.iter().map(pile).min_by_key(|pile| (common[*pile], *pile));
        let stands: Vec<Option<usize>> = self.seen.iter().map(rarest).collect();
        // Piles lie behind one another in one list. The hashes stand beside the places, so that comparing does not look
        // each up wherever it lies.
        let mut starts = vec![0; piles + 1];
        stands.iter().flatten().for_each(|pile| starts[pile + 1] += 1);
        (0..piles).for_each(|pile| starts[pile + 1] += starts[pile]);
        let mut ends = starts.clone();
        let mut placed = vec![(0_u64, 0_usize); starts[piles]];
        for (at, (trace, pile)) in self.seen.iter().zip(&stands).enumerate() {
            let Some(pile) = *pile else { continue };
            placed[ends[pile]] = (trace.hash, at);
            ends[pile] += 1;
        }
        let mut crowds: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, trace) in self.seen.iter().enumerate() {
            for pile in trace.title.iter().map(pile) {
                let there = &placed[starts[pile]..ends[pile]];
                if there.len() > CROWD {
                    crowds.entry(pile).or_default().push(at);
                    continue;
                }
                for &(hash, other) in there {
                    if other != at && (hash ^ trace.hash).count_ones() <= MOST_BITS && self.are_alike(at, other) {
                        groups.join(at, other);
                    }
                }
            }
        }
        for crowd in crowds.values() {
            for first in 0..PIECES {
                for second in first + 1..PIECES {
                    self.join_equal(groups, crowd, piece(first) | piece(second));
                }
            }
        }
    }

    /// Joins the like among those of `crowd` whose hashes are equal under `mask`; of one title before others.
    fn join_equal(&self, groups: &mut Groups, crowd: &[usize], mask: u64) {
        let keys = crowd.iter().map(|&at| {
            let Trace { hash, title, state, .. } = &self.seen[at];
            let key = title.iter().fold(*state as u32, |key, word| key.rotate_left(5) ^ word);
            (hash & mask, key, *hash, at)
        });
        let mut order: Vec<(u64, u32, u64, usize)> = keys.collect();
        order.sort_unstable();
        for equal in order.chunk_by(|a, b| a.0 == b.0) {
            for (offset, &(.., at)) in equal.iter().enumerate() {
                for &(.., other) in equal[offset + 1..].iter().take(NEXT) {
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
    fn of_many_that_say_the_same_each_names_the_first_few_whatever_the_order() {
        let words = text(&mut Dice(8), 300);
        let mut documents: Vec<Document> =
            (0..2_000).map(|at| document(&format!("site-{at:04}"), "Asthma", &words)).collect();
        let of = |documents: &[Document]| {
            let mut similar = Similar::default();
            for document in documents {
                similar.note(document);
            }
            similar.siblings()
        };
        let found = of(&documents);
        let names = |id: &str| found[&id.parse().expect("an id")].iter().map(DocumentId::as_str).collect::<Vec<_>>();
        assert_eq!(found.len(), 2_000);
        assert_eq!(names("site-1999"), ["site-0000", "site-0001", "site-0002", "site-0003", "site-0004"]);
        assert_eq!(names("site-0000"), ["site-0001", "site-0002", "site-0003", "site-0004", "site-0005"]);
        // What a group is known by.
        assert!(found.iter().all(|(id, named)| id.min(&named[0]).as_str() == "site-0000"));
        documents.reverse();
        documents.swap(3, 1_200);
        assert_eq!(of(&documents), found);
    }

    #[test]
    fn look_alikes_of_other_titles_in_between_hide_nothing() {
        let words = text(&mut Dice(9), 300);
        // In the order of ids they stand between the three that are alike, with the very same hash.
        let mut documents: Vec<Document> =
            (0..1_000).map(|at| document(&format!("b{at:04}"), &format!("Syndrome x{at}y"), &words)).collect();
        documents.push(document("a", "Kabuki syndrome", &words));
        documents.push(document("c", "Kabuki syndrome, a leaflet", &words));
        documents.push(document("d", "Kabuki syndrome", &words));
        assert_eq!(alike(&documents), ["a: c d", "c: a d", "d: a c"]);
        // The same where all that is between has one title of one word.
        let crowd = (0..1_000).map(|at| document(&format!("e{at:04}"), &format!("Care {at}"), &words));
        let mut documents: Vec<Document> = crowd.collect();
        documents.push(document("a", "Care", &words));
        documents.push(document("z", "Care", &words));
        assert_eq!(alike(&documents), ["a: z", "z: a"]);
    }

    #[test]
    fn a_crowd_of_one_title_is_one_group_and_others_in_it_are_their_own() {
        let words = text(&mut Dice(10), 300);
        let mut documents: Vec<Document> = (0..300).map(|at| document(&format!("m{at:03}"), "Care", &words)).collect();
        let other = text(&mut Dice(11), 300);
        documents.push(document("a", "Care", &other));
        documents.push(document("z", "Care", &other));
        documents.push(document("p", "Care of the ankle", &words));
        documents.push(document("q", "Care of the ankle", &other));
        let found = alike(&documents);
        assert_eq!(found.len(), 304);
        assert!(["a: q z", "q: a z", "z: a q"].iter().all(|line| found.contains(&(*line).to_owned())), "{found:?}");
        assert!(found.contains(&"p: m000 m001 m002 m003 m004".to_owned()), "{found:?}");
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
