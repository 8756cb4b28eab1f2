//! Two systems on the same texts, sentences or questions: is one better than the other?
//!
//! Result files of `eval labels`, `eval tags` and `eval reader` hold one object a line. A mean over items is drawn anew
//! item by item; a figure of a whole sample, such as an F1, is computed anew for each sample that is drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::error::{ReadError, json_error, note_id, numbered_lines};
use crate::outcome::{ComparedShare, OutcomeError, Side, compared_means, require_all};
use crate::shares::Counts;
use crate::significance::paired_statistic;
use crate::{Bootstrap, LabelOutcome, Metric, Qrels, Run, TagOutcome, evaluate};

const FORMAT: &str = "the results (`clinqa eval labels`, `tags` or `reader` with `--out`)";
const EXPECTED: &str = "one object a line with `task` and `id`, as `--out` writes them";

/// One line of a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum ResultLine {
    /// A text of `eval labels`.
    Labels(LabelOutcome),
    /// A sentence of `eval tags`.
    Tags(TagOutcome),
    /// A question of `eval reader`.
    Reader(ScoredQuestion),
}

/// A question with its scores by name, each from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredQuestion {
    /// The question.
    pub id: String,
    /// `exact`, `f1`, …
    pub scores: BTreeMap<String, f64>,
}

impl ResultLine {
    fn id(&self) -> &str {
        match self {
            Self::Labels(outcome) => &outcome.id,
            Self::Tags(outcome) => &outcome.id,
            Self::Reader(question) => &question.id,
        }
    }

    /// What adds up to the F1 of a sample.
    fn counts(&self) -> BTreeMap<&str, Counts> {
        match self {
            Self::Labels(outcome) => outcome.counts(),
            Self::Tags(outcome) => outcome.counts(),
            Self::Reader(_) => BTreeMap::new(),
        }
    }

    /// Scores whose mean over all items is a figure.
    fn means(&self) -> BTreeMap<String, f64> {
        match self {
            Self::Labels(outcome) => [("accuracy".to_owned(), f64::from(u8::from(outcome.is_right())))].into(),
            Self::Tags(_) => BTreeMap::new(),
            Self::Reader(question) => question.scores.clone(),
        }
    }
}

/// Reads a result file, in its order.
pub fn read_results(input: impl BufRead) -> Result<Vec<ResultLine>, ReadError> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    for numbered in numbered_lines(FORMAT, input) {
        let (number, line) = numbered?;
        let line: ResultLine =
            serde_json::from_str(&line).map_err(|error| json_error(FORMAT, EXPECTED, number - 1, &error))?;
        note_id(FORMAT, &mut seen, line.id())?;
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(ReadError::Empty { format: FORMAT, expected: EXPECTED });
    }
    Ok(lines)
}

/// Compares two result files of the same items; each figure by its name, in which all items have it.
pub fn compare_results(
    first: &[ResultLine],
    second: &[ResultLine],
    bootstrap: Bootstrap,
) -> Result<BTreeMap<String, ComparedShare>, OutcomeError> {
    let (first, second) = (by_id(first), by_id(second));
    require_all(Side::Second, &first, &second)?;
    require_all(Side::First, &second, &first)?;
    let kind = |line: &ResultLine| std::mem::discriminant(line);
    let differs = |id: &&&str| kind(first[*id]) != kind(second[*id]);
    if let Some(id) = first.keys().find(differs) {
        return Err(OutcomeError::Task { id: (*id).to_owned() });
    }
    let mut compared = BTreeMap::new();
    let names: BTreeSet<String> = first.values().flat_map(|line| line.means().into_keys()).collect();
    for name in names {
        let scores = |lines: &BTreeMap<&str, &ResultLine>| -> BTreeMap<String, f64> {
            lines.iter().filter_map(|(id, line)| Some(((*id).to_owned(), *line.means().get(&name)?))).collect()
        };
        let share = compared_means(&scores(&first), &scores(&second), bootstrap)?;
        compared.insert(name, share);
    }
    let sides = [&first, &second].map(|lines| Sample::of(lines));
    if sides.iter().any(|sample| !sample.labels.is_empty()) {
        for (name, figure) in
            [("micro f1", Sample::micro as fn(&Sample, &[usize]) -> f64), ("macro f1", Sample::macro_f1)]
        {
            compared.insert(name.to_owned(), compared_samples(&sides, figure, bootstrap)?);
        }
    }
    Ok(compared)
}

/// Compares two runs on every query that `qrels` judges, by each of `metrics`.
pub fn compare_runs(
    [first, second]: [&Run; 2],
    qrels: &Qrels,
    metrics: &[Metric],
    bootstrap: Bootstrap,
) -> Result<BTreeMap<String, ComparedShare>, OutcomeError> {
    let share = |metric: &Metric| {
        let [first, second] = [first, second].map(|run| evaluate(*metric, run, qrels).per_query);
        Ok((metric.to_string(), compared_means(&first, &second, bootstrap)?))
    };
    metrics.iter().map(share).collect()
}

fn by_id(lines: &[ResultLine]) -> BTreeMap<&str, &ResultLine> {
    lines.iter().map(|line| (line.id(), line)).collect()
}

