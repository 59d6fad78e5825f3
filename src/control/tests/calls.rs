//! Calls over a real socket, to a board that is really told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::once;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_response::MessageResponse};
use tracing::Level;

use super::made::Maker;
use crate::control::channel::Channel;
use crate::control::client::unconnected;
use crate::control::v1::control_service_client::ControlServiceClient;
use crate::control::{
    Address, Client, Described, Ending, Error, NoContainer, Operations, Probed, Reloaded, Server, UnknownEngine, v1,
};
use crate::model::time::{Clock, Now};
use crate::status::{Agent, Board, EngineNews, Handle, Note, Totals, Whom};

/// An agent that notes what it is asked, and answers from a script.
#[derive(Default)]
struct Scripted {
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }
}

#[async_trait]
impl Operations for Scripted {
    async fn probe(&self, engine: Option<&str>) -> Result<Vec<Probed>, UnknownEngine> {
        self.note(format!("probe {engine:?}"));
        match engine {
            Some("lost") => Err(UnknownEngine { known: vec!["local".into()] }),
            _ => Ok(vec![
                Probed { engine: "local".into(), outcome: Ok(Maker::new(3).probe()) },
                Probed { engine: "far".into(), outcome: Err("refused".into()) },
            ]),
        }
    }

    async fn flush(&self, within: Duration) -> bool {
        self.note(format!("flush {within:?}"));
        within > Duration::from_secs(1)
    }

    async fn reload(&self) -> Result<Reloaded, Ending> {
        Ok(Reloaded { applied: true, changed: vec!["interval".into()], ..Reloaded::default() })
    }

    async fn set_log_level(&self, level: Level) -> Level {
        self.note(format!("log level {level}"));
        Level::INFO
    }

    async fn container(&self, text: &str) -> Result<Described, NoContainer> {
        let whom = |id: &str| Whom { id: id.into(), name: "web\u{1b}[2J".into() };
        match text {
            "web" => Ok(Described { row: Maker::new(1).container(), report: Maker::new(2).report() }),
            "ab" => Err(NoContainer::Several(vec![whom("ab1"), whom("ab2")])),
            _ => Err(NoContainer::Unknown),
        }
    }
}

/// A server on a socket, and what it serves.
struct Rig {
    _folder: TempDir,
    address: Address,
    board: Handle,
    agent: Arc<Scripted>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "the server runs beside the test")]
async fn serve(at: impl FnOnce(&TempDir) -> Address) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::bind(&at(&folder)).await.unwrap();
    let agent = Agent { version: "1.2.3".into(), ..Agent::default() };
    let board = Handle::new(agent, Clock::start(), Totals::default);
    board.tell(|board| board.engine("local".into(), "unix:///s".into()));
    let (stop, stopped) = oneshot::channel();
    let (address, agent) = (server.address(), Arc::new(Scripted::default()));
    let end = async {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(server.serve(board.clone(), agent.clone(), end));
    Rig { _folder: folder, address, board, agent, stop, serving }
}

async fn rig() -> Rig {
    serve(|folder| Address::Unix(folder.path().join("control.sock"))).await
}

impl Rig {
    async fn client(&self) -> Client {
        Client::connect(&self.address).await.unwrap()
    }

    async fn channel(&self) -> Channel {
        match &self.address {
            Address::Unix(path) => Channel::open(Box::new(UnixStream::connect(path).await.unwrap())).await,
            Address::Tcp(to) => Channel::open(Box::new(TcpStream::connect(to).await.unwrap())).await,
        }
        .unwrap()
    }

    async fn raw(&self) -> ControlServiceClient<Channel> {
        self.raw_as("http://localhost").await
    }

    async fn raw_as(&self, origin: &'static str) -> ControlServiceClient<Channel> {
        ControlServiceClient::with_origin(self.channel().await, http::Uri::from_static(origin))
    }

    fn say(&self, text: &str) {
        self.board.tell(|board| board.note(Note { text: text.into(), ..Note::default() }));
    }
}

async fn limited<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.unwrap()
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> S::Item {
    limited(stream.next()).await.unwrap()
}

const FAST: Duration = Duration::from_millis(50);

#[tokio::test]
async fn status_and_snapshot_are_what_the_board_shows() {
    let rig = rig().await;
    let (status, snapshot) = (rig.client().await.status().await.unwrap(), rig.client().await.snapshot().await.unwrap());
    let shown = rig.board.since(0);
    for told in [status, snapshot] {
        assert_eq!(crate::status::Delta { at: shown.at, ..told }, shown);
    }
}

