//! Which models are meant by a name, and their opening.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clinqa_encoder::{Checkpoint, CheckpointError, Embedded, Encoder, Precision, Source};
use clinqa_labels::{Classifier, Tagger};
use clinqa_qa::{Models, Search, SecondOpinion};
use clinqa_reader::{Calibration, ReadConfig, Reader};
use clinqa_safety::Rules;
use clinqa_weights::{BUNDLES, Bundle, ENCODER, READER};

use crate::output;
use crate::settings::Settings;

const CALIBRATION: &str = "calibration.json";

/// A name in the binary, a folder, or a pulled model; `None` is the default in the binary.
fn source(settings: &Settings, name: Option<&str>, default: &Bundle) -> Source {
    let Some(name) = name else { return embedded(default) };
    if let Some(bundle) = BUNDLES.iter().find(|bundle| bundle.name == name) {
        return embedded(bundle);
    }
    let folder = PathBuf::from(name);
    let pulled = settings.models().join(name.replace('/', "--"));
    if !folder.is_dir() && pulled.is_dir() { Source::Folder(pulled) } else { Source::Folder(folder) }
}

/// The model that is called `name`.
pub(crate) fn named(settings: &Settings, name: &str) -> Source {
    source(settings, Some(name), &ENCODER)
}

fn embedded(bundle: &Bundle) -> Source {
    Source::Embedded(Embedded { name: bundle.name, fingerprint: bundle.fingerprint, files: bundle.files })
}

/// Opens the classifier that is called `name`.
pub(crate) fn classifier(settings: &Settings, name: &str) -> Result<Classifier, CheckpointError> {
    Classifier::from_checkpoint(headed(settings, name)?)
}

/// Opens the tagger that is called `name`.
pub(crate) fn tagger(settings: &Settings, name: &str) -> Result<Tagger, CheckpointError> {
    Tagger::from_checkpoint(headed(settings, name)?)
}

fn headed(settings: &Settings, name: &str) -> Result<Checkpoint, CheckpointError> {
    Ok(Checkpoint::open(&source(settings, Some(name), &ENCODER))?.in_precision(settings.precision))
}

/// Opens the encoder; doubts about it go to stderr.
pub(crate) fn encoder(settings: &Settings) -> Result<Encoder, clinqa_qa::Error> {
    let encoder = Encoder::from_checkpoint(
        Checkpoint::open(&source(settings, settings.encoder.as_deref(), &ENCODER))?.in_precision(settings.precision),
    )?;
    output::warn(encoder.warnings());
    Ok(encoder)
}

/// Opens the reader with its calibration.
pub(crate) fn reader(settings: &Settings, config: ReadConfig) -> anyhow::Result<Reader> {
    let source = source(settings, settings.reader.as_deref(), &READER);
    let calibration = calibration(&source)?;
    let open = || match settings.precision {
        Precision::Stored => Reader::open(&source, calibration, config),
        Precision::Full => {
            let checkpoint = Checkpoint::open(&source)?.in_precision(Precision::Full);
            Reader::from_checkpoint(checkpoint, calibration, config)
        }
    };
    let reader = open().map_err(clinqa_qa::Error::from)?;
    output::warn(reader.warnings());
    Ok(reader)
}

fn calibration(source: &Source) -> anyhow::Result<Calibration> {
    let json = match source {
        Source::Embedded(bundle) => {
            bundle.files.iter().find(|(name, _)| *name == CALIBRATION).map(|(_, bytes)| bytes.to_vec())
        }
        Source::Folder(folder) => read_if_any(&folder.join(CALIBRATION))?,
    };
    match json {
        Some(json) => Ok(Calibration::parse(&source.name(), &json)?),
        None => Ok(Calibration::default()),
    }
}

fn read_if_any(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Opens the models side by side; the rules come from whoever screened with them already.
pub(crate) fn open(settings: &Settings, search: Search, rules: Rules) -> anyhow::Result<Models> {
    let (encoder, second_opinion, reader) = std::thread::scope(|scope| {
        let encoder = scope.spawn(|| (search == Search::Fused).then(|| encoder(settings)).transpose());
        let second_opinion = scope.spawn(|| second_opinion(settings, &rules));
        let reader = reader(settings, ReadConfig::default());
        (encoder.join(), second_opinion.join(), reader)
    });
    let encoder = encoder.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let second_opinion = second_opinion.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok(Models { encoder, reader: reader?, rules, second_opinion })
}

/// Opens the classifier that may add notices, if one is named; labels that it will not speak by go to stderr.
fn second_opinion(settings: &Settings, rules: &Rules) -> Result<Option<SecondOpinion>, clinqa_qa::Error> {
    let Some(name) = &settings.second_opinion else { return Ok(None) };
    let opinion = SecondOpinion::new(classifier(settings, name)?, rules, settings.second_opinion_threshold)?;
    output::warn(opinion.warnings());
    output::note_ignored("The second opinion speaks by", opinion.heeded(), opinion.ignored());
    Ok(Some(opinion))
}

/// Stores the checkpoint at `source` as 8-bit rows.
pub(crate) fn pack(source: PathBuf, target: &Path) -> Result<clinqa_encoder::PackReport, CheckpointError> {
    clinqa_encoder::pack(&Source::Folder(source), target)
}

/// Writes the checkpoint that lies between `base` and `tuned`.
pub(crate) fn blend(
    base: PathBuf,
    tuned: PathBuf,
    share: f32,
    target: &Path,
) -> Result<clinqa_encoder::BlendReport, CheckpointError> {
    clinqa_encoder::blend(&Source::Folder(base), &Source::Folder(tuned), share, target)
}
