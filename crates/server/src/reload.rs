//! Is there a newer index, are documents withdrawn, or are there newer keys?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use clinqa_qa::{GenerationId, WithdrawnStamp};

use crate::app::App;
use crate::listen::SecretSource;
use crate::standing::Health;
use crate::tls::Certificate;

/// Between two looks at the folder: what is withdrawn is gone from answers within a second.
const EVERY: Duration = Duration::from_millis(500);

/// Before a generation that could not be opened is tried again; twice as long after each try. What is wrong may lie
/// elsewhere: in the list of withdrawn documents, or in too many open files.
const FIRST_PAUSE: Duration = Duration::from_mins(1);

/// No pause is longer: each try reads every byte of the index.
const LONGEST_PAUSE: Duration = Duration::from_mins(16);

/// What somebody wants looked at now.
pub(crate) enum Nudge {
    /// Everything: index, keys and certificate.
    Everything,
    /// The index; whoever waits is told when it was looked at.
    Index(SyncSender<()>),
    /// Nothing any more.
    End,
}

/// What looks after the index, the keys and the certificate.
pub(crate) struct Keeper {
    app: Arc<App>,
    certificate: Option<Arc<Certificate>>,
    secrets: Box<dyn SecretSource>,
    troubles: Troubles,
}

impl Keeper {
    /// One that has looked at nothing yet; `unusable` is the current generation if it could not be opened.
    pub(crate) fn new(
        app: Arc<App>,
        certificate: Option<Arc<Certificate>>,
        secrets: Box<dyn SecretSource>,
        unusable: Option<GenerationId>,
    ) -> Self {
        let mut troubles = Troubles::default();
        if let Some(current) = unusable {
            troubles.cannot_open(current, Instant::now());
        }
        Self { app, certificate, secrets, troubles }
    }

    /// Looks twice a second and at each nudge, until it is told to end. It blocks, and checking an index takes a while:
    /// it has a thread of its own.
    pub(crate) fn keep(mut self, nudges: &Receiver<Nudge>) {
        loop {
            match nudges.recv_timeout(EVERY) {
                Ok(Nudge::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Nudge::Everything) => {
                    self.read_secrets();
                    self.troubles.unusable = None;
                    self.look_contained();
                }
                Ok(Nudge::Index(told)) => {
                    self.troubles.unusable = None;
                    self.look_contained();
                    // Whoever waited too long is gone.
                    let _ = told.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.look_contained(),
            }
        }
    }

    /// Whatever an index does to us when it is opened, the next one is looked at all the same.
    fn look_contained(&mut self) {
        if catch_unwind(AssertUnwindSafe(|| self.look())).is_err() {
            if let Ok(Some(current)) = self.app.library.current() {
                self.troubles.cannot_open(current, Instant::now());
            }
            self.app.set_degraded(true);
        }
    }

    /// Hides what is withdrawn, and opens what is current in the folder, if it is not what serves.
    fn look(&mut self) {
        self.obey_withdrawals();
        let serving = self.app.engine().index().manifest().id.clone();
        let current = match self.app.library.current() {
            Ok(Some(current)) if current == serving => {
                self.settle();
                return;
            }
            Ok(Some(current)) => current,
            Ok(None) | Err(_) => {
                self.worry("the index folder names no generation; run `clinqa rebuild`");
                return;
            }
        };
        if self.troubles.leaves_alone(&current, Instant::now()) {
            return;
        }
        let withdrawn = self.app.library.withdrawn_stamp();
        match self.app.library.open() {
            Ok(engine) => {
                self.troubles.list_was_read(withdrawn, true, Instant::now());
                let generation = engine.index().manifest().id.to_string();
                self.app.replace(engine);
                tracing::info!(generation, "index replaced");
                self.settle();
            }
            Err(error) => {
                tracing::error!(%error, generation = %current, serving = %serving, "cannot use the current index");
                self.troubles.cannot_open(current, Instant::now());
                self.app.set_degraded(true);
            }
        }
    }

    /// Lets the serving engine obey the list of withdrawn documents, if that changed or could not be read. A list that
    /// cannot be read leaves the old one in force, and the server says that it is degraded.
    fn obey_withdrawals(&mut self) {
        let stamp = self.app.library.withdrawn_stamp();
        if !self.troubles.wants_list(stamp, Instant::now()) {
            return;
        }
        let list = self.app.library.withdrawn();
        self.troubles.list_was_read(stamp, list.is_ok(), Instant::now());
        match list {
            Ok(withdrawn) => {
                self.app.replace(self.app.engine().without(&withdrawn));
                tracing::info!(documents = withdrawn.entries().len(), "withdrawn documents are hidden");
            }
            Err(error) => tracing::error!(%error, "the list of withdrawn documents as it was before stays in force"),
        }
    }

    /// The current index serves.
    fn settle(&mut self) {
        self.troubles.unusable = None;
        self.app.set_degraded(self.troubles.distrusted.is_some());
    }

    /// Tells once what has to be mended.
    fn worry(&self, what: &'static str) {
        if self.app.standing.health() != Health::Degraded {
            tracing::error!("{what}");
        }
        self.app.set_degraded(true);
    }

    /// Takes new keys and a new certificate; what cannot be used leaves the old ones in force.
    fn read_secrets(&self) {
        let secrets = match self.secrets.read() {
            Ok(secrets) => secrets,
            Err(error) => {
                tracing::error!(error, "cannot read the keys or the certificate again; the old ones stay");
                return;
            }
        };
        self.app.gate.replace_keys(secrets.keys);
        if let (Some(certificate), Some(pem)) = (&self.certificate, &secrets.tls)
            && let Err(error) = certificate.replace(pem)
        {
            tracing::error!(%error, "the old certificate stays");
        }
    }
}

/// What could not be used when it was looked at last, and when it is tried again (pure).
#[derive(Debug, Default)]
struct Troubles {
    /// The generation that could not be opened, so that it is not tried at each look.
    unusable: Option<Unusable>,
    /// The list of withdrawn documents as it was looked at last.
    withdrawn: WithdrawnStamp,
    /// When that list is read again, if it could not be read, so that the one before it is in force.
    distrusted: Option<Instant>,
}

/// A generation that could not be opened.
#[derive(Debug)]
struct Unusable {
    generation: GenerationId,
    pause: Duration,
    again: Instant,
}

impl Troubles {
    /// Notes that `current` could not be opened.
    fn cannot_open(&mut self, current: GenerationId, now: Instant) {
        let pause = match self.unusable.take() {
            Some(last) if last.generation == current => (last.pause * 2).min(LONGEST_PAUSE),
            Some(_) | None => FIRST_PAUSE,
        };
        self.unusable = Some(Unusable { generation: current, pause, again: now + pause });
    }

