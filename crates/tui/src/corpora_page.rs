//! How well are the corpora, and the index that was made from them, as blocks of marked text (pure)?

use std::collections::BTreeMap;

use clinqa_qa::{CorpusAccount, CorpusEntry, Damage, Delivered, FileCheck, Manifest};

use crate::block::Block;
use crate::desk::Place;
use crate::keymap::Action;
use crate::state::State;
use crate::state::librarian::{Checking, Corpora, day_and_time};
use crate::theme::Role;

/// Files of one sort that are named.
const NAMED: usize = 5;

/// The page.
pub(crate) fn text(state: &State) -> Vec<Block> {
    let Some(manifest) = &state.index.manifest else { return vec![Block::plain("There is no index yet.")] };
    let mut blocks = Vec::new();
    for corpus in &manifest.corpora {
        blocks.push(Block::of(Role::Title, corpus.name.clone()));
        let said = indexed(corpus, manifest).into_iter().chain([files(state, corpus)]).chain(fetched(state, corpus));
        blocks.extend(said.map(|block| block.indented(2)));
    }
    blocks.extend(unindexed(state, manifest));
    blocks.push(Block::gap());
    blocks.push(Block::of(Role::Title, "Health of the index"));
    match (&state.librarian.checks, state.librarian.checking) {
        (_, Checking::Yes) => blocks.push(Block::plain("Comparing every byte with its checksum ...").indented(2)),
        (None, Checking::No) => {
            let key = state.keymap.shown(Action::Check);
            blocks.push(
                Block::plain(format!("Every file was right when it was opened; {key} compares them again."))
                    .indented(2),
            );
        }
        (Some(checks), Checking::No) => blocks.extend(checks.iter().map(check)),
    }
    if !state.librarian.printed.is_empty() {
        blocks.push(Block::gap());
        blocks.push(Block::of(Role::Title, "Printed by libraries"));
        blocks.extend(state.librarian.printed.iter().map(|line| Block::of(Role::Quiet, line.clone()).indented(2)));
    }
    blocks
}

/// What the index holds of a corpus, and what became of its records.
fn indexed(corpus: &CorpusEntry, manifest: &Manifest) -> Vec<Block> {
    let bytes: u64 = corpus.files.iter().map(|file| file.bytes).sum();
    let made = day_and_time(manifest.created);
    let delivered = format!("licence {}; {} files, {} KB", corpus.licence, corpus.files.len(), bytes / 1_000);
    let Some(account) = &corpus.account else {
        let older = format!("indexed {made} UTC by an older clinqa, which kept no count of it; a rebuild counts");
        return vec![Block::plain(delivered), Block::of(Role::Quiet, older)];
    };
    let CorpusAccount { documents, passages, newest, read, skipped, .. } = account;
    let newest = newest.as_ref().map_or("none of them dated".to_owned(), |date| format!("the newest of {date}"));
    let others =
        [(account.duplicate, "duplicate"), (account.superseded, "superseded"), (account.retracted, "retracted")];
    let others = others.iter().filter(|(count, _)| *count > 0).fold(String::new(), |mut told, (count, name)| {
        told.extend([", ", &count.to_string(), " ", name]);
        told
    });
    let role = if *skipped > 0 { Role::Warning } else { Role::Text };
    vec![
        Block::plain(delivered),
        Block::plain(format!("{documents} documents in {passages} passages, {newest}; indexed {made} UTC")),
        Block::of(role, format!("of {read} records {skipped} cannot be used{others}")),
    ]
}

