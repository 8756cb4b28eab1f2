//! What does a test need to use the binary as a stranger would: a project of its own, and nothing of ours around it?

pub(crate) mod captured;
pub(crate) mod clinical_bert;
pub(crate) mod disk;
pub(crate) mod heads;
pub(crate) mod http;
pub(crate) mod openapi;
pub(crate) mod readability;
pub(crate) mod strace;
pub(crate) mod terminal;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use clinqa_encoder::{Embedded, Source};
use clinqa_weights::Bundle;
use serde_json::Value;
use tempfile::TempDir;

/// The five documents that most tests ask about.
const FIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/five");

/// A model that is in the binary, as whoever opens checkpoints wants it.
pub(crate) fn embedded(bundle: &Bundle) -> Source {
    Source::Embedded(Embedded { name: bundle.name, fingerprint: bundle.fingerprint, files: bundle.files })
}

/// A folder with `corpora/` and `index/`, which is also the home of whoever runs the binary in it.
pub(crate) struct Project {
    folder: TempDir,
}

/// What a run of the binary left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::at(TempDir::new().expect("a temporary folder"))
    }

    /// The five documents as the corpus `own`, and no index yet.
    pub(crate) fn with_five_documents() -> Self {
        let project = Self::new();
        copy(Path::new(FIVE), &project.path("corpora/own"));
        project
    }

    /// A copy of the five documents with their index, to be spoiled.
    pub(crate) fn indexed() -> Self {
        let project = Self::new();
        copy(five().folder.path(), project.folder.path());
        project
    }

    fn at(folder: TempDir) -> Self {
        for name in ["corpora", "index"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder }
    }

    /// A path in the project.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Writes a file, making its folders.
    pub(crate) fn write(&self, below: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, contents).expect("a file");
        path
    }

    /// The binary with an empty environment, no terminal and no input.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clinqa"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    /// Runs the binary with something on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::thread::scope(|scope| {
            // A binary that refuses early closes the pipe: what it says is judged, not whether it read on.
            scope.spawn(move || stdin.write_all(input).ok());
            Ran::from(child.wait_with_output().expect("it ends"))
        })
    }

    /// Asks and reads the JSON of the reply, which must keep its own rules.
    #[track_caller]
    pub(crate) fn ask(&self, args: &[&str]) -> Value {
        let reply = self.run(&[&["ask", "--json"], args].concat()).expect(0).json();
        check_reply(&reply);
        reply
    }

    /// The folder of the current generation.
    #[track_caller]
    pub(crate) fn generation(&self) -> PathBuf {
        let current = fs::read_to_string(self.path("index/CURRENT")).expect("CURRENT");
        let name = current.split(' ').next().expect("a name").to_owned();
        self.path("index/generations").join(name)
    }

    /// Every file of the index with its bytes, to see that nothing changed.
    pub(crate) fn index_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files_below(&self.path("index"))
    }
}

/// The five documents with their index, made once: tests ask it and leave it as it is.
pub(crate) fn five() -> &'static Project {
    static FIVE_INDEXED: OnceLock<Project> = OnceLock::new();
    FIVE_INDEXED.get_or_init(|| {
        // A static is never dropped, so what it leaves behind lies where `cargo clean` finds it.
        let project = Project::at(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder"));
        copy(Path::new(FIVE), &project.path("corpora/own"));
        project.run(&["rebuild"]).expect(0);
        project
    })
}

impl Ran {
    /// Insists on an exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let Self { code: found, stdout, stderr } = &self;
        assert_eq!(*found, code, "exit code\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The one line on standard error that says what went wrong; standard output must be empty.
    #[track_caller]
    pub(crate) fn one_error(&self) -> &str {
        assert_eq!(self.stdout, "", "an error leaves no result");
        let line = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr);
        assert!(line.starts_with("error: ") && !line.contains('\n'), "one line of error, found:\n{line}");
        let last = line.rsplit(": ").next().unwrap_or(line);
        assert_eq!(line.matches(last).count(), 1, "nothing is said twice, found:\n{line}");
        line
    }

    /// Insists on an exit code and on one line of error that holds every one of `parts`.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, parts: &[&str]) {
        let Self { code: found, stdout, stderr } = self;
        assert_eq!(*found, code, "exit code\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        let line = self.one_error();
        for part in parts {
            assert!(line.contains(part), "`{part}` is missing in: {line}");
        }
    }
}

