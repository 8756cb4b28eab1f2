//! Which passage answers which question? Pair files and BEIR folders become pairs; what cannot be used is told by its place.
//!
//! A pair file has one JSON object a line: `question` and `passage`, and if there are any `id` (of the question),
//! `document` (what the passage was taken from), `negatives` (passages that do not answer) and `scores` (what a teacher
//! gave the passage and then each negative). A BEIR folder pairs each query with every passage that `qrels/SPLIT.tsv`
//! calls relevant; `metadata.document` of a passage, where there is one, names the document that it was cut from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clinqa_eval::{Qrels, ReadError};
use serde::Deserialize;
use serde_json::error::Category;

/// Longest line; a longer one is passed over without being held in memory.
const MAX_LINE_BYTES: u64 = 8 << 20;

/// Faults that a report names one by one; the rest is counted.
const NAMED_FAULTS: usize = 1_000;

/// Fewer pairs than this have nothing to be told apart from.
pub const LEAST_PAIRS: usize = 16;

/// A question, the passage that answers it, and passages that do not.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Id of the question, as runs and judgements name it.
    pub id: String,
    /// The question.
    pub question: String,
    /// The passage that answers.
    pub passage: PairPassage,
    /// Passages that look like it and do not answer.
    pub negatives: Vec<PairPassage>,
    /// What a teacher gave the passage and then each negative; empty or as many as there are passages.
    pub scores: Vec<f32>,
}

/// A passage of a pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PairPassage {
    /// Its own id, as runs name it; empty if it has none.
    pub id: String,
    /// The document that it was cut from; empty if nobody said.
    pub document: String,
    /// What it says.
    pub text: String,
}

/// What was read.
#[derive(Debug, Default)]
pub struct PairSet {
    /// In the order of the file, or of query ids and passage ids.
    pub pairs: Vec<Pair>,
    /// Every passage by its id, for mining; empty for a pair file.
    pub passages: BTreeMap<String, PairPassage>,
    /// What became of every record.
    pub report: PairReport,
}

/// What became of every record. Nothing here repeats a text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PairReport {
    /// Lines with something on them, or judgements.
    pub read: usize,
    /// Pairs that can be used.
    pub kept: usize,
    /// How many records each fault cost.
    pub counts: BTreeMap<PairFault, usize>,
    /// The first thousand faults with their places.
    pub faults: Vec<(PairPlace, PairFault)>,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPlace {
    /// The file.
    pub file: PathBuf,
    /// Its line from 1; 0 for a file whose records are known by ids.
    pub line: usize,
}

/// Why a record cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairFault {
    /// The line is longer than any passage.
    TooLong,
    /// The bytes are no UTF-8.
    NotText,
    /// The line is no JSON.
    NotJson,
    /// A field is missing or of another type.
    Field,
    /// The question or the passage says nothing.
    Empty,
    /// The passage only repeats the question.
    Echo,
    /// The same question with the same passage stood before.
    Repeated,
    /// There is not one finite score a passage.
    Scores,
    /// A negative says what the passage says.
    NegativeAnswers,
    /// A judgement names a query that is not among the queries.
    NoQuery,
    /// A judgement names a passage that is not in the corpus.
    NoPassage,
}

/// Why pairs could not be had at all.
#[derive(Debug, thiserror::Error)]
pub enum PairsError {
    /// A file cannot be opened or read.
    #[error("cannot read {path}: {source}; check the path")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Judgements or queries are not what they should be.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// More is broken than whole: most likely another kind of file was named.
    #[error(
        "{path}: {broken} of {read} records cannot be used ({first}); a pair file has lines such as {{\"question\": \"…\", \"passage\": \"…\"}}"
    )]
    Broken {
        /// The file or folder.
        path: PathBuf,
        /// Records that were skipped.
        broken: usize,
        /// Records in all.
        read: usize,
        /// The first fault with its place.
        first: String,
    },
    /// Too few pairs.
    #[error("{found} pairs can be used, at least {needed} are needed; name more data with `--data`")]
    TooFew {
        /// Pairs found.
        found: usize,
        /// Pairs needed.
        needed: usize,
    },
    /// The run is of other queries.
    #[error(
        "the run {path} names none of the queries of the data; write one with `clinqa eval retrieval FOLDER --run-dir DIR`"
    )]
    OtherRun {
        /// The run.
        path: PathBuf,
    },
}

