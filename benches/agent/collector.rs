//! An OTLP/gRPC collector that takes everything, counts it and forgets it, in a process of its own.

use std::convert::Infallible;
use std::io::Write;

use bytes::{Buf, Bytes};
use futures_util::stream;
use http::HeaderMap;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric::Data};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// `DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`.
const NO_RECORDED_VALUE: u32 = 1;

/// Serves until the process is ended. Prints its port, then a line for each request with container metrics: its time in
/// microseconds since 1970, its points, the retractions among them, its bytes.
pub(crate) async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.port().to_string());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let stream = TokioIo::new(accepted?.0);
                let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                connections.spawn(http.serve_connection(stream, service_fn(respond)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

type Answer = http::Response<StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

async fn respond(request: http::Request<Incoming>) -> Result<Answer, Infallible> {
    let is_metrics = request.uri().path() == METRICS;
    if let Ok(body) = request.into_body().collect().await
        && is_metrics
    {
        count(body.to_bytes());
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    // An empty message, not compressed.
    let frames = vec![Ok(Frame::data(Bytes::from_static(&[0; 5]))), Ok(Frame::trailers(trailers))];
    let mut answer = http::Response::new(StreamBody::new(stream::iter(frames)));
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    Ok(answer)
}

fn count(mut body: Bytes) {
    let at = crate::process::micros_since_1970();
    // A flag and the length.
    body.advance(5.min(body.len()));
    let bytes = body.len();
    let Ok(request) = ExportMetricsServiceRequest::decode(body) else { return say("not OTLP") };
    // The agent's own metrics come the same way; the containers' scope and theirs differ in the resource.
    let metrics = || request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
    let is_own = metrics().any(|m| m.name == "dockpulse.series.live" || m.name == "dockpulse.probe.duration");
    if is_own {
        return;
    }
    let points: usize = metrics().map(|m| numbers(m).len()).sum();
    let retracted = metrics().flat_map(numbers).filter(|p| p.flags & NO_RECORDED_VALUE != 0).count();
    say(&format!("{at} {points} {retracted} {bytes}"));
}

fn numbers(metric: &Metric) -> &[NumberDataPoint] {
    match &metric.data {
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        Some(Data::Sum(sum)) => &sum.data_points,
        _ => &[],
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    // Without a parent there is nobody to tell.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
