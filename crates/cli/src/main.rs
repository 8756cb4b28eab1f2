//! The command line: arguments become checked settings, and one file a verb does the rest.

mod args;
mod batch;
mod commands;
mod identifiers;
mod keys;
mod models;
mod output;
mod progress;
mod query_log;
mod scores;
mod screen;
mod settings;
mod shares;
mod starter;
mod texts;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match args::Args::try_parse() {
        Ok(args) => commands::run(args).unwrap_or_else(|error| output::fail(&error)),
        Err(error) => output::usage(error),
    }
}
