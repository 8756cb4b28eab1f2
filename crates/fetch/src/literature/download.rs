//! How does one file arrive whole, whatever the server does?
//!
//! Ask for what is missing, write it behind what is there, and begin again from the first byte whenever the server
//! cannot prove that both are of one version. A file is renamed into the corpus only after its length and its digest
//! agree with what was promised.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::address::{parse, redirect, shown};
use super::client::{Answer, Ask, Client, Failure};
use super::part::{Digests, Note, Part, Waiting};
use super::{Arrival, Arrived, DownloadError, Expected, Page, Private, Reach, Version, Wanted};

/// Bytes between two looks at the progress.
const PIECE: usize = 64 << 10;

/// A page of links of the largest source has 200 kB; one with a digest has 60 bytes.
const MAX_PAGE_BYTES: u64 = 16 << 20;
const MAX_COMPANION_BYTES: u64 = 4 << 10;

/// Bytes a second below which a body counts as silent, measured over the idle time.
const SLOWEST: u64 = 100;

/// Bytes after which a try counts as progress, and earlier failures are forgiven.
const PROGRESS: u64 = 64 << 10;

/// Brings files from public sources, one after another.
pub struct Downloader {
    client: Client,
    private: Private,
}

/// What went wrong in one try.
enum Trouble {
    Lasting(DownloadError),
    /// It may pass; how long the server wants us to wait, if it says.
    Passing(DownloadError, Option<u64>),
}

impl From<DownloadError> for Trouble {
    fn from(error: DownloadError) -> Self {
        Self::Lasting(error)
    }
}

impl Downloader {
    /// Prepares; nothing is sent.
    pub fn new(reach: &Reach) -> Result<Self, DownloadError> {
        Ok(Self { client: Client::new(reach)?, private: reach.private })
    }

    /// Reads a page of text, of at most 16 MiB.
    pub fn page(&mut self, url: &str) -> Result<Page, DownloadError> {
        self.text(url, MAX_PAGE_BYTES)
    }

    /// The whole address that a page means by `address`, if it may be asked.
    pub fn join(&self, page: &str, address: &str) -> Result<String, DownloadError> {
        Ok(redirect(&parse(page, self.private)?, address, self.private)?.to_string())
    }

    /// Brings `wanted` into `folder`, or what is missing of it, and checks it. `meter` hears how much of it is here.
    ///
    /// A cut, a silence and a busy server are waited out and gone on from; what was interrupted for good stays beside
    /// the corpus and is gone on with by the next call. Nothing appears in `folder` before it is whole and checked.
    pub fn fetch(
        &mut self,
        wanted: &Wanted,
        folder: &Path,
        meter: &mut dyn FnMut(u64),
    ) -> Result<Arrival, DownloadError> {
        let shown = shown(&parse(&wanted.url, self.private)?);
        let waiting = Waiting::enter(folder)?;
        let part = waiting.part(&wanted.name)?;
        let expected = self.promise(wanted)?;
        let begun = part.state(&wanted.url).0;
        self.persist(&shown, &mut |client, failures| {
            let before = part.state(&wanted.url).0;
            let tried = once(client, wanted, &expected, &part, meter);
            if part.state(&wanted.url).0 >= before + PROGRESS {
                *failures = 0;
            }
            tried
        })
        .map(|arrival| match arrival {
            Arrival::Arrived(arrived) => Arrival::Arrived(Arrived { resumed: begun.min(arrived.bytes), ..arrived }),
            Arrival::Unchanged => Arrival::Unchanged,
        })
    }

