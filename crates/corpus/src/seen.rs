//! Which of all records are handed on?
//!
//! A later record may replace, delete or doubt an earlier one, and "later" is what the records say, never the order of
//! files: a first pass over all corpora notes of each document what decides (hashes and places, no text, about 50 bytes
//! a record), [`Seen::survey`] settles it, and the second pass hands on exactly the winners.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinqa_schema::{Document, Observer, Progress, SourceLocator, Stage, Standing};

use crate::corpus::Corpus;
use crate::error::CorpusError;
use crate::record::{Deletion, Delivered, Notice, Record, Version};
use crate::report::SkipReason;

/// 96 bits of BLAKE3: a hundred million documents collide with probability 10⁻¹³.
type Key = [u32; 3];

/// What becomes of a document with the title and text of another.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// It is a duplicate.
    #[default]
    Drop,
    /// It stays: the judgements of a test collection may name either.
    Keep,
}

/// What a first pass over all corpora of an index has settled.
#[derive(Debug, Default)]
pub struct Seen {
    corpora: Vec<Surveyed>,
    files: Vec<File>,
    places: Vec<Place>,
    verdicts: Vec<Verdict>,
    deletions: HashMap<Key, (Version, Place)>,
    notices: HashMap<Key, Standing>,
    indexed: u64,
    weight: u64,
}

#[derive(Debug)]
struct Surveyed {
    folder: PathBuf,
    records: u64,
    first_document: usize,
}

/// A file or a member of one, in the corpus of this number.
#[derive(Debug, PartialEq, Eq)]
struct File {
    corpus: u32,
    corpus_name: String,
    path: String,
    member: Option<String>,
}

/// An index into [`Seen::files`] and the record there, from 1; 0 where the file is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: u32,
    record: u32,
}

/// What becomes of the n-th document of the first pass; a number is that of the document which is kept instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Wins,
    SameId(u32),
    SameText(u32),
    Superseded(u32),
    Deleted,
}

/// What is noted of a document.
struct Claim {
    id: Key,
    content: Key,
    /// Over all that the document holds: what decides between equal versions.
    whole: u32,
    version: Version,
    place: Place,
    weight: u16,
    /// Characters of its id.
    id_chars: u16,
}

impl Seen {
    /// Reads every record of `corpora` (an earlier corpus outweighs a later one where versions do not decide) and
    /// settles which are handed on. `weigh` says how much work a document will be; [`Seen::weight`] adds it up.
    pub fn survey(
        corpora: &[Corpus],
        copies: Copies,
        observer: &mut dyn Observer,
        weigh: &mut dyn FnMut(&Document) -> usize,
    ) -> Result<Self, CorpusError> {
        let mut seen = Self::default();
        let mut claims = Vec::new();
        let expected: u64 = corpora.iter().map(Corpus::about).sum();
        let mut done = 0;
        for (number, corpus) in (0..).zip(corpora) {
            let before = done;
            let first_document = claims.len();
            corpus.walk(&mut |_, record| {
                if !matches!(record, Record::Notice(_)) {
                    done += 1;
                    observer.observe(&Progress { stage: Stage::Read, done, total: Some(expected.max(done)) });
                }
                match record {
                    Record::Document(delivered) => {
                        if delivered.document.validate().is_ok() {
                            let place = seen.place(number, &delivered.document.source);
                            claims.push(Claim::of(&delivered, place, weigh(&delivered.document)));
                        }
                    }
                    Record::Deletion(deletion) => seen.delete(number, &deletion),
                    Record::Notice(notice) => seen.note(notice),
                    Record::Skipped(_) => {}
                }
                ControlFlow::Continue(())
            })?;
            seen.corpora.push(Surveyed { folder: corpus.folder.clone(), records: done - before, first_document });
        }
        seen.settle(claims, copies);
        Ok(seen)
    }

    /// How many documents are handed on.
    pub fn indexed(&self) -> u64 {
        self.indexed
    }

