//! A collector, over gRPC or HTTP, that tells each request and what became of it, and goes wrong as it is told.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::listening::Listening;

/// How requests are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Taken and answered.
    Take,
    /// Taken; the answer is lost with the connection.
    LoseAnswer,
    /// Not taken: 503 or UNAVAILABLE.
    Refuse,
    /// Not taken, and never answered.
    Hang,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was taken and the answer says so.
    Acknowledged,
    /// It was taken and the sender does not know.
    Unanswered,
    /// It was not taken.
    Refused,
}

impl Fate {
    pub(crate) fn is_taken(self) -> bool {
        self != Self::Refused
    }
}

/// Is told of each request, in order.
pub(crate) type Told = Box<dyn FnMut(&ExportMetricsServiceRequest, Fate) + Send>;

pub(crate) struct Collector {
    shared: Arc<Shared>,
    port: u16,
    listening: Listening,
}

struct Shared {
    mode: Mutex<Mode>,
    told: Mutex<Told>,
    changed: Notify,
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

impl Collector {
    /// One that takes everything.
    pub(crate) async fn start(told: Told) -> Self {
        let shared = Shared { mode: Mutex::new(Mode::Take), told: Mutex::new(told), changed: Notify::new() };
        let mut collector = Self { shared: Arc::new(shared), port: 0, listening: Listening::default() };
        collector.up().await;
        collector
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Listens (again) on the same port and takes everything.
    pub(crate) async fn up(&mut self) {
        self.set(Mode::Take);
        if !self.listening.is_on() {
            let listener = bind(self.port).await;
            self.port = listener.local_addr().unwrap().port();
            self.listening.begin(accept(listener, self.shared.clone()));
        }
    }

    /// Ends all connections and takes no more.
    pub(crate) async fn down(&mut self) {
        self.listening.end().await;
    }

    /// Treats requests so from now on; those that hang are cut off.
    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn is_up(&self) -> bool {
        self.listening.is_on() && *self.shared.mode.lock().unwrap() == Mode::Take
    }
}

/// Somebody may have the port for a moment.
async fn bind(port: u16) -> TcpListener {
    for _ in 0..1_000 {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("port {port} is not to be had again");
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { tokio::task::yield_now().await; continue };
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(TokioIo::new(stream), shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TokioIo<tokio::net::TcpStream>, shared: Arc<Shared>) {
    let cut = Arc::new(Notify::new());
    let service = {
        let cut = cut.clone();
        hyper::service::service_fn(move |request| respond(request, shared.clone(), cut.clone()))
    };
    let server = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // A broken connection is the sender's to mend.
        _ = server.serve_connection(stream, service) => {}
        () = cut.notified() => {}
    }
}

async fn respond(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    cut: Arc<Notify>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let is_grpc = head.headers.get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    let Ok(body) = body.collect().await else { return Ok(plain(StatusCode::BAD_REQUEST)) };
    let mut body = body.to_bytes();
    if is_grpc {
        // A flag and the length.
        body.advance(5.min(body.len()));
    }
    let message = ExportMetricsServiceRequest::decode(body).expect("OTLP that is not compressed");
    let changed = shared.changed.notified();
    let mode = *shared.mode.lock().unwrap();
    let fate = match mode {
        Mode::Take => Fate::Acknowledged,
        Mode::LoseAnswer => Fate::Unanswered,
        Mode::Refuse | Mode::Hang => Fate::Refused,
    };
    (shared.told.lock().unwrap())(&message, fate);
    match mode {
        Mode::Take if is_grpc => Ok(grpc(0)),
        Mode::Take => Ok(plain(StatusCode::OK)),
        Mode::Refuse if is_grpc => Ok(grpc(14)),
        Mode::Refuse => Ok(plain(StatusCode::SERVICE_UNAVAILABLE)),
        Mode::LoseAnswer | Mode::Hang => {
            if mode == Mode::Hang {
                changed.await;
            }
            cut.notify_one();
            std::future::pending().await
        }
    }
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(StreamBody::new(stream::empty().boxed()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/x-protobuf"));
    response
}

/// An empty message, not compressed, then the status.
fn grpc(status: u16) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.into());
    let message = (status == 0).then(|| Frame::data(Bytes::from_static(&[0; 5])));
    let frames: Vec<_> = message.into_iter().chain([Frame::trailers(trailers)]).map(Ok).collect();
    let mut response = Response::new(StreamBody::new(stream::iter(frames).boxed()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
