//! Who is let in, and when does everybody have to go?

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Response, header};
use axum::response::IntoResponse;
use clinqa_qa::Region;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::address::Origin;
use crate::config::{Limits, Proxy, ServerConfig};
use crate::door::Door;
use crate::error::ApiError;
use crate::pages::error::page_of;
use crate::tls::Certificate;
use crate::wire::{Exchange, Phase, Refusal, Refusals, Stream, Wire};

/// Connections that are being told that there are too many; beyond them they are closed without a word.
const REFUSED_AT_ONCE: usize = 256;

/// The same over TLS, where telling costs a handshake; each takes a place for so long at least, which makes 80 a second at most.
const SHAKEN_AT_ONCE: usize = 16;
const SHAKEN_FOR: Duration = Duration::from_millis(200);

/// After a failure to accept, which is most often a lack of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the order to stop waits for connections that the system has accepted and we have not seen.
const BACKLOG: Duration = Duration::from_millis(20);

/// For how long connections are still taken in all, where they never cease.
const LAST_CALL: Duration = Duration::from_millis(300);

/// How long a connection without a request may still send one after the order to stop: what is under way is answered.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// Everything that a connection needs.
pub(crate) struct Hall {
    door: Arc<Door>,
    certificate: Option<Arc<Certificate>>,
    limits: Limits,
    places: Arc<Semaphore>,
    refusing: Arc<Semaphore>,
    by_address: Option<Mutex<HashMap<Origin, usize>>>,
    refusals: Arc<Refusals>,
    stop: watch::Receiver<bool>,
}

/// How one gets in, and when nobody does any more.
pub(crate) struct Entry {
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Hall {
    pub(crate) async fn new(door: Door, config: &ServerConfig, entry: Entry) -> Self {
        let Entry { certificate, stop } = entry;
        let limits = config.limits;
        Self {
            door: Arc::new(door),
            places: Arc::new(Semaphore::new(limits.connections)),
            refusing: Arc::new(Semaphore::new(if certificate.is_some() { SHAKEN_AT_ONCE } else { REFUSED_AT_ONCE })),
            by_address: (config.proxy == Proxy::Direct).then(Mutex::default),
            refusals: Arc::new(refusals(config.region).await),
            certificate,
            limits,
            stop,
        }
    }

    /// Lets clients in until the order to stop, then waits for those that are inside, up to the limit.
    pub(crate) async fn receive(self, listener: TcpListener) {
        let hall = Arc::new(self);
        let mut stop = hall.stop.clone();
        let mut stopped = pin!(stopped(&mut stop));
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                accepted = listener.accept() => hall.welcome(accepted).await,
            }
        }
        // Whoever is connected already, as far as they know, is served too.
        let last_call = Instant::now() + LAST_CALL;
        while let Ok(accepted) = timeout(BACKLOG, listener.accept()).await {
            hall.welcome(accepted).await;
            if Instant::now() > last_call {
                break;
            }
        }
        for accepted in last_ones(listener) {
            hall.welcome(accepted).await;
        }
        let everybody = hall.places.acquire_many(hall.limits.connections as u32);
        let _ = timeout(hall.limits.drain, everybody).await;
    }

    async fn welcome(self: &Arc<Self>, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let metrics = &self.door.metrics;
        let Ok((stream, peer)) = accepted else {
            metrics.refused("system");
            tracing::error!("cannot accept connections; raise the limit on open files");
            sleep(PAUSE).await;
            return;
        };
        let _ = stream.set_nodelay(true);
        let peer = peer.ip();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return self.turn_away(stream, "full");
        };
        let Some(guest) = Guest::enter(self, peer, place) else {
            return self.turn_away(stream, "address");
        };
        let hall = Arc::clone(self);
        tokio::spawn(async move {
            hall.attend(stream, peer).await;
            drop(guest);
        });
    }

    /// Says that there are too many, to as many as can be told, and closes.
    fn turn_away(self: &Arc<Self>, stream: TcpStream, reason: &'static str) {
        self.door.metrics.refused(reason);
        tracing::debug!(reason, "connection refused");
        let Ok(place) = Arc::clone(&self.refusing).try_acquire_owned() else { return };
        let hall = Arc::clone(self);
        tokio::spawn(async move {
            let at_least = if hall.certificate.is_some() { SHAKEN_FOR } else { Duration::ZERO };
            let until = Instant::now() + at_least;
            if let Some(stream) = hall.shaken(stream).await {
                let exchange = Arc::new(Exchange::default());
                let mut wire = Wire::new(stream, hall.limits, exchange, Arc::clone(&hall.refusals));
                wire.listen().await;
                wire.refuse(&hall.refusals.busy).await;
                wire.close().await;
            }
            sleep_until(until).await;
            drop(place);
        });
    }

    /// The stream as it is spoken on: TLS, if there is a certificate. `None` if no handshake came about in time.
    async fn shaken(&self, stream: TcpStream) -> Option<Stream> {
        let Some(certificate) = &self.certificate else { return Some(Stream::Plain(stream)) };
        let shaken = timeout(self.limits.handshake, certificate.acceptor().accept(stream)).await;
        Some(Stream::Tls(Box::new(shaken.ok()?.ok()?)))
    }

    /// One connection from its first byte to its last.
    async fn attend(&self, stream: TcpStream, peer: IpAddr) {
        let Some(stream) = self.shaken(stream).await else {
            self.cut("handshake");
            return;
        };
        let exchange = Arc::new(Exchange::default());
        let wire = Wire::new(stream, self.limits, Arc::clone(&exchange), Arc::clone(&self.refusals));
        let (door, told) = (Arc::clone(&self.door), Arc::clone(&exchange));
        let service = service_fn(move |request| Arc::clone(&door).serve(request, peer, Arc::clone(&told)));
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // The wire's clocks are shorter; this one is there in case they fail.
            .header_read_timeout(self.limits.idle + self.limits.head + self.limits.first_byte)
            .max_header_size(self.limits.head_bytes)
            .max_headers(100)
            .writev(false)
            .serve_connection(TokioIo::new(wire), service);
        let mut stop = self.stop.clone();
        let ended = {
            let mut leaving = pin!(leave(&mut stop, &exchange));
            tokio::select! {
                ended = &mut connection => ended,
                () = &mut leaving => {
                    Pin::new(&mut connection).graceful_shutdown();
                    (&mut connection).await
                }
            }
        };
        let mut wire = connection.into_parts().io.into_inner();
        match (ended, wire.phase()) {
            (Ok(()), _) => wire.close().await,
            (Err(error), Phase::Head) if is_late(&error) => {
                self.cut("head");
                wire.refuse(&self.refusals.slow).await;
                wire.close().await;
            }
            (Err(error), phase) if is_late(&error) => self.cut(match phase {
                Phase::New => "first byte",
                Phase::Idle => "idle",
                Phase::Busy | Phase::Head => "reader",
            }),
            // hyper has answered what it could not read.
            (Err(error), _) if error.is_parse() => {
                self.cut("malformed");
                wire.close().await;
            }
            (Err(_), _) => self.cut("broken"),
        }
    }

    fn cut(&self, reason: &'static str) {
        // A connection that was only kept open is no loss.
        if reason != "idle" {
            self.door.metrics.refused(reason);
        }
        tracing::debug!(reason, "connection cut");
    }
}

