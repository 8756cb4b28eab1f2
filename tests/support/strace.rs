//! How does a test see, or spoil, what the binary asks of the system?

use std::path::Path;
use std::process::Command;

use super::Project;

/// The binary under `strace` with these options, whose own report goes to `report`; `None` where nothing can be traced.
pub(crate) fn traced(project: &Project, options: &[&str], report: &Path, args: &[&str]) -> Option<Command> {
    let can = Command::new("strace").args(["-o", "/dev/null", "true"]).output().is_ok_and(|run| run.status.success());
    let plain = project.command(args);
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "0", "-o"]).arg(report).args(options).arg("--").arg(plain.get_program());
    command.args(plain.get_args()).env_clear().stdin(std::process::Stdio::null());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = plain.get_current_dir() {
        command.current_dir(folder);
    }
    can.then_some(command)
}

/// One call that has come back, in the order in which they did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// `fsync`, `rename`…
    pub(crate) name: String,
    /// Everything between its brackets, with the path behind each number of a file.
    pub(crate) args: String,
}

/// The calls of a report; one that another thread interrupted counts when it came back.
pub(crate) fn calls(report: &str) -> Vec<Call> {
    let mut begun: Vec<(String, Call)> = Vec::new();
    let mut calls = Vec::new();
    for line in report.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(place) = begun.iter().position(|(by, _)| by == process) {
                calls.push(begun.remove(place).1);
            }
            continue;
        }
        let Some((name, args)) = rest.split_once('(') else { continue };
        let call = |args: &str| Call { name: name.to_owned(), args: args.to_owned() };
        match args.strip_suffix(" <unfinished ...>") {
            Some(args) => begun.push((process.to_owned(), call(args))),
            None => calls.push(call(args.rsplit_once(')').map_or(args, |(args, _)| args))),
        }
    }
    calls
}
