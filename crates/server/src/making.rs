//! How far has the rebuild in this server come, and what came of the last one?
//!
//! One at a time, on threads of its own that give way to those that answer. Nobody waits for it when the server stops:
//! the end of the process ends it, as it ends `clinqa rebuild`, and the next one clears away what it left and takes over
//! the vectors that it had made.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use clinqa_qa::Delivered;
use clinqa_schema::{Observer, Progress, Skips};

use crate::app::App;
use crate::error::ApiError;

/// How far the threads of a rebuild stand back behind those that answer.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Makes new generations of the index that is served.
pub trait Maker: fmt::Debug + Send + Sync {
    /// Makes a new generation from the corpora and publishes it in the index folder; says what became of every record.
    /// Whatever fails leaves the generation before the current one. The process may end at any moment of it.
    fn make(&self, observer: &mut dyn Observer) -> Result<String, Box<dyn Error + Send + Sync>>;

    /// Every corpus that it would read, as its files are now, with the checksums of their bytes.
    fn corpora(&self) -> Result<Vec<Delivered>, Box<dyn Error + Send + Sync>>;
}

/// The rebuild that is under way, or the last one.
#[derive(Default)]
pub(crate) struct Making {
    told: Mutex<Told>,
}

/// What is known of it; as much for a large corpus as for a small one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) phase: Phase,
    /// The latest report of its stage, and when the stage began.
    pub(crate) stage: Option<(Progress, Instant)>,
    pub(crate) skips: Skips,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Idle,
    UnderWay,
    /// What became of every record.
    Done(String),
    /// Why.
    Failed(String),
}

impl Making {
    /// What is known now.
    pub(crate) fn told(&self) -> Told {
        self.lock().clone()
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.lock().phase == Phase::UnderWay
    }

    fn begin(&self) -> Result<(), ApiError> {
        let mut told = self.lock();
        if told.phase == Phase::UnderWay {
            return Err(ApiError::Rebuilding);
        }
        *told = Told { phase: Phase::UnderWay, ..Told::default() };
        Ok(())
    }

    fn end(&self, phase: Phase) {
        let mut told = self.lock();
        (told.phase, told.stage) = (phase, None);
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        // Nothing that can panic runs under the lock.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what a rebuild tells.
struct Witness<'a>(&'a Making);

impl Observer for Witness<'_> {
    fn observe(&mut self, progress: &Progress) {
        let mut told = self.0.lock();
        let same = told.stage.as_ref().filter(|(before, _)| before.stage == progress.stage);
        let since = same.map_or_else(Instant::now, |(_, since)| *since);
        told.stage = Some((progress.clone(), since));
    }

    fn skipped(&mut self, skips: Skips) {
        self.0.lock().skips.absorb(skips);
    }
}

/// Begins a rebuild, unless one is under way.
pub(crate) fn begin(app: &Arc<App>, maker: Arc<dyn Maker>) -> Result<(), ApiError> {
    app.making.begin()?;
    let held = Arc::clone(app);
    let thread = std::thread::Builder::new().name("clinqa-rebuild".to_owned());
    let begun = thread.spawn(move || run(&held, maker.as_ref()));
    begun.map(drop).map_err(|error| {
        tracing::error!(%error, "cannot start a thread for a rebuild");
        app.making.end(Phase::Failed("the server has no thread left for it; try again later".to_owned()));
        ApiError::Internal
    })
}

fn run(app: &App, maker: &dyn Maker) {
    tracing::info!("a rebuild begins");
    let mut witness = Witness(&app.making);
    let made = catch_unwind(AssertUnwindSafe(|| aside(|| maker.make(&mut witness))));
    // Whoever is told that it is done is answered from it.
    app.take_up();
    let phase = match made {
        Ok(Ok(summary)) => {
            tracing::info!("the rebuild is done");
            Phase::Done(summary)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "the rebuild failed; the index before it stays");
            Phase::Failed(error.to_string())
        }
        Err(_) => {
            tracing::error!("the rebuild broke off; the index before it stays");
            Phase::Failed("the rebuild broke off by a fault of clinqa; please report it".to_owned())
        }
    };
    app.making.end(phase);
}

/// Does `job` with threads of its own: on those that all share, a question would wait for whatever part of a rebuild
/// came before it.
fn aside<T: Send>(job: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|place| format!("clinqa-make-{place}"))
        .start_handler(|_| stand_back())
        .build();
    match pool {
        Ok(pool) => pool.install(job),
        // Slower for those who ask meanwhile, and as good.
        Err(_) => job(),
    }
}

/// Lets the threads of the server go before this one, and before those that it starts.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        // Without it a rebuild only takes its share, as anybody does.
        let _ = rustix::process::setpriority_process(None, NICENESS);
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Stage;

    use super::*;

    #[test]
    fn one_is_under_way_at_a_time_and_the_next_one_begins_anew() {
        let making = Making::default();
        assert_eq!(making.told().phase, Phase::Idle);
        assert!(making.begin().is_ok() && making.is_under_way());
        assert!(matches!(making.begin(), Err(ApiError::Rebuilding)));
        let mut skips = Skips::default();
        skips.note("a.jsonl:1: no text".to_owned());
        let mut witness = Witness(&making);
        witness.skipped(skips);
        witness.observe(&Progress { stage: Stage::Read, done: 1, total: None });
        let begun = making.told().stage.expect("a stage").1;
        witness.observe(&Progress { stage: Stage::Read, done: 2, total: Some(2) });
        let (progress, since) = making.told().stage.expect("a stage");
        assert_eq!((progress.done, since), (2, begun), "a stage begins once");
        making.end(Phase::Failed("why".to_owned()));
        let told = making.told();
        assert_eq!((told.phase, told.skips.count(), told.stage.is_none()), (Phase::Failed("why".to_owned()), 1, true));
        assert!(making.begin().is_ok());
        assert!(making.told().skips.is_empty(), "what another one skipped is forgotten");
    }

    #[test]
    fn a_rebuild_computes_on_threads_of_its_own_which_stand_back() {
        let names = aside(|| rayon::broadcast(|_| std::thread::current().name().map(str::to_owned)));
        assert!(names.iter().flatten().all(|name| name.starts_with("clinqa-make-")), "{names:?}");
        #[cfg(target_os = "linux")]
        {
            let niceness = || rustix::process::getpriority_process(None);
            let before = niceness().expect("a niceness");
            let aside = aside(|| niceness().expect("a niceness"));
            assert!(aside == NICENESS.max(before) && niceness() == Ok(before), "{before} {aside}");
        }
    }
}
