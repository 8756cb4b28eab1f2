//! Where do documents wait until it is settled which are handed on?
//!
//! A survey has every document in hand, and parsing all of them once more takes as long again. Whoever lends it a file
//! spares that: documents are written there as they are met and read back in the same order. What else a file tells
//! (records that cannot be used, deletions) is short and stays in memory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clinqa_schema::Document;

use crate::report::{NAMED_FAULTS, Skipped};

/// Bytes that are written, and read back, at once; a longer document goes by itself.
const STRETCH_BYTES: usize = 1 << 20;

/// The file, shared by all who write to it.
#[derive(Debug)]
pub(crate) struct Gathered {
    end: Mutex<(File, u64)>,
}

/// What one delivered file told, in its order.
#[derive(Debug, Default)]
pub(crate) struct Log {
    stretches: Vec<Stretch>,
    /// Each with the number of documents before it.
    asides: Vec<(u64, Aside)>,
    documents: u64,
    faults: usize,
}

/// Documents behind one another in the file.
#[derive(Debug)]
struct Stretch {
    offset: u64,
    bytes: usize,
}

/// A record that is no document.
#[derive(Debug, Clone)]
pub(crate) enum Aside {
    /// It cannot be used; the reason is dropped where there are more than any report names.
    Skipped(Option<Box<Skipped>>),
    /// It takes back an id.
    Deletion,
}

/// One record as it comes back.
pub(crate) enum Told {
    Document(Box<Document>),
    Aside(Aside),
}

/// Writes what one delivered file tells.
pub(crate) struct Gatherer<'a> {
    to: &'a Gathered,
    buffer: Vec<u8>,
    log: Log,
}

impl Gathered {
    /// In `file`, which is empty and open for reading and writing.
    pub(crate) fn new(file: File) -> Self {
        Self { end: Mutex::new((file, 0)) }
    }