    /// What the file must be, with the companion read.
    fn promise(&mut self, wanted: &Wanted) -> Result<Expected, DownloadError> {
        let wrong = |algorithm, found: &str| {
            let found = found.chars().take(80).collect::<String>().escape_debug().to_string();
            DownloadError::NoDigest { file: wanted.name.clone(), algorithm, found }
        };
        match &wanted.expected {
            Expected::Whole => Ok(Expected::Whole),
            Expected::Md5(hex) if is_hex(hex, 32) => Ok(Expected::Md5(hex.to_ascii_lowercase())),
            Expected::Md5(other) => Err(wrong("MD5", other)),
            Expected::Sha256(hex) if is_hex(hex, 64) => Ok(Expected::Sha256(hex.to_ascii_lowercase())),
            Expected::Sha256(other) => Err(wrong("SHA-256", other)),
            Expected::Companion(url) => {
                let text = self.text(url, MAX_COMPANION_BYTES)?.text;
                let hex = companion(&text).ok_or_else(|| wrong("MD5", &text))?;
                Ok(Expected::Md5(hex))
            }
        }
    }

    fn text(&mut self, url: &str, limit: u64) -> Result<Page, DownloadError> {
        let shown = shown(&parse(url, self.private)?);
        self.persist(&shown, &mut |client, _| {
            let answer = asked(client, url, &Ask::default(), 0)?;
            if answer.status != 200 {
                return Err(refused(&answer, client));
            }
            let final_url = answer.url.to_string();
            let mut bytes = Vec::new();
            let patience = client.patience().idle;
            copy(
                answer.body,
                &mut |piece| {
                    bytes.extend_from_slice(piece);
                    if bytes.len() as u64 > limit {
                        return Err(DownloadError::TooLarge { file: shown.clone(), limit }.into());
                    }
                    Ok(())
                },
                patience,
            )
            .map_err(|ended| ended.named(&shown))?;
            if answer.length.is_some_and(|length| length != bytes.len() as u64) {
                return Err(cut(&shown, bytes.len() as u64, io::ErrorKind::UnexpectedEof.into()));
            }
            let text = String::from_utf8(bytes).map_err(|_| DownloadError::PageText { url: shown.clone() })?;
            Ok(Page { url: final_url, text })
        })
    }

    /// Tries until it works, will never work, or has failed too often in a row.
    fn persist<T>(
        &mut self,
        shown: &str,
        attempt: &mut dyn FnMut(&mut Client, &mut u32) -> Result<T, Trouble>,
    ) -> Result<T, DownloadError> {
        let mut failures = 0;
        loop {
            match attempt(&mut self.client, &mut failures) {
                Ok(done) => return Ok(done),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(error, asked)) => {
                    failures += 1;
                    if failures >= self.client.patience().attempts {
                        return Err(error);
                    }
                    if let Some(seconds) = asked.filter(|wait| *wait > self.client.patience().longest_wait.as_secs()) {
                        return Err(DownloadError::ComeBack { url: shown.to_owned(), seconds });
                    }
                    self.client.back_off(failures, asked);
                }
            }
        }
    }
}

/// One try at one file.
fn once(
    client: &mut Client,
    wanted: &Wanted,
    expected: &Expected,
    part: &Part,
    meter: &mut dyn FnMut(u64),
) -> Result<Arrival, Trouble> {
    let (mut have, noted) = part.state(&wanted.url);
    let has_validator = noted.as_ref().is_some_and(|version| strong(version).is_some());
    if have > 0 && !has_validator && *expected == Expected::Whole {
        // Nothing could tell whether the rest belongs to it.
        have = 0;
    }
    let known = wanted.known.clone().filter(|_| part.is_installed());
    let version = if have > 0 { noted.clone() } else { known };
    let mut answer = asked(client, &wanted.url, &Ask { from: have, version }, have)?;
    if have > 0 && !goes_on(&answer, have, noted.as_ref()) && matches!(answer.status, 206 | 416) {
        // What lies here is longer than the file, or the server brings another part or version: from the beginning.
        have = 0;
        answer = asked(client, &wanted.url, &Ask::default(), 0)?;
    }
    let start = match answer.status {
        200 => 0,
        206 if have > 0 => have,
        304 if have == 0 && part.is_installed() => return Ok(Arrival::Unchanged),
        _ => return Err(refused(&answer, client)),
    };
    let total = total(wanted, expected, &answer, start)?;
    receive(client, wanted, answer, start, total, part, meter)
        .and_then(|version| check(wanted, expected, part, version, total))
}

