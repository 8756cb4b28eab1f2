//! Is there a newer index, or are there newer keys?

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use clinqa_qa::GenerationId;

use crate::app::App;
use crate::listen::SecretSource;
use crate::standing::Health;
use crate::tls::Certificate;

/// Between two looks at the folder.
const EVERY: Duration = Duration::from_secs(1);

/// Somebody asked to look now, at everything.
pub(crate) struct Nudge;

/// What looks after the index, the keys and the certificate.
pub(crate) struct Keeper {
    pub(crate) app: Arc<App>,
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) secrets: Box<dyn SecretSource>,
    /// The generation that could not be opened, so that it is not tried each second.
    pub(crate) unusable: Option<GenerationId>,
}

impl Keeper {
    /// Looks each second and at each nudge, until whoever nudges is gone. It blocks, and checking an index takes a while:
    /// it has a thread of its own.
    pub(crate) fn keep(mut self, nudges: &Receiver<Nudge>) {
        loop {
            match nudges.recv_timeout(EVERY) {
                Ok(Nudge) => {
                    // Several are one.
                    while nudges.try_recv().is_ok() {}
                    self.read_secrets();
                    self.unusable = None;
                    self.look();
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Opens what is current in the folder, if it is not what serves.
    fn look(&mut self) {
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
        match self.app.library.open() {
            Ok(engine) => {
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

    /// The current index serves.
    fn settle(&mut self) {
        self.unusable = None;
        self.app.set_degraded(false);
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
