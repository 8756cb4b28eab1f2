//! What was asked of the server, without who asked it: one file a day, each line redacted before it is written.
//!
//! Off unless the operator names a folder. Until it is redacted a question waits in memory only. A line holds no address,
//! key or request id, and its time is rounded to the hour. [`files`] knows the folder, [`writer`] the thread that writes
//! into it.

mod files;
mod writer;

use std::collections::BTreeMap;

use clinqa_safety::redact;
use clinqa_schema::{Gaps, Outcome, Reply};
use serde::{Deserialize, Serialize};

use crate::identifiers::{Identifiers, IdentifiersError};

pub(crate) use files::{Day, Folder};
pub(crate) use writer::Writer;

/// Documents that a line names.
const TOPICS: usize = 5;

/// One question as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The hour, as `2026-11-29T14:00:00Z`.
    pub(crate) time: String,
    /// The question with placeholders such as `[NAME]`.
    pub(crate) question: String,
    /// `answered`, `abstained` or `redirected`.
    pub(crate) outcome: String,
    /// Why it was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What kind of document answered, or lay nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// Documents that were shown, by id.
    pub(crate) topics: Vec<String>,
    /// The generation of the index.
    pub(crate) generation: String,
    /// How many identifiers of each kind were left out.
    pub(crate) redacted: BTreeMap<String, u64>,
}

/// How many identifiers of each kind.
type Counts = BTreeMap<&'static str, u64>;

/// A question that waits to be redacted.
struct Asked {
    question: String,
    /// All that is kept of it but its words.
    line: Line,
}

impl Asked {
    /// What is kept of it: its words without identifiers, which are those that the rules find and those of a tagger.
    fn redacted(self, identifiers: Option<&Identifiers>) -> Result<(Line, Counts), IdentifiersError> {
        let found = identifiers.map(|tagger| tagger.find(&self.question)).transpose()?.unwrap_or_default();
        let redacted = redact(&self.question, &found);
        let counts: Counts = redacted.counts().map(|(kind, count)| (kind.name(), count as u64)).collect();
        let told = counts.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        Ok((Line { question: redacted.text, redacted: told, ..self.line }, counts))
    }
}

/// What is kept of a question but for its words.
fn about(reply: &Reply, time: String) -> Line {
    let cited = reply.answer.iter().flat_map(clinqa_schema::Answer::citations);
    let shown = || cited.clone().chain(reply.reading.iter().map(|reading| &reading.citation));
    let mut topics: Vec<String> = Vec::new();
    for citation in shown() {
        let id = citation.document_id.to_string();
        if topics.len() < TOPICS && !topics.contains(&id) {
            topics.push(id);
        }
    }
    let outcome = match reply.outcome {
        Outcome::Answered => "answered",
        Outcome::Abstained => "abstained",
        Outcome::Redirected => "redirected",
    };
    Line {
        time,
        question: String::new(),
        outcome: outcome.to_owned(),
        reason: reply.reason.and_then(|reason| as_text(&reason)),
        kind: shown().next().and_then(|citation| as_text(&citation.kind)),
        topics,
        generation: reply.generation.clone(),
        redacted: BTreeMap::new(),
    }
}

/// A value that is written as one word.
fn as_text(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

/// What was asked and not answered, in counts.
pub(crate) fn gaps(folder: &Folder) -> std::io::Result<Gaps> {
    let days = match folder.days() {
        Ok(days) => days,
        // Nothing was asked yet: the server makes the folder.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut gaps = Gaps { since: days.first().map(ToString::to_string), ..Gaps::default() };
    for day in days {
        for line in folder.lines(day)? {
            gaps.asked += 1;
            match line.outcome.as_str() {
                "answered" => gaps.answered += 1,
                outcome => {
                    let reason = line.reason.unwrap_or_else(|| outcome.to_owned());
                    *gaps.unanswered.entry(reason).or_default() += 1;
                    for topic in line.topics.into_iter().take(1) {
                        *gaps.topics.entry(topic).or_default() += 1;
                    }
                }
            }
        }
    }
    Ok(gaps)
}