    /// Whether `current` could not be opened and it is too early to try again.
    fn leaves_alone(&self, current: &GenerationId, now: Instant) -> bool {
        self.unusable.as_ref().is_some_and(|unusable| unusable.generation == *current && now < unusable.again)
    }

    /// Whether the list of withdrawn documents, now of this stamp, is to be read.
    fn wants_list(&self, stamp: WithdrawnStamp, now: Instant) -> bool {
        stamp != self.withdrawn || self.distrusted.is_some_and(|again| again <= now)
    }

    /// Notes that the list was read, or could not be read.
    fn list_was_read(&mut self, stamp: WithdrawnStamp, is_sound: bool, now: Instant) {
        // An index is opened with this list: it may have been all that was wrong.
        if stamp != self.withdrawn || is_sound {
            self.unusable = None;
        }
        self.withdrawn = stamp;
        self.distrusted = (!is_sound).then(|| now + FIRST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use clinqa_qa::Store;

    use super::*;

    fn generation(id: &str) -> GenerationId {
        id.parse().expect("an id")
    }

    #[test]
    fn what_could_not_be_opened_is_tried_again_ever_later_and_another_at_once() {
        let now = Instant::now();
        let (bad, next) = (generation("g000001-0123abcd"), generation("g000002-0123abcd"));
        let mut troubles = Troubles::default();
        assert!(!troubles.leaves_alone(&bad, now));
        for minutes in [1, 2, 4, 8, 16, 16] {
            troubles.cannot_open(bad.clone(), now);
            let pause = Duration::from_mins(minutes);
            assert!(troubles.leaves_alone(&bad, now + pause.saturating_sub(Duration::from_secs(1))), "{minutes}");
            assert!(!troubles.leaves_alone(&bad, now + pause), "{minutes}");
            assert!(!troubles.leaves_alone(&next, now), "{minutes}");
        }
        troubles.cannot_open(next.clone(), now);
        assert!(!troubles.leaves_alone(&next, now + FIRST_PAUSE));
    }

    #[test]
    fn once_the_list_of_withdrawn_documents_changes_or_can_be_read_a_generation_is_tried_again() {
        let folder = std::env::temp_dir().join(format!("clinqa-reload-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        let store = Store::at(&folder);
        let current = generation("g000001-0123abcd");
        let (now, later) = (Instant::now(), Instant::now() + FIRST_PAUSE);
        let mut troubles = Troubles::default();
        assert!(!troubles.wants_list(store.withdrawn_stamp(), now));
        std::fs::write(folder.join("withdrawn"), "spoilt").expect("written");
        let spoilt = store.withdrawn_stamp();
        assert!(troubles.wants_list(spoilt, now));
        troubles.list_was_read(spoilt, false, now);
        troubles.cannot_open(current.clone(), now);
        assert!(troubles.leaves_alone(&current, now) && !troubles.wants_list(spoilt, now));
        // The same list fails again: nothing is new. Then it can be read, as when there are files to open again.
        assert!(troubles.wants_list(spoilt, later));
        troubles.list_was_read(spoilt, false, now);
        assert!(troubles.leaves_alone(&current, now));
        troubles.list_was_read(spoilt, true, now);
        assert!(!troubles.leaves_alone(&current, now) && troubles.distrusted.is_none());
        // It is mended.
        troubles.cannot_open(current.clone(), now);
        std::fs::remove_dir_all(&folder).expect("removed");
        let mended = store.withdrawn_stamp();
        assert!(troubles.wants_list(mended, now));
        troubles.list_was_read(mended, true, now);
        assert!(!troubles.leaves_alone(&current, now));
    }
}
