//! `clinqa corpus verify`: is every file still the one that was delivered?

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::folder_of;
use crate::output;
use crate::settings::Settings;

/// Exit code if a file is not what it was.
const DAMAGED: u8 = 3;

pub(super) fn run(settings: &Settings, names: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let folders: Vec<PathBuf> = if names.is_empty() {
        settings.corpora.clone()
    } else {
        names.iter().map(|name| folder_of(settings, name)).collect::<Result<_, _>>()?
    };
    let mut sound = true;
    let (mut rows, mut lines): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for folder in &folders {
        match clinqa_corpus::open(folder) {
            Ok(corpus) => {
                let (files, vouched) = (corpus.files().len(), corpus.manifest.digests.len());
                lines.push(format!("{}: ok, {vouched} of {files} files have a digest and match it", corpus.name));
                rows.push(json!({ "name": corpus.name, "sound": true, "files": files, "vouched": vouched }));
            }
            Err(error) => {
                sound = false;
                lines.push(format!("{}: DAMAGED: {error}", folder.display()));
                rows.push(json!({ "folder": folder, "sound": false, "error": error.to_string() }));
            }
        }
    }
    if json {
        output::json(&rows)?;
    } else {
        output::line(&lines.join("\n"))?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}
