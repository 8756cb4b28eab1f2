//! From the first look at the index until the last reply is written.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use clinqa_qa::Library;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accept::{Entry, Hall};
use crate::app::App;
use crate::config::ServerConfig;
use crate::door::Door;
use crate::error::ServerError;
use crate::harden::harden;
use crate::reload::{Keeper, Nudge};
use crate::tls::{Certificate, Secrets};
use crate::{logs, routes};

/// Threads that speak to clients; they never compute.
const SPEAKERS: usize = 2;

/// Where keys and certificate are read, now and again on SIGHUP.
pub trait SecretSource: Send {
    /// Reads them; the error is told to the operator.
    fn read(&self) -> Result<Secrets, String>;
}

/// Serves `library` until SIGINT or SIGTERM; `ready` is told the address that was taken.
///
/// Where the current index is damaged, the one before serves, and whoever asks for readiness is told.
pub fn serve(
    config: ServerConfig,
    library: Library,
    secrets: Box<dyn SecretSource>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServerError> {
    harden();
    logs::begin(config.log);
    let read = secrets.read().map_err(|reason| ServerError::Secrets { reason })?;
    let certificate = read.tls.as_ref().map(Certificate::new).transpose()?.map(Arc::new);
    let (engine, damage) = library.open_or_previous()?;
    let unusable = if let Some(error) = &damage {
        let serving = engine.index().manifest().id.to_string();
        tracing::error!(%error, serving, "the current index cannot be used; the one before serves");
        library.current().ok().flatten()
    } else {
        None
    };
    let address = config.listen;
    let (nudge, nudges) = mpsc::channel();
    let app = Arc::new(App::new(config, library, (engine, nudge), read.keys)?);
    logs::watch_panics(Arc::clone(&app.metrics));
    app.set_degraded(damage.is_some());
    let keeper = Keeper::new(Arc::clone(&app), certificate.clone(), secrets, unusable);
    let started = |source| ServerError::Runtime { source };
    std::thread::Builder::new()
        .name("clinqa-keeper".to_owned())
        .spawn(move || keeper.keep(&nudges))
        .map_err(started)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(SPEAKERS).enable_all().build().map_err(started)?;
    let served = runtime.block_on(async {
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let taken = listener.local_addr().map_err(failed)?;
        let (order, stop) = watch::channel(false);
        let door = Door {
            router: routes::router(&app),
            metrics: Arc::clone(&app.metrics),
            standing: Arc::clone(&app.standing),
            patience: app.config.request_timeout,
            region: app.config.region,
        };
        let hall = Hall::new(door, &app.config, Entry { certificate, stop }).await;
        tokio::spawn(heed(Arc::clone(&app), order));
        tracing::info!(address = %taken, "listening");
        ready(taken);
        hall.receive(listener).await;
        tracing::info!("stopped");
        Ok(())
    });
    // A question that is still being worked on has nobody left to answer to.
    runtime.shutdown_background();
    served
}

/// Passes on what the operator says by signals.
async fn heed(app: Arc<App>, order: watch::Sender<bool>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Without a handler the signal ends the process by itself, so a failure to install one is no loss.
        let hang_up = signal(SignalKind::hangup());
        let (Ok(mut hang_up), Ok(mut terminate)) = (hang_up, signal(SignalKind::terminate())) else { return };
        loop {
            tokio::select! {
                _ = hang_up.recv() => {
                    tracing::info!("reading index, keys and certificate again");
                    app.nudge(Nudge::Everything);
                }
                _ = terminate.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
    tracing::info!("stopping");
    app.standing.stop();
    let _ = order.send(true);
    // Whoever listens for the order needs the sender until the end.
    order.closed().await;
    app.nudge(Nudge::End);
}
