//! How good was each generation when it was made? One JSON object a line beside the generations, which hold only what was
//! sealed before anybody measured it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use clinqa_eval::JudgedQuestion;
use clinqa_qa::GenerationId;
use clinqa_schema::{Measured, Scores};
use serde::{Deserialize, Serialize};

/// In the index folder.
const FILE: &str = "scores.jsonl";

#[derive(Serialize, Deserialize)]
struct Line {
    generation: String,
    /// Which questions were asked; lines of older versions do not say.
    #[serde(default)]
    set: String,
    #[serde(flatten)]
    measured: Measured,
}

/// A name for these questions and what answers them, which says nothing of either.
pub(crate) fn set_of(questions: &[JudgedQuestion]) -> String {
    let line = |JudgedQuestion { question, history, document, also, .. }: &JudgedQuestion| {
        format!("{question:?}{history:?}{document:?}{also:?}\n")
    };
    // The order in which corpora are named makes no other set.
    let mut lines: Vec<String> = questions.iter().map(line).collect();
    lines.sort();
    let mut hasher = blake3::Hasher::new();
    for line in &lines {
        hasher.update(line.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Keeps what was measured of a generation with the questions of `set`, or why nothing was.
pub(crate) fn keep(index: &Path, generation: &str, set: &str, measured: Measured) -> io::Result<()> {
    let line = serde_json::to_string(&Line { generation: generation.to_owned(), set: set.to_owned(), measured })?;
    OpenOptions::new().create(true).append(true).open(index.join(FILE))?.write_all(format!("{line}\n").as_bytes())
}

/// What was measured of a generation, if that was kept; lines that are none of ours are passed over.
pub(crate) fn of(index: &Path, generation: &GenerationId) -> Option<Measured> {
    last(index, generation, None)
}

/// What was measured of a generation with the questions of `set`.
pub(crate) fn of_set(index: &Path, generation: &GenerationId, set: &str) -> Option<Scores> {
    match last(index, generation, Some(set))? {
        Measured::Scores(scores) => Some(scores),
        Measured::Not { .. } => None,
    }
}

fn last(index: &Path, generation: &GenerationId, set: Option<&str>) -> Option<Measured> {
    let text = fs::read_to_string(index.join(FILE)).ok()?;
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let name = generation.to_string();
    lines
        .into_iter()
        .find(|line| line.generation == name && set.is_none_or(|set| line.set == set))
        .map(|line| line.measured)
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Scores, Unmeasured};

    use super::*;

    #[test]
    fn the_last_measure_of_a_generation_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = |text: &str| text.parse::<GenerationId>().expect("a name");
        let share = |document_at_3| Scores { questions: 9, document_at_3, demanded: 0.5 };
        let scores = |document_at_3| Measured::Scores(share(document_at_3));
        let none = Measured::Not { not_measured: Unmeasured::NoQuestions };
        assert_eq!(of(folder.path(), &id("g000001-01234567")), None);
        for (generation, share) in [("g000001-01234567", 0.6), ("g000002-01234567", 0.9), ("g000001-01234567", 0.7)] {
            keep(folder.path(), generation, &format!("{share}"), scores(share)).expect("kept");
        }
        assert_eq!(of(folder.path(), &id("g000001-01234567")), Some(scores(0.7)));
        assert_eq!(of_set(folder.path(), &id("g000001-01234567"), "0.6"), Some(share(0.6)));
        assert_eq!(of_set(folder.path(), &id("g000001-01234567"), "0.9"), None, "that were other questions");
        assert_eq!(of(folder.path(), &id("g000002-01234567")), Some(scores(0.9)));
        assert_eq!(of(folder.path(), &id("g000003-01234567")), None);
        keep(folder.path(), "g000003-01234567", "", none).expect("kept");
        assert_eq!(of(folder.path(), &id("g000003-01234567")), Some(none));
    }
}
