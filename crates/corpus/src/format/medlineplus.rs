//! MedlinePlus health topics: one `health-topic` a page, with its other names and a summary in HTML.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::{Date, Document, Metadata, SourceLocator};

use super::{Appetite, Context, Format, Record, calendar_date, is_web_address};
use crate::body::Body;
use crate::clean::clean_line;
use crate::identifier::legal_id;
use crate::record::{Delivered, Version};
use crate::report::{SkipReason, Skipped};
use crate::xml::{Between, Frame, Frames, Tag, Xml, fragment};

/// Lines of a topic in the delivered file, for a bar.
const LINES_PER_RECORD: u64 = 60;

/// Longest record; the longest that are delivered have some hundred kilobytes.
const MAX_RECORD_BYTES: usize = 4 << 20;

/// XML that has `health-topics`.
pub(super) struct MedlinePlus;

impl Format for MedlinePlus {
    fn name(&self) -> &'static str {
        "medlineplus"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        memchr::memmem::find(head, b"<health-topics").is_some()
    }

    fn appetite(&self) -> Appetite {
        Appetite::Record
    }

    fn about(&self, lines: u64) -> u64 {
        lines / LINES_PER_RECORD + 1
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let mut frames = Frames::new(input, &["health-topic"], Between::Wrapper("health-topics"), MAX_RECORD_BYTES);
        let mut delivered = None;
        let mut number = 0;
        while let Some(Frame { offset, found, .. }) = frames.next()? {
            number += 1;
            let locator = SourceLocator { offset: Some(offset), ..context.locator(Some(number)) };
            let mut id = None;
            let record = match found {
                Ok((_, text)) => topic(text, context.defaults, &locator, &mut id),
                Err(reason) => Err(reason),
            };
            if number == 1 {
                delivered = generated(frames.wrapper_tag());
            }
            let record = match record {
                Ok(document) => {
                    let version = Version::new(0, delivered.as_ref().or(document.metadata.published.as_ref()));
                    Record::Document(Box::new(Delivered { document, version, names: Vec::new() }))
                }
                Err(reason) => Skipped { locator, id, reason }.into(),
            };
            if sink(record).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The day on which the file was made, which tells two deliveries of a topic apart.
fn generated(wrapper_tag: &[u8]) -> Option<Date> {
    let mut date = None;
    let tag = format!("{}</health-topics>", String::from_utf8_lossy(wrapper_tag));
    let mut xml = Xml::new(&tag);
    let read = xml.children(&mut |_, tag| {
        date = tag.attribute("date-generated").and_then(|date| american_date(&date));
        Ok(())
    });
    read.ok().and(date)
}

fn topic(
    text: &str,
    defaults: &Metadata,
    locator: &SourceLocator,
    known_id: &mut Option<String>,
) -> Result<Document, SkipReason> {
    let mut found = None;
    let mut record = Xml::new(text);
    record.children(&mut |xml, tag| {
        found = Some(read_topic(xml, tag, defaults, locator, known_id)?);
        Ok(())
    })?;
    found.ok_or(SkipReason::Empty)
}

fn read_topic(
    xml: &mut Xml<'_>,
    tag: &Tag<'_>,
    defaults: &Metadata,
    locator: &SourceLocator,
    known_id: &mut Option<String>,
) -> Result<Document, SkipReason> {
    let number = tag.attribute("id").unwrap_or_default();
    let id = Some(number.trim()).filter(|number| !number.is_empty());
    let id = id.and_then(|number| legal_id(&format!("medlineplus:{number}")));
    let id = id.ok_or(SkipReason::MissingField { field: "id" })?;
    *known_id = Some(id.to_string());
    let title = clean_line(&tag.attribute("title").unwrap_or_default());
    let mut body = Body::default();
    let [mut names, mut groups, mut institutes] = [Vec::new(), Vec::new(), Vec::new()];
    xml.children(&mut |xml, tag| {
        match tag.name() {
            "also-called" | "see-reference" => names.push(clean_line(&xml.text()?)),
            "group" => groups.push(clean_line(&xml.text()?)),
            "primary-institute" => institutes.push(clean_line(&xml.text()?)),
            "full-summary" => fragment(&xml.text()?, &mut body),
            _ => {}
        }
        Ok(())
    })?;
    if body.is_empty() {
        return Err(SkipReason::MissingField { field: "full-summary" });
    }
    let (text, sections) = body.finish();
    let language = match tag.attribute("language").as_deref() {
        Some("English") => Some("en".to_owned()),
        Some("Spanish") => Some("es".to_owned()),
        _ => defaults.language.clone(),
    };
    Ok(Document {
        id,
        title,
        text,
        sections,
        metadata: Metadata {
            publisher: "MedlinePlus".to_owned(),
            kind: "leaflet".to_owned(),
            published: tag.attribute("date-created").and_then(|date| american_date(&date)),
            url: tag.attribute("url").filter(|url| is_web_address(url)),
            specialty: groups.into_iter().next().or_else(|| defaults.specialty.clone()),
            audience: Some("patient".to_owned()),
            language,
            synonyms: names,
            see_also: institutes,
            ..defaults.clone()
        },
        source: locator.clone(),
    })
}

/// `07/04/2026`, with or without a time behind it.
fn american_date(text: &str) -> Option<Date> {
    let mut parts = text.split_whitespace().next()?.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    calendar_date(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    #[test]
    fn a_topic_is_a_document_with_its_other_names() {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <health-topics total=\"2\" date-generated=\"07/04/2026 02:31:07\">\n\
            <health-topic meta-desc=\"x\" title=\"Asthma\" url=\"https://example.org/asthma.html\" id=\"18\" language=\"English\" date-created=\"05/20/1999\">\n\
            <also-called>Wheezy chest</also-called>\n<full-summary>&lt;p&gt;A disease of the &lt;b&gt;airways&lt;/b&gt;.&lt;/p&gt;&lt;ul&gt;&lt;li&gt;Cough&lt;/li&gt;&lt;/ul&gt;</full-summary>\n\
            <group url=\"x\" id=\"1\">Lungs</group><primary-institute url=\"x\">An institute</primary-institute>\n\
            <site title=\"t\" url=\"u\"><information-category>Start</information-category></site></health-topic>\n\
            <health-topic title=\"B\" id=\"19\"><full-summary/></health-topic></health-topics>";
        assert!(MedlinePlus.recognises(Path::new("x"), xml.as_bytes()));
        let context =
            Context { corpus: "c", file: "m.xml", defaults: &Metadata::default(), fields: &Fields::default() };
        let mut found = Vec::new();
        let mut sink = |record| {
            found.push(record);
            ControlFlow::Continue(())
        };
        MedlinePlus
            .read(&mut io::Cursor::new(xml), &context, &mut sink)
            .expect("read")
            .is_continue()
            .then_some(())
            .expect("all");
        let [Record::Document(topic), Record::Skipped(skip)] = &found[..] else { panic!("{found:?}") };
        let Document { id, title, text, metadata, .. } = &topic.document;
        assert_eq!((id.as_str(), title.as_str()), ("medlineplus:18", "Asthma"));
        assert_eq!(text, "A disease of the airways.\n\n- Cough");
        assert_eq!(
            (metadata.synonyms.as_slice(), metadata.specialty.as_deref()),
            (&["Wheezy chest".to_owned()][..], Some("Lungs"))
        );
        assert_eq!(metadata.published.as_ref().map(Date::as_str), Some("1999-05-20"));
        assert_eq!(topic.version, Version::new(0, Date::new("2026-07-04").ok().as_ref()));
        assert_eq!(skip.to_string(), "m.xml:2 (medlineplus:19): the field `full-summary` is missing or empty; add it");
    }
}
