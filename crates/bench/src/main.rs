//! The worker of side-by-side runs, and a load for a server.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clinqa_bench::{BenchError, Load, build_crowd, embedded, load, questions, work};
use clinqa_encoder::Encoder;
use clinqa_weights::ENCODER;

const USAGE: &str = "usage: clinqa-bench worker [--threads N]
       clinqa-bench load ADDRESS:PORT QUESTIONS.jsonl RATE SECONDS
       clinqa-bench crowd CORPUS.jsonl FOLDER COUNT

The worker answers JSON Lines; see crates/bench/src/worker.rs. The load asks a running `clinqa serve` at a constant rate
and prints what became of the questions as one JSON object. The crowd is an index of COUNT passages in FOLDER, with the
vectors of nobody, to measure a screen on.";

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
        _ => None,
    }
}

fn crowd(corpus: &Path, folder: &Path, count: usize) -> Result<(), BenchError> {
    let encoder = Encoder::open(&embedded(&ENCODER))?;
    build_crowd(corpus, folder, count, &encoder)
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
