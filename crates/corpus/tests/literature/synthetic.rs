//! A PubMed delivery of any size, made from a seed, with faults whose places are known.
//!
//! Titles and abstracts are strings of our own words in the schema of the real files: labelled sections, subject headings,
//! publication types, dates, corrections. A record has about 3.5 kB of XML and an abstract of about 1,300 characters.

use std::fmt::Write as _;
use std::io::{self, Write};

/// A generator of numbers that depends on its seed alone (`SplitMix64`).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    /// One of these.
    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

const WORDS: [&str; 96] = [
    "patients",
    "pressure",
    "treatment",
    "dose",
    "daily",
    "weeks",
    "group",
    "risk",
    "heart",
    "kidney",
    "liver",
    "blood",
    "sugar",
    "insulin",
    "salt",
    "water",
    "sleep",
    "pain",
    "fever",
    "cough",
    "infection",
    "vaccine",
    "antibody",
    "cell",
    "gene",
    "protein",
    "enzyme",
    "receptor",
    "tumour",
    "biopsy",
    "surgery",
    "wound",
    "bone",
    "muscle",
    "nerve",
    "brain",
    "memory",
    "anxiety",
    "mood",
    "diet",
    "weight",
    "exercise",
    "smoking",
    "alcohol",
    "children",
    "adults",
    "women",
    "men",
    "births",
    "deaths",
    "survival",
    "relapse",
    "outcome",
    "measure",
    "score",
    "scale",
    "test",
    "scan",
    "image",
    "signal",
    "model",
    "trial",
    "cohort",
    "sample",
    "median",
    "range",
    "interval",
    "ratio",
    "rate",
    "effect",
    "change",
    "increase",
    "decrease",
    "level",
    "baseline",
    "follow-up",
    "control",
    "placebo",
    "tablet",
    "infusion",
    "injection",
    "inhaler",
    "cream",
    "therapy",
    "screening",
    "clinic",
    "hospital",
    "nurse",
    "community",
    "region",
    "season",
    "climate",
    "exposure",
    "symptom",
    "syndrome",
    "disorder",
];
const LABELS: [&str; 4] = ["BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS"];
const KINDS: [&str; 6] =
    ["Journal Article", "Review", "Randomized Controlled Trial", "Meta-Analysis", "Case Reports", "Practice Guideline"];

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NoPmid,
    BlankPmid,
    WordyPmid,
    LongPmid,
    TwoPmids,
    WordyVersion,
    NoArticle,
    NoText,
    BadRevision,
    OpenTag,
    CrossedTags,
    WrongEnd,
    BareAmpersand,
    BareLess,
    UnknownEntity,
    OutsideEntity,
    NulReference,
    NulByte,
    NotUtf8,
    NakedAttribute,
    TwiceAttribute,
    OpenComment,
    OpenCharacterData,
    NoEndTag,
    MisspeltStart,
    Truncated,
    Deep,
    EmptyRecord,
}

/// Every kind of fault.
pub(crate) const FAULTS: [Fault; 28] = [
    Fault::NoPmid,
    Fault::BlankPmid,
    Fault::WordyPmid,
    Fault::LongPmid,
    Fault::TwoPmids,
    Fault::WordyVersion,
    Fault::NoArticle,
    Fault::NoText,
    Fault::BadRevision,
    Fault::OpenTag,
    Fault::CrossedTags,
    Fault::WrongEnd,
    Fault::BareAmpersand,
    Fault::BareLess,
    Fault::UnknownEntity,
    Fault::OutsideEntity,
    Fault::NulReference,
    Fault::NulByte,
    Fault::NotUtf8,
    Fault::NakedAttribute,
    Fault::TwiceAttribute,
    Fault::OpenComment,
    Fault::OpenCharacterData,
    Fault::NoEndTag,
    Fault::MisspeltStart,
    Fault::Truncated,
    Fault::Deep,
    Fault::EmptyRecord,
];

/// One article as XML.
pub(crate) struct Article {
    pub(crate) pmid: u64,
    pub(crate) revised: (u32, u32, u32),
    /// Entries of `CommentsCorrectionsList`: a `RefType` and a PMID.
    pub(crate) links: Vec<(&'static str, u64)>,
    /// Sets the words apart from those of another version.
    pub(crate) seed: u64,
}

impl Article {
    pub(crate) fn new(pmid: u64, seed: u64) -> Self {
        Self { pmid, revised: (2025, 3, 4), links: Vec::new(), seed }
    }

