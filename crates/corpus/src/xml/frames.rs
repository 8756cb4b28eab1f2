//! Where in a file of many XML records does each begin and end?
//!
//! `<` never stands in XML but at the beginning of markup, so that the tags of a record can be found without parsing
//! what lies between. One broken record then costs that record alone, and a record is all that is ever in memory.

use std::io::{self, BufRead};

use memchr::memmem;

use crate::report::SkipReason;

/// Longest comment, instruction or declaration between records.
const MAX_ASIDE_BYTES: usize = 1 << 20;
/// Bytes behind the position that are given back at once.
const SPENT_BYTES: usize = 1 << 20;

/// What lies between records of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    /// Nothing but the wrapper of this name, which must be closed.
    Wrapper(&'static str),
    /// Whatever a service wraps around them.
    Anything,
}

/// A record, or what is wrong where one should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'b> {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    /// Its first byte in the file.
    pub(crate) offset: u64,
    /// The name of its element and its bytes, both tags included.
    pub(crate) found: Result<(&'static str, &'b str), SkipReason>,
}

/// Cuts a stream into records.
pub(crate) struct Frames<'a> {
    input: &'a mut dyn BufRead,
    limit: usize,
    elements: &'static [&'static str],
    between: Between,
    buffer: Vec<u8>,
    at: usize,
    /// The place of `buffer[0]` in the file.
    base: u64,
    number: u64,
    ended: bool,
    /// Whether a wrapper is open.
    wrapped: bool,
    /// The last tag that opened the wrapper.
    wrapper_tag: Vec<u8>,
    /// Up to where in the file these ends were looked for in vain, so that nothing is searched twice.
    barren: Vec<(&'static [u8], u64)>,
}

/// What was found, as positions in the buffer.
enum Found {
    Record { element: &'static str, start: usize, end: usize },
    Fault { start: u64, reason: SkipReason },
    End,
}

/// Markup that names one of the elements.
enum Mark {
    Open,
    Close,
}

impl<'a> Frames<'a> {
    /// The `elements` of `input` that are records, of `limit` bytes at most: a record is held in memory, several times over.
    pub(crate) fn new(
        input: &'a mut dyn BufRead,
        elements: &'static [&'static str],
        between: Between,
        limit: usize,
    ) -> Self {
        Self {
            input,
            limit,
            elements,
            between,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            number: 0,
            ended: false,
            wrapped: false,
            wrapper_tag: Vec::new(),
            barren: Vec::new(),
        }
    }

    /// The tag of the wrapper around the record that was handed out last.
    pub(crate) fn wrapper_tag(&self) -> &[u8] {
        &self.wrapper_tag
    }

