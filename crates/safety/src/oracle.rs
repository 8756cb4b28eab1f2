//! What must the matcher find? The plain meaning of patterns, for tests: no index, no numbers for words.

use std::collections::BTreeSet;

use crate::matcher::Match;
use crate::pattern::Pattern;

/// Where phrases of `patterns` stand in `words`, by start, then end; `lists` are those that the patterns name.
pub(crate) fn matches(patterns: &[Pattern], lists: &[Vec<Pattern>], words: &[&str]) -> Vec<Match> {
    let from = |start: usize| {
        let all: BTreeSet<usize> = patterns.iter().flat_map(|pattern| ends(pattern, lists, words, start)).collect();
        all.into_iter().map(move |end| Match { start, end })
    };
    (0..words.len()).flat_map(from).collect()
}

fn ends(pattern: &Pattern, lists: &[Vec<Pattern>], words: &[&str], start: usize) -> BTreeSet<usize> {
    let of_any = |any: &[Pattern]| any.iter().flat_map(|one| ends(one, lists, words, start)).collect();
    match pattern {
        Pattern::Word(wanted) => {
            words.get(start).filter(|word| is_meant(wanted, word)).map(|_| start + 1).into_iter().collect()
        }
        Pattern::List(number) => of_any(&lists[*number]),
        Pattern::Any(any) => of_any(any),
        Pattern::Row(row) => row.iter().fold(BTreeSet::from([start]), |reached, next| {
            reached.into_iter().flat_map(|at| ends(next, lists, words, at)).collect()
        }),
    }
}

fn is_meant(wanted: &str, word: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    match wanted {
        "_" => true,
        "#" => word.starts_with(is_digit),
        "####" => word.len() == 4 && word.chars().all(is_digit) && ["19", "20"].contains(&&word[..2]),
        // A stem of one letter says nothing.
        _ => wanted.strip_suffix('*').map_or(word == wanted, |stem| stem.len() > 1 && word.starts_with(stem)),
    }
}
