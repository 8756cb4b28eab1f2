//! `clinqa corpus diff`: what would a new delivery change?

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clinqa_corpus::{Corpus, Report};
use clinqa_qa::Error;
use clinqa_schema::DocumentId;
use serde::Serialize;

use super::add::{Bytes, Filling, MANIFEST, copy};
use super::open;
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

/// Ids of a kind that a person is shown.
const SHOWN: usize = 20;

/// What differs between two readings.
#[derive(Debug, Default, Serialize)]
struct Changes {
    added: Vec<DocumentId>,
    changed: Vec<DocumentId>,
    gone: Vec<DocumentId>,
    unchanged: usize,
    records: Report,
}

/// Hashes of documents: title, text and what is known about them.
type Content = BTreeMap<DocumentId, blake3::Hash>;

pub(super) fn run(settings: &Settings, name: &str, path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let corpus = open(settings, name)?;
    let (before, _) = content(&corpus)?;
    let filling = Filling::begin(&settings.unpacked, name)?;
    copy(path, &filling.folder, Bytes::Shared)?;
    describe_alike(&corpus, &filling.folder)?;
    let delivery = clinqa_corpus::open(&filling.folder).map_err(Error::from)?;
    let (after, records) = content(&delivery)?;
    let changes = compare(&before, &after, records);
    if json {
        output::json(&changes)?;
    } else {
        output::line(&told(&changes))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets the delivery be read as the corpus is: by its manifest, but for the digests and the place of the old files.
fn describe_alike(corpus: &Corpus, folder: &Path) -> anyhow::Result<()> {
    let (from, to) = (corpus.folder.join(MANIFEST), folder.join(MANIFEST));
    if to.exists() || !from.exists() {
        return Ok(());
    }
    let failed = || format!("cannot read {}", from.display());
    let mut table: toml::Table = fs::read_to_string(&from).with_context(failed)?.parse().with_context(failed)?;
    table.remove("digests");
    table.remove("path");
    fs::write(&to, table.to_string()).with_context(|| format!("cannot write {}", to.display()))
}

fn content(corpus: &Corpus) -> anyhow::Result<(Content, Report)> {
    let mut content = Content::new();
    let mut failed = None;
    let report = corpus.read(&mut Bars::default(), &mut |document| {
        let about = (&document.title, &document.text, &document.metadata);
        match serde_json::to_vec(&about) {
            Ok(bytes) => content.insert(document.id, blake3::hash(&bytes)),
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        };
        ControlFlow::Continue(())
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok((content, report.map_err(Error::from)?)),
    }
}

fn compare(before: &Content, after: &Content, records: Report) -> Changes {
    let mut changes = Changes { records, ..Changes::default() };
    for (id, hash) in after {
        match before.get(id) {
            None => changes.added.push(id.clone()),
            Some(old) if old != hash => changes.changed.push(id.clone()),
            Some(_) => changes.unchanged += 1,
        }
    }
    changes.gone = before.keys().filter(|id| !after.contains_key(*id)).cloned().collect();
    changes
}

fn told(changes: &Changes) -> String {
    let line = |what: &str, ids: &[DocumentId]| {
        let shown: Vec<&str> = ids.iter().take(SHOWN).map(DocumentId::as_str).collect();
        let more = if ids.len() > SHOWN { ", …" } else { "" };
        format!("{:>8} {what}{}{}{more}", ids.len(), if shown.is_empty() { "" } else { ": " }, shown.join(", "))
    };
    let Changes { added, changed, gone, unchanged, records } = changes;
    [
        line("added", added),
        line("changed", changed),
        line("not in the new delivery", gone),
        format!("{unchanged:>8} unchanged"),
        records.to_string(),
    ]
    .join("\n")
}
