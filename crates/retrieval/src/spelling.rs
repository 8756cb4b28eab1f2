//! Which word was meant (pure)? Slips of the pen are mended towards words that the corpus holds.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::LazyLock;

use clinqa_index::Lexicon;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::names;
use crate::things;

/// A shorter word is not mended: too many others are one letter away.
const LEAST_LETTERS: usize = 4;

/// From so many letters on two slips are mended, of shorter words only where they leave the sound as it was.
const TWO_SLIPS_FROM: usize = 7;

/// How many letters more or less a word of the same sound may have.
const MOST_LETTERS_OF_A_SOUND: usize = 3;

/// Up to so many letters a word is taken for a clipped one before it is taken for a slip.
const LONGEST_CLIPPED_FIRST: usize = 6;

/// Letters that clipping takes away at least.
const LEAST_CLIPPED: usize = 3;

/// Letters of the longest word that is clipped.
const MOST_LETTERS: usize = 30;

/// From so many letters on two slips are looked at.
const TWO_SLIPS_LEAST: usize = 5;

/// Different words of one request for which all others are looked through, which takes about a millisecond each: nobody
/// means so many slips.
const MOST_LOOKED_FOR: usize = 50;

/// What a slip costs that leaves the sound of a word as it was ("simptoms"); any other costs 100.
const SOUND_SLIP: usize = 45;

/// Words of everyday English: whoever types "laptop" means no larynx.
static ENGLISH: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let lines = [include_str!("../data/english.txt"), include_str!("../data/stopwords.txt")];
    lines
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
});

/// The words of the tables in no order: of two that are as likely the alphabet decides, wherever they stand.
static TABLE_WORDS: LazyLock<Vec<Cow<'static, str>>> = LazyLock::new(|| {
    let is_lower = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase());
    let lower = |word| if is_lower(word) { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) };
    let words: FxHashSet<Cow<str>> = names::vocabulary().map(lower).collect();
    words.into_iter().filter(|word| word.chars().count() > LEAST_LETTERS).collect()
});

/// What is known of a word as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// The corpus, a table or everyday English has it, or it is too short to tell.
    Known,
    /// It is a slip for this.
    Mended(String),
    /// Nothing has it and nothing is near.
    Unknown,
}

/// Judges the words of one request, each of them once.
pub(crate) struct Speller<'a> {
    lexicon: &'a Lexicon,
    /// The words that all others were looked through for.
    judged: RefCell<FxHashMap<String, Spelling>>,
}

impl<'a> Speller<'a> {
    /// One that mends towards the words of `lexicon`.
    pub(crate) fn new(lexicon: &'a Lexicon) -> Self {
        Self { lexicon, judged: RefCell::default() }
    }

    /// What it mends towards.
    pub(crate) fn lexicon(&self) -> &'a Lexicon {
        self.lexicon
    }

    /// Judges one word, given in lower case. After many slips no more are mended: what nothing has is unknown.
    pub(crate) fn judge(&self, word: &str) -> Spelling {
        let letters: Vec<char> = word.chars().collect();
        let is_told = letters.len() >= LEAST_LETTERS && letters.iter().all(|c| c.is_alphabetic());
        if !is_told || is_known(word, self.lexicon) {
            return Spelling::Known;
        }
        let mut judged = self.judged.borrow_mut();
        if let Some(known) = judged.get(word) {
            return known.clone();
        }
        if judged.len() >= MOST_LOOKED_FOR {
            return if things::is_part(word) { Spelling::Known } else { Spelling::Unknown };
        }
        let found = looked_for(word, &letters, self.lexicon);
        judged.insert(word.to_owned(), found.clone());
        found
    }
}

/// What a word is that nothing has as it stands; looks through all others.
fn looked_for(word: &str, letters: &[char], lexicon: &Lexicon) -> Spelling {
    let sound = sound(word);
    // Of a real thing that the corpus lacks no other is made, though it may be spelt as elsewhere ("esophageal").
    if things::is_part(word) {
        let near = within_slips(letters, &sound, lexicon, SOUND_SLIP);
        return near.map_or(Spelling::Known, Spelling::Mended);
    }
    let slips =
        || within_slips(letters, &sound, lexicon, usize::MAX).or_else(|| of_the_same_sound(letters, &sound, lexicon));
    // The longer a word, the likelier a slip in it than a clipped one.
    let near = if letters.len() <= LONGEST_CLIPPED_FIRST {
        clipped(word, lexicon).or_else(slips)
    } else {
        slips().or_else(|| clipped(word, lexicon))
    };
    near.map_or(Spelling::Unknown, Spelling::Mended)
}

/// The most usual word that begins so and is a good deal longer: "clari" is clarithromycin, "preg" pregnancy.
fn clipped(word: &str, lexicon: &Lexicon) -> Option<String> {
    let letters = word.chars().count();
    let whole = lexicon.words(letters + LEAST_CLIPPED..=MOST_LETTERS).filter(|(whole, _)| whole.starts_with(word));
    whole.max_by_key(|(whole, count)| (*count, std::cmp::Reverse(*whole))).map(|(whole, _)| whole.to_owned())
}

