//! The program itself: what changes while it runs, and that no secret shows anywhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::certificates::{self_signed, write};
use super::collector::{Answer, Received};
use super::engine::SmallEngine;
use super::front::{Front, Proxy};
use super::process::{Log, Process};
use super::*;

/// A running agent and its log.
struct Agent {
    process: Process,
    log: Log,
}

impl Agent {
    fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let log = Log::default();
        let process = Process::start(dockpulse(folder, "run --config settings.yaml", variables), &log);
        Self { process, log }
    }

    async fn says(&self, words: &str) {
        eventually(words, || self.log.text().contains(words)).await;
    }
}

fn dockpulse(folder: &Path, arguments: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    command
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .env_clear()
        .env("DOCKPULSE_STATUS__LISTEN", "off")
        .env("DOCKPULSE_CONTROL__LISTEN", "off")
        .envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Status, and all that was written.
fn output(folder: &Path, arguments: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = dockpulse(folder, arguments, variables).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// `dockpulse once`, beside the servers of the test.
async fn once<const N: usize>(folder: &Path, variables: [(&'static str, String); N]) -> (Option<i32>, String) {
    let folder = folder.to_owned();
    let run = move || output(&folder, "once", &variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Requests for metrics with this token, from the `from`th on.
fn with_token(received: &[Received], from: usize, token: &str) -> usize {
    let is = |r: &&Received| r.headers.get("authorization").is_some_and(|v| v.as_bytes() == token.as_bytes());
    received.iter().skip(from).filter(is).count()
}

#[tokio::test]
async fn certificates_and_tokens_that_change_are_taken_while_it_runs_and_no_secret_shows() {
    for (protocol, name) in [(Protocol::Grpc, "grpc"), (Protocol::HttpProtobuf, "http/protobuf")] {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let collector = Collector::start().await;
        let now = |authority: &Authority| speaks(&authority.server(&["c.test"]), None, ALL);
        let (front, proxy) = (Front::start(now(&old), address(&collector)).await, Proxy::start().await);
        let folder = tempfile::tempdir().unwrap();
        let engine = SmallEngine::start(folder.path(), "web");
        write(folder.path(), "ca.pem", &old.pem());
        write(folder.path(), "token", "canary-one\n");
        let settings = format!(
            "interval: 100ms\nengines: [{{endpoint: '{}'}}]\nlog: {{level: trace}}\nexport:\n  endpoint: https://c.test:{}\n  \
             protocol: {name}\n  compression: zstd\n  headers: {{authorization: 'Bearer ${{file:token}}', x-a: '${{env:KEY}}', \
             x-b: canary-b}}\n  retry: {{initial: 50ms, max: 100ms}}\n  tls: {{ca_file: ca.pem}}\n",
            engine.endpoint(),
            front.port
        );
        write(folder.path(), "settings.yaml", &settings);
        let through = format!("http://user:canary-proxy@127.0.0.1:{}", proxy.port);
        let agent = Agent::start(
            folder.path(),
            &[("https_proxy", &through), ("KEY", "canary-key"), ("OTEL_BSP_SCHEDULE_DELAY", "100")],
        );
        let sent = |from: usize, token: &str| with_token(&collector.received(), from, token);
        eventually("the first token", || sent(0, "Bearer canary-one") > 2).await;

        write(folder.path(), "token", "canary-two\n");
        collector.answer(match protocol {
            Protocol::Grpc => vec![Answer::Grpc(16, "who are you"); 2],
            Protocol::HttpProtobuf => vec![Answer::Http(401, vec![], vec![]); 2],
        });
        eventually("the new token", || sent(0, "Bearer canary-two") > 2).await;
        agent.says("header authorization: the new value of its file is in force").await;
        agent.process.signal(Signal::HUP);
        agent.says("settings reloaded: no change").await;

        front.speak(now(&new));
        agent.says("its certificate is not signed by an authority in tls.ca_file").await;
        let before = collector.received().len();
        write(folder.path(), "ca.pem", &new.pem());
        eventually("the new authority", || sent(before, "Bearer canary-two") > 2).await;
        agent.says(": new certificates are in force").await;

        fs::remove_file(folder.path().join("token")).unwrap();
        agent.says("header authorization: the last value stays: ${file:token}: cannot read the file").await;
        let before = collector.received().len();
        eventually("the last token", || sent(before, "Bearer canary-two") > 2).await;

        let is_own = |r: &Received| r.path.contains("trace");
        eventually("its own telemetry, the same way", || collector.received().iter().any(is_own)).await;
        let received = collector.received();
        let all = |key: &str, value: &str| received.iter().all(|r| r.headers[key] == value);
        assert!(all("x-a", "canary-key") && all("x-b", "canary-b"));
        agent.process.signal(Signal::TERM);
        let Agent { process, log } = agent;
        assert!(process.ended().await.success() && log.text().contains("stopped"), "{}", log.text());
        assert!(!log.text().contains("canary") && !log.text().contains("jYW5hcnk"), "{}", log.text());
    }
}

#[test]
fn no_secret_shows_in_what_is_said_of_settings() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "token", "canary\nsecond line");
    let settings = "export: {headers: {x-a: canary, x-b: '${file:token}'}, endpoint: 'http://c:4318/?token=canary'}";
    write(folder.path(), "dockpulse.yaml", settings);
    let secrets = [
        ("DOCKPULSE_EXPORT__HEADERS", "{x-c: canary, 'b ad': canary}"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://user:canary@c:1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-d=canary,x-e"),
        ("https_proxy", "socks5://user:canary@p:1"),
        ("all_proxy", "http://user:canary@p:1"),
    ];
    for arguments in ["config check", "config print", "once", "run", "config check --endpoint http://u:canary@c"] {
        let (status, said) = output(folder.path(), arguments, &secrets);
        assert_eq!(status, Some(2), "{arguments}: {said}");
        assert!(!said.contains("canary"), "{arguments}: {said}");
        assert!(said.contains("export.headers.x-b: the value holds a character"), "{arguments}: {said}");
    }
    write(folder.path(), "token", "canary\n");
    write(folder.path(), "dockpulse.yaml", "export: {headers: {x-a: canary, x-b: '${file:token}'}}");
    let (status, said) = output(folder.path(), "config print", &secrets[2..]);
    assert_eq!(status, Some(0), "{said}");
    assert!(!said.contains("canary"), "{said}");
    assert!(said.contains("x-b: \"***\"") || said.contains("x-b: '***'"), "{said}");
}

#[tokio::test]
async fn the_system_s_authorities_are_believed_and_others_are_not() {
    let authority = Authority::new("ca");
    let collector = Collector::start().await;
    let front = Front::start(speaks(&authority.server(&["localhost"]), None, ALL), address(&collector)).await;
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::start(folder.path(), "web");
    let endpoint = format!("localhost:{}", front.port);
    let ca = write(folder.path(), "ca.pem", &authority.pem());
    let other = write(folder.path(), "other.pem", &Authority::new("other").pem());
    // Who is not believed is tried again for all of the time, in which a busy machine has to come to a first try.
    for (system, status, words, timeouts) in [
        (&ca, 0, " points in ", &["60000"][..]),
        (&other, 1, "authority that this system trusts", &["1000", "10000", "60000"]),
    ] {
        let mut last = (None, String::new());
        for timeout in timeouts {
            let variables = [
                ("DOCKER_HOST", engine.endpoint()),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.clone()),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", (*timeout).to_owned()),
                ("SSL_CERT_FILE", system.display().to_string()),
            ];
            last = once(folder.path(), variables).await;
            if last.1.contains(words) {
                break;
            }
        }
        let (was, said) = last;
        assert!(was == Some(status) && said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_verified_is_said_loudly() {
    let collector = Collector::start().await;
    let front = Front::start(speaks(&self_signed(&["elsewhere"]), None, ALL), address(&collector)).await;
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::start(folder.path(), "web");
    let variables = [
        ("DOCKER_HOST", engine.endpoint()),
        ("DOCKPULSE_EXPORT__ENDPOINT", format!("https://localhost:{}", front.port)),
        ("DOCKPULSE_EXPORT__TIMEOUT", "60s".to_owned()),
        ("DOCKPULSE_EXPORT__TLS__INSECURE_SKIP_VERIFY", "true".to_owned()),
    ];
    let (status, said) = once(folder.path(), variables).await;
    assert_eq!(status, Some(0), "{said}");
    let words =
        "export.tls.insecure_skip_verify: the collector's certificate is not verified: whoever is in between can";
    assert!(said.lines().any(|line| line.contains("WARN") && line.contains(words)), "{said}");
}
