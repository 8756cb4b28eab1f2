//! The worker of side-by-side runs: `clinqa-bench worker [--threads N]`.

use std::io::{self, Write};
use std::process::ExitCode;

use clinqa_bench::{BenchError, work};

const USAGE: &str = "usage: clinqa-bench worker [--threads N]\n\nAnswers JSON Lines; see crates/bench/src/worker.rs.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(threads) = threads(&arguments) else { return fail(USAGE, ExitCode::from(2)) };
    match run(threads) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), ExitCode::FAILURE),
    }
}

fn run(threads: usize) -> Result<(), BenchError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    work(io::stdin().lock(), io::stdout().lock())
}

/// How many threads compute; 0 is as many as there are cores. `None` if that is not what was typed.
fn threads(arguments: &[String]) -> Option<usize> {
    match arguments {
        [verb] if verb == "worker" => Some(0),
        [verb, flag, number] if verb == "worker" && flag == "--threads" => number.parse().ok(),
        _ => None,
    }
}

fn fail(message: &str, code: ExitCode) -> ExitCode {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(io::stderr(), "{message}");
    code
}
