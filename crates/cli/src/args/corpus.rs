//! What can be typed behind `clinqa corpus`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

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
    /// Copy a file or folder of literature into a corpus of its own
    Add(AddArgs),
    /// List the corpora, with what each holds and under which licence
    List,
    /// Compare the files of corpora with the digests in their corpus.toml
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
    /// Delete a corpus with its files
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
