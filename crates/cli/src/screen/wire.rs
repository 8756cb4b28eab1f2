//! How do replies of a server become nouns again (pure)? Those that keep an invariant are not read but made.

use std::collections::BTreeMap;

use clinqa_qa::{Changes, CorpusEntry, Damage, Delivered, FileCheck, Manifest};
use clinqa_retrieval::Step;
use clinqa_schema::{
    Abstention, Answer, Citation, Confidence, Document, DocumentId, Hit, Measured, Metadata, Moment, Notice, Outcome,
    PassageId, Ranking, Reading, Reply, Section, Skips, SourceLocator, SpanTrace, Stage, Trace, UnderstandingStep,
    WordScore,
};
use serde::Deserialize;

/// `GET /readyz`, as far as it is of interest.
#[derive(Deserialize)]
pub(crate) struct Readiness {
    pub(crate) generation: String,
}

/// `GET /v1/index`.
#[derive(Deserialize)]
pub(crate) struct Index {
    pub(crate) manifest: Manifest,
}

/// `GET /v1/index/generations`.
#[derive(Deserialize)]
pub(crate) struct Generations {
    pub(crate) generations: Vec<Generation>,
}

/// One of them.
#[derive(Deserialize)]
pub(crate) struct Generation {
    pub(crate) manifest: Manifest,
    pub(crate) current: bool,
    pub(crate) scores: Option<Measured>,
}

/// `GET /v1/index/changes/{earlier}/{later}`.
#[derive(Deserialize)]
pub(crate) struct Compared {
    pub(crate) changes: Changes,
}

/// `POST /v1/index/check`.
#[derive(Deserialize)]
pub(crate) struct Checked {
    files: Vec<WiredCheck>,
}

