//! Which of all records are handed on?
//!
//! A later record may replace, delete or doubt an earlier one, and "later" is what the records say, never the order of
//! files: a first pass over all corpora notes of each document what decides (hashes and places, no text, about 50 bytes
//! a record and 16 for each further name), [`Seen::survey`] settles it, and the second pass hands on exactly the winners.
//! It parses everything anew, unless [`Seen::gather`] kept the documents on the disk.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::File as Disk;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clinqa_schema::{Document, Observer, SourceLocator, Standing, StandingState};

use crate::corpus::Corpus;
use crate::error::CorpusError;
use crate::gathered::{Gathered, Log, Told};
use crate::record::Version;
use crate::report::{NAMED_FAULTS, SkipReason};
use crate::survey::{Claim, File, Key, Notes, Part, Place, each_part, key};

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
    /// What notices say of a document that is handed on, or of another with its id or its text.
    standings: HashMap<u32, Standing>,
    indexed: u64,
    weight: u64,
    /// The documents themselves, if they are kept.
    gathered: Option<Gathered>,
}

#[derive(Debug)]
struct Surveyed {
    folder: PathBuf,
    records: u64,
    first_document: usize,
    /// What its files told, in their order, if that is kept.
    logs: Vec<Log>,
    /// Faults that those name: no more than a report does, or memory would grow with them.
    named: usize,
}

/// What all files told, before it is settled.
#[derive(Default)]
struct Noted {
    claims: Vec<Claim>,
    /// Names of the n-th claim, its id apart.
    names: Vec<(u32, Key)>,
    notices: HashMap<Key, Standing>,
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

impl Seen {
    /// Reads every record of `corpora` (an earlier corpus outweighs a later one where versions do not decide), on all
    /// cores, and settles which are handed on. `weigh` says how much work a document will be; [`Seen::weight`] adds it
    /// up.
    pub fn survey(
        corpora: &[Corpus],
        copies: Copies,
        observer: &mut dyn Observer,
        weigh: &(dyn Fn(&Document) -> usize + Sync),
    ) -> Result<Self, CorpusError> {
        Self::read(None, (corpora, copies), observer, weigh)
    }

    /// The same, and keeps every document in `file`, which is empty and open for reading and writing, so that
    /// [`Corpus::read_unseen`] need not parse them again.
    pub fn gather(
        file: Disk,
        (corpora, copies): (&[Corpus], Copies),
        observer: &mut dyn Observer,
        weigh: &(dyn Fn(&Document) -> usize + Sync),
    ) -> Result<Self, CorpusError> {
        Self::read(Some(Gathered::new(file)), (corpora, copies), observer, weigh)
    }

    fn read(
        gathered: Option<Gathered>,
        (corpora, copies): (&[Corpus], Copies),
        observer: &mut dyn Observer,
        weigh: &(dyn Fn(&Document) -> usize + Sync),
    ) -> Result<Self, CorpusError> {
        let mut seen = Self::default();
        let mut noted = Noted::default();
        for corpus in corpora {
            if seen.start(&corpus.folder).is_some() {
                return Err(CorpusError::Twice { folder: corpus.folder.clone() });
            }
            let folder = corpus.folder.clone();
            seen.corpora.push(Surveyed { folder, records: 0, first_document: usize::MAX, logs: Vec::new(), named: 0 });
        }
        each_part(corpora, Notes { weigh, keep: gathered.as_ref() }, observer, &mut |mut part| {
            let surveyed = &mut seen.corpora[part.corpus as usize];
            surveyed.first_document = surveyed.first_document.min(noted.claims.len());
            surveyed.records += part.records;
            if let Some(mut log) = part.log.take() {
                surveyed.named += log.name_at_most(NAMED_FAULTS.saturating_sub(surveyed.named));
                surveyed.logs.push(log);
            }
            seen.absorb(part, &mut noted);
        })?;
        seen.settle(noted, copies);
        seen.gathered = gathered;
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

    /// Hands every record of the corpus in `folder` to `take`, in its order, until that breaks; `None` if they were not
    /// kept.
    pub(crate) fn replay(
        &self,
        folder: &Path,
        take: &mut dyn FnMut(Told) -> ControlFlow<()>,
    ) -> Option<Result<(), CorpusError>> {
        let gathered = self.gathered.as_ref()?;
        let logs = self.corpora.iter().filter(|surveyed| surveyed.folder == folder).flat_map(|it| &it.logs);
        for log in logs {
            match gathered.replay(log, take) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(reason) => return Some(Err(CorpusError::Aside { reason })),
            }
        }
        Some(Ok(()))
    }

    /// The number of the document that stands at `source`, from the number `next` on; `None` if the first pass met none
    /// there. A file that is read under a time limit may give a document in one pass only.
    pub(crate) fn find(&self, next: usize, source: &SourceLocator) -> Option<usize> {
        let is_there = |place: &Place| {
            let file = &self.files[place.file as usize];
            place.record == source.record.unwrap_or_default() as u32
                && (&file.path, &file.member, &file.corpus_name) == (&source.file, &source.member, &source.corpus)
        };
        self.places.get(next..)?.iter().position(is_there).map(|offset| next + offset)
    }