#[tokio::test]
async fn a_watcher_is_told_everything_then_what_changes_and_can_go_on_from_where_it_was() {
    let rig = rig().await;
    let client = rig.client().await;
    let mut deltas = Box::pin(client.watch(0, FAST).await.unwrap());
    let first = next(&mut deltas).await.unwrap();
    assert!(first.whole && &*first.agent.version == "1.2.3");
    rig.say("one");
    let second = next(&mut deltas).await.unwrap();
    assert_eq!(second.notes.iter().map(|n| &*n.text).collect::<Vec<_>>(), ["one"]);
    assert!(!second.whole && second.revision > first.revision);
    rig.say("two");
    let mut again = Box::pin(rig.client().await.watch(first.revision, FAST).await.unwrap());
    let missed = next(&mut again).await.unwrap();
    assert_eq!(missed.notes.iter().map(|n| &*n.text).collect::<Vec<_>>(), ["one", "two"]);
}

#[tokio::test]
async fn a_watcher_that_does_not_read_gets_one_large_answer_instead_of_many() {
    let rig = rig().await;
    let client = rig.client().await;
    let mut deltas = Box::pin(client.watch(0, FAST).await.unwrap());
    next(&mut deltas).await.unwrap();
    let long = "x".repeat(10_000);
    for _ in 0..400 {
        rig.say(&long);
        tokio::task::yield_now().await;
    }
    let mut told = 0;
    let mut answers = 0;
    while told < crate::status::NOTES {
        told += next(&mut deltas).await.unwrap().notes.len();
        answers += 1;
    }
    assert!(answers < 40, "{answers} answers for 400 changes");
}

#[tokio::test]
async fn the_end_of_the_agent_ends_a_watch_at_once_with_the_last_change() {
    let rig = rig().await;
    let client = rig.client().await;
    let mut deltas = Box::pin(client.watch(0, Duration::from_secs(60)).await.unwrap());
    next(&mut deltas).await.unwrap();
    rig.say("last words");
    let clock = Clock::start();
    let began = clock.now().mono;
    rig.stop.send(()).unwrap();
    let last = next(&mut deltas).await.unwrap();
    assert_eq!(&*last.notes[0].text, "last words");
    assert!(matches!(next(&mut deltas).await, Err(Error::Ended { .. })));
    limited(rig.serving).await.unwrap();
    let took = clock.now().mono.since(began);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let Address::Unix(path) = &rig.address else { panic!("a socket") };
    assert!(!path.exists());
    assert!(matches!(Client::connect(&rig.address).await, Err(Error::NoAgent { .. })));
}

#[tokio::test]
async fn wishes_reach_the_agent_and_its_answers_come_back() {
    let rig = rig().await;
    let mut calls = rig.raw().await;
    let probed = calls.probe(v1::ProbeRequest { engine: "local".into() }).await.unwrap().into_inner();
    assert_eq!(probed.probes[0].probe, Some(Maker::new(3).probe().into()));
    assert_eq!(probed.probes[1].error.as_deref(), Some("refused"));
    assert!(calls.flush(v1::FlushRequest { timeout_seconds: 2.5 }).await.unwrap().into_inner().flushed);
    assert!(!calls.flush(v1::FlushRequest { timeout_seconds: 0.5 }).await.unwrap().into_inner().flushed);
    let reloaded = calls.reload(v1::ReloadRequest {}).await.unwrap().into_inner();
    assert!(reloaded.applied && reloaded.changed == ["interval"]);
    let level = calls.set_log_level(v1::SetLogLevelRequest { level: v1::LogLevel::Debug.into() }).await.unwrap();
    assert_eq!(level.into_inner().previous(), v1::LogLevel::Info);
    let asked = rig.agent.asked.lock().unwrap().join(", ");
    assert_eq!(asked, "probe Some(\"local\"), flush 2.5s, flush 500ms, log level DEBUG");
}

#[tokio::test]
async fn nonsense_is_refused_with_what_would_make_sense() {
    let rig = rig().await;
    let mut calls = rig.raw().await;
    let check = |status: tonic::Status, code, word: &str| {
        assert!(status.code() == code && status.message().contains(word), "{status:?}");
    };
    let unknown = calls.probe(v1::ProbeRequest { engine: "lost".into() }).await.unwrap_err();
    check(unknown, Code::NotFound, "no engine is called lost; there are local");
    for timeout_seconds in [-1.0, f64::NAN, f64::INFINITY] {
        let refused = calls.flush(v1::FlushRequest { timeout_seconds }).await.unwrap_err();
        check(refused, Code::InvalidArgument, "timeout_seconds");
    }
    let refused = calls.set_log_level(v1::SetLogLevelRequest { level: 77 }).await.unwrap_err();
    check(refused, Code::InvalidArgument, "LOG_LEVEL_ERROR");
    let refused = calls.watch(v1::WatchRequest { revision: 0, min_interval_seconds: -2.0 }).await.unwrap_err();
    check(refused, Code::InvalidArgument, "min_interval_seconds");
    let list = v1::ListContainersRequest { engine: "lost".into(), ..Default::default() };
    check(calls.list_containers(list).await.unwrap_err(), Code::InvalidArgument, "there are local");
    for container in [String::new(), "x".repeat(600)] {
        let refused = calls.get_container(v1::GetContainerRequest { container }).await.unwrap_err();
        check(refused, Code::InvalidArgument, "a name, an id");
    }
    let large = v1::ProbeRequest { engine: "x".repeat(100_000) };
    let status = calls.probe(large).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
}