    /// What they weigh together.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Of the corpus in `folder`, its records and the number of its first document; `None` if it was not surveyed.
    pub(crate) fn start(&self, folder: &Path) -> Option<(u64, usize)> {
        self.corpora
            .iter()
            .find(|surveyed| surveyed.folder == folder)
            .map(|surveyed| (surveyed.records, surveyed.first_document))
    }

    /// Hands back the `number`-th document with its standing, or says what is kept instead; `None` if the first pass met
    /// fewer.
    pub(crate) fn judge(
        &self,
        number: usize,
        delivered: Delivered,
    ) -> Option<Result<Document, (SkipReason, Document)>> {
        let Delivered { mut document, names, .. } = delivered;
        let at = |number: u32| {
            self.places.get(number as usize).map(|place| Box::new(self.locator(*place))).unwrap_or_default()
        };
        let reason = match *self.verdicts.get(number)? {
            Verdict::Wins => {
                for name in names.iter().map(String::as_str).chain([document.id.as_str()]) {
                    if let Some(standing) = self.notices.get(&name_key(name)) {
                        join(&mut document.metadata.standing, standing.clone());
                    }
                }
                return Some(Ok(document));
            }
            Verdict::SameId(first) => SkipReason::DuplicateId { first: at(first) },
            Verdict::SameText(first) => SkipReason::DuplicateText { first: at(first) },
            Verdict::Superseded(by) => SkipReason::Superseded { by: at(by) },
            Verdict::Deleted => {
                let deletion = self.deletions.get(&key(&[document.id.as_str()]));
                SkipReason::Deleted {
                    by: deletion.map(|(_, place)| Box::new(self.locator(*place))).unwrap_or_default(),
                }
            }
        };
        Some(Err((reason, document)))
    }

    fn place(&mut self, corpus: u32, source: &SourceLocator) -> Place {
        let known = self
            .files
            .last()
            .is_some_and(|last| last.corpus == corpus && last.path == source.file && last.member == source.member);
        if !known {
            let (corpus_name, path, member) = (source.corpus.clone(), source.file.clone(), source.member.clone());
            self.files.push(File { corpus, corpus_name, path, member });
        }
        Place { file: self.files.len() as u32 - 1, record: source.record.unwrap_or_default() as u32 }
    }

    fn locator(&self, place: Place) -> SourceLocator {
        let file = &self.files[place.file as usize];
        SourceLocator {
            corpus: file.corpus_name.clone(),
            file: file.path.clone(),
            member: file.member.clone(),
            record: (place.record > 0).then_some(u64::from(place.record)),
            ..SourceLocator::default()
        }
    }

    fn delete(&mut self, corpus: u32, deletion: &Deletion) {
        let place = self.place(corpus, &deletion.locator);
        let known = self.deletions.entry(key(&[deletion.id.as_str()])).or_insert((deletion.up_to, place));
        if known.0 < deletion.up_to {
            *known = (deletion.up_to, place);
        }
    }

    fn note(&mut self, notice: Notice) {
        join(self.notices.entry(name_key(&notice.about)).or_default(), notice.standing);
    }

