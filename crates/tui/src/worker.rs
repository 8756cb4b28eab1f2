//! Who does the work while keys are pressed?
//!
//! Five threads, so that nothing waits for what takes longer: the first answers by words and fetches documents, a second
//! ranks by meaning, a third reads for an answer, a fourth compares generations, and an office counts, checks and writes.
//! Each takes the latest lookup only, and asks the [`Desk`], which may be on another machine. What they send carries the
//! number of its lookup; whoever is late is not listened to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use clinqa_qa::{Region, Rules, Triage, triage};
use clinqa_schema::{Filters, Observer, PassageId, Progress, Question, Skips, Stage};

use crate::desk::{Desk, DeskError, Making, Opening, Wanted};
use crate::house::{House, report};
use crate::message::{Effect, GenerationPair, Lookout, Message};
use crate::names::Names;

/// How long a text must rest before it is read for an answer that nobody asked for.
const REST: Duration = Duration::from_millis(300);

/// How often it is looked which generation is current.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The same while whoever answers cannot be reached.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// How long is waited before it is looked again whether index and models are there.
const WAIT: Duration = Duration::from_millis(20);

/// How often a rebuild says how far it is.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What all workers share.
pub(crate) struct Shared {
    desk: Arc<dyn Desk>,
    house: Arc<dyn House>,
    region: Option<Region>,
    /// An index answers.
    open: AtomicBool,
    /// Models are there.
    prepared: AtomicBool,
    /// Whoever answers could not be reached when it was last asked.
    lost: AtomicBool,
    out: Sender<Message>,
}

/// The threads, by what they take.
pub(crate) struct Crew {
    desk: Sender<Task>,
    ranking: Sender<Lookout>,
    reading: Sender<(Lookout, Patience)>,
    comparing: Sender<GenerationPair>,
    office: Sender<Effect>,
}

/// What the first thread does.
enum Task {
    Look(Box<Lookout>),
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
        (desk, house): (Arc<dyn Desk>, Arc<dyn House>),
        region: Option<Region>,
        out: Sender<Message>,
    ) -> Self {
        let [open, prepared, lost] = [(); 3].map(|()| AtomicBool::new(false));
        Self { desk, house, region, open, prepared, lost, out }
    }

    fn say(&self, message: Message) {
        // Nobody listens any more when the session has ended.
        let _ = self.out.send(message);
    }

    /// Says what came of something, or why nothing did.
    fn told<T>(self: &Arc<Self>, seq: Option<u64>, result: Result<T, DeskError>, message: impl FnOnce(T) -> Message) {
        match result {
            Ok(value) => self.say(message(value)),
            Err(DeskError::Lost { source }) => {
                self.lost.store(true, Ordering::Relaxed);
                self.say(Message::Lost(source.to_string()));
            }
            Err(error) => match (error, seq) {
                (DeskError::Busy { after }, Some(seq)) => self.later(seq, after),
                (DeskError::Refused { source }, Some(seq)) => self.say(Message::Refused(seq, source.to_string())),
                (other, _) => self.say(Message::Failed(other.to_string())),
            },
        }
    }

    /// Asks for the lookup once more when a while has passed, unless something else is asked by then.
    fn later(self: &Arc<Self>, seq: u64, after: Duration) {
        spawn(self, move |shared| {
            std::thread::sleep(after.clamp(Duration::from_millis(200), Duration::from_secs(10)));
            shared.say(Message::Again(seq));
        });
    }

    fn wanted(&self, question: Question, lookout: &Lookout) -> Wanted {
        Wanted { question, filters: lookout.filters.clone(), region: self.region }
    }
}

impl Crew {
    /// Starts the threads; they end when the crew is dropped.
    pub(crate) fn start(shared: &Arc<Shared>) -> Self {
        let (desk, for_desk) = channel();
        let (ranking, for_ranking) = channel();
        let (reading, for_reading) = channel();
        let (comparing, for_comparing) = channel();
        let (office, for_office) = channel();
        let crew = Self { desk, ranking, reading, comparing, office };
        let (office, desk) = (crew.office.clone(), crew.desk.clone());
        spawn(shared, move |shared| at_desk(shared, &for_desk, &office));
        spawn(shared, move |shared| ranks(shared, &for_ranking));
        spawn(shared, move |shared| reads(shared, &for_reading));
        spawn(shared, move |shared| compares(shared, &for_comparing));
        spawn(shared, move |shared| in_office(shared, &for_office, &desk));
        crew
    }

