//! `clinqa model`: which models are at hand, what they are, and how more are had.

use std::fs;
use std::process::ExitCode;

use clinqa_fetch::{PullRequest, pull};
use clinqa_weights::BUNDLES;
use serde_json::json;

use super::UsageError;
use crate::args::{JsonArgs, ModelCommand, PullArgs};
use crate::models;
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, command: ModelCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelCommand::List(args) => list(settings, &args)?,
        ModelCommand::Show { name } => show(settings, &name)?,
        ModelCommand::Pull(args) => pull_one(settings, args)?,
        ModelCommand::Pack { source, target } => {
            let report = models::pack(source, &target)?;
            fs::write(target.join("fingerprint"), format!("{}\n", report.fingerprint))?;
            output::line(&format!(
                "{} matrices as 8-bit rows, {} tensors as f32 or f16, {} bytes, fingerprint {}",
                report.matrices, report.others, report.bytes, report.fingerprint
            ))?;
        }
        ModelCommand::Blend { base, tuned, target, share } => {
            let report = models::blend(base, tuned, share, &target)?;
            output::line(&format!(
                "{} tensors blended, {} kept as they were tuned, fingerprint {}",
                report.blended, report.kept, report.fingerprint
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(settings: &Settings, args: &JsonArgs) -> anyhow::Result<()> {
    let embedded = BUNDLES.iter().map(|bundle| (bundle.name.to_owned(), "in the binary".to_owned()));
    let folders = fs::read_dir(settings.models()).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir());
    let pulled = folders
        .map(|entry| (entry.file_name().to_string_lossy().replacen("--", "/", 1), entry.path().display().to_string()));
    let mut all: Vec<(String, String)> = embedded.chain(pulled.filter(|(name, _)| !name.starts_with('.'))).collect();
    all.sort();
    if args.json {
        return output::json(
            &all.iter().map(|(name, place)| json!({"name": name, "place": place})).collect::<Vec<_>>(),
        );
    }
    for (name, place) in all {
        output::line(&output::plain(&format!("{name:<32} {place}")))?;
    }
    Ok(())
}

fn show(settings: &Settings, name: &str) -> anyhow::Result<()> {
    if let Some(bundle) = BUNDLES.iter().find(|bundle| bundle.name == name) {
        return Ok(output::line(bundle.card.trim_end())?);
    }
    let folder = settings.models().join(name.replace('/', "--"));
    if !folder.is_dir() {
        return Err(UsageError::NoModel { name: name.escape_default().to_string() }.into());
    }
    let Ok(text) = fs::read_to_string(folder.join("README.md")) else {
        return Err(UsageError::NoCard { folder: folder.display().to_string() }.into());
    };
    Ok(output::line(&output::plain_lines(text.trim_end()))?)
}

fn pull_one(settings: &Settings, args: PullArgs) -> anyhow::Result<()> {
    let request = PullRequest {
        name: args.name,
        revision: args.revision,
        sha256: args.sha256,
        endpoint: args.hub,
        token: args.token,
    };
    let pulled = pull(&request, &settings.models(), &mut Bars::default())?;
    output::line(&format!("{} in {}", request.name, pulled.folder.display()))?;
    output::line(&format!("SHA-256 of the weights: {}", pulled.weights_sha256))?;
    output::line(&format!("Use it with `clinqa rebuild --encoder {0}` and `clinqa ask --encoder {0}`.", request.name))?;
    Ok(())
}
