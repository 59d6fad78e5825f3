//! The usual mistakes, made with the program itself: each gets a line that names the thing, the cause and the mend,
//! and the right exit status (1 failed, 2 wrong usage or settings).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dockpulse::model::time::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

#[path = "support/engine.rs"]
mod engine;

use engine::SmallEngine;

struct Answer {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    /// Whether one line on stderr has all the words.
    fn says(&self, words: &[&str]) -> bool {
        self.err.lines().any(|line| words.iter().all(|word| line.contains(word)))
    }
}

/// So long it waits for a collector; it tries again meanwhile, so that a test of a failure takes all of it. Longer if the
/// machine is too busy for a try in less.
const TIMEOUTS: [&str; 3] = ["300ms", "3s", "30s"];

/// Runs `dockpulse` in `folder`. It does not wait long for a collector.
fn dockpulse(folder: &Path, arguments: &str) -> Answer {
    dockpulse_with(folder, arguments, &[])
}

/// The same with variables.
fn dockpulse_with(folder: &Path, arguments: &str, variables: &[(&str, &str)]) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_dockpulse"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .env_clear()
        .env("DOCKPULSE_STATUS__LISTEN", "off")
        .env("DOCKPULSE_CONTROL__LISTEN", "off")
        .env("DOCKPULSE_EXPORT__TIMEOUT", TIMEOUTS[0])
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs it against a collector that is of no use, and expects what it says of that when there was time for one try.
fn expect_of_collector(folder: &Path, arguments: &str, variables: &[(&str, &str)], words: &[&str]) -> Answer {
    let run = |timeout| {
        let variables = [&[("DOCKPULSE_EXPORT__TIMEOUT", timeout)], variables].concat();
        dockpulse_with(folder, arguments, &variables)
    };
    let mut answer = run(TIMEOUTS[0]);
    for timeout in &TIMEOUTS[1..] {
        if !answer.says(words) {
            answer = run(timeout);
        }
    }
    expect(&answer, 1, words);
    answer
}

/// The same for a server that answers whatever comes.
fn expect_of_server(server: &'static [u8], scheme: &str, protocol: &str, words: &str) {
    let folder = folder();
    let engine = SmallEngine::start(folder.path(), "web").endpoint();
    let line = format!("once --engine {engine} --endpoint {scheme}://{} --protocol {protocol}", tcp_server(server));
    expect_of_collector(
        folder.path(),
        &line,
        &[],
        &[&format!("dockpulse: the collector {scheme}://127.0.0.1:"), words],
    );
}

/// Expects the status, and one line on stderr with all the words.
fn expect(answer: &Answer, status: i32, words: &[&str]) {
    let Answer { status: was, out, err } = answer;
    assert_eq!(*was, Some(status), "{out}{err}");
    assert!(answer.says(words), "no line with {words:?} in:\n{err}");
    assert!(!err.contains("panicked"), "{err}");
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A port where whatever connects gets `answer`, and then the end.
fn tcp_server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut some = [0; 1024];
            // Whoever is gone already is no matter here.
            let _ = connection.read(&mut some);
            let _ = connection.write_all(answer);
            let _ = connection.shutdown(Shutdown::Both);
        }
    });
    address
}

/// A socket where every request gets `answer`.
fn unix_server(folder: &Path, answer: &'static [u8]) -> String {
    let path = folder.join("server.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut some = [0; 1024];
            let _ = connection.read(&mut some);
            let _ = connection.write_all(answer);
        }
    });
    format!("unix://{}", path.display())
}

const COLLECTOR_AWAY: &str = "--endpoint http://127.0.0.1:1";

#[test]
fn a_socket_that_is_not_there() {
    let answer = dockpulse(folder().path(), &format!("once --engine unix:///nonexistent/d.sock {COLLECTOR_AWAY}"));
    expect(&answer, 1, &["dockpulse: engine unix:///nonexistent/d.sock: ", "No such file", "is the engine running"]);
}

#[test]
fn a_socket_that_is_not_there_while_another_engine_s_is() {
    let folder = folder();
    let runtime = folder.path().to_str().unwrap();
    SmallEngine::start(folder.path(), "web");
    let line = format!("once --engine unix:///nonexistent/d.sock {COLLECTOR_AWAY}");
    let answer = dockpulse_with(folder.path(), &line, &[("XDG_RUNTIME_DIR", runtime)]);
    let found =
        format!("found a rootless Docker socket at {runtime}/docker.sock: use --engine unix://{runtime}/docker.sock");
    expect(&answer, 1, &["dockpulse: engine unix:///nonexistent/d.sock: ", "No such file", &found]);
}

