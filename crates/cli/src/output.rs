//! x
use std::process::ExitCode;
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode { eprintln!("{error:#}"); ExitCode::FAILURE }
