//! A run of a task that a larger model may teach: what begins it, what is learned from whom, what is told of that.

use clinqa_encoder::{Checkpoint, Source};
use clinqa_train::task::distil::{DistilTask, Distillable, Lessons, kept_layers};
use clinqa_train::{Parts, RunRecord, Twin};

use crate::args::{LearnArgs, TaughtArgs};
use crate::settings::Settings;
use crate::{models, output};

/// The model that learns, and the one that teaches it if one does.
pub(super) struct School<'a> {
    args: &'a LearnArgs,
    lessons: Lessons,
    source: Source,
    pub(super) checkpoint: Checkpoint,
    pub(super) twin: Twin,
    pub(super) teacher: Option<Teacher>,
}

pub(super) struct Teacher {
    name: String,
    checkpoint: Checkpoint,
    pub(super) twin: Twin,
}

/// A run, and what its card and its last lines say of a teacher.
pub(super) struct Learned {
    pub(super) record: RunRecord,
    pub(super) settings: Vec<(&'static str, String)>,
    pub(super) told: Vec<String>,
}

impl From<RunRecord> for Learned {
    /// A run that nobody taught.
    fn from(record: RunRecord) -> Self {
        Self { record, settings: Vec::new(), told: Vec::new() }
    }
}

impl<'a> School<'a> {
    /// Opens the model of `--from`, or some layers of it, and the teacher that `taught` names: with `--layers` alone the
    /// whole of `--from`.
    pub(super) fn open(settings: &Settings, args: &'a LearnArgs, taught: &TaughtArgs) -> anyhow::Result<Self> {
        let source = models::named(settings, &args.from);
        let teacher = match &taught.taught_by {
            Some(name) => Some(models::named(settings, name)),
            None => taught.layers.map(|_| source.clone()),
        };
        Self::of(source, teacher, (args, taught))
    }

    /// The same with a teacher in any case: the model of `--from` if no other is named.
    pub(super) fn with_teacher(settings: &Settings, args: &'a LearnArgs, taught: &TaughtArgs) -> anyhow::Result<Self> {
        let source = models::named(settings, &args.from);
        let teacher = taught.taught_by.as_ref().map_or_else(|| source.clone(), |name| models::named(settings, name));
        Self::of(source, Some(teacher), (args, taught))
    }

    fn of(
        source: Source,
        teacher: Option<Source>,
        (args, taught): (&'a LearnArgs, &TaughtArgs),
    ) -> anyhow::Result<Self> {
        let machine = args.device.into();
        let (checkpoint, mut twin) = Twin::begin(&source, machine)?;
        output::warn(&checkpoint.warnings);
        if let Some(layers) = taught.layers {
            twin = twin.thinned(&kept_layers(twin.dimensions().layers, layers)?)?;
        }
        let teacher = teacher.map(|source| {
            let (checkpoint, twin) = Twin::begin(&source, machine)?;
            anyhow::Ok(Teacher { name: source.name(), checkpoint, twin })
        });
        Ok(Self { args, lessons: taught.lessons(), source, checkpoint, twin, teacher: teacher.transpose()? })
    }

    /// Learns `task`, which `make` made of the model that learns; the teacher's is made likewise.
    pub(super) fn learn<T: Distillable>(
        self,
        task: T,
        make: impl FnOnce(&mut Checkpoint, &Twin) -> anyhow::Result<T>,
        parts: Parts<'_, T::Example>,
        settings: &clinqa_train::Settings,
    ) -> anyhow::Result<Learned> {
        let Self { args, lessons, source, checkpoint, twin, teacher } = self;
        let Some(mut teacher) = teacher else {
            let record = super::learn(&task, (twin, &source, &checkpoint.fingerprint), parts, (args, settings))?;
            return Ok(record.into());
        };
        let taught = make(&mut teacher.checkpoint, &teacher.twin)?;
        let (student, expert) = ((task, &twin, &checkpoint), (taught, teacher.twin, &teacher.checkpoint));
        let task = DistilTask::new(student, expert, lessons, args.seed)?;
        let score = task.teacher_score(parts.dev)?;
        let layers = twin.dimensions().layers;
        let record = super::learn(&task, (twin, &source, &checkpoint.fingerprint), parts, (args, settings))?;
        let Lessons { temperature, soft, hard, hidden, relations } = lessons;
        let weights =
            format!("soft {soft} at temperature {temperature}, hard {hard}, hidden {hidden}, relations {relations}");
        let settings = vec![
            ("teacher", format!("{} (fingerprint `{}`)", teacher.name, teacher.checkpoint.fingerprint)),
            ("teacher's score on the same part", format!("{} {:.4}", score.name, score.value)),
            ("layers of the student", layers.to_string()),
            ("lessons", weights),
        ];
        let told = vec![format!("The teacher on the same part: {} {:.4}", score.name, score.value)];
        Ok(Learned { record, settings, told })
    }
}
