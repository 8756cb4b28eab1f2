//! Which side of a topic is asked about (pure): the heading under which an answer would stand.

use std::sync::LazyLock;

/// A heading with the cues that ask for it.
struct Aspect {
    heading: &'static str,
    cues: Vec<&'static str>,
}

static ASPECTS: LazyLock<Vec<Aspect>> = LazyLock::new(|| {
    let lines = include_str!("../data/aspects.txt").lines().filter(|line| !line.starts_with('#'));
    let aspect = |line: &'static str| {
        let (heading, cues) = line.split_once(':')?;
        Some(Aspect { heading: heading.trim(), cues: cues.split(',').map(str::trim).collect() })
    };
    lines.filter_map(aspect).collect()
});

/// The headings that `question` asks for, in the order of the table; none if no cue stands in it.
pub fn aspects(question: &str) -> Vec<&'static str> {
    let words = plain_words(question);
    let asks = |aspect: &&Aspect| aspect.cues.iter().any(|cue| holds(&words, cue));
    ASPECTS.iter().filter(asks).map(|aspect| aspect.heading).collect()
}

fn plain_words(text: &str) -> Vec<String> {
    let separates = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '&' | '\''));
    text.to_lowercase().split(separates).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether the words of `cue` stand in `words` one after the other.
fn holds(words: &[String], cue: &str) -> bool {
    let cue: Vec<&str> = cue.split(' ').collect();
    let matches = |(word, cue): (&String, &&str)| match cue.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == cue,
    };
    words.windows(cue.len()).any(|window| window.iter().zip(&cue).all(matches))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_asks_for_the_heading_of_its_cues() {
        let check = |question: &str, expected: &[&str], absent: &[&str]| {
            let found = aspects(question);
            let all = expected.iter().all(|heading| found.contains(heading));
            assert!(all && !absent.iter().any(|heading| found.contains(heading)), "{question}: {found:?}");
        };
        check("What are the early signs of stroke?", &["Symptoms", "Recognition"], &["Treatment"]);
        check("Why do people get gout", &["Causes"], &["Symptoms"]);
        check("how is it treated and prevented", &["Treatment", "Prevention"], &["Causes"]);
        check("How long does a cold last", &["Living with it"], &["Treatment"]);
        check("ibuprofen and alcohol", &["Interactions"], &["Side effects"]);
        assert_eq!(aspects("designs"), [""; 0]);
        assert_eq!(aspects(""), [""; 0]);
    }

    #[test]
    fn every_line_of_the_table_is_a_heading_with_cues() {
        assert!(ASPECTS.iter().all(|aspect| !aspect.cues.is_empty() && aspect.cues.iter().all(|cue| !cue.is_empty())));
        let headings: std::collections::BTreeSet<&str> = ASPECTS.iter().map(|aspect| aspect.heading).collect();
        assert_eq!(headings.len(), ASPECTS.len(), "a heading stands twice");
    }
}