/// Words of the corpus and of the tables whose length differs by at most `most`.
fn candidates(letters: usize, most: usize, lexicon: &Lexicon) -> impl Iterator<Item = (&str, u32)> {
    let range = letters.saturating_sub(most).max(LEAST_LETTERS)..=letters + most;
    let from_tables = TABLE_WORDS.iter().map(|word| (word.as_ref(), 1));
    let is_near = {
        let range = range.clone();
        move |(word, _): &(&str, u32)| range.contains(&word.chars().count())
    };
    let all = lexicon.words(range).chain(from_tables.filter(is_near));
    all.filter(|(word, _)| word.chars().all(char::is_alphabetic))
}

/// The likeliest word that is one slip away, or two, if it costs no more than `dearest`.
fn within_slips(typed: &[char], sound: &str, lexicon: &Lexicon, dearest: usize) -> Option<String> {
    let most = if typed.len() >= TWO_SLIPS_LEAST { 2 } else { 1 };
    let letters = letter_set(typed.iter().copied());
    // Each slip changes two letters of the set at most: most words need not be compared letter by letter.
    let is_near = |word: &str| (letters ^ letter_set(word.chars())).count_ones() as usize <= 2 * most;
    let near = candidates(typed.len(), most, lexicon).filter(|(word, _)| is_near(word));
    let costed = near.filter_map(|(word, count)| {
        let cost = cost(slips(typed, word, most)?, typed, word, sound)?;
        Some((cost, std::cmp::Reverse(count), word))
    });
    costed.min().filter(|(cost, ..)| *cost <= dearest).map(|(_, _, word)| word.to_owned())
}

/// Which letters stand in a word, a bit each; those beyond a to z share one.
fn letter_set(word: impl Iterator<Item = char>) -> u32 {
    word.fold(0, |set, c| set | 1 << if c.is_ascii_lowercase() { c as u32 - 'a' as u32 } else { 26 })
}

/// The most usual word that sounds the same, however it is written ("anafilaxis").
fn of_the_same_sound(typed: &[char], sound: &str, lexicon: &Lexicon) -> Option<String> {
    if typed.len() < TWO_SLIPS_FROM {
        return None;
    }
    let alike = candidates(typed.len(), MOST_LETTERS_OF_A_SOUND, lexicon)
        .filter(|(word, _)| word.chars().next() == typed.first().copied() && self::sound(word) == sound);
    alike.max_by_key(|(word, count)| (*count, std::cmp::Reverse(*word))).map(|(word, _)| word.to_owned())
}

/// How unlikely it is that `meant` was meant; `None` if it is a guess.
fn cost(slips: usize, typed: &[char], meant: &str, sound_typed: &str) -> Option<usize> {
    if sound(meant) == *sound_typed {
        return Some(slips * SOUND_SLIP);
    }
    let same_start = meant.chars().next() == typed.first().copied();
    let is_guess = slips > 1 && (typed.len() < TWO_SLIPS_FROM || !same_start);
    (!is_guess).then(|| slips * 100 + usize::from(!same_start) * 50)
}

/// Whether `word`, in lower case, is everyday English: a word that says little about what is asked for.
pub fn is_everyday(word: &str) -> bool {
    ENGLISH.contains(word)
}

/// Known as it stands, or but for an ending.
fn is_known(word: &str, lexicon: &Lexicon) -> bool {
    let has = |word: &str| lexicon.count(word) > 0 || ENGLISH.contains(word) || names::is_known(word);
    let endings = ["s", "es", "ed", "d", "ing", "ly", "'s", "er", "ers", "y"];
    let stems = endings.iter().filter_map(|ending| word.strip_suffix(ending)).filter(|stem| stem.chars().count() >= 4);
    has(word) || stems.into_iter().any(|stem| has(stem) || has(&format!("{stem}e")))
}

/// How many letters were put in, left out or changed, or neighbours swapped, if at most `most` (optimal string alignment).
fn slips(typed: &[char], meant: &str, most: usize) -> Option<usize> {
    let meant: Vec<char> = meant.chars().collect();
    if typed.len().abs_diff(meant.len()) > most {
        return None;
    }
    let width = meant.len() + 1;
    let mut rows: [Vec<usize>; 3] = [vec![0; width], (0..width).collect(), vec![0; width]];
    for (i, &a) in typed.iter().enumerate() {
        let [before, last, now] = &mut rows;
        now[0] = i + 1;
        for (j, &b) in meant.iter().enumerate() {
            let change = last[j] + usize::from(a != b);
            now[j + 1] = change.min(last[j + 1] + 1).min(now[j] + 1);
            let is_swap = i > 0 && j > 0 && a == meant[j - 1] && typed[i - 1] == b;
            if is_swap {
                now[j + 1] = now[j + 1].min(before[j - 1] + 1);
            }
        }
        if now.iter().all(|&slips| slips > most) {
            return None;
        }
        rows.rotate_left(1);
    }
    Some(rows[1][width - 1]).filter(|&slips| slips <= most)
}

