//! Is each file written as the house writes?

use super::source::{Source, names, place, sources};
use super::{committed, demand, read};

/// Lines before the tests; a file of tests counts whole.
const MOST_LINES: usize = 500;

/// Words that put work off, spelt so that this file does not hold them.
const LATER: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

const UNWRITTEN: [&str; 2] = ["todo!", "unimplemented!"];

/// Endings of files that we write by hand.
const WRITTEN: [&str; 5] = [".rs", ".toml", ".md", ".sh", ".py"];

fn everywhere(wrong: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    sources().iter().flat_map(wrong).collect()
}

#[test]
fn every_file_opens_with_what_it_answers() {
    let silent = |source: &Source| {
        let first = source.text.lines().next().unwrap_or_default();
        if first.starts_with("//! ") { Vec::new() } else { vec![place(&source.path, 0, first)] }
    };
    demand("the first line of a file is a `//!` that says what it answers", &everywhere(silent));
}

#[test]
fn no_file_is_too_long() {
    let long = |source: &Source| {
        let lines = if source.production == 0 { source.text.lines().count() } else { source.production };
        if lines > MOST_LINES { vec![format!("{}: {lines} lines", source.path)] } else { Vec::new() }
    };
    demand("a file aims at 200 lines before its tests, 500 at most; split it by question", &everywhere(long));
}

#[test]
fn no_work_is_put_off() {
    let mut broken = everywhere(|source| source.in_code(|line| UNWRITTEN.iter().any(|word| names(line, word))));
    let written = |path: &String| path == ".ci/run" || WRITTEN.iter().any(|ending| path.ends_with(ending));
    for path in committed().into_iter().filter(written) {
        let text = read(&path);
        let lines = text.lines().enumerate();
        let wrong = lines.filter(|(_, line)| LATER.iter().any(|word| names(line, word)));
        broken.extend(wrong.map(|(at, line)| place(&path, at, line)));
    }
    demand("what is open stands in the tracker, not in the tree", &broken);
}

#[test]
fn a_lint_is_silenced_only_by_an_expectation_with_its_reason() {
    let silenced = |source: &Source| {
        let allowed = |line: &str| line.contains("[allow(") || (line.contains("cfg_attr(") && names(line, "allow("));
        let mut broken = source.in_code(allowed);
        for (at, _) in source.code.match_indices("[expect(") {
            let attribute = source.code[at..].split(")]").next().unwrap_or_default();
            if !names(attribute, "reason") {
                broken.push(place(
                    &source.path,
                    source.code[..at].matches('\n').count(),
                    "an expectation without its reason",
                ));
            }
        }
        broken
    };
    demand("a lint is silenced by `#[expect(…, reason = \"…\")]` and nothing else", &everywhere(silenced));
}

#[test]
fn every_unsafe_line_says_why() {
    let unexplained = |source: &Source| {
        if source.code.contains("expect(unsafe_code") {
            Vec::new()
        } else {
            source.in_code(|line| names(line, "unsafe"))
        }
    };
    demand("unsafe needs a measured reason, an expectation that states it and a safe twin", &everywhere(unexplained));
}

#[test]
fn comments_are_sentences_and_no_banners() {
    let banner = |line: &str| {
        let drawn = line.trim().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']).trim());
        drawn.is_some_and(|drawn| drawn.len() >= 3 && drawn.chars().all(|c| "-=*#~_+".contains(c)))
    };
    demand("a comment says why; lines of dashes say nothing", &everywhere(|source| source.anywhere(banner)));
}

#[test]
fn the_name_of_a_test_is_a_sentence() {
    let terse = |source: &Source| {
        let mut tested = false;
        source.in_code(|line| {
            let line = line.trim();
            if line == "#[test]" {
                tested = true;
                return false;
            }
            let Some(rest) = line.strip_prefix("fn ").filter(|_| tested) else { return false };
            tested = false;
            let name = rest.split('(').next().unwrap_or(rest);
            name.split('_').count() < 3
        })
    };
    demand("the name of a test says what holds, in three words at least", &everywhere(terse));
}
