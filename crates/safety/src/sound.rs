//! Which words sound alike, and how far apart are they as written?
//!
//! A key in the spirit of Soundex and Metaphone (Philips 1990), for English as it is misspelt by people who write what
//! they hear: vowels fall out, letters that may stand for one sound become one, doubled ones too.

/// What is left of `word`, in small ASCII letters, when it is heard: its first letter's sound and the consonants.
pub(crate) fn key(word: &str) -> String {
    let letters = word.as_bytes();
    let mut key = String::with_capacity(letters.len());
    let mut i = 0;
    while let Some(&letter) = letters.get(i) {
        let next = letters.get(i + 1).copied().unwrap_or_default();
        let (sound, taken) = match (letter, next) {
            (b'p', b'h') => ("f", 2),
            (b'g', b'h') => ("", 2),
            (b'k', b'n') if i == 0 => ("n", 2),
            (b'w', b'r') if i == 0 => ("r", 2),
            (b'c', b'k') => ("k", 2),
            (b'c', b'e' | b'i' | b'y') | (b'z' | b's', _) => ("s", 1),
            (b'c' | b'q', _) => ("k", 1),
            (b'x', _) => ("ks", 1),
            (b'v', _) => ("f", 1),
            (b'a' | b'e' | b'i' | b'o' | b'u' | b'y', _) if i == 0 => ("a", 1),
            (b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | b'h' | b'w', _) if i > 0 => ("", 1),
            _ => ("*", 1),
        };
        for c in sound.bytes() {
            let c = char::from(if c == b'*' { letter } else { c });
            if !key.ends_with(c) {
                key.push(c);
            }
        }
        i += taken;
    }
    key
}

/// Letters to insert, delete or change to make one of the other (Levenshtein 1965).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_sound_alike_have_one_key() {
        for (right, wrong) in [
            ("unconscious", "unconcius"),
            ("grounds", "grownds"),
            ("gibberish", "gibbrish"),
            ("dropped", "dropd"),
            ("haemorrhage", "hemorage"),
            ("stroke", "stroak"),
            ("paralysed", "paralized"),
            ("wrist", "rist"),
        ] {
            assert_eq!(key(right), key(wrong), "{right} {wrong}");
        }
        assert_ne!(key("bleeding"), key("breathing"));
        assert_eq!(key(""), "");
    }

    #[test]
    fn the_distance_counts_letters() {
        let check = |a: &str, b: &str, expected: usize| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("stroak", "stroke", 2);
        check("pain", "pain", 0);
        check("", "pain", 4);
        check("chest", "", 5);
    }
}
