//! A Docker engine of HTTP and prepared words on a unix socket, in a process of its own: what it costs is not counted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::answers::{self, Cgroup};

type Body = BoxBody<Bytes, Infallible>;

/// What the engine has.
struct World {
    /// Container numbers with their entries of the list.
    containers: VecDeque<(u64, String)>,
    /// How many are replaced from one list to the next.
    churn: usize,
    next: u64,
    lists: u64,
    /// Stats answers so far.
    samples: u64,
}

impl World {
    fn new(containers: u64, churn: usize) -> Self {
        let all = (0..containers).map(|n| (n, answers::listed(n))).collect();
        Self { containers: all, churn, next: containers, lists: 0, samples: 0 }
    }

    fn list(&mut self) -> String {
        self.lists += 1;
        for _ in 0..self.churn {
            self.containers.pop_front();
            self.containers.push_back((self.next, answers::listed(self.next)));
            self.next += 1;
        }
        answers::list(self.containers.iter().map(|(_, entry)| entry))
    }

    /// The answer to a path without query and version.
    fn answer(&mut self, path: &str, out: &mut impl Write) -> Option<String> {
        match path {
            "/_ping" => Some("OK".to_owned()),
            "/version" => Some(VERSION.to_owned()),
            "/info" => Some(INFO.to_owned()),
            "/containers/json" => {
                let body = self.list();
                // The parent reads how many samples there have been by the end of the probe before.
                let _ = writeln!(out, "{} {}", self.lists, self.samples).and_then(|()| out.flush());
                Some(body)
            }
            _ => {
                let (id, what) = path.strip_prefix("/containers/")?.split_once('/')?;
                let n = u64::from_str_radix(id.get(16..32)?, 16).ok()?;
                match what {
                    "json" => Some(answers::inspect(n)),
                    "stats" => {
                        self.samples += 1;
                        Some(answers::stats(Cgroup::V2, n, self.lists))
                    }
                    _ => None,
                }
            }
        }
    }
}

const VERSION: &str = r#"{"Version":"28.5.2","ApiVersion":"1.51","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64","KernelVersion":"6.12.0"}"#;
const INFO: &str = r#"{"ID":"bench","Name":"bench-host","ServerVersion":"28.5.2","Architecture":"x86_64","OSType":"linux","MemTotal":34359738368,"NCPU":2,"KernelVersion":"6.12.0"}"#;

/// Serves until the process is ended.
pub(crate) async fn serve(socket: &Path, containers: u64, churn: usize) -> std::io::Result<()> {
    let listener = UnixListener::bind(socket)?;
    let world = Arc::new(Mutex::new(World::new(containers, churn)));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(connection(accepted?.0, world.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: UnixStream, world: Arc<Mutex<World>>) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let world = world.clone();
        async move { Ok::<_, Infallible>(respond(request.uri().path(), &world)) }
    });
    // The agent may leave in the middle of an answer.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn respond(path: &str, world: &Mutex<World>) -> http::Response<Body> {
    let path = path.strip_prefix("/v1.51").unwrap_or(path);
    if path == "/events" {
        let silence = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
        return http::Response::new(BodyExt::boxed(StreamBody::new(silence)));
    }
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = world.answer(path, &mut std::io::stdout());
    let status = if answer.is_some() { 200 } else { 404 };
    let mut response = http::Response::new(Full::new(Bytes::from(answer.unwrap_or_default())).boxed());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let version = http::HeaderValue::from_static("1.51");
    response.headers_mut().insert("api-version", version);
    response
}
