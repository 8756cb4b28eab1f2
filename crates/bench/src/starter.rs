//! The starter corpus as passages, and as an index that is built once and kept.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clinqa_corpus::{Corpus, SplitConfig, split};
use clinqa_encoder::Encoder;
use clinqa_eval::{JudgedQuestion, read_judged};
use clinqa_index::{
    FORMAT_VERSION, FileEntry, Generation, GraphParams, KEPT_GENERATIONS, PassageIndex, Patience, Store,
};
use clinqa_qa::{Copies, Engine, Gate, Models, RebuildConfig, Reuse, identity, rebuild};
use clinqa_reader::{Calibration, ReadConfig, Reader};
use clinqa_safety::Rules;
use clinqa_schema::{Passage, Silent};
use clinqa_weights::{ENCODER, READER};

use crate::{BenchError, embedded};

const CALIBRATION: &str = "calibration.json";
const QUESTIONS: &str = "questions.jsonl";

/// A corpus folder, and the folder where its index is kept between runs.
#[derive(Debug, Clone, Copy)]
pub struct Starter<'a> {
    /// The corpus.
    pub corpus: &'a Path,
    /// The index.
    pub index: &'a Path,
}

impl Starter<'_> {
    /// The index of the corpus: the one that is kept if it was made by this encoder from these files, else a new one,
    /// which takes a minute.
    pub fn generation(self, encoder: &Encoder) -> Result<Generation, BenchError> {
        let store = Store::at(self.index);
        let corpus = clinqa_corpus::open(self.corpus)?;
        match store.open_current() {
            Ok(kept) if is_of(&kept, &corpus, encoder) => return Ok(kept),
            // What is damaged, outdated or missing is made again: nothing of it is worth keeping.
            _ => {}
        }
        let config = RebuildConfig {
            corpora: vec![self.corpus.to_owned()],
            split: SplitConfig::default(),
            copies: Copies::Drop,
            graph: GraphParams::default(),
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            gate: Gate::default(),
            reuse: Reuse::Known,
            patience: Patience::Refuse,
            keep: KEPT_GENERATIONS,
        };
        rebuild(&store, Some(encoder), &config, &mut Silent)?;
        Ok(store.open_current()?)
    }

    /// The judged questions of the corpus.
    pub fn questions(self) -> Result<Vec<JudgedQuestion>, BenchError> {
        let path = self.corpus.join(QUESTIONS);
        Ok(read_judged(BufReader::new(File::open(&path).map_err(BenchError::file(&path))?))?)
    }
}

/// Everything that answering needs, open, with the models in the binary.
pub fn engine(starter: Starter<'_>) -> Result<Engine, BenchError> {
    let encoder = Encoder::open(&embedded(&ENCODER))?;
    let generation = starter.generation(&encoder)?;
    let models = Models { encoder: Some(encoder), reader: reader()?, rules: Rules::embedded()?, second_opinion: None };
    Ok(Engine::new(Arc::new(models), generation)?)
}

/// Every passage of the corpus in `folder`, in the order of its files.
pub fn passages(folder: &Path) -> Result<Vec<Passage>, BenchError> {
    let mut passages = Vec::new();
    let corpus = clinqa_corpus::open(folder)?;
    corpus.read(&mut Silent, &mut |document| {
        passages.extend(split(&document, &SplitConfig::default()));
        ControlFlow::Continue(())
    })?;
    Ok(passages)
}

fn reader() -> Result<Reader, BenchError> {
    let source = embedded(&READER);
    let json = READER.files.iter().find(|(name, _)| *name == CALIBRATION).map(|(_, bytes)| *bytes);
    let calibration = json.map_or_else(|| Ok(Calibration::default()), |json| Calibration::parse(READER.name, json))?;
    Ok(Reader::open(&source, calibration, ReadConfig::default())?)
}

fn is_of(kept: &Generation, corpus: &Corpus, encoder: &Encoder) -> bool {
    let manifest = kept.manifest();
    let files: Vec<FileEntry> = corpus
        .files()
        .iter()
        .map(|digest| FileEntry { file: digest.file.clone(), bytes: digest.bytes, blake3: digest.blake3.clone() })
        .collect();
    manifest.format_version == FORMAT_VERSION
        && manifest.graph == GraphParams::default()
        && manifest.corpora.iter().map(|entry| &entry.files).eq([&files])
        && kept.require_encoder(&identity(encoder)).is_ok()
}
