//! How is a rebuild on another machine followed until it ends?

use std::time::{Duration, Instant};

use clinqa_fetch::ClientError;
use clinqa_schema::{Observer, Progress};
use clinqa_tui::DeskError;

use super::remote::administrator;
use super::wire::{Rebuild, RebuildState};

/// How often a server is asked.
pub(super) struct Rhythm {
    /// Between two looks.
    pub(super) every: Duration,
    /// The same while nobody answers.
    pub(super) again: Duration,
    /// How long that may last.
    pub(super) patience: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { every: Duration::from_millis(250), again: Duration::from_secs(1), patience: Duration::from_mins(5) }
    }
}

/// Looks time and again at the rebuild that `begun` told of, tells `observer`, and says at the end what came of it. A
/// connection that is lost does not end a rebuild; it is looked for again.
pub(super) fn follow(
    begun: Rebuild,
    ask: impl Fn() -> Result<Rebuild, ClientError>,
    rhythm: &Rhythm,
    observer: &mut dyn Observer,
) -> Result<String, DeskError> {
    let (mut rebuild, mut skipped, mut answered) = (begun, 0, Instant::now());
    loop {
        let skips = rebuild.skips();
        let met = skips.since(skipped);
        skipped = skips.count();
        if !met.is_empty() {
            observer.skipped(met);
        }
        if let Some(progress) = &rebuild.progress {
            let taken = Duration::try_from_secs_f64(progress.seconds).unwrap_or_default();
            let progress = Progress { stage: progress.stage, done: progress.done, total: progress.total };
            observer.observe_after(&progress, taken);
        }
        match rebuild.state {
            RebuildState::Running => {}
            RebuildState::Done => return Ok(rebuild.summary.unwrap_or_default()),
            RebuildState::Failed => return Err(DeskError::failed(rebuild.error.unwrap_or_default())),
            RebuildState::Idle => {
                return Err(DeskError::failed(
                    "the server was started anew, which ended the rebuild; begin another one",
                ));
            }
        }
        let mut pause = rhythm.every;
        rebuild = loop {
            std::thread::sleep(pause);
            let passing = answered.elapsed() < rhythm.patience;
            match ask() {
                Ok(rebuild) => break rebuild,
                Err(ClientError::Lost { .. }) if passing => pause = rhythm.again,
                Err(ClientError::Busy { after, .. }) if passing => pause = after.min(rhythm.again),
                Err(error @ ClientError::Lost { .. }) => {
                    return Err(DeskError::failed(format!(
                        "{error}; the rebuild may go on there: begin it again to see"
                    )));
                }
                Err(error) => return Err(administrator(error)),
            }
        };
        answered = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use clinqa_schema::{Skips, Stage};
    use serde_json::{Value, json};

    use super::*;

    const AT_ONCE: Rhythm = Rhythm { every: Duration::ZERO, again: Duration::ZERO, patience: Duration::from_mins(1) };

    #[derive(Default)]
    struct Seen {
        skips: Skips,
        reports: Vec<(Stage, u64, u64)>,
    }

    impl Observer for Seen {
        fn observe(&mut self, _: &Progress) {
            panic!("how long the stage has taken is known");
        }

        fn observe_after(&mut self, progress: &Progress, taken: Duration) {
            self.reports.push((progress.stage, progress.done, taken.as_secs()));
        }

        fn skipped(&mut self, skips: Skips) {
            self.skips.absorb(skips);
        }
    }

    fn rebuild(state: &str, skipped: u64, more: &Value) -> Rebuild {
        let latest: Vec<String> = (0..skipped).rev().take(Skips::NAMED).map(|record| record.to_string()).collect();
        let mut whole = json!({"state": state, "skipped": {"count": skipped, "latest": latest}});
        whole.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value(whole).expect("a rebuild")
    }

    fn lost() -> ClientError {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let config = clinqa_fetch::ClientConfig { address, key: None, authorities: None };
        clinqa_fetch::Client::new(&config).expect("a client").get::<Value>("/").expect_err("nobody is there")
    }

    fn followed(replies: Vec<Result<Rebuild, ClientError>>, rhythm: &Rhythm) -> (Result<String, String>, Seen) {
        let mut seen = Seen::default();
        let replies = RefCell::new(replies.into_iter());
        let ask = || replies.borrow_mut().next().expect("it ends before");
        let begun = rebuild("running", 2, &json!({}));
        (follow(begun, ask, rhythm, &mut seen).map_err(|error| error.to_string()), seen)
    }

    #[test]
    fn it_is_followed_to_its_end_through_a_lost_connection_and_each_skip_is_told_once() {
        let at = |done: u64, skipped| {
            let progress = json!({"stage": "encode", "done": done, "total": 9, "seconds": done as f64 + 0.5});
            Ok(rebuild("running", skipped, &json!({"progress": progress})))
        };
        let busy = Err(ClientError::Busy { host: "a".into(), after: Duration::from_secs(9) });
        let done = Ok(rebuild("done", 400, &json!({"summary": "Published."})));
        let (result, seen) = followed(vec![at(1, 2), Err(lost()), busy, at(7, 5), at(7, 5), done], &AT_ONCE);
        assert_eq!(result.as_deref(), Ok("Published."));
        assert_eq!(seen.reports, [(Stage::Encode, 1, 1), (Stage::Encode, 7, 7), (Stage::Encode, 7, 7)]);
        assert_eq!((seen.skips.count(), seen.skips.latest().next()), (400, Some("399")));
        assert_eq!(seen.skips.latest().count(), Skips::NAMED);
    }

    #[test]
    fn whatever_ends_it_is_told_in_a_sentence() {
        let check = |reply: Result<Rebuild, ClientError>, expected: &str| {
            let (result, _) = followed(vec![reply], &Rhythm { patience: Duration::ZERO, ..AT_ONCE });
            let error = result.expect_err("no summary");
            assert!(error.contains(expected), "{error}");
        };
        check(Ok(rebuild("failed", 2, &json!({"error": "no corpus"}))), "no corpus");
        check(Ok(rebuild("idle", 0, &json!({}))), "started anew");
        check(Err(lost()), "may go on there");
        let refused = ClientError::Refused { host: "a".into(), status: 403, sentence: "no".into() };
        check(Err(refused), "role admin");
    }
}
