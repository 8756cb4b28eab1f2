//! How are the records of one delivered file reached, however it is packed?
//!
//! Everything is a stream, nothing is written to disk: the name of a member is a name and never a path. A zip keeps its
//! list at its end, so that one inside another archive has to be held in memory; it is bounded.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use clinqa_schema::{Metadata, SourceLocator};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::fields::Fields;
use crate::folder::is_passed_over;
use crate::format::{Appetite, Context, known_formats, recognise};
use crate::packing::{Bomb, Meter, Metered, Packing, gunzip, peek, unxz};
use crate::record::Record;
use crate::report::SkipReason;

/// How much of a file a format sees to recognise it.
pub(crate) const HEAD_BYTES: usize = 4_096;
/// Held by whoever reads a file that may take much memory.
static ALONE: Mutex<()> = Mutex::new(());
/// Shorter files take little, whatever is done with them, unless something is packed into them.
const SMALL_BYTES: usize = 256 << 10;
/// Archives inside archives, and compressions inside compressions.
const MAX_NESTING: u8 = 2;
/// Longest zip inside another archive.
const MAX_INNER_ZIP_BYTES: u64 = 32 << 20;
/// Most members of a zip, whose list is held in memory.
const MAX_ZIP_MEMBERS: u64 = 200_000;
/// Longest name of a member.
const MAX_NAME_BYTES: u64 = 4_096;

/// A record goes to the sink with the name of its format.
pub(crate) type Sink<'a> = dyn FnMut(&'static str, Record) -> ControlFlow<()> + 'a;

/// One delivered file.
pub(crate) struct Delivery<'a> {
    /// Its corpus.
    pub(crate) corpus: &'a str,
    /// Its name in the corpus.
    pub(crate) file: &'a str,
    /// What holds for its documents unless they say otherwise.
    pub(crate) defaults: &'a Metadata,
    pub(crate) fields: &'a Fields,
    /// The only format to read it with.
    pub(crate) only: Option<&'a str>,
    /// What came from it and was made of it.
    pub(crate) meter: Meter,
}

/// Where in the delivered file a stream stands.
#[derive(Clone)]
struct Level {
    /// The name that a format sees: the innermost.
    name: String,
    /// The way through the archives.
    member: Option<String>,
    archives: u8,
    compressions: u8,
}

/// What is wrong with a packing, and in which member.
struct Fault {
    member: Option<String>,
    reason: SkipReason,
}

type Flow = Result<ControlFlow<()>, Fault>;

