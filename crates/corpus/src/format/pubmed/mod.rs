//! PubMed: `PubmedArticleSet`, as the baseline, the daily update files and E-utilities deliver it.
//!
//! An update file repeats articles that were revised and lists, under `DeleteCitation`, those that were taken back.
//! What was retracted, doubted, corrected or updated stands in `CommentsCorrectionsList`, on both sides: in the article
//! (`RetractionIn`) and in the notice (`RetractionOf`); either is enough.

mod article;

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::SourceLocator;

use self::article::{article, deletions};
use super::{Appetite, Context, Format, Record};
use crate::report::Skipped;
use crate::xml::{Between, Frame, Frames};

/// Bytes of a record in a baseline file, for a bar.
const LINES_PER_RECORD: u64 = 90;

/// Longest record. A paper of three thousand authors has 2 MB.
const MAX_RECORD_BYTES: usize = 4 << 20;

/// XML that has a `PubmedArticleSet`.
pub(super) struct PubMed;

impl Format for PubMed {
    fn name(&self) -> &'static str {
        "pubmed"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        memchr::memmem::find(head, b"<PubmedArticleSet").is_some()
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
        let elements = &["PubmedArticle", "PubmedBookArticle", "DeleteCitation"];
        let mut frames = Frames::new(input, elements, Between::Wrapper("PubmedArticleSet"), MAX_RECORD_BYTES);
        let mut number = 0;
        while let Some(Frame { offset, found, .. }) = frames.next()? {
            number += 1;
            let locator = SourceLocator { offset: Some(offset), ..context.locator(Some(number)) };
            let mut id = None;
            let records = match found {
                Ok(("DeleteCitation", text)) => deletions(text, &locator),
                Ok((_, text)) => article(text, context.defaults, &locator, &mut id),
                Err(reason) => Err(reason),
            };
            let records = records.unwrap_or_else(|reason| vec![Record::from(Skipped { locator, id, reason })]);
            // Each citation of a list of deletions counts as a record.
            number += (records.iter().filter(|it| matches!(it, Record::Deletion(_))).count() as u64).saturating_sub(1);
            for record in records {
                if sink(record).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Date, Document, Metadata, StandingState};

    use super::article::date;
    use super::*;
    use crate::fields::Fields;
    use crate::record::Version;
    use crate::xml::Xml;

    fn read(records: &str) -> Vec<Record> {
        let xml = format!("<?xml version=\"1.0\"?>\n<PubmedArticleSet>\n{records}\n</PubmedArticleSet>\n");
        let context =
            Context { corpus: "c", file: "u.xml", defaults: &Metadata::default(), fields: &Fields::default() };
        let mut found = Vec::new();
        let flow = PubMed
            .read(&mut io::Cursor::new(xml), &context, &mut |record| {
                found.push(record);
                ControlFlow::Continue(())
            })
            .expect("read");
        assert!(flow.is_continue());
        found
    }

    const FULL: &str = r#"<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="2">4711</PMID>
<DateRevised><Year>2026</Year><Month>03</Month><Day>09</Day></DateRevised><Article PubModel="Print"><Journal>
<JournalIssue><PubDate><Year>2025</Year><Month>Dec</Month></PubDate></JournalIssue><Title>Journal of Tests</Title></Journal>
<ArticleTitle>Salt &amp; <i>pressure</i>: a trial.</ArticleTitle><ELocationID EIdType="doi">10.1000/ABC</ELocationID>
<Abstract><AbstractText Label="AIMS">Counts above 10<sup>9</sup>/L.</AbstractText>
<AbstractText Label="RESULTS" NlmCategory="RESULTS">Pressure fell.</AbstractText><CopyrightInformation>c</CopyrightInformation></Abstract>
<Language>eng</Language><PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType>
<PublicationType UI="D016449">Randomized Controlled Trial</PublicationType></PublicationTypeList></Article>
<CommentsCorrectionsList><CommentsCorrections RefType="ErratumIn"><RefSource>J Tests. 2026;1:9</RefSource><PMID>5000</PMID></CommentsCorrections>
<CommentsCorrections RefType="UpdateOf"><PMID Version="1">11</PMID></CommentsCorrections>
<CommentsCorrections RefType="CommentIn"><PMID>12</PMID></CommentsCorrections></CommentsCorrectionsList>
<MeshHeadingList><MeshHeading><DescriptorName MajorTopicYN="Y">Hypertension</DescriptorName><QualifierName>x</QualifierName></MeshHeading></MeshHeadingList>
</MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="pubmed">4711</ArticleId><ArticleId IdType="pmc">PMC77</ArticleId></ArticleIdList>
<ReferenceList><Reference><ArticleIdList><ArticleId IdType="doi">10.9/other</ArticleId></ArticleIdList></Reference></ReferenceList></PubmedData></PubmedArticle>"#;

    #[test]
    fn an_article_is_a_document_with_all_that_answers_need() {
        let records = read(FULL);
        let [Record::Document(found), Record::Notice(notice)] = &records[..] else { panic!("{records:?}") };
        let Document { id, title, text, sections, metadata, source } = &found.document;
        assert_eq!((id.as_str(), title.as_str()), ("pmid:4711", "Salt & pressure: a trial."));
        assert_eq!(text, "Aims\n\nCounts above 10^9/L.\n\nResults\n\nPressure fell.");
        let headings: Vec<&str> = sections.iter().map(|section| section.heading.as_str()).collect();
        assert_eq!(headings, ["Aims", "Results"]);
        assert_eq!((metadata.publisher.as_str(), metadata.kind.as_str()), ("Journal of Tests", "trial"));
        assert_eq!(metadata.published.as_ref().map(Date::as_str), Some("2025-12"));
        assert_eq!(
            (metadata.language.as_deref(), &metadata.synonyms[..]),
            (Some("en"), &["Hypertension".to_owned()][..])
        );
        assert_eq!(metadata.url.as_deref(), Some("https://pubmed.ncbi.nlm.nih.gov/4711/"));
        assert_eq!(metadata.standing.state, StandingState::Corrected);
        assert_eq!(metadata.standing.notice.as_deref(), Some("J Tests. 2026;1:9 (pmid:5000)"));
        assert_eq!(found.version, Version::new(2, Date::new("2026-03-09").ok().as_ref()));
        assert_eq!(found.names, ["doi:10.1000/ABC", "pmc:PMC77"]);
        assert_eq!((source.record, source.offset), (Some(1), Some(41)));
        assert_eq!((notice.about.as_str(), notice.standing.state), ("pmid:11", StandingState::Superseded));
        assert_eq!(found.document.validate(), Ok(()));
    }

    #[test]
    fn deletions_are_counted_one_by_one() {
        let records =
            read(&format!("<DeleteCitation><PMID Version=\"1\">1</PMID>\n<PMID>2</PMID></DeleteCitation>{FULL}"));
        let places: Vec<(String, Option<u64>)> = records
            .iter()
            .filter_map(|record| match record {
                Record::Deletion(it) => Some((it.id.to_string(), it.locator.record)),
                Record::Document(it) => Some((it.document.id.to_string(), it.document.source.record)),
                _ => None,
            })
            .collect();
        let expected = [("pmid:1", Some(1)), ("pmid:2", Some(2)), ("pmid:4711", Some(3))];
        assert_eq!(places, expected.map(|(id, record)| (id.to_owned(), record)));
    }

    /// A record of this citation.
    fn article(citation: &str) -> String {
        format!("<PubmedArticle><MedlineCitation>{citation}</MedlineCitation></PubmedArticle>")
    }

    #[test]
    fn a_record_that_is_no_article_is_skipped_with_its_reason() {
        let check = |citation: &str, expected: &str| {
            let records = read(&article(citation));
            let [Record::Skipped(skip)] = &records[..] else { panic!("{citation}: {records:?}") };
            assert!(skip.to_string().contains(expected), "{skip}");
        };
        check("<Article><ArticleTitle>T</ArticleTitle></Article>", "u.xml:1: the field `PMID` is missing");
        check("<PMID> </PMID>", "the field `PMID` is missing");
        check("<PMID>12x</PMID>", "wrong `PMID`");
        check("<PMID Version=\"one\">12</PMID>", "Version is not a number");
        check("<PMID>1</PMID><PMID>2</PMID>", "there are two of them");
        check("<PMID>1</PMID><Article><ArticleTitle> </ArticleTitle></Article>", "u.xml:1 (pmid:1): no text");
        check("<PMID>1</PMID><DateRevised><Year>x</Year></DateRevised>", "wrong `DateRevised`");
        check("<PMID>1</PMID><Article><ArticleTitle>R & D</ArticleTitle></Article>", "(pmid:1): wrong XML");
    }

    #[test]
    fn a_title_alone_is_a_document_and_may_say_that_it_is_retracted() {
        let records =
            read(&article("<PMID>1</PMID><Article><ArticleTitle>RETRACTED: A study.</ArticleTitle></Article>"));
        let [Record::Document(found)] = &records[..] else { panic!("{records:?}") };
        assert_eq!(found.document.text, "RETRACTED: A study.");
        assert_eq!(found.document.metadata.standing.state, StandingState::Retracted);
    }

    #[test]
    fn a_date_may_be_written_in_many_ways() {
        let check = |xml: &str, expected: Option<&str>| {
            let mut record = Xml::new(xml);
            let mut found = None;
            record.children(&mut |xml, _| date(xml).map(|date| found = date)).expect("xml");
            assert_eq!(found.as_ref().map(Date::as_str), expected, "{xml}");
        };
        check("<d><Year>2024</Year><Month>Feb</Month><Day>7</Day></d>", Some("2024-02-07"));
        check("<d><Year>2024</Year><Month>11</Month></d>", Some("2024-11"));
        check("<d><Year>2024</Year><Season>Winter</Season></d>", Some("2024"));
        check("<d><MedlineDate>1998 Dec-1999 Jan</MedlineDate></d>", Some("1998"));
        check("<d><Year>2024</Year><Month>13</Month></d>", Some("2024"));
        check("<d/>", None);
    }
}
