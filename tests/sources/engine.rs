//! An engine on a unix socket with one running container, whose stats are what a test says, in all three ways.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

pub(crate) const ID: &str = "8a1580db8a17eafc488b643252765869591323fe2484439bdcc823cf615c41cb";

/// The engine. Its threads end with the test's process.
#[derive(Clone)]
pub(crate) struct StatsEngine {
    socket: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What `stats` of one sample answers; a stream begins with it.
    newest: Option<String>,
    /// What streams were sent since they were opened, each from where it is.
    sent: Vec<Sent>,
    /// Stats are answered with this status.
    status: Option<u16>,
    api: Option<&'static str>,
    open: usize,
    /// Frames that are on their way to somebody.
    written: usize,
    requests: Vec<String>,
}

#[derive(Clone)]
enum Sent {
    /// One frame.
    Frame(Vec<u8>),
    /// The end, as it should be.
    End,
    /// The connection is closed.
    Cut,
}

impl StatsEngine {
    /// Listens in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        let socket = folder.join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let engine = Self { socket, shared };
        let served = engine.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let engine = served.clone();
                std::thread::spawn(move || engine.serve(&connection.unwrap()));
            }
        });
        engine
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Speaks this API version instead of 1.47.
    pub(crate) fn speaks(&self, api: &'static str) {
        self.state().api = Some(api);
    }

    /// These are the numbers from now on; open streams are sent them, in one frame.
    pub(crate) fn say(&self, document: &str) {
        self.state().newest = Some(document.to_owned());
        self.send_frame(format!("{document}\n").as_bytes());
    }

    /// Open streams are sent these bytes.
    pub(crate) fn send_frame(&self, bytes: &[u8]) {
        self.push(Sent::Frame(bytes.to_vec()));
    }

    /// Open streams end.
    pub(crate) fn end_streams(&self) {
        self.push(Sent::End);
    }

    /// Both at once.
    pub(crate) fn send_frame_and_end(&self, bytes: &[u8]) {
        self.state().sent.extend([Sent::Frame(bytes.to_vec()), Sent::End]);
        self.shared.changed.notify_all();
    }

    /// The connections of open streams break.
    pub(crate) fn cut_streams(&self) {
        self.push(Sent::Cut);
    }

    /// New streams bring nothing until something is said.
    pub(crate) fn falls_silent(&self) {
        self.state().newest = None;
    }

    /// Stats are refused with this status, or answered again.
    pub(crate) fn refuses(&self, status: Option<u16>) {
        self.state().status = status;
    }

    /// How many streams are open.
    pub(crate) fn open_streams(&self) -> usize {
        self.state().open
    }

    /// How many frames were written to streams, the first of each with them.
    pub(crate) fn written(&self) -> usize {
        self.state().written
    }

    /// The request lines for stats so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().requests.iter().filter(|r| r.contains("/stats")).cloned().collect()
    }

    /// All lines of all requests.
    pub(crate) fn heard(&self) -> String {
        self.state().requests.join("\n")
    }

    fn push(&self, what: Sent) {
        self.state().sent.push(what);
        self.shared.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Answers requests until the client goes.
    fn serve(&self, connection: &UnixStream) {
        let mut lines = BufReader::new(connection).lines();
        while let Some(Ok(request)) = lines.next() {
            let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            self.state().requests.extend([request.clone()].into_iter().chain(head));
            let path = request.split(' ').nth(1).unwrap();
            if path.contains("stream=true") && self.state().status.is_none() {
                if !self.stream(connection) {
                    return;
                }
            } else if self.respond(connection, path).is_err() {
                return;
            }
        }
    }

    fn respond(&self, mut connection: &UnixStream, path: &str) -> std::io::Result<()> {
        let (status, body) = self.answer(path);
        let (api, length) = (self.api(), body.len());
        let head = format!("HTTP/1.1 {status} X\r\nApi-Version: {api}\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all(format!("{head}{body}").as_bytes())
    }

    fn api(&self) -> &'static str {
        self.state().api.unwrap_or("1.47")
    }

    fn answer(&self, path: &str) -> (u16, String) {
        let (api, state) = (self.api(), self.state());
        let plain = path.strip_prefix(&format!("/v{api}")).unwrap_or(path).split('?').next().unwrap();
        let body = match plain {
            "/_ping" => "OK".to_owned(),
            "/version" => format!(r#"{{"Version":"28.0.0","ApiVersion":"{api}","MinAPIVersion":"1.12"}}"#),
            "/info" => r#"{"Name":"ci","Architecture":"x86_64","MemTotal":8000000000}"#.to_owned(),
            "/events" => return (403, "{}".to_owned()),
            "/containers/json" => format!(
                r#"[{{"Id":"{ID}","Names":["/web"],"Image":"web:1","State":"running","Status":"Up 5 seconds"}}]"#
            ),
            path if path.ends_with("/stats") => match (state.status, &state.newest) {
                (Some(status), _) => return (status, r#"{"message":"refused"}"#.to_owned()),
                (None, newest) => newest.clone().unwrap_or_default(),
            },
            _ => format!(
                r#"{{"Id":"{ID}","Name":"/web","Created":"2026-01-01T00:00:00Z","RestartCount":0,
                    "State":{{"Status":"running","StartedAt":"2026-01-01T00:00:01Z","ExitCode":0}},
                    "HostConfig":{{"Memory":0,"NanoCpus":0}},"Config":{{"Image":"web:1"}}}}"#
            ),
        };
        (200, body)
    }

    /// Returns whether the connection can go on.
    fn stream(&self, connection: &UnixStream) -> bool {
        let mut at = {
            let mut state = self.state();
            state.open += 1;
            state.sent.len()
        };
        let write = |bytes: &[u8]| {
            let mut out = connection;
            out.write_all(bytes).is_ok()
        };
        let frame = |bytes: &[u8]| {
            let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
            let is_written = write(&chunk);
            self.state().written += 1;
            is_written
        };
        let mut goes_on = write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let newest = self.state().newest.clone();
        if let Some(newest) = newest {
            goes_on &= frame(format!("{newest}\n").as_bytes());
        }
        while goes_on {
            match self.next(&mut at, connection) {
                Some(Sent::Frame(bytes)) => goes_on = frame(&bytes),
                Some(Sent::End) => {
                    let goes_on = write(b"0\r\n\r\n");
                    self.state().open -= 1;
                    return goes_on;
                }
                Some(Sent::Cut) | None => goes_on = false,
            }
        }
        let _ = connection.shutdown(std::net::Shutdown::Both);
        self.state().open -= 1;
        false
    }

    /// What is to be sent next; `None` when the client is gone.
    fn next(&self, at: &mut usize, mut connection: &UnixStream) -> Option<Sent> {
        let mut state = self.state();
        loop {
            if let Some(sent) = state.sent.get(*at) {
                *at += 1;
                return Some(sent.clone());
            }
            connection.set_nonblocking(true).unwrap();
            let gone = !matches!(connection.read(&mut [0]), Err(e) if e.kind() == ErrorKind::WouldBlock);
            connection.set_nonblocking(false).unwrap();
            if gone {
                return None;
            }
            state = self.shared.changed.wait_timeout(state, Duration::from_millis(5)).unwrap().0;
        }
    }
}
