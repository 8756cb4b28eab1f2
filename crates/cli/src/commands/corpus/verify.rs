//! `clinqa corpus verify`: is every file still the one that was delivered?

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clinqa_corpus::Corpus;
use serde_json::{Value, json};

use super::{CorpusUsage, folder_of};
use crate::output;
use crate::settings::Settings;

/// Exit code if a file is not what it was.
const DAMAGED: u8 = 3;
/// Files that a message names.
const SHOWN: usize = 5;

pub(super) fn run(settings: &Settings, names: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let folders: Vec<PathBuf> = if names.is_empty() {
        settings.corpora.clone()
    } else {
        names.iter().map(|name| folder_of(settings, name)).collect::<Result<_, _>>()?
    };
    let mut sound = true;
    let (mut rows, mut lines): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    for folder in &folders {
        match check(folder) {
            Ok((corpus, vouched)) => {
                let files = corpus.files().len();
                lines.push(if vouched == 0 {
                    format!("{}: readable; none of its {files} files has a digest to be compared with", corpus.name)
                } else {
                    format!("{}: ok, {vouched} of {files} files have a digest and match it", corpus.name)
                });
                rows.push(json!({ "name": corpus.name, "sound": true, "files": files, "vouched": vouched }));
            }
            Err(error) => {
                sound = false;
                lines.push(format!("{}: DAMAGED: {error:#}", folder.display()));
                rows.push(json!({ "folder": folder, "sound": false, "error": format!("{error:#}") }));
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

/// The corpus, and how many of its files were compared with what was written down when they came: in its manifest, or in
/// the record of what was fetched.
pub(super) fn check(folder: &Path) -> anyhow::Result<(Corpus, usize)> {
    let corpus = clinqa_corpus::open(folder)?;
    let fetched = clinqa_fetch::fetched(folder);
    let changed = clinqa_fetch::changed(folder)?;
    if !changed.is_empty() {
        let count = changed.len();
        let files = changed.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        return Err(CorpusUsage::Changed { name: corpus.name, count, files }.into());
    }
    let vouched = fetched.keys().chain(corpus.manifest.digests.keys()).collect::<BTreeSet<_>>().len();
    Ok((corpus, vouched))
}
