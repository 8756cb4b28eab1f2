//! Who does the work while keys are pressed?
//!
//! Four threads, so that nothing waits for what takes longer: the desk answers by words and fetches documents, a second
//! thread ranks by meaning, a third reads for an answer, and an office counts, checks and writes. Each takes the latest
//! lookup only. What they send carries the number of its lookup; whoever is late is not listened to.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clinqa_qa::{
    AnswerConfig, Ask, Engine, Explain, Generation, Lookup, Models, PassageIndex, Region, Rules, Search, Store, answer,
    emergency, facets, matching, names, search, search_words, similar,
};
use clinqa_schema::{Filters, Moment, Observer, PassageId, Progress, Question, Ranking, Reading, Stage, Trace};

use crate::house::House;
use crate::message::{By, Effect, Found, Lookout, Message, Ranks, Row, Standing};
use crate::names::Names;

/// Passages of a list.
const LISTED: usize = 30;

/// Passages beside an answer, whose spans are marked in the list.
const READ: usize = 10;

/// How long a text must rest before it is read for an answer that nobody asked for.
const REST: Duration = Duration::from_millis(300);

/// How often the index folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often a rebuild says how far it is.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) house: Arc<dyn House>,
    pub(crate) store: Store,
    pub(crate) region: Option<Region>,
    pub(crate) answering: AnswerConfig,
    generation: Mutex<Option<Arc<Generation>>>,
    models: OnceLock<Arc<Models>>,
    out: Sender<Message>,
}

/// The threads, by what they take.
pub(crate) struct Crew {
    desk: Sender<Task>,
    ranking: Sender<Lookout>,
    reading: Sender<(Lookout, Patience)>,
    office: Sender<Effect>,
}

/// What the desk does.
enum Task {
    Look(Lookout),
    Open(clinqa_schema::DocumentId),
    Similar(PassageId, Box<Filters>),
    Reopen,
}

/// Whether somebody waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Asked,
    Typing,
}

impl Shared {
    pub(crate) fn new(
        (house, store): (Arc<dyn House>, Store),
        region: Option<Region>,
        answering: AnswerConfig,
        out: Sender<Message>,
    ) -> Self {
        Self { house, store, region, answering, generation: Mutex::default(), models: OnceLock::new(), out }
    }

    fn say(&self, message: Message) {
        // Nobody listens any more when the session has ended.
        let _ = self.out.send(message);
    }

    fn generation(&self) -> Option<Arc<Generation>> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn engine(&self) -> Option<Engine> {
        let (models, generation) = (self.models.get()?, self.generation()?);
        match Engine::sharing(Arc::clone(models), generation) {
            Ok(engine) => Some(engine),
            Err(error) => {
                self.say(Message::Failed(error.to_string()));
                None
            }
        }
    }

    fn ask(&self, lookout: &Lookout) -> Option<Ask> {
        Some(Ask {
            question: Question::new(&lookout.text).ok()?,
            history: Vec::new(),
            filters: lookout.filters.clone(),
            region: self.region,
            top_k: READ,
            search: Search::Fused,
            explain: Explain::Yes,
        })
    }
}

impl Crew {
    /// Starts the threads; they end when the crew is dropped.
    pub(crate) fn start(shared: &Arc<Shared>) -> Self {
        let (desk, for_desk) = channel();
        let (ranking, for_ranking) = channel();
        let (reading, for_reading) = channel();
        let (office, for_office) = channel();
        let crew = Self { desk, ranking, reading, office };
        let (office, desk) = (crew.office.clone(), crew.desk.clone());
        spawn(shared, move |shared| at_desk(shared, &for_desk, &office));
        spawn(shared, move |shared| ranks(shared, &for_ranking));
        spawn(shared, move |shared| reads(shared, &for_reading));
        spawn(shared, move |shared| in_office(shared, &for_office, &desk));
        crew
    }

