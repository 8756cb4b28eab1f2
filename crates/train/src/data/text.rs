//! Plain text to learn a language from: every `.txt`, `.md` and `.jsonl` (field `text`) of a folder, cut into blocks.

use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use clinqa_encoder::{SpecialTokens, TextTokenizer};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::labelled::file_name;
use super::licence;
use super::pairs::is_held_out;
use crate::TrainError;
use crate::batches::Draw;
use crate::card::DataSource;
use crate::pass::mix;

/// A block of fewer tokens has too little around each word to guess it by.
const FEWEST_TOKENS: usize = 16;
/// A larger file is no text that somebody wrote.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// Word pieces that stand together in a text, `[CLS]` and `[SEP]` around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Token ids.
    pub ids: Vec<u32>,
}

/// The two parts of a folder of text, document by document: none is in both, and no copy of one.
#[derive(Debug, Default)]
pub struct TextData {
    /// Learned from.
    pub train: Vec<Block>,
    /// Scored on.
    pub dev: Vec<Block>,
    /// What was read and what was not.
    pub report: TextReport,
}

/// What was read of a folder, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextReport {
    /// Files read.
    pub files: usize,
    /// Documents learned from and scored on; a file is one, or each record of a `.jsonl`.
    pub documents: [usize; 2],
    /// Tokens learned from and scored on.
    pub tokens: [usize; 2],
    /// What was left out: file, record (0: all of it), and why.
    pub skipped: Vec<(String, usize, String)>,
    /// Blocks of other documents that were left out: no word of theirs is known to the model.
    pub unknown_blocks: usize,
    /// Bytes of the files.
    pub bytes: u64,
    /// BLAKE3 over names and contents of the files, in hex.
    pub digest: String,
}

/// How a folder is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Tokens of a block, the special ones included.
    pub block: usize,
    /// The share of the documents that are held out.
    pub dev_share: f64,
    /// Most blocks of those that are scored on, drawn from all of them.
    pub dev_blocks: usize,
    /// Decides which.
    pub seed: u64,
}

/// One text, and where it stood.
struct Document {
    file: String,
    /// Which record of the file, counted from 1; 0 for all of it.
    record: usize,
    text: String,
}

#[derive(Deserialize)]
struct Record {
    text: String,
}

/// Reads `folder` (or one file) and all that is in it, in the order of names.
pub fn read(folder: &Path, tokenizer: &TextTokenizer, cut: Cut) -> Result<TextData, TrainError> {
    let mut paths = Vec::new();
    list(folder, &mut paths)?;
    paths.sort();
    let mut data = TextData::default();
    let mut documents = Vec::new();
    let mut hasher = blake3::Hasher::new();
    for path in &paths {
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let size = fs::metadata(path).map_err(failed(path))?.len();
        if size > MAX_FILE_BYTES {
            data.report.skipped.push((name, 0, format!("it has {size} bytes, over the limit of {MAX_FILE_BYTES}")));
            continue;
        }
        let bytes = fs::read(path).map_err(failed(path))?;
        data.report.bytes += bytes.len() as u64;
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        hasher.update(blake3::hash(&bytes).as_bytes());
        let Ok(text) = String::from_utf8(bytes) else {
            data.report.skipped.push((name, 0, "it is not UTF-8".to_owned()));
            continue;
        };
        data.report.files += 1;
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                if let Ok(Record { text }) = serde_json::from_str(line) {
                    documents.push(Document { file: name.clone(), record: index + 1, text });
                } else {
                    let why = "it is no JSON object with a field `text`".to_owned();
                    data.report.skipped.push((name.clone(), index + 1, why));
                }
            }
        } else {
            documents.push(Document { file: name, record: 0, text });
        }
    }
    let unguessed = unguessed(tokenizer);
    // Tokens of all documents at once, on every core; then one after the other, in their order.
    let ids: Vec<Vec<u32>> =
        documents.par_iter().map(|document| tokenizer.ids(&document.text)).collect::<Result<_, _>>()?;
    for (document, ids) in documents.iter().zip(ids) {
        data.add(document, &ids, (tokenizer.special, &unguessed), cut);
    }
    data.sample(cut);
    // Some are found unusable while they are read, others when they are cut: told in the order in which they lie.
    data.report.skipped.sort();
    data.report.digest = hasher.finalize().to_hex().to_string();
    if data.train.is_empty() {
        return Err(TrainError::TooFew { what: "text (.txt, .md or .jsonl)", found: 0, needed: 1 });
    }
    Ok(data)
}