fn asked(client: &mut Client, url: &str, ask: &Ask, received: u64) -> Result<Answer, Trouble> {
    client.get(url, ask).map_err(|failure| match failure {
        Failure::Lasting(error) => Trouble::Lasting(error),
        Failure::Passing(source) if received == 0 => {
            let url = parse(url, Private::Allowed).map_or_else(|_| String::new(), |url| shown(&url));
            Trouble::Passing(DownloadError::Unreachable { url, source }, None)
        }
        Failure::Passing(source) => {
            let file = url.rsplit('/').next().unwrap_or_default().escape_debug().to_string();
            Trouble::Passing(DownloadError::Interrupted { file, received, source }, None)
        }
    })
}

/// Whether a part of the file that `answer` brings belongs behind the one that lies here.
fn goes_on(answer: &Answer, have: u64, noted: Option<&Version>) -> bool {
    let is_next = answer.status == 206 && answer.range.is_some_and(|(start, _)| start == have);
    let is_same = match (noted.and_then(strong), strong(&answer.version)) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    is_next && is_same
}

/// What proves that two parts are of one version: a strong tag, else a time.
fn strong(version: &Version) -> Option<&str> {
    let tag = version.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
    tag.or(version.modified.as_deref())
}

/// What an answer that brings nothing means.
fn refused(answer: &Answer, client: &Client) -> Trouble {
    let error = DownloadError::Status { url: shown(&answer.url), status: answer.status };
    match answer.status {
        408 | 425 | 429 | 500 | 502 | 503 | 504 => {
            let longest = client.patience().longest_wait.as_secs();
            let asked = answer.retry_after.filter(|_| matches!(answer.status, 429 | 503));
            match asked.filter(|seconds| *seconds > longest) {
                Some(seconds) => Trouble::Lasting(DownloadError::ComeBack { url: shown(&answer.url), seconds }),
                None => Trouble::Passing(error, asked),
            }
        }
        _ => Trouble::Lasting(error),
    }
}

/// The length that the file must reach, where the server tells one.
fn total(wanted: &Wanted, expected: &Expected, answer: &Answer, start: u64) -> Result<Option<u64>, DownloadError> {
    let by_length = answer.length.map(|rest| start.saturating_add(rest));
    let by_range = answer.range.filter(|_| start > 0).and_then(|(_, whole)| whole);
    if let (Some(expected), Some(found)) = (by_range, by_length)
        && expected != found
    {
        return Err(DownloadError::Length { file: wanted.name.clone(), expected, found });
    }
    let total = by_range.or(by_length);
    if total.is_some_and(|total| total > wanted.limit) {
        return Err(DownloadError::TooLarge { file: wanted.name.clone(), limit: wanted.limit });
    }
    if total.is_none() && !answer.ends_clearly && *expected == Expected::Whole {
        return Err(DownloadError::NoLength { url: shown(&answer.url) });
    }
    Ok(total)
}

