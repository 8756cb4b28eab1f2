//! What can be typed behind `clinqa corpus`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use clinqa_schema::Date;

#[derive(Debug, ClapArgs)]
pub(crate) struct CorpusArgs {
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: CorpusCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CorpusCommand {
    /// Copy a file or folder of literature into a corpus of its own, or link it
    Add(AddArgs),
    /// Fetch what the table `fetch` of a corpus.toml names, or a public source: medlineplus, pubmed-baseline,
    /// pubmed-updates, pmc-oa
    Fetch(FetchArgs),
    /// Rebuild whenever files in the folders change
    Watch(WatchArgs),
    /// List the corpora, with what each holds and under which licence
    List,
    /// Compare the files of corpora with the digests in their corpus.toml and of what was fetched
    Verify {
        /// Only these
        names: Vec<String>,
    },
    /// Tell what a new delivery would change: documents added, changed, gone
    Diff {
        /// The corpus
        name: String,
        /// The new delivery, a file or a folder
        path: PathBuf,
    },
    /// Delete a corpus with its files; those that it is linked to stay
    Remove {
        /// The corpus
        name: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddArgs {
    /// A file, an archive or a folder
    pub(crate) path: PathBuf,
    /// Use the files where they lie instead of copying them; what changes there counts with the next rebuild
    #[arg(long)]
    pub(crate) link: bool,
    /// What the corpus is called; its file or folder's name unless given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Under which terms it may be used
    #[arg(long, default_value = "unknown")]
    pub(crate) licence: String,
    /// Where it comes from
    #[arg(long, default_value = "unknown")]
    pub(crate) origin: String,
    /// Read it as this format, whatever its files look like
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// What holds for documents that do not say otherwise, as key=value: kind, publisher, specialty, audience, language,
    /// jurisdiction, licence, published
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) default: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FetchArgs {
    /// A corpus, or a public source
    pub(crate) name: String,
    /// Files of a numbered source, as FIRST-LAST or one number
    #[arg(long, value_name = "FIRST-LAST", value_parser = numbers)]
    pub(crate) files: Option<RangeInclusive<u32>>,
    /// Files put there on or after this day
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<Date>,
    /// Everything that the source offers
    #[arg(long)]
    pub(crate) all: bool,
    /// Articles of pmc-oa; may be given several times
    #[arg(long, value_name = "PMCID", value_delimiter = ',')]
    pub(crate) ids: Vec<String>,
    /// Ask this page instead of the source's own
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// List what would be fetched, and fetch nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Allow addresses inside your own network
    #[arg(long)]
    pub(crate) allow_private: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WatchArgs {
    /// Folders of literature; the corpora unless given
    pub(crate) folders: Vec<PathBuf>,
    /// Seconds between two looks, and for which a change must keep still
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) interval: u32,
    /// Index words only, no vectors
    #[arg(long)]
    pub(crate) lexical_only: bool,
}

/// `1274-1280` or `1274`.
fn numbers(text: &str) -> Result<RangeInclusive<u32>, &'static str> {
    let wrong = "write FIRST-LAST, such as 1274-1280";
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err(wrong),
    }
}
