//! A Docker engine on a unix socket that does as a test tells it: containers come and go, and every call can fail in
//! every way in which a socket can.
#![expect(clippy::unwrap_used, reason = "a fake fails loudly")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockpulse::model::time::Clock;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinSet;

use super::container::Container;
use super::pace::Pace;
use super::replies::{Reply, serve};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Ping,
    Version,
    Info,
    List,
    Inspect,
    Stats,
    Events,
}

/// How an answer goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// None comes.
    Hang,
    /// Its head comes and a part of its body, and then nothing.
    Silent,
    /// The connection ends instead.
    Cut,
    /// The connection ends in the middle of the body.
    CutBody,
    /// It has this status and these words.
    Status(u16, &'static str),
    /// Its body is this one.
    Body(Vec<u8>),
    /// Its body is this one, encoded as the first says.
    Encoded(&'static str, Vec<u8>),
    /// It has no end.
    Endless(&'static [u8]),
    /// It comes later.
    Slow(Duration),
}

/// The engine; it ends when it is dropped.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    socket: PathBuf,
    listening: Option<JoinSet<()>>,
    _folder: TempDir,
    _pace: Arc<Pace>,
}

/// What it is, and what it was asked.
pub(crate) struct State {
    pub(crate) containers: Vec<Container>,
    /// Entries of the list as they are.
    pub(crate) odd_entries: Vec<String>,
    /// The oldest and newest version of the API: 1.…
    pub(crate) api: (u16, u16),
    pub(crate) ping_headers: String,
    pub(crate) version: String,
    pub(crate) info: String,
    /// Whether what happens is told as an event.
    pub(crate) tells: bool,
    /// The targets that were asked for.
    pub(crate) asked: Vec<String>,
    rules: Vec<(Call, Option<String>, Fault)>,
    out: HashMap<String, usize>,
    /// The most requests for one target at once.
    pub(crate) most_out: HashMap<String, usize>,
    made: u64,
}

pub(crate) struct Shared {
    pub(super) state: Mutex<State>,
    changed: watch::Sender<u64>,
    pub(super) events: broadcast::Sender<String>,
    cut: Notify,
    pub(super) cut_events: Notify,
    open: AtomicUsize,
    pub(super) sent: AtomicU64,
}

impl Engine {
    /// One that listens; it has no containers.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State {
            containers: Vec::new(),
            odd_entries: Vec::new(),
            api: (24, 51),
            ping_headers: "Server: Docker/28.5.2 (linux)\r\n".to_owned(),
            version: r#"{"Version":"28.5.2","ApiVersion":"1.{max}","MinAPIVersion":"1.{min}","Components":[{"Name":"Engine","Version":"28.5.2"}]}"#.to_owned(),
            info: r#"{"Name":"host-1","Architecture":"x86_64","MemTotal":8000000000,"ServerVersion":"28.5.2"}"#.to_owned(),
            tells: true,
            asked: Vec::new(),
            rules: Vec::new(),
            out: HashMap::new(),
            most_out: HashMap::new(),
            made: 0,
        };
        let shared = Shared {
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            events: broadcast::Sender::new(16_384),
            cut: Notify::new(),
            cut_events: Notify::new(),
            open: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        };
        let socket = folder.path().join("docker.sock");
        let mut engine =
            Self { shared: Arc::new(shared), socket, listening: None, _folder: folder, _pace: Pace::keep() };
        engine.listen();
        engine
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Listens on a new socket at the same path.
    pub(crate) fn listen(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, self.shared.clone()));
        self.listening = Some(tasks);
    }

    /// Nobody listens any more, and all connections end. The socket's file stays.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut tasks) = self.listening.take() {
            tasks.shutdown().await;
        }
        self.shared.cut.notify_waiters();
    }

    /// Looks at what it is and what it was asked, or changes it.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.shared.state.lock().unwrap())
    }

    /// All such calls go wrong from now on, or those for one container; an earlier fault of theirs is over.
    pub(crate) fn fail(&self, call: Call, container: Option<&str>, fault: Fault) {
        self.heal(call);
        self.with(|state| state.rules.push((call, container.map(str::to_owned), fault)));
    }

    /// Nothing is wrong with such calls any more. Those that hang, hang on.
    pub(crate) fn heal(&self, call: Call) {
        self.with(|state| state.rules.retain(|(of, ..)| *of != call));
    }

    /// A container runs.
    pub(crate) fn run(&self, name: &str) {
        let id = self.with(|state| {
            state.made += 1;
            let container = Container::new(name, state.made);
            let id = container.id.clone();
            state.containers.push(container);
            id
        });
        self.tell("create", &id, "");
        self.tell("start", &id, "");
    }

    /// Does something to a container.
    pub(crate) fn change(&self, name: &str, how: impl FnOnce(&mut Container)) -> String {
        self.with(|state| {
            let container = state.containers.iter_mut().find(|c| c.name == name).unwrap();
            how(container);
            container.id.clone()
        })
    }

    /// It runs again: its counters begin anew.
    pub(crate) fn restart(&self, name: &str) {
        let id = self.change(name, Container::restart);
        self.tell("die", &id, "0");
        self.tell("start", &id, "");
    }

    pub(crate) fn rename(&self, name: &str, new: &str) {
        let id = self.change(name, |c| new.clone_into(&mut c.name));
        self.tell("rename", &id, "");
    }

    pub(crate) fn remove(&self, name: &str) {
        let id = self.change(name, |_| ());
        self.with(|state| state.containers.retain(|c| c.id != id));
        self.tell("die", &id, "137");
        self.tell("destroy", &id, "");
    }

    fn tell(&self, action: &str, id: &str, code: &str) {
        let line = format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"exitCode":"{code}"}}}}}}"#
        );
        if self.with(|state| state.tells) {
            self.say(&line);
        }
    }

    /// A line of the event stream.
    pub(crate) fn say(&self, line: &str) {
        // Nobody has to listen.
        let _ = self.shared.events.send(format!("{line}\n"));
    }

    /// Ends all event streams.
    pub(crate) fn cut_events(&self) {
        self.shared.cut_events.notify_waiters();
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many bytes of endless answers were taken.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// How often a target with these words was asked for.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.with(|state| state.asked.iter().filter(|target| target.contains(words)).count())
    }

    /// Waits until it holds.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let all = async {
            while !holds(self) {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), all).await.is_err() {
            let asked = self.with(|state| state.asked.iter().rev().take(20).cloned().collect::<Vec<_>>());
            panic!("{what}: not within 30 s; {} connections, last asked: {asked:#?}", self.open());
        }
    }

    /// Waits until it was asked for so many more lists.
    pub(crate) async fn lists(&self, more: usize) {
        let before = self.count("/containers/json");
        self.until("lists", |engine| engine.count("/containers/json") >= before + more).await;
    }
}