    /// Of each id the newest version stays, of each text one document.
    fn settle(&mut self, claims: Vec<Claim>, copies: Copies) {
        self.verdicts = vec![Verdict::Deleted; claims.len()];
        let corpus = |claim: &Claim| self.files[claim.place.file as usize].corpus;
        let mut order: Vec<u32> = (0..claims.len() as u32).collect();
        let claim = |number: u32| &claims[number as usize];
        order.sort_unstable_by_key(|&number| {
            let it = claim(number);
            (it.id, Reverse(it.version), corpus(it), it.content, it.whole, it.place)
        });
        let mut winners = Vec::new();
        for deliveries in order.chunk_by(|one, next| claim(*one).id == claim(*next).id) {
            let deleted = deliveries.first().and_then(|first| self.deletions.get(&claim(*first).id));
            let mut kept = deliveries.iter().skip_while(|it| deleted.is_some_and(|(to, _)| claim(**it).version <= *to));
            // Versions fall along the deliveries: where the newest is deleted, all are.
            let Some(&winner) = kept.next() else { continue };
            winners.push(winner);
            for &loser in kept {
                let version = claim(loser).version;
                // Without a version nothing says that it is the older one.
                let is_past = version != Version::default() && version < claim(winner).version;
                self.verdicts[loser as usize] = match deleted {
                    Some((to, _)) if version <= *to => Verdict::Deleted,
                    _ if is_past => Verdict::Superseded(winner),
                    _ => Verdict::SameId(winner),
                };
            }
        }
        // Of two ids the shorter is the less likely to be that of a copy.
        winners.sort_unstable_by_key(|&number| {
            let it = claim(number);
            (it.content, corpus(it), it.id_chars, it.id)
        });
        for same in winners.chunk_by(|one, next| claim(*one).content == claim(*next).content) {
            for (position, &number) in same.iter().enumerate() {
                let repeats = position > 0 && copies == Copies::Drop;
                self.verdicts[number as usize] = if repeats { Verdict::SameText(same[0]) } else { Verdict::Wins };
                if !repeats {
                    self.indexed += 1;
                    self.weight += u64::from(claim(number).weight);
                }
            }
        }
        self.places = claims.into_iter().map(|claim| claim.place).collect();
    }
}

impl Claim {
    fn of(delivered: &Delivered, place: Place, weight: usize) -> Self {
        let Document { id, title, text, metadata, sections, .. } = &delivered.document;
        let content = key(&[title, text]);
        let headings = sections.iter().flat_map(|section| [section.heading.as_str(), "\u{1f}"]).collect::<String>();
        let rest = format!("{metadata:?}{:?}", sections.iter().map(|section| &section.bytes).collect::<Vec<_>>());
        let whole = key(&[&headings, &rest])[0];
        Self {
            id: key(&[id.as_str()]),
            content,
            whole,
            version: delivered.version,
            place,
            weight: u16::try_from(weight).unwrap_or(u16::MAX),
            id_chars: u16::try_from(id.as_str().len()).unwrap_or(u16::MAX),
        }
    }
}

/// Of two statements about one document the graver holds; of equally grave ones the older, then the lesser text: the
/// order in which they were met decides nothing.
fn join(known: &mut Standing, said: Standing) {
    let rank = |it: &Standing| (Reverse(it.state), it.since.is_none(), it.since.clone(), it.notice.clone());
    if rank(&said) < rank(known) {
        *known = said;
    }
}

/// The hash of a name that a notice uses: in any case, as PMC ids and DOIs are written.
fn name_key(name: &str) -> Key {
    key(&[&name.to_ascii_lowercase()])
}

/// The hash of `parts`, each behind its length, so that moving a bound between them changes it.
fn key(parts: &[&str]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 12];
    hasher.finalize_xof().fill(&mut bytes);
    [0, 4, 8].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Date, StandingState};

    use super::*;

    #[test]
    fn the_graver_of_two_statements_holds_whichever_came_first() {
        let standing = |state, notice: &str, since: &str| Standing {
            state,
            notice: Some(notice.into()),
            since: Date::new(since).ok(),
        };
        let said = [
            standing(StandingState::Corrected, "c", "2020"),
            standing(StandingState::Retracted, "b", "2022"),
            standing(StandingState::Retracted, "a", "2021"),
            standing(StandingState::Retracted, "a", ""),
            Standing::default(),
        ];
        for first in 0..said.len() {
            let mut known = Standing::default();
            for offset in 0..said.len() {
                join(&mut known, said[(first + offset) % said.len()].clone());
            }
            assert_eq!((known.state, known.since), (StandingState::Retracted, Date::new("2021").ok()));
        }
    }

    #[test]
    fn a_bound_that_moves_makes_another_key() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_eq!(name_key("DOI:10.1/X"), name_key("doi:10.1/x"));
    }
}
