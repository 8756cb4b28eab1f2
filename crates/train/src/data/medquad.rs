//! Which kind is each question of MedQuAD?
//!
//! The collection says of each question what it asks for (`qtype`: treatment, symptoms, …). Its questions come from
//! templates, a document asking several about one topic: parts are made by document, so that no topic is in both.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lzma_rust2::XzReader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::QName;
use quick_xml::{Reader, XmlVersion};

use super::labelled::{Labelled, file_name};
use super::report::{DataReport, Fate, Fault};
use crate::TrainError;

/// No file of the collection has a tenth of this; it keeps an archive that lies from asking for all memory.
const MOST_BYTES: u64 = 4 << 20;

/// Reads the questions of an archive (`.tar.xz`, `.tar`) or a folder of XML files, in the order of their files' names.
/// The document of each is its group.
pub fn read(path: &Path, report: &mut DataReport) -> Result<Vec<Labelled>, TrainError> {
    let mut files = if path.is_dir() { folder(path)? } else { archive(path)? };
    files.sort();
    let mut questions = Vec::new();
    for (name, text) in &files {
        questions.extend(self::questions(name, text, report));
    }
    if questions.is_empty() {
        let detail = "no question with a `qtype` in it; name the archive or the folder of MedQuAD".to_owned();
        return Err(TrainError::Format { path: path.display().to_string(), detail });
    }
    Ok(questions)
}

fn archive(path: &Path) -> Result<Vec<(String, String)>, TrainError> {
    let failed = |source| TrainError::Read { path: path.display().to_string(), source };
    let input = BufReader::new(File::open(path).map_err(failed)?);
    let is_xz = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xz"));
    let input: Box<dyn Read> = if is_xz { Box::new(XzReader::new(input, false)) } else { Box::new(input) };
    let mut archive = tar::Archive::new(input);
    let mut files = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path().map_err(failed)?.into_owned();
        if path.extension().is_none_or(|ending| ending != "xml") {
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        files.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(files)
}

fn folder(root: &Path) -> Result<Vec<(String, String)>, TrainError> {
    let mut files = Vec::new();
    let mut pending: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(here) = pending.pop() {
        let failed = |source| TrainError::Read { path: here.display().to_string(), source };
        for entry in fs::read_dir(&here).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|ending| ending == "xml") {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                let failed = |source| TrainError::Read { path: path.display().to_string(), source };
                let mut bytes = Vec::new();
                File::open(&path).map_err(failed)?.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
                files.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    Ok(files)
}

/// The questions of one file. What is no XML ends it, and is told: what stood before is kept.
fn questions(name: &str, text: &str, report: &mut DataReport) -> Vec<Labelled> {
    let file: Arc<str> = file_name(Path::new(name)).into();
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    // The question that is open: its id, its kind, its words.
    let mut open: Option<(Option<String>, Option<String>, String)> = None;
    let mut record = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) if is_question(tag.name()) => {
                open = Some((attribute(&tag, "qid"), attribute(&tag, "qtype"), String::new()));
            }
            Ok(Event::Text(part)) => {
                if let Some((.., words)) = &mut open {
                    words.push_str(&part);
                }
            }
            Ok(Event::GeneralRef(entity)) => {
                if let (Some((.., words)), Some(part)) = (&mut open, resolved(&entity)) {
                    words.push_str(&part);
                }
            }
            Ok(Event::End(tag)) if is_question(tag.name()) => {
                let Some((id, kind, words)) = open.take() else { continue };
                record += 1;
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                let Some(kind) = kind.filter(|_| !words.is_empty()) else {
                    let fault = if words.is_empty() { Fault::EmptyText } else { Fault::NoLabel };
                    report.add(&file, record, id.as_deref(), (fault, Fate::Skipped));
                    continue;
                };
                let (file, labels, group) = (Arc::clone(&file), vec![kind], name.to_owned());
                found.push(Labelled { file, record, id, text: words, labels, group });
            }
            Ok(Event::Eof) => return found,
            Err(_) => {
                report.add(&file, record + 1, None, (Fault::NotARecord, Fate::Skipped));
                return found;
            }
            Ok(_) => {}
        }
    }
}

/// Four files are written in another hand: their elements begin with a small letter.
fn is_question(name: QName<'_>) -> bool {
    name.as_ref().eq_ignore_ascii_case("question")
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let value = tag.try_get_attribute(name).ok()??.normalized_value(XmlVersion::Implicit1_0).ok()?;
    let value = value.trim().to_lowercase();
    (!value.is_empty()).then_some(value)
}

/// What one of XML's own entities, or the number of a character, stands for.
fn resolved(entity: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = entity.resolve_char_ref() {
        return Some(character.to_string());
    }
    resolve_xml_entity(entity).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "<?xml version=\"1.0\"?>\n<Document id=\"1\"><QAPairs><QAPair pid=\"1\">\n\
        <Question qid=\"1-1\" qtype=\"Information\">What is (are) Crohn&apos;s &amp; co ?</Question><Answer>a</Answer></QAPair>\n\
        <qaPair><question qid=\"1-2\" qtype=\"exams and tests\">How is it\n found ?</question></qaPair>\n\
        <Question qid=\"1-3\">no kind</Question><Question qid=\"1-4\" qtype=\"usage\"> </Question></QAPairs></Document>";

    #[test]
    fn questions_are_read_with_their_kinds_and_documents() {
        let mut report = DataReport::default();
        let found = questions("2_GARD/0000001.xml", DOCUMENT, &mut report);
        let told: Vec<(&str, &str)> = found.iter().map(|q| (q.text.as_str(), q.labels[0].as_str())).collect();
        assert_eq!(told, [("What is (are) Crohn's & co ?", "information"), ("How is it found ?", "exams and tests")]);
        assert!(found.iter().all(|question| question.group == "2_GARD/0000001.xml"));
        let faults: Vec<(usize, Fault)> = report.findings().iter().map(|it| (it.record, it.fault)).collect();
        assert_eq!(faults, [(3, Fault::NoLabel), (4, Fault::EmptyText)]);
    }

    #[test]
    fn a_folder_and_an_archive_say_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("mq/2_GARD");
        fs::create_dir_all(&inner).expect("a folder");
        fs::write(inner.join("0000001.xml"), DOCUMENT).expect("written");
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_dir_all("mq", folder.path().join("mq")).expect("added");
        let packed = folder.path().join("mq.tar");
        fs::write(&packed, builder.into_inner().expect("an archive")).expect("written");
        let read = |path: &Path| {
            let found = super::read(path, &mut DataReport::default()).expect("questions");
            found.into_iter().map(|question| (question.text, question.labels)).collect::<Vec<_>>()
        };
        assert_eq!(read(&folder.path().join("mq")), read(&packed));
        assert!(super::read(&folder.path().join("mq/2_GARD/0000001.xml"), &mut DataReport::default()).is_err());
    }
}