/// Reads the pairs of `path`: a BEIR folder with the judgements `qrels/{split}.tsv`, or a pair file.
pub fn read_pairs(path: &Path, split: &str) -> Result<PairSet, PairsError> {
    let set = if path.is_dir() { read_folder(path, split)? } else { read_file(path)? };
    let broken = set.report.read - set.report.kept;
    match set.report.faults.first() {
        Some((place, fault)) if broken > set.report.kept => Err(PairsError::Broken {
            path: path.to_owned(),
            broken,
            read: set.report.read,
            first: format!("{place}: {fault}"),
        }),
        _ => Ok(set),
    }
}

/// Whether what belongs to `key` is held out: a seeded hash sends about `share` of all keys to the held-out part, the same
/// ones on every machine.
pub fn is_held_out(key: &str, share: f64, seed: u64) -> bool {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(key.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // The upper 53 bits are exact in an f64.
    ((u64::from_le_bytes(first) >> 11) as f64) < share * (1_u64 << 53) as f64
}

/// Parts `pairs` into what is learned from and what is held out. All pairs of a document stand on one side, and of a
/// question without documents all that ask the same. A question that documents of both sides answer is only asked of what
/// is held out: its other answers are dropped.
pub fn hold_out(pairs: Vec<Pair>, share: f64, seed: u64) -> (Vec<Pair>, Vec<Pair>) {
    let (mut learned, held): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(|pair| {
        let document = &pair.passage.document;
        let key = if document.is_empty() { normalised(&pair.question) } else { document.to_lowercase() };
        !is_held_out(&key, share, seed)
    });
    let asked: BTreeSet<String> = held.iter().map(|pair| normalised(&pair.question)).collect();
    learned.retain(|pair| !asked.contains(&normalised(&pair.question)));
    (learned, held)
}

/// Takes out of `train` what `dev` is scored on, wherever either came from: pairs that ask one of its questions or are
/// answered by one of its passages or documents, and negatives that are such a passage. How many pairs went.
pub fn keep_apart(train: &mut Vec<Pair>, dev: &[Pair]) -> usize {
    let questions: BTreeSet<String> = dev.iter().map(|pair| normalised(&pair.question)).collect();
    let texts: BTreeSet<String> = dev.iter().map(|pair| normalised(&pair.passage.text)).collect();
    let documents = dev.iter().map(|pair| pair.passage.document.to_lowercase());
    let documents: BTreeSet<String> = documents.filter(|document| !document.is_empty()).collect();
    let is_scored_on = |passage: &PairPassage| {
        documents.contains(&passage.document.to_lowercase()) || texts.contains(&normalised(&passage.text))
    };
    let before = train.len();
    train.retain_mut(|pair| {
        let negatives = pair.negatives.len();
        pair.negatives.retain(|wrong| !is_scored_on(wrong));
        if pair.negatives.len() < negatives {
            // Scores of all would be taken for scores of those that are left.
            pair.scores.clear();
        }
        !questions.contains(&normalised(&pair.question)) && !is_scored_on(&pair.passage)
    });
    before - train.len()
}

/// At most `most` of `pairs`, drawn by `seed`, in the order in which they stood.
pub fn sample(pairs: Vec<Pair>, most: usize, seed: u64) -> Vec<Pair> {
    if pairs.len() <= most {
        return pairs;
    }
    let lot = |pair: &Pair| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(pair.question.as_bytes()).update(pair.passage.text.as_bytes());
        *hasher.finalize().as_bytes()
    };
    let mut lots: Vec<([u8; 32], usize)> = pairs.iter().map(lot).zip(0..).collect();
    lots.sort_unstable();
    let drawn: BTreeSet<usize> = lots.into_iter().take(most).map(|(_, at)| at).collect();
    pairs.into_iter().enumerate().filter(|(at, _)| drawn.contains(at)).map(|(_, pair)| pair).collect()
}