/// Writes what comes behind what is there.
fn receive(
    client: &Client,
    wanted: &Wanted,
    answer: Answer,
    start: u64,
    total: Option<u64>,
    part: &Part,
    meter: &mut dyn FnMut(u64),
) -> Result<Version, Trouble> {
    let note = Note { url: wanted.url.clone(), version: answer.version.clone() };
    let mut out = part.open(start, &note)?;
    let mut received = start;
    let ended = copy(
        answer.body,
        &mut |piece| {
            let found = received + piece.len() as u64;
            if let Some(expected) = total.filter(|total| found > *total) {
                return Err(DownloadError::Length { file: wanted.name.clone(), expected, found }.into());
            }
            if found > wanted.limit {
                return Err(DownloadError::TooLarge { file: wanted.name.clone(), limit: wanted.limit }.into());
            }
            out.write_all(piece).map_err(DownloadError::io(part.path()))?;
            received = found;
            meter(received);
            Ok(())
        },
        client.patience().idle,
    );
    let synced = out.sync_all().map_err(DownloadError::io(part.path()));
    match ended {
        Ok(()) => {}
        Err(Ended::Cut(source)) => return Err(cut(&wanted.name, received, source)),
        Err(Ended::Refused(error)) => {
            part.discard();
            return Err(Trouble::Lasting(*error));
        }
    }
    synced?;
    if total.is_some_and(|total| received < total) {
        return Err(cut(&wanted.name, received, io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(note.version)
}

/// Holds the whole file against what was promised, and lets it into the corpus.
fn check(
    wanted: &Wanted,
    expected: &Expected,
    part: &Part,
    version: Version,
    total: Option<u64>,
) -> Result<Arrival, Trouble> {
    let Digests { bytes, md5, sha256 } = part.digests()?;
    let promised = match expected {
        Expected::Md5(hex) => Some(("MD5", hex, &md5)),
        Expected::Sha256(hex) => Some(("SHA-256", hex, &sha256)),
        Expected::Whole | Expected::Companion(_) => None,
    };
    let file = wanted.name.clone();
    if let Some((algorithm, expected, found)) = promised.filter(|(_, expected, found)| expected != found) {
        part.discard();
        return Err(DownloadError::Digest { file, algorithm, expected: expected.clone(), found: found.clone() }.into());
    }
    if let Some(expected) = total.filter(|total| *total != bytes) {
        part.discard();
        return Err(DownloadError::Length { file, expected, found: bytes }.into());
    }
    let path = part.install()?;
    Ok(Arrival::Arrived(Arrived { path, bytes, sha256, resumed: 0, version }))
}

/// How a body ended, other than well.
enum Ended {
    Cut(io::Error),
    Refused(Box<DownloadError>),
}

impl From<DownloadError> for Ended {
    fn from(error: DownloadError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl Ended {
    fn named(self, what: &str) -> Trouble {
        match self {
            Self::Cut(source) => cut(what, 0, source),
            Self::Refused(error) => Trouble::Lasting(*error),
        }
    }
}

/// Hands a body on piece by piece; one that only drips is as good as silent.
fn copy(
    mut body: Box<dyn Read>,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), Ended>,
    idle: Duration,
) -> Result<(), Ended> {
    let mut piece = vec![0; PIECE];
    let (mut since, mut dripped) = (Instant::now(), 0);
    loop {
        let read = match body.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Ended::Cut(error)),
        };
        sink(&piece[..read])?;
        dripped += read as u64;
        if since.elapsed() >= idle {
            if dripped < SLOWEST * since.elapsed().as_secs().max(1) {
                return Err(Ended::Cut(io::ErrorKind::TimedOut.into()));
            }
            (since, dripped) = (Instant::now(), 0);
        }
    }
}

fn cut(file: &str, received: u64, source: io::Error) -> Trouble {
    Trouble::Passing(DownloadError::Interrupted { file: file.to_owned(), received, source }, None)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `MD5(pubmed26n1275.xml.gz)= 0123…` as PubMed writes it, and `0123…  name` as md5sum does.
fn companion(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.find(|word| is_hex(word, 32)).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_companion_are_read() {
        let hex = "0123456789abcdef0123456789abcdef";
        assert_eq!(companion(&format!("MD5(pubmed26n1275.xml.gz)= {hex}\n")).as_deref(), Some(hex));
        assert_eq!(companion(&format!("{}  a.xml.gz\n", hex.to_ascii_uppercase())).as_deref(), Some(hex));
        assert_eq!(companion("<html>not found</html>"), None);
        assert_eq!(companion(&format!("{hex}00")), None);
    }
}
