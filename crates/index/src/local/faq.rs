//! Which of the questions that people ask lie near this one, and what answers them?
//!
//! A file holds a line for each question, with the places of what answers it; another holds, in the same order, which passage
//! answers each first, and their vectors, one signed byte a component, since it is read whole at every start. All are compared:
//! they are written by hand, and few beside the passages. Lines are parsed when they are wanted.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clinqa_schema::{Embedding, PassageId};
use rayon::prelude::*;

use crate::local::admitted::Admitted;
use crate::local::best::{Best, Scored};
use crate::local::files::Output;
use crate::local::manifest::Manifest;
use crate::local::spool::ClosedSpool;
use crate::{ContentKey, FaqEntry, IndexError, contextual_text};

pub(crate) const QUESTIONS: &str = "faq.jsonl";
const VECTORS: &str = "faq.bin";

const MAGIC: &[u8; 8] = b"CLQFAQV\0";
const VERSION: u32 = 1;
/// Magic, version, dimension, number of vectors.
const HEADER_BYTES: usize = 8 + 4 + 4 + 8;
/// Greatest component of a code.
const MOST: f32 = 127.0;
/// Vectors that a thread compares at a time.
const AT_ONCE: usize = 2_048;
/// Partial sums of a dot product: enough for the compiler to keep several SIMD registers busy.
const LANES: usize = 16;

/// Place of a passage, first byte and end byte in it.
pub(crate) type Answer = (u32, u32, u32);

/// A line: the question, the title of the document that it is asked of, and the places of its answers.
pub(crate) type Stored = (String, String, Vec<Answer>);

/// The questions of one generation, open.
pub(crate) struct Faq {
    path: PathBuf,
    text: String,
    lines: Vec<Range<usize>>,
    passages: u64,
    dimension: usize,
    /// The passage that answers each first: all that answers a question stands in one document.
    places: Vec<u32>,
    /// All that answer any first.
    answering: BTreeSet<u32>,
    /// The codes of all vectors, one after the other.
    codes: Vec<i8>,
    /// What a unit of each code is worth, so that the vector has length 1.
    scales: Vec<f32>,
    /// Places by content, made when the first vector is asked for: only a rebuild asks.
    by_content: OnceLock<HashMap<ContentKey, usize>>,
}

impl Faq {
    /// Reads what lies in `folder`, whose files were compared with the manifest before; `None` if there is nothing.
    pub(crate) fn open(folder: &Path, manifest: &Manifest) -> Result<Option<Self>, IndexError> {
        let has_questions = manifest.files.iter().any(|entry| entry.file == QUESTIONS);
        let Some(encoder) = manifest.encoder.as_ref().filter(|_| has_questions) else { return Ok(None) };
        let path = folder.join(QUESTIONS);
        let text = fs::read_to_string(&path).map_err(|source| IndexError::io("read", &path, source))?;
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            lines.push(start..start + line.len());
            start += line.len();
        }
        let (places, codes) = read_codes(&folder.join(VECTORS), encoder.dimension, lines.len())?;
        let scales = codes.par_chunks(encoder.dimension).map(scale).collect();
        let answering = places.iter().copied().collect();
        let (passages, dimension, by_content) = (manifest.counts.passages, encoder.dimension, OnceLock::new());
        Ok(Some(Self { path, text, lines, passages, dimension, places, answering, codes, scales, by_content }))
    }

    /// Whether any question is answered in passages at these places.
    pub(crate) fn is_answered_in(&self, places: Range<u32>) -> bool {
        self.answering.range(places).next().is_some()
    }

    /// The `depth` nearest whose answers are admitted, with their cosines.
    pub(crate) fn nearest(
        &self,
        query: &Embedding,
        depth: usize,
        admitted: Option<&Admitted>,
    ) -> Result<Vec<(Stored, f32)>, IndexError> {
        let (expected, found) = (self.dimension, query.dimension());
        if found != expected {
            return Err(IndexError::Dimension { expected, found });
        }
        let score = |(at, code): (usize, &[i8])| Scored {
            score: dot(query.as_slice(), code) * self.scales[at],
            place: at as u32,
        };
        let codes = self.codes.par_chunks(self.dimension).with_min_len(AT_ONCE).enumerate();
        let scored: Vec<Scored> = codes.map(score).collect();
        let mut best = Best::new(depth);
        let is_admitted =
            |scored: &&Scored| admitted.is_none_or(|passages| passages.holds(self.places[scored.place as usize]));
        for scored in scored.iter().filter(is_admitted) {
            best.offer(*scored);
        }
        best.into_sorted().into_iter().map(|hit| Ok((self.stored(hit.place as usize)?, hit.score))).collect()
    }

    /// The vector of the question with this content, as near as its code is.
    pub(crate) fn embedding_of(&self, content: &ContentKey) -> Option<Embedding> {
        let by_content = self.by_content.get_or_init(|| {
            let key = |at: usize| {
                let (question, title, _) = self.stored(at).ok()?;
                Some((ContentKey::of_text(&contextual_text(&title, &question)), at))
            };
            (0..self.lines.len()).filter_map(key).collect()
        });
        let at = *by_content.get(content)?;
        let code = self.codes.get(at * self.dimension..(at + 1) * self.dimension)?;
        Embedding::normalised(code.iter().map(|&component| f32::from(component)).collect()).ok()
    }

    fn stored(&self, at: usize) -> Result<Stored, IndexError> {
        let line = &self.text[self.lines[at].clone()];
        let stored: Stored =
            serde_json::from_str(line).map_err(|source| IndexError::Json { path: self.path.clone(), source })?;
        let is_whole = |(place, start, end): &Answer| u64::from(*place) < self.passages && start < end;
        if stored.2.is_empty() || !stored.2.iter().all(is_whole) {
            return Err(IndexError::content(&self.path, "place of an answer"));
        }
        Ok(stored)
    }
}

