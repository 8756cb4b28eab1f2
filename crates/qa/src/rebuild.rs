//! Corpora through the house: a new generation, published when it is whole.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use clinqa_corpus::{Copies as CorpusCopies, Corpus, CorpusError, Faq, Report, Seen, Similar, SplitConfig, split};
use clinqa_encoder::Encoder;
use clinqa_index::{
    Changes, CorpusAccount, CorpusEntry, FileEntry, Generation, GraphParams, Patience, Store, WriterConfig,
};
use clinqa_retrieval::{RetrievalConfig, Retriever};
use clinqa_schema::{Document, Moment, Observer, Passage, Progress, Scores, Silent, Stage};
use serde::Serialize;

use crate::engine::identity;
use crate::faq_places::{FaqAccount, FaqPlaces};
use crate::gate::{Source, Sources};
use crate::intake::{Intake, Split};
use crate::{Allowed, Error, Gate};

/// Documents that are parsed ahead of the encoding and writing: so many at once, so many times.
const AT_ONCE: usize = 64;
const AHEAD: usize = 4;

/// What to build from, and how.
#[derive(Debug, Clone)]
pub struct RebuildConfig {
    /// Corpus folders, in the order in which duplicates lose.
    pub corpora: Vec<PathBuf>,
    /// How documents become passages.
    pub split: SplitConfig,
    /// Whether the same text under two ids is indexed once or twice.
    pub copies: Copies,
    /// How the dense index is built.
    pub graph: GraphParams,
    /// Now, in seconds since 1970: the house knows no clock.
    pub created: u64,
    /// What the new generation must reach.
    pub gate: Gate,
    /// Whether vectors that are known are taken over.
    pub reuse: Reuse,
    /// What is done while another rebuild is writing.
    pub patience: Patience,
    /// Generations that stay.
    pub keep: usize,
}

/// Whether vectors that are known are taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Those of the generation before, and of a rebuild that did not come to its end.
    #[default]
    Known,
    /// None: every passage is encoded again. The content hash is the same.
    Nothing,
}

/// Whether the same text under two ids is indexed once or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// Once: the first one stays.
    Drop,
    /// Twice: benchmarks judge each id.
    Keep,
}

