//! Plain text: one document a file, its headings guessed only where they are plain to see.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Metadata;

use super::{Context, Format, Record};
use crate::clean::clean;
use crate::decode::decode;
use crate::outline::Outline;
use crate::report::SkipReason;
use crate::sentence::list_marker;
use crate::whole::{Page, ends_in, one_document};

/// Longest file; it is held in memory whole.
const MAX_FILE_BYTES: usize = 16 << 20;
/// Most lines; of a file of that length each would have a few words.
const MAX_LINES: usize = 400_000;
/// Longest line that may be a title, and longest that may be a heading, in characters.
const TITLE_CHARS: usize = 250;
const HEADING_CHARS: usize = 160;
/// Longest lines of a text whose lines are wrapped; a text with longer ones has a paragraph a line.
const WRAPPED: std::ops::RangeInclusive<usize> = 45..=120;
/// Labels before the parts of an abstract, where text follows on the same line.
const LABELS: &[&str] = &[
    "abstract",
    "aim",
    "aims",
    "background",
    "conclusion",
    "conclusions",
    "context",
    "design",
    "discussion",
    "findings",
    "funding",
    "interpretation",
    "intervention",
    "interventions",
    "introduction",
    "limitations",
    "main outcome measures",
    "materials and methods",
    "measurements",
    "method",
    "methods",
    "objective",
    "objectives",
    "outcomes",
    "participants",
    "patients",
    "patients and methods",
    "purpose",
    "results",
    "setting",
    "summary",
    "trial registration",
];

/// Files that end in `.txt` or `.text`, and files without an ending that hold text.
pub(super) struct PlainText;

impl Format for PlainText {
    fn name(&self) -> &'static str {
        "plain_text"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        let is_text = !head.contains(&0) || head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
        let is_prose = || head.trim_ascii_start().first().is_some_and(|first| !b"<{[#%".contains(first));
        is_text && (ends_in(file, &["txt", "text"]) || file.extension().is_none() && is_prose())
    }

    fn about(&self, _: u64) -> u64 {
        1
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        one_document(input, context, MAX_FILE_BYTES, sink, |bytes| page(&bytes, context.defaults))
    }
}

fn page(bytes: &[u8], defaults: &Metadata) -> Result<Page, SkipReason> {
    let text = clean(&decode(bytes, None)?);
    if memchr::memchr_iter(b'\n', text.as_bytes()).count() > MAX_LINES {
        return Err(SkipReason::TooMany { limit: MAX_LINES as u64, what: "lines".to_owned() });
    }
    let width = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let mut blocks: Vec<Vec<&str>> = text
        .split('\n')
        .collect::<Vec<_>>()
        .split(|line| line.trim().is_empty())
        .filter(|lines| !lines.is_empty())
        .map(<[&str]>::to_vec)
        .collect();
    let title = blocks.first_mut().and_then(take_title).unwrap_or_default();
    let mut outline = Outline::default();
    for (number, lines) in blocks.iter().enumerate() {
        let next = blocks.get(number + 1).and_then(|lines| lines.first());
        block(lines, next.copied(), WRAPPED.contains(&width), &mut outline);
    }
    if outline.body.is_empty() {
        outline.body.paragraph(&title);
    }
    Ok(Page::new(&title, outline.finish(), defaults.clone()))
}

/// Takes the title off the first block: a line that says so, is underlined, or stands alone and is no sentence.
fn take_title(first: &mut Vec<&str>) -> Option<String> {
    let line = first.first()?.trim();
    if let Some(title) = line.get(..6).filter(|label| label.eq_ignore_ascii_case("title:")).map(|_| line[6..].trim()) {
        first.remove(0);
        return Some(title.to_owned());
    }
    let underlined = first.get(1).is_some_and(|next| is_rule(next));
    let alone = first.len() == 1 && !line.ends_with(['.', ':', ';', ',']) && list_marker(line) == 0;
    if line.chars().count() > TITLE_CHARS || !(underlined || alone) {
        return None;
    }
    first.drain(..if underlined { 2 } else { 1 });
    Some(line.to_owned())
}

/// Writes one block: the lines between two blank ones.
fn block(lines: &[&str], next: Option<&str>, wrapped: bool, outline: &mut Outline) {
    let mut paragraph: Vec<&str> = Vec::new();
    let mut item: Option<(String, Vec<&str>)> = None;
    let mut rest = lines;
    while let [line, after @ ..] = rest {
        rest = after;
        let line = line.trim();
        if is_rule(line) {
            continue;
        }
        let marker = list_marker(line);
        let heading = Heading::of(line, Around { alone: lines.len() == 1, next, underline: after.first().copied() });
        if let Some(heading) = heading {
            flush(&mut paragraph, &mut item, outline);
            heading.write(outline);
        } else if marker > 0 {
            flush(&mut paragraph, &mut item, outline);
            item = Some((marker_of(line, marker), vec![&line[marker..]]));
        } else if let Some((_, words)) = item.as_mut().filter(|_| wrapped) {
            words.push(line);
        } else {
            if !wrapped {
                flush(&mut paragraph, &mut item, outline);
            }
            paragraph.push(line);
        }
    }
    flush(&mut paragraph, &mut item, outline);
}