    /// Hands an effect to whoever does it.
    pub(crate) fn take(&self, effect: Effect) {
        // A thread that is gone has said why; a key must not end the session because of it.
        match effect {
            Effect::Look(lookout) => {
                let _ = self.desk.send(Task::Look(lookout.clone()));
                let _ = self.ranking.send(lookout.clone());
                let _ = self.reading.send((lookout, Patience::Typing));
            }
            Effect::Ask(lookout) => {
                let _ = self.reading.send((lookout.clone(), Patience::Asked));
                let _ = self.desk.send(Task::Look(lookout.clone()));
                let _ = self.ranking.send(lookout);
            }
            Effect::Open(id) => drop(self.desk.send(Task::Open(id))),
            Effect::Similar(id, filters) => drop(self.desk.send(Task::Similar(id, filters))),
            other => drop(self.office.send(other)),
        }
    }
}

/// A thread whose panic is told and ends nothing else.
fn spawn(shared: &Arc<Shared>, work: impl FnOnce(&Arc<Shared>) + Send + 'static) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&shared)));
        if worked.is_err() {
            shared.say(Message::Failed("a part of clinqa has failed; quit and start it again".to_owned()));
        }
    });
}

fn at_desk(shared: &Arc<Shared>, tasks: &Receiver<Task>, office: &Sender<Effect>) {
    let rules = match Rules::embedded() {
        Ok(rules) => rules,
        Err(error) => return shared.say(Message::Failed(error.to_string())),
    };
    open(shared, Missing::Make(office));
    loop {
        let first = match tasks.recv_timeout(LOOK_EVERY) {
            Ok(task) => task,
            Err(RecvTimeoutError::Timeout) => Task::Reopen,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let waiting: Vec<Task> = std::iter::once(first).chain(tasks.try_iter()).collect();
        let latest = waiting.iter().rposition(|task| matches!(task, Task::Look(_)));
        for (place, task) in waiting.into_iter().enumerate() {
            match task {
                Task::Look(lookout) if Some(place) == latest => look(shared, &rules, &lookout),
                Task::Look(_) => {}
                Task::Open(id) => fetch(shared, &id),
                Task::Similar(id, filters) => alike(shared, id, &filters),
                Task::Reopen => open(shared, Missing::Leave),
            }
        }
    }
}

/// What is done where there is no index.
#[derive(Clone, Copy)]
enum Missing<'a> {
    /// One is made, if none ever was: once a session, since what failed fails again.
    Make(&'a Sender<Effect>),
    Leave,
}

/// Opens the current generation, if it is not the one that is open.
fn open(shared: &Arc<Shared>, missing: Missing<'_>) {
    let is_open = |id| shared.generation().is_some_and(|generation| generation.manifest().id == id);
    match shared.store.current() {
        Ok(Some(pointer)) if is_open(pointer.generation.clone()) => return,
        Ok(Some(_)) => {}
        Ok(None) => {
            if let (Missing::Make(office), None) = (missing, shared.generation()) {
                shared.say(Message::NoIndex);
                if !shared.store.ever_published() && shared.house.makes_missing_index() {
                    drop(office.send(Effect::Rebuild));
                }
            }
            return;
        }
        Err(error) => return shared.say(Message::Failed(error.to_string())),
    }
    match shared.store.open_current() {
        Ok(generation) => {
            let generation = Arc::new(generation);
            *shared.generation.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&generation));
            shared.say(Message::Opened(Box::new(generation.manifest().clone())));
            spawn(shared, move |shared| match names(generation.as_ref()) {
                Ok(names) => shared.say(Message::Names(Arc::new(Names::new(names)))),
                Err(error) => shared.say(Message::Failed(error.to_string())),
            });
        }
        Err(error) => shared.say(Message::Failed(error.to_string())),
    }
}

fn look(shared: &Shared, rules: &Rules, lookout: &Lookout) {
    let question = match Question::new(&lookout.text) {
        Ok(question) => question,
        Err(error) => return shared.say(Message::Refused(lookout.seq, error.to_string())),
    };
    if let Some(ask) = shared.ask(lookout) {
        let notices = emergency(rules, None, &ask, &shared.answering).map(|reply| reply.notices).unwrap_or_default();
        shared.say(Message::Screened(lookout.seq, notices));
    }
    let Some(generation) = shared.generation() else { return };
    let by_words = |question: Question| {
        let lookup = lookup(question, &lookout.filters, Search::LexicalOnly);
        let start = Instant::now();
        let found = search_words(generation.as_ref(), &lookup, &shared.answering)?;
        Ok(rows(generation.as_ref(), found, By::Words, start))
    };
    let found = by_words(question).and_then(|found| {
        let completed = Question::new(&format!("{}{}", lookout.text, lookout.rest)).ok();
        match completed.filter(|_| found.rows.is_empty() && !lookout.rest.is_empty()) {
            Some(completed) => by_words(completed),
            None => Ok(found),
        }
    });
    shared.say(match found {
        Ok(found) => Message::Found(lookout.seq, Box::new(found)),
        Err(error) => {
            let error: clinqa_qa::Error = error;
            Message::Failed(error.to_string())
        }
    });
}