/// The tokens that there is nothing to guess about: those that frame a sequence, and what stands for an unknown word.
pub(crate) fn unguessed(tokenizer: &TextTokenizer) -> Vec<u32> {
    let SpecialTokens { cls, sep, pad } = tokenizer.special;
    iter::chain([cls, sep, pad], ["[MASK]", "[UNK]"].into_iter().filter_map(|name| tokenizer.id(name))).collect()
}

impl TextReport {
    /// The folder as a model card names it, by what was read of it.
    pub fn source(&self, folder: &Path) -> DataSource {
        let [trained, scored] = self.documents;
        DataSource {
            file: file_name(folder),
            bytes: self.bytes,
            blake3: self.digest.clone(),
            licence: licence::beside(folder),
            weight: 1.0,
            trained,
            scored,
        }
    }
}

impl TextData {
    fn add(&mut self, document: &Document, ids: &[u32], (special, unguessed): (SpecialTokens, &[u32]), cut: Cut) {
        let room = cut.block.saturating_sub(2).max(1);
        let long = || ids.chunks(room).filter(|chunk| chunk.len() >= FEWEST_TOKENS.min(room));
        let blocks: Vec<Block> = long()
            .filter(|chunk| chunk.iter().any(|id| !unguessed.contains(id)))
            .map(|chunk| Block { ids: [&[special.cls], chunk, &[special.sep]].concat() })
            .collect();
        let unknown = long().count() - blocks.len();
        if blocks.is_empty() {
            let why = match unknown {
                0 => format!("it has {} tokens, too few", ids.len()),
                _ => "it has no word that the model knows".to_owned(),
            };
            self.report.skipped.push((document.file.clone(), document.record, why));
            return;
        }
        self.report.unknown_blocks += unknown;
        let held_out = is_held_out(&content(&document.text), cut.dev_share, cut.seed);
        let (part, index) = if held_out { (&mut self.dev, 1) } else { (&mut self.train, 0) };
        self.report.documents[index] += 1;
        self.report.tokens[index] += blocks.iter().map(|block| block.ids.len()).sum::<usize>();
        part.extend(blocks);
    }

    /// Keeps as many held-out blocks as are to be scored on, drawn from all of them.
    fn sample(&mut self, cut: Cut) {
        if self.dev.len() > cut.dev_blocks {
            Draw(mix(cut.seed)).shuffle(&mut self.dev);
            self.dev.truncate(cut.dev_blocks);
            self.report.tokens[1] = self.dev.iter().map(|block| block.ids.len()).sum();
        }
    }
}

/// What a document says, whatever its case and its blanks: by this and the seed it is held out or not, so that a text that
/// lies in several places stands on one side, and stays there when others come.
fn content(text: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in text.split_whitespace() {
        hasher.update(word.to_lowercase().as_bytes()).update(b" ");
    }
    hasher.finalize().to_hex().to_string()
}

fn list(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), TrainError> {
    if !fs::metadata(path).map_err(failed(path))?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed(path))? {
        let entry = entry.map_err(failed(path))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed(path))?);
        let known = path.extension().is_some_and(|end| ["txt", "md", "jsonl"].iter().any(|known| end == *known));
        if kind.is_dir() || (kind.is_file() && known) {
            list(&path, found)?;
        }
    }
    Ok(())
}