    fn lock(&self) -> MutexGuard<'_, (File, u64)> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<Stretch> {
        let mut end = self.lock();
        let (file, offset) = (&end.0, end.1);
        (&*file).seek(SeekFrom::Start(offset))?;
        (&*file).write_all(bytes)?;
        end.1 += bytes.len() as u64;
        Ok(Stretch { offset, bytes: bytes.len() })
    }

    fn read(&self, stretch: &Stretch) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; stretch.bytes];
        let end = self.lock();
        (&end.0).seek(SeekFrom::Start(stretch.offset))?;
        (&end.0).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Hands on every record of `log` in its order, until `take` breaks.
    pub(crate) fn replay(
        &self,
        log: &Log,
        take: &mut dyn FnMut(Told) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let mut asides = log.asides.iter().peekable();
        let mut number = 0;
        for stretch in &log.stretches {
            let bytes = self.read(stretch)?;
            let mut rest = bytes.as_slice();
            while let Some((length, behind)) = rest.split_first_chunk() {
                while let Some((_, aside)) = asides.next_if(|(before, _)| *before == number) {
                    if take(Told::Aside(aside.clone())).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                let line = behind.split_at_checked(u32::from_le_bytes(*length) as usize);
                let (line, behind) = line.ok_or(io::ErrorKind::UnexpectedEof)?;
                if take(Told::Document(Box::new(serde_json::from_slice(line)?))).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                number += 1;
                rest = behind;
            }
        }
        for (_, aside) in asides {
            if take(Told::Aside(aside.clone())).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Log {
    /// Drops the reasons of all faults but the first `most`; how many are kept.
    pub(crate) fn name_at_most(&mut self, most: usize) -> usize {
        let reasons = self.asides.iter_mut().filter_map(|(_, aside)| match aside {
            Aside::Skipped(reason) => reason.is_some().then_some(reason),
            Aside::Deletion => None,
        });
        let mut named = 0;
        for reason in reasons {
            if named < most {
                named += 1;
            } else {
                *reason = None;
            }
        }
        named
    }
}

impl<'a> Gatherer<'a> {
    pub(crate) fn new(to: &'a Gathered) -> Self {
        Self { to, buffer: Vec::new(), log: Log::default() }
    }

    pub(crate) fn document(&mut self, document: &Document) -> io::Result<()> {
        let start = self.buffer.len();
        self.buffer.extend([0; 4]);
        serde_json::to_writer(&mut self.buffer, document)?;
        let length = u32::try_from(self.buffer.len() - start - 4).map_err(io::Error::other)?;
        self.buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
        self.log.documents += 1;
        if self.buffer.len() >= STRETCH_BYTES { self.flush() } else { Ok(()) }
    }

    pub(crate) fn skipped(&mut self, skipped: Box<Skipped>) {
        self.log.faults += 1;
        let kept = (self.log.faults <= NAMED_FAULTS).then_some(skipped);
        self.log.asides.push((self.log.documents, Aside::Skipped(kept)));
    }

    pub(crate) fn deletion(&mut self) {
        self.log.asides.push((self.log.documents, Aside::Deletion));
    }

    pub(crate) fn finish(mut self) -> io::Result<Log> {
        self.flush()?;
        Ok(self.log)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.log.stretches.push(self.to.append(&self.buffer)?);
            self.buffer.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Metadata, SourceLocator};

    use super::*;
    use crate::report::SkipReason;

    fn document(number: usize, characters: usize) -> Document {
        Document {
            id: format!("d{number}").parse().expect("an id"),
            title: "T".into(),
            text: "é".repeat(characters),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        }
    }

    #[test]
    fn what_two_files_told_at_once_comes_back_in_the_order_of_each() {
        let gathered = Gathered::new(tempfile::tempfile().expect("a file"));
        let mut writers = [Gatherer::new(&gathered), Gatherer::new(&gathered)];
        for number in 0..20 {
            for (which, writer) in writers.iter_mut().enumerate() {
                if number % 3 == which {
                    writer.skipped(Box::new(SkipReason::Binary.at(SourceLocator::default(), None)));
                    writer.deletion();
                }
                writer.document(&document(number * 2 + which, number * 40_000)).expect("written");
            }
        }
        writers[1].deletion();
        for (which, writer) in writers.into_iter().enumerate() {
            let log = writer.finish().expect("written");
            assert!(log.stretches.len() > 3, "{log:?}");
            let mut told = Vec::new();
            let mut take = |it: Told| {
                told.push(match it {
                    Told::Document(it) => format!("{} {}", it.id, it.text.len()),
                    Told::Aside(Aside::Skipped(Some(skipped))) => skipped.to_string(),
                    Told::Aside(aside) => format!("{aside:?}"),
                });
                ControlFlow::Continue(())
            };
            assert!(gathered.replay(&log, &mut take).expect("read").is_continue());
            let mut expected = Vec::new();
            for number in 0..20 {
                if number % 3 == which {
                    expected.push(SkipReason::Binary.at(SourceLocator::default(), None).to_string());
                    expected.push("Deletion".into());
                }
                expected.push(format!("d{} {}", number * 2 + which, number * 80_000));
            }
            expected.extend((which == 1).then(|| "Deletion".into()));
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn faults_beyond_those_that_a_report_names_are_counted_only() {
        let gathered = Gathered::new(tempfile::tempfile().expect("a file"));
        let mut writer = Gatherer::new(&gathered);
        for _ in 0..NAMED_FAULTS + 2 {
            writer.skipped(Box::new(SkipReason::Binary.at(SourceLocator::default(), None)));
        }
        let log = writer.finish().expect("written");
        let (mut named, mut counted) = (0, 0);
        let mut take = |it: Told| {
            match it {
                Told::Aside(Aside::Skipped(Some(_))) => named += 1,
                _ => counted += 1,
            }
            ControlFlow::Continue(())
        };
        assert!(gathered.replay(&log, &mut take).expect("read").is_continue());
        assert_eq!((named, counted), (NAMED_FAULTS, 2));
    }
}
