//! How do documents, and what people ask of them, come to the writer with their vectors?

use std::collections::BTreeMap;

use clinqa_corpus::Similar;
use clinqa_encoder::Encoder;
use clinqa_index::{ContentKey, CorpusAccount, FaqEntry, Generation, GenerationWriter, PassageIndex, Withdrawn};
use clinqa_schema::{Document, Embedding, Observer, Passage, Progress, Stage};

use crate::faq_places::{FaqAccount, FaqPlaces};
use crate::{Error, Reuse};

/// Passages that are held at once while their vectors are computed.
const ENCODE_AT_ONCE: usize = 256;

/// A document and its passages.
pub(crate) type Split = (Document, Vec<Passage>);

/// The same with the vectors of the passages.
pub(crate) type Ready = (Split, Option<Vec<Embedding>>);

/// Documents on their way into the writer, encoded many at a time.
pub(crate) struct Intake<'a> {
    pub(crate) writer: GenerationWriter,
    pub(crate) encoder: Option<&'a Encoder>,
    pub(crate) reuse: Reuse,
    pub(crate) previous: Option<Generation>,
    pub(crate) withdrawn: &'a Withdrawn,
    /// Documents that are withdrawn.
    pub(crate) left_out: u64,
    /// What the generation holds of each corpus.
    pub(crate) taken: BTreeMap<String, CorpusAccount>,
    /// Which documents say nearly the same; not asked where each is judged by itself.
    pub(crate) similar: Option<Similar>,
    /// What people ask of documents.
    pub(crate) faq: FaqPlaces,
    pub(crate) pending: Vec<Split>,
    pub(crate) pending_passages: usize,
    /// Documents whose vectors are there, to be written while the next ones are encoded.
    pub(crate) ready: Vec<Ready>,
    pub(crate) passages: u64,
    /// Questions that people ask, encoded.
    pub(crate) asked: u64,
    pub(crate) encoded: u64,
    pub(crate) reused: u64,
    pub(crate) expected: u64,
}

impl Intake<'_> {
    /// Takes a document that was handed on, with its passages.
    pub(crate) fn take(
        &mut self,
        document: Document,
        passages: Vec<Passage>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        if self.withdrawn.holds(&document.id) {
            self.left_out += 1;
            return Ok(());
        }
        if let Some(similar) = &mut self.similar {
            similar.note(&document);
        }
        self.faq.take(&document, &passages);
        let taken = self.taken.entry(document.source.corpus.clone()).or_default();
        taken.documents += 1;
        taken.passages += passages.len() as u64;
        taken.newest = taken.newest.take().max(document.metadata.published.clone());
        self.pending_passages += passages.len();
        self.pending.push((document, passages));
        if self.pending_passages < ENCODE_AT_ONCE { Ok(()) } else { self.flush(observer) }
    }

    /// Encodes and writes what is still there; no document comes any more.
    pub(crate) fn finish(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        self.flush(observer)?;
        write(&mut self.writer, std::mem::take(&mut self.ready))
    }

    fn flush(&mut self, observer: &mut dyn Observer) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_passages = 0;
        let mut embeddings = self.embeddings(&pending, observer)?;
        self.passages += pending.iter().map(|(_, passages)| passages.len() as u64).sum::<u64>();
        let own = |split: Split| {
            let own = embeddings.as_mut().map(|all| all.drain(..split.1.len()).collect());
            (split, own)
        };
        self.ready = pending.into_iter().map(own).collect();
        Ok(())
    }

    /// One vector a passage, in order. What was ready before is written meanwhile.
    fn embeddings(&mut self, pending: &[Split], observer: &mut dyn Observer) -> Result<Option<Vec<Embedding>>, Error> {
        let ready = std::mem::take(&mut self.ready);
        let Some(encoder) = self.encoder else {
            write(&mut self.writer, ready)?;
            return Ok(None);
        };
        let texts: Vec<String> =
            pending.iter().flat_map(|(_, passages)| passages).map(Passage::contextual_text).collect();
        let (embeddings, fresh) = self.vectors_of(encoder, &texts, ready, observer)?;
        self.encoded += fresh;
        self.reused += texts.len() as u64 - fresh;
        Ok(Some(embeddings))
    }

    /// Encodes what people ask of the documents that came, behind all passages, and hands it to the writer.
    pub(crate) fn take_faq(&mut self, observer: &mut dyn Observer) -> Result<FaqAccount, Error> {
        let (entries, account) = std::mem::take(&mut self.faq).finish();
        let Some(encoder) = self.encoder else { return Ok(account) };
        for entries in entries.chunks(4 * ENCODE_AT_ONCE) {
            let texts: Vec<String> = entries.iter().map(FaqEntry::contextual_text).collect();
            let (embeddings, _) = self.vectors_of(encoder, &texts, Vec::new(), observer)?;
            self.asked += entries.len() as u64;
            for (entry, embedding) in entries.iter().zip(embeddings) {
                self.writer.ask(entry.clone(), embedding)?;
            }
        }
        Ok(account)
    }

    /// One vector a text, in order: the stored one where the content is unchanged, else a new one; and how many are new. What
    /// is `ready` is written meanwhile.
    fn vectors_of(
        &mut self,
        encoder: &Encoder,
        texts: &[String],
        ready: Vec<Ready>,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Embedding>, u64), Error> {
        let keys: Vec<ContentKey> = texts.iter().map(|text| ContentKey::of_text(text)).collect();
        let mut found: Vec<Option<Embedding>> = keys.iter().map(|key| self.known(key)).collect();
        let missing: Vec<&str> =
            texts.iter().zip(&found).filter(|(_, known)| known.is_none()).map(|(text, _)| text.as_str()).collect();
        let mut shifted = Shifted { observer, done_before: self.passages + self.asked, total: self.expected };
        let writer = &mut self.writer;
        let (written, fresh) = std::thread::scope(|scope| {
            let writing = scope.spawn(|| write(writer, ready));
            let fresh = encoder.encode(&missing, &mut shifted);
            (writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), fresh)
        });
        let fresh = fresh?;
        written?;
        let without = keys.iter().zip(&found).filter(|(_, known)| known.is_none()).map(|(key, _)| *key);
        self.writer.keep(without.zip(&fresh));
        let mut fresh = fresh.into_iter();
        let new = missing.len() as u64;
        for slot in found.iter_mut().filter(|slot| slot.is_none()) {
            *slot = fresh.next();
        }
        Ok((found.into_iter().flatten().collect(), new))
    }

    /// The vector of this content, if it was computed before and may be taken over.
    fn known(&self, key: &ContentKey) -> Option<Embedding> {
        if self.reuse == Reuse::Nothing {
            return None;
        }
        self.previous.as_ref().and_then(|previous| previous.embedding_of(key)).or_else(|| self.writer.kept(key))
    }
}

/// Writes documents with their vectors.
fn write(writer: &mut GenerationWriter, ready: Vec<Ready>) -> Result<(), Error> {
    for ((document, passages), embeddings) in ready {
        writer.add(&document, &passages, embeddings.as_deref())?;
    }
    Ok(())
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
