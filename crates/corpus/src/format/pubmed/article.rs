//! What does one PubMed record say: an article, or a list of ids that are taken back?

use clinqa_schema::{Date, Document, DocumentId, Metadata, SourceLocator, Standing, StandingState};

use crate::body::Body;
use crate::clean::{clean_line, clean_paragraph};
use crate::format::{Record, calendar_date, sentence_case};
use crate::record::{Deletion, Delivered, Notice, Version};
use crate::report::SkipReason;
use crate::xml::{Tag, Xml};

/// Names that a topic keeps: headings beyond these are about methods and populations.
const MAX_SYNONYMS: usize = 24;

/// What an article says about itself.
#[derive(Default)]
struct Article {
    pmid: Option<(DocumentId, u32)>,
    revised: Option<Date>,
    title: String,
    vernacular: String,
    body: Body,
    journal: String,
    published: Option<Date>,
    online: Option<Date>,
    language: Option<String>,
    types: Vec<String>,
    topics: Vec<String>,
    doi: Option<String>,
    pmc: Option<String>,
    /// What other articles say about this one, and this one about others.
    links: Vec<Link>,
}

/// One entry of `CommentsCorrectionsList`.
struct Link {
    kind: String,
    source: String,
    pmid: String,
}

/// The records of one article: itself, and what it says about others.
pub(super) fn article(
    text: &str,
    defaults: &Metadata,
    locator: &SourceLocator,
    known_id: &mut Option<String>,
) -> Result<Vec<Record>, SkipReason> {
    let mut it = Article::default();
    let mut record = Xml::new(text);
    record.children(&mut |xml, _| {
        xml.children(&mut |xml, tag| match tag.name() {
            "MedlineCitation" | "BookDocument" => it.citation(xml, known_id),
            "PubmedData" | "PubmedBookData" => xml.children(&mut |xml, tag| match tag.name() {
                "ArticleIdList" => it.identifiers(xml),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })
    })?;
    it.records(defaults, locator)
}

impl Article {
    fn citation(&mut self, xml: &mut Xml<'_>, known_id: &mut Option<String>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| match tag.name() {
            "PMID" => {
                if self.pmid.is_some() {
                    let reason = "there are two of them".to_owned();
                    return Err(SkipReason::WrongValue { field: "PMID", reason });
                }
                let pmid = pmid(xml, tag)?;
                *known_id = Some(pmid.0.to_string());
                self.pmid = Some(pmid);
                Ok(())
            }
            "DateRevised" => {
                let date = date(xml)?;
                let reason = || "it holds no date".to_owned();
                self.revised =
                    Some(date.ok_or_else(|| SkipReason::WrongValue { field: "DateRevised", reason: reason() })?);
                Ok(())
            }
            "Article" => self.article(xml),
            // A book stands where an article has its own element.
            "ArticleTitle" | "Abstract" | "Language" | "PublicationType" => self.article_part(xml, tag),
            "Book" => xml.children(&mut |xml, tag| match tag.name() {
                "BookTitle" => assign(&mut self.journal, xml),
                "PubDate" => {
                    self.published = date(xml)?;
                    Ok(())
                }
                _ => Ok(()),
            }),
            "ArticleIdList" => self.identifiers(xml),
            "CommentsCorrectionsList" => self.links(xml),
            "MeshHeadingList" => xml.children(&mut |xml, _| {
                xml.children(&mut |xml, tag| match tag.name() {
                    "DescriptorName" => self.topic(xml),
                    _ => Ok(()),
                })
            }),
            "KeywordList" => xml.children(&mut |xml, _| self.topic(xml)),
            "OtherAbstract" if tag.attribute("Language").is_none_or(|language| language == "eng") => {
                let heading = match tag.attribute("Type").as_deref() {
                    Some("plain-language-summary") => "Plain language summary",
                    _ => "Other abstract",
                };
                self.abstract_text(xml, heading)
            }
            _ => Ok(()),
        })
    }

    fn article(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| self.article_part(xml, tag))
    }

    fn article_part(&mut self, xml: &mut Xml<'_>, tag: &Tag<'_>) -> Result<(), SkipReason> {
        match tag.name() {
            "Journal" => xml.children(&mut |xml, tag| match tag.name() {
                "Title" => assign(&mut self.journal, xml),
                "JournalIssue" => xml.children(&mut |xml, tag| {
                    if tag.name() == "PubDate" {
                        self.published = date(xml)?;
                    }
                    Ok(())
                }),
                _ => Ok(()),
            }),
            "ArticleTitle" => assign(&mut self.title, xml),
            "VernacularTitle" => assign(&mut self.vernacular, xml),
            "Abstract" => self.abstract_text(xml, ""),
            "Language" if self.language.is_none() => {
                self.language = language(xml.text()?.trim());
                Ok(())
            }
            "PublicationType" => {
                self.types.push(xml.text()?);
                Ok(())
            }
            "PublicationTypeList" => xml.children(&mut |xml, _| {
                self.types.push(xml.text()?);
                Ok(())
            }),
            "ArticleDate" => {
                self.online = date(xml)?;
                Ok(())
            }
            "ELocationID" if tag.attribute("EIdType").as_deref() == Some("doi") => {
                self.doi = Some(xml.text()?.trim().to_owned());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A labelled part is a section: `BACKGROUND` becomes `Background`.
    fn abstract_text(&mut self, xml: &mut Xml<'_>, heading: &str) -> Result<(), SkipReason> {
        if !heading.is_empty() {
            self.body.heading(heading, heading);
        }
        xml.children(&mut |xml, tag| {
            if tag.name() != "AbstractText" {
                return Ok(());
            }
            if let Some(label) = tag.attribute("Label") {
                let label = sentence_case(&clean_line(&label));
                let full = if heading.is_empty() { label.clone() } else { format!("{heading}: {label}") };
                self.body.heading(&label, &full);
            }
            self.body.paragraph(&xml.text()?);
            Ok(())
        })
    }

    fn topic(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        let topic = clean_line(&xml.text()?);
        if self.topics.len() < MAX_SYNONYMS && !topic.is_empty() && !self.topics.contains(&topic) {
            self.topics.push(topic);
        }
        Ok(())
    }

    fn identifiers(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| {
            match tag.attribute("IdType").as_deref() {
                Some("doi") => self.doi = Some(xml.text()?.trim().to_owned()),
                Some("pmc") => self.pmc = Some(xml.text()?.trim().to_owned()),
                _ => {}
            }
            Ok(())
        })
    }

    fn links(&mut self, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
        xml.children(&mut |xml, tag| {
            let kind = tag.attribute("RefType").unwrap_or_default();
            let mut link = Link { kind, source: String::new(), pmid: String::new() };
            xml.children(&mut |xml, tag| match tag.name() {
                "RefSource" => assign(&mut link.source, xml),
                "PMID" => assign(&mut link.pmid, xml),
                _ => Ok(()),
            })?;
            self.links.push(link);
            Ok(())
        })
    }

    fn records(self, defaults: &Metadata, locator: &SourceLocator) -> Result<Vec<Record>, SkipReason> {
        let (id, edition) = self.pmid.ok_or(SkipReason::MissingField { field: "PMID" })?;
        let title = [&self.title, &self.vernacular].map(|title| clean_line(title.trim_matches(['[', ']'])));
        let [own, vernacular] = title;
        let title = if own.is_empty() { vernacular } else { own };
        let mut body = self.body;
        if body.is_empty() {
            body.paragraph(&title);
        }
        if body.is_empty() {
            return Err(SkipReason::Empty);
        }
        let (text, sections) = body.finish();
        let published = self.online.or(self.published);
        let number = id.as_str().trim_start_matches("pmid:").to_owned();
        let mut standing = Standing::default();
        let said_by_title = title.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("retracted"));
        if said_by_title || self.types.iter().any(|kind| kind == "Retracted Publication") {
            standing.state = StandingState::Retracted;
        }
        let mut notices = Vec::new();
        for link in &self.links {
            let Some((side, state)) = meaning(&link.kind) else { continue };
            match side {
                Side::Own if state >= standing.state => {
                    standing.state = state;
                    standing.notice = Some(cited(link)).filter(|notice| !notice.is_empty());
                }
                Side::Own => {}
                Side::Other if link.pmid.trim().is_empty() => {}
                Side::Other => {
                    let standing = Standing { state, notice: Some(id.to_string()), since: published.clone() };
                    notices.push(Record::Notice(Notice { about: format!("pmid:{}", link.pmid.trim()), standing }));
                }
            }
        }
        let doi = self.doi.map(|doi| format!("doi:{doi}"));
        let pmc = self.pmc.map(|pmc| format!("pmc:{pmc}"));
        let version = Version::new(edition, self.revised.as_ref());
        let (kind, audience) = kind(&self.types);
        let journal = clean_line(&self.journal);
        let document = Document {
            title,
            text,
            sections,
            metadata: Metadata {
                publisher: if journal.is_empty() { defaults.publisher.clone() } else { journal },
                kind: kind.to_owned(),
                published: published.or_else(|| defaults.published.clone()),
                url: Some(format!("https://pubmed.ncbi.nlm.nih.gov/{number}/")),
                audience: audience.map(str::to_owned).or_else(|| defaults.audience.clone()),
                language: self.language.or_else(|| defaults.language.clone()),
                synonyms: self.topics,
                standing,
                ..defaults.clone()
            },
            source: locator.clone(),
            id,
        };
        let names = doi.into_iter().chain(pmc).collect();
        let mut records = vec![Record::Document(Box::new(Delivered { document, version, names }))];
        records.append(&mut notices);
        Ok(records)
    }
}

