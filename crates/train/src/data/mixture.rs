//! Which questions are trained on, and which are scored on?
//!
//! Files of either format, each with a weight; a part held out by the hash of its paragraphs, so that it is the same in
//! every run and no paragraph stands on both sides; what repeats or contradicts itself is left out and reported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clinqa_eval::normalise_answer;
use serde_json::Value;

use super::report::{DataError, DataReport, Fate, Fault};
use super::squad::SpanQuestion;
use super::wrong_passages::wrong_passages;
use super::{bioasq, licence, squad};
use crate::card::DataSource;

/// Fewer questions teach nothing that holds beyond them.
const LEAST_TRAIN: usize = 16;

/// Fewer questions say nothing about the rest.
const LEAST_DEV: usize = 4;

const EXPECTED: &str = "SQuAD JSON (`data`) or BioASQ golden JSON (`questions`), unpacked";

/// A file, and how often each of its questions is seen in an epoch: 2 is twice, 0.5 is every other one.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Above 0, up to 100.
    pub weight: f64,
}

impl FromStr for WeightedFile {
    type Err = DataError;

    /// `FILE` or `FILE=WEIGHT`; what follows the last `=` is taken for a weight if it begins like a number.
    fn from_str(text: &str) -> Result<Self, DataError> {
        let whole = || Ok(Self { path: text.into(), weight: 1.0 });
        let Some((path, weight)) = text.rsplit_once('=') else { return whole() };
        if !weight.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return whole();
        }
        match weight.parse::<f64>() {
            Ok(number) if number > 0.0 && number <= 100.0 => Ok(Self { path: path.into(), weight: number }),
            _ => Err(DataError::Weight { file: path.to_owned(), found: weight.to_owned() }),
        }
    }
}

/// How files become a training part and a part to score on.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureConfig {
    /// The share of paragraphs that is held out of the training files, 0 to 1; 0 if files to score on are named.
    pub dev_share: f64,
    /// Most questions that are trained on, before weights; all if `None`.
    pub sample: Option<usize>,
    /// Most questions that are scored on; all if `None`.
    pub dev_sample: Option<usize>,
    /// For which share of the answerable questions a wrong text on the same topic is added, 0 to 1.
    pub unanswerable: f64,
    /// What draws samples and wrong texts. The part that is held out does not depend on it.
    pub seed: u64,
}

/// What is trained on and what is scored on.
#[derive(Debug, Clone)]
pub struct SpanMixture {
    /// Questions to learn from, weights applied.
    pub train: Vec<SpanQuestion>,
    /// Questions to score on; ids are unique.
    pub dev: Vec<SpanQuestion>,
    /// The files.
    pub sources: Vec<DataSource>,
    /// What was wrong with them.
    pub report: DataReport,
}

impl SpanMixture {
    /// Reads `files` to train on and `dev` to score on; without the latter a part of the former is held out.
    pub fn open(files: &[WeightedFile], dev: &[PathBuf], config: &MixtureConfig) -> Result<Self, DataError> {
        for (flag, found) in [("--dev-share", config.dev_share), ("--unanswerable", config.unanswerable)] {
            if !(0.0..=1.0).contains(&found) {
                return Err(DataError::Share { flag, found });
            }
        }
        let mut report = DataReport::default();
        let mut sources: Vec<DataSource> = Vec::new();
        let mut train: Vec<(f64, SpanQuestion)> = Vec::new();
        let mut scored: Vec<SpanQuestion> = Vec::new();
        for WeightedFile { path, weight } in files {
            let (questions, source) = open(path, &sources, &mut report)?;
            sources.push(DataSource { weight: *weight, ..source });
            for question in questions {
                // Of 2^53 steps, each a number that f64 holds exactly.
                let place = (question.group >> 11) as f64 / (1_u64 << 53) as f64;
                if dev.is_empty() && place < config.dev_share {
                    scored.push(question);
                } else {
                    train.push((*weight, question));
                }
            }
        }
        for path in dev {
            let (questions, source) = open(path, &sources, &mut report)?;
            sources.push(source);
            scored.extend(questions);
        }
        leave_out_shared(&mut train, &scored, &mut report);
        leave_out_repeated(&mut train, &mut report);
        sample(&mut train, config.sample, config.seed, |(_, question)| question);
        sample(&mut scored, config.dev_sample, config.seed, |question| question);
        let cure = "give more data, or look at what was skipped";
        enough(("questions with a usable answer to train on", train.len(), LEAST_TRAIN), cure, &report)?;
        let cure = "name a file to score on with `--dev FILE`, or hold out more with `--dev-share`";
        enough(("questions to score on", scored.len(), LEAST_DEV), cure, &report)?;
        let weights: BTreeMap<String, f64> =
            train.iter().map(|(weight, question)| (question.file.to_string(), *weight)).collect();
        let mut taught: Vec<SpanQuestion> = train.into_iter().map(|(_, question)| question).collect();
        taught.extend(wrong_passages(&taught, config.unanswerable, config.seed));
        for source in &mut sources {
            let of_file = |question: &&SpanQuestion| *question.file == *source.file;
            source.trained = taught.iter().filter(of_file).count();
            source.scored = scored.iter().filter(of_file).count();
        }
        let times = |question: &SpanQuestion| {
            let weight = weights.get(&*question.file).copied().unwrap_or(1.0);
            let rest = draw(config.seed, &["weight", &question.file, &question.id]) < weight.fract();
            weight.trunc() as usize + usize::from(rest)
        };
        let train = taught.into_iter().flat_map(|question| {
            let times = times(&question);
            std::iter::repeat_n(question, times)
        });
        let train = train.collect();
        make_ids_unique(&mut scored);
        Ok(Self { train, dev: scored, sources, report })
    }
}

