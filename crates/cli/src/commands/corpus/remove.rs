//! `clinqa corpus remove`: a corpus and its files go; what the index holds of it goes with the next rebuild.

use std::fs;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{CorpusUsage, folder_of};
use crate::output;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, name: &str, yes: bool, json: bool) -> anyhow::Result<ExitCode> {
    let folder = folder_of(settings, name)?;
    let root = &settings.unpacked;
    if folder.parent() != Some(root.as_path()) {
        let (folder, root) = (folder.display().to_string(), root.display().to_string());
        return Err(CorpusUsage::Elsewhere { folder, root }.into());
    }
    if !yes {
        return Err(CorpusUsage::Unasked.into());
    }
    let stays = clinqa_corpus::linked(&folder);
    // Out of sight at once, so that a crash half-way leaves no half of a corpus to be indexed.
    let going = root.join(format!(".removing-{name}"));
    let failed = || format!("cannot remove {}", folder.display());
    if going.exists() {
        fs::remove_dir_all(&going).with_context(failed)?;
    }
    fs::rename(&folder, &going).with_context(failed)?;
    fs::remove_dir_all(&going).with_context(failed)?;
    if json {
        output::json(&json!({ "removed": name, "stays": stays }))?;
    } else {
        let stays = stays.map(|place| format!(" Its files stay in {}.", place.display())).unwrap_or_default();
        output::line(&format!("Removed {name}.{stays} The index holds it until `clinqa rebuild`."))?;
    }
    Ok(ExitCode::SUCCESS)
}