#[derive(Deserialize)]
struct WiredCheck {
    file: String,
    bytes: u64,
    damage: Option<WiredDamage>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WiredDamage {
    Missing,
    Extra,
    NotAFile,
    Length { expected: u64, found: u64 },
    Digest { expected: String, found: String },
    Content,
}

impl Checked {
    /// What the checksums say of each file.
    pub(crate) fn files(self) -> Vec<FileCheck> {
        let damage = |damage| match damage {
            WiredDamage::Missing => Damage::Missing,
            WiredDamage::Extra => Damage::Extra,
            WiredDamage::NotAFile => Damage::NotAFile,
            WiredDamage::Length { expected, found } => Damage::Length { expected, found },
            WiredDamage::Digest { expected, found } => Damage::Digest { expected, found },
            WiredDamage::Content => Damage::Content { what: "content" },
        };
        let check = |WiredCheck { file, bytes, damage: found }| FileCheck { file, bytes, damage: found.map(damage) };
        self.files.into_iter().map(check).collect()
    }
}

/// `GET /v1/index/corpora`.
#[derive(Deserialize)]
pub(crate) struct Corpora {
    corpora: Vec<WiredCorpus>,
}

#[derive(Deserialize)]
struct WiredCorpus {
    name: String,
    fetched: Option<WiredFetch>,
    found: Option<CorpusEntry>,
    unusable: Option<String>,
}

#[derive(Deserialize)]
struct WiredFetch {
    at: Moment,
    files: usize,
}

impl Corpora {
    /// Every corpus as its files are there.
    pub(crate) fn delivered(self) -> Vec<Delivered> {
        let delivered = |WiredCorpus { name, fetched, found, unusable }| Delivered {
            name,
            fetched: fetched.map(|WiredFetch { at, files }| (at, files)),
            files: found.ok_or_else(|| unusable.unwrap_or_default()),
        };
        self.corpora.into_iter().map(delivered).collect()
    }
}

/// `GET /v1/index/rebuild`, and what `POST` there begins with.
#[derive(Clone, Deserialize)]
pub(crate) struct Rebuild {
    pub(crate) state: RebuildState,
    pub(crate) progress: Option<WiredProgress>,
    skipped: Skipped,
    pub(crate) summary: Option<String>,
    pub(crate) error: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RebuildState {
    Idle,
    Running,
    Done,
    Failed,
}

/// How far it has come.
#[derive(Clone, Deserialize)]
pub(crate) struct WiredProgress {
    pub(crate) stage: Stage,
    pub(crate) done: u64,
    pub(crate) total: Option<u64>,
    pub(crate) seconds: f64,
}

#[derive(Clone, Deserialize)]
struct Skipped {
    count: u64,
    latest: Vec<String>,
}

impl Rebuild {
    /// The records that it cannot use, as far as it has met them.
    pub(crate) fn skips(&self) -> Skips {
        Skips::counted(self.skipped.count, self.skipped.latest.iter().cloned())
    }
}

/// `GET /v1/names`.
#[derive(Deserialize)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
}

/// `POST /v1/facets`.
#[derive(Deserialize)]
pub(crate) struct Facets {
    pub(crate) facets: BTreeMap<String, BTreeMap<String, u64>>,
}

/// `POST /v1/search` and `POST /v1/similar`.
#[derive(Deserialize)]
pub(crate) struct Listed {
    pub(crate) results: Vec<Reading>,
    #[serde(default)]
    pub(crate) documents: BTreeMap<String, Metadata>,
    #[serde(default)]
    trace: Option<WiredTrace>,
    /// By passage; a server of an older version says nothing of them.
    #[serde(default)]
    words: BTreeMap<String, Vec<WordScore>>,
}

/// Passages, how they were found, and what each word adds to each.
type Told = (Vec<Reading>, Trace, Vec<Vec<WordScore>>);

impl Listed {
    /// The passages with all that is told of them, and what is known of their documents.
    pub(crate) fn found(mut self) -> (Told, BTreeMap<String, Metadata>) {
        let ids = self.results.iter().map(|reading| reading.citation.passage_id.to_string());
        let words = ids.map(|id| self.words.remove(&id).unwrap_or_default()).collect();
        ((self.results, self.trace.map(WiredTrace::trace).unwrap_or_default(), words), self.documents)
    }
}

/// `POST /v1/ask`.
#[derive(Deserialize)]
pub(crate) struct WiredReply {
    outcome: Outcome,
    reason: Option<Abstention>,
    notices: Vec<Notice>,
    answer: Option<WiredAnswer>,
    reading: Vec<Reading>,
    generation: String,
    encoder: String,
    reader: String,
    took_ms: f64,
    trace: Option<WiredTrace>,
}

#[derive(Deserialize)]
struct WiredAnswer {
    text: String,
    confidence: f32,
    citations: Vec<Citation>,
    #[serde(default)]
    differing: Vec<Citation>,
}

impl WiredReply {
    /// The reply, if it keeps what a reply promises: an answer if and only if it was answered, each with a citation.
    pub(crate) fn reply(self) -> Option<Reply> {
        let answer = match self.answer {
            Some(answer) => Some(answer.answer()?),
            None => None,
        };
        let answered = self.outcome == Outcome::Answered;
        if answered != answer.is_some() || answered == self.reason.is_some() {
            return None;
        }
        Some(Reply {
            outcome: self.outcome,
            reason: self.reason,
            notices: self.notices,
            answer,
            reading: self.reading,
            generation: self.generation,
            encoder: self.encoder,
            reader: self.reader,
            took_ms: self.took_ms,
            trace: self.trace.map(WiredTrace::trace),
        })
    }
}

impl WiredAnswer {
    fn answer(self) -> Option<Answer> {
        let mut citations = self.citations.into_iter();
        let first = citations.next()?;
        let answer = Answer::new(self.text, Confidence::new(self.confidence), first, citations.collect());
        Some(answer.differing_from(self.differing))
    }
}

/// What the screen shows of a trace.
#[derive(Deserialize)]
struct WiredTrace {
    understood: String,
    steps: Vec<WiredStep>,
    topics: Vec<String>,
    unknown: Vec<String>,
    terms: Vec<String>,
    lexical: Vec<Hit>,
    dense: Vec<Hit>,
    fused: Vec<Hit>,
    spans: Vec<WiredSpan>,
}

#[derive(Deserialize)]
struct WiredStep {
    step: String,
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct WiredSpan {
    passage_id: PassageId,
    text: String,
    quote: String,
    shown: String,
    evidence: f32,
}

impl WiredTrace {
    fn trace(self) -> Trace {
        let step = |WiredStep { step, from, to }| {
            let known = Step::ALL.into_iter().map(Step::name).find(|name| *name == step);
            UnderstandingStep { step: known.unwrap_or("other"), from, to }
        };
        let span = |WiredSpan { passage_id, text, quote, shown, evidence }| SpanTrace {
            passage_id,
            text,
            quote,
            shown,
            features: BTreeMap::new(),
            evidence,
        };
        Trace {
            understood: self.understood,
            steps: self.steps.into_iter().map(step).collect(),
            topics: self.topics,
            unknown: self.unknown,
            terms: self.terms,
            lexical: Ranking::new(self.lexical),
            dense: Ranking::new(self.dense),
            fused: Ranking::new(self.fused),
            spans: self.spans.into_iter().map(span).collect(),
            ..Trace::default()
        }
    }
}

/// `GET /v1/documents/{id}`.
#[derive(Deserialize)]
pub(crate) struct WiredDocument {
    document_id: DocumentId,
    title: String,
    text: String,
    sections: Vec<WiredSection>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct WiredSection {
    heading: String,
    start: usize,
    end: usize,
}

impl WiredDocument {
    /// The document, if its sections lie in its text; they are told in characters.
    pub(crate) fn document(self) -> Option<Document> {
        let Self { document_id: id, title, text, sections, metadata } = self;
        let (mut places, mut next) = (text.char_indices().map(|(byte, _)| byte).chain([text.len()]).enumerate(), None);
        // They come in order, so that the text is walked through once.
        let mut byte = |wanted: usize| -> Option<usize> {
            if let Some((at, byte)) = next
                && at == wanted
            {
                return Some(byte);
            }
            next = places.find(|(at, _)| *at == wanted);
            next.map(|(_, byte)| byte)
        };
        let mut read = Vec::with_capacity(sections.len());
        for WiredSection { heading, start, end } in sections {
            read.push(Section { heading, bytes: byte(start)?..byte(end)? });
        }
        let document = Document { id, title, text, sections: read, metadata, source: SourceLocator::default() };
        document.validate().is_ok().then_some(document)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reply(change: impl FnOnce(&mut Value)) -> Option<Reply> {
        let citation = json!({
            "document_id": "asthma", "title": "Asthma", "publisher": "X", "kind": "leaflet", "passage_id": "asthma#1",
            "quote": "Rest.", "start": 0, "end": 5, "answer_start": 0, "answer_end": 5, "grade": "strong",
            "standing": {"state": "retracted"}
        });
        let mut reply = json!({
            "outcome": "answered", "notices": [], "reading": [], "generation": "g000001-01234567", "encoder": "e",
            "reader": "r", "took_ms": 1.5,
            "answer": {"text": "Rest.", "confidence": 0.8, "confidence_label": "high", "citations": [citation]}
        });
        change(&mut reply);
        serde_json::from_value::<WiredReply>(reply).expect("a reply").reply()
    }

    #[test]
    fn a_reply_is_taken_only_if_it_keeps_its_promise() {
        let whole = reply(|_| {}).expect("whole");
        let answer = whole.answer.expect("an answer");
        assert_eq!((answer.text(), answer.citations()[0].grade.as_deref()), ("Rest.", Some("strong")));
        assert!(!answer.citations()[0].standing.is_current());
        assert!(reply(|reply| reply["answer"]["citations"] = json!([])).is_none(), "no citation");
        assert!(reply(|reply| reply["answer"] = Value::Null).is_none(), "no answer");
        assert!(reply(|reply| reply["reason"] = json!("scope")).is_none(), "answered and not");
        let abstained = |reply: &mut Value| {
            (reply["answer"], reply["reason"], reply["outcome"]) = (Value::Null, json!("scope"), json!("abstained"));
        };
        assert!(reply(abstained).is_some());
    }

    #[test]
    fn sections_are_counted_in_characters_and_must_lie_in_the_text() {
        let document = |start: usize, end: usize| {
            let wired = json!({
                "document_id": "d", "title": "D", "text": "Äh\n😀 Ende", "metadata": {}, "generation": "g",
                "sections": [{"heading": "", "start": 0, "end": 2}, {"heading": "Äh", "start": start, "end": end}]
            });
            serde_json::from_value::<WiredDocument>(wired).expect("a document").document()
        };
        let read = document(3, 9).expect("whole");
        assert_eq!(&read.text[read.sections[1].bytes.clone()], "😀 Ende");
        assert_eq!(document(2, 2).expect("whole").sections[1].bytes, 3..3);
        for (start, end) in [(3, 10), (9, 3), (1, 2)] {
            assert!(document(start, end).is_none(), "{start}..{end}");
        }
    }
}