pub(super) fn deletions(text: &str, locator: &SourceLocator) -> Result<Vec<Record>, SkipReason> {
    let mut records = Vec::new();
    let mut record = Xml::new(text);
    record.children(&mut |xml, _| {
        xml.children(&mut |xml, tag| {
            if tag.name() == "PMID" {
                let (id, edition) = pmid(xml, tag)?;
                let mut locator = locator.clone();
                locator.record = locator.record.map(|first| first + records.len() as u64);
                records.push(Record::Deletion(Deletion { id, up_to: Version::last_of(edition), locator }));
            }
            Ok(())
        })
    })?;
    Ok(records)
}

/// `pmid:123` and the edition, from 1.
fn pmid(xml: &mut Xml<'_>, tag: &Tag<'_>) -> Result<(DocumentId, u32), SkipReason> {
    let wrong = |reason: &str| SkipReason::WrongValue { field: "PMID", reason: reason.to_owned() };
    let edition = match tag.attribute("Version") {
        None => 1,
        Some(version) => version.parse().map_err(|_| wrong("its Version is not a number"))?,
    };
    let text = xml.text()?;
    let number = text.trim();
    if number.is_empty() {
        return Err(SkipReason::MissingField { field: "PMID" });
    }
    if number.len() > 12 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("it is not a number of up to 12 digits"));
    }
    let id = DocumentId::new(format!("pmid:{number}")).map_err(|error| SkipReason::wrong_id(&error))?;
    Ok((id, edition))
}

