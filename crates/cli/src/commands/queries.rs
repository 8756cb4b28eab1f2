//! `clinqa queries`: count, list and delete what the query log holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::UsageError;
use crate::args::{QueriesArgs, QueriesCommand};
use crate::output::{self, Form};
use crate::query_log::{Day, Folder, Line};
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, args: &QueriesArgs) -> anyhow::Result<ExitCode> {
    let path = folder(args.query_log.clone(), settings).ok_or(UsageError::NoQueryLog)?;
    let folder = Folder::at(&path);
    match &args.command {
        QueriesCommand::Stats => stats(&folder, &path, args.json),
        QueriesCommand::List => list(&folder, &path, args.json),
        QueriesCommand::Delete { before, all: _ } => delete(&folder, &path, before.as_deref(), args.json),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Where the log lies: as typed, else as the settings say.
pub(crate) fn folder(typed: Option<PathBuf>, settings: &Settings) -> Option<PathBuf> {
    typed.or_else(|| settings.serve.query_log.clone())
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> UsageError + '_ {
    |source| UsageError::QueryLog { path: path.display().to_string(), source }
}

fn lines(folder: &Folder, path: &Path) -> Result<Vec<Line>, UsageError> {
    let mut lines = Vec::new();
    for day in folder.days().map_err(failed(path))? {
        lines.extend(folder.lines(day).map_err(failed(path))?);
    }
    Ok(lines)
}

fn stats(folder: &Folder, path: &Path, as_json: bool) -> anyhow::Result<()> {
    let days = folder.days().map_err(failed(path))?;
    let mut bytes = 0;
    for day in &days {
        bytes += folder.bytes(*day).map_err(failed(path))?;
    }
    let lines = lines(folder, path)?;
    let (mut outcomes, mut topics, mut redacted) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for line in &lines {
        *outcomes.entry(&line.outcome).or_insert(0_u64) += 1;
        line.topics.iter().take(1).for_each(|topic| *topics.entry(topic).or_insert(0_u64) += 1);
        line.redacted.iter().for_each(|(kind, count)| *redacted.entry(kind).or_insert(0) += count);
    }
    let day = |day: Option<&Day>| day.map(ToString::to_string);
    let counts = json!({
        "questions": lines.len(),
        "days": days.len(),
        "first": day(days.first()),
        "last": day(days.last()),
        "bytes": bytes,
        "outcomes": outcomes,
        "topics": topics,
        "redacted": redacted,
    });
    output::result(&counts, Form::of(as_json))
}

fn list(folder: &Folder, path: &Path, as_json: bool) -> anyhow::Result<()> {
    for line in lines(folder, path)? {
        if as_json {
            output::json(&line)?;
        } else {
            let question = output::plain(&line.question);
            let reason = line.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            output::line(&format!("{}  {}{reason}  {question}", line.time, line.outcome))?;
        }
    }
    Ok(())
}

fn delete(folder: &Folder, path: &Path, before: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let limit = match before {
        Some(typed) => Some(Day::parse(typed).ok_or(UsageError::NoDay)?),
        None => None,
    };
    let goes = |day: Day| limit.is_none_or(|limit| day < limit);
    let deleted = folder.delete(goes).map_err(failed(path))?;
    if as_json {
        return output::json(&json!({ "deleted_files": deleted }));
    }
    Ok(output::line(&format!("{deleted} files deleted"))?)
}