/// What was built.
#[derive(Debug, Clone, Serialize)]
pub struct RebuildReport {
    /// The new generation.
    pub generation: String,
    /// BLAKE3 over its content: two builds of one corpus agree on it.
    pub content_hash: String,
    /// The encoder's name; `None` if words only.
    pub encoder: Option<String>,
    /// What became of every record.
    pub records: Report,
    /// Which of the records that cannot be used the manifests of their corpora allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Allowed>,
    /// Passages indexed.
    pub passages: u64,
    /// Passages whose vector was computed now.
    pub encoded: u64,
    /// Passages whose vector was known, from the generation before or from a rebuild that did not come to its end.
    pub reused: u64,
    /// What became of the questions that the corpora say people ask; `None` if they say nothing, or words only are indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faq: Option<FaqAccount>,
    /// Documents that were read and left out because they are withdrawn.
    pub withdrawn: u64,
    /// Which documents differ from the generation before; `None` if there is none to compare with.
    pub changes: Option<Changes>,
    /// What was measured, if any corpus names questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}

/// Builds a generation from the corpora and publishes it; whatever fails, the old one stays.
pub fn rebuild(
    store: &Store,
    encoder: Option<&Encoder>,
    config: &RebuildConfig,
    observer: &mut dyn Observer,
) -> Result<RebuildReport, Error> {
    let corpora = open_all(&config.corpora)?;
    // Before anything that takes long: a broken line is to be told at once.
    let faq = faq_of(&corpora)?;
    let lock = store.lock(Moment(config.created), config.patience)?;
    let withdrawn = store.withdrawn()?;
    let before = store.current().ok().flatten().and_then(|pointer| store.manifest(&pointer.generation).ok());
    let seen = gather(&corpora, (store, encoder.is_some()), config, observer)?;
    let faq = FaqPlaces::new(if encoder.is_some() { faq } else { Vec::new() });
    let asked = faq.len();
    let writer = store.writer_under(
        lock,
        WriterConfig {
            created: config.created,
            encoder: encoder.map(identity),
            corpora: corpora.iter().map(entry).collect(),
            graph: config.graph,
        },
    )?;
    let mut intake = Intake {
        writer,
        encoder,
        reuse: config.reuse,
        previous: encoder.filter(|_| config.reuse == Reuse::Known).and_then(|encoder| reusable(store, encoder)),
        withdrawn: &withdrawn,
        left_out: 0,
        taken: BTreeMap::new(),
        similar: (config.copies == Copies::Drop).then(Similar::default),
        faq,
        pending: Vec::new(),
        pending_passages: 0,
        ready: Vec::new(),
        passages: 0,
        asked: 0,
        encoded: 0,
        reused: 0,
        expected: seen.weight() + asked,
    };
    let sources = take_all(&mut intake, &corpora, &seen, config, observer).map_err(|error| match error {
        Error::Corpus(error) => aside(store, error),
        other => other,
    })?;
    // What it kept on the disk makes room.
    drop(seen);
    let faq = intake.take_faq(observer)?;
    let Intake { mut writer, passages, encoded, reused, left_out, similar, taken, .. } = intake;
    for (name, records) in &sources.accounts {
        let held = taken.get(name).cloned().unwrap_or_default();
        let CorpusAccount { documents, passages, newest, .. } = held;
        writer.account(name, CorpusAccount { documents, passages, newest, ..records.clone() });
    }
    writer.relate(similar.map(Similar::siblings).unwrap_or_default());
    // Corpora without a single passage are refused by the writer, in its own words.
    if passages > 0 {
        config.gate.check_sources(before.as_ref().map(|(manifest, _)| manifest), &sources)?;
    }
    let sealed = writer.finish(observer)?;
    check_account(&sources.records, left_out, sealed.manifest().counts.documents)?;
    let mut scores = None;
    if !config.gate.questions.is_empty() {
        let generation = sealed.open()?;
        let retriever = Retriever { index: &generation, encoder, config: RetrievalConfig::default() };
        scores = config.gate.check(retriever, observer)?;
    }
    let changes = store.changes_to(&sealed)?;
    store.publish_keeping(&sealed, config.keep)?;
    let manifest = sealed.manifest();
    Ok(RebuildReport {
        generation: manifest.id.to_string(),
        content_hash: manifest.content_hash.clone(),
        encoder: manifest.encoder.as_ref().map(|encoder| encoder.name.clone()),
        allowed: sources.allowed(),
        records: sources.records,
        passages,
        encoded,
        reused,
        faq: (asked > 0).then_some(faq),
        withdrawn: left_out,
        changes,
        scores,
    })
}

/// Every corpus, open; there must be one, and no two of one name: what is told of a corpus is told by its name.
pub(crate) fn open_all(folders: &[PathBuf]) -> Result<Vec<Corpus>, Error> {
    if folders.is_empty() {
        return Err(Error::NoCorpus);
    }
    let corpora: Vec<Corpus> = folders.iter().map(|folder| clinqa_corpus::open(folder)).collect::<Result<_, _>>()?;
    let mut named: BTreeMap<&str, &PathBuf> = BTreeMap::new();
    for corpus in &corpora {
        let second = &corpus.folder;
        // One folder that is named twice is refused in its own words.
        if let Some(first) = named.insert(&corpus.name, second).filter(|first| *first != second) {
            let (name, first, second) = (corpus.name.clone(), first.clone(), second.clone());
            return Err(CorpusError::Namesakes { name, first, second }.into());
        }
    }
    Ok(corpora)
}

/// What the corpora say people ask.
pub(crate) fn faq_of(corpora: &[Corpus]) -> Result<Vec<Faq>, Error> {
    let all: Vec<Vec<Faq>> = corpora.iter().map(Corpus::faq).collect::<Result<_, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

/// Every document that was handed on is in the new generation, or withdrawn; nothing else is.
fn check_account(records: &Report, withdrawn: u64, found: u64) -> Result<(), Error> {
    let indexed = records.indexed;
    if indexed == withdrawn + found { Ok(()) } else { Err(Error::Account { indexed, withdrawn, found }) }
}

/// The generation before, if its vectors are this encoder's; a damaged one is no hindrance to a rebuild.
pub(crate) fn reusable(store: &Store, encoder: &Encoder) -> Option<Generation> {
    let generation = store.open_current().ok()?;
    generation.require_encoder(&identity(encoder)).ok()?;
    Some(generation)
}

/// A corpus as its files are now, whatever a generation holds of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// Its name; that of its folder, if it cannot be opened.
    pub name: String,
    /// When files last came into it from outside, and how many did.
    pub fetched: Option<(Moment, usize)>,
    /// Its files with their checksums, or why it cannot be used.
    pub files: Result<CorpusEntry, String>,
}

/// A corpus as a manifest names it before anything of it was read.
pub fn entry(corpus: &Corpus) -> CorpusEntry {
    let file = |digest: &clinqa_corpus::FileDigest| FileEntry {
        file: digest.file.clone(),
        bytes: digest.bytes,
        blake3: digest.blake3.clone(),
    };
    CorpusEntry {
        name: corpus.name.clone(),
        licence: corpus.licence.clone(),
        files: corpus.files().iter().map(file).collect(),
        account: None,
    }
}

/// A first pass that keeps nothing that was parsed: it settles which records would be indexed.
pub(crate) fn survey(corpora: &[Corpus], config: &RebuildConfig, observer: &mut dyn Observer) -> Result<Seen, Error> {
    let copies = copies(config);
    Ok(Seen::survey(corpora, copies, observer, &|_| 1)?)
}

/// The same for a rebuild, which keeps what was parsed. Passages are counted where they will be encoded: they give that
/// bar its end.
fn gather(
    corpora: &[Corpus],
    (store, encodes): (&Store, bool),
    config: &RebuildConfig,
    observer: &mut dyn Observer,
) -> Result<Seen, Error> {
    let weigh = |document: &Document| if encodes { split(document, &config.split).len() } else { 1 };
    Seen::gather(store.scratch()?, (corpora, copies(config)), observer, &weigh).map_err(|error| aside(store, error))
}

/// The disk on which documents are set aside is that of the index, which knows what is wrong with it.
fn aside(store: &Store, error: CorpusError) -> Error {
    match error {
        CorpusError::Aside { reason } => store.scratch_failed(reason).into(),
        other => other.into(),
    }
}

fn copies(config: &RebuildConfig) -> CorpusCopies {
    match config.copies {
        Copies::Drop => CorpusCopies::Drop,
        Copies::Keep => CorpusCopies::Keep,
    }
}

/// Reads every corpus and hands each document on with its passages.
pub(crate) fn read_all(
    corpora: &[Corpus],
    seen: &Seen,
    config: &RebuildConfig,
    observer: &mut dyn Observer,
    sink: &mut dyn FnMut(Document, Vec<Passage>) -> Result<(), Error>,
) -> Result<Sources, Error> {
    let total = seen.indexed();
    let mut done = 0;
    let mut tell = |done: u64, total: u64| observer.observe(&Progress { stage: Stage::Read, done, total: Some(total) });
    std::thread::scope(|scope| {
        let (send, read) = sync_channel(AHEAD);
        let reader = scope.spawn(move || split_ahead(corpora, seen, config, &send));
        let mut taken = Ok(());
        for (document, passages) in read.iter().flatten() {
            taken = sink(document, passages);
            if taken.is_err() {
                break;
            }
            done += 1;
            tell(done, total.max(done));
        }
        // Whoever is ahead stops when nobody takes what it has.
        drop(read);
        let sources = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(sources)
    })
}

/// Reads one corpus after the other back and hands documents on, many at once, some ahead of whoever takes them: splitting
/// goes on while passages are encoded and written.
fn split_ahead(
    corpora: &[Corpus],
    seen: &Seen,
    config: &RebuildConfig,
    send: &SyncSender<Vec<Split>>,
) -> Result<Sources, Error> {
    let mut sources = Sources::default();
    let mut batch = Vec::new();
    for corpus in corpora {
        let read = corpus.read_unseen(seen, &mut Silent, &mut |document| {
            let passages = split(&document, &config.split);
            batch.push((document, passages));
            if batch.len() < AT_ONCE || send.send(std::mem::take(&mut batch)).is_ok() {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        });
        let read = read?;
        let (name, allowance) = (corpus.name.clone(), corpus.manifest.allow.skipped);
        sources.accounts.insert(name.clone(), account(&read));
        sources.corpora.push(Source { name, read: read.read, skipped: read.skipped, allowance });
        sources.records.merge(read);
    }
    // Nobody takes it only if taking failed, and that is told already.
    let _ = send.send(batch);
    Ok(sources)
}

/// What became of the records of a corpus; what the generation holds of it is counted as it is taken.
fn account(read: &Report) -> CorpusAccount {
    let Report { read, skipped, duplicate, superseded, retracted, .. } = *read;
    CorpusAccount { read, skipped, duplicate, superseded, retracted, ..CorpusAccount::default() }
}

/// Reads everything into `intake`. Passages that are encoded are counted as they are; otherwise documents are, as they are
/// read.
fn take_all(
    intake: &mut Intake<'_>,
    corpora: &[Corpus],
    seen: &Seen,
    config: &RebuildConfig,
    observer: &mut dyn Observer,
) -> Result<Sources, Error> {
    let sources = if intake.encoder.is_some() {
        let mut take = |document, passages| intake.take(document, passages, observer);
        read_all(corpora, seen, config, &mut Silent, &mut take)?
    } else {
        let mut take = |document, passages| intake.take(document, passages, &mut Silent);
        read_all(corpora, seen, config, observer, &mut take)?
    };
    intake.finish(observer)?;
    Ok(sources)
}
