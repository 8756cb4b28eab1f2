//! How does a line get to the disk without anybody waiting for it?
//!
//! Redaction happens where the question is; the finished line goes through a bounded queue to one thread that writes. A
//! full disk or a full queue loses lines, counts them, and fails nothing.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use clinqa_schema::{Gaps, Reply};
use clinqa_server::{Kept, QueryLog};

use super::files::{Day, Folder, hour};
use super::line;

/// Lines that may wait for a slow disk.
const QUEUE: usize = 1024;

/// A line is given to the system at once, so that a crash of ours loses none, and forced to the disk at most this much
/// later, so that a power cut loses little.
const SYNC: Duration = Duration::from_mins(1);

/// Keeps questions in a folder.
#[derive(Debug)]
pub(crate) struct Writer {
    folder: Folder,
    lines: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to keep questions in `folder`, each for `days` days: older files go now and at every midnight.
    pub(crate) fn start(folder: Folder, days: u32) -> io::Result<Self> {
        folder.make()?;
        expire(&folder, days, Day::of(SystemTime::now()))?;
        // What cannot be written is said now, not at the first question.
        folder.append(Day::of(SystemTime::now()))?;
        let (lines, received) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let own = folder.clone();
        let run = move || write(&folder, days, &received, &counted);
        let thread = std::thread::Builder::new().name("query-log".to_owned()).spawn(run)?;
        Ok(Self { folder: own, lines: Some(lines), lost, thread: Some(thread) })
    }
}

impl QueryLog for Writer {
    fn keep(&self, question: &str, reply: &Reply) -> Kept {
        let (line, redactions) = line(question, reply, hour(SystemTime::now()));
        let sent = serde_json::to_string(&line).ok().and_then(|line| self.lines.as_ref()?.try_send(line).ok());
        if sent.is_none() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Kept { redactions, lost: self.lost.swap(0, Ordering::Relaxed) }
    }

    fn gaps(&self) -> io::Result<Gaps> {
        super::gaps(&self.folder)
    }
}

impl Drop for Writer {
    /// Waits until everything that was kept is written.
    fn drop(&mut self) {
        self.lines = None;
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

fn write(folder: &Folder, days: u32, lines: &Receiver<String>, lost: &AtomicU64) {
    let mut open: Option<Open> = None;
    let mut today = Day::of(SystemTime::now());
    loop {
        let line = lines.recv_timeout(SYNC);
        let now = Day::of(SystemTime::now());
        if now != today {
            today = now;
            // A folder that cannot be read now is tried again at the next midnight and at the next start.
            let _ = expire(folder, days, today);
        }
        match line {
            Ok(line) => {
                if append(folder, &mut open, today, &line).is_err() {
                    open = None;
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(open) = open.as_mut().filter(|open| open.dirty && open.synced.elapsed() >= SYNC) {
            sync(open);
        }
    }
    open.as_mut().iter_mut().for_each(|open| sync(open));
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
