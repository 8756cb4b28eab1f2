//! `clinqa inspect`: what the index holds, and whether every byte is as it was sealed.

use std::process::ExitCode;

use clinqa_index::{Inspection, Store};
use clinqa_qa::Error;
use serde_json::json;

use crate::args::InspectArgs;
use crate::output;
use crate::settings::Settings;

/// Exit code of a damaged index.
const DAMAGED: u8 = 3;

pub(crate) fn run(settings: &Settings, args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let store = Store::at(&settings.index);
    let inspection = args.generation.as_ref().map_or_else(|| store.inspect_current(), |id| store.inspect(id));
    let inspection = inspection.map_err(Error::from)?;
    if args.json {
        let files: Vec<_> = inspection
            .files
            .iter()
            .map(|file| json!({"file": file.file, "bytes": file.bytes, "damage": file.damage.as_ref().map(ToString::to_string)}))
            .collect();
        output::json(&json!({"sound": inspection.is_sound(), "manifest": inspection.manifest, "files": files}))?;
    } else {
        output::line(&report(&store, &inspection)?)?;
    }
    Ok(if inspection.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

fn report(store: &Store, inspection: &Inspection) -> anyhow::Result<String> {
    let manifest = &inspection.manifest;
    let encoder = match &manifest.encoder {
        Some(encoder) => {
            let fingerprint = encoder.fingerprint.get(..16).unwrap_or(&encoder.fingerprint);
            format!("{} ({} wide, fingerprint {fingerprint}…)", encoder.name, encoder.dimension)
        }
        None => "none (words only)".to_owned(),
    };
    let mut lines = vec![
        format!("index       {}", store.root().display()),
        format!("generation  {}", manifest.id),
        format!("content     {}", manifest.content_hash),
        format!("encoder     {encoder}"),
        format!("documents   {}", manifest.counts.documents),
        format!("passages    {}", manifest.counts.passages),
    ];
    for corpus in &manifest.corpora {
        lines.push(format!("corpus      {} ({}, {} files)", corpus.name, corpus.licence, corpus.files.len()));
    }
    let others = store.generations().map_err(Error::from)?;
    let others: Vec<String> =
        others.iter().filter(|g| g.id != manifest.id && g.sealed).map(|g| g.id.to_string()).collect();
    if !others.is_empty() {
        lines.push(format!("older       {}", others.join(", ")));
    }
    if let Some(withdrawn) = withdrawn(store)? {
        lines.push(withdrawn);
    }
    for file in &inspection.files {
        let state = file.damage.as_ref().map_or("ok".to_owned(), |damage| format!("DAMAGED: {damage}"));
        lines.push(format!("  {:>12}  {:<40} {state}", file.bytes, file.file));
    }
    lines.push(if inspection.is_sound() {
        "All checksums are right.".to_owned()
    } else {
        "The index is damaged; run `clinqa rebuild`.".to_owned()
    });
    Ok(lines.join("\n"))
}

/// How many documents may not be shown, if there are any.
fn withdrawn(store: &Store) -> anyhow::Result<Option<String>> {
    let withdrawn = store.withdrawn().map_err(Error::from)?.entries().len();
    Ok((withdrawn > 0).then(|| format!("withdrawn   {withdrawn} (see `clinqa index withdrawn`)")))
}