/// How a word sounds, roughly: letters that English writes for one sound become one, silent ones at the
/// start and vowels after the first fall out.
fn sound(word: &str) -> String {
    let mut text = word.to_lowercase();
    for silent in ["pn", "ps", "kn", "gn", "wr"] {
        if text.starts_with(silent) {
            text.remove(0);
        }
    }
    let same = [
        ("ough", "o"),
        ("ph", "f"),
        ("rrh", "r"),
        ("rh", "r"),
        ("ch", "k"),
        ("ck", "k"),
        ("sc", "s"),
        ("ce", "se"),
        ("ci", "si"),
        ("cy", "si"),
        ("x", "ks"),
        ("c", "k"),
        ("q", "k"),
        ("z", "s"),
        ("ae", "e"),
        ("oe", "e"),
        ("y", "i"),
    ];
    for (from, to) in same {
        text = text.replace(from, to);
    }
    let mut sound = String::new();
    for (at, c) in text.chars().enumerate() {
        let c = if matches!(c, 'a' | 'e' | 'i' | 'o' | 'u') { 'a' } else { c };
        if matches!(c, 'a' | 'h' | 'w') && at > 0 || sound.ends_with(c) {
            continue;
        }
        sound.push(c);
    }
    sound
}

#[cfg(test)]
mod tests {
    use clinqa_index::Lexicon;

    use super::*;

    fn lexicon() -> Lexicon {
        Lexicon::of_words([
            "symptoms",
            "diarrhoea",
            "pneumonia",
            "asthma",
            "measles",
            "eczema",
            "psoriasis",
            "stroke",
            "diabetes",
            "attack",
            "dehydration",
            "inhaler",
            "larynx",
            "anaphylaxis",
            "haemorrhoids",
            "treated",
            "achilles",
            "haemangioma",
        ])
    }

    fn spelling(word: &str, lexicon: &Lexicon) -> Spelling {
        Speller::new(lexicon).judge(word)
    }

    #[test]
    fn a_slip_is_mended_to_the_word_that_was_meant() {
        let lexicon = lexicon();
        let check = |typed: &str, expected: Spelling| assert_eq!(spelling(typed, &lexicon), expected, "{typed}");
        let mended = |word: &str| Spelling::Mended(word.to_owned());
        check("simptoms", mended("symptoms"));
        check("symtoms", mended("symptoms"));
        check("diarhoea", mended("diarrhoea"));
        check("newmonia", mended("pneumonia"));
        check("astma", mended("asthma"));
        check("meesles", mended("measles"));
        check("exema", mended("eczema"));
        check("soriasis", mended("psoriasis"));
        check("diabetis", mended("diabetes"));
        check("attcak", mended("attack"));
        check("anafilaxis", mended("anaphylaxis"));
        check("dehidration", mended("dehydration"));
    }

    #[test]
    fn a_word_that_is_known_or_far_from_all_stays() {
        let lexicon = lexicon();
        let check = |typed: &str, expected: Spelling| assert_eq!(spelling(typed, &lexicon), expected, "{typed}");
        check("asthma", Spelling::Known);
        check("strokes", Spelling::Known);
        check("mums", Spelling::Known);
        check("mum's", Spelling::Known);
        check("treating", Spelling::Known);
        check("laptop", Spelling::Known);
        check("the", Spelling::Known);
        check("b12", Spelling::Known);
        check("zolfendrine", Spelling::Unknown);
    }

    #[test]
    fn of_a_disease_that_the_corpus_lacks_no_other_word_is_made_but_its_own_in_another_spelling() {
        let lexicon = lexicon();
        assert_eq!(spelling("achalasia", &lexicon), Spelling::Known);
        assert_eq!(spelling("hemangioma", &lexicon), Spelling::Mended("haemangioma".to_owned()));
    }

    #[test]
    fn after_many_slips_no_more_are_mended_and_what_was_mended_stays() {
        let lexicon = lexicon();
        let speller = Speller::new(&lexicon);
        let mended = Spelling::Mended("symptoms".to_owned());
        assert_eq!(speller.judge("simptoms"), mended);
        for at in 1..MOST_LOOKED_FOR {
            let letters: String = at.to_string().bytes().map(|digit| char::from(digit - b'0' + b'q')).collect();
            assert_eq!(speller.judge(&format!("zolfendr{letters}zz")), Spelling::Unknown);
        }
        assert_eq!(speller.judge("meesles"), Spelling::Unknown);
        assert_eq!(speller.judge("hemangioma"), Spelling::Known);
        assert_eq!(speller.judge("asthma"), Spelling::Known);
        assert_eq!(speller.judge("simptoms"), mended);
        assert_eq!(speller.judged.borrow().len(), MOST_LOOKED_FOR);
    }

    proptest::proptest! {
        #[test]
        fn slips_are_the_same_both_ways(a in "[a-c]{0,5}", b in "[a-c]{0,5}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            proptest::prop_assert_eq!(slips(&letters(&a), &b, 2), slips(&letters(&b), &a, 2));
        }

        #[test]
        fn any_word_can_be_judged(word in "\\PC{0,24}") {
            let _ = spelling(&word.to_lowercase(), &lexicon());
        }
    }
}
