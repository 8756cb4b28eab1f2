//! Which public sources of literature do we know?
//!
//! Addresses as the providers document them; what was never run against the real hosts is said in `corpora/README.md`.
//! NCBI moved the articles of PMC from its FTP site to the cloud in 2026 (NLM Technical Bulletin 2026
//! January-February, 468:e8): packages are gone, each article is a file of its own.

/// A public source of literature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// What it is called here.
    pub name: &'static str,
    /// What it brings.
    pub title: &'static str,
    /// Who publishes it.
    pub publisher: &'static str,
    /// Under which terms.
    pub licence: &'static str,
    /// What its documents are, where they do not say.
    pub kind: &'static str,
    /// For whom they are written.
    pub audience: &'static str,
    /// The page that offers its files, or the folder in which they lie.
    pub page: &'static str,
    /// How a file of it is recognised and chosen.
    pub offer: Offer,
    /// How a file of it is checked.
    pub checksum: Checksum,
}

/// How the files of a source are named, and which of them are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Of all files `<before>…<after>` the last by name: each replaces the one before.
    Newest {
        /// How names begin.
        before: &'static str,
        /// How names end.
        after: &'static str,
    },
    /// All files `<before>YYnNUMBER<after>`; too many to take without being asked to.
    Numbered {
        /// How names begin.
        before: &'static str,
        /// How names end.
        after: &'static str,
    },
    /// One file an article, by its id.
    Articles,
}

/// How a source vouches for its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Not at all.
    None,
    /// With a small file `<name>.md5` beside each.
    Md5File,
}

/// The sources, by name.
pub const SOURCES: [Source; 4] = [
    Source {
        name: "medlineplus",
        title: "MedlinePlus health topics, English and Spanish, for patients",
        publisher: "MedlinePlus",
        licence: "public domain (US), credit MedlinePlus.gov; linked pages have terms of their own",
        kind: "leaflet",
        audience: "patient",
        page: "https://medlineplus.gov/xml.html",
        offer: Offer::Newest { before: "mplus_topics_2", after: ".xml" },
        checksum: Checksum::None,
    },
    Source {
        name: "pubmed-baseline",
        title: "PubMed, all citations and abstracts of the year's baseline",
        publisher: "PubMed",
        licence: "NLM terms: credit NLM; abstracts may be under copyright",
        kind: "article",
        audience: "clinician",
        page: "https://ftp.ncbi.nlm.nih.gov/pubmed/baseline/",
        offer: Offer::Numbered { before: "pubmed", after: ".xml.gz" },
        checksum: Checksum::Md5File,
    },
    Source {
        name: "pubmed-updates",
        title: "PubMed, daily update files: new, revised and deleted citations",
        publisher: "PubMed",
        licence: "NLM terms: credit NLM; abstracts may be under copyright",
        kind: "article",
        audience: "clinician",
        page: "https://ftp.ncbi.nlm.nih.gov/pubmed/updatefiles/",
        offer: Offer::Numbered { before: "pubmed", after: ".xml.gz" },
        checksum: Checksum::Md5File,
    },
    Source {
        name: "pmc-oa",
        title: "PubMed Central, open-access articles in full, by PMC id",
        publisher: "PubMed Central",
        licence: "each article names its own (mostly Creative Commons)",
        kind: "article",
        audience: "clinician",
        page: "https://pmc-oa-opendata.s3.amazonaws.com/",
        offer: Offer::Articles,
        checksum: Checksum::None,
    },
];

impl Source {
    /// The source of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SOURCES.iter().find(|source| source.name == name)
    }
}
