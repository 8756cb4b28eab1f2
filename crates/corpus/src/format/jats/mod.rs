//! JATS: full texts as PubMed Central and publishers deliver them, one `article` a file or many in a wrapper.

mod page;

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::{Date, Document, DocumentId, Metadata, SourceLocator, Standing, StandingState};

use self::page::Page;
use super::{Appetite, Context, Format, Record, calendar_date, is_web_address};
use crate::clean::clean_line;
use crate::identifier::legal_id;
use crate::record::{Delivered, Notice, Version};
use crate::report::{SkipReason, Skipped};
use crate::xml::{Between, Frame, Frames, Tag, Xml};

/// Longest article; a full text with its tables has some megabytes at most.
const MAX_RECORD_BYTES: usize = 16 << 20;
/// Key words that a topic keeps.
const MAX_SYNONYMS: usize = 24;

/// XML that has an `article` with its `front`.
pub(super) struct Jats;

impl Format for Jats {
    fn name(&self) -> &'static str {
        "jats"
    }

    fn recognises(&self, _: &Path, head: &[u8]) -> bool {
        let has = |what: &[u8]| memchr::memmem::find(head, what).is_some();
        let signs: [&[u8]; 4] = [b"<front", b"article-type=", b"dtd-version=", b"JATS"];
        (has(b"<article ") || has(b"<article>")) && signs.into_iter().any(has)
    }

    fn appetite(&self) -> Appetite {
        Appetite::Record
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
        let mut frames = Frames::new(input, &["article"], Between::Anything, MAX_RECORD_BYTES);
        while let Some(Frame { number, offset, found }) = frames.next()? {
            let locator = SourceLocator { offset: Some(offset), ..context.locator(Some(number)) };
            let mut id = None;
            let records = match found {
                Ok((_, text)) => article(text, context, &locator, &mut id),
                Err(reason) => Err(reason),
            };
            let records = records.unwrap_or_else(|reason| vec![Skipped { locator, id, reason }.into()]);
            for record in records {
                if sink(record).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What an article says about itself.
#[derive(Default)]
struct Article {
    kind: String,
    language: Option<String>,
    title: String,
    journal: String,
    pmid: Option<String>,
    pmc: Option<String>,
    doi: Option<String>,
    published: Option<Date>,
    /// The last day on which anything is said to have happened to it.
    latest: Option<Date>,
    licence: Option<String>,
    keywords: Vec<String>,
    related: Vec<Related>,
    page: Page,
}

/// A `related-article`.
struct Related {
    kind: String,
    name: String,
}

fn article(
    text: &str,
    context: &Context<'_>,
    locator: &SourceLocator,
    known_id: &mut Option<String>,
) -> Result<Vec<Record>, SkipReason> {
    let mut it = Article::default();
    let mut record = Xml::new(text);
    record.children(&mut |xml, root| {
        it.kind = root.attribute("article-type").unwrap_or_default();
        it.language = root.attribute("lang").map(|code| code.chars().take(2).collect::<String>().to_ascii_lowercase());
        xml.children(&mut |xml, tag| match tag.name() {
            "front" => it.front(xml, known_id),
            "body" | "floats-group" => it.page.flow(xml),
            "back" => it.back(xml),
            _ => Ok(()),
        })
    })?;
    it.records(context, locator, known_id)
}

impl Article {
    fn front(&mut self, xml: &mut Xml<'_>, known_id: &mut Option<String>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| match tag.name() {
            "journal-meta" => self.journal(xml),
            "article-meta" => xml.children(&mut |xml, tag| {
                self.meta(xml, tag)?;
                *known_id = self.pmc.clone().or_else(|| self.pmid.clone());
                Ok(())
            }),
            _ => Ok(()),
        })
    }

    fn journal(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| match tag.name() {
            "journal-title-group" => self.journal(xml),
            "journal-title" => {
                self.journal = clean_line(&xml.text()?);
                Ok(())
            }
            _ => Ok(()),
        })
    }

    fn meta(&mut self, xml: &mut Xml<'_>, tag: &Tag<'_>) -> Result<(), SkipReason> {
        match tag.name() {
            "article-id" => {
                let id = clean_line(&xml.text()?);
                match tag.attribute("pub-id-type").as_deref() {
                    Some("pmid") => self.pmid = Some(format!("pmid:{id}")),
                    Some("pmc" | "pmcid") => self.pmc = Some(format!("PMC{}", id.trim_start_matches("PMC"))),
                    Some("doi") => self.doi = Some(format!("doi:{id}")),
                    _ => {}
                }
            }
            "title-group" => xml.children(&mut |xml, tag| {
                if tag.name() == "article-title" {
                    self.title = clean_line(&xml.text()?);
                }
                Ok(())
            })?,
            "pub-date" => {
                let date = date(xml)?;
                // An article may have a day on paper and one online: the first counts.
                if self.published.is_none() || date.as_ref().is_some_and(|date| Some(date) < self.published.as_ref()) {
                    self.published.clone_from(&date);
                }
                self.latest = self.latest.take().max(date);
            }
            "history" | "pub-history" | "event" => xml.children(&mut |xml, tag| self.meta(xml, tag))?,
            "date" => self.latest = self.latest.take().max(date(xml)?),
            "permissions" => xml.children(&mut |_, tag| {
                if tag.name() == "license" {
                    self.licence = tag.attribute("href").or_else(|| tag.attribute("license-type"));
                }
                Ok(())
            })?,
            "abstract" => {
                let heading = match tag.attribute("abstract-type").as_deref() {
                    Some("graphical" | "teaser" | "toc") => return Ok(()),
                    Some("plain-language-summary") => "Plain language summary",
                    Some(kind) if kind.contains("summary") => "Summary",
                    _ => "Abstract",
                };
                self.page.section(heading);
                self.page.flow(xml)?;
                self.page.path.clear();
            }
            "kwd-group" => xml.children(&mut |xml, tag| {
                if tag.name() == "kwd" && self.keywords.len() < MAX_SYNONYMS {
                    self.keywords.push(clean_line(&xml.text()?));
                }
                Ok(())
            })?,
            "related-article" | "related-object" => self.related.extend(related(tag)),
            _ => {}
        }
        Ok(())
    }

    fn back(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| match tag.name() {
            "app-group" | "sec" | "notes" => self.page.flow(xml),
            _ => Ok(()),
        })
    }

    fn records(
        self,
        context: &Context<'_>,
        locator: &SourceLocator,
        known_id: &mut Option<String>,
    ) -> Result<Vec<Record>, SkipReason> {
        let defaults = context.defaults;
        let id = self.id(context)?;
        *known_id = Some(id.to_string());
        let mut body = self.page.body;
        if body.is_empty() {
            body.paragraph(&self.title);
        }
        if body.is_empty() {
            return Err(SkipReason::Empty);
        }
        let (text, sections) = body.finish();
        let mut standing = Standing::default();
        if self.title.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("retracted")) {
            standing.state = StandingState::Retracted;
        }
        let mut records = Vec::new();
        for related in &self.related {
            match meaning(&related.kind) {
                Some((Side::Own, state)) if state >= standing.state => {
                    standing.state = state;
                    standing.notice = Some(related.name.clone());
                }
                Some((Side::Other, state)) => {
                    let standing = Standing { state, notice: Some(id.to_string()), since: self.published.clone() };
                    records.push(Record::Notice(Notice { about: related.name.clone(), standing }));
                }
                _ => {}
            }
        }
        let version = Version::new(0, self.latest.as_ref());
        let pmc = self.pmc.as_ref().map(|pmc| format!("pmc:{pmc}"));
        let url = match (&self.pmc, &self.doi) {
            (Some(pmc), _) => Some(format!("https://pmc.ncbi.nlm.nih.gov/articles/{pmc}/")),
            (None, Some(doi)) => Some(format!("https://doi.org/{}", doi.trim_start_matches("doi:"))),
            (None, None) => None,
        };
        let document = Document {
            id,
            title: self.title,
            text,
            sections,
            metadata: Metadata {
                publisher: if self.journal.is_empty() { defaults.publisher.clone() } else { self.journal },
                kind: kind(&self.kind).to_owned(),
                published: self.published.or_else(|| defaults.published.clone()),
                url: url.filter(|url| is_web_address(url)),
                language: self.language.or_else(|| defaults.language.clone()),
                licence: self.licence.map(|terms| clean_line(&terms)).or_else(|| defaults.licence.clone()),
                synonyms: self.keywords.into_iter().filter(|word| !word.is_empty()).collect(),
                standing,
                ..defaults.clone()
            },
            source: locator.clone(),
        };
        let names = [self.pmid, self.doi, pmc].into_iter().flatten().collect();
        records.insert(0, Record::Document(Box::new(Delivered { document, version, names })));
        Ok(records)
    }

    /// The first that it has: its number in PubMed Central, in PubMed, its DOI, its file.
    fn id(&self, context: &Context<'_>) -> Result<DocumentId, SkipReason> {
        let own = [&self.pmc, &self.pmid, &self.doi].into_iter().flatten().next();
        let file = context.file.rsplit_once('.').map_or(context.file, |(name, _)| name).replace('/', ":");
        legal_id(own.unwrap_or(&file)).ok_or(SkipReason::MissingField { field: "article-id" })
    }
}

