//! Two systems on the same questions: is one better than the other?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::BufRead;

use serde::Serialize;

use crate::error::{ReadError, json_error, note_id, numbered_lines};
use crate::{Bootstrap, Comparison, JudgedOutcome, SignificanceError, paired_difference};

const FORMAT: &str = "the results (`clinqa eval answers FILE --out`)";
const EXPECTED: &str =
    "one object a line with `id`, `split`, `group`, `kind`, `answerable`, `accepted`, `answered` and `confidence`";

/// Reads a result file, in its order: one [`JudgedOutcome`] a line, each of another question.
pub fn read_outcomes(input: impl BufRead) -> Result<Vec<JudgedOutcome>, ReadError> {
    let mut outcomes = Vec::new();
    let mut seen = BTreeSet::new();
    for numbered in numbered_lines(FORMAT, input) {
        let (number, line) = numbered?;
        let outcome: JudgedOutcome =
            serde_json::from_str(&line).map_err(|error| json_error(FORMAT, EXPECTED, number - 1, &error))?;
        note_id(FORMAT, &mut seen, &outcome.id)?;
        outcomes.push(outcome);
    }
    if outcomes.is_empty() {
        return Err(ReadError::Empty { format: FORMAT, expected: EXPECTED });
    }
    Ok(outcomes)
}

/// One of two result files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// Why two result files cannot be compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OutcomeError {
    /// One side lacks questions of the other.
    #[error(
        "cannot compare the results: the {lacking} file lacks {count} of the other's questions, {id:?} to begin with; \
         write both with one verb, such as `clinqa eval answers FILE --out`, on the same questions"
    )]
    Missing {
        /// The side that lacks them.
        lacking: Side,
        /// How many.
        count: usize,
        /// The first of them by name.
        id: String,
    },
    /// The same question was judged in two ways.
    #[error(
        "cannot compare the results: question {id:?} is answerable in one file and not in the other; write both with \
         `clinqa eval answers FILE --out` on the same questions"
    )]
    Judgement {
        /// The question.
        id: String,
    },
    /// One name stands for results of two tasks.
    #[error(
        "cannot compare the results: {id:?} is of one task in the first file and of an other task in the second; write \
         both with the same verb"
    )]
    Task {
        /// The text, sentence or question.
        id: String,
    },
    /// The scores cannot be compared.
    #[error(transparent)]
    Significance(#[from] SignificanceError),
}

/// Two systems on the same questions; `None` where there is no question of that sort.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutcomeComparison {
    /// Answerable questions that were answered with an accepted text.
    pub accepted: Option<ComparedShare>,
    /// Answerable questions that were answered with something else.
    pub wrong: Option<ComparedShare>,
    /// Unanswerable questions that were not answered.
    pub abstained: Option<ComparedShare>,
}

/// One share of two systems.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ComparedShare {
    /// Of how many questions it is the share.
    pub questions: usize,
    /// Share of the first.
    pub first: f64,
    /// Share of the second.
    pub second: f64,
    /// What the second has over the first (second − first).
    #[serde(flatten)]
    pub change: Comparison,
}

/// Compares two result files of the same questions by paired bootstrap.
pub fn compare_outcomes(
    first: &[JudgedOutcome],
    second: &[JudgedOutcome],
    bootstrap: Bootstrap,
) -> Result<OutcomeComparison, OutcomeError> {
    let (first, second) = (by_id(first), by_id(second));
    require_all(Side::Second, &first, &second)?;
    require_all(Side::First, &second, &first)?;
    let differs = |id: &&&str| first[*id].answerable != second[*id].answerable;
    if let Some(id) = first.keys().find(differs) {
        return Err(OutcomeError::Judgement { id: (*id).to_owned() });
    }
    let compare = |answerable: bool, holds: fn(&JudgedOutcome) -> bool| {
        let scores = |outcomes: &BTreeMap<&str, &JudgedOutcome>| -> BTreeMap<String, f64> {
            let asked = outcomes.values().filter(|outcome| outcome.answerable == answerable);
            asked.map(|outcome| (outcome.id.clone(), f64::from(u8::from(holds(outcome))))).collect()
        };
        let (first, second) = (scores(&first), scores(&second));
        (!first.is_empty()).then(|| compared_means(&first, &second, bootstrap)).transpose()
    };
    Ok(OutcomeComparison {
        accepted: compare(true, |outcome| outcome.accepted)?,
        wrong: compare(true, |outcome| outcome.answered && !outcome.accepted)?,
        abstained: compare(false, |outcome| !outcome.answered)?,
    })
}

