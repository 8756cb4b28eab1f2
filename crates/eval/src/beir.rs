//! Which questions does a BEIR folder ask?

use std::collections::BTreeSet;
use std::io::BufRead;

use serde::Deserialize;

use crate::error::{ReadError, id_text, json_error, note_id, numbered_lines};

const FORMAT: &str = "the queries (queries.jsonl)";
const EXPECTED: &str = "one object a line with `_id` and `text`";

/// One query of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BeirQuery {
    /// The id that qrels and runs use.
    #[serde(rename = "_id", deserialize_with = "id_text")]
    pub id: String,
    /// The question or the claim.
    pub text: String,
}

/// Reads `queries.jsonl`, in the order of the file; fields other than `_id` and `text` are passed over.
pub fn read_queries(input: impl BufRead) -> Result<Vec<BeirQuery>, ReadError> {
    let mut queries = Vec::new();
    let mut seen = BTreeSet::new();
    for numbered in numbered_lines(FORMAT, input) {
        let (number, line) = numbered?;
        let query: BeirQuery =
            serde_json::from_str(&line).map_err(|error| json_error(FORMAT, EXPECTED, number - 1, &error))?;
        note_id(FORMAT, &mut seen, &query.id)?;
        queries.push(query);
    }
    Ok(queries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_keep_the_order_of_the_file() {
        let text = "{\"_id\": \"b\", \"text\": \"Is é safe?\", \"metadata\": {}}\n\n{\"_id\": 7, \"text\": \"\"}\n";
        let queries = read_queries(text.as_bytes()).expect("two queries");
        let seen: Vec<(&str, &str)> = queries.iter().map(|q| (q.id.as_str(), q.text.as_str())).collect();
        assert_eq!(seen, [("b", "Is é safe?"), ("7", "")]);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let check = |text: &str, part: &str| {
            let error = read_queries(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        };
        check("{\"_id\": \"1\", \"text\": \"x\"}\n{\"_id\": \"2\"}\n", "line 2");
        check("{\"_id\": \"1\", \"text\": \"x\"}\nnot json\n", "line 2");
        check("{\"_id\": \"1\", \"text\": \"x\"}\n{\"_id\": \"1\", \"text\": \"y\"}\n", "\"1\" is there twice");
        check("{\"_id\": null, \"text\": \"x\"}", "another type");
    }
}