fn compared_samples(
    sides: &[Sample; 2],
    figure: fn(&Sample, &[usize]) -> f64,
    bootstrap: Bootstrap,
) -> Result<ComparedShare, OutcomeError> {
    let items = sides[0].items.len();
    let all: Vec<usize> = (0..items).collect();
    let [first, second] = [&sides[0], &sides[1]].map(|sample| figure(sample, &all));
    let difference = |drawn: &[usize]| figure(&sides[1], drawn) - figure(&sides[0], drawn);
    let change = paired_statistic(items, difference, bootstrap)?;
    Ok(ComparedShare { questions: items, first, second, change })
}

/// The counts of each item, labels as numbers.
struct Sample {
    labels: Vec<String>,
    items: Vec<Vec<(usize, Counts)>>,
}

impl Sample {
    fn of(lines: &BTreeMap<&str, &ResultLine>) -> Self {
        let counts: Vec<BTreeMap<&str, Counts>> = lines.values().map(|line| line.counts()).collect();
        let labels: BTreeSet<&str> = counts.iter().flat_map(|counts| counts.keys().copied()).collect();
        let number: BTreeMap<&str, usize> = labels.iter().enumerate().map(|(at, label)| (*label, at)).collect();
        let items = counts
            .iter()
            .map(|counts| counts.iter().map(|(label, counts)| (number[label], *counts)).collect())
            .collect();
        Self { labels: labels.into_iter().map(str::to_owned).collect(), items }
    }

    fn counts(&self, drawn: &[usize]) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.labels.len()];
        for &item in drawn {
            for (label, more) in &self.items[item] {
                counts[*label].add(*more);
            }
        }
        counts
    }

    fn micro(&self, drawn: &[usize]) -> f64 {
        let mut all = Counts::default();
        for counts in self.counts(drawn) {
            all.add(counts);
        }
        all.shares().f1
    }

    /// The mean over the labels of the sample.
    fn macro_f1(&self, drawn: &[usize]) -> f64 {
        let drawn = self.counts(drawn);
        let there: Vec<f64> = drawn
            .into_iter()
            .filter(|counts| counts.found + counts.gold > 0)
            .map(|counts| counts.shares().f1)
            .collect();
        there.iter().sum::<f64>() / there.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Vec<ResultLine> {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let line = |(id, (gold, found)): (usize, &(&str, &str))| {
            ResultLine::Labels(LabelOutcome { id: format!("{id}"), gold: list(gold), found: list(found) })
        };
        pairs.iter().enumerate().map(line).collect()
    }

    #[test]
    fn a_result_file_is_read_as_it_was_written() {
        let mut written = labels(&[("a", "b"), ("a", "a")]);
        written.push(ResultLine::Tags(TagOutcome::new("s".into(), &["B-A", "O"], &["B-A", "I-A"])));
        let scores = BTreeMap::from([("f1".to_owned(), 0.5)]);
        written.push(ResultLine::Reader(ScoredQuestion { id: "q".into(), scores }));
        let lines: Vec<String> = written.iter().map(|line| serde_json::to_string(line).expect("JSON")).collect();
        assert_eq!(read_results(lines.join("\n").as_bytes()).expect("a result file"), written);
        assert!(lines[0].starts_with("{\"task\":\"labels\",\"id\":\"0\""), "{}", lines[0]);
        let twice = format!("{0}\n{0}", lines[0]);
        assert!(matches!(read_results(twice.as_bytes()), Err(ReadError::Repeated { .. })));
        assert!(matches!(read_results(&b"{}"[..]), Err(ReadError::Json { line: 1, .. })));
    }

    #[test]
    fn labels_are_compared_by_accuracy_and_f1() {
        let first = labels(&[("a", "b"), ("a", "a"), ("b", "b"), ("b", "a")]);
        let second = labels(&[("a", "a"), ("a", "a"), ("b", "b"), ("b", "a")]);
        let found = compare_results(&first, &second, Bootstrap::default()).expect("the same texts");
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["accuracy", "macro f1", "micro f1"]);
        for name in ["accuracy", "micro f1"] {
            let share = found[name];
            assert_eq!((share.questions, share.first, share.second), (4, 0.5, 0.75), "{name}");
            assert!((share.change.difference.mean - 0.25).abs() < 1e-12 && share.change.p_value > 0.05, "{share:?}");
        }
        let mean = f64::midpoint(0.8, 2.0 / 3.0) - 0.5;
        assert!((found["macro f1"].change.difference.mean - mean).abs() < 1e-12);
    }

    #[test]
    fn results_of_different_tasks_or_texts_are_refused() {
        let both = labels(&[("a", "a"), ("b", "b")]);
        let tags = vec![ResultLine::Tags(TagOutcome::new("0".into(), &["O"], &["O"]))];
        let check = |first: &[ResultLine], second: &[ResultLine], expected: &str| {
            let error = compare_results(first, second, Bootstrap::default()).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&both, &both[..1], "second file lacks 1");
        check(&both[..1], &tags, "other task");
    }
}
