//! A collector that fails as a test tells it, request by request: over gRPC and HTTP on one port. It remembers what it
//! was sent, and, apart from that, what it took: that is what a store behind it believes.
#![expect(clippy::unwrap_used, reason = "a fake fails loudly")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use dockpulse::model::time::Clock;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tonic_types::{ErrorDetails, StatusExt};

use super::pace::Pace;

/// Larger requests are refused: the usual limit of gRPC servers.
const LIMIT: usize = 4 << 20;

/// What becomes of a request. It has been read whole before.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// It is taken.
    Take,
    /// It is taken, and the answer comes later.
    Slow(Duration),
    /// It is taken but for the retractions in it.
    RejectRetractions,
    /// It is taken, with a warning.
    Warn(&'static str),
    /// Refused with a gRPC status, and how long to wait.
    Grpc(i32, Option<Duration>),
    /// Refused with an HTTP status, and `Retry-After`.
    Http(u16, Option<&'static str>),
    /// Not taken; the connection ends instead of an answer.
    CutUntaken,
    /// Taken; the connection ends instead of an answer.
    Cut,
    /// Taken; the connection ends within the answer.
    CutWithin,
    /// Taken; the connection is said to be over with the answer: GOAWAY, or `connection: close`.
    Leave,
    /// Not taken, never answered.
    Hang,
    /// Taken; the answer has no end.
    Endless,
    /// Taken; the answer is of another type than OTLP's.
    Page,
}

/// What a request came to for the data in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Taken,
    /// May be sent again.
    Failed,
    /// Must not be sent again.
    Refused,
    /// May be sent again in smaller ones.
    TooLarge,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) raw: Bytes,
    pub(crate) fate: Fate,
    /// What was taken of it.
    pub(crate) taken: Option<ExportMetricsServiceRequest>,
    pub(crate) connection: usize,
    /// When, since the collector began.
    pub(crate) at: Duration,
}

/// The collector; it ends when it is dropped.
pub(crate) struct Faulty {
    state: Arc<State>,
    pub(crate) port: u16,
    _listening: JoinSet<()>,
    _pace: Arc<Pace>,
}

type Judge = Box<dyn Fn(&ExportMetricsServiceRequest, &HeaderMap) -> Option<Answer> + Send + Sync>;

struct State {
    clock: Clock,
    script: Mutex<VecDeque<Answer>>,
    usual: Mutex<Answer>,
    judge: Mutex<Option<Judge>>,
    /// Bytes of endless answers that were taken from it.
    poured: AtomicUsize,
    received: watch::Sender<Vec<Received>>,
}

