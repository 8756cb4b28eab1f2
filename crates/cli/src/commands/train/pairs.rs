//! `clinqa train pairs`: what `clinqa train encoder` learns from, made of a collection of questions and answers.
//!
//! Two BEIR folders come out, `train` and `dev`, so that `clinqa eval retrieval` measures on the one and writes the runs
//! that negatives are mined from on the other. Questions that are asked in the same words are one query with several
//! answers; what is held out is held out by topic, so that nothing about a topic of `dev` stands in `train`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clinqa_corpus::Corpus;
use clinqa_qa::Error;
use clinqa_schema::Document;
use clinqa_train::data::pairs::{Pair, PairPassage, is_held_out, read_pairs};
use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use crate::args::{PairsArgs, PairsFrom};
use crate::commands::{UsageError, open_file, write_file};
use crate::output;
use crate::progress::Bars;

/// Fewest words of a sentence of an article that an answer may hold whole, or that stands against the one that answers.
const LEAST_WORDS: usize = 3;

/// Queries, passages and which answers which, on their way into a folder.
#[derive(Default)]
struct Benchmark {
    /// Question as compared → its id and its words.
    queries: BTreeMap<String, (String, String)>,
    /// Title and text → where the passage belongs.
    passages: BTreeMap<(String, String), Place>,
    /// (question as compared, passage id, topic).
    answers: BTreeSet<(String, String, String)>,
}

/// Where a passage belongs.
struct Place {
    id: String,
    document: String,
    /// In lower case: what decides on which side it stands. Without the name of its topic a passage may be one of several.
    topics: BTreeSet<String>,
}

impl Place {
    /// Whether all its topics stand on one side, that one.
    fn stands(&self, held: bool, share: f64, seed: u64) -> bool {
        self.topics.iter().all(|topic| is_held_out(topic, share, seed) == held)
    }
}

pub(crate) fn run(args: &PairsArgs) -> anyhow::Result<ExitCode> {
    let mut benchmark = Benchmark::default();
    match args.from().ok_or(UsageError::NoPairs)? {
        PairsFrom::Medquad(path) => medquad(path, args, &mut benchmark)?,
        PairsFrom::File(path) => {
            let set = read_pairs(path, "train")?;
            super::encoder::tell(&set.report);
            set.pairs.iter().for_each(|pair| benchmark.take_pair(pair));
        }
        PairsFrom::Articles { questions, articles } => return from_articles(questions, articles, args),
    }
    if benchmark.answers.is_empty() {
        return Err(UsageError::NoPairs.into());
    }
    let [train, dev] = benchmark.write(&args.out, args.dev_share, args.seed)?;
    let (queries, passages) = (benchmark.queries.len(), benchmark.passages.len());
    let made = json!({"queries": queries, "passages": passages, "train": train, "dev": dev});
    output::result(&made, output::Form::of(args.json))?;
    Ok(ExitCode::SUCCESS)
}

/// Every answered question of MedQuAD, with the first words of its answer, behind the topic unless that is left out.
fn medquad(path: &Path, args: &PairsArgs, benchmark: &mut Benchmark) -> anyhow::Result<()> {
    let delivered = Delivered::open(path)?;
    let corpus = clinqa_corpus::open(&delivered.folder).map_err(Error::from)?;
    let report = each_document(&corpus, &mut |document| {
        for section in document.sections.iter().filter(|section| !section.heading.is_empty()) {
            let text = first_words(&document.text[section.bytes.clone()], args.words);
            let (id, topic) = (document.id.as_str(), document.title.as_str());
            let title = if args.bare { "" } else { topic };
            benchmark.take((&section.heading, id), &Answer { id, document: topic, title, text: &text }, topic);
        }
    })?;
    output::note(&format!("{} records read, {} answered, {} skipped", report.0, report.1, report.0 - report.1));
    Ok(())
}

fn each_document(corpus: &Corpus, take: &mut dyn FnMut(Document)) -> anyhow::Result<(u64, u64)> {
    let mut bars = Bars::default();
    let report = corpus
        .read(&mut bars, &mut |document| {
            take(document);
            ControlFlow::Continue(())
        })
        .map_err(Error::from)?;
    Ok((report.read, report.indexed))
}

/// A delivery that is one file, in a folder of its own for as long as it is read: a corpus is a folder.
struct Delivered {
    folder: PathBuf,
    /// Is removed with what is in it when it goes out of scope.
    _made: Option<TempDir>,
}

impl Delivered {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Ok(Self { folder: path.to_owned(), _made: None });
        }
        let open = |source| UsageError::Open { path: path.display().to_string(), source };
        let name = path.file_name().ok_or_else(|| open(std::io::ErrorKind::NotFound.into()))?;
        let made = tempfile::tempdir().with_context(|| "cannot make a folder to read the delivery in")?;
        fs::copy(path, made.path().join(name)).map_err(open)?;
        Ok(Self { folder: made.path().to_owned(), _made: Some(made) })
    }
}