impl Delivery<'_> {
    /// Hands on every record of `input`, the whole file; a fault of a packing is a record too.
    pub(crate) fn read(&self, input: &mut dyn Read, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let flow = self.stream(&self.top(), input, sink);
        self.settle(flow, sink)
    }

    /// The same for a zip, which has to be sought in.
    pub(crate) fn read_zip(&self, input: impl Read + Seek, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let top = self.top();
        let flow = self.zip(&Level { archives: 1, ..top }, input, sink);
        self.settle(flow, sink)
    }

    fn top(&self) -> Level {
        Level { name: self.file.to_owned(), member: None, archives: 0, compressions: 0 }
    }

    fn settle(&self, flow: Flow, sink: &mut Sink<'_>) -> ControlFlow<()> {
        match flow {
            Ok(flow) => flow,
            // The caller says what is wrong with the disk.
            Err(_) if self.meter.failed().is_some() => ControlFlow::Break(()),
            Err(fault) => self.skip(fault.member, fault.reason, sink),
        }
    }

    fn skip(&self, member: Option<String>, reason: SkipReason, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let locator = SourceLocator {
            corpus: self.corpus.to_owned(),
            file: self.file.to_owned(),
            member,
            ..SourceLocator::default()
        };
        sink("none", reason.at(locator, None).into())
    }

    fn stream(&self, level: &Level, input: &mut dyn Read, sink: &mut Sink<'_>) -> Flow {
        let at = |error| level.fault(error);
        let (head, mut input) = peek(input, HEAD_BYTES).map_err(at)?;
        let format = recognise(Path::new(&level.name), &head, self.only);
        let flow = match (Packing::of(&head), format) {
            (Some(Packing::Gzip), _) => {
                let inner = level.unpacked(&[".gz"])?;
                return self.stream(&inner, &mut gunzip(input, &self.meter), sink);
            }
            (Some(Packing::Xz), _) => {
                let inner = level.unpacked(&[".xz"])?;
                return self.stream(&inner, &mut unxz(input, &self.meter), sink);
            }
            (Some(Packing::Tar), _) => self.tar(&level.opened()?, &mut input, sink)?,
            (Some(Packing::Zip), None) => {
                let level = level.opened()?;
                let mut bytes = Vec::new();
                input.by_ref().take(MAX_INNER_ZIP_BYTES + 1).read_to_end(&mut bytes).map_err(at)?;
                if bytes.len() as u64 > MAX_INNER_ZIP_BYTES {
                    let reason = SkipReason::TooLarge { limit: MAX_INNER_ZIP_BYTES };
                    self.skip(level.member.clone(), reason, sink)
                } else {
                    self.zip(&level, io::Cursor::new(bytes), sink)?
                }
            }
            (_, Some(format)) => self.records(level, format, &mut input, sink).map_err(at)?,
            (None, None) => {
                let known = self.only.map_or_else(known_formats, str::to_owned);
                self.skip(level.member.clone(), SkipReason::UnknownFormat { known }, sink)
            }
        };
        if flow.is_continue() {
            // What follows must be sound too: checksums stand at the end.
            io::copy(&mut input, &mut io::sink()).map_err(at)?;
        }
        Ok(flow)
    }

    fn records(
        &self,
        level: &Level,
        format: &'static dyn crate::Format,
        input: &mut dyn BufRead,
        sink: &mut Sink<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let context = Context { corpus: self.corpus, file: &level.name, defaults: self.defaults, fields: self.fields };
        let mut take = |mut record: Record| {
            if let Some(locator) = record.locator_mut() {
                self.file.clone_into(&mut locator.file);
                locator.member.clone_from(&level.member);
            }
            sink(format.name(), record)
        };
        let alone = || ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        match format.appetite() {
            Appetite::Record => format.read(input, &context, &mut take),
            Appetite::File => {
                let (head, mut input) = peek(input, SMALL_BYTES)?;
                let _alone = (head.len() == SMALL_BYTES).then(alone);
                format.read(&mut input, &context, &mut take)
            }
            Appetite::Packed => {
                let _alone = alone();
                format.read(input, &context, &mut take)
            }
        }
    }

    /// Entries are read raw, so that a long name is ours to bound.
    fn tar(&self, level: &Level, input: &mut dyn Read, sink: &mut Sink<'_>) -> Flow {
        let mut archive = tar::Archive::new(input);
        let mut long_name = None;
        for entry in archive.entries().map_err(|error| level.fault(error))?.raw(true) {
            let mut entry = entry.map_err(|error| level.fault(error))?;
            let kind = entry.header().entry_type();
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                let mut name = Vec::new();
                entry.by_ref().take(MAX_NAME_BYTES).read_to_end(&mut name).map_err(|error| level.fault(error))?;
                long_name = if kind.is_gnu_longname() { Some(name) } else { pax_path(&name).or(long_name) };
                continue;
            }
            if kind.is_gnu_longlink() || kind.is_pax_global_extensions() {
                continue;
            }
            let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let inner = level.member(&name);
            if kind.is_dir() || inner.is_passed_over() {
                continue;
            }
            let flow = if kind.is_file() || kind.is_contiguous() {
                self.stream(&inner, &mut entry, sink)?
            } else if kind.is_symlink() || kind.is_hard_link() {
                self.skip(inner.member, SkipReason::SymbolicLink, sink)
            } else {
                self.skip(inner.member, SkipReason::NotAFile, sink)
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A fault of one member leaves the others readable.
    fn zip(&self, level: &Level, mut input: impl Read + Seek, sink: &mut Sink<'_>) -> Flow {
        let members = zip_members(&mut input).map_err(|error| level.fault(error))?;
        if members > MAX_ZIP_MEMBERS {
            let reason = format!("it lists {members} members, more than {MAX_ZIP_MEMBERS}");
            return Ok(self.skip(level.member.clone(), SkipReason::Damaged { reason }, sink));
        }
        let mut archive = ZipArchive::new(input).map_err(|error| level.fault(io_error(error)))?;
        if archive.has_duplicate_names() {
            let reason = "two members have one name, and only one can be read".to_owned();
            if self.skip(level.member.clone(), SkipReason::Damaged { reason }, sink).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for index in 0..archive.len() {
            let (inner, special) = match archive.by_index_raw(index) {
                Ok(member) if member.is_dir() => continue,
                Ok(member) => {
                    let special = if member.encrypted() {
                        Some(SkipReason::Encrypted)
                    } else {
                        member.is_symlink().then_some(SkipReason::SymbolicLink)
                    };
                    (level.member(member.name_raw()), special)
                }
                Err(error) => (level.member(format!("member {index}").as_bytes()), Some(reason_of(io_error(error)))),
            };
            if inner.is_passed_over() {
                continue;
            }
            let flow = match special {
                Some(reason) => Err(Fault { member: inner.member.clone(), reason }),
                None => match archive.by_index(index) {
                    Ok(member) => self.stream(&inner, &mut Metered { inner: member, meter: &self.meter }, sink),
                    Err(error) => Err(inner.fault(io_error(error))),
                },
            };
            let flow = match flow {
                Ok(flow) => flow,
                Err(fault) if self.meter.failed().is_some() => return Err(fault),
                Err(fault) => self.skip(fault.member, fault.reason, sink),
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Level {
    fn fault(&self, error: io::Error) -> Fault {
        Fault { member: self.member.clone(), reason: reason_of(error) }
    }

    /// The stream inside a compressed one; its name loses an ending.
    fn unpacked(&self, endings: &[&str]) -> Result<Self, Fault> {
        if self.compressions == MAX_NESTING {
            return Err(self.too_deep());
        }
        let lower = self.name.to_ascii_lowercase();
        let ending = endings.iter().find(|ending| lower.ends_with(**ending)).map_or(0, |ending| ending.len());
        let name = self.name[..self.name.len() - ending].to_owned();
        Ok(Self { name, compressions: self.compressions + 1, ..self.clone() })
    }

    fn opened(&self) -> Result<Self, Fault> {
        if self.archives == MAX_NESTING {
            return Err(self.too_deep());
        }
        Ok(Self { archives: self.archives + 1, ..self.clone() })
    }

    fn too_deep(&self) -> Fault {
        Fault { member: self.member.clone(), reason: SkipReason::Nested { limit: u64::from(MAX_NESTING) } }
    }

    fn member(&self, name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
        let member = self.member.as_ref().map_or_else(|| name.clone(), |outer| format!("{outer}/{name}"));
        Self { name, member: Some(member), ..self.clone() }
    }

    /// What a folder would pass over too; the first folder of an archive often only repeats its name.
    fn is_passed_over(&self) -> bool {
        let below = self.name.split_once('/').map_or(self.name.as_str(), |(_, below)| below);
        let hidden = |part: &str| part.starts_with('.') && part != "." && part != ".." || part == "__MACOSX";
        self.name.split('/').any(hidden) || is_passed_over(&self.name) || is_passed_over(below)
    }
}

fn reason_of(error: io::Error) -> SkipReason {
    match error.downcast::<Bomb>() {
        Ok(bomb) => SkipReason::Expands { limit: bomb.limit },
        Err(error) => SkipReason::Damaged { reason: crate::clean::clean_message(error) },
    }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// The `path` of a PAX header: lines of `length key=value`.
fn pax_path(header: &[u8]) -> Option<Vec<u8>> {
    let lines = header.split(|&byte| byte == b'\n');
    let value = |line: &[u8]| {
        let at = line.iter().position(|&byte| byte == b' ')?;
        line[at + 1..].strip_prefix(b"path=").map(<[u8]>::to_vec)
    };
    lines.into_iter().find_map(value)
}

/// How many members a zip says that it has; its reader trusts this number with memory.
fn zip_members(input: &mut (impl Read + Seek)) -> io::Result<u64> {
    /// The end record and the longest comment behind it, and the locator before.
    const TAIL: u64 = 22 + 65_535 + 20;
    let length = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    input.by_ref().take(TAIL).read_to_end(&mut tail)?;
    input.seek(SeekFrom::Start(0))?;
    let Some(at) = memchr::memmem::rfind(&tail, b"PK\x05\x06") else { return Ok(0) };
    let field = |from: usize, bytes: usize| {
        tail.get(from..from + bytes)
            .map_or(0, |field| field.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let members = field(at + 10, 2);
    if members < 0xffff {
        return Ok(members);
    }
    let record = field(at.saturating_sub(20) + 8, 8);
    input.seek(SeekFrom::Start(record.min(length)))?;
    let mut head = [0; 40];
    let read = input.read(&mut head)?;
    input.seek(SeekFrom::Start(0))?;
    let wide =
        head[..read].get(32..40).map_or(0, |field| field.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    Ok(wide.max(members))
}
