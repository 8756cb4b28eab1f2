//! Which vectors did a rebuild compute that never came to its end?
//!
//! Computing vectors is nearly all the work of a rebuild, so each batch is appended to one file beside the index as it
//! comes. Every record carries a digest of itself; what a crash left of the last one is cut off. A file of another
//! encoder is begun anew. The file is an insurance: a failure to write it stops nothing, and it is removed when a
//! generation is published.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use clinqa_schema::Embedding;

use crate::local::store::read_at;
use crate::{ContentKey, EncoderIdentity};

const NAME: &str = ".encoded";
const MAGIC: &[u8; 8] = b"CLQKEPT\0";
/// Magic, digest of the encoder's identity.
const HEADER_BYTES: usize = 8 + 32;
const KEY_BYTES: usize = 32;
const DIGEST_BYTES: usize = 8;
/// How often the file is made durable, in batches: a cut of power costs no more than this many.
const SYNC_EVERY: u32 = 16;

/// Vectors by the content they were made from.
pub struct KeptVectors {
    path: PathBuf,
    dimension: usize,
    header: [u8; HEADER_BYTES],
    /// Where the vector of a content stands in the file.
    places: HashMap<ContentKey, u64>,
    file: Option<File>,
    /// Bytes of whole records.
    length: u64,
    unsynced: u32,
}

impl KeptVectors {
    /// What `encoder` left in the index folder `root`; nothing is made or cut yet.
    pub(crate) fn open(root: &Path, encoder: &EncoderIdentity) -> Self {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        let identity = format!("{} {}", encoder.fingerprint, encoder.dimension);
        header[8..].copy_from_slice(blake3::hash(identity.as_bytes()).as_bytes());
        let mut kept = Self {
            path: root.join(NAME),
            dimension: encoder.dimension,
            header,
            places: HashMap::new(),
            file: None,
            length: 0,
            unsynced: 0,
        };
        // What cannot be read is computed again.
        if let Ok(file) = File::open(&kept.path) {
            kept.read(file);
        }
        kept
    }

    fn read(&mut self, file: File) {
        let mut input = BufReader::with_capacity(1 << 18, &file);
        let mut header = [0; HEADER_BYTES];
        if input.read_exact(&mut header).is_err() || header != self.header {
            return;
        }
        self.length = HEADER_BYTES as u64;
        let mut record = vec![0; self.record_bytes()];
        while input.read_exact(&mut record).is_ok() {
            let (body, found) = record.split_at(record.len() - DIGEST_BYTES);
            if digest(body) != found {
                break;
            }
            let mut key = [0; KEY_BYTES];
            key.copy_from_slice(&body[..KEY_BYTES]);
            self.places.insert(ContentKey(key), self.length + KEY_BYTES as u64);
            self.length += record.len() as u64;
        }
        self.file = Some(file);
    }

    /// Whether there is a vector of this content.
    pub fn holds(&self, content: &ContentKey) -> bool {
        self.places.contains_key(content)
    }

    /// The vector of this content.
    pub fn get(&self, content: &ContentKey) -> Option<Embedding> {
        let (place, file) = (self.places.get(content)?, self.file.as_ref()?);
        let mut bytes = vec![0; self.dimension * size_of::<f32>()];
        read_at(file, &mut bytes, *place).ok()?;
        let (components, _) = bytes.as_chunks::<4>();
        Embedding::checked(components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()).ok()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Appends a batch; on a failure the file is given up, since the rebuild can do without it.
    pub(crate) fn append<'a>(&mut self, batch: impl IntoIterator<Item = (ContentKey, &'a Embedding)>) {
        let mut bytes = Vec::new();
        for (content, embedding) in batch {
            let start = bytes.len();
            bytes.extend(content.0);
            bytes.extend(embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()));
            let digest = digest(&bytes[start..]);
            bytes.extend(digest);
        }
        if !bytes.is_empty() && self.write(&bytes).is_err() {
            let _ = fs::remove_file(&self.path);
            self.file = None;
            self.places.clear();
            self.length = 0;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.unsynced == 0 {
            // Opened anew, since what was found was opened to be read only, and what follows the last whole record goes.
            let file = File::options().create(true).read(true).write(true).truncate(false).open(&self.path)?;
            file.set_len(self.length)?;
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        if self.length == 0 {
            file.write_all(&self.header)?;
            self.length = HEADER_BYTES as u64;
        }
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        self.unsynced += 1;
        if self.unsynced.is_multiple_of(SYNC_EVERY) {
            file.sync_data()?;
        }
        Ok(())
    }

    fn record_bytes(&self) -> usize {
        KEY_BYTES + self.dimension * size_of::<f32>() + DIGEST_BYTES
    }
}