/// Somebody inside, counted until they leave.
struct Guest {
    hall: Arc<Hall>,
    origin: Origin,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    /// `None` if there are too many from there.
    fn enter(hall: &Arc<Hall>, peer: IpAddr, place: OwnedSemaphorePermit) -> Option<Self> {
        let origin = Origin::from(peer);
        if let Some(by_address) = &hall.by_address {
            let mut by_address = by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let inside = by_address.entry(origin).or_default();
            if *inside >= hall.limits.connections_per_address {
                return None;
            }
            *inside += 1;
        }
        hall.door.metrics.connected(1);
        Some(Self { hall: Arc::clone(hall), origin, _place: place })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.hall.door.metrics.connected(-1);
        if let Some(by_address) = &self.hall.by_address {
            let mut by_address = by_address.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(inside) = by_address.get_mut(&self.origin) {
                *inside -= 1;
                if *inside == 0 {
                    by_address.remove(&self.origin);
                }
            }
        }
    }
}

/// Whether one of our clocks, or hyper's, ran out.
fn is_late(error: &hyper::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let timed_out = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    };
    error.is_timeout() || causes.any(timed_out)
}

/// Empties the queue of the system and closes it with nothing between, since whoever is still in it is reset.
fn last_ones(listener: TcpListener) -> Vec<io::Result<(TcpStream, SocketAddr)>> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let mut waiting = Vec::new();
    while let Ok(accepted) = listener.accept() {
        waiting.push(accepted);
    }
    drop(listener);
    let ready = |(stream, peer): (std::net::TcpStream, SocketAddr)| {
        stream.set_nonblocking(true)?;
        Ok((TcpStream::from_std(stream)?, peer))
    };
    waiting.into_iter().map(ready).collect()
}

/// Waits for the order to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Whoever would give the order is gone, and with it the process.
        pending::<()>().await;
    }
}

/// Waits for the order to stop, and then until no request is to be expected any more.
async fn leave(stop: &mut watch::Receiver<bool>, exchange: &Exchange) {
    stopped(stop).await;
    let replies = exchange.replied();
    sleep(LAST_REQUEST).await;
    // A reply that was begun meanwhile says by itself that it is the last.
    if exchange.is_busy() || exchange.replied() > replies {
        pending::<()>().await;
    }
}

async fn refusals(region: Option<Region>) -> Refusals {
    Refusals {
        malformed: refusal(ApiError::BadRequest, region).await,
        head_too_large: refusal(ApiError::HeadTooLarge, region).await,
        address_too_long: refusal(ApiError::AddressTooLong, region).await,
        slow: refusal(ApiError::Slow, region).await,
        busy: refusal(ApiError::Busy, region).await,
    }
}

/// What may have been a question is refused with the number.
async fn refusal(error: ApiError, region: Option<Region>) -> Refusal {
    let page = written(page_of(error.clone().into_response(), region)).await;
    Refusal { page, json: written(error.with_number(region)).await }
}

/// A reply as it goes over the wire, the last one of its connection.
async fn written(mut response: Response<Body>) -> axum::body::Bytes {
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", head.status, body.len()).into_bytes();
    for (name, value) in head.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes.into()
}

#[cfg(test)]
mod tests;
