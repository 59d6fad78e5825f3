//! Docker (or Podman) behind a socket.
//!
//! One transport serves both ways of reading: bollard asks for what is rare and typed (`/version`, `/info`) through
//! it, and the hot endpoints are read here with a cap on the body and a lenient decoder, because bollard fails a whole
//! list for one unknown word, has no cap, and ends its deadline at the headers. Deadlines are the caller's and cover
//! the whole answer.

use std::sync::RwLock;
use std::time::Duration;

use bollard::{BollardRequest, Docker};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::failure::{Peer, deepest};
use super::introduction::introduction;
use super::podman::Podman;
use super::sockets::Socket;
use super::stream::{Room, Streams};
use super::wire::{Address, Dialer};
use super::{Engine, Events, decode, events, ssh};
use crate::model::container::{ContainerId, Details, Listing};
use crate::model::engine::{Answer, ApiVersion, EngineError, EngineInfo, Source, Wanted};
use crate::model::sample::{Filesystem, Sample};
use crate::model::time::{Clock, UnixNanos};

/// The largest list that is read: about 70,000 containers.
pub const LIST_CAP: usize = 64 << 20;
/// The largest stats answer that is read; a usual one has 2 KB.
pub const STATS_CAP: usize = 256 << 10;
pub(super) const STATS_PATH: &str = "/containers/{id}/stats";
/// The largest inspect answer that is read: labels and variables may be many.
pub const INSPECT_CAP: usize = 16 << 20;
/// The largest answer of bollard's calls, and how long these may take: the engine does without them.
const INFO_CAP: usize = 4 << 20;
const INFO_TIMEOUT: Duration = Duration::from_secs(2);
/// The same over ssh, where each of them logs in anew.
const INFO_TIMEOUT_SSH: Duration = Duration::from_secs(6);
/// Errors are read so far.
const MESSAGE_CAP: usize = 4 << 10;
/// Idle connections that are kept: as many as are used at once at first. With fewer, every tenth call makes one anew,
/// because a call that finds none idle opens one while others come back.
const IDLE: usize = 64;
/// An idle connection over ssh costs processes on both sides: as many as are used at once, and not for long.
const IDLE_SSH: (usize, Duration) = (ssh::CALLS, Duration::from_secs(60));

/// An engine that is reached over HTTP.
pub struct DockerEngine {
    peer: Peer,
    /// Bounds the calls at once where each costs more than a connection.
    calls: Option<Semaphore>,
    http: Client<Dialer, Empty<Bytes>>,
    typed: Docker,
    fixed: Option<ApiVersion>,
    spoken: RwLock<Option<ApiVersion>>,
    podman: RwLock<Option<Podman>>,
    streams: Streams,
}

