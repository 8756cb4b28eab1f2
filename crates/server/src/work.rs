//! Which job runs now, which waits, and which is refused?
//!
//! A fixed number of threads takes jobs from a bounded queue. A job is let in only if its wait is short enough to be
//! worth it, judged by how long jobs have taken lately; one whose client gave up, or whose time is over, is not run.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{ApiError, ServerError};

/// What a job is taken to need before any has run, in seconds.
const FIRST_GUESS: f64 = 0.2;

/// How much the last job counts in the mean.
const FRESHNESS: f64 = 0.1;

/// How much may be worked on, and how much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// Jobs at once.
    pub(crate) workers: usize,
    /// Jobs that may wait.
    pub(crate) queue: usize,
    /// Longest wait that a job is let in for.
    pub(crate) wait: Duration,
}

/// Threads, and the queue before them.
pub(crate) struct Work {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: Capacity,
    queue: Mutex<Queue>,
    filled: Condvar,
}

struct Queue {
    waiting: VecDeque<Box<dyn Job>>,
    running: usize,
    /// Mean of the time that jobs take lately, in seconds.
    mean: f64,
    closed: bool,
}

/// Something to be done for somebody who may stop waiting.
trait Job: Send {
    /// Whether somebody waits who would still be served in time, at `now` and if the job needs `least`.
    fn is_wanted(&self, now: Instant, least: Duration) -> bool;
    fn run(self: Box<Self>);
}

struct Task<F, T> {
    job: F,
    deadline: Instant,
    reply: oneshot::Sender<Result<T, ApiError>>,
}

impl<T: Send, F: FnOnce() -> T + Send> Job for Task<F, T> {
    fn is_wanted(&self, now: Instant, least: Duration) -> bool {
        !self.reply.is_closed() && now + least <= self.deadline
    }

    fn run(self: Box<Self>) {
        let Self { job, reply, .. } = *self;
        // A job owns what it works on, or shares what a panic cannot leave half-changed: engines are never written to.
        let done = catch_unwind(AssertUnwindSafe(job)).map_err(|_| ApiError::Internal);
        // Whoever stopped waiting meanwhile needs no result.
        let _ = reply.send(done);
    }
}

impl Work {
    /// Starts the threads.
    pub(crate) fn start(capacity: Capacity) -> Result<Self, ServerError> {
        let queue = Queue { waiting: VecDeque::new(), running: 0, mean: FIRST_GUESS, closed: false };
        let shared = Arc::new(Shared { capacity, queue: Mutex::new(queue), filled: Condvar::new() });
        for at in 0..capacity.workers.max(1) {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("clinqa-work-{at}"));
            thread.spawn(move || shared.work()).map_err(|source| ServerError::Runtime { source })?;
        }
        Ok(Self { shared })
    }

    /// Runs `job` as soon as a worker is free, or refuses it at once.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (reply, done) = oneshot::channel();
        self.shared.admit(Box::new(Task { job, deadline, reply }))?;
        // A job that is dropped instead of run would have come too late.
        done.await.unwrap_or(Err(ApiError::TimedOut))
    }

    /// Jobs that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lock().waiting.len()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, job: Box<dyn Job>) -> Result<(), ApiError> {
        let mut queue = self.lock();
        if !queue.has_room(self.capacity) {
            // Those who gave up are no reason to refuse anybody.
            let (now, least) = (Instant::now(), queue.mean() / 2);
            queue.waiting.retain(|job| job.is_wanted(now, least));
            if !queue.has_room(self.capacity) {
                return Err(ApiError::Busy);
            }
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// The life of one thread.
    fn work(&self) {
        while let Some(job) = self.next() {
            let start = Instant::now();
            job.run();
            let took = start.elapsed().as_secs_f64();
            let mut queue = self.lock();
            queue.running -= 1;
            queue.mean += FRESHNESS * (took - queue.mean);
        }
    }

    /// The next job that somebody still wants; `None` at the end.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            let Some(job) = queue.waiting.pop_front() else {
                queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            // Where nothing else is to be done a job is tried, however slow jobs were: only one that runs can show that
            // they are quick again.
            let is_idle = queue.running == 0 && queue.waiting.is_empty();
            let least = if is_idle { Duration::ZERO } else { queue.mean() / 2 };
            if job.is_wanted(Instant::now(), least) {
                queue.running += 1;
                return Some(job);
            }
        }
    }
}

