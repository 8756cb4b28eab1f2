//! How good was each generation when it was made? One JSON object a line beside the generations, which hold only what was
//! sealed before anybody measured it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use clinqa_qa::GenerationId;
use clinqa_schema::Measured;
use serde::{Deserialize, Serialize};

/// In the index folder.
const FILE: &str = "scores.jsonl";

#[derive(Serialize, Deserialize)]
struct Line {
    generation: String,
    #[serde(flatten)]
    measured: Measured,
}

/// Keeps what was measured of a generation, or why nothing was.
pub(crate) fn keep(index: &Path, generation: &str, measured: Measured) -> io::Result<()> {
    let line = serde_json::to_string(&Line { generation: generation.to_owned(), measured })?;
    OpenOptions::new().create(true).append(true).open(index.join(FILE))?.write_all(format!("{line}\n").as_bytes())
}

/// What was measured of a generation, if that was kept; lines that are none of ours are passed over.
pub(crate) fn of(index: &Path, generation: &GenerationId) -> Option<Measured> {
    let text = fs::read_to_string(index.join(FILE)).ok()?;
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let name = generation.to_string();
    lines.into_iter().find(|line| line.generation == name).map(|line| line.measured)
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Scores, Unmeasured};

    use super::*;

    #[test]
    fn the_last_measure_of_a_generation_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let id = |text: &str| text.parse::<GenerationId>().expect("a name");
        let scores = |document_at_3| Measured::Scores(Scores { questions: 9, document_at_3, demanded: 0.5 });
        let none = Measured::Not { not_measured: Unmeasured::NoQuestions };
        assert_eq!(of(folder.path(), &id("g000001-01234567")), None);
        for (generation, share) in [("g000001-01234567", 0.6), ("g000002-01234567", 0.9), ("g000001-01234567", 0.7)] {
            keep(folder.path(), generation, scores(share)).expect("kept");
        }
        assert_eq!(of(folder.path(), &id("g000001-01234567")), Some(scores(0.7)));
        assert_eq!(of(folder.path(), &id("g000002-01234567")), Some(scores(0.9)));
        assert_eq!(of(folder.path(), &id("g000003-01234567")), None);
        keep(folder.path(), "g000003-01234567", none).expect("kept");
        assert_eq!(of(folder.path(), &id("g000003-01234567")), Some(none));
    }
}