/// A number from 0 up to 1, always the same for the same seed and parts.
pub(crate) fn draw(seed: u64, parts: &[&str]) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let first = hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default();
    (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

fn open(
    path: &Path,
    known: &[DataSource],
    report: &mut DataReport,
) -> Result<(Vec<SpanQuestion>, DataSource), DataError> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| DataError::Read { file: shown.clone(), source })?;
    let name = path.file_name().map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
    // Two files of one name in two folders stay apart in the report.
    let file =
        if known.iter().any(|source| source.file == name) { format!("{name} ({})", known.len() + 1) } else { name };
    let digest = blake3::hash(&bytes).to_hex().to_string();
    if let Some(same) = known.iter().find(|source| source.blake3 == digest) {
        return Err(DataError::SameFile { first: same.file.clone(), second: shown });
    }
    let other = |found| DataError::OtherFormat { file: shown.clone(), found, expected: EXPECTED };
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let value: Value = match (serde_json::from_slice(text), looks_like(text)) {
        (Ok(value), _) => value,
        (Err(_), Some(found)) => return Err(other(found)),
        (Err(error), None) => {
            return Err(DataError::NotJson { file: shown, line: error.line(), column: error.column() });
        }
    };
    let questions = match (value.get("data").is_some(), value.get("questions").is_some()) {
        (true, false) => squad::read(&file, value, report)?,
        (false, true) => bioasq::read(&file, value, report)?,
        (true, true) => return Err(other("SQuAD and BioASQ in one")),
        (false, false) => return Err(other("JSON of another kind")),
    };
    let source = DataSource {
        file,
        bytes: bytes.len() as u64,
        blake3: digest,
        licence: licence::beside(path),
        ..DataSource::default()
    };
    Ok((questions, source))
}

/// What bytes that are no JSON document look like; `None` if they look like a broken one.
fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    let head = bytes.trim_ascii_start();
    let lines = || head.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let object = |line: &[u8]| serde_json::from_slice::<serde_json::Map<String, Value>>(line).is_ok();
    match head {
        [] => Some("an empty file"),
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("a packed file"),
        [b'<', ..] => Some("XML or HTML"),
        [b'{', ..] if lines().take(2).filter(|line| object(line)).count() == 2 => Some("JSON lines"),
        [b'{' | b'[', ..] => None,
        _ => Some("plain text or a table"),
    }
}

/// A paragraph that is scored on is not trained on, whichever file it comes from.
fn leave_out_shared(train: &mut Vec<(f64, SpanQuestion)>, scored: &[SpanQuestion], report: &mut DataReport) {
    let texts: BTreeSet<&str> = scored.iter().map(|question| question.text.trim()).collect();
    train.retain(|(_, question)| {
        let shared = texts.contains(question.text.trim());
        if shared {
            report.add(&question.file, question.record, Some(&question.id), (Fault::AlsoInDev, Fate::Skipped));
        }
        !shared
    });
}

/// Of questions that ask the same of the same text, the first is trained on, and those that agree with it in part.
fn leave_out_repeated(train: &mut Vec<(f64, SpanQuestion)>, report: &mut DataReport) {
    let mut asked: BTreeMap<(String, String), Vec<Option<String>>> = BTreeMap::new();
    train.retain(|(_, question)| {
        let key = (question.text.trim().to_owned(), normalise_answer(&question.question));
        let answer = question.answer.clone().map(|range| normalise_answer(&question.text[range]));
        let before = asked.entry(key).or_default();
        let shares_word = |other: &Option<String>| match (other, &answer) {
            (Some(other), Some(answer)) => other.split(' ').any(|word| answer.split(' ').any(|own| own == word)),
            _ => false,
        };
        let fault = if before.contains(&answer) {
            Fault::Repeated
        } else if before.is_empty() || before.iter().any(shares_word) {
            before.push(answer);
            return true;
        } else {
            Fault::Contradiction
        };
        report.add(&question.file, question.record, Some(&question.id), (fault, Fate::Skipped));
        false
    });
}

/// Keeps `most` of `items`, drawn by the seed, in their order.
fn sample<T>(items: &mut Vec<T>, most: Option<usize>, seed: u64, question: impl Fn(&T) -> &SpanQuestion) {
    let Some(most) = most.filter(|most| *most < items.len()) else { return };
    let lot = |item: &T| {
        let question = question(item);
        draw(seed, &["sample", &question.file, &question.id])
    };
    let mut lots: Vec<f64> = items.iter().map(lot).collect();
    lots.sort_by(f64::total_cmp);
    let limit = lots[most];
    items.retain(|item| lot(item) < limit);
}

/// Scores are kept by id, and two files may use the same.
fn make_ids_unique(questions: &mut [SpanQuestion]) {
    let mut seen = BTreeSet::new();
    for question in questions {
        if !seen.insert(question.id.clone()) {
            question.id = format!("{}:{}", question.file, question.id);
            seen.insert(question.id.clone());
        }
    }
}

fn enough(counted: (&'static str, usize, usize), cure: &'static str, report: &DataReport) -> Result<(), DataError> {
    if counted.1 >= counted.2 { Ok(()) } else { Err(DataError::too_little(counted, cure, report)) }
}

#[cfg(test)]
mod tests;
