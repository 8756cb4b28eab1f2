//! How does a generation come to be?

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use clinqa_schema::{Document, DocumentId, Embedding, Observer, Passage, Progress, Stage};

use crate::lexicon::LexiconBuilder;
use crate::local::codes::Codes;
use crate::local::faq;
use crate::local::files::{Output, names_below, protect, seal, sync_folder, write_durably};
use crate::local::graph::GRAPH;
use crate::local::graph_build;
use crate::local::kept::KeptVectors;
use crate::local::lexical::{LEXICAL, LexicalBuilder};
use crate::local::lock::Lock;
use crate::local::manifest::{LEXICON, MANIFEST};
use crate::local::spool::{ClosedSpool, Spool, Waiting};
use crate::local::store::{self, DOCUMENTS, DocumentEntry, HEADINGS, METADATA, PASSAGES, PassageRecord};
use crate::local::vectors::{self, VECTORS, Vectors};
use crate::{
    ContentKey, CorpusAccount, CorpusEntry, Counts, EncoderIdentity, FORMAT_VERSION, FaqEntry, FileEntry, Generation,
    GenerationId, GraphParams, IndexError, Manifest,
};

/// Documents that are read ahead of the writing: so many at once, so many times.
const AT_ONCE: usize = 64;
const AHEAD: usize = 4;

/// How often progress is told while words are indexed, in passages.
const REPORT_EVERY: u64 = 64;

/// What a generation is to say about itself, and how it is to be built.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriterConfig {
    /// When, in seconds since 1970 UTC. Part of the manifest, not of the content hash.
    pub created: u64,
    /// Who makes the vectors; `None` for an index of words only.
    pub encoder: Option<EncoderIdentity>,
    /// What comes in.
    pub corpora: Vec<CorpusEntry>,
    /// How the dense index is built.
    pub graph: GraphParams,
}

/// A generation being written, in a temporary folder that vanishes with it. Holds the index's lock.
pub struct GenerationWriter {
    temporary: Temporary,
    number: u64,
    config: WriterConfig,
    spool: Spool,
    /// Vectors of rebuilds that did not come to their end; `None` if there are to be none.
    kept: Option<KeptVectors>,
    siblings: BTreeMap<DocumentId, Vec<DocumentId>>,
    /// What people ask, with the vectors.
    faq: Vec<(FaqEntry, Embedding)>,
}

/// A generation that is whole, but not published; it vanishes if it never is. Holds the index's lock.
pub struct SealedGeneration {
    temporary: Temporary,
    manifest: Manifest,
    manifest_blake3: String,
}

