//! Which documents may not be shown, although a generation holds them?
//!
//! `index/withdrawn` lies outside the generations, so that a document is gone at once and from every generation. It is
//! only ever appended to, a line at a time, made durable before anybody is told. Each line carries a digest of itself
//! and of all lines before it: a changed, lost or moved line is found. A last line without its end is what a crash left
//! of a command that never said it was done, and is passed over.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clinqa_schema::{DocumentId, Moment};
use serde::Serialize;

use crate::IndexError;
use crate::local::files::sync_folder;

pub(crate) const WITHDRAWN: &str = "withdrawn";
const HEADER: &str = "clinqa withdrawn 1\n";
/// Hex digits of a line's digest.
const DIGEST: usize = 32;
/// Longest reason, in characters; what is longer is cut.
const MAX_REASON: usize = 200;

/// The documents that may not be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withdrawn {
    entries: BTreeMap<DocumentId, Withdrawal>,
    stamp: WithdrawnStamp,
}

/// Why and since when a document is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// The document.
    pub id: DocumentId,
    /// Since when.
    pub at: Moment,
    /// Why, in the words of whoever withdrew it; may be empty.
    pub reason: String,
}

/// By what a change of the list is noticed without reading it: its length and when it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WithdrawnStamp(Option<(u64, SystemTime)>);

/// What becomes of documents in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Withdraw,
    Restore,
}

impl Withdrawn {
    /// Whether `id` may not be shown.
    pub fn holds(&self, id: &DocumentId) -> bool {
        self.entries.contains_key(id)
    }

    /// Every withdrawn document, by id.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Withdrawal> {
        self.entries.values()
    }

    /// Whether everything may be shown.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// By what a change is noticed.
    pub fn stamp(&self) -> WithdrawnStamp {
        self.stamp
    }

    /// The list in the index folder `root`; an empty one if there is no file.
    pub(crate) fn read(root: &Path) -> Result<Self, IndexError> {
        let path = root.join(WITHDRAWN);
        // Looked at before it is read: what is appended in between is noticed at the next look.
        let stamp = stamp(root);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(IndexError::io("read", &path, source)),
        };
        let Log { entries, .. } = Log::decode(&bytes, &path)?;
        Ok(Self { entries, stamp })
    }
}

/// The stamp of the list in `root` as it is now.
pub(crate) fn stamp(root: &Path) -> WithdrawnStamp {
    let found = fs::metadata(root.join(WITHDRAWN)).ok();
    WithdrawnStamp(found.and_then(|found| Some((found.len(), found.modified().ok()?))))
}

/// One change to the list.
pub(crate) struct Amendment<'a> {
    pub(crate) verb: Verb,
    pub(crate) ids: &'a [DocumentId],
    pub(crate) reason: &'a str,
    pub(crate) now: Moment,
}

/// Appends to the list in `root` and waits until that is on the disk; tells for which documents it changed anything.
pub(crate) fn amend(root: &Path, amendment: &Amendment<'_>) -> Result<Vec<DocumentId>, IndexError> {
    let path = root.join(WITHDRAWN);
    let failed = |doing| move |source| IndexError::io(doing, &root.join(WITHDRAWN), source);
    fs::create_dir_all(root).map_err(failed("create"))?;
    let mut file =
        File::options().create(true).read(true).write(true).truncate(false).open(&path).map_err(failed("create"))?;
    // Held for a moment, so that two who append do not mix; a rebuild under way hinders nobody.
    file.lock().map_err(failed("lock"))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed("read"))?;
    let Log { mut entries, mut chain, whole } = Log::decode(&bytes, &path)?;
    let mut text = if whole == 0 { HEADER.to_owned() } else { String::new() };
    let mut changed = Vec::new();
    for id in amendment.ids {
        let reason = one_line(amendment.reason);
        let withdrawal = Withdrawal { id: id.clone(), at: amendment.now, reason };
        let word = match (amendment.verb, entries.contains_key(id)) {
            (Verb::Withdraw, false) => "withdraw",
            (Verb::Restore, true) => "restore",
            _ => continue,
        };
        let body = format!("{word} {} {} {}", id, withdrawal.at.0, withdrawal.reason);
        chain = digest(&chain, &body);
        for part in [&chain, " ", &body, "\n"] {
            text += part;
        }
        match amendment.verb {
            Verb::Withdraw => drop(entries.insert(id.clone(), withdrawal)),
            Verb::Restore => drop(entries.remove(id)),
        }
        changed.push(id.clone());
    }
    if changed.is_empty() {
        return Ok(changed);
    }
    // What a crash left of a line is written over.
    file.set_len(whole).map_err(failed("write"))?;
    file.seek(SeekFrom::Start(whole)).map_err(failed("write"))?;
    if let Err(source) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        let _ = file.set_len(whole);
        return Err(IndexError::io("write", &path, source));
    }
    sync_folder(root)?;
    Ok(changed)
}

/// What the file says.
struct Log {
    entries: BTreeMap<DocumentId, Withdrawal>,
    /// Digest of the last line.
    chain: String,
    /// Bytes of whole lines.
    whole: u64,
}