impl DockerEngine {
    /// An engine at `address`, which `endpoint` says in words. Nothing is connected yet. `api` is the API version to
    /// speak; without it, it is negotiated.
    ///
    /// # Errors
    /// When the endpoint cannot stand in a URL.
    pub fn new(endpoint: &str, address: Address, api: Option<ApiVersion>) -> Answer<Self> {
        let is_ssh = matches!(address, Address::Ssh(_));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE);
        if is_ssh {
            builder.pool_max_idle_per_host(IDLE_SSH.0).pool_idle_timeout(IDLE_SSH.1).pool_timer(TokioTimer::new());
        }
        let http = builder.build(Dialer::new(address.clone(), None));
        let limited = Dialer::new(address.clone(), Some(INFO_CAP));
        let limited: Client<_, Empty<Bytes>> = builder.pool_max_idle_per_host(0).build(limited);
        let transport = move |request: BollardRequest| {
            // What is asked for through it is GET, which has no body: so one kind of client is enough for all.
            let answer = limited.request(request.map(|_| Empty::new()));
            async move { answer.await.map_err(bollard::errors::Error::from) }
        };
        let typed = Docker::connect_with_custom_transport(
            transport,
            Some("http://engine"),
            if is_ssh { INFO_TIMEOUT_SSH } else { INFO_TIMEOUT }.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|e| refused(endpoint, &e.to_string()))?;
        Ok(Self {
            peer: Peer { endpoint: endpoint.into(), address, sockets: Vec::new() },
            calls: is_ssh.then(|| Semaphore::new(ssh::CALLS)),
            http,
            typed,
            fixed: api,
            spoken: RwLock::new(None),
            podman: RwLock::new(None),
            streams: Streams::new(Clock::start(), Room::of_process()),
        })
    }

    /// Names `sockets` to the user, those of them that are there, when the engine's own is missing.
    #[must_use]
    pub fn with_sockets(mut self, sockets: Vec<Socket>) -> Self {
        self.peer.sockets = sockets;
        self
    }

    /// Its clock, to the second, as it stands in the head of an answer; `None` if it does not tell.
    ///
    /// # Errors
    /// When there is no answer, or it is an error.
    pub async fn date(&self) -> Answer<Option<UnixNanos>> {
        let _turn = self.turn(1).await;
        let answer = self.get("/_ping", "/_ping").await?;
        let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let at = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let since = at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(since.and_then(|since| u64::try_from(since.as_nanos()).ok()).map(UnixNanos))
    }

    /// Waits until `connections` more may be used. `None` where there is no bound.
    async fn turn(&self, connections: u32) -> Option<SemaphorePermit<'_>> {
        self.calls.as_ref()?.acquire_many(connections).await.ok()
    }

    /// The answer's head; a status other than 200 is an error that carries the engine's words.
    async fn get(&self, path: &'static str, target: &str) -> Answer<http::Response<Incoming>> {
        let request = http::Request::get(format!("http://engine{target}"))
            .header(http::header::HOST, "engine")
            .header(http::header::USER_AGENT, concat!("dockpulse/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new());
        let request = request.map_err(|e| EngineError::Broken { path, cause: e.to_string().into() })?;
        let response = self.http.request(request).await.map_err(|e| self.peer.call(path, &e))?;
        self.peer.answered();
        let status = response.status();
        if status == http::StatusCode::OK {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), MESSAGE_CAP).collect().await;
        let message = body.map(|b| decode::message(&b.to_bytes())).unwrap_or_default();
        Err(self.peer.status(path, status.as_u16(), message))
    }

    /// The whole answer, up to `limit` bytes.
    async fn read(&self, path: &'static str, target: &str, limit: usize) -> Answer<BytesMut> {
        let mut body = self.get(path, target).await?.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| self.peer.body(path, &e))?;
            let data = frame.data_ref().map_or(&[][..], |d| d);
            if bytes.len() + data.len() > limit {
                return Err(EngineError::TooLarge { path, limit });
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }

    /// The same for calls about single containers, of which many are made: where each is dear, some wait.
    async fn read_in_turn(&self, path: &'static str, target: &str, limit: usize) -> Answer<BytesMut> {
        let _turn = self.turn(1).await;
        self.read(path, target, limit).await
    }

    fn target(&self, path: &str) -> String {
        let spoken = self.spoken.read().ok().and_then(|v| *v);
        match self.fixed.or(spoken) {
            Some(version) => format!("/v{version}{path}"),
            None => path.to_owned(),
        }
    }

    fn podman(&self) -> Option<Podman> {
        self.podman.read().ok().and_then(|p| *p)
    }

    async fn find_out(&self) -> Answer<EngineInfo> {
        let _turn = self.turn(3).await;
        let ping = self.get("/_ping", "/_ping").await;
        // An error that it answers is no reason to give up: the list decides.
        if let Err(error) = &ping
            && error.status().is_none()
        {
            return Err(error.clone());
        }
        let (version, info) = futures_util::future::join(self.typed.version(), self.typed.info()).await;
        let (version_withheld, info_withheld) = (withheld("/version", &version), withheld("/info", &info));
        let headers = ping.as_ref().ok().map(http::Response::headers);
        let it = introduction(headers, version.unwrap_or_default(), info.unwrap_or_default());
        if let (Ok(mut v), Ok(mut p)) = (self.spoken.write(), self.podman.write()) {
            (*v, *p) = (it.spoken, it.podman);
        }
        Ok(EngineInfo { api: self.fixed.unwrap_or(it.info.api), version_withheld, info_withheld, ..it.info })
    }
}

impl Engine for DockerEngine {
    fn connect(&self) -> BoxFuture<'_, Answer<EngineInfo>> {
        self.find_out().boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Answer<()>> {
        async {
            let _turn = self.turn(1).await;
            self.get("/_ping", "/_ping").await.map(drop)
        }
        .boxed()
    }

