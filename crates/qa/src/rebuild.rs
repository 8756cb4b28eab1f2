//! Corpora through the house: a new generation, published when it is whole.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clinqa_corpus::{Corpus, Report, Seen, SplitConfig, split};
use clinqa_encoder::Encoder;
use clinqa_index::{
    ContentKey, CorpusEntry, FileEntry, Generation, GenerationWriter, GraphParams, PassageIndex, Store, WriterConfig,
};
use clinqa_retrieval::{RetrievalConfig, Retriever};
use clinqa_schema::{Document, Embedding, Observer, Passage, Progress, Scores, Silent, Stage};
use serde::Serialize;

use crate::engine::identity;
use crate::{Error, Gate};

/// Passages that are held at once while their vectors are computed.
const ENCODE_AT_ONCE: usize = 256;

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
    /// Passages indexed.
    pub passages: u64,
    /// Passages whose vector was computed now.
    pub encoded: u64,
    /// Passages whose vector was taken from the generation before.
    pub reused: u64,
    /// What the gate measured, if anything was demanded.
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
    let corpora =
        config.corpora.iter().map(|folder| clinqa_corpus::open(folder)).collect::<Result<Vec<Corpus>, _>>()?;
    if corpora.is_empty() {
        return Err(Error::NoCorpus);
    }
    let expected = count_passages(&corpora, config, observer)?;
    let writer = store.writer(WriterConfig {
        created: config.created,
        encoder: encoder.map(identity),
        corpora: corpora.iter().map(entry).collect(),
        graph: config.graph,
    })?;
    let previous = encoder.and_then(|encoder| reusable(store, encoder));
    let mut intake = Intake {
        writer,
        encoder,
        previous,
        pending: Vec::new(),
        pending_passages: 0,
        passages: 0,
        encoded: 0,
        reused: 0,
        expected,
    };
    let records =
        read_all(&corpora, config, &mut Silent, &mut |document, passages| intake.take(document, passages, observer))?;
    intake.flush(observer)?;
    let Intake { writer, passages, encoded, reused, .. } = intake;
    let sealed = writer.finish(observer)?;
    let mut scores = None;
    if !config.gate.questions.is_empty() {
        let generation = sealed.open()?;
        let retriever = Retriever { index: &generation, encoder, config: RetrievalConfig::default() };
        scores = config.gate.check(retriever, observer)?;
    }
    store.publish(&sealed)?;
    let manifest = sealed.manifest();
    Ok(RebuildReport {
        generation: manifest.id.to_string(),
        content_hash: manifest.content_hash.clone(),
        encoder: manifest.encoder.as_ref().map(|encoder| encoder.name.clone()),
        records,
        passages,
        encoded,
        reused,
        scores,
    })
}

/// The generation before, if its vectors are this encoder's; a damaged one is no hindrance to a rebuild.
fn reusable(store: &Store, encoder: &Encoder) -> Option<Generation> {
    let generation = store.open_current().ok()?;
    generation.require_encoder(&identity(encoder)).ok()?;
    Some(generation)
}

fn entry(corpus: &Corpus) -> CorpusEntry {
    let file = |digest: &clinqa_corpus::FileDigest| FileEntry {
        file: digest.file.clone(),
        bytes: digest.bytes,
        blake3: digest.blake3.clone(),
    };
    CorpusEntry {
        name: corpus.name.clone(),
        licence: corpus.licence.clone(),
        files: corpus.files().iter().map(file).collect(),
    }
}

/// A first pass that only parses, which is quick beside encoding: it gives the bar its end.
fn count_passages(corpora: &[Corpus], config: &RebuildConfig, observer: &mut dyn Observer) -> Result<u64, Error> {
    let mut passages = 0;
    read_all(corpora, config, observer, &mut |_, cut| {
        passages += cut.len() as u64;
        Ok(())
    })?;
    Ok(passages)
}

/// Reads every corpus and hands each document on with its passages.
fn read_all(
    corpora: &[Corpus],
    config: &RebuildConfig,
    observer: &mut dyn Observer,
    sink: &mut dyn FnMut(Document, Vec<Passage>) -> Result<(), Error>,
) -> Result<Report, Error> {
    let mut seen = match config.copies {
        Copies::Drop => Seen::default(),
        Copies::Keep => Seen::keeping_copies(),
    };
    let mut report = Report::default();
    for corpus in corpora {
        let mut failed = None;
        let read = corpus.read_unseen(&mut seen, observer, &mut |document| {
            let passages = split(&document, &config.split);
            match sink(document, passages) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        report.merge(read?);
    }
    Ok(report)
}

/// Documents on their way into the writer, encoded many at a time.
struct Intake<'a> {
    writer: GenerationWriter,
    encoder: Option<&'a Encoder>,
    previous: Option<Generation>,
    pending: Vec<(Document, Vec<Passage>)>,
    pending_passages: usize,
    passages: u64,
    encoded: u64,
    reused: u64,
    expected: u64,
}

impl Intake<'_> {
    fn take(&mut self, document: Document, passages: Vec<Passage>, observer: &mut dyn Observer) -> Result<(), Error> {
        self.pending_passages += passages.len();
        self.pending.push((document, passages));
        if self.pending_passages < ENCODE_AT_ONCE { Ok(()) } else { self.flush(observer) }
    }

    fn flush(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_passages = 0;
        let mut embeddings = self.embeddings(&pending, observer)?;
        for (document, passages) in &pending {
            let own = embeddings.as_mut().map(|all| all.drain(..passages.len()).collect::<Vec<Embedding>>());
            self.writer.add(document, passages, own.as_deref())?;
            self.passages += passages.len() as u64;
        }
        Ok(())
    }

    /// One vector a passage, in order: the stored one where the content is unchanged, else a new one.
    fn embeddings(
        &mut self,
        pending: &[(Document, Vec<Passage>)],
        observer: &mut dyn Observer,
    ) -> Result<Option<Vec<Embedding>>, Error> {
        let Some(encoder) = self.encoder else { return Ok(None) };
        let texts: Vec<String> =
            pending.iter().flat_map(|(_, passages)| passages).map(Passage::contextual_text).collect();
        let stored = |text: &String| self.previous.as_ref().and_then(|g| g.embedding_of(&ContentKey::of_text(text)));
        let mut found: Vec<Option<Embedding>> = texts.iter().map(stored).collect();
        let missing: Vec<&str> =
            texts.iter().zip(&found).filter(|(_, known)| known.is_none()).map(|(text, _)| text.as_str()).collect();
        let mut shifted = Shifted { observer, done_before: self.passages, total: self.expected };
        let mut fresh = encoder.encode(&missing, &mut shifted)?.into_iter();
        self.encoded += missing.len() as u64;
        self.reused += (texts.len() - missing.len()) as u64;
        for slot in found.iter_mut().filter(|slot| slot.is_none()) {
            *slot = fresh.next();
        }
        Ok(Some(found.into_iter().flatten().collect()))
    }
}

/// Progress of one batch, told as progress of the whole.
struct Shifted<'a> {
    observer: &'a mut dyn Observer,
    done_before: u64,
    total: u64,
}

impl Observer for Shifted<'_> {
    fn observe(&mut self, progress: &Progress) {
        let done = self.done_before + progress.done;
        self.observer.observe(&Progress { stage: Stage::Encode, done, total: Some(self.total) });
    }
}
