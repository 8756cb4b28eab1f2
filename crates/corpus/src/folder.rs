//! Which files does a corpus folder hold, and what is in each?

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::CorpusError;
use crate::faq::FAQ_FILE;
use crate::format::{known_formats, recognise};
use crate::manifest::{FileDigest, MANIFEST_FILE};
use crate::packing::Packing;
use crate::report::SkipReason;
use crate::unpack::HEAD_BYTES;

/// About how many bytes a packed record has, for a bar that knows no better.
const PACKED_RECORD_BYTES: u64 = 700;
const BUFFER_BYTES: usize = 1 << 16;

/// One entry of the folder, however deep.
pub(crate) struct Entry {
    /// Its name relative to the corpus folder, with `/` between names.
    pub(crate) file: String,
    /// Where to open it.
    pub(crate) path: PathBuf,
    /// What to do with it.
    pub(crate) content: Content,
}

/// What an entry is to the corpus.
pub(crate) enum Content {
    /// Records, about so many, packed or not.
    Records { about: u64, bytes: u64, blake3: String, shape: Shape },
    /// Something that should have been records.
    Unusable(SkipReason),
    /// Something that is not meant to be records.
    PassedOver,
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// From its first byte to its last.
    Stream,
    /// From the list at its end.
    Zip,
}

/// Every entry of `folder` sorted by name, and the digests of the regular files among them. Hidden entries are left
/// out, links are not followed, sub-folders are walked. With `only`, no other format is considered.
pub(crate) fn list(folder: &Path, only: Option<&str>) -> Result<(Vec<Entry>, Vec<FileDigest>), CorpusError> {
    let mut entries = Vec::new();
    let mut digests = Vec::new();
    for (file, path, kind) in walk(folder)? {
        let content = match kind {
            Kind::Link => Content::Unusable(SkipReason::SymbolicLink),
            Kind::Special => Content::Unusable(SkipReason::NotAFile),
            Kind::BadName => Content::Unusable(SkipReason::FileName),
            Kind::File => {
                let look = look(&path).map_err(|reason| CorpusError::Io { path: path.clone(), reason })?;
                let content = content(&file, &look, only);
                digests.push(FileDigest { file: file.clone(), bytes: look.bytes, blake3: look.blake3 });
                content
            }
        };
        entries.push(Entry { file, path, content });
    }
    Ok((entries, digests))
}

enum Kind {
    File,
    Link,
    Special,
    BadName,
}

/// Every entry that is not a folder, sorted by relative name; a file is its own only one. A loop, not a recursion: depth is the deliverer's choice.
fn walk(root: &Path) -> Result<Vec<(String, PathBuf, Kind)>, CorpusError> {
    if root.is_file() {
        let name = root.file_name().unwrap_or_default();
        let kind = name.to_str().map_or(Kind::BadName, |_| Kind::File);
        return Ok(vec![(name.to_string_lossy().into_owned(), root.to_owned(), kind)]);
    }
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let failed = |reason: io::Error| CorpusError::Io { path: folder.clone(), reason };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name();
            let file = format!("{prefix}{}", name.to_string_lossy());
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let kind = match name.to_str() {
                None => Kind::BadName,
                Some(_) if kind.is_symlink() => Kind::Link,
                Some(_) if kind.is_dir() => {
                    folders.push((format!("{file}/"), entry.path()));
                    continue;
                }
                Some(_) if kind.is_file() => Kind::File,
                Some(_) => Kind::Special,
            };
            found.push((file, entry.path(), kind));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// What one pass over a file tells.
struct Look {
    head: Vec<u8>,
    bytes: u64,
    lines: u64,
    blake3: String,
}

fn look(path: &Path) -> io::Result<Look> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut head, mut bytes, mut lines, mut last) = (Vec::new(), 0, 0, b'\n');
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(read);
        head.extend_from_slice(&read[..read.len().min(HEAD_BYTES.saturating_sub(head.len()))]);
        bytes += read.len() as u64;
        lines += read.split(|&byte| byte == b'\n').count() as u64 - 1;
        last = read[read.len() - 1];
    }
    lines += u64::from(last != b'\n');
    Ok(Look { head, bytes, lines, blake3: hasher.finalize().to_hex().to_string() })
}

fn content(file: &str, look: &Look, only: Option<&str>) -> Content {
    if is_passed_over(file) {
        return Content::PassedOver;
    }
    let (bytes, blake3) = (look.bytes, look.blake3.clone());
    let format = recognise(Path::new(file), &look.head, only);
    match (Packing::of(&look.head), format) {
        (Some(Packing::Zip), None) => {
            Content::Records { about: bytes / PACKED_RECORD_BYTES + 1, bytes, blake3, shape: Shape::Zip }
        }
        (Some(Packing::Gzip | Packing::Xz | Packing::Tar), _) => {
            Content::Records { about: bytes / PACKED_RECORD_BYTES + 1, bytes, blake3, shape: Shape::Stream }
        }
        (_, Some(format)) => Content::Records { about: format.about(look.lines), bytes, blake3, shape: Shape::Stream },
        (None, None) => {
            let known = only.map_or_else(known_formats, str::to_owned);
            Content::Unusable(SkipReason::UnknownFormat { known })
        }
    }
}

/// What lies in a corpus folder without being records: the corpus's own files and a BEIR folder's questions at the
/// top, and notes about reading and rights in any folder.
pub(crate) fn is_passed_over(file: &str) -> bool {
    let at_the_top = [MANIFEST_FILE, FAQ_FILE, "expected.toml", "questions.jsonl", "queries.jsonl"];
    let name = file.rsplit('/').next().unwrap_or(file).to_ascii_uppercase();
    let stem = name.split('.').next().unwrap_or(&name);
    at_the_top.contains(&file)
        || file.starts_with("qrels/")
        || ["README", "LICENSE", "LICENCE", "COPYING", "NOTICE"].contains(&stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_own_files_are_not_records() {
        let check = |file: &str, over: bool| assert_eq!(is_passed_over(file), over, "{file}");
        check("corpus.toml", true);
        check("README.md", true);
        check("more/readme.txt", true);
        check("LICENSE-MIT", false);
        check("LICENSE", true);
        check("qrels/test.tsv", true);
        check("queries.jsonl", true);
        check("faq.jsonl", true);
        check("corpus.jsonl", false);
        check("asthma.md", false);
        check("more/queries.jsonl", false);
    }
}
