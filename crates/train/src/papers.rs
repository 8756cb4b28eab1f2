//! What does a run leave beside its checkpoint for people to read?

use std::fs::File;
use std::io::BufReader;

use crate::card::{Origin, card};
use crate::curve::loss_curve;
use crate::data::DataReport;
use crate::log::read_lines;
use crate::save::{failed, write};
use crate::{RunRecord, TrainError};

/// Writes `README.md` (the model card, also into the checkpoint), `curve.svg` and, where something was found,
/// `data-report.jsonl` into the folder of the run.
pub fn leave(run: &RunRecord, origin: &Origin<'_>, report: &DataReport) -> Result<(), TrainError> {
    let out = &run.settings.out;
    let card = card(run, origin);
    write(&out.join("README.md"), card.as_bytes())?;
    write(&out.join("checkpoint").join("README.md"), card.as_bytes())?;
    let path = out.join("log.jsonl");
    let unread = |source| TrainError::Read { path: path.display().to_string(), source };
    let lines = File::open(&path).and_then(|file| read_lines(BufReader::new(file))).map_err(unread)?;
    let caption = format!("{} from {}", run.task, run.from);
    write(&out.join("curve.svg"), loss_curve(&caption, &lines).as_bytes())?;
    if report.findings().is_empty() {
        return Ok(());
    }
    let path = out.join("data-report.jsonl");
    let mut bytes = Vec::new();
    report.write(&mut bytes).map_err(failed(&path))?;
    write(&path, &bytes)
}