fn date(xml: &mut Xml<'_>) -> Result<Option<Date>, SkipReason> {
    let [mut year, mut month, mut day] = [String::new(), String::new(), String::new()];
    xml.children(&mut |xml, tag| {
        let field = match tag.name() {
            "year" => &mut year,
            "month" => &mut month,
            "day" => &mut day,
            _ => return Ok(()),
        };
        *field = xml.text()?;
        Ok(())
    })?;
    Ok(calendar_date(year.trim(), month.trim(), day.trim()))
}

fn related(tag: &Tag<'_>) -> Option<Related> {
    let kind = tag.attribute("related-article-type").or_else(|| tag.attribute("link-type"))?;
    let link = tag.attribute("href").map(|link| clean_line(&link))?;
    let name = match tag.attribute("ext-link-type").as_deref() {
        Some("pmid" | "pubmed") => format!("pmid:{link}"),
        Some("pmc" | "pmcid") => format!("pmc:PMC{}", link.trim_start_matches("PMC")),
        _ => {
            let doi =
                ["https://doi.org/", "http://dx.doi.org/", "doi:"].iter().find_map(|head| link.strip_prefix(head));
            format!("doi:{}", doi.unwrap_or(&link))
        }
    };
    Some(Related { kind, name })
}

enum Side {
    /// The link leads to what became of this article.
    Own,
    /// This article says what became of the one that the link leads to.
    Other,
}

