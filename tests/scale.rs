//! Does a large literature go in whole, fast, within bounded memory, and do answers stay when little of it changes?
//!
//! The long forms print what they measured: `cargo test --test house scale -- --ignored --nocapture`.

#[path = "../crates/corpus/examples/synthetic_pubmed/delivery.rs"]
mod delivery;
#[path = "../crates/corpus/tests/literature/synthetic.rs"]
mod synthetic;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clinqa_index::{Generation, PassageIndex, Store};
use clinqa_retrieval::{RetrievalConfig, Retriever};
use clinqa_schema::{Filters, Question};
use serde_json::Value;

use self::delivery::{Delivery, deliver};
use self::synthetic::{Dice, Planted};
use crate::support::{Project, Ran, arg, list, skipped};

/// What a whole rebuild may hold at once, in MiB.
const MOST_MIB: u64 = 1_200;

#[test]
fn every_record_of_a_large_delivery_is_accounted_for_at_its_place() {
    take_in_synthetic_pubmed(3_000, 90);
}

#[test]
#[ignore = "a million records: minutes, and 6 GB of disk"]
fn every_record_of_a_million_is_accounted_for_at_its_place() {
    take_in_synthetic_pubmed(1_000_000, 30_000);
}

fn take_in_synthetic_pubmed(records: u64, faults: u64) {
    let project = Project::new();
    let delivery = deliver(records, faults, &project.path("corpora/synthetic")).expect("delivered");
    // The faults are more than a rebuild takes without being told to.
    let (report, took) = rebuild(&project, &["--force"]);
    let account = &report["records"];
    let counted = ["read", "indexed", "skipped", "duplicate", "superseded", "retracted", "marked"];
    let counted = counted.map(|key| account[key].as_u64().expect("a count"));
    let Delivery { planted, read, indexed, retracted, marked } = &delivery;
    assert_eq!(counted, [*read, *indexed, planted.len() as u64, 0, 0, *retracted, *marked]);
    let faults = list(&account["skips"]).iter().filter(|skip| skip["reason"]["kind"] != "deleted");
    let found: Vec<(&str, Option<u64>, Option<u64>)> = faults
        .map(|skip| &skip["locator"])
        .map(|at| (at["file"].as_str().expect("a file"), at["record"].as_u64(), at["offset"].as_u64()))
        .collect();
    let expected: Vec<(&str, Option<u64>, Option<u64>)> = planted
        .iter()
        .map(|(file, Planted { record, offset, .. })| (file.as_str(), Some(*record), Some(*offset)))
        .collect();
    assert!(found == expected, "each fault is reported at its place, in order");
    say(&format!("{read} records, {} passages in {}", report["passages"], took.rate(*read)));
    assert!(took.peak_mib <= MOST_MIB, "{} MiB", took.peak_mib);
}

/// Golden questions, and articles that an update replaces or adds.
const GOLDEN: usize = 300;
const UPDATED: usize = 20;
const ADDED: usize = 20;
const DEPTH: usize = 10;
/// Passages whose scores were nearer than this share may change places when other articles change how rare a word is.
const NEAR: f32 = 0.005;