fn by_id(outcomes: &[JudgedOutcome]) -> BTreeMap<&str, &JudgedOutcome> {
    outcomes.iter().map(|outcome| (outcome.id.as_str(), outcome)).collect()
}

/// Whether `found` has every item that is `wanted`; if not, it is the side that is `lacking` some.
pub(crate) fn require_all<T>(
    lacking: Side,
    wanted: &BTreeMap<&str, &T>,
    found: &BTreeMap<&str, &T>,
) -> Result<(), OutcomeError> {
    let mut missing = wanted.keys().filter(|id| !found.contains_key(*id));
    let Some(id) = missing.next() else { return Ok(()) };
    Err(OutcomeError::Missing { lacking, count: 1 + missing.count(), id: (*id).to_owned() })
}

/// Compares the means of scores by item.
pub(crate) fn compared_means(
    first: &BTreeMap<String, f64>,
    second: &BTreeMap<String, f64>,
    bootstrap: Bootstrap,
) -> Result<ComparedShare, OutcomeError> {
    let mean = |scores: &BTreeMap<String, f64>| scores.values().sum::<f64>() / scores.len().max(1) as f64;
    let change = paired_difference(second, first, bootstrap)?;
    Ok(ComparedShare { questions: first.len(), first: mean(first), second: mean(second), change })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(system: &[(&str, bool, bool, bool)]) -> Vec<JudgedOutcome> {
        let outcome = |&(id, answerable, answered, accepted): &(&str, bool, bool, bool)| JudgedOutcome {
            id: id.to_owned(),
            split: "dev".to_owned(),
            group: "lay".to_owned(),
            kind: "list".to_owned(),
            answerable,
            accepted,
            answered,
            confidence: 0.5,
        };
        system.iter().map(outcome).collect()
    }

    #[test]
    fn a_result_file_is_read_as_it_was_written() {
        let written = outcomes(&[("a", true, true, true), ("u", false, false, false)]);
        let lines: Vec<String> = written.iter().map(|line| serde_json::to_string(line).expect("JSON")).collect();
        assert_eq!(read_outcomes(lines.join("\n").as_bytes()).expect("a result file"), written);
        let twice = format!("{0}\n{0}", lines[0]);
        assert!(matches!(read_outcomes(twice.as_bytes()), Err(ReadError::Repeated { .. })));
        assert!(matches!(read_outcomes("{}".as_bytes()), Err(ReadError::Json { line: 1, .. })));
        assert!(matches!(read_outcomes("\n".as_bytes()), Err(ReadError::Empty { .. })));
    }

    #[test]
    fn two_systems_are_compared_on_each_sort_of_question() {
        let first = outcomes(&[("a", true, false, false), ("b", true, true, true), ("u", false, true, false)]);
        let second = outcomes(&[("u", false, false, false), ("b", true, true, false), ("a", true, true, true)]);
        let found = compare_outcomes(&first, &second, Bootstrap::default()).expect("the same questions");
        let check = |share: Option<ComparedShare>, expected: (usize, f64, f64, f64)| {
            let share = share.expect("questions of that sort");
            assert_eq!((share.questions, share.first, share.second, share.change.difference.mean), expected);
        };
        check(found.accepted, (2, 0.5, 0.5, 0.0));
        check(found.wrong, (2, 0.0, 0.5, 0.5));
        check(found.abstained, (1, 0.0, 1.0, 1.0));
        let answerable = &first[..2];
        let alone = compare_outcomes(answerable, answerable, Bootstrap::default()).expect("the same questions");
        assert_eq!(alone.abstained, None);
    }

    #[test]
    fn what_one_file_lacks_is_named() {
        let both = outcomes(&[("a", true, true, true), ("b", true, true, true), ("c", true, true, true)]);
        let check = |first: &[JudgedOutcome], second: &[JudgedOutcome], expected: OutcomeError| {
            let error = compare_outcomes(first, second, Bootstrap::default()).expect_err("other questions");
            assert_eq!(error, expected);
        };
        let missing = |lacking, count, id: &str| OutcomeError::Missing { lacking, count, id: id.to_owned() };
        check(&both, &both[..1], missing(Side::Second, 2, "b"));
        check(&both[1..], &both, missing(Side::First, 1, "a"));
        let other = outcomes(&[("a", false, true, false)]);
        check(&both[..1], &other, OutcomeError::Judgement { id: "a".to_owned() });
    }
}
