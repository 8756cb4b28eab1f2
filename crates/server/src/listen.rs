//! From a socket to the router and back, until the server is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use clinqa_qa::Library;
use tokio::net::TcpListener;

use crate::app::App;
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::routes;

/// Serves `library` until SIGINT or SIGTERM; `ready` is told the address that was taken.
pub fn serve(config: ServerConfig, library: Library, ready: impl FnOnce(SocketAddr)) -> Result<(), ServerError> {
    let engine = library.open()?;
    let address = config.listen;
    let app = Arc::new(App::new(config, library, engine));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| ServerError::Runtime { source })?;
    runtime.block_on(async {
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        ready(listener.local_addr().map_err(failed)?);
        let router = routes::router(app);
        axum::serve(listener, router).with_graceful_shutdown(stop()).await.map_err(failed)
    })
}

async fn stop() {
    // Without a handler the signal ends the process by itself, so a failure to install one is no loss.
    let _ = tokio::signal::ctrl_c().await;
}