#[test]
fn certificates_that_are_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    let env = [("DOCKER_HOST", host.as_str()), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/nonexistent")];
    let answer = dockpulse_with(folder().path(), &format!("once {COLLECTOR_AWAY}"), &env);
    expect(
        &answer,
        1,
        &["dockpulse: engine https://127.0.0.1:", "tls.ca_file /nonexistent/ca.pem: there is no such file"],
    );
}

#[test]
fn a_docker_context_that_is_not_there() {
    let folder = folder();
    let env = [("DOCKER_CONTEXT", "prod"), ("HOME", folder.path().to_str().unwrap())];
    let answer = dockpulse_with(folder.path(), &format!("once {COLLECTOR_AWAY}"), &env);
    expect(&answer, 2, &["DOCKER_CONTEXT: ", "there is no docker context \"prod\"", "there are: default"]);
}

#[test]
fn an_engine_over_ssh_that_does_not_let_us_in() {
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let path = format!("{}:/usr/bin:/bin", support.display());
    let line = format!("once --engine ssh://me@denied {COLLECTOR_AWAY}");
    let answer = dockpulse_with(folder().path(), &line, &[("PATH", &path)]);
    expect(&answer, 1, &["dockpulse: engine ssh://me@denied: ", "Permission denied (publickey", "or an agent"]);
}

#[test]
fn a_path_that_is_no_socket() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let answer = dockpulse(folder.path(), &format!("once --engine unix://{} {COLLECTOR_AWAY}", file.display()));
    expect(&answer, 1, &["dockpulse: engine unix://", "Connection refused", "is this its socket?"]);
}

#[test]
fn a_socket_of_something_that_is_no_engine() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<html";
    for (answer, cause) in [
        (&page[..], "GET /containers/json: the answer is not what the Docker API says: no JSON"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "answered 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "that is not HTTP"),
    ] {
        let folder = folder();
        let engine = unix_server(folder.path(), answer);
        let answer = dockpulse(folder.path(), &format!("once --engine {engine} {COLLECTOR_AWAY}"));
        expect(&answer, 1, &["dockpulse: engine unix://", cause, "is this a Docker engine?"]);
    }
}

#[test]
fn an_engine_that_is_no_url() {
    let answer = dockpulse(folder().path(), "run --engine /var/run/docker.sock");
    expect(&answer, 2, &["--engine: ", "/var/run/docker.sock", "expected unix:///PATH, tcp://HOST:PORT"]);
}

#[test]
fn a_signal_cuts_short_what_waits_for_a_collector_that_is_away() {
    let folder = folder();
    let engine = SmallEngine::start(folder.path(), "web").endpoint();
    let mut once = Command::new(env!("CARGO_BIN_EXE_dockpulse"))
        .args(["once", "--engine", &engine, "--endpoint", "http://127.0.0.1:1"])
        .current_dir(folder.path())
        .env_clear()
        .envs([("DOCKPULSE_EXPORT__TIMEOUT", "120s"), ("DOCKPULSE_SHUTDOWN__TIMEOUT", "100ms")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let clock = Clock::start();
    let began = clock.now().mono;
    let mut lines = BufReader::new(once.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("attempt 2")), "it waits for the collector");
    kill_process(Pid::from_child(&once), Signal::TERM).unwrap();
    assert!(lines.any(|line| line.unwrap().contains("did not take everything")));
    assert_eq!(once.wait().unwrap().code(), Some(1));
    assert!(clock.now().mono.since(began) < Duration::from_secs(60), "not the whole export.timeout");
}

#[test]
fn a_collector_that_is_away() {
    let folder = folder();
    let engine = SmallEngine::start(folder.path(), "web").endpoint();
    let line = format!("once --engine {engine} {COLLECTOR_AWAY} --retract");
    let words = ["dockpulse: the collector http://127.0.0.1:1", "refused", "check that the collector runs"];
    let answer = expect_of_collector(folder.path(), &line, &[], &words);
    assert!(answer.out.contains("0 points in 0 requests\n"), "nothing was retracted: {}", answer.out);
}

#[test]
fn a_collector_that_speaks_something_else() {
    let settings = b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d\0\x04\0\0\xff\xff\0\x05\0\0@\0";
    for (server, protocol, mend) in [
        (&b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..], "grpc", "set protocol: http/protobuf"),
        (b"", "grpc", "set protocol: http/protobuf"),
        (settings, "http/protobuf", "set protocol: grpc"),
    ] {
        expect_of_server(server, "http", protocol, mend);
    }
}