/// A folder that is removed at the end unless it was renamed, and the lock under which it was made.
struct Temporary {
    folder: PathBuf,
    _lock: Lock,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After publication there is nothing of this name; after a failure the next writer prunes what stays.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl GenerationWriter {
    pub(crate) fn begin(
        folder: PathBuf,
        number: u64,
        lock: Lock,
        kept: Option<KeptVectors>,
        config: WriterConfig,
    ) -> Result<Self, IndexError> {
        fs::create_dir(&folder).map_err(|source| IndexError::io("create", &folder, source))?;
        let temporary = Temporary { folder, _lock: lock };
        let spool = Spool::create(&temporary.folder)?;
        Ok(Self { temporary, number, config, spool, kept, siblings: BTreeMap::new(), faq: Vec::new() })
    }

    /// The vector that a rebuild computed for this content before it was killed.
    pub fn kept(&self, content: &ContentKey) -> Option<Embedding> {
        self.kept.as_ref()?.get(content)
    }

    /// Keeps vectors that were computed now, for the next rebuild should this one be killed.
    pub fn keep<'a>(&mut self, batch: impl IntoIterator<Item = (ContentKey, &'a Embedding)>) {
        if let Some(kept) = &mut self.kept {
            kept.append(batch);
        }
    }

    /// Adds a document with its passages, ascending by ordinal, and one vector a passage if there is an encoder.
    ///
    /// Documents may come in any order. After an error the writer is as it was before, unless the disk failed.
    pub fn add(
        &mut self,
        document: &Document,
        passages: &[Passage],
        embeddings: Option<&[Embedding]>,
    ) -> Result<(), IndexError> {
        document.validate()?;
        check_passages(document, passages)?;
        let embeddings = embeddings.unwrap_or_default();
        self.check_embeddings(document, passages, embeddings)?;
        self.spool.add(document, passages, embeddings)
    }

    /// Says which documents say nearly the same; known once all were added.
    pub fn relate(&mut self, siblings: BTreeMap<DocumentId, Vec<DocumentId>>) {
        self.siblings = siblings;
    }

    /// Adds a question that people ask, with its vector; what answers it is added before the end. An index of words only has
    /// none.
    pub fn ask(&mut self, entry: FaqEntry, embedding: Embedding) -> Result<(), IndexError> {
        let Some(encoder) = &self.config.encoder else { return Ok(()) };
        if embedding.dimension() != encoder.dimension {
            return Err(IndexError::Dimension { expected: encoder.dimension, found: embedding.dimension() });
        }
        self.faq.push((entry, embedding));
        Ok(())
    }

    /// Says what came of a corpus; known once all was added.
    pub fn account(&mut self, corpus: &str, account: CorpusAccount) {
        if let Some(entry) = self.config.corpora.iter_mut().find(|entry| entry.name == corpus) {
            entry.account = Some(account);
        }
    }

    /// Writes everything out, makes it durable, and puts the manifest in last.
    pub fn finish(self, observer: &mut dyn Observer) -> Result<SealedGeneration, IndexError> {
        let Self { temporary, number, config, spool, kept: _, siblings, faq } = self;
        if spool.passages() == 0 {
            return Err(IndexError::Empty);
        }
        let folder = &temporary.folder;
        let spool = spool.close()?;
        let faq = faq::lines(&faq, &spool)?;
        let given = Given { siblings, faq: &faq };
        let (counts, content_hash) = write_words((folder, given), &spool, config.encoder.as_ref(), observer)?;
        if let Some(encoder) = &config.encoder {
            write_vectors(folder, &spool, encoder.dimension)?;
            write_graph(folder, encoder.dimension, counts, &config.graph, observer)?;
            if !faq.is_empty() {
                faq::write(folder, &faq, encoder.dimension)?;
            }
        }
        spool.remove()?;
        let manifest = Manifest {
            format_version: FORMAT_VERSION,
            id: GenerationId::new(number, &content_hash),
            created: config.created,
            content_hash: content_hash.to_hex().to_string(),
            encoder: config.encoder,
            counts,
            graph: config.graph,
            corpora: config.corpora,
            files: seal_files(folder, observer)?,
        };
        let path = folder.join(MANIFEST);
        let bytes =
            serde_json::to_vec_pretty(&manifest).map_err(|source| IndexError::Json { path: path.clone(), source })?;
        write_durably(&path, &bytes)?;
        protect(&path)?;
        sync_folder(folder)?;
        Ok(SealedGeneration { temporary, manifest, manifest_blake3: blake3::hash(&bytes).to_hex().to_string() })
    }

    fn check_embeddings(
        &self,
        document: &Document,
        passages: &[Passage],
        embeddings: &[Embedding],
    ) -> Result<(), IndexError> {
        let expected = if self.config.encoder.is_some() { passages.len() } else { 0 };
        let found = embeddings.len();
        if expected != found {
            return Err(IndexError::EmbeddingCount { document: document.id.clone(), expected, found });
        }
        let dimension = self.config.encoder.as_ref().map_or(0, |encoder| encoder.dimension);
        match embeddings.iter().find(|embedding| embedding.dimension() != dimension) {
            Some(odd) => Err(IndexError::Dimension { expected: dimension, found: odd.dimension() }),
            None => Ok(()),
        }
    }
}

impl SealedGeneration {
    /// Opens it as it will be opened once published, so that it can be scored before.
    pub fn open(&self) -> Result<Generation, IndexError> {
        Generation::open(&self.temporary.folder, &self.manifest_blake3)
    }

    /// Its name.
    pub fn id(&self) -> &GenerationId {
        &self.manifest.id
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.temporary.folder
    }

    pub(crate) fn manifest_blake3(&self) -> &str {
        &self.manifest_blake3
    }
}

fn check_passages(document: &Document, passages: &[Passage]) -> Result<(), IndexError> {
    if u32::try_from(document.text.len()).is_err() {
        return Err(IndexError::TooLong { id: document.id.clone(), bytes: document.text.len() });
    }
    let mut least = 0;
    for passage in passages {
        let is_own = passage.id().document == document.id
            && passage.title() == document.title
            && document.text.get(passage.bytes()) == Some(passage.text());
        if !is_own || u64::from(passage.id().ordinal) < least {
            return Err(IndexError::ForeignPassage { passage: passage.id().clone(), document: document.id.clone() });
        }
        least = u64::from(passage.id().ordinal) + 1;
    }
    Ok(())
}