#[test]
#[ignore = "4,021 trial reports are indexed three times: minutes"]
fn an_update_of_forty_articles_leaves_the_answers_about_the_others() {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/evidence-inference/txt.tar.xz");
    if !archive.exists() {
        return skipped("evidence-inference: ../shared/data/evidence-inference/txt.tar.xz is not there");
    }
    let project = Project::new();
    fs::create_dir_all(project.path("corpora/trials")).expect("a folder");
    fs::copy(&archive, project.path("corpora/trials/txt.tar.xz")).expect("a copy");
    let (whole, took) = rebuild(&project, &[]);
    let passages = whole["passages"].as_u64().expect("a count");
    say(&format!("{} trials, {passages} passages in {}", whole["records"]["read"], took.rate(passages)));
    assert_eq!((&whole["records"]["read"], &whole["records"]["skipped"]), (&4_021.into(), &0.into()));
    assert!(passages > 130_000 && took.peak_mib <= MOST_MIB, "{passages} passages, {} MiB", took.peak_mib);

    let generation = open(&project);
    let mut articles: Vec<String> = Vec::new();
    generation.each_document(&mut |id, _| articles.push(id.to_string()));
    let golden = golden(&articles);
    let before = answers(&generation, &golden);
    let own =
        golden.iter().zip(&before).filter(|(it, found)| found.iter().any(|hit| hit.document == it.article)).count();
    say(&format!("{own} of {GOLDEN} golden questions find their article among the first {DEPTH} passages"));
    drop(generation);

    // The same forty once more: nothing is changed by what says nothing new.
    let mut dice = Dice(40);
    let chosen: Vec<&String> = pick(&mut dice, &articles, UPDATED + ADDED);
    let texts = members(&archive, &chosen);
    let update = project.path("corpora/update");
    for (name, text) in &texts {
        write(&update.join(format!("{name}.txt")), text);
    }
    let both = ["--corpus", arg(&update), "--corpus", arg(&project.path("corpora/trials"))].map(str::to_owned);
    let both: Vec<&str> = both.iter().map(String::as_str).collect();
    let (again, _) = rebuild(&project, &both);
    assert_eq!(again["content_hash"], whole["content_hash"]);
    assert_eq!(again["records"]["duplicate"], UPDATED + ADDED);
    assert!(answers(&open(&project), &golden) == before, "the same content, the same answers to the last bit");

    // Twenty revised, twenty new.
    fs::remove_dir_all(&update).expect("removed");
    let mut touched = BTreeSet::new();
    for (place, (name, text)) in texts.iter().enumerate() {
        let new = if place < UPDATED { name.clone() } else { format!("PMC9{name}", name = &name[3..]) };
        write(&update.join(format!("{new}.txt")), &revised(text, place));
        touched.insert(new);
    }
    let (changed, took) = rebuild(&project, &both);
    let differ = &changed["changes"];
    assert_eq!((&differ["changed"]["count"], &differ["added"]["count"]), (&UPDATED.into(), &ADDED.into()));
    assert_eq!(differ["unchanged"], articles.len() - UPDATED);
    let after = answers(&open(&project), &golden);
    let mut asked = 0;
    for (question, (before, after)) in golden.iter().zip(before.iter().zip(&after)) {
        if !touched.contains(&question.article) {
            stays(&question.text, before, after, &touched);
            asked += 1;
        }
    }
    say(&format!("{asked} questions about other articles are as before; the update took {}", took.rate(passages)));
    assert!(asked > GOLDEN * 9 / 10);
}

/// A question, and the article that it was written for.
struct Golden {
    text: String,
    article: String,
}

/// One passage that was found.
#[derive(Debug, PartialEq)]
struct Found {
    document: String,
    passage: String,
    text: String,
    score: f32,
}

/// What was found before stands after in the same order, the passages of `touched` articles left aside. Only what was as
/// good as level may have changed places, or have come in or gone out at the end.
fn stays(question: &str, before: &[Found], after: &[Found], touched: &BTreeSet<String>) {
    let others = |found: &[Found]| -> Vec<usize> {
        (0..found.len()).filter(|place| !touched.contains(&found[*place].document)).collect()
    };
    let last = before.last().map_or(0.0, |hit| hit.score);
    let level = |one: f32, other: f32| (one - other).abs() <= NEAR * one.abs();
    for (place, hit) in others(before).into_iter().map(|place| (place, &before[place])) {
        let Some(now) = after.iter().find(|it| it.passage == hit.passage) else {
            let pushed_out = after.iter().filter(|it| touched.contains(&it.document)).count();
            assert!(place + pushed_out >= before.len() || level(hit.score, last), "`{question}` lost {hit:?}");
            continue;
        };
        assert_eq!(now.text, hit.text, "{}", hit.passage);
        for worse in others(before).into_iter().filter(|it| *it > place).map(|it| &before[it]) {
            let Some(then) = after.iter().find(|it| it.passage == worse.passage) else { continue };
            let in_order = now.score >= then.score || level(hit.score, worse.score);
            assert!(in_order, "`{question}`: {worse:?} overtook {hit:?}");
        }
    }
}

/// Questions made from the prompts of the trials: their outcome, intervention and comparator; a seeded choice of those
/// whose article is there.
fn golden(articles: &[String]) -> Vec<Golden> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/evidence-inference/prompts.csv");
    let mut reader = csv::Reader::from_path(path).expect("prompts.csv");
    let known: BTreeSet<&String> = articles.iter().collect();
    let mut all: Vec<Golden> = reader
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| Golden {
            text: format!("{}: {} versus {}", &row[2], &row[3], &row[4]),
            article: format!("PMC{}", &row[1]),
        })
        .filter(|golden| known.contains(&golden.article) && Question::new(&golden.text).is_ok())
        .collect();
    let mut dice = Dice(300);
    (0..GOLDEN).map(|_| all.swap_remove(dice.below(all.len() as u64) as usize)).collect()
}

