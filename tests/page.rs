//! The status page as the program serves it: where it listens, what it says of that, and what it answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

#[path = "support/engine.rs"]
mod engine;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/process.rs"]
mod process;

use engine::SmallEngine;
use process::{Log, Process};

/// A container of this name would run what it says if it were not escaped.
const HOSTILE: &str = "web<script>alert(1)</script>";

struct Agent {
    folder: TempDir,
    process: Process,
    log: Log,
}

impl Agent {
    /// Runs with a page at an address, an engine with one container, and no collector.
    fn start(listen: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let engine = SmallEngine::start(folder.path(), HOSTILE);
        let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
        command.args(["run", "--endpoint", "http://127.0.0.1:9", "--engine", &engine.endpoint()]);
        command.env_clear().env("DOCKPULSE_STATUS__LISTEN", listen).env("DOCKPULSE_CONTROL__LISTEN", "off");
        command.env("DOCKPULSE_EXPORT__HEADERS__AUTHORIZATION", "Bearer s3cret");
        command.current_dir(folder.path()).env("DOCKPULSE_SHUTDOWN__TIMEOUT", "1s");
        let log = Log::default();
        let process = Process::start(command, &log);
        Self { folder, process, log }
    }

    /// Waits until it has said where its page is.
    async fn port(&self) -> u16 {
        let said = self.says("the status page is at http://").await;
        let (_, address) = said.split_once("http://").unwrap();
        let port: String = address.split_once(':').unwrap().1.chars().take_while(char::is_ascii_digit).collect();
        port.parse().unwrap()
    }

    async fn says(&self, words: &str) -> String {
        for _ in 0..600 {
            if let Some(line) = self.log.text().lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never says {words:?}:\n{}", self.log.text());
    }
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn the_agent_is_ready_and_tells_what_it_sees_though_its_collector_is_down() {
    let agent = Agent::start("127.0.0.1:0");
    let port = agent.port().await;
    agent.says("connected to").await;
    for _ in 0..600 {
        if get(port, "/status.json").contains("\"numbers\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for path in ["/healthz", "/readyz"] {
        assert!(get(port, path).starts_with("HTTP/1.1 200 OK\r\n"), "{path}");
    }
    let status = get(port, "/status.json");
    assert!(status.contains(HOSTILE) && status.contains("\"numbers\""), "{status}");
    let metrics = get(port, "/metrics");
    for line in [
        "dockpulse_engine_up{dockpulse_engine_name=\"ci\"} 1",
        "dockpulse_export_requests_total{dockpulse_outcome=\"delivered\"} 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}\n{metrics}");
    }
    for text in [status, metrics, get(port, "/")] {
        assert!(!text.contains("s3cret") && !text.contains("\n<script>alert"), "{text}");
    }
    agent.process.signal(Signal::TERM);
    let _ = agent.process.ended().await;
    drop(agent.folder);
}

#[tokio::test]
async fn an_address_that_was_set_and_is_taken_is_an_error_that_says_by_whom() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let agent = Agent::start(&address);
    let Agent { process, log, folder: _folder } = agent;
    assert_eq!(process.ended().await.code(), Some(1));
    let pid = format!("(pid {}) has this port", std::process::id());
    for words in ["status.listen", address.as_str(), pid.as_str(), "\"off\""] {
        assert!(log.text().contains(words), "{words}\n{}", log.text());
    }
}

#[tokio::test]
async fn a_page_that_others_can_reach_is_warned_of() {
    let agent = Agent::start("0.0.0.0:0");
    let line = agent.says("the status page is at").await;
    assert!(line.contains("WARN") && line.contains("there is no password"), "{line}");
}