    pub(crate) fn xml(&self) -> String {
        let mut dice = Dice(self.seed.wrapping_shl(32).wrapping_add(self.pmid));
        let mut out = String::with_capacity(4_096);
        let (year, month, day) = self.revised;
        let _ = write!(
            out,
            "<PubmedArticle>\n  <MedlineCitation Status=\"MEDLINE\" Owner=\"NLM\" IndexingMethod=\"Automated\">\n    <PMID Version=\"1\">{}</PMID>\n    <DateCompleted>\n      <Year>2024</Year>\n      <Month>01</Month>\n      <Day>09</Day>\n    </DateCompleted>\n    <DateRevised>\n      <Year>{year}</Year>\n      <Month>{month:02}</Month>\n      <Day>{day:02}</Day>\n    </DateRevised>\n    <Article PubModel=\"Print-Electronic\">\n      <Journal>\n        <ISSN IssnType=\"Electronic\">0000-0000</ISSN>\n        <JournalIssue CitedMedium=\"Internet\">\n          <Volume>{}</Volume>\n          <PubDate>\n            <Year>{}</Year>\n            <Month>Feb</Month>\n          </PubDate>\n        </JournalIssue>\n        <Title>Annals of synthetic medicine</Title>\n        <ISOAbbreviation>Ann Synth Med</ISOAbbreviation>\n      </Journal>\n      <ArticleTitle>",
            self.pmid,
            dice.below(90) + 1,
            1990 + dice.below(36),
        );
        sentence(&mut out, &mut dice, 11);
        let _ = write!(
            out,
            "</ArticleTitle>\n      <Pagination>\n        <StartPage>{}</StartPage>\n      </Pagination>\n      <ELocationID EIdType=\"doi\" ValidYN=\"Y\">10.1000/synth.{}</ELocationID>\n      <Abstract>\n",
            dice.below(900) + 1,
            self.pmid
        );
        for label in LABELS {
            let _ = write!(out, "        <AbstractText Label=\"{label}\" NlmCategory=\"{label}\">");
            for _ in 0..3 {
                sentence(&mut out, &mut dice, 11);
                out.push(' ');
            }
            let _ =
                write!(out, "Counts were {}&#xb7;10<sup>9</sup>/L (P &lt; 0.0{}).", dice.below(90), dice.below(9) + 1);
            out.push_str("</AbstractText>\n");
        }
        out.push_str("      </Abstract>\n      <AuthorList CompleteYN=\"Y\">\n");
        for author in 0..2 + dice.below(5) {
            let _ = write!(
                out,
                "        <Author ValidYN=\"Y\">\n          <LastName>Author{author}</LastName>\n          <ForeName>Given</ForeName>\n          <Initials>G</Initials>\n        </Author>\n"
            );
        }
        let _ = write!(
            out,
            "      </AuthorList>\n      <Language>eng</Language>\n      <PublicationTypeList>\n        <PublicationType UI=\"D016428\">{}</PublicationType>\n      </PublicationTypeList>\n    </Article>\n",
            dice.pick(&KINDS)
        );
        if !self.links.is_empty() {
            out.push_str("    <CommentsCorrectionsList>\n");
            for (kind, pmid) in &self.links {
                let _ = write!(
                    out,
                    "      <CommentsCorrections RefType=\"{kind}\">\n        <RefSource>Ann Synth Med. 2025;1:{pmid}</RefSource>\n        <PMID Version=\"1\">{pmid}</PMID>\n      </CommentsCorrections>\n"
                );
            }
            out.push_str("    </CommentsCorrectionsList>\n");
        }
        out.push_str("    <MeshHeadingList>\n");
        for _ in 0..5 {
            let _ = write!(
                out,
                "      <MeshHeading>\n        <DescriptorName UI=\"D0{}\" MajorTopicYN=\"N\">{}</DescriptorName>\n      </MeshHeading>\n",
                dice.below(90_000),
                dice.pick(&WORDS)
            );
        }
        let _ = write!(
            out,
            "    </MeshHeadingList>\n  </MedlineCitation>\n  <PubmedData>\n    <PublicationStatus>ppublish</PublicationStatus>\n    <ArticleIdList>\n      <ArticleId IdType=\"pubmed\">{0}</ArticleId>\n      <ArticleId IdType=\"doi\">10.1000/synth.{0}</ArticleId>\n    </ArticleIdList>\n  </PubmedData>\n</PubmedArticle>\n",
            self.pmid
        );
        out
    }

