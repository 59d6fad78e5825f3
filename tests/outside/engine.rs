//! The product's simulated engine behind a unix socket, so that the program itself can watch it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use dockpulse::engine::Engine as _;
use dockpulse::model::container::{ContainerId, Listing};
use dockpulse::model::engine::{EngineError, Wanted};
use dockpulse::model::sample::Count;
use dockpulse::model::time::Clock;
use dockpulse::sim::{Control, Options, Scenario, SimulatedEngine, Simulation, World};
use futures_util::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::listening::Listening;
use super::words;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Is told what the engine is asked.
pub(crate) trait Watcher: Send + Sync {
    /// Something was asked.
    fn asked(&self, path: &str);
    /// A container's numbers are given: what it says it uses of the memory.
    fn usage(&self, container: &ContainerId) -> Count;
}

/// The engine; it ends when it is dropped.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    socket: PathBuf,
    listening: Listening,
    _driver: JoinSet<()>,
}

struct Shared {
    control: Control,
    engine: SimulatedEngine,
    watcher: Arc<dyn Watcher>,
    events_forbidden: AtomicBool,
    hung: AtomicBool,
    changed: Notify,
    cut_events: Notify,
}

impl Engine {
    /// An engine without containers that listens on `socket`.
    pub(crate) fn start(socket: &Path, seed: u64, clock: Clock, watcher: Arc<dyn Watcher>) -> Self {
        let Simulation { engine, control, driver } =
            Simulation::new(seed, Options::default(), Scenario::empty(), clock);
        let mut running = JoinSet::new();
        running.spawn(driver.drive(|_| ()));
        let shared = Shared {
            control,
            engine,
            watcher,
            events_forbidden: AtomicBool::new(false),
            hung: AtomicBool::new(false),
            changed: Notify::new(),
            cut_events: Notify::new(),
        };
        let mut engine = Self {
            shared: Arc::new(shared),
            socket: socket.to_owned(),
            listening: Listening::default(),
            _driver: running,
        };
        engine.up();
        engine
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Does something to the world, or looks at it.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        self.shared.control.with(act)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.listening.is_on() && !self.shared.hung.load(Ordering::Relaxed)
    }

    /// Listens (again) and answers.
    pub(crate) fn up(&mut self) {
        self.shared.hung.store(false, Ordering::Relaxed);
        self.shared.changed.notify_waiters();
        if !self.listening.is_on() {
            let _ = std::fs::remove_file(&self.socket);
            let listener = UnixListener::bind(&self.socket).unwrap();
            self.listening.begin(accept(listener, self.shared.clone()));
        }
    }

    /// Nobody listens any more, and all connections end. The socket's file stays.
    pub(crate) async fn down(&mut self) {
        self.listening.end().await;
    }

    /// Takes calls and answers none.
    pub(crate) fn hang(&self) {
        self.shared.hung.store(true, Ordering::Relaxed);
    }

    /// Whether events are to be had; if not, open streams end and new ones are forbidden.
    pub(crate) fn tell_events(&self, allowed: bool) {
        self.shared.events_forbidden.store(!allowed, Ordering::Relaxed);
        if !allowed {
            self.cut_events();
        }
    }

    /// Ends open event streams, as proxies do.
    pub(crate) fn cut_events(&self) {
        self.shared.cut_events.notify_waiters();
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of descriptors, most likely: the next may do.
                let Ok((stream, _)) = accepted else { tokio::task::yield_now().await; continue };
                connections.spawn(connection(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: UnixStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| respond(request, shared.clone()));
    // The agent may leave in the middle of an answer.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, Infallible> {
    assert_eq!(request.method(), http::Method::GET, "nothing but GET goes to an engine");
    let path = request.uri().path();
    let path = path.strip_prefix("/v1.51").unwrap_or(path);
    loop {
        let changed = shared.changed.notified();
        if !shared.hung.load(Ordering::Relaxed) {
            break;
        }
        changed.await;
    }
    shared.watcher.asked(path);
    if path == "/events" {
        return Ok(events(&shared).await);
    }
    let (status, body) = answer(path, &shared);
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("api-version", http::HeaderValue::from_static("1.51"));
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn answer(path: &str, shared: &Shared) -> (StatusCode, String) {
    match path {
        "/_ping" => (StatusCode::OK, "OK".to_owned()),
        "/version" => (StatusCode::OK, words::VERSION.to_owned()),
        "/info" => (StatusCode::OK, words::INFO.to_owned()),
        "/containers/json" => (StatusCode::OK, shared.control.with(|world| list(world))),
        _ => {
            let found = path.strip_prefix("/containers/").and_then(|rest| rest.split_once('/'));
            let found = found.and_then(|(id, what)| Some((ContainerId::try_new(id)?, what)));
            let Some((id, what)) = found else {
                return (StatusCode::NOT_FOUND, r#"{"message":"page not found"}"#.to_owned());
            };
            of_container(&id, what, shared)
        }
    }
}

fn list(world: &World) -> String {
    let Listing { containers, .. } = world.listing(&Wanted::default());
    let now = world.now().wall;
    let entries = containers.iter().map(|entry| {
        let details = world.details(&entry.id, &Wanted::default()).ok();
        words::listed(entry, details.and_then(|d| d.started_at), now)
    });
    serde_json::Value::Array(entries.collect()).to_string()
}

fn of_container(id: &ContainerId, what: &str, shared: &Shared) -> (StatusCode, String) {
    let wanted = Wanted::default();
    let answer = match what {
        "json" => shared.control.with(|world| world.details(id, &wanted)).map(|d| words::inspected(id.as_str(), &d)),
        "stats" => shared
            .control
            .with(|world| world.sample(id, &wanted))
            .map(|sample| words::stats(id.as_str(), &sample, shared.watcher.usage(id))),
        _ => return (StatusCode::NOT_FOUND, r#"{"message":"page not found"}"#.to_owned()),
    };
    match answer {
        Ok(body) => (StatusCode::OK, body.to_string()),
        Err(EngineError::NoData) => (StatusCode::OK, words::NO_NUMBERS.to_owned()),
        Err(error) => {
            let status = error.status().and_then(|s| StatusCode::from_u16(s).ok()).unwrap_or_default();
            (status, serde_json::json!({ "message": error.to_string() }).to_string())
        }
    }
}

async fn events(shared: &Arc<Shared>) -> Response<Body> {
    let forbidden = shared.events_forbidden.load(Ordering::Relaxed);
    let Some(events) = shared.engine.events().await.ok().filter(|_| !forbidden) else {
        let mut response = Response::new(Full::new(Bytes::from_static(b"{\"message\":\"Forbidden\"}")).boxed_unsync());
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    };
    let cut = shared.clone();
    // One that missed some is cut off, as an engine does with slow readers.
    let lines = events.scan((), |(), event| std::future::ready(event.ok().flatten().map(|event| words::event(&event))));
    let lines = lines.take_until(async move { cut.cut_events.notified().await });
    let body = StreamBody::new(lines.map(|line| Ok(Frame::data(Bytes::from(line)))));
    Response::new(body.boxed_unsync())
}
