//! A Docker engine on a unix socket that has one running container and never changes.
#![expect(clippy::unwrap_used, reason = "a fake fails loudly")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The engine. Its threads end with the test's process.
pub(crate) struct SmallEngine {
    socket: PathBuf,
}

impl SmallEngine {
    /// Listens in `folder`; its container is called `name`.
    pub(crate) fn start(folder: &Path, name: &str) -> Self {
        let name = name.to_owned();
        Self::answering(folder, move |path| answer(path, &name))
    }

    /// Listens in `folder` and answers each path, without the version, with what is returned; `None`: with a stream in
    /// which nothing happens.
    pub(crate) fn answering(folder: &Path, answer: impl Fn(&str) -> Option<String> + Clone + Send + 'static) -> Self {
        let socket = folder.join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let answer = answer.clone();
                std::thread::spawn(move || serve(&connection.unwrap(), &answer));
            }
        });
        Self { socket }
    }

    /// As `DOCKER_HOST` wants it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

/// Answers requests until the client goes.
fn serve(connection: &UnixStream, answer: &impl Fn(&str) -> Option<String>) {
    let (mut lines, mut out) = (BufReader::new(connection).lines(), connection);
    while let Some(Ok(request)) = lines.next() {
        let mut words = request.split(' ');
        assert_eq!(words.next(), Some("GET"), "nothing but GET goes to an engine: {request}");
        let path = words.next().unwrap().to_owned();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let path = path.strip_prefix("/v1.47").unwrap_or(&path);
        // No other query changes an answer.
        let path = if path.ends_with("?size=1") { path } else { path.split('?').next().unwrap_or_default() };
        let answer = match answer(path) {
            Some(body) => {
                let head = "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Type: application/json\r\n";
                format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
            }
            // The stream of events is open, and nothing happens.
            None => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        };
        if out.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

const ID: &str = "8a1580db8a17eafc488b643252765869591323fe2484439bdcc823cf615c41cb";

/// What the engine answers of its container.
pub(crate) fn answer(path: &str, name: &str) -> Option<String> {
    let body = match path {
        "/events" => return None,
        "/_ping" => "OK".to_owned(),
        "/version" => r#"{"Version":"28.0.0","ApiVersion":"1.47","MinAPIVersion":"1.24"}"#.to_owned(),
        "/info" => r#"{"Name":"ci","Architecture":"x86_64","MemTotal":8000000000}"#.to_owned(),
        "/containers/json" => format!(
            r#"[{{"Id":"{ID}","Names":["/{name}"],"Image":"web:1","State":"running","Status":"Up 5 seconds"}}]"#
        ),
        path if path.ends_with("/json?size=1") => {
            format!(r#"{{"Id":"{ID}","SizeRw":5242880,"SizeRootFs":9,"HostConfig":{{"StorageOpt":{{"size":"10G"}}}}}}"#)
        }
        path if path.ends_with("/json") => format!(
            r#"{{"Id":"{ID}","Name":"/{name}","Created":"2026-01-01T00:00:00Z","RestartCount":0,
                "State":{{"Status":"running","StartedAt":"2026-01-01T00:00:01Z","ExitCode":0}},
                "HostConfig":{{"Memory":0,"NanoCpus":0}},"Config":{{"Image":"web:1"}}}}"#
        ),
        path if path.ends_with("/stats") => r#"{"read":"2026-01-01T00:00:06Z","pids_stats":{"current":2},
            "cpu_stats":{"cpu_usage":{"total_usage":3000000,"usage_in_kernelmode":1000000,"usage_in_usermode":2000000},
            "system_cpu_usage":90000000,"online_cpus":2},
            "memory_stats":{"usage":2000000,"limit":8000000000,"stats":{"inactive_file":500000,"anon":1000000}}}"#
            .to_owned(),
        other => panic!("the engine is asked for {other}"),
    };
    Some(body)
}
