//! Is there a newer index, are documents withdrawn, or are there newer keys?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use clinqa_qa::{GenerationId, WithdrawnStamp};

use crate::app::App;
use crate::listen::SecretSource;
use crate::standing::Health;
use crate::tls::Certificate;

/// Between two looks at the folder: what is withdrawn is gone from answers within a second.
const EVERY: Duration = Duration::from_millis(500);

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
    /// The generation that could not be opened, so that it is not tried at each look.
    unusable: Option<GenerationId>,
    /// The list of withdrawn documents as it was looked at last.
    withdrawn: WithdrawnStamp,
    /// Whether that list could not be read, so that the one before it is in force.
    distrusted: bool,
}

impl Keeper {
    /// One that has looked at nothing yet; `unusable` is the current generation if it could not be opened.
    pub(crate) fn new(
        app: Arc<App>,
        certificate: Option<Arc<Certificate>>,
        secrets: Box<dyn SecretSource>,
        unusable: Option<GenerationId>,
    ) -> Self {
        Self { app, certificate, secrets, unusable, withdrawn: WithdrawnStamp::default(), distrusted: false }
    }

    /// Looks twice a second and at each nudge, until it is told to end. It blocks, and checking an index takes a while:
    /// it has a thread of its own.
    pub(crate) fn keep(mut self, nudges: &Receiver<Nudge>) {
        loop {
            match nudges.recv_timeout(EVERY) {
                Ok(Nudge::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Nudge::Everything) => {
                    self.read_secrets();
                    self.unusable = None;
                    self.look_contained();
                }
                Ok(Nudge::Index(told)) => {
                    self.unusable = None;
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
            self.unusable = self.app.library.current().ok().flatten();
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
        if self.unusable.as_ref() == Some(&current) {
            return;
        }
        let withdrawn = self.app.library.withdrawn_stamp();
        match self.app.library.open() {
            Ok(engine) => {
                self.withdrawn = withdrawn;
                let generation = engine.index().manifest().id.to_string();
                self.app.replace(engine);
                tracing::info!(generation, "index replaced");
                self.settle();
            }
            Err(error) => {
                tracing::error!(%error, generation = %current, serving = %serving, "cannot use the current index");
                self.unusable = Some(current);
                self.app.set_degraded(true);
            }
        }
    }

    /// Lets the serving engine obey the list of withdrawn documents, if that changed. A list that cannot be read leaves
    /// the old one in force, and the server says that it is degraded.
    fn obey_withdrawals(&mut self) {
        let stamp = self.app.library.withdrawn_stamp();
        if stamp == self.withdrawn {
            return;
        }
        self.withdrawn = stamp;
        let list = self.app.library.withdrawn();
        self.distrusted = list.is_err();
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
        self.unusable = None;
        self.app.set_degraded(self.distrusted);
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
