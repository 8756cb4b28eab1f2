//! How does a line get to the disk without anybody waiting for it?
//!
//! A question goes through a bounded queue to one thread that redacts and writes, since a tagger takes longer than whoever
//! asked should wait. A full disk, a full queue or a tagger that fails loses lines, counts them, and fails nothing: no
//! question is written of which it is not known what must be left out.

use std::fs::File;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use clinqa_schema::{Gaps, Reply};
use clinqa_server::{Kept, QueryLog};

use super::files::{Day, Folder, hour};
use super::{Asked, Counts, about};
use crate::identifiers::Identifiers;

/// Questions that may wait for a slow disk or a slow tagger.
const QUEUE: usize = 1024;

/// A line is given to the system at once, so that a crash of ours loses none, and forced to the disk at most this much
/// later, so that a power cut loses little.
const SYNC: Duration = Duration::from_mins(1);

/// Keeps questions in a folder.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: Folder,
    asked: Option<SyncSender<Asked>>,
    tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

/// What was counted since somebody last asked.
#[derive(Debug, Default)]
struct Tally {
    redacted: Mutex<Counts>,
    lost: AtomicU64,
}

impl Tally {
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn redacted(&self, counts: Counts) {
        let mut all = self.redacted.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, count) in counts {
            *all.entry(kind).or_default() += count;
        }
    }

    fn take(&self) -> Kept {
        let redacted = std::mem::take(&mut *self.redacted.lock().unwrap_or_else(PoisonError::into_inner));
        Kept { redactions: redacted.into_iter().collect(), lost: self.lost.swap(0, Ordering::Relaxed) }
    }
}

impl Writer {
    /// Begins to keep questions in `folder`, each for `days` days: older files go now and at every midnight. What
    /// `identifiers` finds is left out beside what the rules find.
    pub(crate) fn start(folder: Folder, days: u32, identifiers: Option<Identifiers>) -> io::Result<Self> {
        folder.make()?;
        expire(&folder, days, Day::of(SystemTime::now()))?;
        // What cannot be written is said now, not at the first question.
        folder.append(Day::of(SystemTime::now()))?;
        let (asked, received) = sync_channel(QUEUE);
        let tally = Arc::new(Tally::default());
        let clerk = Clerk { folder: folder.clone(), days, identifiers, tally: Arc::clone(&tally) };
        let thread = std::thread::Builder::new().name("query-log".to_owned()).spawn(move || clerk.write(&received))?;
        Ok(Self { folder, asked: Some(asked), tally, thread: Some(thread) })
    }
}

impl QueryLog for Writer {
    fn keep(&self, question: &str, reply: &Reply) {
        let asked = Asked { question: question.to_owned(), line: about(reply, hour(SystemTime::now())) };
        if self.asked.as_ref().is_none_or(|queue| queue.try_send(asked).is_err()) {
            self.tally.lose();
        }
    }

    fn counted(&self) -> Kept {
        self.tally.take()
    }

    fn gaps(&self) -> io::Result<Gaps> {
        super::gaps(&self.folder)
    }
}

impl Drop for Writer {
    /// Waits until everything that was kept is written.
    fn drop(&mut self) {
        self.asked = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Files of days before the last `days` go.
fn expire(folder: &Folder, days: u32, today: Day) -> io::Result<usize> {
    folder.delete(|day| day <= today.back(days))
}

/// The file that is written to.
struct Open {
    day: Day,
    file: File,
    synced: Instant,
    dirty: bool,
}

/// Who redacts and writes.
struct Clerk {
    folder: Folder,
    days: u32,
    identifiers: Option<Identifiers>,
    tally: Arc<Tally>,
}

impl Clerk {
    fn write(&self, waiting: &Receiver<Asked>) {
        let mut open: Option<Open> = None;
        let mut today = Day::of(SystemTime::now());
        loop {
            let asked = waiting.recv_timeout(SYNC);
            let now = Day::of(SystemTime::now());
            if now != today {
                today = now;
                // A folder that cannot be read now is tried again at the next midnight and at the next start.
                let _ = expire(&self.folder, self.days, today);
            }
            match asked {
                Ok(asked) => match self.line(asked).map(|line| append(&self.folder, &mut open, today, &line)) {
                    Some(Ok(())) => {}
                    Some(Err(_)) => {
                        open = None;
                        self.tally.lose();
                    }
                    None => self.tally.lose(),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some(open) = open.as_mut().filter(|open| open.dirty && open.synced.elapsed() >= SYNC) {
                sync(open);
            }
        }
        open.as_mut().iter_mut().for_each(|open| sync(open));
    }

    /// A question as it is written; none if it cannot be redacted.
    fn line(&self, asked: Asked) -> Option<String> {
        // Rules and tagger are never written to, so that a panic leaves them as they were.
        let redacted = catch_unwind(AssertUnwindSafe(|| asked.redacted(self.identifiers.as_ref())));
        let (line, counts) = redacted.ok()?.ok()?;
        self.tally.redacted(counts);
        serde_json::to_string(&line).ok()
    }
}

fn sync(open: &mut Open) {
    // A disk that refuses now is asked again a minute later.
    open.dirty = open.file.sync_data().is_err();
    open.synced = Instant::now();
}

/// Writes one line, whole or not at all.
fn append(folder: &Folder, open: &mut Option<Open>, today: Day, line: &str) -> io::Result<()> {
    if open.as_ref().is_none_or(|open| open.day != today || is_gone(&open.file)) {
        if let Some(old) = open {
            sync(old);
        }
        *open = Some(Open { day: today, file: folder.append(today)?, synced: Instant::now(), dirty: false });
    }
    let Some(open) = open else { return Ok(()) };
    let length = open.file.metadata()?.len();
    let written = open.file.write_all(format!("{line}\n").as_bytes());
    if written.is_err() {
        // Half a line would spoil the next one.
        open.file.set_len(length)?;
    }
    open.dirty = true;
    written
}

/// Whether the file was deleted by `clinqa queries delete` while it is open here.
fn is_gone(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        file.metadata().is_ok_and(|found| found.nlink() == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}