/// One connection's ends.
#[derive(Default)]
struct Ends {
    cut: Notify,
    leave: Notify,
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, std::io::Error>>>;

impl Faulty {
    pub(crate) async fn start() -> Self {
        let pace = Pace::keep();
        let state = Arc::new(State {
            clock: Clock::start(),
            script: Mutex::default(),
            usual: Mutex::new(Answer::Take),
            judge: Mutex::default(),
            poured: AtomicUsize::new(0),
            received: watch::Sender::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut listening = JoinSet::new();
        listening.spawn(accept(listener, state.clone()));
        Self { state, port, _listening: listening, _pace: pace }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next requests get these answers, the rest the usual one.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.script.lock().unwrap().extend(answers);
    }

    /// The usual answer from now on.
    pub(crate) fn always(&self, answer: Answer) {
        *self.state.usual.lock().unwrap() = answer;
    }

    /// Decides by what is in a request, before script and habit.
    pub(crate) fn judge(
        &self,
        judge: impl Fn(&ExportMetricsServiceRequest, &HeaderMap) -> Option<Answer> + Send + Sync + 'static,
    ) {
        *self.state.judge.lock().unwrap() = Some(Box::new(judge));
    }

    /// Bytes of endless answers that somebody took.
    pub(crate) fn poured(&self) -> usize {
        self.state.poured.load(Ordering::Relaxed)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.borrow().clone()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.state.received.borrow().len()
    }

    /// Waits until it holds for what was received, at most so long.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        let mut received = self.state.received.subscribe();
        let enough = received.wait_for(|all| holds(all));
        match tokio::time::timeout(Duration::from_secs(20), enough).await {
            Ok(all) => all.unwrap().clone(),
            Err(_) => panic!("{what}: not within 20 s; {} requests", self.count()),
        }
    }

    /// Waits for so many more requests.
    pub(crate) async fn further(&self, more: usize) -> Vec<Received> {
        let wanted = self.count() + more;
        self.until("more requests", |all| all.len() >= wanted).await
    }

    /// Waits until all that was scripted has happened, and one more request.
    pub(crate) async fn played(&self) {
        let state = self.state.clone();
        self.until("the script", move |_| state.script.lock().unwrap().is_empty()).await;
        self.further(1).await;
    }
}

/// The points of a request.
pub(crate) fn points(request: &ExportMetricsServiceRequest) -> impl Iterator<Item = &NumberDataPoint> {
    let metrics = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
    metrics.flat_map(|metric| match &metric.data {
        Some(metric::Data::Gauge(gauge)) => &gauge.data_points[..],
        Some(metric::Data::Sum(sum)) => &sum.data_points[..],
        _ => &[],
    })
}

/// Whether it retracts something.
pub(crate) fn retracts(request: &ExportMetricsServiceRequest) -> bool {
    points(request).any(|point| point.flags != 0)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((socket, _)) = listener.accept().await else { return };
        let (state, ends) = (state.clone(), Arc::new(Ends::default()));
        connections.spawn(async move {
            let service = {
                let ends = ends.clone();
                hyper::service::service_fn(move |request| serve(state.clone(), ends.clone(), number, request))
            };
            let server = auto::Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(socket), service));
            tokio::select! {
                _ = &mut connection => return,
                () = ends.cut.notified() => return,
                () = ends.leave.notified() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

async fn serve(
    state: Arc<State>,
    ends: Arc<Ends>,
    connection: usize,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(Response::new(frames(vec![]))) };
    let body = body.to_bytes();
    let is_grpc = head.headers.get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    let raw = if is_grpc { body.slice(5..) } else { body };
    let message = ExportMetricsServiceRequest::decode(raw.clone()).unwrap();
    let too_large = raw.len() > LIMIT;
    let answer = state.next(&message, &head.headers);
    let fate = if too_large { Fate::TooLarge } else { answer.fate() };
    let rejects = matches!(answer, Answer::RejectRetractions);
    let rejected = if rejects { points(&message).filter(|point| point.flags != 0).count() } else { 0 };
    let taken = (fate == Fate::Taken).then(|| if rejects { without_retractions(message) } else { message });
    let taken = taken.filter(|message| !message.resource_metrics.is_empty());
    let at = state.clock.now().mono.0;
    let received = Received { raw, fate, taken, connection, at };
    state.received.send_modify(|all| all.push(received));
    if too_large {
        let words = "grpc: received message larger than max (5000000 vs. 4194304)";
        return Ok(if is_grpc { refused(tonic::Status::resource_exhausted(words)) } else { status(413, None) });
    }
    let partial = match answer {
        Answer::RejectRetractions => Some((i64::try_from(rejected).unwrap(), "no ends here")),
        Answer::Warn(words) => Some((0, words)),
        _ => None,
    };
    let success = || if is_grpc { grpc(response(partial)) } else { protobuf(response(partial)) };
    Ok(match answer {
        Answer::Take | Answer::RejectRetractions | Answer::Warn(_) => success(),
        Answer::Slow(by) => {
            tokio::time::sleep(by).await;
            success()
        }
        Answer::Grpc(code, wait) => {
            let details = wait.map_or_else(ErrorDetails::new, |wait| ErrorDetails::with_retry_info(Some(wait)));
            refused(tonic::Status::with_error_details(code.into(), "not so", details))
        }
        Answer::Http(code, wait) => status(code, wait),
        Answer::Cut | Answer::CutUntaken => {
            ends.cut.notify_one();
            std::future::pending().await
        }
        Answer::CutWithin => success().map(|body| {
            // The head is on its way before the body fails.
            let late = stream::once(async {
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            })
            .map(|()| Err(std::io::Error::other("cut")));
            let first = body.take(usize::from(!is_grpc)).map(|_| Ok(Frame::data(Bytes::from_static(b"\x0a"))));
            StreamBody::new(first.chain(late).boxed())
        }),
        Answer::Leave => {
            ends.leave.notify_one();
            success()
        }
        Answer::Hang => std::future::pending().await,
        Answer::Endless => success().map(|_| endless(state)),
        Answer::Page => typed("text/html", b"<html>it works".to_vec()),
    })
}

impl State {
    fn next(&self, message: &ExportMetricsServiceRequest, headers: &HeaderMap) -> Answer {
        let judged = self.judge.lock().unwrap().as_ref().and_then(|judge| judge(message, headers));
        let scripted = || self.script.lock().unwrap().pop_front();
        judged.or_else(scripted).unwrap_or_else(|| self.usual.lock().unwrap().clone())
    }
}

impl Answer {
    /// By the rules of OTLP.
    fn fate(&self) -> Fate {
        match self {
            Self::Grpc(8, Some(_)) | Self::Grpc(1 | 4 | 10 | 11 | 14 | 15, _) => Fate::Failed,
            Self::Http(429 | 502 | 503 | 504, _) | Self::CutUntaken | Self::Hang => Fate::Failed,
            Self::Grpc(..) | Self::Http(..) => Fate::Refused,
            _ => Fate::Taken,
        }
    }
}

pub(crate) fn without_retractions(mut message: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest {
    for of_scope in message.resource_metrics.iter_mut().flat_map(|r| &mut r.scope_metrics) {
        of_scope.metrics.retain_mut(|one| {
            let points = match &mut one.data {
                Some(metric::Data::Gauge(gauge)) => &mut gauge.data_points,
                Some(metric::Data::Sum(sum)) => &mut sum.data_points,
                _ => panic!("nothing else is sent"),
            };
            points.retain(|point| point.flags == 0);
            !points.is_empty()
        });
    }
    message.resource_metrics.iter_mut().for_each(|r| r.scope_metrics.retain(|s| !s.metrics.is_empty()));
    message.resource_metrics.retain(|r| !r.scope_metrics.is_empty());
    message
}

fn response(partial: Option<(i64, &str)>) -> Vec<u8> {
    let partial_success = partial.map(|(rejected, words)| ExportMetricsPartialSuccess {
        rejected_data_points: rejected,
        error_message: words.to_owned(),
    });
    ExportMetricsServiceResponse { partial_success }.encode_to_vec()
}

fn typed(content: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(frames(vec![Frame::data(Bytes::from(body))]));
    response.headers_mut().insert("content-type", HeaderValue::from_static(content));
    response
}

fn protobuf(body: Vec<u8>) -> Response<Body> {
    typed("application/x-protobuf", body)
}

fn grpc(message: Vec<u8>) -> Response<Body> {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", 0.into());
    let mut response = Response::new(frames(vec![Frame::data(frame.freeze()), Frame::trailers(trailers)]));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn refused(status: tonic::Status) -> Response<Body> {
    status.into_http::<()>().map(|()| frames(vec![]))
}

fn status(code: u16, wait: Option<&str>) -> Response<Body> {
    let mut response = typed("text/plain", b"not so".to_vec());
    *response.status_mut() = code.try_into().unwrap();
    if let Some(wait) = wait {
        response.headers_mut().insert(HeaderName::from_static("retry-after"), wait.parse().unwrap());
    }
    response
}

fn endless(state: Arc<State>) -> Body {
    // Messages of 5 zero bytes are empty answers of gRPC; to HTTP it is any body.
    let block = Bytes::from_static(&[0; 5 << 10]);
    let pour = stream::repeat_with(move || {
        state.poured.fetch_add(block.len(), Ordering::Relaxed);
        Ok(Frame::data(block.clone()))
    });
    StreamBody::new(pour.boxed())
}

fn frames(frames: Vec<Frame<Bytes>>) -> Body {
    StreamBody::new(stream::iter(frames.into_iter().map(Ok)).boxed())
}
