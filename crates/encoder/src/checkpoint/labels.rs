//! What the outputs of a head are called, as `config.json` says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Checkpoint;
use crate::CheckpointError;

/// No head has more outputs; it keeps a damaged file from asking for all memory.
const MOST_LABELS: usize = 100_000;

/// The outputs of a classifier or tagger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadLabels {
    /// Names in the order of the head's rows (`id2label`); without any, transformers' own `LABEL_0` and `LABEL_1`.
    pub names: Vec<String>,
    /// `problem_type`: `single_label_classification`, `multi_label_classification` or `regression`, if it is said.
    pub problem: Option<String>,
}

/// A linear map over pooled vectors, as a `Dense` module of sentence-transformers holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PooledHead {
    /// Whether vectors are scaled to length 1 before.
    pub normalised: bool,
}

impl Checkpoint {
    /// Names of the head's outputs, and how they are meant.
    pub fn head_labels(&self) -> Result<HeadLabels, CheckpointError> {
        let problem = self.config.problem_type.clone();
        let names = match &self.config.id2label {
            None | Some(Value::Null) => vec!["LABEL_0".to_owned(), "LABEL_1".to_owned()],
            Some(table) => names(table).ok_or_else(|| CheckpointError::Field {
                path: self.config_path.clone(),
                field: "id2label",
                found: "something else".to_owned(),
                expected: "an object of names, numbered \"0\", \"1\" and so on without a gap".to_owned(),
            })?,
        };
        Ok(HeadLabels { names, problem })
    }

    /// The head over pooled vectors, if the folder has one; its tensors are `classifier.weight` and `classifier.bias`.
    pub fn pooled_head(&self) -> Option<PooledHead> {
        self.pooled_head
    }

    /// An error about a setting of this checkpoint's `config.json`.
    pub fn refuse(&self, field: &'static str, found: String, expected: String) -> CheckpointError {
        CheckpointError::Field { path: self.config_path.clone(), field, found, expected }
    }
}

/// `{"0": "B-Drug", "1": "O"}` in the order of its numbers, which begin at 0 and leave nothing out.
fn names(table: &Value) -> Option<Vec<String>> {
    let table = table.as_object().filter(|table| !table.is_empty() && table.len() <= MOST_LABELS)?;
    let numbered = table.iter().map(|(number, name)| {
        let name = match name {
            Value::String(name) => name.clone(),
            Value::Number(name) => name.to_string(),
            _ => return None,
        };
        Some((number.parse::<usize>().ok()?, name))
    });
    let numbered = numbered.collect::<Option<BTreeMap<usize, String>>>()?;
    let whole = numbered.len() == table.len() && numbered.keys().copied().eq(0..table.len());
    whole.then(|| numbered.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_their_numbers_and_gaps_are_refused() {
        let check = |table: Value, expected: Option<&[&str]>| {
            let found = names(&table);
            assert_eq!(
                found.as_deref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>()).as_deref(),
                expected,
                "{table}"
            );
        };
        check(
            serde_json::json!({"10": "k", "0": "a", "1": "b", "2": "c", "3": "d", "4": "e", "5": "f", "6": "g", "7": "h",
            "8": "i", "9": "j"}),
            Some(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]),
        );
        check(serde_json::json!({"0": 3}), Some(&["3"]));
        check(serde_json::json!({"0": "a", "2": "b"}), None);
        check(serde_json::json!({"0": "a", "00": "b"}), None);
        check(serde_json::json!({"0": null}), None);
        check(serde_json::json!({}), None);
        check(serde_json::json!(["a"]), None);
    }
}