    /// Hands an effect to whoever does it.
    pub(crate) fn take(&self, effect: Effect) {
        // A thread that is gone has said why; a key must not end the session because of it.
        match effect {
            Effect::Look(lookout) => {
                let _ = self.desk.send(Task::Look(Box::new(lookout.clone())));
                let _ = self.ranking.send(lookout.clone());
                let _ = self.reading.send((lookout, Patience::Typing));
            }
            Effect::Ask(lookout) => {
                let _ = self.reading.send((lookout.clone(), Patience::Asked));
                let _ = self.desk.send(Task::Look(Box::new(lookout.clone())));
                let _ = self.ranking.send(lookout);
            }
            Effect::Open(id) => drop(self.desk.send(Task::Open(id))),
            Effect::Similar(id, filters) => drop(self.desk.send(Task::Similar(id, filters))),
            Effect::Compare(pair) => drop(self.comparing.send(pair)),
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
        let pause = if shared.lost.load(Ordering::Relaxed) { TRY_EVERY } else { LOOK_EVERY };
        let first = match tasks.recv_timeout(pause) {
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
                Task::Similar(of, filters) => {
                    let found = shared.desk.similar(&of, &filters);
                    shared.told(None, found, |rows| Message::Similar(of, rows));
                }
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
    let opening = shared.desk.open();
    if !matches!(opening, Err(DeskError::Lost { .. })) && shared.lost.swap(false, Ordering::Relaxed) {
        shared.say(Message::Back);
    }
    match opening {
        Ok(Opening::Same) => {}
        Ok(Opening::Missing(making)) => {
            if let Missing::Make(office) = missing {
                shared.say(Message::NoIndex);
                if making == Making::Unasked {
                    drop(office.send(Effect::Rebuild));
                }
            }
        }
        Ok(Opening::New(manifest)) => {
            shared.open.store(true, Ordering::Release);
            shared.say(Message::Opened(manifest));
            spawn(shared, |shared| {
                let names = shared.desk.names();
                shared.told(None, names, |names| Message::Names(Arc::new(Names::new(names))));
            });
        }
        Err(error) => shared.told(None, Err(error), |()| Message::NoIndex),
    }
}

/// What must be said first is known here, whoever answers and however far away.
fn look(shared: &Arc<Shared>, rules: &Rules, lookout: &Lookout) {
    let question = match Question::new(&lookout.text) {
        Ok(question) => question,
        Err(error) => return shared.say(Message::Refused(lookout.seq, error.to_string())),
    };
    let wanted = shared.wanted(question, lookout);
    let notices = match triage(rules, &wanted.ask()) {
        Triage::Emergency(reply) => reply.notices,
        Triage::Other(_) => Vec::new(),
    };
    shared.say(Message::Screened(lookout.seq, notices));
    if !shared.open.load(Ordering::Acquire) {
        return;
    }
    let found = shared.desk.by_words(&wanted).and_then(|found| {
        let completed = Question::new(&format!("{}{}", lookout.text, lookout.rest)).ok();
        match completed.filter(|_| found.rows.is_empty() && !lookout.rest.is_empty()) {
            Some(completed) => shared.desk.by_words(&shared.wanted(completed, lookout)),
            None => Ok(found),
        }
    });
    shared.told(Some(lookout.seq), found, |found| Message::Found(lookout.seq, Box::new(found)));
}

fn fetch(shared: &Arc<Shared>, id: &clinqa_schema::DocumentId) {
    let document = shared.desk.document(id);
    shared.told(None, document, |document| match document {
        Some(document) => Message::Document(Box::new(document)),
        None => Message::Failed(format!("{id} is not in the index any more")),
    });
}

/// Loads the models, then ranks the latest lookup by words and meaning.
fn ranks(shared: &Arc<Shared>, lookouts: &Receiver<Lookout>) {
    if let Err(error) = shared.desk.prepare() {
        return shared.told(None, Err(error), |()| Message::ModelsReady);
    }
    shared.prepared.store(true, Ordering::Release);
    // Whoever has its models at once may have them before the index: what is typed meanwhile is not passed over.
    while !shared.open.load(Ordering::Acquire) {
        std::thread::sleep(WAIT);
    }
    shared.say(Message::ModelsReady);
    while let Ok(first) = lookouts.recv() {
        let lookout = lookouts.try_iter().last().unwrap_or(first);
        let Ok(question) = Question::new(&lookout.text) else { continue };
        let found = shared.desk.by_meaning(&shared.wanted(question, &lookout));
        shared.told(Some(lookout.seq), found, |found| Message::Found(lookout.seq, Box::new(found)));
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
        while !(shared.prepared.load(Ordering::Acquire) && shared.open.load(Ordering::Acquire)) {
            std::thread::sleep(WAIT);
        }
        let Ok(question) = Question::new(&lookout.text) else { continue };
        let reply = shared.desk.answer(&shared.wanted(question, &lookout));
        shared.told(Some(lookout.seq), reply, |reply| Message::Replied(lookout.seq, Box::new(reply)));
    }
}

/// Compares the two generations that are looked at; those that were passed by meanwhile are not.
fn compares(shared: &Arc<Shared>, pairs: &Receiver<GenerationPair>) {
    while let Ok(first) = pairs.recv() {
        let pair = pairs.try_iter().last().unwrap_or(first);
        let compared = shared.desk.compare(&pair.0, &pair.1).map_err(|error| error.to_string());
        shared.say(Message::Compared(pair, compared));
    }
}

fn in_office(shared: &Arc<Shared>, effects: &Receiver<Effect>, desk: &Sender<Task>) {
    match shared.house.history() {
        Ok(history) => shared.say(Message::History(history)),
        Err(error) => shared.say(Message::Failed(error.to_string())),
    }
    while let Ok(effect) = effects.recv() {
        match effect {
            Effect::Count(filters) if shared.open.load(Ordering::Acquire) => {
                let counts = shared.desk.counts(&filters);
                shared.told(None, counts, |counts| Message::Facets(filters, counts));
            }
            Effect::Shelf => {
                shared.told(None, shared.desk.shelf(), Message::Shelf);
                shared.told(None, shared.desk.gaps(), Message::Gaps);
            }
            Effect::Check => {
                // All of the index is read: what is written and copied meanwhile does not wait for that.
                spawn(shared, |shared| {
                    let checked = shared.desk.check();
                    if checked.is_err() {
                        shared.say(Message::Checked(Vec::new()));
                    }
                    shared.told(None, checked, Message::Checked);
                    let corpora = shared.desk.corpora().map_err(|error| error.to_string());
                    shared.say(Message::Delivered(corpora));
                });
            }
            Effect::Activate(id) => {
                let desk = desk.clone();
                spawn(shared, move |shared| {
                    let activated = shared.desk.activate(&id);
                    drop(desk.send(Task::Reopen));
                    shared.told(None, activated, |()| Message::Activated(id));
                });
            }
            Effect::Rebuild => {
                let desk = desk.clone();
                spawn(shared, move |shared| rebuild(shared, &desk));
            }
            other => outside(shared, other),
        }
    }
}

/// What is done in the world outside.
fn outside(shared: &Shared, effect: Effect) {
    let done = match effect {
        Effect::Write(paper) => shared.house.write(&paper).map(|place| shared.say(Message::Written(place))),
        Effect::Report(complaint) => {
            report(shared.house.as_ref(), &complaint).map(|place| shared.say(Message::Written(place)))
        }
        Effect::Copy(text) => {
            if shared.house.copy(&text) {
                shared.say(Message::Copied);
            }
            Ok(())
        }
        Effect::Browse(url) => shared.house.browse(&url),
        Effect::Remember(question) => shared.house.remember(&question),
        _ => Ok(()),
    };
    if let Err(error) = done {
        shared.say(Message::Failed(error.to_string()));
    }
}

fn rebuild(shared: &Arc<Shared>, desk: &Sender<Task>) {
    let mut told = Told { out: &shared.out, stage: None, since: Instant::now(), last: None, skips: Skips::default() };
    let result = shared.desk.rebuild(&mut told).map_err(|error| error.to_string());
    told.tell_skips();
    shared.say(Message::Rebuilt(result));
    drop(desk.send(Task::Reopen));
}

/// Progress as messages, not more often than a screen can show.
struct Told<'a> {
    out: &'a Sender<Message>,
    stage: Option<Stage>,
    since: Instant,
    last: Option<Instant>,
    /// Those that were not told of yet: however many there are, they are one message.
    skips: Skips,
}

impl Told<'_> {
    fn tell_skips(&mut self) {
        if !self.skips.is_empty() {
            let _ = self.out.send(Message::Skipped(std::mem::take(&mut self.skips)));
        }
    }
}

impl Observer for Told<'_> {
    fn observe(&mut self, progress: &Progress) {
        if self.stage != Some(progress.stage) {
            (self.stage, self.since, self.last) = (Some(progress.stage), Instant::now(), None);
        }
        if self.last.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            self.last = Some(Instant::now());
            let _ = self.out.send(Message::Rebuilding(progress.clone(), self.since.elapsed()));
            self.tell_skips();
        }
    }

    fn observe_after(&mut self, progress: &Progress, taken: Duration) {
        if self.stage != Some(progress.stage) {
            (self.stage, self.last) = (Some(progress.stage), None);
        }
        // Whoever came later than the stage reckons its pace from its beginning all the same.
        self.since = Instant::now().checked_sub(taken).unwrap_or(self.since);
        self.observe(progress);
    }

    fn skipped(&mut self, skips: Skips) {
        self.skips.absorb(skips);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_records_are_skipped_few_messages_tell_of_all_of_them() {
        let (out, messages) = channel();
        let mut told = Told { out: &out, stage: None, since: Instant::now(), last: None, skips: Skips::default() };
        for record in 0..5_000_u64 {
            let mut skips = Skips::default();
            skips.note(format!("a.jsonl:{record}: no text"));
            told.skipped(skips);
            told.observe(&Progress { stage: Stage::Read, done: record, total: None });
        }
        told.tell_skips();
        drop(told);
        let mut all = Skips::default();
        let mut count = 0;
        for message in messages.try_iter() {
            if let Message::Skipped(skips) = message {
                all.absorb(skips);
                count += 1;
            }
        }
        assert_eq!((all.count(), all.latest().next()), (5_000, Some("a.jsonl:4999: no text")));
        assert!(count < 2_500, "{count} messages");
    }
}