#[test]
fn a_collector_that_speaks_tls_and_is_spoken_to_in_plain_text_or_the_other_way_round() {
    // An alert: that was no handshake.
    let tls = &b"\x15\x03\x01\0\x02\x02\x0a"[..];
    let plain = &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..];
    for (server, scheme, words) in [
        (tls, "http", "this port speaks TLS, not plain text; use https://"),
        (plain, "https", "this port speaks plain text, not TLS; use http:// if nobody can listen in"),
    ] {
        for protocol in ["grpc", "http/protobuf"] {
            expect_of_server(server, scheme, protocol, words);
        }
    }
}

#[test]
fn certificates_for_a_collector_that_are_not_there_or_half() {
    let folder = folder();
    let engine = SmallEngine::start(folder.path(), "web").endpoint();
    let line = format!("once --engine {engine} --endpoint https://{}", tcp_server(b""));
    let missing = [("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent/ca.pem")];
    let words = ["dockpulse: the collector https://", "tls.ca_file /nonexistent/ca.pem: there is no such file"];
    expect_of_collector(folder.path(), &line, &missing, &words);
    let half = [("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/nonexistent/cert.pem")];
    expect(&dockpulse_with(folder.path(), &line, &half), 2, &["export.tls.cert_file: needs key_file too"]);
}

#[test]
fn a_collector_that_is_no_url() {
    for (endpoint, cause) in [
        ("localhost:4317", "expected http://HOST:PORT"),
        ("ftp://collector:21", "the scheme has to be http or https"),
        ("http://", "not an address like http://HOST:PORT"),
        ("http://collector:99999", "the port has to be a number from 1 to 65535"),
    ] {
        let answer = dockpulse(folder().path(), &format!("run --endpoint {endpoint}"));
        expect(&answer, 2, &["endpoint", endpoint, cause]);
    }
}

#[test]
fn settings_with_unknown_keys_and_wrong_types() {
    let folder = folder();
    let text =
        "intervall: 10s\nlog: { level: [1] }\nmetrics: { container.pids.limt: false }\ncontainers: { max: lots }\n";
    fs::write(folder.path().join("dockpulse.yaml"), text).unwrap();
    for command in ["run", "config check", "config print"] {
        let answer = dockpulse(folder.path(), command);
        expect(&answer, 2, &["dockpulse.yaml:1:1: intervall: ", "did you mean interval?"]);
        expect(&answer, 2, &["dockpulse.yaml:2:", "log.level: expected", "found a list"]);
        expect(&answer, 2, &["dockpulse.yaml:3:", "did you mean container.pids.limit?"]);
        expect(&answer, 2, &["dockpulse.yaml:4:", "containers.max: \"lots\": expected a whole number"]);
    }
}

#[test]
fn files_that_are_not_there() {
    let folder = folder();
    expect(
        &dockpulse(folder.path(), "run --config none.yaml"),
        2,
        &["none.yaml: cannot read the settings file: No such"],
    );
    expect(&dockpulse(folder.path(), "sink --expect none.yaml"), 2, &["cannot read none.yaml: No such file"]);
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let answer = dockpulse(folder().path(), &format!("sink --grpc {address} --http off"));
    expect(&answer, 1, &[&format!("dockpulse: cannot listen on {address}"), "in use", "choose another port"]);
}

#[test]
fn what_this_version_cannot_do() {
    let cgroup = [("DOCKPULSE_ENGINES", "[{source: cgroup}]")];
    for command in ["run", "config check"] {
        let answer = dockpulse_with(folder().path(), command, &cgroup);
        expect(&answer, 2, &["engines[0].source: cgroup is not supported by this version"]);
        assert_eq!(answer.out, "", "such settings are not right");
    }
}

#[test]
fn a_command_or_flag_that_does_not_exist() {
    expect(&dockpulse(folder().path(), "rum"), 2, &["rum"]);
    expect(&dockpulse(folder().path(), "run --intervall 5s"), 2, &["tip: ", "--interval"]);
}