/// Text as it is compared: lower case, one blank between words.
pub(crate) fn normalised(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

impl PairReport {
    fn note(&mut self, file: &Path, line: usize, fault: PairFault) {
        *self.counts.entry(fault).or_default() += 1;
        if self.faults.len() < NAMED_FAULTS {
            self.faults.push((PairPlace { file: file.to_owned(), line }, fault));
        }
    }
}

impl fmt::Display for PairPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            line => write!(f, "{}:{line}", self.file.display()),
        }
    }
}

impl fmt::Display for PairFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the line is over 8 MB; cut the passage",
            Self::NotText => "this is not UTF-8; convert the file",
            Self::NotJson => "this is no JSON object; write one a line",
            Self::Field => "a field is missing or of another type; `question` and `passage` are texts",
            Self::Empty => "the question or the passage is empty; fill or remove it",
            Self::Echo => "the passage only repeats the question; give the text that answers",
            Self::Repeated => "the same question and passage stood before; remove one",
            Self::Scores => "`scores` needs one finite number for the passage and one a negative",
            Self::NegativeAnswers => "a negative says what the passage says; remove it",
            Self::NoQuery => "judgements name a query that queries.jsonl lacks; add it",
            Self::NoPassage => "judgements name a passage that corpus.jsonl lacks; add it",
        })
    }
}

/// A line of a pair file. Fields that are not ours are let be.
#[derive(Deserialize)]
struct Written {
    id: Option<String>,
    question: String,
    passage: String,
    document: Option<String>,
    #[serde(default)]
    negatives: Vec<String>,
    #[serde(default)]
    scores: Vec<f32>,
}

fn read_file(path: &Path) -> Result<PairSet, PairsError> {
    let mut set = PairSet::default();
    let mut seen = BTreeSet::new();
    each_line(path, &mut |number, line| {
        set.report.read += 1;
        match line.and_then(|line| pair(line, number)).and_then(|pair| first_time(&mut seen, pair)) {
            Ok(pair) => set.pairs.push(pair),
            Err(fault) => set.report.note(path, number, fault),
        }
    })?;
    set.report.kept = set.pairs.len();
    Ok(set)
}

fn pair(line: &str, number: usize) -> Result<Pair, PairFault> {
    let written: Written = parse(line)?;
    let document = written.document.unwrap_or_default();
    let bare = |text| PairPassage { id: String::new(), document: String::new(), text };
    let pair = Pair {
        id: written.id.unwrap_or_else(|| number.to_string()),
        question: written.question,
        passage: PairPassage { document, ..bare(written.passage) },
        negatives: written.negatives.into_iter().map(bare).collect(),
        scores: written.scores,
    };
    check(&pair)?;
    Ok(pair)
}

/// What a pair must be to teach anything.
fn check(pair: &Pair) -> Result<(), PairFault> {
    let (question, passage) = (normalised(&pair.question), normalised(&pair.passage.text));
    let scored = pair.scores.is_empty() || pair.scores.len() == 1 + pair.negatives.len();
    if question.is_empty() || passage.is_empty() || pair.negatives.iter().any(|wrong| wrong.text.trim().is_empty()) {
        Err(PairFault::Empty)
    } else if question == passage {
        Err(PairFault::Echo)
    } else if !scored || pair.scores.iter().any(|score| !score.is_finite()) {
        Err(PairFault::Scores)
    } else if pair.negatives.iter().any(|wrong| normalised(&wrong.text) == passage) {
        Err(PairFault::NegativeAnswers)
    } else {
        Ok(())
    }
}

fn first_time(seen: &mut BTreeSet<(String, String)>, pair: Pair) -> Result<Pair, PairFault> {
    let key = (normalised(&pair.question), normalised(&pair.passage.text));
    if seen.insert(key) { Ok(pair) } else { Err(PairFault::Repeated) }
}

