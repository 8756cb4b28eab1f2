//! What would a rebuild do, without doing it?

use std::collections::HashSet;

use clinqa_corpus::Report;
use clinqa_encoder::Encoder;
use clinqa_index::{Changes, ContentKey, Fate, Generation, KeptVectors, Listed, PassageIndex, Store, Withdrawn};
use clinqa_schema::{Document, DocumentId, Observer, Passage};
use serde::Serialize;

use crate::engine::identity;
use crate::rebuild::{faq_of, open_all, read_all, reusable, survey};
use crate::{Allowed, Error, RebuildConfig, Reuse};

/// What a rebuild would do.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// The encoder's name; `None` if words only.
    pub encoder: Option<String>,
    /// What would become of every record.
    pub records: Report,
    /// Which of the records that cannot be used the manifests of their corpora allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Allowed>,
    /// Passages that would be indexed.
    pub passages: u64,
    /// Passages whose vector would be computed.
    pub encoded: u64,
    /// Passages whose vector is known.
    pub reused: u64,
    /// Documents that would be left out because they are withdrawn.
    pub withdrawn: u64,
    /// Which documents would differ from the current generation; `None` if there is none to compare with.
    pub changes: Option<Changes>,
    /// Why it would not be published, if so. Golden scores are not known before the index is made.
    pub refused: Option<String>,
}

/// Reads everything that a rebuild would read, and compares it with the current generation. Nothing is written, and no
/// lock is taken.
pub fn forecast(
    store: &Store,
    encoder: Option<&Encoder>,
    config: &RebuildConfig,
    observer: &mut dyn Observer,
) -> Result<Forecast, Error> {
    let corpora = open_all(&config.corpora)?;
    // A broken line of what people ask would refuse the rebuild.
    faq_of(&corpora)?;
    let withdrawn = store.withdrawn()?;
    // What is withdrawn and still there would be gone: the comparison is with everything that is there.
    let before = store.open_current().ok();
    let before = before.as_ref().map(|generation| generation.without(&Withdrawn::default()));
    let reusing = encoder.filter(|_| config.reuse == Reuse::Known);
    let mut reader = Reader {
        before: before.as_deref(),
        reused_from: reusing.and_then(|encoder| reusable(store, encoder)),
        kept: reusing.map(|encoder| store.kept_vectors(&identity(encoder))),
        withdrawn: &withdrawn,
        met: HashSet::new(),
        added: Vec::new(),
        changed: Vec::new(),
        taken_back: Vec::new(),
        forecast: Forecast {
            encoder: encoder.map(|encoder| encoder.name().to_owned()),
            records: Report::default(),
            allowed: Vec::new(),
            passages: 0,
            encoded: 0,
            reused: 0,
            withdrawn: 0,
            changes: None,
            refused: None,
        },
    };
    let seen = survey(&corpora, config, observer)?;
    let mut take = |document: Document, passages: Vec<Passage>| reader.take(&document, &passages);
    let sources = read_all(&corpora, &seen, config, observer, &mut take)?;
    let manifest = before.as_deref().map(PassageIndex::manifest);
    let refused = config.gate.check_sources(manifest, &sources).err().map(|error| error.to_string());
    let changes = reader.changes();
    let allowed = sources.allowed();
    Ok(Forecast { records: sources.records, allowed, changes, refused, ..reader.forecast })
}

/// Takes note of documents as they come.
struct Reader<'a> {
    before: Option<&'a dyn PassageIndex>,
    reused_from: Option<Generation>,
    kept: Option<KeptVectors>,
    withdrawn: &'a Withdrawn,
    met: HashSet<DocumentId>,
    added: Vec<DocumentId>,
    changed: Vec<DocumentId>,
    taken_back: Vec<DocumentId>,
    forecast: Forecast,
}

impl Reader<'_> {
    fn take(&mut self, document: &Document, passages: &[Passage]) -> Result<(), Error> {
        if self.withdrawn.holds(&document.id) {
            self.forecast.withdrawn += 1;
            return Ok(());
        }
        self.forecast.passages += passages.len() as u64;
        if self.forecast.encoder.is_some() {
            let known = passages.iter().filter(|passage| self.is_known(passage)).count() as u64;
            self.forecast.reused += known;
            self.forecast.encoded += passages.len() as u64 - known;
        }
        let Some(before) = self.before else { return Ok(()) };
        let fate = before.document(&document.id)?.map(|old| Fate::of(&old, document));
        match fate {
            None => self.added.push(document.id.clone()),
            Some(Fate::Same) => {}
            Some(Fate::Changed) => self.changed.push(document.id.clone()),
            Some(Fate::Withdrawn) => self.taken_back.push(document.id.clone()),
        }
        self.met.insert(document.id.clone());
        Ok(())
    }

    fn is_known(&self, passage: &Passage) -> bool {
        let key = ContentKey::of(passage);
        let in_generation = self.reused_from.as_ref().is_some_and(|known| known.embedding_of(&key).is_some());
        in_generation || self.kept.as_ref().is_some_and(|kept| kept.holds(&key))
    }

    fn changes(&mut self) -> Option<Changes> {
        let before = self.before?;
        let unchanged = (self.met.len() - self.added.len() - self.changed.len() - self.taken_back.len()) as u64;
        let mut removed = Listed::default();
        before.each_document(&mut |id, _| {
            if self.withdrawn.holds(id) {
                self.taken_back.push(id.clone());
            } else if !self.met.contains(id) {
                removed.note(id);
            }
        });
        let [added, changed, withdrawn] =
            [&mut self.added, &mut self.changed, &mut self.taken_back].map(|ids| listed(ids));
        Some(Changes { added, removed, changed, withdrawn, unchanged })
    }
}

fn listed(ids: &mut [DocumentId]) -> Listed {
    ids.sort();
    let mut listed = Listed::default();
    for id in ids.iter() {
        listed.note(id);
    }
    listed
}
