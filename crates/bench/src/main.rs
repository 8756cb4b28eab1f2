//! The worker of side-by-side runs, a load for a server, an index to measure on, and the curve of an index.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clinqa_bench::{BenchError, Load, build_crowd, curve, embedded, load, precisions, questions, work};
use clinqa_encoder::Encoder;
use clinqa_index::{GraphParams, Store};
use clinqa_weights::ENCODER;

const USAGE: &str = "usage: clinqa-bench worker [--threads N]
       clinqa-bench load ADDRESS:PORT QUESTIONS.jsonl RATE SECONDS
       clinqa-bench crowd CORPUS.jsonl FOLDER COUNT
       clinqa-bench curve INDEX QUESTIONS.jsonl
       clinqa-bench precisions FOLDER

The worker answers JSON Lines; see crates/bench/src/worker.rs. The load asks a running `clinqa serve` at a constant rate
and prints what became of the questions as one JSON object. The crowd is an index of COUNT passages in FOLDER, with the
vectors of nobody, to measure a screen on. The curve says what is found in an index of more than 50,000 passages, and how
fast, by how widely it is searched, on one thread. The precisions compare the shipped encoder with itself in f32, which
compare/export.py leaves in FOLDER.";

/// Questions that may be under way.
const ASKERS: usize = 256;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(done) = run(&arguments) else { return fail(USAGE, ExitCode::from(2)) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), ExitCode::FAILURE),
    }
}

/// `None` if that is not what can be typed.
fn run(arguments: &[String]) -> Option<Result<(), BenchError>> {
    match arguments {
        // 0 threads are as many as there are cores.
        [verb] if verb == "worker" => Some(worker(0)),
        [verb, flag, number] if verb == "worker" && flag == "--threads" => Some(worker(number.parse().ok()?)),
        [verb, address, file, rate, seconds] if verb == "load" => {
            let (address, rate, seconds) = (address.parse().ok()?, rate.parse().ok()?, seconds.parse().ok()?);
            let duration = Duration::from_secs(seconds);
            Some(loaded(&Load { address, rate, duration, askers: ASKERS }, Path::new(file)))
        }
        [verb, corpus, folder, count] if verb == "crowd" => {
            Some(crowd(Path::new(corpus), Path::new(folder), count.parse().ok()?))
        }
        [verb, index, file] if verb == "curve" => Some(curved(Path::new(index), Path::new(file))),
        [verb, folder] if verb == "precisions" => Some(precise(Path::new(folder))),
        _ => None,
    }
}

fn precise(folder: &Path) -> Result<(), BenchError> {
    write!(io::stdout(), "{}", precisions(folder)?)?;
    Ok(())
}

fn curved(index: &Path, file: &Path) -> Result<(), BenchError> {
    let lines = std::fs::read_to_string(file).map_err(BenchError::file(file))?;
    let encoder = Encoder::open(&embedded(&ENCODER))?;
    let table = curve(&Store::at(index).open_current()?, &encoder, &questions(&lines)?)?;
    write!(io::stdout(), "{table}")?;
    Ok(())
}

fn crowd(corpus: &Path, folder: &Path, count: usize) -> Result<(), BenchError> {
    let encoder = Encoder::open(&embedded(&ENCODER))?;
    build_crowd(corpus, (folder, GraphParams::default()), count, &encoder)
}

fn worker(threads: usize) -> Result<(), BenchError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    work(io::stdin().lock(), io::stdout().lock())
}

fn loaded(wanted: &Load, file: &Path) -> Result<(), BenchError> {
    let lines = std::fs::read_to_string(file).map_err(BenchError::file(file))?;
    let report = load(wanted, &questions(&lines)?);
    writeln!(io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

fn fail(message: &str, code: ExitCode) -> ExitCode {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(io::stderr(), "{message}");
    code
}
