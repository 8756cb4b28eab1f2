//! A dense index from a plain file of vectors, so that its search can be timed beside others'.

use std::fs;
use std::path::{Path, PathBuf};

use clinqa_index::{EncoderIdentity, Generation, GraphParams, IndexError, Manifest, PassageIndex, Store, WriterConfig};
use clinqa_schema::{Document, DocumentId, Embedding, Metadata, Passage, Silent, SourceLocator};

use crate::BenchError;

const MAGIC: &[u8] = b"\x93NUMPY";
const MANIFEST: &str = "manifest.json";

/// Vectors of one width: rows of little-endian f32, bare or as `NumPy` saves them.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorFile {
    dimension: usize,
    values: Vec<f32>,
}

impl VectorFile {
    /// Reads the file at `path`, whose vectors have `dimension` components.
    pub fn read(path: &Path, dimension: usize) -> Result<Self, BenchError> {
        let bytes = fs::read(path).map_err(BenchError::file(path))?;
        let numbers = if bytes.starts_with(MAGIC) {
            after_header(&bytes).ok_or_else(|| BenchError::NumPy { path: path.to_owned() })?
        } else {
            &bytes
        };
        let (quads, rest) = numbers.as_chunks::<4>();
        if dimension == 0 || !rest.is_empty() || quads.is_empty() || !quads.len().is_multiple_of(dimension) {
            return Err(BenchError::Vectors { path: path.to_owned(), bytes: numbers.len(), dimension });
        }
        Ok(Self { dimension, values: quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect() })
    }

    /// The vectors, scaled to length 1; one without direction is an error.
    pub fn embeddings(&self) -> impl Iterator<Item = Result<Embedding, BenchError>> {
        let unit =
            |row: &[f32]| Embedding::normalised(row.to_vec()).map_err(|source| BenchError::Encode(source.into()));
        self.values.chunks_exact(self.dimension).map(unit)
    }
}

/// What follows the header of a `NumPy` file of rows of f32; `None` if it is of something else.
fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    let (length, from): (usize, usize) = match bytes.get(6)? {
        1 => (usize::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?])), 10),
        _ => (u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize, 12),
    };
    let header = std::str::from_utf8(bytes.get(from..from.checked_add(length)?)?).ok()?;
    let rows_of_f32 = header.contains("'<f4'") && header.contains("'fortran_order': False");
    rows_of_f32.then_some(&bytes[from + length..])
}

/// Builds and publishes an index in `folder` that holds each vector as one passage: vector `n` is passage `n#0`.
pub fn build_vectors(vectors: &VectorFile, folder: &Path, graph: GraphParams) -> Result<(), BenchError> {
    let encoder =
        EncoderIdentity { name: "vectors of a file".into(), fingerprint: "none".into(), dimension: vectors.dimension };
    let store = Store::at(folder);
    let config = WriterConfig { created: 0, encoder: Some(encoder), corpora: Vec::new(), graph };
    let mut writer = store.writer(config)?;
    for (number, embedding) in vectors.embeddings().enumerate() {
        let document = document(number)?;
        let passage = Passage::cut(&document, 0, "", 0..document.text.len())
            .map_err(|_| BenchError::Order { first: "a vector whose number can be written" })?;
        writer.add(&document, &[passage], Some(&[embedding?]))?;
    }
    Ok(store.publish(&writer.finish(&mut Silent)?)?)
}

/// Opens the index in `folder` to be searched with `ef` candidates.
///
/// How widely to search is part of the manifest, which is written anew: the index of a benchmark is ours to change.
pub fn open_vectors(folder: &Path, ef: usize) -> Result<Generation, BenchError> {
    let store = Store::at(folder);
    let Some(pointer) = store.current()? else {
        return Err(IndexError::NotPublished { path: folder.to_owned() }.into());
    };
    let path = folder.join("generations").join(pointer.generation.to_string()).join(MANIFEST);
    let bytes = fs::read(&path).map_err(BenchError::file(&path))?;
    let mut manifest: Manifest = serde_json::from_slice(&bytes)?;
    if manifest.graph.ef_search != ef {
        manifest.graph.ef_search = ef;
        let bytes = serde_json::to_vec_pretty(&manifest)?;
        replace(&path, &bytes)?;
        let line = format!("{} {}\n", pointer.generation, blake3::hash(&bytes).to_hex());
        replace(&folder.join("CURRENT"), line.as_bytes())?;
    }
    Ok(store.open_current()?)
}

