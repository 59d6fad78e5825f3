//! The program itself, between an engine on a socket and a collector: what it tells of a container, and what it keeps to
//! itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use crate::collector::{Collector, Received};
use crate::engine::SmallEngine;

/// What must not leave the host.
const CANARY: &str = "canary-5f1e0c";
const WEB: &str = "8a1580db8a17eafc488b643252765869591323fe2484439bdcc823cf615c41cb";
const BAD: &str = "bad580db8a17eafc488b643252765869591323fe2484439bdcc823cf615c41cb";

/// An engine whose containers have secrets wherever there is room for one.
fn answer(path: &str) -> Option<String> {
    let mount = json!([{ "Type": "bind", "Source": format!("/srv/{CANARY}"), "Destination": format!("/{CANARY}") }]);
    let networks =
        json!({ "Networks": { (format!("net-{CANARY}")): { "Aliases": [CANARY], "IPAddress": "10.0.0.2" } } });
    let labels = json!({ "secret": CANARY, (format!("key.{CANARY}")): "x", "team": "blue",
        "com.docker.compose.service": "api", "com.docker.compose.project": "shop",
        "com.docker.compose.project.environment_file": CANARY });
    let listed = |id: &str, name: &str| {
        json!({ "Id": id, "Names": [format!("/{name}")], "Image": "web:1", "ImageID": "sha256:aa", "State": "running",
            "Status": "Up 5 seconds", "Command": format!("run --token={CANARY}"), "Labels": labels, "Mounts": mount,
            "NetworkSettings": networks, "Ports": [{ "IP": CANARY, "PrivatePort": 80 }],
            "HostConfig": { "NetworkMode": CANARY } })
    };
    let body = match path {
        "/events" => return None,
        "/_ping" => "OK".to_owned(),
        "/version" => r#"{"Version":"28.0.0","ApiVersion":"1.47","MinAPIVersion":"1.24"}"#.to_owned(),
        "/info" => json!({ "Name": "h", "Architecture": "x86_64", "MemTotal": 8_000_000_000_i64, "Labels": [CANARY],
            "HttpProxy": format!("http://me:{CANARY}@proxy"), "Warnings": [CANARY] })
        .to_string(),
        "/containers/json" => json!([listed(WEB, "web"), listed(BAD, "bad")]).to_string(),
        // Not JSON: where the reader stopped may be told, not what stood there.
        path if path.contains(BAD) => format!(r#"{{"Name":"/bad","Config":{{"Env":["PASSWORD={CANARY}"],{CANARY}"#),
        path if path.ends_with("/json") => json!({ "Id": WEB, "Name": "/web", "Created": "2026-01-01T00:00:00Z",
            "Path": "run", "Args": [format!("--token={CANARY}")], "RestartCount": 0, "Mounts": mount,
            "State": { "Status": "running", "StartedAt": "2026-01-01T00:00:01Z", "ExitCode": 0, "Error": CANARY,
                "Health": { "Status": "healthy", "Log": [{ "Output": CANARY }] } },
            "HostConfig": { "Memory": 0, "NanoCpus": 0, "Binds": [format!("/srv/{CANARY}:/x")],
                "LogConfig": { "Type": "gelf", "Config": { "token": CANARY } } },
            "NetworkSettings": networks,
            "Config": { "Hostname": CANARY, "User": CANARY, "Image": "web:1", "Labels": labels, "Cmd": [CANARY],
                "Entrypoint": [CANARY], "WorkingDir": format!("/{CANARY}"),
                "Healthcheck": { "Test": ["CMD", CANARY] },
                "Env": [format!("PASSWORD={CANARY}"), "REGION=eu", CANARY] } })
        .to_string(),
        path if path.ends_with("/stats") => json!({ "name": format!("/{CANARY}"), "read": "2026-01-01T00:00:06Z",
            "pids_stats": { "current": 2 }, "storage_stats": { "x": CANARY },
            "cpu_stats": { "cpu_usage": { "total_usage": 3_000_000, "usage_in_kernelmode": 1_000_000,
                "usage_in_usermode": 2_000_000 }, "system_cpu_usage": 90_000_000, "online_cpus": 2 },
            "memory_stats": { "usage": 2_000_000, "limit": 8_000_000_000_i64,
                "stats": { "inactive_file": 500_000, "anon": 1_000_000, (CANARY): 7 } },
            "networks": { "eth0": { "rx_bytes": 1, "tx_bytes": 2, (CANARY): 3 } } })
        .to_string(),
        other => panic!("the engine is asked for {other}"),
    };
    Some(body)
}

fn settings(folder: &Path, engine: &SmallEngine, collector: &Collector) -> PathBuf {
    let settings = json!({
        "interval": "200ms",
        "engines": [{ "endpoint": engine.endpoint() }],
        "attributes": { "labels": { "team": "team" }, "env": { "REGION": "cloud.region" },
            "on_points": ["container.name"] },
        "export": { "endpoint": collector.url() },
        "telemetry": { "metrics": "true", "traces": "true", "logs": "true" },
        "status": { "listen": "off" }, "control": { "listen": "off" },
    });
    let file = folder.join("dockpulse.yaml");
    std::fs::write(&file, settings.to_string()).unwrap();
    file
}

fn dockpulse(arguments: &[&str], settings: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    command
        .args(arguments)
        .arg("--config")
        .arg(settings)
        .env_clear()
        .env("DOCKPULSE_STATUS__LISTEN", "off")
        .env("DOCKPULSE_CONTROL__LISTEN", "off");
    command.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod").stdin(Stdio::null());
    command
}

/// A running `dockpulse run`; it is killed if the test ends before it.
struct Agent(Option<Child>);

impl Agent {
    fn run(settings: &Path, arguments: &[&str]) -> Self {
        let mut command = dockpulse(&["run"], settings);
        Self(Some(command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    /// Ends it as a user would; everything that it wrote.
    async fn end(mut self) -> String {
        let child = self.0.take().unwrap();
        let ending = tokio::task::spawn_blocking(move || {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            child.wait_with_output().unwrap()
        });
        let output = ending.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `enough` of the requests are there.
async fn wait(collector: &Collector, enough: impl Fn(&[Received]) -> bool) {
    for n in 1.. {
        if enough(&collector.wait_for(n).await) {
            return;
        }
    }
}

fn metrics(received: &[Received]) -> impl Iterator<Item = &Received> {
    received.iter().filter(|r| r.path.contains("MetricsService"))
}

#[tokio::test]
async fn nothing_that_is_not_listed_leaves_the_host_or_reaches_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::answering(folder.path(), answer);
    let collector = Collector::start().await;
    let settings = settings(folder.path(), &engine, &collector);
    let agent = Agent::run(&settings, &["--log", "trace"]);
    let of = |received: &[Received], service: &str| received.iter().filter(|r| r.path.contains(service)).count();
    wait(&collector, |r| of(r, "MetricsService") > 4 && of(r, "TraceService") > 0).await;
    let log = agent.end().await;
    let received = collector.received();
    assert!(of(&received, "LogsService") > 0, "its own logs are sent too");
    for request in &received {
        let found = request.raw.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
        assert!(!found, "a request to {} carries what is not listed", request.path);
    }
    let sent = |text: &str| received.iter().any(|r| r.raw.windows(text.len()).any(|w| w == text.as_bytes()));
    assert!(sent("blue") && sent("cloud.region") && sent("prod"), "what is listed is sent");
    assert!(log.contains("bad") && !log.contains(CANARY), "{log}");
    let explain = dockpulse(&["explain", "web"], &settings).output().unwrap();
    let explained = String::from_utf8(explain.stdout).unwrap();
    assert!(explained.contains("blue") && !explained.contains(CANARY), "{explained}");
}

// -- explain tells what run publishes -------------------------------------------------------------------------------

type Pairs = BTreeMap<String, Json>;

fn pairs(attributes: &[KeyValue]) -> Pairs {
    let value = |value: &AnyValue| match value.value.as_ref().unwrap() {
        Value::StringValue(text) => json!(text),
        Value::ArrayValue(list) => list
            .values
            .iter()
            .map(|v| match v.value.as_ref().unwrap() {
                Value::StringValue(text) => json!(text),
                other => panic!("{other:?}"),
            })
            .collect(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|kv| (kv.key.clone(), value(kv.value.as_ref().unwrap()))).collect()
}

fn points(metric: &Metric) -> Vec<Pairs> {
    let points = match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
        other => panic!("{other:?}"),
    };
    points.iter().map(|p| pairs(&p.attributes)).collect()
}

/// The resource of the container with this id and its series, by all that was received of it.
fn published(received: &[Received], id: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut identities, mut series) = (BTreeSet::new(), BTreeSet::new());
    for resource in metrics(received).flat_map(|r| r.message().resource_metrics) {
        let identity = pairs(&resource.resource.as_ref().unwrap().attributes);
        if identity.get("container.id") != Some(&json!(id)) {
            continue;
        }
        for metric in resource.scope_metrics.iter().flat_map(|s| &s.metrics) {
            series.extend(
                points(metric).into_iter().map(|attributes| json!([metric.name, metric.unit, attributes]).to_string()),
            );
        }
        identities.insert(json!(identity).to_string());
    }
    (identities, series)
}

/// The same by what explain says.
fn explained(report: &Json) -> (BTreeSet<String>, BTreeSet<String>) {
    let identity: Pairs = report["identity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["attribute"].as_str().unwrap().to_owned(), a["value"].clone()))
        .collect();
    let copied = report["on_points"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let copied: Pairs = copied.map(|name| (name.to_owned(), identity[name].clone())).collect();
    let series = report["series"].as_array().unwrap().iter().map(|s| {
        let mut attributes: Pairs = serde_json::from_value(s["attributes"].clone()).unwrap();
        attributes.extend(copied.clone());
        json!([s["metric"], s["unit"], attributes]).to_string()
    });
    ([json!(identity).to_string()].into(), series.collect())
}

#[tokio::test]
async fn explain_tells_the_identity_and_the_series_that_run_publishes() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::answering(folder.path(), answer);
    let collector = Collector::start().await;
    let settings = settings(folder.path(), &engine, &collector);
    for profile in ["semconv", "docker_stats", "docker_exporter"] {
        let before = collector.received().len();
        let agent = Agent::run(&settings, &["--profile", profile]);
        // The rate comes with the second sample.
        wait(&collector, |r| metrics(&r[before.min(r.len())..]).count() > 4).await;
        agent.end().await;
        let received = collector.received();
        let output = dockpulse(&["explain", WEB, "--json", "--profile", profile], &settings).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let report: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["watched"], true);
        assert_eq!(explained(&report), published(&received[before..], WEB), "{profile}");
        assert!(report["series"].as_array().unwrap().len() > 5, "{report}");
    }
}

fn explain(container: &str, settings: &Path) -> (Option<i32>, String, String) {
    let output = dockpulse(&["explain", container], settings).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn explain_says_what_it_cannot_find_and_what_fails() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::answering(folder.path(), answer);
    let collector = Collector::start().await;
    let settings = settings(folder.path(), &engine, &collector);
    let (status, out, err) = explain("wbe", &settings);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("no container has the name or id wbe, did you mean web (8a1580db8a17)?"), "{err}");
    let (status, out, _) = explain("bad580", &settings);
    assert_eq!(status, Some(0));
    assert!(
        out.contains("no numbers: GET /containers/{id}/stats: the answer is not what the Docker API says"),
        "{out}"
    );
    assert!(out.contains("0 series of its usage"), "{out}");
    let alike = |path: &str| match path {
        "/containers/json" => {
            let listed = |id: &str| json!({ "Id": id, "Names": ["/web"], "State": "running" });
            Some(json!([listed(WEB), listed(BAD)]).to_string())
        }
        _ => answer(path),
    };
    let other = tempfile::tempdir().unwrap();
    let engine = SmallEngine::answering(other.path(), alike);
    let settings = self::settings(other.path(), &engine, &collector);
    let (status, out, err) = explain("web", &settings);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    for id in ["8a1580db8a17", "bad580db8a17"] {
        assert!(err.contains(&format!("\n  {id}  web, running, on engine h")), "{err}");
    }
}

#[tokio::test]
async fn explain_finds_a_container_while_another_engine_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::answering(folder.path(), answer);
    let file = folder.path().join("two.yaml");
    let away = format!("unix://{}/nobody.sock", folder.path().display());
    let settings = json!({ "engines": [{ "name": "away", "endpoint": away }, { "endpoint": engine.endpoint() }],
        "containers": { "include": [{ "name": "db" }] } });
    std::fs::write(&file, settings.to_string()).unwrap();
    let (status, out, _) = explain("web", &file);
    assert_eq!(status, Some(0));
    assert!(out.contains("watched: no, the one rule of containers.include does not match it"), "{out}");
    let (status, _, err) = explain("frobnicate", &file);
    assert_eq!(status, Some(1));
    assert!(
        err.contains("no container has the name or id frobnicate\n  engine away: cannot connect to unix://"),
        "{err}"
    );
}

#[tokio::test]
async fn two_engines_on_one_host_are_told_apart_and_the_user_is_told_how_to_name_them() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = |path: &str| if path == "/containers/json" { Some("[]".to_owned()) } else { answer(path) };
    let engines = [SmallEngine::answering(one.path(), answer), SmallEngine::answering(two.path(), other)];
    let collector = Collector::start().await;
    let settings = json!({ "engines": engines.iter().map(|e| json!({ "endpoint": e.endpoint() })).collect::<Vec<_>>(),
        "export": { "endpoint": collector.url() } });
    let file = one.path().join("two.yaml");
    std::fs::write(&file, settings.to_string()).unwrap();
    let mut command = dockpulse(&["once"], &file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && log.contains("report the same host name"), "{log}");
    let received = collector.received();
    let resources = metrics(&received).flat_map(|r| r.message().resource_metrics).filter_map(|r| r.resource);
    let engines: BTreeSet<(String, String)> = resources
        .map(|r| pairs(&r.attributes))
        .filter_map(|p| Some((p.get("dockpulse.engine.name")?.to_string(), p["service.instance.id"].to_string())))
        .collect();
    assert_eq!(engines.len(), 2, "{engines:?}");
    assert!(engines.iter().all(|(name, instance)| name == "\"h\"" && instance.contains("/unix:///")), "{engines:?}");
}