impl From<std::process::Output> for Ran {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("no signal ended it");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    Ran::from(command.output().expect("the binary starts"))
}

/// What every reply promises, whatever was asked.
#[track_caller]
pub(crate) fn check_reply(reply: &Value) {
    let outcome = reply["outcome"].as_str().expect("an outcome");
    assert!(["answered", "abstained", "redirected"].contains(&outcome), "{reply}");
    let answered = outcome == "answered";
    assert_eq!(reply.get("answer").is_some(), answered, "an answer if and only if answered: {reply}");
    assert_eq!(reply.get("reason").is_none(), answered, "a reason if and only if not: {reply}");
    assert_eq!(reply["reason"] == "emergency", outcome == "redirected", "{reply}");
    assert!(reply["generation"].as_str().is_some_and(|id| id.starts_with('g')), "{reply}");
    // An emergency waits for no model, so that its reply may name none.
    assert!(reply["reader"].as_str().is_some_and(|name| !name.is_empty() || outcome == "redirected"), "{reply}");
    assert!(reply["encoder"].is_string() && reply["notices"].is_array(), "{reply}");
    assert!(reply["took_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{reply}");
    for reading in list(&reply["reading"]) {
        check_citation(reading);
        assert!(reading["score"].is_number(), "{reading}");
    }
    if answered {
        check_answer(&reply["answer"]);
    }
}

#[track_caller]
fn check_answer(answer: &Value) {
    let confidence = answer["confidence"].as_f64().expect("a confidence");
    let label = match confidence {
        c if c >= 0.75 => "high",
        c if c >= 0.5 => "moderate",
        _ => "low",
    };
    assert!((0.0..=1.0).contains(&confidence), "{answer}");
    assert_eq!(answer["confidence_label"], label, "{answer}");
    assert!(!list(&answer["citations"]).is_empty(), "{answer}");
    for citation in list(&answer["citations"]) {
        check_citation(citation);
    }
    let first = &answer["citations"][0];
    assert_eq!(answer["text"], span_in_quote(first), "the answer is the first citation's span, verbatim");
}

/// A citation's own numbers agree: the quote is as long as its bounds, and the span lies in it.
#[track_caller]
pub(crate) fn check_citation(citation: &Value) {
    let [start, end, answer_start, answer_end] = bounds(citation);
    let quote = citation["quote"].as_str().expect("a quote");
    assert_eq!(quote.chars().count(), end - start, "{citation}");
    assert!(start <= answer_start && answer_start < answer_end && answer_end <= end, "{citation}");
    let document = citation["document_id"].as_str().expect("a document");
    let passage = citation["passage_id"].as_str().expect("a passage");
    assert_eq!(passage.split('#').next(), Some(document), "{citation}");
}

/// `start`, `end`, `answer_start` and `answer_end` of a citation.
#[track_caller]
pub(crate) fn bounds(citation: &Value) -> [usize; 4] {
    ["start", "end", "answer_start", "answer_end"].map(|key| citation[key].as_u64().expect("an offset") as usize)
}

/// The characters of a citation's quote that its answer bounds name.
pub(crate) fn span_in_quote(citation: &Value) -> String {
    let [start, _, answer_start, answer_end] = bounds(citation);
    let quote = citation["quote"].as_str().expect("a quote");
    quote.chars().skip(answer_start - start).take(answer_end - answer_start).collect()
}

/// The elements of a JSON list.
#[track_caller]
pub(crate) fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list, found {value}"))
}

/// A file of `tests/data`.
pub(crate) fn data(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(below)
}

/// The five documents' names and Markdown.
pub(crate) fn five_markdown(id: &str) -> String {
    fs::read_to_string(Path::new(FIVE).join(format!("{id}.md"))).expect("one of the five")
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Copies a folder with all that is below it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Every file below `folder` with its bytes, by path.
pub(crate) fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(here) = pending.pop() {
        for entry in fs::read_dir(here).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let bytes = fs::read(&path).expect("a file");
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}

/// Replaces a file of a generation, which nobody may write to, by other bytes.
pub(crate) fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("it is there");
    fs::write(path, bytes).expect("a file");
}

/// Says that a test could not do its work here; past the harness, which shows only what a failing test prints.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