/// The number of a vector, from the document that it stands for.
pub(crate) fn number(document: &DocumentId) -> Option<u64> {
    document.as_str().parse().ok()
}

/// Bytes of the vectors and of what finds them: every file of the manifest that holds no words.
pub(crate) fn dense_bytes(generation: &Generation) -> u64 {
    const WORDS: [&str; 4] = ["documents", "passages", "lexical", "lexicon"];
    let files = generation.manifest().files.iter();
    files.filter(|entry| !WORDS.iter().any(|words| entry.file.starts_with(words))).map(|entry| entry.bytes).sum()
}

fn document(number: usize) -> Result<Document, BenchError> {
    Ok(Document {
        id: DocumentId::new(number.to_string())?,
        title: String::new(),
        text: "x".into(),
        sections: Vec::new(),
        metadata: Metadata::default(),
        source: SourceLocator::default(),
    })
}

/// Sealed files may not be written to, but their folder may: unlinked and made anew.
fn replace(path: &PathBuf, bytes: &[u8]) -> Result<(), BenchError> {
    fs::remove_file(path).map_err(BenchError::file(path))?;
    fs::write(path, bytes).map_err(BenchError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clinqa_schema::Filters;

    fn numbers(count: usize) -> Vec<u8> {
        (0..count).flat_map(|at| (((at * 37) % 101) as f32 - 50.5).to_le_bytes()).collect()
    }

    #[test]
    fn bare_and_numpy_files_hold_the_same_vectors_and_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |bytes: &[u8], dimension: usize| {
            let path = folder.path().join("file");
            fs::write(&path, bytes).expect("written");
            VectorFile::read(&path, dimension)
        };
        let saved = |header: &str| [MAGIC, &[1, 0, header.len() as u8, 0], header.as_bytes(), &numbers(8)].concat();
        let bare = read(&numbers(8), 4).expect("vectors");
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }";
        assert_eq!(read(&saved(header), 4).expect("vectors"), bare);
        assert!(matches!(read(&saved("{'descr': '<f8', 'fortran_order': False}"), 4), Err(BenchError::NumPy { .. })));
        assert!(matches!(read(MAGIC, 4), Err(BenchError::NumPy { .. })));
        for (bytes, dimension) in [(numbers(8), 3), (numbers(8), 0), (Vec::new(), 4), (vec![0; 17], 1)] {
            assert!(matches!(read(&bytes, dimension), Err(BenchError::Vectors { .. })));
        }
    }

    #[test]
    fn an_index_of_vectors_finds_each_by_its_number_however_widely_it_searches() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, numbers(40 * 8)).expect("written");
        let vectors = VectorFile::read(&file, 8).expect("vectors");
        let index = folder.path().join("index");
        let graph = GraphParams { m: 4, ef_construction: 20, ef_search: 10, exact_below: 0 };
        build_vectors(&vectors, &index, graph).expect("an index");
        for ef in [10, 30, 10] {
            let generation = open_vectors(&index, ef).expect("an index");
            assert_eq!(generation.manifest().graph.ef_search, ef);
            assert!(dense_bytes(&generation) >= 40 * 8 * 4);
            for (at, embedding) in vectors.embeddings().enumerate() {
                let found = generation.dense(&embedding.expect("a vector"), 1, &Filters::default()).expect("hits");
                assert_eq!(number(&found.hits()[0].passage_id.document), Some(at as u64));
            }
        }
    }
}