fn lookup(question: Question, filters: &Filters, search: Search) -> Lookup {
    Lookup { question, history: Vec::new(), filters: filters.clone(), top_k: LISTED, search }
}

/// What was found, with what a list shows of it.
fn rows(index: &dyn PassageIndex, found: clinqa_qa::Found, by: By, start: Instant) -> Found {
    let Trace { understood, steps, terms, unknown, lexical, dense, fused, .. } = found.trace;
    let places = [&lexical, &dense, &fused].map(places);
    let row = |reading: Reading| {
        let id = &reading.citation.passage_id;
        let [words, vectors, fused] = [0, 1, 2].map(|which: usize| places[which].get(id).copied());
        Row {
            metadata: index.metadata(&reading.citation.document_id).cloned().unwrap_or_default(),
            matched: matching(&reading.citation.quote, &terms),
            ranks: Ranks { words, vectors, fused },
            reading,
        }
    };
    let rows = found.results.into_iter().map(row).collect();
    Found { by, rows, understood, steps, terms, unknown, took: start.elapsed() }
}

/// The place of each passage in a ranking, from 1, and its score.
fn places(ranking: &Ranking) -> HashMap<PassageId, (usize, f32)> {
    let hits = ranking.hits().iter().enumerate();
    hits.map(|(place, hit)| (hit.passage_id.clone(), (place + 1, hit.score))).collect()
}

fn fetch(shared: &Shared, id: &clinqa_schema::DocumentId) {
    let Some(generation) = shared.generation() else { return };
    shared.say(match generation.document(id) {
        Ok(Some(document)) => Message::Document(Box::new(document)),
        Ok(None) => Message::Failed(format!("{id} is not in the index any more")),
        Err(error) => Message::Failed(error.to_string()),
    });
}

fn alike(shared: &Shared, of: PassageId, filters: &Filters) {
    let Some(generation) = shared.generation() else { return };
    let index = generation.as_ref();
    let found = if index.manifest().encoder.is_some() { similar(index, &of, filters, LISTED) } else { Ok(Vec::new()) };
    let row = |reading: Reading| Row {
        metadata: index.metadata(&reading.citation.document_id).cloned().unwrap_or_default(),
        matched: matching(&reading.citation.quote, &[]),
        ranks: Ranks::default(),
        reading,
    };
    shared.say(match found {
        Ok(found) => Message::Similar(of, found.into_iter().map(row).collect()),
        Err(error) => Message::Failed(error.to_string()),
    });
}

/// Loads the models, then ranks the latest lookup by words and meaning.
fn ranks(shared: &Arc<Shared>, lookouts: &Receiver<Lookout>) {
    match shared.house.models() {
        Ok(models) => drop(shared.models.set(Arc::new(models))),
        Err(error) => return shared.say(Message::Failed(format!("cannot open the models: {error}"))),
    }
    shared.say(Message::ModelsReady);
    while let Ok(first) = lookouts.recv() {
        let lookout = lookouts.try_iter().last().unwrap_or(first);
        let (Some(engine), Ok(question)) = (shared.engine(), Question::new(&lookout.text)) else { continue };
        let start = Instant::now();
        let lookup = lookup(question, &lookout.filters, Search::Fused);
        shared.say(match search(&engine, &lookup, &shared.answering) {
            Ok(found) => {
                let by = if engine.index().manifest().encoder.is_some() { By::Meaning } else { By::Words };
                Message::Found(lookout.seq, Box::new(rows(engine.index(), found, by, start)))
            }
            Err(error) => Message::Failed(error.to_string()),
        });
    }
}

