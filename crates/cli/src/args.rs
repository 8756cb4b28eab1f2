//! What can be typed: verbs, flags, and the environment variable beside each flag.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Model(ModelCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    Pack(PackArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PackArgs {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
}
