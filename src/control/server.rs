//! Serves the control API, with gRPC health and reflection, at a socket or a port of this host.
//!
//! Everything from outside is capped: connections, streams, heads, messages, and the time each may take.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, ORIGIN};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service as _;

use super::DESCRIPTORS;
use super::address::Address;
use super::operations::Operations;
use super::preface::Begins;
use super::service::{LONGEST_FLUSH, Service};
use super::socket::{ListenError, Listener};
use super::v1::control_service_server::ControlServiceServer;
use crate::status::Handle;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 32;
/// Calls at a time on a connection.
const STREAMS: u32 = 32;
/// The largest request.
const REQUEST_BYTES: usize = 64 << 10;
const HEAD_BYTES: u32 = 16 << 10;
/// What is buffered of answers that a client does not read.
const BUFFER_BYTES: usize = 64 << 10;
/// Who connects says within this time that it speaks HTTP/2.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);
/// A connection is asked so often whether it lives.
const IDLE: Duration = Duration::from_secs(60);
const PING_ANSWER: Duration = Duration::from_secs(10);
/// From the head of a request to the head of its answer. The longest that is waited for is a Flush.
const WHOLE_CALL: Duration = LONGEST_FLUSH.saturating_add(Duration::from_secs(10));
/// At the end, answers that are under way get this time.
const GRACE: Duration = Duration::from_millis(150);
/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound address. Nothing is answered before [`Server::serve`] runs; a socket file goes with it.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// Somebody else does, or it is not possible there.
    pub async fn bind(address: &Address) -> Result<Self, ListenError> {
        Listener::bind(address).await.map(|listener| Self { listener })
    }

    /// Where it listens, with the port that was given by the system.
    pub fn address(&self) -> Address {
        self.listener.address()
    }

    /// Answers until `shutdown` is ready. Whoever watches is told the last changes then; other calls get a moment.
    pub async fn serve(self, board: Handle, operations: Arc<dyn Operations>, shutdown: impl Future<Output = ()>) {
        let (stopping, stop) = watch::channel(false);
        let answer = front(Service::new(board, operations, stop)).await;
        let front = Front { answer, checks_host: self.listener.is_tcp() };
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&self.listener, &places) => accepted,
            };
            if let Some((stream, place)) = accepted {
                connections.spawn(connection(stream, place, front.clone(), graceful.watcher()));
            }
        }
        // Nobody who comes now finds a socket, and nobody is let in.
        drop(self);
        let _ = stopping.send(true);
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
        connections.shutdown().await;
    }
}

/// A connection, whatever it came over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn accept(listener: &Listener, places: &Arc<Semaphore>) -> Option<(Box<dyn Stream>, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok(stream) => Some((stream, place)),
        Err(_) => {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(stream: Box<dyn Stream>, _place: OwnedSemaphorePermit, front: Front, watcher: Watcher) {
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let conversation = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(IDLE)
        .keep_alive_timeout(PING_ANSWER)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .max_send_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(Begins::within(BEGINS_WITHIN, stream)), service);
    // A broken connection is the caller's to notice.
    let _ = watcher.watch(conversation).await;
}

type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Answers requests of all connections.
#[derive(Clone)]
struct Front {
    answer: Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync>,
    checks_host: bool,
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Some(refusal) = self.refusal(&request) {
            return refusal.into_http();
        }
        match tokio::time::timeout(WHOLE_CALL, (self.answer)(request)).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded("it took too long").into_http(),
        }
    }

    /// A browser cannot speak to this without a proxy of gRPC-Web. If it should find one: a page of somebody else is
    /// told by its origin, and one whose name was bent to loopback by that name.
    fn refusal(&self, request: &Request<Incoming>) -> Option<Status> {
        if request.headers().contains_key(ORIGIN) {
            return Some(Status::permission_denied("pages are not answered"));
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = request.uri().host().or(host.map(without_port)).unwrap_or_default();
        (self.checks_host && !is_loopback(host)).then(|| {
            Status::permission_denied(
                "this is answered under the names of this host alone: localhost, 127.0.0.1, [::1]",
            )
        })
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(host, _)| host)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The services, by their names.
async fn front(service: Service) -> Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync> {
    let control = ControlServiceServer::new(service).max_decoding_message_size(REQUEST_BYTES);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<ControlServiceServer<Service>>().await;
    let health = health.max_decoding_message_size(REQUEST_BYTES);
    let descriptors = [DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
    let reflection = descriptors
        .into_iter()
        .fold(tonic_reflection::server::Builder::configure(), |builder, set| {
            builder.register_encoded_file_descriptor_set(set)
        })
        .build_v1()
        // The sets are constants; a test asks for them.
        .ok()
        .map(|reflection| reflection.max_decoding_message_size(REQUEST_BYTES));
    Arc::new(move |request| {
        let service = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
        match (service.as_str(), &reflection) {
            ("dockpulse.control.v1.ControlService", _) => boxed(control.clone().call(request)),
            ("grpc.health.v1.Health", _) => boxed(health.clone().call(request)),
            ("grpc.reflection.v1.ServerReflection", Some(reflection)) => boxed(reflection.clone().call(request)),
            _ => Box::pin(std::future::ready(unknown(&service).into_http())),
        }
    })
}

fn unknown(service: &str) -> Status {
    let text = match service {
        "grpc.reflection.v1alpha.ServerReflection" => "only v1 of reflection is answered",
        _ => "there is dockpulse.control.v1.ControlService, health and reflection",
    };
    Status::unimplemented(text)
}

fn boxed(answer: impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static) -> Answering {
    Box::pin(async move {
        match answer.await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    })
}
