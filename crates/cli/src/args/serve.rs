//! What can be typed after `clinqa serve` and `clinqa key`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use clinqa_safety::Region;
use serde::Deserialize;

/// Each may stand in the settings file under `[serve]`, too.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8787]
    #[arg(long, env = "CLINQA_LISTEN", value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Whose emergency number to name, as an ISO 3166 code such as GB
    #[arg(long, env = "CLINQA_REGION")]
    pub(crate) region: Option<Region>,
    /// File of keys, as `clinqa key new` prints them
    #[arg(long, env = "CLINQA_KEYS", value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Ask for a key even to ask a question
    #[arg(long)]
    pub(crate) require_key: bool,
    /// Certificate chain, PEM
    #[arg(long, env = "CLINQA_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "CLINQA_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond this machine without keys and without TLS
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Believe the last entry of X-Forwarded-For, which a proxy in front wrote
    #[arg(long)]
    pub(crate) trust_proxy: bool,
    /// Questions worked on at once
    #[arg(long, env = "CLINQA_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    /// Longest time of one request; a larger encoder needs more
    #[arg(long, env = "CLINQA_TIMEOUT", value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) timeout: Option<u16>,
    /// Connections at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: Option<u32>,
    /// Connections at once from one address
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections_per_address: Option<u32>,
    /// Questions a minute from one address without a key; 0 is without limit
    #[arg(long, value_name = "N")]
    pub(crate) rate_address: Option<u32>,
    /// Questions a minute with one key; 0 is without limit
    #[arg(long, value_name = "N")]
    pub(crate) rate_key: Option<u32>,
    /// What is logged as JSON Lines on standard error; never a question
    #[arg(long, env = "CLINQA_LOG", value_enum, value_name = "LEVEL")]
    pub(crate) log: Option<LogArg>,
    /// Keep what is asked in this folder, without what could tell who asked it; off unless named
    #[arg(long, env = "CLINQA_QUERY_LOG", value_name = "FOLDER")]
    pub(crate) query_log: Option<PathBuf>,
    /// Days that it is kept [default: 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) query_log_days: Option<u32>,
}

/// The query log of a server, whether one runs or not.
#[derive(Debug, ClapArgs)]
pub(crate) struct QueriesArgs {
    /// Folder of the log
    #[arg(long, global = true, env = "CLINQA_QUERY_LOG", value_name = "FOLDER")]
    pub(crate) query_log: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: QueriesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueriesCommand {
    /// Count questions by what became of them, topics, and what was left out
    Stats,
    /// List the questions as they were kept
    List,
    /// Delete them for good
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Delete {
        /// Those of days before this one
        #[arg(long, value_name = "DATE", group = "which")]
        before: Option<String>,
        /// All of them
        #[arg(long, group = "which")]
        all: bool,
    },
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogArg {
    Off,
    Error,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyArgs {
    /// What it opens
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// Whose it is
    #[arg(long)]
    pub(crate) name: String,
}

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Asking, and opening sources
    Patient,
    /// Searching too
    Staff,
    /// The metrics too
    Admin,
}