struct Answer<'a> {
    id: &'a str,
    document: &'a str,
    title: &'a str,
    text: &'a str,
}

impl Benchmark {
    /// `answer` answers `question`, under `topic`; what was taken before under other ids is one with it.
    fn take(&mut self, (question, id): (&str, &str), answer: &Answer<'_>, topic: &str) {
        if question.trim().is_empty() || answer.text.trim().is_empty() {
            return;
        }
        let asked = flat(question).to_lowercase();
        self.queries.entry(asked.clone()).or_insert_with(|| (id.to_owned(), flat(question)));
        let passage = self.put(answer, topic);
        self.answers.insert((asked, passage, topic.to_lowercase()));
    }

    /// The id under which this passage is known.
    fn put(&mut self, answer: &Answer<'_>, topic: &str) -> String {
        let key = (answer.title.to_owned(), answer.text.to_owned());
        let new = || Place { id: answer.id.to_owned(), document: answer.document.to_owned(), topics: BTreeSet::new() };
        let place = self.passages.entry(key).or_insert_with(new);
        place.topics.insert(topic.to_lowercase());
        place.id.clone()
    }

    fn take_pair(&mut self, pair: &Pair) {
        let topic = if pair.passage.document.is_empty() { &pair.id } else { &pair.passage.document };
        let numbered = |passage: &PairPassage, known: usize| {
            if passage.id.is_empty() { format!("p{}", known + 1) } else { passage.id.clone() }
        };
        for wrong in &pair.negatives {
            let (id, text) = (numbered(wrong, self.passages.len()), flat(&wrong.text));
            self.put(&Answer { id: &id, document: &wrong.document, title: "", text: &text }, topic);
        }
        let (id, text) = (numbered(&pair.passage, self.passages.len()), flat(&pair.passage.text));
        let answer = Answer { id: &id, document: &pair.passage.document, title: "", text: &text };
        self.take((&pair.question, &pair.id), &answer, topic);
    }

    /// Writes both folders; how many answers are learned from and held out.
    fn write(&self, folder: &Path, share: f64, seed: u64) -> anyhow::Result<[usize; 2]> {
        // A question that is asked under a topic of each part belongs to neither, and neither does such a passage.
        let mut parts: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
        for (asked, _, topic) in &self.answers {
            parts.entry(asked).or_default().insert(is_held_out(topic, share, seed));
        }
        let mut counts = [0, 0];
        for (number, name) in ["train", "dev"].into_iter().enumerate() {
            let (folder, held) = (folder.join(name), number == 1);
            let is_mine = |asked: &str| parts[asked].len() == 1 && parts[asked].contains(&held);
            write_file(&folder.join("queries.jsonl"), |out| {
                for (_, (id, text)) in self.queries.iter().filter(|(asked, _)| is_mine(asked)) {
                    writeln!(out, "{}", json!({"_id": id, "text": text}))?;
                }
                Ok(())
            })?;
            write_file(&folder.join("corpus.jsonl"), |out| {
                for ((title, text), place) in self.passages.iter().filter(|(_, place)| place.stands(held, share, seed))
                {
                    let (id, origin) = (&place.id, json!({"document": place.document}));
                    writeln!(out, "{}", json!({"_id": id, "title": title, "text": text, "metadata": origin}))?;
                }
                Ok(())
            })?;
            let places = self.passages.values().filter(|place| place.stands(held, share, seed));
            let here: BTreeSet<&str> = places.map(|place| place.id.as_str()).collect();
            let mine =
                self.answers.iter().filter(|(asked, passage, _)| is_mine(asked) && here.contains(passage.as_str()));
            let answers: BTreeSet<(&str, &str)> =
                mine.map(|(asked, passage, _)| (self.queries[asked].0.as_str(), passage.as_str())).collect();
            counts[number] = answers.len();
            write_file(&folder.join("qrels").join(format!("{name}.tsv")), |out| {
                writeln!(out, "query-id\tcorpus-id\tscore")?;
                for (query, passage) in &answers {
                    writeln!(out, "{query}\t{passage}\t1")?;
                }
                Ok(())
            })?;
        }
        Ok(counts)
    }
}

/// A question that was written for an article, as `crates/train/starter-questions.jsonl` holds it.
#[derive(Deserialize)]
struct Written {
    part: Option<String>,
    document: String,
    question: String,
    #[serde(alias = "answer")]
    answers: Answers,
}

/// Best first; none if the article does not answer the question.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answers {
    One(String),
    Some(Vec<String>),
}