fn pick<'a>(dice: &mut Dice, from: &'a [String], count: usize) -> Vec<&'a String> {
    let mut left: Vec<&String> = from.iter().collect();
    (0..count).map(|_| left.swap_remove(dice.below(left.len() as u64) as usize)).collect()
}

fn answers(index: &Generation, golden: &[Golden]) -> Vec<Vec<Found>> {
    let retriever = Retriever { index, encoder: None, config: RetrievalConfig::default() };
    let answer = |golden: &Golden| {
        let question = Question::new(&golden.text).expect("a question");
        let found = retriever.retrieve(&question, &[], &Filters::default(), DEPTH).expect("found");
        let found_of = |passage: &clinqa_schema::Passage| Found {
            document: passage.id().document.to_string(),
            passage: passage.id().to_string(),
            text: passage.text().to_owned(),
            score: found.ranking.score_of(passage.id()).unwrap_or(0.0),
        };
        found.passages.iter().map(found_of).collect()
    };
    golden.iter().map(answer).collect()
}

/// The texts of these articles in the archive, in the order of their names.
fn members(archive: &Path, names: &[&String]) -> Vec<(String, String)> {
    let unpacked = lzma_rust2::XzReader::new(File::open(archive).expect("the archive"), false);
    let mut found = Vec::new();
    for entry in tar::Archive::new(unpacked).entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").file_stem().map(|name| name.to_string_lossy().into_owned());
        if let Some(name) = name.filter(|name| names.contains(&name)) {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            found.push((name, text));
        }
    }
    found.sort();
    assert_eq!(found.len(), names.len());
    found
}

/// A later version of a report: a number more in its title, and a paragraph more at its end.
fn revised(text: &str, number: usize) -> String {
    let (title, body) = text.split_once('\n').expect("a title");
    format!(
        "{title} (revision {number})\n{body}\n\nThis version corrects figure {number} of the first one; no result is changed by that.\n"
    )
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, text).expect("written");
}

fn open(project: &Project) -> Generation {
    Store::at(project.path("index")).open_current().expect("an index")
}

/// What a run took.
struct Took {
    wall: Duration,
    /// Processor time, in seconds: what a machine that others use too has no part in.
    busy: f64,
    peak_mib: u64,
}

impl Took {
    /// How many of `things` a second, and how many two cores would do that are busy throughout.
    fn rate(&self, things: u64) -> String {
        let (wall, busy) = (self.wall.as_secs_f64(), self.busy.max(0.01));
        let (here, at_best) = (things as f64 / wall, 2.0 * things as f64 / busy);
        format!(
            "{wall:.1} s, {busy:.1} s of processor time: {here:.0} a second, {at_best:.0} by two busy cores; peak {} MiB",
            self.peak_mib
        )
    }
}

/// Rebuilds without vectors; the report, and what it took.
fn rebuild(project: &Project, args: &[&str]) -> (Value, Took) {
    let out = File::create(project.path("report.json")).expect("a file");
    let err = File::create(project.path("report.err")).expect("a file");
    let started = Instant::now();
    let mut command = project.command(&[&["rebuild", "--lexical-only", "--json"], args].concat());
    let mut child = command.stdout(Stdio::from(out)).stderr(Stdio::from(err)).spawn().expect("the binary starts");
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let (mut peak_mib, mut busy) = (0, 0.0);
    let ended = loop {
        peak_mib = peak_mib.max(peak(&process).unwrap_or(0) >> 10);
        busy = processor_seconds(&process).unwrap_or(busy);
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = Took { wall: started.elapsed(), busy, peak_mib };
    let read = |name: &str| fs::read_to_string(project.path(name)).expect("text");
    let ran = Ran { code: ended.code().expect("no signal"), stdout: read("report.json"), stderr: read("report.err") };
    (ran.expect(0).json(), took)
}

/// The most memory that a process held so far, in KiB, where the system tells.
fn peak(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// What a process and its threads computed so far, in seconds, where the system tells; it counts in hundredths.
fn processor_seconds(process: &Path) -> Option<f64> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // Behind the name, which may hold anything, the third field is the first.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    let busy = ticks()? + ticks()?;
    // A process that has ended and was not asked yet has none.
    (busy > 0.0).then_some(busy / 100.0)
}

/// Past the harness, which shows only what a failing test prints.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}