/// Reads the latest lookup for an answer: at once if it was asked, else when it has rested.
fn reads(shared: &Arc<Shared>, lookouts: &Receiver<(Lookout, Patience)>) {
    while let Ok(first) = lookouts.recv() {
        let mut latest = first;
        while latest.1 == Patience::Typing {
            match lookouts.recv_timeout(REST) {
                Ok(later) => latest = later,
                Err(_) => break,
            }
        }
        let lookout = lookouts.try_iter().last().unwrap_or(latest).0;
        // The models may still be on their way.
        while shared.models.get().is_none() || shared.generation().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let (Some(engine), Some(ask)) = (shared.engine(), shared.ask(&lookout)) else { continue };
        shared.say(match answer(&engine, &ask, &shared.answering) {
            Ok(reply) => Message::Replied(lookout.seq, Box::new(reply)),
            Err(error) => Message::Refused(lookout.seq, error.to_string()),
        });
    }
}

fn in_office(shared: &Arc<Shared>, effects: &Receiver<Effect>, desk: &Sender<Task>) {
    while let Ok(effect) = effects.recv() {
        match effect {
            Effect::Count(filters) => {
                if let Some(generation) = shared.generation() {
                    let counts = facets(generation.as_ref(), &filters);
                    shared.say(Message::Facets(filters, counts));
                }
            }
            Effect::Shelf => shelf(shared),
            Effect::Check => match shared.store.inspect_current() {
                Ok(inspection) => shared.say(Message::Checked(inspection.files)),
                Err(error) => {
                    shared.say(Message::Checked(Vec::new()));
                    shared.say(Message::Failed(error.to_string()));
                }
            },
            Effect::Activate(id) => match shared.store.activate(&id, now()) {
                Ok(()) => {
                    drop(desk.send(Task::Reopen));
                    shared.say(Message::Activated(id));
                }
                Err(error) => shared.say(Message::Failed(error.to_string())),
            },
            Effect::Rebuild => {
                let desk = desk.clone();
                spawn(shared, move |shared| rebuild(shared, &desk));
            }
            Effect::Write(paper) => match shared.house.write(&paper) {
                Ok(place) => shared.say(Message::Written(place)),
                Err(error) => shared.say(Message::Failed(error.to_string())),
            },
            Effect::Copy(text) if shared.house.copy(&text) => shared.say(Message::Copied),
            Effect::Browse(url) => {
                if let Err(error) = shared.house.browse(&url) {
                    shared.say(Message::Failed(error.to_string()));
                }
            }
            _ => {}
        }
    }
}

fn shelf(shared: &Shared) {
    let standing = || {
        let entries = shared.store.generations()?;
        let sealed = entries.into_iter().filter(|entry| entry.sealed);
        let read = sealed.map(|entry| {
            let (manifest, _) = shared.store.manifest(&entry.id)?;
            Ok(Standing { manifest, current: entry.current })
        });
        read.collect::<Result<Vec<Standing>, clinqa_qa::Error>>()
    };
    shared.say(match standing() {
        Ok(shelf) => Message::Shelf(shelf),
        Err(error) => Message::Failed(error.to_string()),
    });
}

/// Seconds since 1970; a clock before that counts as 1970.
fn now() -> Moment {
    Moment(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn rebuild(shared: &Arc<Shared>, desk: &Sender<Task>) {
    let mut told = Told { out: &shared.out, stage: None, since: Instant::now(), last: None };
    let result = shared.house.rebuild(&mut told).map_err(|error| error.to_string());
    shared.say(Message::Rebuilt(result));
    drop(desk.send(Task::Reopen));
}

/// Progress as messages, not more often than a screen can show.
struct Told<'a> {
    out: &'a Sender<Message>,
    stage: Option<Stage>,
    since: Instant,
    last: Option<Instant>,
}

impl Observer for Told<'_> {
    fn observe(&mut self, progress: &Progress) {
        if self.stage != Some(progress.stage) {
            (self.stage, self.since, self.last) = (Some(progress.stage), Instant::now(), None);
        }
        if self.last.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            self.last = Some(Instant::now());
            let _ = self.out.send(Message::Rebuilding(progress.clone(), self.since.elapsed()));
        }
    }
}
