//! Listens: OTLP/gRPC on one address, OTLP/HTTP on another. What arrives goes into one bounded inbox.
//!
//! Everything from outside is capped: connections, heads, bodies before and after decompression, and the time each
//! may take.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tonic::body::Body;

use super::grpc::Grpc;
use super::http::Http;
use super::inbox::{Arrivals, Inbox};

/// The largest request, after decompression: four times what the Collector takes over gRPC.
pub const MAX_REQUEST: usize = 16 << 20;
/// Connections at a time on each address; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
/// A connection has to bring the head of its first request within this time.
const FIRST_HEAD: Duration = Duration::from_secs(10);
/// The time between two requests on a kept connection (HTTP/1), and between two signs of life (HTTP/2).
const IDLE: Duration = Duration::from_secs(60);
/// The time a whole request may take.
pub(super) const WHOLE_REQUEST: Duration = Duration::from_secs(30);
/// At the end, requests that are being answered get this time.
const GRACE: Duration = Duration::from_secs(1);
/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen. `None`: not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `HOST:PORT` for OTLP/gRPC.
    pub grpc: Option<String>,
    /// `HOST:PORT` for OTLP/HTTP.
    pub http: Option<String>,
}

impl Default for Listen {
    /// The ports that OTLP names, on this machine only.
    fn default() -> Self {
        Self { grpc: Some("127.0.0.1:4317".to_owned()), http: Some("127.0.0.1:4318".to_owned()) }
    }
}

impl Listen {
    /// Reads the value of a flag: `HOST:PORT`, or `off`.
    pub fn address(text: &str) -> Option<String> {
        (text != "off").then(|| text.to_owned())
    }
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for OTLP/{protocol}: {cause}; {mend}")]
pub struct ListenError {
    /// The address as it was given.
    pub address: String,
    /// `gRPC` or `HTTP`.
    pub protocol: &'static str,
    /// The system's words.
    pub cause: std::io::Error,
    /// What the user can do.
    pub mend: &'static str,
}

/// The bound listeners. Nothing is answered before [`Server::serve`] runs.
#[derive(Debug)]
pub struct Server {
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
    inbox: Inbox,
}

impl Server {
    /// Binds the addresses; what arrives there comes out of the second.
    pub async fn bind(listen: &Listen) -> Result<(Self, Arrivals), ListenError> {
        let (inbox, arrivals) = Inbox::new();
        let server = Self {
            grpc: bind(listen.grpc.as_deref(), "gRPC").await?,
            http: bind(listen.http.as_deref(), "HTTP").await?,
            inbox,
        };
        Ok((server, arrivals))
    }

    /// Where OTLP/gRPC is taken, with the port that was given by the system.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref().and_then(|l| l.local_addr().ok())
    }

    /// Where OTLP/HTTP is taken, with the port that was given by the system.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().and_then(|l| l.local_addr().ok())
    }

    /// Answers until `shutdown` is ready; then lets the requests that are under way end, for a second at most. The
    /// arrivals end when this is done.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self { grpc, http, inbox } = self;
        let graceful = GracefulShutdown::new();
        let grpc_places = Arc::new(Semaphore::new(CONNECTIONS));
        let http_places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (accepted, front) = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(grpc.as_ref(), &grpc_places) => (accepted, Front::Grpc(Grpc::new(inbox.clone()))),
                accepted = accept(http.as_ref(), &http_places) => (accepted, Front::Http(Http::new(inbox.clone()))),
            };
            if let Some((stream, place)) = accepted {
                connections.spawn(connection(stream, place, front, graceful.watcher()));
            }
        }
        // Late is as good as never: what was not answered is sent again.
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        connections.shutdown().await;
    }
}

async fn bind(address: Option<&str>, protocol: &'static str) -> Result<Option<TcpListener>, ListenError> {
    let Some(address) = address else {
        return Ok(None);
    };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(cause) => {
            let mend = mend(&cause);
            Err(ListenError { address: address.to_owned(), protocol, cause, mend })
        }
    }
}

fn mend(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another collector may be running there: stop it, or choose another port (0: any that is free)"
        }
        std::io::ErrorKind::PermissionDenied => "choose a port above 1023",
        std::io::ErrorKind::AddrNotAvailable => "the address has to be one of this machine's",
        _ => "give HOST:PORT, such as 127.0.0.1:4317, or off",
    }
}

/// The next connection of a listener; `None` if there is none to be had now. Without a listener, never.
async fn accept(listener: Option<&TcpListener>, places: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(_) => {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Who answers on a connection.
#[derive(Clone)]
enum Front {
    Grpc(Grpc),
    Http(Http),
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self {
            Self::Grpc(grpc) => grpc.answer(request).await,
            Self::Http(http) => http.answer(request).await,
        }
    }
}

async fn connection(stream: TcpStream, _place: OwnedSemaphorePermit, front: Front, watcher: Watcher) {
    // Small answers: there is nothing to gain from waiting for more.
    let _ = stream.set_nodelay(true);
    let spoke = Arc::new(AtomicBool::new(false));
    let heard = spoke.clone();
    let service = service_fn(move |request| {
        heard.store(true, Ordering::Relaxed);
        let front = front.clone();
        async move { Ok::<_, std::convert::Infallible>(front.answer(request).await) }
    });
    let builder = builder();
    let conversation = watcher.watch(builder.serve_connection(TokioIo::new(stream), service));
    let silence = async {
        tokio::time::sleep(FIRST_HEAD).await;
        if spoke.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // A broken connection is the sender's to notice and to mend.
        _ = conversation => {}
        () = silence => {}
    }
}

fn builder() -> Builder<TokioExecutor> {
    const HEAD_BYTES: u32 = 16 << 10;
    const BUFFER_BYTES: usize = 64 << 10;
    const STREAMS: u32 = 16;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(FIRST_HEAD)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES);
    builder
}

#[cfg(test)]
mod tests;
