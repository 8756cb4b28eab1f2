//! `clinqa index`: the life of generations, and which documents may be shown.

use std::process::ExitCode;

use clinqa_index::{GenerationEntry, GenerationId, Inspection, Manifest, Store};
use clinqa_qa::{Changes, Error};
use clinqa_schema::{DocumentId, Moment};
use serde::Serialize;
use serde_json::json;

use super::now;
use crate::args::{IndexCommand, KeepArgs};
use crate::output;
use crate::settings::Settings;

/// Exit code of a damaged index.
const DAMAGED: u8 = 3;

pub(crate) fn run(settings: &Settings, command: &IndexCommand) -> anyhow::Result<ExitCode> {
    let store = Store::at(&settings.index);
    match command {
        IndexCommand::List(args) => list(&store, args.json)?,
        IndexCommand::Activate(args) => {
            store.activate(&args.id, now()).map_err(Error::from)?;
            activated(&args.id, args.json)?;
        }
        IndexCommand::Rollback(args) => activated(&store.rollback(now()).map_err(Error::from)?, args.json)?,
        IndexCommand::Prune(args) => prune(settings, &store, args.keep, args.json)?,
        IndexCommand::Verify(args) => return verify(&store, args.id.as_ref(), args.json),
        IndexCommand::Diff(args) => {
            let changes = store.diff(&args.earlier, &args.later).map_err(Error::from)?;
            if args.json { output::json(&changes)? } else { output::line(&differences(&changes))? }
        }
        IndexCommand::Withdraw(args) => {
            let done = store.withdraw(&args.ids, &args.reason, now()).map_err(Error::from)?;
            withdrew(&store, &args.ids, &done, args.json)?;
        }
        IndexCommand::Restore(args) => {
            let done = store.restore(&args.ids, now()).map_err(Error::from)?;
            restored(&args.ids, &done, args.json)?;
        }
        IndexCommand::Withdrawn(args) => withdrawn(&store, args.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One generation, as it is listed.
#[derive(Serialize)]
struct Row {
    id: GenerationId,
    current: bool,
    previous: bool,
    created: Moment,
    documents: u64,
    passages: u64,
    encoder: Option<String>,
    content_hash: String,
    /// All files together.
    bytes: u64,
    /// Why nothing else is known about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

impl Row {
    fn of(store: &Store, entry: GenerationEntry) -> Self {
        let GenerationEntry { id, current, previous, .. } = entry;
        let manifest = store.manifest(&id);
        let damage = manifest.as_ref().err().map(ToString::to_string);
        let manifest = manifest.ok().map(|(manifest, _)| manifest);
        let number = |of: fn(&Manifest) -> u64| manifest.as_ref().map_or(0, of);
        Self {
            current,
            previous,
            created: Moment(number(|manifest| manifest.created)),
            documents: number(|manifest| manifest.counts.documents),
            passages: number(|manifest| manifest.counts.passages),
            bytes: number(|manifest| manifest.files.iter().map(|file| file.bytes).sum()),
            encoder: manifest.as_ref().and_then(|manifest| Some(manifest.encoder.as_ref()?.name.clone())),
            content_hash: manifest.map(|manifest| manifest.content_hash).unwrap_or_default(),
            damage,
            id,
        }
    }

    fn line(&self) -> String {
        if let Some(damage) = &self.damage {
            return format!("{}  DAMAGED: {damage}", self.id);
        }
        let mark = match (self.current, self.previous) {
            (true, _) => "current",
            (false, true) => "previous",
            (false, false) => "",
        };
        let encoder = self.encoder.as_deref().unwrap_or("words only");
        let size = megabytes(self.bytes);
        let Self { id, created, documents, passages, .. } = self;
        format!("{id}  {mark:<8}  {created}  {documents:>9}  {passages:>9}  {size:>10}  {encoder}")
    }
}

fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let entries = store.generations().map_err(Error::from)?;
    let sealed = entries.into_iter().rev().filter(|entry| entry.sealed);
    let rows: Vec<Row> = sealed.map(|entry| Row::of(store, entry)).collect();
    if json {
        return output::json(&json!({"generations": rows}));
    }
    if rows.is_empty() {
        return Ok(output::line("No generation yet; run `clinqa rebuild`.")?);
    }
    let (id, mark, made) = ("generation", "", "made");
    let head = format!("{id:<16}  {mark:<8}  {made:<23}  documents   passages        size  encoder");
    let lines: Vec<String> = std::iter::once(head).chain(rows.iter().map(Row::line)).collect();
    Ok(output::line(&lines.join("\n"))?)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn activated(id: &GenerationId, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&json!({"current": id}));
    }
    Ok(output::line(&format!("{id} is the current generation. Servers take it up within a second."))?)
}

fn prune(settings: &Settings, store: &Store, keep: KeepArgs, json: bool) -> anyhow::Result<()> {
    let keep = keep.keep.map_or(settings.keep, usize::from);
    let removed = store.prune(keep, now()).map_err(Error::from)?;
    if json {
        return output::json(&json!({"removed": removed}));
    }
    let names: Vec<String> = removed.iter().map(ToString::to_string).collect();
    let text =
        if names.is_empty() { "Nothing to remove.".to_owned() } else { format!("Removed {}.", names.join(", ")) };
    Ok(output::line(&text)?)
}

/// What verifying one generation came to.
#[derive(Serialize)]
struct Verdict {
    id: GenerationId,
    sound: bool,
    files: usize,
    /// What is wrong, each with its file.
    damage: Vec<String>,
}

impl Verdict {
    fn of(inspection: &Inspection) -> Self {
        let damaged = inspection.files.iter().filter_map(|check| Some((&check.file, check.damage.as_ref()?)));
        let damage: Vec<String> = damaged.map(|(file, damage)| format!("{file}: {damage}")).collect();
        let (sound, files) = (inspection.is_sound(), inspection.files.len());
        Self { id: inspection.manifest.id.clone(), sound, files, damage }
    }

    fn line(&self) -> String {
        if self.sound {
            return format!("{}  all {} files are as they were sealed", self.id, self.files);
        }
        format!("{}  DAMAGED\n  {}", self.id, self.damage.join("\n  "))
    }
}

fn verify(store: &Store, id: Option<&GenerationId>, json: bool) -> anyhow::Result<ExitCode> {
    let ids: Vec<GenerationId> = if let Some(id) = id {
        vec![id.clone()]
    } else {
        let entries = store.generations().map_err(Error::from)?;
        entries.into_iter().filter(|entry| entry.sealed).map(|entry| entry.id).collect()
    };
    let verdict = |id: GenerationId| match store.inspect(&id) {
        Ok(inspection) => Verdict::of(&inspection),
        Err(error) => Verdict { id, sound: false, files: 0, damage: vec![error.to_string()] },
    };
    let verdicts: Vec<Verdict> = ids.into_iter().map(verdict).collect();
    let sound = verdicts.iter().all(|verdict| verdict.sound);
    if json {
        output::json(&json!({"sound": sound, "generations": verdicts}))?;
    } else {
        let mut lines: Vec<String> = verdicts.iter().map(Verdict::line).collect();
        if !sound {
            lines.push(
                "Run `clinqa rebuild`, or go back to a sound generation with `clinqa index activate`.".to_owned(),
            );
        }
        output::line(&lines.join("\n"))?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

/// Which documents differ, in a line and one more for each sort.
pub(super) fn differences(changes: &Changes) -> String {
    let sorts = changes.sorts();
    let counts = sorts.map(|(sort, listed)| format!("{} {sort}", listed.count)).join(", ");
    let mut lines = vec![format!("Documents: {counts}, {} the same.", changes.unchanged)];
    let named = sorts.into_iter().filter(|(_, listed)| listed.count > 0);
    lines.extend(named.map(|(sort, listed)| format!("  {sort:<9} {listed}")));
    lines.join("\n")
}

fn withdrew(store: &Store, ids: &[DocumentId], done: &[DocumentId], json: bool) -> anyhow::Result<()> {
    let unknown = unknown(store, ids);
    if json {
        return output::json(&json!({"withdrawn": done, "not_in_the_index": unknown}));
    }
    let mut lines = vec![format!("Withdrawn: {}.", joined(done))];
    if done.len() < ids.len() {
        lines.push("The others were withdrawn before.".to_owned());
    }
    if !unknown.is_empty() {
        lines.push(format!("Not in the current generation: {}; kept out if they come.", joined(&unknown)));
    }
    lines.push(
        "They are in no answer from now on. `clinqa rebuild` leaves them out, and `clinqa index prune` after it \
         removes the generations that still hold them."
            .to_owned(),
    );
    Ok(output::line(&lines.join("\n"))?)
}

/// Those that the current generation does not hold; all are known where there is none that could tell.
fn unknown(store: &Store, ids: &[DocumentId]) -> Vec<DocumentId> {
    let Ok(held) = store.documents_of_current() else { return Vec::new() };
    ids.iter().filter(|id| !held.contains(id)).cloned().collect()
}

fn restored(ids: &[DocumentId], done: &[DocumentId], json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&json!({"restored": done}));
    }
    let mut lines = vec![format!("Restored: {}.", joined(done))];
    if done.len() < ids.len() {
        lines.push("The others were not withdrawn.".to_owned());
    }
    lines.push("If a rebuild has left them out since, they come back with the next `clinqa rebuild`.".to_owned());
    Ok(output::line(&lines.join("\n"))?)
}

fn joined(ids: &[DocumentId]) -> String {
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter().map(DocumentId::as_str).collect::<Vec<_>>().join(", ")
}

fn withdrawn(store: &Store, json: bool) -> anyhow::Result<()> {
    let list = store.withdrawn().map_err(Error::from)?;
    if json {
        return output::json(&json!({"withdrawn": list.entries().collect::<Vec<_>>()}));
    }
    if list.is_empty() {
        return Ok(output::line("No document is withdrawn.")?);
    }
    let lines: Vec<String> = list
        .entries()
        .map(|entry| format!("{}  {}  {}", entry.at, entry.id, entry.reason).trim_end().to_owned())
        .collect();
    Ok(output::line(&lines.join("\n"))?)
}
