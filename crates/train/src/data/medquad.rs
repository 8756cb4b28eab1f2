//! Which kind is each question of MedQuAD?
//!
//! The collection says of each question what it asks for (`qtype`: treatment, symptoms, …). Its questions come from
//! templates, a document asking several about one topic: parts are made by document, so that no topic is in both.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lzma_rust2::XzReader;

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

/// The questions of one file. Their elements hold nothing but text, so that they are found without reading the rest.
fn questions(name: &str, text: &str, report: &mut DataReport) -> Vec<Labelled> {
    let file: Arc<str> = file_name(Path::new(name)).into();
    let mut found = Vec::new();
    // Four files are written in another hand: their elements begin with a small letter.
    let small = text.to_ascii_lowercase();
    for (record, (at, _)) in (1..).zip(small.match_indices("<question ")) {
        let Some((tag, after)) = text[at..].split_once('>') else { break };
        let Some((question, _)) = after.split_once("</") else { break };
        let question = unescaped(question).split_whitespace().collect::<Vec<_>>().join(" ");
        let [id, kind] = ["qid", "qtype"].map(|name| attribute(tag, name));
        let fault = match &kind {
            _ if question.is_empty() => Some(Fault::EmptyText),
            None => Some(Fault::NoLabel),
            Some(_) => None,
        };
        match (fault, kind) {
            (None, Some(kind)) => found.push(Labelled {
                file: Arc::clone(&file),
                record,
                id,
                text: question,
                labels: vec![kind],
                group: name.to_owned(),
            }),
            (fault, _) => {
                let fault = fault.unwrap_or(Fault::NoLabel);
                report.add(&file, record, id.as_deref(), (fault, Fate::Skipped));
            }
        }
    }
    found
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    let value = unescaped(value.split_once('"')?.0).trim().to_lowercase();
    (!value.is_empty()).then_some(value)
}

/// The five entities of XML.
fn unescaped(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
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