/// What a `related-article-type` means. A commentary or a companion changes nothing.
fn meaning(kind: &str) -> Option<(Side, StandingState)> {
    Some(match kind {
        "retracted-article" => (Side::Other, StandingState::Retracted),
        "retraction-forward" | "retraction" => (Side::Own, StandingState::Retracted),
        "object-of-concern" | "partial-retraction" => (Side::Other, StandingState::Concern),
        "concern-forward" | "expression-of-concern-forward" | "expression-of-concern" => {
            (Side::Own, StandingState::Concern)
        }
        "corrected-article" => (Side::Other, StandingState::Corrected),
        "correction-forward" | "correction" => (Side::Own, StandingState::Corrected),
        "updated-article" => (Side::Other, StandingState::Superseded),
        "update" | "update-forward" => (Side::Own, StandingState::Superseded),
        _ => return None,
    })
}

fn kind(article_type: &str) -> &'static str {
    match article_type {
        "retraction" | "partial-retraction" => "retraction notice",
        "expression-of-concern" => "expression of concern",
        "correction" | "addendum" => "correction",
        "review-article" | "systematic-review" => "review",
        "case-report" => "case report",
        "editorial" | "letter" | "article-commentary" | "reply" => "opinion",
        "guideline" | "guidelines" => "guideline",
        _ => "article",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    fn read(xml: &str) -> Vec<Record> {
        assert!(Jats.recognises(Path::new("a.nxml"), xml.as_bytes()));
        let context =
            Context { corpus: "c", file: "a.nxml", defaults: &Metadata::default(), fields: &Fields::default() };
        let mut found = Vec::new();
        let mut sink = |record| {
            found.push(record);
            ControlFlow::Continue(())
        };
        assert!(Jats.read(&mut io::Cursor::new(xml), &context, &mut sink).expect("read").is_continue());
        found
    }

    const FULL: &str = r#"<?xml version="1.0"?><!DOCTYPE article PUBLIC "-//NLM//DTD JATS v1.2//EN" "x.dtd">
<article article-type="research-article" xml:lang="en" xmlns:xlink="http://www.w3.org/1999/xlink"><front><journal-meta>
<journal-title-group><journal-title>Journal of Tests</journal-title></journal-title-group></journal-meta><article-meta>
<article-id pub-id-type="pmid">12</article-id><article-id pub-id-type="pmc">77</article-id><article-id pub-id-type="doi">10.1/x</article-id>
<title-group><article-title>Salt and <italic>pressure</italic></article-title></title-group>
<pub-date pub-type="epub"><day>3</day><month>2</month><year>2024</year></pub-date>
<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>x</license-p></license></permissions>
<abstract><sec><title>Aims</title><p>To test salt.</p></sec></abstract><kwd-group><kwd>sodium</kwd></kwd-group>
<related-article related-article-type="correction-forward" ext-link-type="doi" xlink:href="10.1/c"/></article-meta></front>
<body><sec><label>1</label><title>Methods</title><p>We gave salt<xref ref-type="bibr">[1]</xref>.<list><list-item><p>5 g</p></list-item></list>Daily.</p>
<sec><title>People</title><p>Ten.</p></sec>
<table-wrap><label>Table 1</label><caption><title>Doses</title><p>By day.</p></caption><table><thead><tr><th>Dose</th><th>Days</th></tr></thead>
<tbody><tr><td>5 g</td><td>3</td></tr></tbody></table></table-wrap></sec>
<sec><title>Results</title><fig><label>Figure 1</label><caption><p>It fell.</p></caption><graphic xlink:href="f"/></fig><p>Pressure fell.</p></sec></body>
<back><ref-list><ref>Nobody reads this.</ref></ref-list></back></article>"#;

    #[test]
    fn an_article_is_one_text_with_its_sections_tables_and_captions() {
        let records = read(FULL);
        let [Record::Document(found)] = &records[..] else { panic!("{records:?}") };
        let Document { id, title, text, sections, metadata, .. } = &found.document;
        assert_eq!((id.as_str(), title.as_str()), ("PMC77", "Salt and pressure"));
        let bodies: Vec<(&str, &str)> =
            sections.iter().map(|section| (section.heading.as_str(), &text[section.bytes.clone()])).collect();
        let expected = [
            ("Abstract: Aims", "To test salt."),
            ("Methods", "We gave salt.\n\n- 5 g\n\nDaily."),
            ("Methods: People", "Ten."),
            ("Methods", "Table 1. Doses By day.\n\n- Dose: 5 g; Days: 3"),
            ("Results", "Figure 1. It fell.\n\nPressure fell."),
        ];
        assert_eq!(bodies, expected);
        assert_eq!((metadata.kind.as_str(), metadata.publisher.as_str()), ("article", "Journal of Tests"));
        assert_eq!(metadata.published.as_ref().map(Date::as_str), Some("2024-02-03"));
        assert_eq!(metadata.licence.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
        assert_eq!(
            (metadata.standing.state, metadata.standing.notice.as_deref()),
            (StandingState::Corrected, Some("doi:10.1/c"))
        );
        assert_eq!(found.names, ["pmid:12", "doi:10.1/x", "pmc:PMC77"]);
        assert_eq!(found.document.validate(), Ok(()));
    }

    #[test]
    fn a_retraction_speaks_of_the_article_that_it_names() {
        let records = read(
            "<article article-type=\"retraction\"><front><article-meta><article-id pub-id-type=\"doi\">10.1/r</article-id>\
             <title-group><article-title>Retraction</article-title></title-group>\
             <related-article related-article-type=\"retracted-article\" ext-link-type=\"doi\" href=\"https://doi.org/10.1/X\"/>\
             </article-meta></front><body><p>We retract it.</p></body></article>",
        );
        let [Record::Document(found), Record::Notice(notice)] = &records[..] else { panic!("{records:?}") };
        assert_eq!(found.document.metadata.kind, "retraction notice");
        assert_eq!((notice.about.as_str(), notice.standing.state), ("doi:10.1/X", StandingState::Retracted));
    }

    #[test]
    fn an_article_without_text_or_form_is_skipped() {
        let check = |xml: &str, expected: &str| match &read(xml)[..] {
            [Record::Skipped(skip)] => assert!(skip.to_string().contains(expected), "{skip}"),
            other => panic!("{other:?}"),
        };
        check("<article><front/></article>", "a.nxml:1 (a): no text");
        check("<article><front></article>", "wrong XML");
        check("<article><front>", "is not closed");
    }
}