fn failed(path: &Path) -> impl Fn(io::Error) -> TrainError + use<> {
    let path = path.display().to_string();
    move |source| TrainError::Read { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny;

    fn tokenizer() -> TextTokenizer {
        let folder = tiny::folder("gelu");
        clinqa_encoder::Checkpoint::open(&tiny::source(folder.path())).expect("a checkpoint").tokenizer
    }

    const CUT: Cut = Cut { block: 20, dev_share: 0.0, dev_blocks: 1_000, seed: 1 };

    #[test]
    fn texts_are_cut_into_blocks_and_what_is_of_no_use_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).expect("written");
        fs::create_dir(folder.path().join("inner")).expect("made");
        write("a.txt", "heart lung ".repeat(30).as_bytes());
        write("inner/b.md", "heart. ".repeat(9).as_bytes());
        write("c.jsonl", b"{\"text\": \"lung\"}\n\nnot json\n{\"other\": 1}\n");
        write("d.txt", b"\xff\xfe");
        write("e.pdf", b"not read at all");
        let data = read(folder.path(), &tokenizer(), CUT).expect("read");
        let lengths: Vec<usize> = data.train.iter().map(|block| block.ids.len()).collect();
        assert_eq!(lengths, [20, 20, 20, 20], "60 tokens in blocks of 18, the last 6 too few; 18 of the other");
        let skipped: Vec<(&str, usize)> =
            data.report.skipped.iter().map(|(file, record, _)| (file.as_str(), *record)).collect();
        assert_eq!(skipped, [("c.jsonl", 1), ("c.jsonl", 3), ("c.jsonl", 4), ("d.txt", 0)]);
        assert_eq!(data.report.files, 3);
        assert_eq!(data.report.documents, [2, 0]);
    }

    #[test]
    fn blocks_without_a_known_word_are_left_out_and_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("a.txt", &"心 ".repeat(36));
        write("b.txt", &format!("{}{}heart {}", "heart ".repeat(18), "心 ".repeat(36), "心 ".repeat(17)));
        let data = read(folder.path(), &tokenizer(), CUT).expect("read");
        assert_eq!((data.train.len(), data.report.unknown_blocks), (2, 2), "one word is enough");
        assert_eq!(data.report.documents, [1, 0]);
        let why = "it has no word that the model knows".to_owned();
        assert_eq!(data.report.skipped, [("a.txt".to_owned(), 0, why)]);
    }

    #[test]
    fn no_document_is_in_both_parts_and_the_seed_decides() {
        let folder = tempfile::tempdir().expect("a folder");
        // Nine bits of a number as words: 400 texts, none like another.
        let words = |number: usize| -> String {
            (0..18).map(|bit| if number >> (bit % 9) & 1 == 1 { "heart " } else { "lung " }).collect()
        };
        let line = |number: usize| format!("{{\"text\": \"{}\"}}", words(number));
        let lines: Vec<String> = (0..400).map(line).collect();
        fs::write(folder.path().join("a.jsonl"), lines.join("\n")).expect("written");
        let parts = |seed| {
            let cut = Cut { dev_share: 0.1, seed, ..CUT };
            read(folder.path(), &tokenizer(), cut).expect("read").report.documents
        };
        let [train, dev] = parts(1);
        assert_eq!(train + dev, 400);
        assert!((20..60).contains(&dev), "{dev}");
        assert_eq!(parts(1), parts(1));
        let few = Cut { dev_share: 0.1, dev_blocks: 5, ..CUT };
        assert_eq!(read(folder.path(), &tokenizer(), few).expect("read").dev.len(), 5);
    }

    #[test]
    fn copies_of_a_text_stand_on_one_side() {
        let folder = tempfile::tempdir().expect("a folder");
        for copy in 0..40 {
            let text = ["heart lung ", "Heart  LUNG\n"][copy % 2].repeat(9);
            fs::write(folder.path().join(format!("{copy}.txt")), text).expect("written");
        }
        fs::write(folder.path().join("other.txt"), "lung heart ".repeat(9)).expect("written");
        for seed in 0..20 {
            let cut = Cut { dev_share: 0.5, seed, ..CUT };
            // With everything held out there is nothing to learn from.
            let Ok(data) = read(folder.path(), &tokenizer(), cut) else { continue };
            assert!([[41, 0], [40, 1], [1, 40]].contains(&data.report.documents), "{:?}", data.report.documents);
        }
    }

    #[test]
    fn an_empty_folder_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = read(folder.path(), &tokenizer(), CUT).expect_err("refused").to_string();
        assert!(error.contains("at least 1"), "{error}");
    }
}