/// What is known beside the documents once all have come.
struct Given<'a> {
    siblings: BTreeMap<DocumentId, Vec<DocumentId>>,
    faq: &'a [faq::Line],
}

/// Writes documents, metadata, passages and the lexical index in the order of ids, and takes the content hash.
fn write_words(
    (folder, Given { mut siblings, faq }): (&Path, Given<'_>),
    spool: &ClosedSpool,
    encoder: Option<&EncoderIdentity>,
    observer: &mut dyn Observer,
) -> Result<(Counts, blake3::Hash), IndexError> {
    let total: usize = spool.waiting.iter().map(|waiting| waiting.passages.len()).sum();
    let mut tell = |done: u64| {
        observer.observe(&Progress { stage: Stage::Lexical, done, total: Some(total as u64) });
    };
    tell(0);
    let mut words = Words::create(folder, total, encoder)?;
    std::thread::scope(|scope| {
        let (send, read) = sync_channel(AHEAD);
        scope.spawn(move || read_ahead(spool, &send));
        for (waiting, document) in spool.waiting.iter().zip(read.iter().flatten()) {
            let before = words.place;
            let (mut line, mut document) = document?;
            if let Some(alike) = siblings.remove(&document.id) {
                document.metadata.siblings = alike;
                line = words.json(&document)?;
            }
            words.add(spool, waiting, &line, &document)?;
            if u64::from(words.place) / REPORT_EVERY != u64::from(before) / REPORT_EVERY {
                tell(u64::from(words.place));
            }
        }
        Ok::<(), IndexError>(())
    })?;
    for line in faq {
        words.hash(&line.bytes);
    }
    let content_hash = words.finish(folder, spool)?;
    tell(total as u64);
    Ok((Counts { documents: spool.waiting.len() as u64, passages: total as u64 }, content_hash))
}

/// A document's line and itself, as they come out of the spool.
type Read = Result<(Vec<u8>, Document), IndexError>;

/// Reads the documents of the spool in their order, some ahead of whoever takes them, until nobody does.
fn read_ahead(spool: &ClosedSpool, send: &SyncSender<Vec<Read>>) {
    for waiting in spool.waiting.chunks(AT_ONCE) {
        if send.send(waiting.iter().map(|waiting| spool.document(waiting)).collect()).is_err() {
            return;
        }
    }
}

/// The files that grow document by document.
struct Words {
    documents: Output,
    metadata: Output,
    passages: Output,
    lexical: LexicalBuilder,
    lexicon: LexiconBuilder,
    content: blake3::Hasher,
    headings: Vec<String>,
    heading_places: HashMap<String, u32>,
    /// Places taken so far.
    document: u32,
    place: u32,
}

impl Words {
    fn create(folder: &Path, passages: usize, encoder: Option<&EncoderIdentity>) -> Result<Self, IndexError> {
        let mut words = Self {
            documents: Output::create(folder.join(DOCUMENTS))?,
            metadata: Output::create(folder.join(METADATA))?,
            passages: Output::create(folder.join(PASSAGES))?,
            lexical: LexicalBuilder::create(folder, passages)?,
            lexicon: LexiconBuilder::default(),
            content: blake3::Hasher::new(),
            headings: Vec::new(),
            heading_places: HashMap::new(),
            document: 0,
            place: 0,
        };
        words.passages.write(&store::encode_header(passages))?;
        words.hash(encoder.map_or("", |encoder| &encoder.fingerprint).as_bytes());
        Ok(words)
    }

    fn add(
        &mut self,
        spool: &ClosedSpool,
        waiting: &Waiting,
        line: &[u8],
        document: &Document,
    ) -> Result<(), IndexError> {
        let entry = DocumentEntry {
            id: document.id.clone(),
            offset: self.documents.written(),
            bytes: line.len() as u64,
            first_passage: self.place,
            passages: waiting.passages.len() as u32,
            metadata: document.metadata.clone(),
        };
        self.documents.write(line)?;
        self.documents.write(b"\n")?;
        self.metadata.write(&self.json(&entry)?)?;
        self.metadata.write(b"\n")?;
        let metadata = self.json(&document.metadata)?;
        for passage in spool.passages(waiting) {
            let heading = spool.heading(passage);
            let bytes = passage.start as usize..passage.end as usize;
            let cut = Passage::cut(document, passage.ordinal, heading, bytes)
                .map_err(|error| IndexError::ForeignPassage { passage: error.id, document: document.id.clone() })?;
            for part in [&cut.id().to_string(), cut.title(), cut.heading(), cut.text()] {
                self.hash(part.as_bytes());
            }
            self.hash(&metadata);
            let record = PassageRecord {
                document: self.document,
                ordinal: passage.ordinal,
                heading: self.heading_place(heading),
                start: passage.start,
                end: passage.end,
                content: passage.content,
            };
            self.passages.write(&record.encode())?;
            self.lexical.add(self.place, &cut, &document.metadata)?;
            self.place += 1;
        }
        self.lexicon.add(document);
        self.document += 1;
        Ok(())
    }

    fn finish(self, folder: &Path, spool: &ClosedSpool) -> Result<blake3::Hash, IndexError> {
        let path = folder.join(HEADINGS);
        let headings =
            serde_json::to_vec(&self.headings).map_err(|source| IndexError::Json { path: path.clone(), source })?;
        write_durably(&path, &headings)?;
        let lexicon = self.lexicon.finish(|number| spool.waiting[number as usize].id.clone());
        write_durably(&folder.join(LEXICON), &lexicon.encode())?;
        self.documents.finish()?;
        self.metadata.finish()?;
        self.passages.finish()?;
        self.lexical.finish()?;
        Ok(self.content.finalize())
    }

    /// Each part goes in with its length, so that no two contents run into the same bytes.
    fn hash(&mut self, part: &[u8]) {
        self.content.update(&(part.len() as u64).to_le_bytes());
        self.content.update(part);
    }

    /// Headings are numbered as they come in the order of ids, whatever the order in which documents arrived.
    fn heading_place(&mut self, heading: &str) -> u32 {
        if let Some(place) = self.heading_places.get(heading) {
            return *place;
        }
        let place = self.headings.len() as u32;
        self.headings.push(heading.to_owned());
        self.heading_places.insert(heading.to_owned(), place);
        place
    }

    fn json(&self, value: &impl serde::Serialize) -> Result<Vec<u8>, IndexError> {
        serde_json::to_vec(value).map_err(|source| IndexError::Json { path: self.metadata.path().to_owned(), source })
    }
}

fn write_vectors(folder: &Path, spool: &ClosedSpool, dimension: usize) -> Result<(), IndexError> {
    let total = spool.waiting.iter().map(|waiting| waiting.passages.len()).sum();
    let mut output = Output::create(folder.join(VECTORS))?;
    output.write(&vectors::encode_header(dimension, total))?;
    for waiting in &spool.waiting {
        output.write(&spool.vectors(waiting, dimension)?)?;
    }
    output.finish().map(|_| ())
}

/// Builds the graph, unless there are so few vectors that every search is exact.
fn write_graph(
    folder: &Path,
    dimension: usize,
    counts: Counts,
    params: &GraphParams,
    observer: &mut dyn Observer,
) -> Result<(), IndexError> {
    let passages = counts.passages as usize;
    let mut tell = |done: u64| {
        observer.observe(&Progress { stage: Stage::Dense, done, total: Some(counts.passages) });
    };
    tell(0);
    if passages > params.exact_below {
        let vectors = Vectors::open(&folder.join(VECTORS), dimension, passages)?;
        if let Some(graph) = graph_build::build(&Codes::of(&vectors)?, params, &mut tell) {
            let mut output = Output::create(folder.join(GRAPH))?;
            output.write(&graph.encode())?;
            output.finish()?;
        }
    }
    tell(counts.passages);
    Ok(())
}

/// Makes every file durable and read-only, and lists it.
fn seal_files(folder: &Path, observer: &mut dyn Observer) -> Result<Vec<FileEntry>, IndexError> {
    let names = names_below(folder)?;
    let total = Some(names.len() as u64);
    let mut entries = Vec::with_capacity(names.len());
    for (done, name) in (0u64..).zip(&names) {
        observer.observe(&Progress { stage: Stage::Seal, done, total });
        entries.push(seal(folder, name)?);
    }
    observer.observe(&Progress { stage: Stage::Seal, done: names.len() as u64, total });
    sync_folder(&folder.join(LEXICAL))?;
    Ok(entries)
}
