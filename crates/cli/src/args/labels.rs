//! What can be typed after `clinqa label` and `clinqa tag`, and after their `clinqa eval`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// Which texts, and by which model.
#[derive(Debug, ClapArgs)]
pub(crate) struct TextsArgs {
    /// The text; standard input is read where there is none, no file and no batch
    #[arg(conflicts_with_all = ["file", "batch"])]
    pub(crate) text: Option<String>,
    /// A file that is one text; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) file: Vec<PathBuf>,
    /// Texts as JSON Lines, `{"id","text"}`, from a file, or from standard input with `-`; one result a line, in order
    #[arg(long, value_name = "FILE|-")]
    pub(crate) batch: Option<PathBuf>,
    /// The model: a folder, or a pulled model
    #[arg(long, env = "CLINQA_MODEL", value_name = "NAME|FOLDER")]
    pub(crate) model: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LabelArgs {
    #[command(flatten)]
    pub(crate) texts: TextsArgs,
    /// From which probability on a label holds, where a text may have several
    #[arg(long, value_name = "P", default_value_t = 0.5, value_parser = share)]
    pub(crate) threshold: f32,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TagArgs {
    #[command(flatten)]
    pub(crate) texts: TextsArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalLabelsArgs {
    /// Labelled texts: JSON Lines with `text` and `label` or `labels`, or a table (.csv, .tsv) with such columns
    pub(crate) file: PathBuf,
    /// The model: a folder, or a pulled model
    #[arg(long, env = "CLINQA_MODEL", value_name = "NAME|FOLDER")]
    pub(crate) model: String,
    /// The field of the text
    #[arg(long, value_name = "NAME")]
    pub(crate) text_field: Option<String>,
    /// The field of the label or labels
    #[arg(long, value_name = "NAME")]
    pub(crate) label_field: Option<String>,
    /// From which probability on a label holds, where a text may have several
    #[arg(long, value_name = "P", default_value_t = 0.5, value_parser = share)]
    pub(crate) threshold: f32,
    /// Write what became of each text, one JSON object a line, for `eval compare`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalTagsArgs {
    /// Tagged sentences: one word a line with its tag last, empty lines between sentences
    pub(crate) file: PathBuf,
    /// The model: a folder, or a pulled model
    #[arg(long, env = "CLINQA_MODEL", value_name = "NAME|FOLDER")]
    pub(crate) model: String,
    /// Write what became of each sentence, one JSON object a line, for `eval compare`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn share(text: &str) -> Result<f32, &'static str> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("write a number from 0 to 1, such as 0.5")
}
