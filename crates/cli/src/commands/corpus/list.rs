//! `clinqa corpus list`: what literature is at hand, and under which terms.

use std::process::ExitCode;

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
                lines.push(format!("{}: {files} files, {}, {licence}, from {origin}", corpus.name, sized(bytes)));
                rows.push(json!({
                    "name": corpus.name, "folder": folder, "files": files, "bytes": bytes, "licence": licence,
                    "origin": origin, "format": corpus.manifest.format,
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
