//! `clinqa corpus list`: what literature is at hand, and under which terms.

use std::path::Path;
use std::process::ExitCode;

use clinqa_schema::Moment;
use serde_json::{Value, json};

use super::{bytes_of, files_of, sized};
use crate::output;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let mut rows: Vec<Value> = Vec::new();
    let mut lines = Vec::new();
    for folder in &settings.corpora {
        match clinqa_corpus::open(folder) {
            Ok(corpus) => {
                let (files, bytes) = (files_of(&corpus), bytes_of(&corpus));
                let (licence, origin) = (&corpus.licence, &corpus.manifest.origin);
                let fetched = last_fetch(folder);
                let linked = clinqa_corpus::linked(folder).map(|place| format!(", linked to {}", place.display()));
                let last = fetched.map(|(when, count)| format!("; last fetch {when}: {count} files"));
                lines.push(format!(
                    "{}: {files} files, {}, {licence}, from {origin}{}{}",
                    corpus.name,
                    sized(bytes),
                    linked.unwrap_or_default(),
                    last.unwrap_or_default()
                ));
                rows.push(json!({
                    "name": corpus.name, "folder": folder, "files": files, "bytes": bytes, "licence": licence,
                    "origin": origin, "format": corpus.manifest.format, "path": corpus.manifest.path,
                    "last_fetch": fetched.map(|(when, count)| json!({ "at": when.to_string(), "files": count })),
                }));
            }
            Err(error) => {
                lines.push(format!("{}: UNUSABLE: {error}", folder.display()));
                rows.push(json!({ "folder": folder, "error": error.to_string() }));
            }
        }
    }
    if lines.is_empty() {
        lines.push(
            "No corpus of your own: the starter corpus in the binary is used. `clinqa corpus add PATH` adds one."
                .into(),
        );
    }
    if json {
        output::json(&rows)?;
    } else {
        output::line(&lines.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// When files last came into a corpus from outside, and how many came then.
pub(super) fn last_fetch(folder: &Path) -> Option<(Moment, usize)> {
    let fetched = clinqa_fetch::fetched(folder);
    let last = fetched.values().map(|taken| taken.fetched).max()?;
    Some((Moment(last), fetched.values().filter(|taken| taken.fetched == last).count()))
}