/// A line of `corpus.jsonl` or `queries.jsonl`.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "_id")]
    id: Id,
    #[serde(default)]
    title: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    metadata: Option<Origin>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(serde_json::Number),
}

#[derive(Deserialize)]
struct Origin {
    document: Option<String>,
}

impl Item {
    fn id(&self) -> String {
        match &self.id {
            Id::Text(text) => text.clone(),
            Id::Number(number) => number.to_string(),
        }
    }
}

fn read_folder(folder: &Path, split: &str) -> Result<PairSet, PairsError> {
    let mut set = PairSet::default();
    let mut queries: BTreeMap<String, String> = BTreeMap::new();
    let path = folder.join("queries.jsonl");
    each_line(&path, &mut |number, line| match line.and_then(parse::<Item>) {
        Ok(item) => drop(queries.insert(item.id(), item.text)),
        Err(fault) => set.report.note(&path, number, fault),
    })?;
    let path = folder.join("corpus.jsonl");
    each_line(&path, &mut |number, line| match line.and_then(parse::<Item>) {
        Ok(item) => drop(set.passages.insert(item.id(), passage(item))),
        Err(fault) => set.report.note(&path, number, fault),
    })?;
    let path = folder.join("qrels").join(format!("{split}.tsv"));
    let qrels = Qrels::read(open(&path)?).map_err(|source| PairsError::Read { path: path.clone(), source })?;
    let mut seen = BTreeSet::new();
    let relevant = qrels.iter().flat_map(|(query, judged)| {
        judged.iter().filter(|(_, relevance)| **relevance > 0).map(move |(passage, _)| (query, passage))
    });
    for (query, right) in relevant {
        set.report.read += 1;
        match judged(query, queries.get(query), set.passages.get(right)).and_then(|pair| first_time(&mut seen, pair)) {
            Ok(pair) => set.pairs.push(pair),
            Err(fault) => set.report.note(&path, 0, fault),
        }
    }
    set.report.kept = set.pairs.len();
    Ok(set)
}

/// The passage as `clinqa eval retrieval` gives it to an encoder: its title first.
fn passage(item: Item) -> PairPassage {
    let id = item.id();
    let document = item.metadata.and_then(|origin| origin.document).unwrap_or_else(|| id.clone());
    let text = if item.title.trim().is_empty() { item.text } else { format!("{} {}", item.title.trim(), item.text) };
    PairPassage { id, document, text: text.trim().to_owned() }
}

fn judged(id: &str, question: Option<&String>, passage: Option<&PairPassage>) -> Result<Pair, PairFault> {
    let pair = Pair {
        id: id.to_owned(),
        question: question.ok_or(PairFault::NoQuery)?.clone(),
        passage: passage.ok_or(PairFault::NoPassage)?.clone(),
        negatives: Vec::new(),
        scores: Vec::new(),
    };
    check(&pair)?;
    Ok(pair)
}

fn parse<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, PairFault> {
    serde_json::from_str(line).map_err(|error| match error.classify() {
        Category::Data => PairFault::Field,
        Category::Syntax | Category::Eof | Category::Io => PairFault::NotJson,
    })
}

fn open(path: &Path) -> Result<BufReader<File>, PairsError> {
    File::open(path).map(BufReader::new).map_err(|source| PairsError::Open { path: path.to_owned(), source })
}

/// Hands every line with something on it to `take`, with its number from 1.
fn each_line(path: &Path, take: &mut dyn FnMut(usize, Result<&str, PairFault>)) -> Result<(), PairsError> {
    let failed = |source| PairsError::Open { path: path.to_owned(), source };
    let mut input = open(path)?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if (&mut input).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.len() as u64 > MAX_LINE_BYTES && !line.ends_with(b"\n") {
            input.skip_until(b'\n').map_err(failed)?;
            take(number, Err(PairFault::TooLong));
            continue;
        }
        match std::str::from_utf8(&line).map(|text| text.trim_start_matches('\u{feff}').trim()) {
            Ok("") => {}
            Ok(text) => take(number, Ok(text)),
            Err(_) => take(number, Err(PairFault::NotText)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