fn assign(field: &mut String, xml: &mut Xml<'_>) -> Result<(), SkipReason> {
    *field = xml.text()?;
    Ok(())
}

/// `Year`, `Month` (`Jan` or `01`), `Day`, or the year in `MedlineDate` (`1998 Dec-1999 Jan`).
pub(super) fn date(xml: &mut Xml<'_>) -> Result<Option<Date>, SkipReason> {
    let [mut year, mut month, mut day] = [String::new(), String::new(), String::new()];
    xml.children(&mut |xml, tag| match tag.name() {
        "Year" => assign(&mut year, xml),
        "Month" => assign(&mut month, xml),
        "Day" => assign(&mut day, xml),
        "MedlineDate" => {
            let text = xml.text()?;
            let digits = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 4);
            digits.unwrap_or_default().clone_into(&mut year);
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(calendar_date(year.trim(), month.trim(), day.trim()))
}

enum Side {
    /// What became of this article.
    Own,
    /// What this article says of another.
    Other,
}

/// What a `RefType` means. A comment, a reprint or a citation changes nothing.
fn meaning(kind: &str) -> Option<(Side, StandingState)> {
    Some(match kind {
        "RetractionIn" | "RetractedandRepublishedIn" => (Side::Own, StandingState::Retracted),
        "RetractionOf" | "RetractedandRepublishedFrom" => (Side::Other, StandingState::Retracted),
        "ExpressionOfConcernIn" | "PartialRetractionIn" => (Side::Own, StandingState::Concern),
        "ExpressionOfConcernFor" | "PartialRetractionOf" => (Side::Other, StandingState::Concern),
        "UpdateIn" | "CorrectedandRepublishedIn" | "CorrectedRepublishedIn" => (Side::Own, StandingState::Superseded),
        "UpdateOf" | "CorrectedandRepublishedFrom" | "CorrectedRepublishedFrom" => {
            (Side::Other, StandingState::Superseded)
        }
        "ErratumIn" => (Side::Own, StandingState::Corrected),
        "ErratumFor" => (Side::Other, StandingState::Corrected),
        _ => return None,
    })
}

/// The notice as the article cites it.
fn cited(link: &Link) -> String {
    let source = clean_paragraph(&link.source);
    match link.pmid.trim() {
        "" => source,
        pmid if source.is_empty() => format!("pmid:{pmid}"),
        pmid => clean_line(&format!("{source} (pmid:{pmid})")),
    }
}

/// The gravest first: a retraction notice is one whatever else it is, a guideline weighs more than a review.
const KINDS: [(&str, &str); 20] = [
    ("Retraction of Publication", "retraction notice"),
    ("Retraction Notice", "retraction notice"),
    ("Expression of Concern", "expression of concern"),
    ("Published Erratum", "correction"),
    ("Practice Guideline", "guideline"),
    ("Guideline", "guideline"),
    ("Consensus Development Conference", "guideline"),
    ("Patient Education Handout", "leaflet"),
    ("Meta-Analysis", "meta-analysis"),
    ("Systematic Review", "systematic review"),
    ("Randomized Controlled Trial", "trial"),
    ("Controlled Clinical Trial", "trial"),
    ("Pragmatic Clinical Trial", "trial"),
    ("Clinical Trial", "trial"),
    ("Observational Study", "study"),
    ("Review", "review"),
    ("Case Reports", "case report"),
    ("Editorial", "opinion"),
    ("Comment", "opinion"),
    ("Letter", "opinion"),
];

fn kind(types: &[String]) -> (&'static str, Option<&'static str>) {
    let found = KINDS.iter().find(|(name, _)| types.iter().any(|kind| kind.trim() == *name));
    let phase = || types.iter().any(|kind| kind.starts_with("Clinical Trial, Phase"));
    match found {
        Some((_, "leaflet")) => ("leaflet", Some("patient")),
        Some((_, kind)) => (kind, None),
        None if phase() => ("trial", None),
        None => ("abstract", None),
    }
}

/// The two letters for the three that PubMed uses, for the languages in which most of it is written.
fn language(code: &str) -> Option<String> {
    const CODES: [(&str, &str); 20] = [
        ("eng", "en"),
        ("ger", "de"),
        ("fre", "fr"),
        ("spa", "es"),
        ("ita", "it"),
        ("por", "pt"),
        ("rus", "ru"),
        ("jpn", "ja"),
        ("chi", "zh"),
        ("pol", "pl"),
        ("dut", "nl"),
        ("swe", "sv"),
        ("dan", "da"),
        ("nor", "no"),
        ("fin", "fi"),
        ("cze", "cs"),
        ("hun", "hu"),
        ("tur", "tr"),
        ("kor", "ko"),
        ("ukr", "uk"),
    ];
    CODES.iter().find(|(three, _)| *three == code).map(|(_, two)| (*two).to_owned())
}
