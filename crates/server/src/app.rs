//! What does every request share?

use std::sync::Arc;
use std::sync::mpsc::{Sender, sync_channel};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use clinqa_qa::{Ask, Engine, Explain, Library, Triage, answer_screened, triage, with_reading};
use clinqa_schema::{Reply, Trace};
use tokio::time::timeout;

use crate::access::Key;
use crate::config::ServerConfig;
use crate::error::{ApiError, ServerError};
use crate::guard::Gate;
use crate::making::Making;
use crate::metrics::Metrics;
use crate::reload::Nudge;
use crate::standing::Standing;
use crate::work::{Capacity, Work};

/// Looks that may be under way at once; each takes about a millisecond.
const LOOKS: Capacity = Capacity { workers: 1, queue: 256, wait: Duration::from_millis(250) };

/// Screenings at once: each takes about a millisecond, the longest history some more.
const SCREENINGS: Capacity = Capacity { workers: 2, queue: 256, wait: Duration::from_millis(250) };

/// How long a screening is waited for before it is made at once.
const SCREENING: Duration = Duration::from_millis(500);

/// How long the notices of an emergency wait for further reading.
const READING: Duration = Duration::from_millis(500);

/// How long a reply waits for its tokens to be counted.
const COUNTING: Duration = Duration::from_secs(1);

/// Comparisons of generations: they read all documents of two, which may take a minute.
const COMPARISONS: Capacity = Capacity { workers: 1, queue: 4, wait: Duration::from_mins(1) };

/// How long somebody may wait for one.
const COMPARISON_TIMEOUT: Duration = Duration::from_mins(2);

/// How long whoever changed the index waits until it serves: every byte of it is read once more.
const TAKING_UP: Duration = Duration::from_mins(2);

/// The state that all requests share; requests in flight keep the engine they began with.
pub(crate) struct App {
    pub(crate) config: ServerConfig,
    pub(crate) library: Library,
    engine: ArcSwap<Engine>,
    /// Questions: heavy, few at a time.
    pub(crate) work: Work,
    /// Looks at what is there.
    pub(crate) looks: Work,
    /// What the rules say of each question: no emergency waits behind anything else.
    screenings: Work,
    /// Comparisons: no question waits behind one.
    comparisons: Work,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) standing: Arc<Standing>,
    /// The rebuild in this server.
    pub(crate) making: Making,
    nudges: Sender<Nudge>,
}

impl App {
    pub(crate) fn new(
        config: ServerConfig,
        library: Library,
        (engine, nudges): (Engine, Sender<Nudge>),
        keys: Vec<Key>,
    ) -> Result<Self, ServerError> {
        let questions = Capacity { workers: config.workers, queue: config.queue, wait: config.queue_wait };
        let metrics = Metrics::new();
        metrics.serves(&engine);
        Ok(Self {
            work: Work::start(questions)?,
            looks: Work::start(LOOKS)?,
            screenings: Work::start(SCREENINGS)?,
            comparisons: Work::start(COMPARISONS)?,
            gate: Arc::new(Gate::new(&config, keys)),
            metrics: Arc::new(metrics),
            standing: Arc::default(),
            making: Making::default(),
            nudges,
            engine: ArcSwap::from_pointee(engine),
            config,
            library,
        })
    }

    /// The engine of the generation that serves now.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    /// Lets `engine` serve from now on.
    pub(crate) fn replace(&self, engine: Engine) {
        self.metrics.serves(&engine);
        self.engine.store(Arc::new(engine));
    }

    /// Asks whoever looks after index, keys and certificate to look now.
    pub(crate) fn nudge(&self, nudge: Nudge) {
        // At the end nobody looks after them any more.
        let _ = self.nudges.send(nudge);
    }

    /// Waits until the current generation of the folder serves, or cannot. It blocks.
    pub(crate) fn take_up(&self) {
        let (told, looked) = sync_channel(1);
        self.nudge(Nudge::Index(told));
        let _ = looked.recv_timeout(TAKING_UP);
    }

    /// Notes whether the current index of the folder can be used.
    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.metrics.set_degraded(degraded);
        self.standing.set_degraded(degraded);
    }

    /// Answers one question with one engine. An emergency waits neither for a model nor in the queue.
    pub(crate) async fn answer(&self, mut ask: Ask) -> Result<Reply, ApiError> {
        let deadline = Instant::now() + self.config.request_timeout;
        let engine = self.engine();
        let config = self.config.answering;
        let keeper = self.config.query_log.as_ref().map(|log| (log, ask.question.text().to_owned()));
        let wanted = std::mem::replace(&mut ask.explain, Explain::Yes);
        let mut reply = match self.screened(deadline, &engine, &ask).await? {
            Triage::Emergency(reply) => self.read_up(deadline, &engine, *reply, ask).await,
            Triage::Other(screened) => {
                self.work.run(deadline, move || answer_screened(&engine, &ask, screened, &config)).await??
            }
        };
        self.metrics.answered(&reply);
        if reply.trace.as_ref().is_some_and(Trace::lacks_opinion) {
            tracing::error!("the second opinion could not be computed; what the rules said stands");
        }
        if let Some((log, question)) = keeper {
            log.keep(&question, &reply);
        }
        if wanted == Explain::No {
            reply.trace = None;
        }
        Ok(reply)
    }

    /// What the rules say. However many wait to be screened: whom to call is told, or the refusal stands.
    async fn screened(&self, deadline: Instant, engine: &Arc<Engine>, ask: &Ask) -> Result<Triage, ApiError> {
        let (shared, asked) = (Arc::clone(engine), ask.clone());
        let screening = self.screenings.run(deadline, move || triage(&shared.models().rules, &asked));
        match timeout(SCREENING, screening).await {
            Ok(Ok(told)) => Ok(told),
            Err(_late) => Ok(triage(&engine.models().rules, ask)),
            Ok(Err(why)) => match triage(&engine.models().rules, ask) {
                Triage::Emergency(reply) => Ok(Triage::Emergency(reply)),
                Triage::Other(_) => Err(why),
            },
        }
    }

    /// The reply to an emergency with further reading, or without, where that is late.
    async fn read_up(&self, deadline: Instant, engine: &Arc<Engine>, told: Reply, ask: Ask) -> Reply {
        let (engine, config, reply) = (Arc::clone(engine), self.config.answering, told.clone());
        let reading = self.looks.run(deadline, move || with_reading(reply, engine.index(), &ask, &config));
        timeout(READING, reading).await.ok().and_then(Result::ok).unwrap_or(told)
    }

    /// Tokens of each of `texts`, by the reader's own tokenizer, off the runtime's threads; 0 where they cannot be counted
    /// in time: no reply is lost over them.
    pub(crate) async fn tokens<const N: usize>(&self, texts: [String; N]) -> [usize; N] {
        let counted = self.look(move |engine| texts.map(|text| engine.tokens(&text).unwrap_or_default()));
        timeout(COUNTING, counted).await.ok().and_then(Result::ok).unwrap_or([0; N])
    }

    /// Looks something up off the runtime's threads, in the index that serves now.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let engine = self.engine();
        self.looks.run(Instant::now() + self.config.request_timeout, move || job(&engine)).await
    }

    /// Compares or changes what lies in the index folder, one after the other.
    pub(crate) async fn compare<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.comparisons.run(Instant::now() + COMPARISON_TIMEOUT, job).await
    }

    /// Computes something with the models, as soon as it is its turn.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let engine = self.engine();
        self.work.run(Instant::now() + self.config.request_timeout, move || job(&engine)).await
    }
}