/// Removes what is kept in the index folder `root`; a failure costs space until the next publication.
pub(crate) fn forget(root: &Path) {
    let _ = fs::remove_file(root.join(NAME));
}

fn digest(body: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&blake3::hash(body).as_bytes()[..DIGEST_BYTES]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder(fingerprint: &str) -> EncoderIdentity {
        EncoderIdentity { name: "t".into(), fingerprint: fingerprint.into(), dimension: 2 }
    }

    fn vector(angle: f32) -> Embedding {
        Embedding::normalised(vec![angle.cos(), angle.sin()]).expect("a vector")
    }

    fn key(number: usize) -> ContentKey {
        ContentKey::of_text(&number.to_string())
    }

    fn append(root: &Path, numbers: std::ops::Range<usize>) {
        let mut kept = KeptVectors::open(root, &encoder("a"));
        for number in numbers {
            kept.append([(key(number), &vector(number as f32))]);
        }
    }

    #[test]
    fn what_was_appended_is_there_after_a_crash_at_any_byte_and_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        append(folder.path(), 0..3);
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).expect("bytes");
        let record = KEY_BYTES + 8 + DIGEST_BYTES;
        for end in 0..=whole.len() {
            fs::write(&path, &whole[..end]).expect("cut");
            let kept = KeptVectors::open(folder.path(), &encoder("a"));
            assert_eq!(kept.len(), end.saturating_sub(HEADER_BYTES) / record, "cut at {end}");
            for number in 0..kept.len() {
                assert_eq!(kept.get(&key(number)), Some(vector(number as f32)));
            }
            append(folder.path(), kept.len()..4);
            assert_eq!(KeptVectors::open(folder.path(), &encoder("a")).len(), 4, "cut at {end}");
        }
    }

    #[test]
    fn a_damaged_record_and_what_follows_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        append(folder.path(), 0..3);
        let path = folder.path().join(NAME);
        let mut bytes = fs::read(&path).expect("bytes");
        bytes[HEADER_BYTES + KEY_BYTES + 8 + DIGEST_BYTES + KEY_BYTES] ^= 1;
        fs::write(&path, bytes).expect("spoilt");
        let kept = KeptVectors::open(folder.path(), &encoder("a"));
        assert!(kept.holds(&key(0)) && !kept.holds(&key(1)) && !kept.holds(&key(2)));
    }

    #[test]
    fn vectors_of_another_encoder_are_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        append(folder.path(), 0..3);
        let mut other = KeptVectors::open(folder.path(), &encoder("b"));
        assert!(other.is_empty());
        other.append([(key(9), &vector(1.0))]);
        assert_eq!(KeptVectors::open(folder.path(), &encoder("b")).len(), 1);
        assert!(KeptVectors::open(folder.path(), &encoder("a")).is_empty());
        forget(folder.path());
        assert!(KeptVectors::open(folder.path(), &encoder("b")).is_empty());
    }

    #[test]
    fn what_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = KeptVectors::open(&folder.path().join("nowhere"), &encoder("a"));
        kept.append([(key(0), &vector(0.0))]);
        assert!(kept.is_empty());
    }
}
