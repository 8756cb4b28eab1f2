//! What can be typed after `clinqa rebuild`, `clinqa index` and `clinqa inspect`?

use clap::{Args as ClapArgs, Subcommand};
use clinqa_index::GenerationId;
use clinqa_schema::DocumentId;

use super::JsonArgs;

#[derive(Debug, ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own, and any of them may stand beside another"
)]
pub(crate) struct RebuildArgs {
    /// Index words only, no vectors
    #[arg(long)]
    pub(crate) lexical_only: bool,
    /// Tell what would be read, encoded and removed; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Encode every passage again, also those whose vector is known
    #[arg(long)]
    pub(crate) full: bool,
    /// Publish even if documents are gone, many records are unusable, or scores fall below expected.toml
    #[arg(long)]
    pub(crate) force: bool,
    /// Wait while another rebuild is writing, instead of saying so
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct KeepArgs {
    /// Generations that stay; the current one and the one before always do [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep: Option<u16>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InspectArgs {
    /// An older generation, instead of the current one
    #[arg(long, value_name = "ID")]
    pub(crate) generation: Option<GenerationId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// List the generations, newest first
    List(JsonArgs),
    /// Make a generation the current one
    Activate(ActivateArgs),
    /// Make the generation before the current one again
    Rollback(JsonArgs),
    /// Remove older generations, and any older one that still holds withdrawn documents
    Prune(PruneArgs),
    /// Compare every file of a generation with its checksum
    Verify(VerifyArgs),
    /// Tell which documents differ between two generations
    Diff(DiffArgs),
    /// Show documents no more, at once, in any generation; the next rebuild leaves them out
    Withdraw(WithdrawArgs),
    /// Show withdrawn documents again
    Restore(RestoreArgs),
    /// List the withdrawn documents
    Withdrawn(JsonArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ActivateArgs {
    /// Its name, as `clinqa index list` tells it
    pub(crate) id: GenerationId,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Its name; without one, every generation is verified
    pub(crate) id: Option<GenerationId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DiffArgs {
    /// The earlier one
    pub(crate) earlier: GenerationId,
    /// The later one
    pub(crate) later: GenerationId,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WithdrawArgs {
    /// Ids of documents, as citations tell them
    #[arg(required = true)]
    pub(crate) ids: Vec<DocumentId>,
    /// Why, in a line for whoever reads the list
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreArgs {
    /// Ids of documents
    #[arg(required = true)]
    pub(crate) ids: Vec<DocumentId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
