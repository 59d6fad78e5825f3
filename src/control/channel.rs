//! One HTTP/2 connection to an agent, as tonic's client wants it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::JoinSet;
use tonic::body::Body;
use tower_service::Service;

use super::server::Stream;

/// An agent that does not answer a ping within this time is gone.
const PING_ANSWER: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(20);

/// The connection. It is closed with its last copy.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    requests: SendRequest<Body>,
    _task: Arc<JoinSet<()>>,
}

impl Channel {
    /// Greets who is on the other side.
    pub(super) async fn open(stream: Box<dyn Stream>) -> Result<Self, hyper::Error> {
        let (requests, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .handshake(TokioIo::new(stream))
            .await?;
        let mut task = JoinSet::new();
        // Whoever waits for an answer hears of its end.
        task.spawn(connection.map(drop));
        Ok(Self { requests, _task: Arc::new(task) })
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.requests.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.requests.send_request(request))
    }
}