#[tokio::test]
async fn a_container_is_told_whole_and_one_that_is_not_clear_is_named() {
    let rig = rig().await;
    let client = rig.client().await;
    let told = client.container("web").await.unwrap();
    assert_eq!(told, Described { row: Maker::new(1).container(), report: Maker::new(2).report() });
    assert!(matches!(client.container("wbe").await, Err(Error::NotFound(text)) if text.contains("wbe")));
    let Err(Error::Refused(text)) = client.container("ab").await else { panic!("it is not clear") };
    assert!(text.contains("ab1") && text.contains("ab2") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let rig = rig().await;
    let origin = http::Uri::from_static("http://localhost");
    let mut health = HealthClient::with_origin(rig.channel().await, origin.clone());
    for service in ["", "dockpulse.control.v1.ControlService"] {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap();
        assert_eq!(answer.into_inner().status, 1, "{service} serves");
    }
    let mut reflection = ServerReflectionClient::with_origin(rig.channel().await, origin);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = reflection.server_reflection_info(once(list)).await.unwrap().into_inner();
    let answer = next(&mut answers).await.unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(
        names.contains(&"dockpulse.control.v1.ControlService") && names.contains(&"grpc.health.v1.Health"),
        "{names:?}"
    );
}

#[tokio::test]
async fn over_a_port_only_the_names_of_this_host_are_answered() {
    let rig = serve(|_| Address::Tcp(([127, 0, 0, 1], 0).into())).await;
    assert!(rig.client().await.status().await.is_ok());
    for origin in ["http://localhost:9798", "http://127.0.0.1", "http://[::1]:1"] {
        assert!(rig.raw_as(origin).await.get_status(v1::GetStatusRequest {}).await.is_ok(), "{origin}");
    }
    for origin in ["http://evil.example", "http://localhost.evil.example:9798", "http://10.0.0.1"] {
        let status = rig.raw_as(origin).await.get_status(v1::GetStatusRequest {}).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{origin}");
    }
    let mut request = tonic::Request::new(v1::GetStatusRequest {});
    request.metadata_mut().insert("origin", "http://localhost:9798".parse().unwrap());
    let status = rig.raw().await.get_status(request).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "a page is not answered");
}

#[tokio::test]
async fn who_is_there_and_no_agent_is_told_apart_from_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Address::Unix(folder.path().join("none"));
    let error = Client::connect(&nobody).await.unwrap_err();
    assert!(
        matches!(error, Error::NoAgent { .. }) && error.to_string().contains("is `dockpulse run` running"),
        "{error}"
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = Address::Tcp(listener.local_addr().unwrap());
    let talk = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example ESMTP\r\n").await.unwrap();
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        () = talk => panic!("it goes on"),
        error = limited(async {
            match Client::connect(&other).await {
                Ok(client) => client.status().await.map(drop).unwrap_err(),
                Err(error) => error,
            }
        }) => error,
    };
    assert!(error.to_string().contains("control API") || error.to_string().contains("has ended"), "{error}");
}

#[tokio::test]
async fn an_engine_that_fails_is_seen_by_a_watcher() {
    let rig = rig().await;
    let mut deltas = Box::pin(rig.client().await.watch(0, FAST).await.unwrap());
    let engine = next(&mut deltas).await.unwrap().engines[0].id;
    let now = Now::default();
    let failed = EngineNews::Failed("connection refused".into(), Duration::from_secs(4));
    rig.board.tell(|board: &mut Board| board.happened(engine, failed, now));
    let row = next(&mut deltas).await.unwrap().engines.remove(0);
    assert_eq!((row.up, row.error.as_deref()), (Some(false), Some("connection refused")));
}

#[tokio::test]
async fn who_connects_and_says_nothing_does_not_keep_a_place() {
    let rig = rig().await;
    let Address::Unix(path) = &rig.address else { panic!("a socket") };
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(UnixStream::connect(path).await.unwrap());
    }
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    assert!(limited(async { rig.client().await.status().await }).await.is_ok());
}

#[test]
fn whose_the_socket_is_that_may_not_be_opened_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&file.as_file().metadata().unwrap());
    let address = Address::Unix(file.path().to_owned());
    let error = unconnected(&address, std::io::ErrorKind::PermissionDenied.into());
    assert!(error.to_string().contains(&format!("user {owner}'s")), "{error}");
}