fn header(dimension: usize, vectors: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((dimension as u32).to_le_bytes());
    bytes.extend((vectors as u64).to_le_bytes());
    bytes
}

/// The passage that answers each question first, and the codes of all.
fn read_codes(path: &Path, dimension: usize, count: usize) -> Result<(Vec<u32>, Vec<i8>), IndexError> {
    let bytes = fs::read(path).map_err(|source| IndexError::io("read", path, source))?;
    let Some((head, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(IndexError::content(path, "header"));
    };
    if dimension == 0 || head != header(dimension, count) {
        return Err(IndexError::content(path, "header"));
    }
    let wrong_length = || IndexError::content(path, "length");
    let places = count.checked_mul(size_of::<u32>()).ok_or_else(wrong_length)?;
    let (places, codes) = rest.split_at_checked(places).ok_or_else(wrong_length)?;
    if Some(codes.len()) != dimension.checked_mul(count) {
        return Err(wrong_length());
    }
    let (places, _) = places.as_chunks::<4>();
    let places = places.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    Ok((places, codes.iter().map(|byte| byte.cast_signed()).collect()))
}

/// The vector as signed bytes, the greatest component as great as can be.
fn code(embedding: &Embedding) -> impl Iterator<Item = u8> {
    let most = embedding.as_slice().iter().fold(0.0f32, |most, component| most.max(component.abs()));
    embedding.as_slice().iter().map(move |component| ((component / most * MOST).round() as i8).cast_unsigned())
}

/// What a unit of `code` is worth if the vector has length 1.
fn scale(code: &[i8]) -> f32 {
    // Of 384 components at most 6.2 million; a sum of bytes as wide as an i32 would need 133,000 of them.
    let squares: i32 = code.iter().map(|&component| i32::from(component) * i32::from(component)).sum();
    if squares == 0 { 0.0 } else { (1.0 / f64::from(squares).sqrt()) as f32 }
}

/// The dot product of a vector and a code of one length.
fn dot(query: &[f32], code: &[i8]) -> f32 {
    let (queries, query_rest) = query.as_chunks::<LANES>();
    let (codes, code_rest) = code.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (query, code) in queries.iter().zip(codes) {
        for lane in 0..LANES {
            sums[lane] += query[lane] * f32::from(code[lane]);
        }
    }
    let rest: f32 = query_rest.iter().zip(code_rest).map(|(query, code)| query * f32::from(*code)).sum();
    sums.iter().sum::<f32>() + rest
}

/// A question as it is written.
pub(crate) struct Line {
    /// What is stored.
    pub(crate) bytes: Vec<u8>,
    /// The passage that answers it first.
    place: u32,
    code: Vec<u8>,
}

/// The lines that stand for questions with their vectors, each an error if what answers it is not in the spool.
pub(crate) fn lines(asked: &[(FaqEntry, Embedding)], spool: &ClosedSpool) -> Result<Vec<Line>, IndexError> {
    let mut places: HashMap<PassageId, u32> = HashMap::new();
    let mut place = 0;
    for waiting in &spool.waiting {
        for passage in spool.passages(waiting) {
            places.insert(PassageId::new(waiting.id.clone(), passage.ordinal), place);
            place += 1;
        }
    }
    let line = |(entry, embedding): &(FaqEntry, Embedding)| {
        let answer = |(passage, bytes): &(PassageId, Range<usize>)| -> Result<Answer, IndexError> {
            let foreign =
                || IndexError::ForeignPassage { passage: passage.clone(), document: passage.document.clone() };
            let place = places.get(passage).ok_or_else(foreign)?;
            Ok((*place, bytes.start as u32, bytes.end as u32))
        };
        let answers: Vec<Answer> = entry.answers.iter().map(answer).collect::<Result<_, _>>()?;
        let place = answers.first().map_or(0, |(place, ..)| *place);
        let mut bytes = serde_json::to_vec(&(&entry.question, &entry.title, answers))
            .map_err(|source| IndexError::Json { path: QUESTIONS.into(), source })?;
        bytes.push(b'\n');
        Ok(Line { bytes, place, code: code(embedding).collect() })
    };
    asked.iter().map(line).collect()
}

/// Writes both files.
pub(crate) fn write(folder: &Path, lines: &[Line], dimension: usize) -> Result<(), IndexError> {
    let mut questions = Output::create(folder.join(QUESTIONS))?;
    let mut vectors = Output::create(folder.join(VECTORS))?;
    vectors.write(&header(dimension, lines.len()))?;
    for line in lines {
        questions.write(&line.bytes)?;
        vectors.write(&line.place.to_le_bytes())?;
    }
    for line in lines {
        vectors.write(&line.code)?;
    }
    questions.finish()?;
    vectors.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_code_keeps_the_cosine_and_is_its_own_code(
            a in proptest::collection::vec(-1.0f32..1.0, 384),
            b in proptest::collection::vec(-1.0f32..1.0, 384),
        ) {
            let (a, b) = (Embedding::normalised(a).expect("a vector"), Embedding::normalised(b).expect("a vector"));
            let coded: Vec<i8> = code(&b).map(u8::cast_signed).collect();
            let found = dot(a.as_slice(), &coded) * scale(&coded);
            proptest::prop_assert!((found - a.cosine(&b)).abs() < 0.005, "{} for {}", found, a.cosine(&b));
            let again = Embedding::normalised(coded.iter().map(|&component| f32::from(component)).collect());
            let again: Vec<i8> = code(&again.expect("a vector")).map(u8::cast_signed).collect();
            proptest::prop_assert_eq!(again, coded, "a vector that is taken over stays what it is");
        }
    }

    #[test]
    fn a_file_that_is_not_of_codes_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(VECTORS);
        let check = |bytes: &[u8], good: bool| {
            fs::write(&path, bytes).expect("a file");
            assert_eq!(read_codes(&path, 2, 1).is_ok(), good, "{bytes:?}");
        };
        let place = [7, 0, 0, 0].as_slice();
        check(&[&header(2, 1), place, &[1, 2]].concat(), true);
        check(&[&header(2, 1), place, &[1]].concat(), false);
        check(&[&header(2, 1), place, &[1, 2, 3]].concat(), false);
        check(&[&header(2, 1), place.split_at(2).0].concat(), false);
        check(&[&header(1, 2), place, &[1, 2]].concat(), false);
        check(b"", false);
        assert_eq!((scale(&[0, 0]), scale(&[0, 127])), (0.0, 1.0 / 127.0));
    }
}