    /// The `number`-th document with its standing, and what is kept instead, if anything is.
    pub(crate) fn judge(&self, number: usize, mut document: Document) -> (Document, Option<SkipReason>) {
        let at = |number: u32| {
            self.places.get(number as usize).map(|place| Box::new(self.locator(*place))).unwrap_or_default()
        };
        let reason = match self.verdicts[number] {
            Verdict::Wins => {
                if let Some(standing) = self.standings.get(&(number as u32)) {
                    join(&mut document.metadata.standing, standing.clone());
                }
                return (document, None);
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
        (document, Some(reason))
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

    /// Adds what one file told. Parts come in the order of corpora and files.
    fn absorb(&mut self, mut part: Part, noted: &mut Noted) {
        let before = self.files.len() as u32;
        let first = noted.claims.len() as u32;
        let moved = |place: Place| Place { file: place.file + before, ..place };
        self.files.append(&mut part.files);
        noted.claims.extend(part.claims.into_iter().map(|claim| Claim { place: moved(claim.place), ..claim }));
        noted.names.extend(part.names.into_iter().map(|(number, name)| (first + number, name)));
        for (id, up_to, place) in part.deletions {
            let known = self.deletions.entry(id).or_insert((up_to, moved(place)));
            if known.0 < up_to {
                *known = (up_to, moved(place));
            }
        }
        for (about, standing) in part.notices {
            join(noted.notices.entry(about).or_default(), standing);
        }
    }

    /// Of each id the newest version stays, of each text one document.
    fn settle(&mut self, mut noted: Noted, copies: Copies) {
        noted.names.retain(|(_, name)| noted.notices.contains_key(name));
        let Noted { claims, names, notices } = noted;
        self.verdicts = vec![Verdict::Deleted; claims.len()];
        let corpus = |claim: &Claim| self.files[claim.place.file as usize].corpus;
        let mut order: Vec<u32> = (0..claims.len() as u32).collect();
        let claim = |number: u32| &claims[number as usize];
        order.sort_unstable_by_key(|&number| {
            let it = claim(number);
            // Of deliveries that are equally new the one that says the gravest of itself stays.
            (it.id, Reverse(it.version), Reverse(it.state), corpus(it), it.content, it.whole, it.place)
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
        let said = said_of_texts(&claims, &self.verdicts, &winners, (&names, &notices));
        // A mark must not be lost with a copy, and of two ids the shorter is the less likely to be that of a copy.
        winners.sort_unstable_by_key(|&number| {
            let it = claim(number);
            (it.content, Reverse(it.state), corpus(it), it.id_chars, it.id)
        });
        for same in winners.chunk_by(|one, next| claim(*one).content == claim(*next).content) {
            for (position, &number) in same.iter().enumerate() {
                let repeats = position > 0 && copies == Copies::Drop;
                self.verdicts[number as usize] = if repeats { Verdict::SameText(same[0]) } else { Verdict::Wins };
                if !repeats {
                    self.indexed += 1;
                    self.weight += u64::from(claim(number).weight);
                    if let Some(standing) = said.get(&claim(number).content) {
                        self.standings.insert(number, standing.clone());
                    }
                }
            }
        }
        self.places = claims.into_iter().map(|claim| claim.place).collect();
    }
}

/// What notices say of each text: of any document that has it, and of any that has the id of a winner that has it. A
/// document that is not handed on takes no mark with it.
fn said_of_texts(
    claims: &[Claim],
    verdicts: &[Verdict],
    winners: &[u32],
    (names, notices): (&[(u32, Key)], &HashMap<Key, Standing>),
) -> HashMap<Key, Standing> {
    let (mut of_ids, mut of_texts) = (HashMap::<Key, Standing>::new(), HashMap::<Key, Standing>::new());
    if notices.is_empty() {
        return of_texts;
    }
    let ids = (0..).zip(claims).map(|(number, claim)| (number, &claim.id));
    let keys = ids.chain(names.iter().map(|(number, name)| (*number, name)));
    for (number, standing) in keys.filter_map(|(number, key)| Some((number as usize, notices.get(key)?))) {
        let claim = &claims[number];
        join(of_texts.entry(claim.content).or_default(), standing.clone());
        // That an older version was replaced says nothing of the newest.
        let is_past = matches!(verdicts[number], Verdict::Superseded(_));
        if !(is_past && standing.state == StandingState::Superseded) {
            join(of_ids.entry(claim.id).or_default(), standing.clone());
        }
    }
    for winner in winners.iter().map(|&number| &claims[number as usize]) {
        if let Some(standing) = of_ids.get(&winner.id) {
            join(of_texts.entry(winner.content).or_default(), standing.clone());
        }
    }
    of_texts
}

/// Of two statements about one document the graver holds; of equally grave ones the older, then the lesser text: the
/// order in which they were met decides nothing.
fn join(known: &mut Standing, said: Standing) {
    let rank = |it: &Standing| (Reverse(it.state), it.since.is_none(), it.since.clone(), it.notice.clone());
    if rank(&said) < rank(known) {
        *known = said;
    }
}

#[cfg(test)]
mod tests;