    /// The next record; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame<'_>>> {
        let found = self.find()?;
        let (offset, found) = match found {
            Found::End => return Ok(None),
            Found::Fault { start, reason } => (start, Err(reason)),
            Found::Record { element, start, end } => {
                let bytes = &self.buffer[start..end];
                let text = match std::str::from_utf8(bytes) {
                    Ok(_) if bytes.contains(&0) => Err(SkipReason::Binary),
                    Ok(text) => Ok((element, text)),
                    Err(error) => Err(SkipReason::NotUtf8 { offset: self.base + (start + error.valid_up_to()) as u64 }),
                };
                (self.base + start as u64, text)
            }
        };
        self.number += 1;
        Ok(Some(Frame { number: self.number, offset, found }))
    }

    fn find(&mut self) -> io::Result<Found> {
        self.forget();
        // Where something stands that is not a record.
        let mut stray: Option<u64> = None;
        loop {
            let text = self.find_markup()?;
            if text && self.between != Between::Anything {
                stray.get_or_insert(self.base + self.at as u64);
            }
            if text {
                self.skip_to_markup()?;
            }
            // Long enough for any name.
            self.hold(64)?;
            let here = self.here();
            let fault = |start| Ok(Found::Fault { start, reason: SkipReason::Stray });
            if here.is_empty() {
                return match (stray, self.between) {
                    (Some(start), _) => fault(start),
                    (None, Between::Wrapper(element)) if self.wrapped => {
                        self.wrapped = false;
                        Ok(Found::Fault { start: self.base + self.at as u64, reason: SkipReason::Unclosed { element } })
                    }
                    _ => Ok(Found::End),
                };
            }
            let element = self.elements.iter().copied().find(|name| opens(here, name));
            let wrapper = match self.between {
                Between::Wrapper(name) if opens(here, name) => Some(true),
                Between::Wrapper(name) if closes(here, name) => Some(false),
                _ => None,
            };
            // A record, or the wrapper: what was stray ends here.
            if let (Some(start), true) = (stray, element.is_some() || wrapper.is_some()) {
                return fault(start);
            }
            if let Some(element) = element {
                return self.record(element);
            }
            let end = match here {
                // What is stray hides nothing.
                _ if stray.is_some() && wrapper.is_none() => None,
                [b'<', b'?', ..] => self.seek_past(b"?>")?,
                [b'<', b'!', b'-', b'-', ..] => self.seek_past(b"-->")?,
                [b'<', b'!', b'D', ..] => self.seek_past_doctype()?,
                _ if wrapper.is_some() || self.between == Between::Anything => self.seek_past(b">")?,
                _ => None,
            };
            match (end, wrapper) {
                (Some(end), Some(opened)) => {
                    if opened {
                        self.wrapper_tag = self.buffer[self.at..end].to_vec();
                    }
                    self.wrapped = opened;
                    self.at = end;
                }
                (Some(end), None) => self.at = end,
                (None, _) => {
                    if self.between != Between::Anything {
                        stray.get_or_insert(self.base + self.at as u64);
                    }
                    self.at += 1;
                }
            }
        }
    }

    /// The record that begins here, or why it does not end.
    fn record(&mut self, element: &'static str) -> io::Result<Found> {
        let finder = memmem::Finder::new(element);
        let start = self.base + self.at as u64;
        if let Some(end) = self.past(self.at, b'>')?.filter(|end| self.buffer[..*end].ends_with(b"/>")) {
            let start = std::mem::replace(&mut self.at, end);
            return Ok(Found::Record { element, start, end });
        }
        let mut searched = self.at + 1 + element.len();
        let mut too_large = false;
        loop {
            while let Some(at) = finder.find(&self.buffer[searched..]).map(|at| at + searched) {
                // The name may be cut off by the end of the buffer.
                if at + element.len() >= self.buffer.len() {
                    break;
                }
                searched = at + 1;
                match mark(&self.buffer, at, element) {
                    Some(Mark::Open) => {
                        self.at = at - 1;
                        return Ok(Found::Fault { start, reason: SkipReason::Unclosed { element } });
                    }
                    Some(Mark::Close) => {
                        let Some(end) = self.past(at, b'>')? else { break };
                        let begin = (start.saturating_sub(self.base)) as usize;
                        self.at = end;
                        if too_large {
                            return Ok(Found::Fault {
                                start,
                                reason: SkipReason::TooLarge { limit: self.limit as u64 },
                            });
                        }
                        return Ok(Found::Record { element, start: begin, end });
                    }
                    None => {}
                }
            }
            if self.buffer.len() - self.at > self.limit {
                too_large = true;
                self.at = self.buffer.len() - element.len() - 3;
                self.forget();
                searched = self.at;
            } else {
                searched = searched.max(self.buffer.len().saturating_sub(element.len() + 1));
            }
            if !self.fill()? {
                self.at = self.buffer.len();
                self.wrapped = false;
                return Ok(Found::Fault { start, reason: SkipReason::Unclosed { element } });
            }
        }
    }

    /// The position behind the next `byte` from `from` on, in what is at hand or soon comes.
    fn past(&mut self, from: usize, byte: u8) -> io::Result<Option<usize>> {
        loop {
            if let Some(at) = memchr::memchr(byte, &self.buffer[from..]) {
                return Ok(Some(from + at + 1));
            }
            if self.buffer.len() - from > MAX_ASIDE_BYTES || !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Moves over white space; whether something else than markup stands there.
    fn find_markup(&mut self) -> io::Result<bool> {
        loop {
            let blank = self.here().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.at += blank;
            // A byte order mark.
            if self.base + self.at as u64 == 0 && self.here().starts_with(b"\xef\xbb\xbf") {
                self.at += 3;
                continue;
            }
            if let Some(byte) = self.here().first() {
                return Ok(*byte != b'<');
            }
            self.forget();
            if !self.fill()? {
                return Ok(false);
            }
        }
    }

    fn skip_to_markup(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr::memchr(b'<', self.here()) {
                self.at += at;
                return Ok(());
            }
            self.at = self.buffer.len();
            self.forget();
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// The position behind the next `end`, if it comes soon.
    fn seek_past(&mut self, end: &'static [u8]) -> io::Result<Option<usize>> {
        let known = self.barren.iter().position(|(barren, _)| *barren == end);
        let barren = known.map_or(0, |known| self.barren.swap_remove(known).1);
        let mut searched = self.at.max(barren.saturating_sub(self.base) as usize).min(self.buffer.len());
        loop {
            if let Some(at) = memmem::find(&self.buffer[searched..], end) {
                return Ok(Some(searched + at + end.len()));
            }
            searched = searched.max(self.buffer.len().saturating_sub(end.len() - 1));
            if self.buffer.len() - self.at > MAX_ASIDE_BYTES || !self.fill()? {
                self.barren.push((end, self.base + searched as u64));
                return Ok(None);
            }
        }
    }

    /// The same for a document type, whose own declarations stand in brackets.
    fn seek_past_doctype(&mut self) -> io::Result<Option<usize>> {
        let Some(end) = self.seek_past(b">")? else { return Ok(None) };
        if !self.buffer[self.at..end].contains(&b'[') {
            return Ok(Some(end));
        }
        let Some(end) = self.seek_past(b"]")? else { return Ok(None) };
        let before = std::mem::replace(&mut self.at, end);
        let end = self.seek_past(b">")?;
        self.at = before;
        Ok(end)
    }

    fn here(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Reads until `bytes` are at hand, or the file ends.
    fn hold(&mut self, bytes: usize) -> io::Result<()> {
        while self.here().len() < bytes && self.fill()? {}
        Ok(())
    }

    /// Reads on; whether anything came.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let more = loop {
            match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let length = more.len();
        self.buffer.extend_from_slice(more);
        self.input.consume(length);
        self.ended = length == 0;
        Ok(length > 0)
    }

    /// Gives back what was handed out.
    fn forget(&mut self) {
        if self.at >= SPENT_BYTES || self.at == self.buffer.len() {
            self.buffer.drain(..self.at);
            self.base += self.at as u64;
            self.at = 0;
        }
    }
}

/// Whether `bytes` begin with the opening tag of `name`.
fn opens(bytes: &[u8], name: &str) -> bool {
    bytes.first() == Some(&b'<') && bytes[1..].starts_with(name.as_bytes()) && ends_name(bytes.get(1 + name.len()))
}

fn closes(bytes: &[u8], name: &str) -> bool {
    bytes.starts_with(b"</") && bytes[2..].starts_with(name.as_bytes()) && ends_name(bytes.get(2 + name.len()))
}

/// What the name at `at` is part of.
fn mark(bytes: &[u8], at: usize, name: &str) -> Option<Mark> {
    if at >= 1 && opens(&bytes[at - 1..], name) {
        return Some(Mark::Open);
    }
    (at >= 2 && closes(&bytes[at - 2..], name)).then_some(Mark::Close)
}

fn ends_name(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| matches!(byte, b'>' | b'/') || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_RECORD_BYTES: usize = 1 << 20;

    /// Each frame in words, read through a buffer of few bytes.
    fn frames(xml: &[u8], between: Between) -> Vec<String> {
        let mut input = io::BufReader::with_capacity(7, xml);
        let mut frames = Frames::new(&mut input, &["r", "del"], between, MAX_RECORD_BYTES);
        let mut found = Vec::new();
        while let Some(frame) = frames.next().expect("read") {
            let what = match frame.found {
                Ok((_, text)) => text.to_owned(),
                Err(reason) => reason.to_string().chars().take(14).collect(),
            };
            found.push(format!("{} {} {what}", frame.number, frame.offset));
            assert!(found.len() <= xml.len(), "no end: {:?}", &found[..8.min(found.len())]);
        }
        found
    }

    #[test]
    fn records_are_found_and_what_is_not_one_is_reported_at_its_place() {
        let check = |xml: &str, expected: &[&str]| {
            assert_eq!(frames(xml.as_bytes(), Between::Wrapper("rs")), expected, "{xml}");
        };
        check(
            "\u{feff}<?xml version=\"1.0\"?>\n<!DOCTYPE rs [<!ENTITY a \"b\">] >\n<rs a=\"1\"><!-- <r>x</r> --></rs>",
            &[],
        );
        check("<rs><r>a</r>\n<r b=\"c\">d</r ><del/></rs>", &["1 4 <r>a</r>", "2 13 <r b=\"c\">d</r >", "3 28 <del/>"]);
        check("<rs><r>a<r>b</r></rs>", &["1 4 `<r>` is not c", "2 8 <r>b</r>"]);
        check("<rs><r>a</q><r>b</r></rs>", &["1 4 `<r>` is not c", "2 12 <r>b</r>"]);
        check("<rs><rr>a</rr><r>b</r></rs>", &["1 4 not a record, ", "2 14 <r>b</r>"]);
        check("<rs>x y<r>b</r>z</rs>", &["1 4 not a record, ", "2 7 <r>b</r>", "3 15 not a record, "]);
        check("<rs><!-- <r>b</r></rs>", &["1 4 not a record, ", "2 9 <r>b</r>"]);
        check("<rs><r>a</r>", &["1 4 <r>a</r>", "2 12 `<rs>` is not "]);
        check("<rs><r>a</r><r>b", &["1 4 <r>a</r>", "2 12 `<r>` is not c"]);
        check("<rs><r>a</r></rs><?xml version=\"1.0\"?><rs><r>b</r></rs>", &["1 4 <r>a</r>", "2 42 <r>b</r>"]);
        check("<rs><r>a<del>b</del></r></rs>", &["1 4 <r>a<del>b</del></r>"]);
        check("", &[]);
        assert_eq!(
            frames(b"<rs><r>\xff</r><r>\0</r></rs>", Between::Wrapper("rs")),
            ["1 4 not UTF-8 from", "2 12 a binary file;"]
        );
        assert_eq!(frames(b"<x>y<z><r>a</r></z></x>", Between::Anything), ["1 7 <r>a</r>"]);
    }

    #[test]
    fn an_endless_record_is_passed_over_and_the_next_one_found() {
        let xml = format!("<rs><r>{}</r><r>b</r></rs>", "x".repeat(MAX_RECORD_BYTES + 100_000));
        let mut input = io::BufReader::new(xml.as_bytes());
        let mut frames = Frames::new(&mut input, &["r"], Between::Wrapper("rs"), MAX_RECORD_BYTES);
        let first = frames.next().expect("read").expect("a frame");
        assert!(matches!((first.offset, first.found), (4, Err(SkipReason::TooLarge { .. }))));
        let second = frames.next().expect("read").expect("a frame");
        assert_eq!(second.found, Ok(("r", "<r>b</r>")));
        assert!(frames.buffer.capacity() < 3 * MAX_RECORD_BYTES);
    }

    #[test]
    fn records_that_never_end_take_linear_time() {
        let xml = "<r>".repeat(400_000);
        assert_eq!(frames(xml.as_bytes(), Between::Wrapper("rs")).len(), 400_000);
    }
}
