//! Bytes in and out, each with its deadline.
//!
//! hyper has one clock, for heads. The others are here: the first byte of a connection, the head, the pause between two
//! requests, and a reader who takes too little. Where hyper would refuse a head with an empty reply of its own, ours is
//! written instead, so that every error says what to do.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use crate::asker::{Asker, asker};
use crate::config::Limits;

/// A reader who takes something has this long for so many bytes more.
const SLOWEST_READER: f64 = 32_768.0;

/// What is read and thrown away of a refused request, so that the refusal arrives before the reset.
const LINGER_BYTES: usize = 256 << 10;
const LINGER: Duration = Duration::from_secs(1);

/// How long somebody for whom there is no place is listened to; a refusal is to come within 20 ms.
const GLANCE: Duration = Duration::from_millis(10);

/// hyper's own refusals are shorter.
const LONGEST_REFUSAL: usize = 256;

/// The plain socket, or TLS over it.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What the wire and whoever answers on it tell each other.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// A request is being answered: the client is waited for no longer.
    busy: AtomicBool,
    /// Replies that were handed over to be written.
    replies: AtomicU64,
}

impl Exchange {
    /// A whole head has come.
    pub(crate) fn begin(&self) {
        self.busy.store(true, Ordering::Release);
    }

    /// A reply is handed over.
    pub(crate) fn reply(&self) {
        self.replies.fetch_add(1, Ordering::Release);
    }

    /// The last byte of the reply is handed over.
    pub(crate) fn end(&self) {
        self.busy.store(false, Ordering::Release);
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Whether a request was ever answered here.
    pub(crate) fn replied(&self) -> u64 {
        self.replies.load(Ordering::Acquire)
    }
}

/// Replies to requests that no route sees, written out once.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) malformed: Refusal,
    pub(crate) head_too_large: Refusal,
    pub(crate) address_too_long: Refusal,
    pub(crate) slow: Refusal,
    pub(crate) busy: Refusal,
}

/// One of them, for each who may read it. Both name the number to call.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) page: Bytes,
    pub(crate) json: Bytes,
}

impl Refusal {
    /// The form for whoever sent `head`. Where that does not say, it is the page: a person has nothing but what is shown,
    /// and a program goes by the status and `Retry-After`, which are the same in both.
    fn to(&self, head: &[u8]) -> Bytes {
        match asker(head) {
            Asker::Program => self.json.clone(),
            Asker::Browser | Asker::Unknown => self.page.clone(),
        }
    }
}

/// What is waited for from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first byte of a connection.
    New,
    /// The rest of a head.
    Head,
    /// Nothing: it waits for us.
    Busy,
    /// The next request.
    Idle,
}

/// A connection's bytes.
pub(crate) struct Wire {
    stream: Stream,
    limits: Limits,
    exchange: Arc<Exchange>,
    refusals: Arc<Refusals>,
    phase: Phase,
    /// What has come of a head that may be refused; empty once it is whole.
    head: Vec<u8>,
    /// Until when the client must have sent what is waited for.
    reading: Pin<Box<Sleep>>,
    writing: Option<Stalled>,
    /// Something was written and may not have left yet.
    unsent: bool,
    /// Replies of which the head was written.
    heads: u64,
    /// What is written in place of hyper's own refusal.
    instead: Bytes,
}

/// A reader who did not take everything at once.
struct Stalled {
    since: Instant,
    taken: usize,
    until: Pin<Box<Sleep>>,
}

impl Wire {
    pub(crate) fn new(stream: Stream, limits: Limits, exchange: Arc<Exchange>, refusals: Arc<Refusals>) -> Self {
        Self {
            stream,
            limits,
            exchange,
            refusals,
            phase: Phase::New,
            head: Vec::new(),
            reading: Box::pin(sleep_until(Instant::now() + limits.first_byte)),
            writing: None,
            unsent: false,
            heads: 0,
            instead: Bytes::new(),
        }
    }

    /// What is waited for now.
    pub(crate) fn phase(&mut self) -> Phase {
        self.follow();
        self.phase
    }

    /// Waits a moment for the first words of a client that will be refused, which say what it can read.
    pub(crate) async fn listen(&mut self) {
        let mut first = [0; 2048];
        // Whoever has said nothing by then is refused all the same.
        let _ = timeout(GLANCE, self.read(&mut first)).await;
    }