impl Shared {
    pub(super) fn changed(&self) {
        self.changed.send_modify(|n| *n += 1);
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        let shared = shared.clone();
        connections.spawn(async move {
            shared.open.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                () = serve(socket, &shared) => {}
                () = shared.cut.notified() => {}
            }
            shared.open.fetch_sub(1, Ordering::Relaxed);
            shared.changed();
        });
    }
}

impl State {
    pub(super) fn ask(&mut self, target: &str) -> Reply {
        self.asked.push(target.to_owned());
        let out = self.out.entry(target.to_owned()).or_default();
        *out += 1;
        let most = self.most_out.entry(target.to_owned()).or_default();
        *most = (*most).max(*out);
        let (version, path) = match target.strip_prefix("/v1.").and_then(|rest| rest.split_once('/')) {
            Some((minor, path)) => (minor.parse().ok(), format!("/{path}")),
            None => (None, target.to_owned()),
        };
        if let Some(refusal) = version.and_then(|minor| self.refuses(minor)) {
            return refusal;
        }
        let path = path.split('?').next().unwrap();
        let (call, id) = match path {
            "/_ping" => (Call::Ping, ""),
            "/version" => (Call::Version, ""),
            "/info" => (Call::Info, ""),
            "/containers/json" => (Call::List, ""),
            "/events" => (Call::Events, ""),
            other => match other.strip_prefix("/containers/").and_then(|rest| rest.split_once('/')) {
                Some((id, "json")) => (Call::Inspect, id),
                Some((id, "stats")) => (Call::Stats, id),
                _ => panic!("the engine is asked for {target}"),
            },
        };
        self.reply(call, id)
    }

    /// The words of Docker 29 and 28 about a version that they do not speak.
    fn refuses(&self, minor: u16) -> Option<Reply> {
        let (min, max) = self.api;
        let words = if minor < min {
            format!(
                "client version 1.{minor} is too old. Minimum supported API version is 1.{min}, please upgrade your client to a newer version\n"
            )
        } else if minor > max {
            format!(r#"{{"message":"client version 1.{minor} is too new. Maximum supported API version is 1.{max}"}}"#)
        } else {
            return None;
        };
        Some(Reply::Whole(400, String::new(), words.into_bytes()))
    }

    fn reply(&mut self, call: Call, id: &str) -> Reply {
        let (min, max) = (self.api.0.to_string(), self.api.1.to_string());
        let versions = |text: &str| text.replace("{min}", &min).replace("{max}", &max).into_bytes();
        let container = self.containers.iter_mut().find(|c| c.id == id);
        let name = container.as_ref().map(|c| c.name.clone());
        let (status, body) = match (call, container) {
            (Call::Ping, _) => (200, b"OK".to_vec()),
            (Call::Version, _) => (200, versions(&self.version)),
            (Call::Info, _) => (200, versions(&self.info)),
            (Call::List, _) => {
                let made = self.containers.iter().map(Container::listed).chain(self.odd_entries.iter().cloned());
                (200, format!("[{}]", made.collect::<Vec<_>>().join(",")).into_bytes())
            }
            (Call::Inspect, Some(c)) => (200, c.inspected().into_bytes()),
            (Call::Stats, Some(c)) => (200, c.sampled()),
            (Call::Inspect | Call::Stats, None) => (404, br#"{"message":"No such container"}"#.to_vec()),
            (Call::Events, _) => (200, Vec::new()),
        };
        let of = |of: &Option<String>| of.is_none() || *of == name;
        let fault = self.rules.iter().find(|(faulty, whose, _)| *faulty == call && of(whose));
        match (fault, call) {
            (Some((.., fault)), _) => Reply::Faulty(fault.clone(), body),
            (None, Call::Events) => Reply::Stream,
            (None, Call::Ping) => Reply::Whole(status, format!("Api-Version: 1.{max}\r\n{}", self.ping_headers), body),
            _ => Reply::Whole(status, String::new(), body),
        }
    }

    pub(super) fn answered(&mut self, target: &str) {
        *self.out.entry(target.to_owned()).or_default() -= 1;
    }
}

/// The time as engines write it.
pub(crate) fn now() -> String {
    let wall = i128::from(Clock::start().now().wall.0);
    jiff::Timestamp::from_nanosecond(wall).unwrap().to_string()
}