impl Answers {
    fn best(&self) -> Option<&str> {
        match self {
            Self::One(answer) => Some(answer),
            Self::Some(answers) => answers.first().map(String::as_str),
        }
    }
}

/// Pairs of the questions of part `train` (or of none) with the sentence that answers, behind title and heading, against
/// a sentence under another heading of the same article.
fn from_articles(questions: &Path, articles: &Path, args: &PairsArgs) -> anyhow::Result<ExitCode> {
    let corpus = clinqa_corpus::open(articles).map_err(Error::from)?;
    let mut units: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
    each_document(&corpus, &mut |document| {
        units.insert(document.id.to_string(), sentences(&document));
    })?;
    let text = std::io::read_to_string(open_file(questions)?)
        .map_err(|source| UsageError::Open { path: questions.display().to_string(), source })?;
    let (mut lines, mut lost) = (Vec::new(), 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let written: Written = serde_json::from_str(line)
            .map_err(|_| UsageError::Training { path: questions.display().to_string(), line: number + 1 })?;
        if written.part.as_deref().is_some_and(|part| part != "train") {
            continue;
        }
        let Some(answer) = written.answers.best() else { continue };
        let found = units.get(&written.document).and_then(|units| pair(&written, answer, units, number));
        match found {
            Some(pair) => lines.push(pair),
            None => lost += 1,
        }
    }
    write_file(&args.out, |file| {
        for line in &lines {
            writeln!(file, "{line}")?;
        }
        Ok(())
    })?;
    if args.json {
        output::json(&json!({"pairs": lines.len(), "lost": lost}))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("{} pairs; {lost} questions whose answer stands in no article", lines.len()))?;
    Ok(ExitCode::SUCCESS)
}

/// A sentence or an item of a list, and where it stands.
struct Unit {
    heading: String,
    flat: String,
    shown: String,
}

fn sentences(document: &Document) -> Vec<Unit> {
    let mut units = Vec::new();
    for section in &document.sections {
        let text = &document.text[section.bytes.clone()];
        for range in clinqa_corpus::sentences(text) {
            let flat = flat(&text[range]);
            let shown = format!("{}. {}. {flat}", document.title, section.heading);
            units.push(Unit { heading: section.heading.clone(), flat, shown });
        }
    }
    units
}

fn pair(written: &Written, answer: &str, units: &[Unit], number: usize) -> Option<String> {
    let answer = flat(answer);
    if answer.is_empty() {
        // Every sentence holds it.
        return None;
    }
    let long = |unit: &Unit| unit.flat.split(' ').count() >= LEAST_WORDS;
    let right = units.iter().find(|unit| unit.flat.contains(&answer) || (long(unit) && answer.contains(&unit.flat)))?;
    let others: Vec<&Unit> = units.iter().filter(|unit| unit.heading != right.heading && long(unit)).collect();
    // Any other one will do, as long as it is the same one on every machine.
    let wrong = others.get((number * 7_919) % others.len().max(1)).map(|unit| unit.shown.as_str());
    let negatives: Vec<&str> = wrong.into_iter().collect();
    let pair = json!({"question": written.question, "passage": right.shown, "document": written.document,
        "negatives": negatives});
    Some(pair.to_string())
}

fn first_words(text: &str, words: usize) -> String {
    text.split_whitespace().take(words).collect::<Vec<_>>().join(" ")
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_says_nothing_teaches_nothing() {
        let unit = |heading: &str, text: &str| Unit {
            heading: heading.to_owned(),
            flat: text.to_owned(),
            shown: format!("Gout. {heading}. {text}"),
        };
        let units = [unit("Symptoms", "The joint hurts at night."), unit("Treatment", "Rest helps the joint.")];
        let asked = |answer: &str| {
            let (document, question) = ("gout".to_owned(), "What helps?".to_owned());
            let written = Written { part: None, document, question, answers: Answers::One(answer.to_owned()) };
            pair(&written, written.answers.best()?, &units, 0)
        };
        assert_eq!((asked(""), asked(" \n ")), (None, None));
        assert!(asked("Rest").is_some_and(|pair| pair.contains("Rest helps")));
    }

    #[test]
    fn one_answer_or_a_list_can_be_written_but_not_nothing() {
        let read = |answers: &str| {
            let line = format!(r#"{{"document": "gout", "question": "What helps?"{answers}}}"#);
            serde_json::from_str::<Written>(&line).ok().map(|written| written.answers.best().map(str::to_owned))
        };
        let rest = Some(Some("Rest".to_owned()));
        assert_eq!((read(r#", "answer": "Rest""#), read(r#", "answers": ["Rest", "Ice"]"#)), (rest.clone(), rest));
        assert_eq!((read(r#", "answers": []"#), read("")), (Some(None), None));
    }
}