impl Log {
    fn decode(bytes: &[u8], path: &Path) -> Result<Self, IndexError> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut log = Self { entries: BTreeMap::new(), chain: String::new(), whole: whole as u64 };
        let damaged = |line: usize| IndexError::Withdrawn { path: PathBuf::from(path), line };
        if whole == 0 {
            // Only a header that was cut short may stand there.
            let is_torn = HEADER.as_bytes().starts_with(bytes);
            return if is_torn { Ok(log) } else { Err(damaged(1)) };
        }
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| damaged(1))?;
        let body = text.strip_prefix(HEADER).ok_or_else(|| damaged(1))?;
        for (number, line) in (2..).zip(body.lines()) {
            log.take(line).ok_or_else(|| damaged(number))?;
        }
        Ok(log)
    }

    /// Takes one line; `None` if it is not one that was written here, after those before.
    fn take(&mut self, line: &str) -> Option<()> {
        let (found, body) = line.split_once(' ')?;
        self.chain = digest(&self.chain, body);
        if found != self.chain {
            return None;
        }
        let mut parts = body.splitn(4, ' ');
        let (word, id) = (parts.next()?, DocumentId::new(parts.next()?).ok()?);
        let (at, reason) = (Moment(parts.next()?.parse().ok()?), parts.next()?.to_owned());
        match word {
            "withdraw" => drop(self.entries.insert(id.clone(), Withdrawal { id, at, reason })),
            "restore" => drop(self.entries.remove(&id)),
            _ => return None,
        }
        Some(())
    }
}

fn digest(chain: &str, body: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(chain.as_bytes()).update(b"\n").update(body.as_bytes());
    let mut hex = hasher.finalize().to_hex().to_string();
    hex.truncate(DIGEST);
    hex
}

/// A reason as one line of printable characters, not too long.
fn one_line(reason: &str) -> String {
    let plain: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect();
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DocumentId {
        DocumentId::new(text).expect("an id")
    }

    fn change(root: &Path, verb: Verb, ids: &[&str]) -> usize {
        let ids: Vec<DocumentId> = ids.iter().map(|text| id(text)).collect();
        let amendment = Amendment { verb, ids: &ids, reason: "re\ntracted", now: Moment(7) };
        amend(root, &amendment).expect("appended").len()
    }

    fn held(root: &Path) -> Vec<String> {
        Withdrawn::read(root).expect("read").entries().map(|entry| entry.id.to_string()).collect()
    }

    #[test]
    fn documents_are_withdrawn_restored_and_withdrawn_again() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Withdrawn::read(folder.path()).expect("none").is_empty());
        assert_eq!(change(folder.path(), Verb::Withdraw, &["b", "a"]), 2);
        assert_eq!(change(folder.path(), Verb::Withdraw, &["a"]), 0, "once is enough");
        assert_eq!(held(folder.path()), ["a", "b"]);
        assert_eq!(change(folder.path(), Verb::Restore, &["a", "c"]), 1);
        assert_eq!(held(folder.path()), ["b"]);
        assert_eq!(change(folder.path(), Verb::Withdraw, &["a"]), 1);
        let list = Withdrawn::read(folder.path()).expect("read");
        let first = list.entries().next().expect("one");
        assert_eq!((first.at, first.reason.as_str()), (Moment(7), "re tracted"));
        assert!(list.holds(&id("b")) && list.stamp() == stamp(folder.path()));
    }

    #[test]
    fn any_changed_byte_and_any_lost_line_is_found_by_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        change(folder.path(), Verb::Withdraw, &["a", "b", "c"]);
        let path = folder.path().join(WITHDRAWN);
        let sound = fs::read(&path).expect("bytes");
        // Without its line end, the last line is one that a crash cut.
        for place in 0..sound.len() - 1 {
            let mut flipped = sound.clone();
            flipped[place] ^= 1;
            fs::write(&path, &flipped).expect("written");
            assert!(Withdrawn::read(folder.path()).is_err(), "byte {place}");
        }
        let mut lines: Vec<&str> = std::str::from_utf8(&sound).expect("text").lines().collect();
        lines.remove(2);
        fs::write(&path, lines.join("\n") + "\n").expect("written");
        let message = Withdrawn::read(folder.path()).expect_err("a line is gone").to_string();
        assert!(message.contains("line 3") && message.contains("clinqa index withdraw"), "{message}");
    }

    #[test]
    fn a_line_that_a_crash_cut_is_passed_over_and_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        change(folder.path(), Verb::Withdraw, &["a", "b"]);
        let path = folder.path().join(WITHDRAWN);
        let sound = fs::read(&path).expect("bytes");
        let header = HEADER.len();
        for end in 0..sound.len() {
            fs::write(&path, &sound[..end]).expect("cut");
            let expected = sound[..end].split(|byte| *byte == b'\n').count().saturating_sub(2);
            assert_eq!(held(folder.path()).len(), expected, "cut at {end}, header {header}");
            assert_eq!(change(folder.path(), Verb::Withdraw, &["z"]), 1);
            assert_eq!(held(folder.path()).len(), expected + 1, "cut at {end}");
        }
    }
}