    /// Writes a last reply, if the client takes it.
    pub(crate) async fn refuse(&mut self, refusal: &Refusal) {
        let reply = refusal.to(&self.head);
        let written = timeout(LINGER, async {
            self.stream.write_all(&reply).await?;
            self.stream.flush().await
        });
        // A client that does not take its refusal is cut off all the same.
        let _ = written.await;
    }

    /// Closes so that the last reply arrives: what was sent and not read would reset the connection before it.
    pub(crate) async fn close(mut self) {
        let ended = async {
            self.stream.shutdown().await?;
            let mut left = LINGER_BYTES;
            let mut thrown = [0; 4096];
            while left > 0 {
                let read = self.stream.read(&mut thrown).await?;
                if read == 0 {
                    break;
                }
                left = left.saturating_sub(read);
            }
            io::Result::Ok(())
        };
        let _ = timeout(LINGER, ended).await;
    }

    /// Follows what is waited for, and sets the clock where it changes.
    fn follow(&mut self) {
        // A reader on a slow line still has the reply before them when its last byte is handed over.
        let next = match self.phase {
            _ if self.unsent || self.exchange.is_busy() => Phase::Busy,
            Phase::Busy => Phase::Idle,
            phase => phase,
        };
        if next == Phase::Busy && self.phase != Phase::Busy {
            self.head = Vec::new();
        }
        if next == Phase::Idle && self.phase != Phase::Idle {
            self.reading.as_mut().reset(Instant::now() + self.limits.idle);
        }
        self.phase = next;
    }

    /// Notes whether the reader takes what it is sent.
    fn judge(&mut self, context: &mut Context<'_>, written: &Poll<io::Result<usize>>) -> io::Result<()> {
        match (written, &mut self.writing) {
            (Poll::Ready(Ok(bytes)), Some(stalled)) => stalled.taken += bytes,
            (Poll::Pending, writing) => {
                let stalled = writing.get_or_insert_with(|| {
                    let since = Instant::now();
                    Stalled { since, taken: 0, until: Box::pin(sleep_until(since)) }
                });
                let more = Duration::from_secs_f64(stalled.taken as f64 / SLOWEST_READER);
                stalled.until.as_mut().reset(stalled.since + self.limits.write + more);
                if stalled.until.as_mut().poll(context).is_ready() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Ours, if `bytes` are hyper's own refusal of a head.
    fn replacement(&mut self, bytes: &[u8]) -> Option<Bytes> {
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        if status[0] == b'1' {
            return None;
        }
        if self.exchange.replied() > self.heads {
            self.heads += 1;
            return None;
        }
        let empty = bytes.len() < LONGEST_REFUSAL && bytes.ends_with(b"\r\n\r\n");
        match status {
            b"400" if empty => Some(self.refusals.malformed.to(&self.head)),
            b"414" if empty => Some(self.refusals.address_too_long.to(&self.head)),
            b"431" if empty => Some(self.refusals.head_too_large.to(&self.head)),
            _ => None,
        }
    }

    /// Writes what stands in place of a refusal.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.instead);
            self.judge(context, &written)?;
            let bytes = ready!(written)?;
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = self.instead.split_to(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.follow();
        let before = buffer.filled().len();
        let read = Pin::new(&mut wire.stream).poll_read(context, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before && matches!(wire.phase, Phase::New | Phase::Idle) {
                wire.phase = Phase::Head;
                wire.reading.as_mut().reset(Instant::now() + wire.limits.head);
            }
            if wire.phase == Phase::Head {
                let come = &buffer.filled()[before..];
                let room = wire.limits.head_bytes.saturating_sub(wire.head.len());
                wire.head.extend(&come[..come.len().min(room)]);
            }
            return read;
        }
        if wire.phase != Phase::Busy && wire.reading.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        ready!(wire.poll_instead(context))?;
        wire.unsent = true;
        if let Some(instead) = wire.replacement(bytes) {
            wire.instead = instead;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut wire.stream).poll_write(context, bytes);
        wire.judge(context, &written)?;
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(wire.poll_instead(context))?;
        ready!(Pin::new(&mut wire.stream).poll_flush(context))?;
        if !wire.exchange.is_busy() {
            wire.writing = None;
            wire.unsent = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(wire.poll_instead(context))?;
        Pin::new(&mut wire.stream).poll_shutdown(context)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
