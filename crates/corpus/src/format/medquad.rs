//! MedQuAD: questions and answers from the sites of the National Institutes of Health, one topic a file.
//!
//! Each pair is a document of its own: its title is the topic and its heading the question, which is what a question is
//! matched with. Pairs whose answer was removed for copyright are skipped and counted.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::{Document, Metadata, SourceLocator};

use super::{Appetite, Context, Format, Record, is_web_address};
use crate::body::Body;
use crate::clean::clean_line;
use crate::identifier::legal_id;
use crate::report::{SkipReason, Skipped};
use crate::xml::{Between, Frames, Xml};

/// Longest document with its questions; the longest that are delivered have some hundred kilobytes.
const MAX_RECORD_BYTES: usize = 4 << 20;

/// XML whose root is one of three names that MedQuAD uses, with its pairs below.
pub(super) struct MedQuad;

/// The names of the root; four files are written in another hand than the rest.
const ROOTS: &[&str] = &["Document", "doc", "DiseaseFile"];
/// Hexadecimal digits of a hash that tells pairs apart whose numbers the collection gave out twice.
const HASH_DIGITS: usize = 8;

impl Format for MedQuad {
    fn name(&self) -> &'static str {
        "medquad"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        let Some(text) = head.utf8_chunks().next().map(|chunk| chunk.valid()) else { return false };
        let roots = ["<Document id=\"", "<doc docid=\"", "<DiseaseFile fid=\""];
        roots.iter().any(|root| text.contains(root))
            && ["<Focus>", "<doctitle-focus>"].iter().any(|it| text.contains(it))
    }

    fn appetite(&self) -> Appetite {
        Appetite::Record
    }

    fn about(&self, _: u64) -> u64 {
        4
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let mut frames = Frames::new(input, ROOTS, Between::Anything, MAX_RECORD_BYTES);
        let mut number = 0;
        while let Some(frame) = frames.next()? {
            let locator = SourceLocator { offset: Some(frame.offset), ..context.locator(None) };
            let pairs = frame.found.and_then(|(_, text)| topic(text));
            let topic = match pairs {
                Ok(topic) => topic,
                Err(reason) => {
                    number += 1;
                    let locator = SourceLocator { record: Some(number), ..locator };
                    if sink(reason.at(locator, None).into()).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    continue;
                }
            };
            for pair in &topic.pairs {
                number += 1;
                let locator = SourceLocator { record: Some(number), ..locator.clone() };
                let id = Some(pair.id.clone()).filter(|id| !id.is_empty());
                let document = topic.document(pair, context.defaults, &locator);
                let record = document.map_err(|reason| Skipped { locator, id, reason });
                if sink(record.into()).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A file.
#[derive(Default)]
struct Topic {
    source: String,
    url: String,
    focus: String,
    synonyms: Vec<String>,
    pairs: Vec<Pair>,
}

/// A question and its answer.
#[derive(Default)]
struct Pair {
    id: String,
    question: String,
    answer: String,
}

fn topic(text: &str) -> Result<Topic, SkipReason> {
    let mut topic = Topic::default();
    let mut record = Xml::new(text);
    record.children(&mut |xml, root| {
        topic.source = root.attribute("source").or_else(|| root.attribute("corpus")).unwrap_or_default();
        topic.url = root.attribute("url").unwrap_or_default();
        xml.children(&mut |xml, tag| match tag.name() {
            "Focus" | "doctitle-focus" => {
                topic.focus = clean_line(&xml.text()?);
                Ok(())
            }
            "FocusAnnotations" => xml.children(&mut |xml, tag| match tag.name() {
                "Synonyms" => xml.children(&mut |xml, _| {
                    topic.synonyms.push(clean_line(&xml.text()?));
                    Ok(())
                }),
                _ => Ok(()),
            }),
            "QAPairs" | "qaPairs" => xml.children(&mut |xml, _| {
                topic.pairs.push(pair(xml)?);
                Ok(())
            }),
            _ => Ok(()),
        })
    })?;
    Ok(topic)
}

fn pair(xml: &mut Xml<'_>) -> Result<Pair, SkipReason> {
    let mut pair = Pair::default();
    xml.children(&mut |xml, tag| {
        match tag.name() {
            "Question" | "question" => {
                pair.id = tag.attribute("qid").unwrap_or_default();
                pair.question = clean_line(&xml.text()?);
            }
            "Answer" | "answer" => pair.answer = xml.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(pair)
}

impl Topic {
    fn document(&self, pair: &Pair, defaults: &Metadata, locator: &SourceLocator) -> Result<Document, SkipReason> {
        if pair.answer.trim().is_empty() {
            return Err(SkipReason::MissingField { field: "Answer" });
        }
        let whole = format!("{}\u{1f}{}\u{1f}{}", self.focus, pair.question, pair.answer);
        let hash = blake3::hash(whole.as_bytes()).to_hex();
        let raw_id = format!("{}:{}:{}", self.source, pair.id, &hash[..HASH_DIGITS]);
        let id = legal_id(&raw_id).ok_or(SkipReason::MissingField { field: "qid" })?;
        let mut body = Body::default();
        // "What is (are) Acne ?": a space before the mark is the generator's.
        let question = pair.question.replace(" ?", "?");
        body.heading(&question, &question);
        answer(&pair.answer, &mut body);
        if body.is_empty() {
            return Err(SkipReason::Empty);
        }
        let (text, sections) = body.finish();
        Ok(Document {
            id,
            title: if self.focus.is_empty() { question } else { self.focus.clone() },
            text,
            sections,
            metadata: Metadata {
                publisher: publisher(&self.source).map_or_else(|| clean_line(&self.source), str::to_owned),
                kind: "leaflet".to_owned(),
                url: Some(self.url.trim().to_owned()).filter(|url| is_web_address(url)),
                audience: defaults.audience.clone().or_else(|| Some("patient".to_owned())),
                language: Some("en".to_owned()),
                synonyms: self.synonyms.iter().filter(|name| !name.is_empty()).cloned().collect(),
                ..defaults.clone()
            },
            source: locator.clone(),
        })
    }
}

/// Answers lost their markup, but not the dashes of their lists nor the lines of their paragraphs.
fn answer(raw: &str, body: &mut Body) {
    for line in raw.lines() {
        let mut pieces = line.split("  - ");
        let lead = pieces.next().unwrap_or_default();
        match lead.trim().strip_prefix("- ") {
            Some(item) => body.item(item),
            None => body.paragraph(lead),
        }
        pieces.for_each(|item| body.item(item));
    }
}

fn publisher(source: &str) -> Option<&'static str> {
    Some(match source {
        "CancerGov" => "National Cancer Institute",
        "GARD" => "Genetic and Rare Diseases Information Center",
        "GHR" => "Genetics Home Reference",
        "MPlusHealthTopics" | "MPlusDrugs" | "MPlusHerbsSupplements" | "ADAM" => "MedlinePlus",
        "NIDDK" => "National Institute of Diabetes and Digestive and Kidney Diseases",
        "NINDS" => "National Institute of Neurological Disorders and Stroke",
        "NIHSeniorHealth" => "NIH SeniorHealth",
        "NHLBI" => "National Heart, Lung, and Blood Institute",
        "CDC" => "Centers for Disease Control and Prevention",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    fn read(xml: &str) -> Vec<Result<Document, String>> {
        assert!(MedQuad.recognises(Path::new("1.xml"), xml.as_bytes()));
        let context =
            Context { corpus: "c", file: "1.xml", defaults: &Metadata::default(), fields: &Fields::default() };
        let mut found = Vec::new();
        let flow = MedQuad
            .read(&mut io::Cursor::new(xml), &context, &mut |record| {
                found.push(record.into_result().map_err(|skip| skip.to_string()));
                ControlFlow::Continue(())
            })
            .expect("read");
        assert!(flow.is_continue());
        found
    }

    #[test]
    fn a_pair_is_a_document_under_its_question() {
        let records = read(
            "<?xml version=\"1.0\"?>\n<Document id=\"7\" source=\"GARD\" url=\"https://example.org/7\">\n<Focus>Acne</Focus>\n\
             <FocusAnnotations><Synonyms><Synonym>Spots</Synonym></Synonyms></FocusAnnotations>\n<QAPairs>\
             <QAPair pid=\"1\"><Question qid=\"7-1\" qtype=\"information\">What is (are) Acne ?</Question>\
             <Answer>Acne is common. It shows:\n   - spots  - oily skin\nMost people&apos;s acne heals.</Answer></QAPair>\
             <QAPair pid=\"2\"><Question qid=\"7-2\">What causes Acne ?</Question><Answer> </Answer></QAPair></QAPairs></Document>",
        );
        let document = records[0].as_ref().expect("a document");
        assert!(document.id.as_str().starts_with("GARD:7-1:"), "{}", document.id);
        assert_eq!(document.title, "Acne");
        let body = "Acne is common. It shows:\n\n- spots\n- oily skin\n\nMost people's acne heals.";
        assert_eq!(document.text, format!("What is (are) Acne?\n\n{body}"));
        assert_eq!(&document.text[document.sections[0].bytes.clone()], body);
        assert_eq!(document.metadata.publisher, "Genetic and Rare Diseases Information Center");
        assert_eq!(document.metadata.synonyms, ["Spots"]);
        assert_eq!((document.validate(), document.source.record), (Ok(()), Some(1)));
        assert_eq!(records[1], Err("1.xml:2 (7-2): the field `Answer` is missing or empty; add it".to_owned()));
    }

    #[test]
    fn the_other_hand_is_read_too_and_a_broken_file_is_one_fault() {
        let records = read(
            "<doc docid=\"1\" corpus=\"NINDS\" url=\"x\"><doctitle-focus>Stroke</doctitle-focus><qaPairs><pair pid=\"1\">\
             <question qid=\"1-1\">what is stroke ?</question><answer>A clot.</answer></pair></qaPairs></doc>",
        );
        assert_eq!(records[0].as_ref().expect("a document").text, "what is stroke?\n\nA clot.");
        let records = read("<Document id=\"1\"><Focus>A</Focus><QAPairs><QAPair></QAPairs></Document>");
        assert!(records[0].as_ref().is_err_and(|skip| skip.contains("1.xml:1: wrong XML")), "{records:?}");
    }
}