fn flush(paragraph: &mut Vec<&str>, item: &mut Option<(String, Vec<&str>)>, outline: &mut Outline) {
    outline.body.paragraph(&join(paragraph));
    paragraph.clear();
    if let Some((marker, words)) = item.take() {
        outline.body.marked(&marker, &join(&words));
    }
}

/// Numbers stay, bullets become dashes.
fn marker_of(line: &str, marker: usize) -> String {
    let written = line[..marker].trim();
    if written.ends_with(['.', ')']) { written.to_owned() } else { "-".to_owned() }
}

/// Lines as one; a word that was cut by a hyphen at a line's end keeps it, since in typed text it belongs to the word.
fn join(lines: &[&str]) -> String {
    let mut joined = String::new();
    for line in lines {
        let runs_on = joined.ends_with('-') && line.starts_with(char::is_lowercase);
        if !joined.is_empty() && !runs_on {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

/// A line that is a heading.
enum Heading<'a> {
    /// One heading, so deep.
    Level(u8, &'a str),
    /// A label with the names of what lies around it: `BODY.METHODS.STATISTICAL ANALYSIS:`.
    Path(Vec<&'a str>),
    /// A label and the text behind it on the same line.
    Label(&'a str, &'a str),
}

/// What stands around a line.
#[derive(Clone, Copy)]
struct Around<'a> {
    alone: bool,
    next: Option<&'a str>,
    underline: Option<&'a str>,
}

impl<'a> Heading<'a> {
    fn of(line: &'a str, around: Around<'_>) -> Option<Self> {
        if line.chars().count() > HEADING_CHARS {
            return labelled(line);
        }
        if let Some(rule) = around.underline.filter(|rule| is_rule(rule)) {
            return Some(Self::Level(if rule.trim().starts_with('=') { 1 } else { 2 }, line));
        }
        if let Some(label) = line.strip_suffix(':').filter(|label| is_upper_case(label)) {
            return Some(Self::Path(pieces(label.trim_end_matches(':'))));
        }
        if let Some(heading) = labelled(line) {
            return Some(heading);
        }
        let is_open = !line.ends_with(['.', ',', ';', ':', '!', '?']);
        if !around.alone || !is_open {
            return None;
        }
        let next = around.next?.trim();
        if let Some(depth) = numbered(line) {
            return numbered(next).is_none_or(|below| below > depth).then_some(Self::Level(1 + depth, line));
        }
        let short = line.chars().count() <= 70 && line.split_whitespace().count() <= 9;
        let opens = line.starts_with(char::is_uppercase) && next.chars().count() > line.chars().count();
        (is_upper_case(line) || short && opens && list_marker(line) == 0).then_some(Self::Level(2, line))
    }

    fn write(self, outline: &mut Outline) {
        match self {
            Self::Level(level, name) => outline.heading(level, name),
            Self::Path(names) => outline.path(&names),
            Self::Label(name, text) => {
                outline.path(&[name]);
                outline.body.paragraph(text);
            }
        }
    }
}

/// `RESULTS: All were well.`
fn labelled(line: &str) -> Option<Heading<'_>> {
    let (label, text) = line.split_once(": ")?;
    (is_upper_case(label) && LABELS.contains(&label.to_lowercase().as_str())).then_some(Heading::Label(label, text))
}

/// `BODY.2. METHODS.2.1. SUBJECTS` becomes `2. METHODS`, `2.1. SUBJECTS`: a stop behind a letter and before no blank
/// divides. `BODY` says nothing and is left out.
fn pieces(label: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in label.match_indices('.') {
        let long = label[start..at].chars().filter(|c| c.is_alphabetic()).count() > 2;
        let ends = label[..at].ends_with(|c: char| c.is_alphabetic() || c == ')');
        if long && ends && label[at + 1..].starts_with(|c: char| !c.is_whitespace()) {
            found.push(&label[start..at]);
            start = at + 1;
        }
    }
    found.push(&label[start..]);
    if found.len() > 1 && found[0] == "BODY" {
        found.remove(0);
    }
    found
}

/// How deep `2.1 Methods` is numbered; a number without a capital behind it is none.
fn numbered(line: &str) -> Option<u8> {
    let (number, name) = line.split_once(' ')?;
    let parts: Vec<&str> = number.trim_end_matches('.').split('.').collect();
    let is_number = parts.len() <= 4
        && parts.iter().all(|part| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    (is_number && name.trim_start().starts_with(char::is_uppercase)).then_some(parts.len() as u8)
}

fn is_upper_case(line: &str) -> bool {
    line.chars().filter(|c| c.is_alphabetic()).count() >= 3 && !line.chars().any(char::is_lowercase)
}

/// `=====` or `-----`, under a heading or between parts.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 3 && ["=", "-", "~", "*", "_"].iter().any(|mark| line.chars().all(|c| mark.starts_with(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, Vec<(String, String)>) {
        let page = page(text.as_bytes(), &Metadata::default()).expect("a page");
        let body = |section: &clinqa_schema::Section| page.text[section.bytes.clone()].to_owned();
        let sections = page.sections.iter().map(|section| (section.heading.clone(), body(section))).collect();
        (page.title.unwrap_or_default(), page.text.clone(), sections)
    }

    fn sections(text: &str) -> Vec<(String, String)> {
        read(text).2
    }

    #[test]
    fn a_trial_is_cut_at_its_labels() {
        let (title, _, found) = read(
            "TITLE: Warm tea for a cold\n\n  ABSTRACT.OBJECTIVE::\nTo see whether tea helps.\n\nABSTRACT.METHODS::\nTwo groups.\n\n\
             BODY:\nColds are common.\n\nBODY.2. METHODS.2.1. SUBJECTS:\nAdults took part.\n",
        );
        assert_eq!(title, "Warm tea for a cold");
        let found: Vec<(&str, &str)> = found.iter().map(|(heading, text)| (heading.as_str(), text.as_str())).collect();
        let expected = [
            ("ABSTRACT: OBJECTIVE", "To see whether tea helps."),
            ("ABSTRACT: METHODS", "Two groups."),
            ("BODY", "Colds are common."),
            ("2. METHODS: 2.1. SUBJECTS", "Adults took part."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn wrapped_lines_are_joined_and_headings_seen() {
        let text = "Caring for a sprained ankle\n\nWhat it is\n\nA sprain is a stretched or torn ligament, often after a\n\
            fall. It is painful for some days, and long-\nterm harm is rare.\n\nSELF CARE\n\nRest it and do as follows:\n\n\
            - Cool it for ten minutes, with a cloth between the ice\n  and the skin.\n- Raise it.\n\n1. First step\n2. Second step\n";
        let (title, text, found) = read(text);
        assert_eq!(title, "Caring for a sprained ankle");
        assert_eq!(found[0].0, "What it is");
        assert!(found[0].1.ends_with("often after a fall. It is painful for some days, and long-term harm is rare."));
        assert_eq!(found[1].0, "SELF CARE");
        assert!(
            text.contains("\n- Cool it for ten minutes, with a cloth between the ice and the skin.\n- Raise it."),
            "{text}"
        );
        assert!(text.ends_with("1. First step\n2. Second step"), "{text}");
    }

    #[test]
    fn headings_are_guessed_only_where_they_are_plain() {
        let headings = |text: &str| sections(text).into_iter().map(|(heading, _)| heading).collect::<Vec<_>>();
        assert_eq!(headings("Tea\n===\n\nUses\n----\nMany and various uses."), ["Uses"]);
        assert_eq!(
            headings("First words.\n\n1. Introduction\n\nA longer text follows.\n\n2.1 Methods\n\nMore of the text."),
            ["", "1. Introduction", "1. Introduction: 2.1 Methods"]
        );
        assert_eq!(headings("First words.\n\n1. Wash it\n\n2. Dry it\n\n3. Rest it"), [""]);
        assert_eq!(
            headings("BACKGROUND: Colds are common. RESULTS: none here.\nRESULTS: Tea helps."),
            ["BACKGROUND", "RESULTS"]
        );
        assert_eq!(headings("HDL: 1.2 mmol/L is good."), [""]);
        assert_eq!(sections("Only a line"), [(String::new(), "Only a line".to_owned())]);
    }

    #[test]
    fn text_is_told_from_other_files() {
        let check =
            |file: &str, head: &[u8], yes| assert_eq!(PlainText.recognises(Path::new(file), head), yes, "{file}");
        check("a.TXT", b"text", true);
        check("a.txt", b"\xff\xfea\0", true);
        check("a.txt", b"a\0b", false);
        check("notes", b"Some text", true);
        check("notes", b"<html>", false);
        check("a.json", b"Some text", false);
    }
}