    /// The article with this fault.
    pub(crate) fn spoilt(&self, fault: Fault) -> Vec<u8> {
        let xml = self.xml();
        let pmid = format!("<PMID Version=\"1\">{}</PMID>", self.pmid);
        let title = "<ArticleTitle>";
        let article = |from: &str, to: &str| {
            let start = xml.find(from).expect("a part");
            let end = xml[start..].find(to).map(|end| start + end + to.len()).expect("its end");
            format!("{}{}", &xml[..start], &xml[end..])
        };
        let text = match fault {
            Fault::NoPmid => xml.replacen(&pmid, "", 1),
            Fault::BlankPmid => xml.replacen(&pmid, "<PMID Version=\"1\"> </PMID>", 1),
            Fault::WordyPmid => xml.replacen(&pmid, "<PMID Version=\"1\">12a4</PMID>", 1),
            Fault::LongPmid => xml.replacen(&pmid, "<PMID Version=\"1\">1234567890123</PMID>", 1),
            Fault::TwoPmids => xml.replacen(&pmid, &format!("{pmid}{pmid}"), 1),
            Fault::WordyVersion => xml.replacen(&pmid, &pmid.replace("\"1\"", "\"one\""), 1),
            Fault::NoArticle => article("<Article PubModel", "</Article>"),
            Fault::NoText => {
                let bare = article("<Abstract>", "</Abstract>");
                let (head, tail) = bare.split_once(title).expect("a title");
                format!("{head}{title} {}", &tail[tail.find("</ArticleTitle>").expect("an end")..])
            }
            Fault::BadRevision => {
                let year = format!("<Year>{}</Year>\n      <Month>{:02}", self.revised.0, self.revised.1);
                xml.replacen(&year, "<Year>soon</Year>\n      <Month>", 1)
            }
            Fault::OpenTag => xml.replacen("</ArticleTitle>", "", 1),
            Fault::CrossedTags => xml.replacen(title, "<ArticleTitle><i><b>x</i></b>", 1),
            Fault::WrongEnd => xml.replacen("</Abstract>", "</Abstrakt>", 1),
            Fault::BareAmpersand => xml.replacen(title, "<ArticleTitle>R & D ", 1),
            Fault::BareLess => xml.replacen(title, "<ArticleTitle>P < 0.05 ", 1),
            Fault::UnknownEntity => xml.replacen(title, "<ArticleTitle>&eacute;", 1),
            Fault::OutsideEntity => xml.replacen(title, "<ArticleTitle>&xxe;", 1),
            Fault::NulReference => xml.replacen(title, "<ArticleTitle>&#0;", 1),
            Fault::NulByte => xml.replacen(title, "<ArticleTitle>\0", 1),
            Fault::NakedAttribute => xml.replacen("Owner=\"NLM\"", "Owner=NLM", 1),
            Fault::TwiceAttribute => xml.replacen("Owner=\"NLM\"", "Owner=\"NLM\" Owner=\"NLM\"", 1),
            Fault::OpenComment => xml.replacen(title, "<!-- <ArticleTitle>", 1),
            Fault::OpenCharacterData => xml.replacen(title, "<ArticleTitle><![CDATA[", 1),
            Fault::NoEndTag => xml.replacen("</PubmedArticle>", "", 1),
            Fault::MisspeltStart => xml.replacen("<PubmedArticle>", "<PubmedArtikle>", 1),
            Fault::Truncated => xml[..xml.len() / 2].to_owned(),
            Fault::Deep => xml.replacen(title, &format!("{title}{}", "<i>".repeat(10_000)), 1),
            Fault::EmptyRecord => "<PubmedArticle/>\n".to_owned(),
            Fault::NotUtf8 => {
                let at = xml.find(title).expect("a title") + title.len();
                return [&xml.as_bytes()[..at], b"\xff\xfe", &xml.as_bytes()[at..]].concat();
            }
        };
        text.into_bytes()
    }
}

fn sentence(out: &mut String, dice: &mut Dice, words: u64) {
    let mut first = true;
    for _ in 0..words {
        let word = dice.pick(&WORDS);
        if first {
            out.push_str(&word[..1].to_uppercase());
            out.push_str(&word[1..]);
        } else {
            out.push(' ');
            out.push_str(word);
        }
        first = false;
    }
    let _ = write!(out, " in {} of {}.", dice.below(400), 400 + dice.below(400));
}

/// The beginning of a file.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!DOCTYPE PubmedArticleSet SYSTEM \"pubmed.dtd\">\n<PubmedArticleSet>\n";
/// The end of a file.
pub(crate) const TAIL: &str = "</PubmedArticleSet>\n";

/// Where a fault was planted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Planted {
    pub(crate) fault: Fault,
    /// The number of the record in its file.
    pub(crate) record: u64,
    /// Its first byte.
    pub(crate) offset: u64,
}

/// Writes a file of `records` articles from `first_pmid` on; those that `fault_of` names are spoilt. Returns where.
pub(crate) fn write_file(
    out: &mut impl Write,
    first_pmid: u64,
    records: u64,
    seed: u64,
    fault_of: &mut dyn FnMut(u64) -> Option<Fault>,
) -> io::Result<Vec<Planted>> {
    out.write_all(HEAD.as_bytes())?;
    let mut offset = HEAD.len() as u64;
    let mut planted = Vec::new();
    for record in 1..=records {
        let article = Article::new(first_pmid + record - 1, seed);
        let bytes = match fault_of(record) {
            Some(fault) => {
                planted.push(Planted { fault, record, offset });
                article.spoilt(fault)
            }
            None => article.xml().into_bytes(),
        };
        out.write_all(&bytes)?;
        offset += bytes.len() as u64;
    }
    out.write_all(TAIL.as_bytes())?;
    Ok(planted)
}