impl Queue {
    fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.mean.clamp(0.0, 60.0))
    }

    /// Whether one more may come: a worker is free, or the wait for one is short. Where jobs are slower than the wait
    /// that is allowed, one may wait all the same, or workers would idle between two jobs.
    fn has_room(&self, capacity: Capacity) -> bool {
        let ahead = self.waiting.len() + self.running;
        if ahead < capacity.workers {
            return true;
        }
        let wait = (ahead - capacity.workers) as f64 + 0.5;
        let expected = wait * self.mean / capacity.workers as f64;
        self.waiting.len() < capacity.queue && expected <= capacity.wait.as_secs_f64().max(self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const ONE: Capacity = Capacity { workers: 1, queue: 2, wait: Duration::from_secs(10) };

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
    }

    /// Keeps the only worker busy until the sender is dropped; the receiver tells when it began.
    fn occupy(work: &Work) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let (reply, _gone) = oneshot::channel();
        let job = move || {
            begun.send(()).expect("somebody waits");
            let _ = held.recv();
        };
        work.shared.admit(Box::new(Task { job, deadline: soon(), reply })).expect("room");
        // The reply's receiver must live until the job began, or nobody would want it.
        begins.recv().expect("it begins");
        release
    }

    #[test]
    fn a_panic_in_a_job_is_one_error_and_the_next_job_runs() {
        let work = Work::start(ONE).expect("threads");
        block_on(async {
            let panicked = work.run(soon(), || assert!(soon() < Instant::now(), "planted")).await;
            assert!(matches!(panicked, Err(ApiError::Internal)));
            assert_eq!(work.run(soon(), || 7).await.ok(), Some(7));
        });
    }

    #[test]
    fn one_more_than_may_wait_is_refused_at_once() {
        let work = Work::start(ONE).expect("threads");
        let release = occupy(&work);
        block_on(async {
            let first = work.run(soon(), || 1);
            let second = work.run(soon(), || 2);
            let third = async {
                tokio::task::yield_now().await;
                let start = Instant::now();
                let refused = work.run(soon(), || 3).await;
                assert!(matches!(refused, Err(ApiError::Busy)));
                assert!(start.elapsed() < Duration::from_millis(20));
                drop(release);
            };
            let (first, second, ()) = tokio::join!(first, second, third);
            assert_eq!((first.ok(), second.ok()), (Some(1), Some(2)));
        });
    }

    #[test]
    fn a_job_that_nobody_waits_for_any_more_is_not_run() {
        let work = Work::start(ONE).expect("threads");
        let release = occupy(&work);
        let (ran, runs) = mpsc::channel();
        block_on(async {
            let job = {
                let ran = ran.clone();
                move || ran.send("abandoned")
            };
            let gave_up = tokio::time::timeout(Duration::from_millis(20), work.run(soon(), job)).await;
            assert!(gave_up.is_err());
            let late = {
                let ran = ran.clone();
                move || ran.send("late")
            };
            let late = work.run(Instant::now(), late);
            let wanted = work.run(soon(), move || ran.send("wanted"));
            let release = async { drop(release) };
            let (late, wanted, ()) = tokio::join!(late, wanted, release);
            assert!(matches!(late, Err(ApiError::TimedOut)));
            assert!(wanted.is_ok());
        });
        assert_eq!(runs.iter().collect::<Vec<_>>(), ["wanted"]);
    }

    #[test]
    fn slow_jobs_of_the_past_do_not_shut_out_all_others() {
        let work = Work::start(ONE).expect("threads");
        work.shared.lock().mean = 60.0;
        let in_five = Instant::now() + Duration::from_secs(5);
        assert_eq!(block_on(work.run(in_five, || 7)).ok(), Some(7));
        // The reply may be there a moment before what it took is counted.
        let is_counted = || work.shared.lock().mean < 60.0;
        let until = Instant::now() + Duration::from_secs(5);
        while !is_counted() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(is_counted());
    }

    #[test]
    fn the_wait_that_is_to_be_expected_decides_who_is_let_in() {
        let check = |waiting: usize, mean: f64, expected: bool| {
            let mut queue = Queue { waiting: VecDeque::new(), running: 2, mean, closed: false };
            for _ in 0..waiting {
                let (reply, _) = oneshot::channel();
                queue.waiting.push_back(Box::new(Task { job: || (), deadline: soon(), reply }));
            }
            let capacity = Capacity { workers: 2, queue: 8, wait: Duration::from_millis(600) };
            assert_eq!(queue.has_room(capacity), expected, "{waiting} waiting, {mean} s each");
        };
        check(0, 0.2, true);
        check(5, 0.2, true);
        check(6, 0.2, false);
        check(1, 2.0, true);
        check(2, 2.0, false);
        check(7, 0.001, true);
        check(8, 0.001, false);
    }
}