    fn list(&self, wanted: &Wanted) -> BoxFuture<'_, Answer<Listing>> {
        const PATH: &str = "/containers/json";
        let wanted = wanted.clone();
        async move {
            // Never in turn: containers that hang may have all the turns, and a list that is late fails the engine.
            let body = self.read(PATH, &self.target("/containers/json?all=1"), LIST_CAP).await?;
            decode::list(&body, &wanted).map_err(|e| unreadable(PATH, &e))
        }
        .boxed()
    }

    fn inspect(&self, id: &ContainerId, wanted: &Wanted) -> BoxFuture<'_, Answer<Details>> {
        const PATH: &str = "/containers/{id}/json";
        let target = self.target(&format!("/containers/{}/json", id.as_str()));
        let wanted = wanted.clone();
        async move {
            let body = self.read_in_turn(PATH, &target, INSPECT_CAP).await?;
            decode::inspect(&body, &wanted).map_err(|e| unreadable(PATH, &e))
        }
        .boxed()
    }

    fn stats(&self, id: &ContainerId, source: Source, wanted: &Wanted) -> BoxFuture<'_, Answer<Sample>> {
        let how = match source {
            Source::OneShot => "stream=false&one-shot=true",
            Source::TwoSample => "stream=false",
            Source::Stream { .. } => "stream=true",
        };
        let target = self.target(&format!("/containers/{}/stats?{how}", id.as_str()));
        let (id, detail) = (id.clone(), wanted.detail);
        async move {
            let decode = |body: &[u8]| {
                let mut sample = sample(body, detail)?;
                if let Some(podman) = self.podman() {
                    podman.correct(&mut sample);
                }
                Ok(sample)
            };
            if let Source::Stream { every } = source {
                let open = || async { Ok(self.get(STATS_PATH, &target).await?.into_body()) };
                return self.streams.sample(&id, every, open, decode).await;
            }
            decode(&self.read_in_turn(STATS_PATH, &target, STATS_CAP).await?)
        }
        .boxed()
    }

    fn release(&self, id: &ContainerId) {
        self.streams.release(id);
    }

    fn release_all(&self) {
        self.streams.release_all();
    }

    fn samples_dropped(&self) -> u64 {
        self.streams.take_dropped()
    }

    fn filesystem(&self, id: &ContainerId) -> BoxFuture<'_, Answer<Filesystem>> {
        const PATH: &str = "/containers/{id}/json?size=1";
        let target = self.target(&format!("/containers/{}/json?size=1", id.as_str()));
        async move {
            // Not in turn either: it may take minutes, and there is one at most.
            let body = self.read(PATH, &target, INSPECT_CAP).await?;
            decode::filesystem(&body).map_err(|e| unreadable(PATH, &e))
        }
        .boxed()
    }

    fn events(&self) -> BoxFuture<'_, Answer<Events>> {
        const PATH: &str = "/events";
        let target = self.target(&events::target(self.podman().is_some()));
        async move {
            let body = self.get(PATH, &target).await?.into_body();
            let frames = body.into_data_stream().map(|frame| frame.map_err(|e| broken(PATH, &e)));
            Ok(events::read(frames).boxed())
        }
        .boxed()
    }

    fn endpoint(&self) -> &str {
        &self.peer.endpoint
    }
}

fn refused(endpoint: &str, cause: &str) -> EngineError {
    EngineError::Connect { endpoint: endpoint.into(), cause: cause.into(), mend: "".into() }
}

/// Reads a stats answer.
fn sample(body: &[u8], detail: bool) -> Answer<Sample> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(EngineError::NoData);
    }
    decode::stats(body, detail).map_err(|e| unreadable(STATS_PATH, &e))?.ok_or(EngineError::NoData)
}

pub(super) fn broken(path: &'static str, error: &(dyn std::error::Error + 'static)) -> EngineError {
    EngineError::Broken { path, cause: deepest(error).into() }
}

/// The refusal, if whoever guards the engine does not let this call of bollard's through.
fn withheld<T>(path: &'static str, answer: &Result<T, bollard::errors::Error>) -> Option<EngineError> {
    use bollard::errors::Error::DockerResponseServerError;
    let Err(DockerResponseServerError { status_code, message }) = answer else { return None };
    let error = EngineError::Status { path, status: *status_code, message: decode::message(message.as_bytes()) };
    error.is_forbidden().then_some(error)
}

/// Says where the reader stopped; the text itself may hold secrets and is not repeated.
fn unreadable(path: &'static str, error: &serde_json::Error) -> EngineError {
    let (line, column) = (error.line(), error.column());
    let what = match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "no JSON",
        serde_json::error::Category::Data => "of another shape",
        serde_json::error::Category::Eof => "cut off",
    };
    let mend = if (line, column) <= (1, 1) { "; is this a Docker engine?" } else { "" };
    EngineError::Decode { path, cause: format!("{what} at line {line} column {column}{mend}").into() }
}