/// How the files of a corpus are now.
fn files(state: &State, corpus: &CorpusEntry) -> Block {
    let known = match &state.librarian.corpora {
        Corpora::Unasked => {
            let key = state.keymap.shown(Action::Check);
            return Block::of(Role::Quiet, format!("{key} compares its files with those that were indexed"));
        }
        Corpora::Asked => return Block::of(Role::Quiet, "comparing its files with those that were indexed ..."),
        Corpora::Elsewhere => return Block::of(Role::Quiet, elsewhere(&state.place)),
        Corpora::Failed(why) => {
            return Block::of(Role::Warning, format!("its files cannot be compared: {why}"));
        }
        Corpora::Known(known) => known.iter().find(|delivered| delivered.name == corpus.name),
    };
    match known.map(|delivered| &delivered.files) {
        None => Block::of(Role::Warning, "GONE: no corpus of this name is at hand any more"),
        Some(Err(why)) => Block::of(Role::Warning, format!("UNUSABLE: {why}")),
        Some(Ok(now)) => {
            let differs: Vec<String> = differences(corpus, now)
                .into_iter()
                .filter(|(_, files)| !files.is_empty())
                .map(|(sort, files)| format!("{sort} {}", named(&files)))
                .collect();
            if differs.is_empty() {
                return Block::of(Role::Good, "every file is as it was indexed");
            }
            Block::of(Role::Warning, format!("since it was indexed: {}", differs.join("; ")))
        }
    }
}

fn elsewhere(place: &Place) -> String {
    let name = match place {
        Place::Here => "this machine",
        Place::There(name) => name,
    };
    format!(
        "its files lie on {name}, which tells how they are to a key of role admin; `clinqa corpus verify` does, there"
    )
}

/// When files last came into the corpus from outside.
fn fetched(state: &State, corpus: &CorpusEntry) -> Option<Block> {
    let Corpora::Known(known) = &state.librarian.corpora else { return None };
    let (when, count) = known.iter().find(|delivered| delivered.name == corpus.name)?.fetched?;
    Some(Block::plain(format!("last fetch {when}: {count} files")))
}

/// Corpora that a rebuild would read and that the index does not hold.
fn unindexed(state: &State, manifest: &Manifest) -> Vec<Block> {
    let Corpora::Known(known) = &state.librarian.corpora else { return Vec::new() };
    let holds = |delivered: &Delivered| manifest.corpora.iter().any(|corpus| corpus.name == delivered.name);
    let said = |delivered: &Delivered| {
        let (role, text) = match &delivered.files {
            Ok(_) => (Role::Text, "not in the index yet: a rebuild takes it up".to_owned()),
            Err(why) => (Role::Warning, format!("UNUSABLE: {why}")),
        };
        [Block::of(Role::Title, delivered.name.clone()), Block::of(role, text).indented(2)]
    };
    known.iter().filter(|delivered| !holds(delivered)).flat_map(said).collect()
}

/// The files of a corpus that are not now what they were when it was indexed, by how.
fn differences<'a>(indexed: &'a CorpusEntry, now: &'a CorpusEntry) -> [(&'static str, Vec<&'a str>); 3] {
    let digests = |corpus: &'a CorpusEntry| -> BTreeMap<&'a str, &'a str> {
        corpus.files.iter().map(|file| (file.file.as_str(), file.blake3.as_str())).collect()
    };
    let (before, after) = (digests(indexed), digests(now));
    let lost = before.keys().filter(|file| !after.contains_key(*file)).copied();
    let come = after.keys().filter(|file| !before.contains_key(*file)).copied();
    let changed = before.iter().filter(|(file, digest)| after.get(*file).is_some_and(|other| other != *digest));
    [("MISSING", lost.collect()), ("CHANGED", changed.map(|(file, _)| *file).collect()), ("NEW", come.collect())]
}

fn named(files: &[&str]) -> String {
    let first = files[..files.len().min(NAMED)].join(", ");
    match files.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn check(check: &FileCheck) -> Block {
    let FileCheck { file, bytes, damage } = check;
    let damage: Option<&Damage> = damage.as_ref();
    match damage {
        None => Block::of(Role::Good, format!("ok       {file} ({bytes} bytes)")).indented(2),
        Some(damage) => Block::of(Role::Warning, format!("DAMAGED  {file}: {damage}")).indented(2),
    }
}
