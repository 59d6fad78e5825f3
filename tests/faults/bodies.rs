//! Bodies that are too large, too deep, packed, or never read to their end; and what is said of failures that go on.

use std::io::Write;
use std::time::Duration;

use dockpulse::engine::docker::{DockerEngine, LIST_CAP, STATS_CAP};
use dockpulse::engine::{Address, Engine as _};
use dockpulse::model::container::ContainerId;
use dockpulse::model::engine::{EngineError, Source, Wanted};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::process::Process;
use crate::scripted::{Call, Engine, Fault};

/// What a connection holds between the two sides.
const IN_FLIGHT: u64 = 2 << 20;
/// Seconds for a call where none hangs: more than a busy machine makes of it.
const AMPLE: u64 = 60;

fn docker(engine: &Engine) -> DockerEngine {
    DockerEngine::new(&engine.endpoint(), Address::Unix(engine.socket().to_owned()), None).expect("an endpoint")
}

fn web(engine: &Engine) -> ContainerId {
    ContainerId::try_new(&engine.change("web", |_| ())).expect("an id")
}

#[tokio::test]
pub(crate) async fn a_body_without_end_is_read_up_to_its_cap() {
    let engine = Engine::start();
    engine.run("web");
    let (docker, id) = (docker(&engine), web(&engine));
    engine.fail(Call::Stats, None, Fault::Endless(b" "));
    let answer = docker.stats(&id, Source::OneShot, &Wanted::default()).await;
    assert_eq!(answer, Err(EngineError::TooLarge { path: "/containers/{id}/stats", limit: STATS_CAP }));
    engine.until("the connection is closed", |engine| engine.open() == 0).await;
    let taken = engine.sent();
    assert!(taken <= STATS_CAP as u64 + IN_FLIGHT, "{taken} bytes of a sample");
    engine.fail(Call::List, None, Fault::Endless(b"["));
    let answer = docker.list(&Wanted::default()).await;
    assert_eq!(answer, Err(EngineError::TooLarge { path: "/containers/json", limit: LIST_CAP }));
    engine.until("the connection is closed", |engine| engine.open() == 0).await;
    let taken = engine.sent() - taken;
    assert!(taken <= LIST_CAP as u64 + IN_FLIGHT, "{taken} bytes of a list");
}

/// A list of 100 MB of spaces in 100 KB.
fn bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let block = [b' '; 1 << 16];
    (0..1600).for_each(|_| packed.write_all(&block).expect("memory"));
    packed.finish().expect("memory")
}

#[tokio::test]
pub(crate) async fn deep_and_packed_bodies_fail_and_cost_no_memory() {
    // Made first: it takes its time, in which the engine would not answer.
    let packed = bomb();
    let engine = Engine::start();
    engine.run("web");
    let mut agent = Process::watch(&engine, AMPLE).await;
    agent.judge.until_sampled(&["web"]).await;
    let deep = |open: &str, close: &str| [open.repeat(40_000), close.repeat(40_000)].concat().into_bytes();
    assert!(packed.len() < 2 << 20, "{} bytes", packed.len());
    let faults = [
        Fault::Body(deep("[", "]")),
        Fault::Body(deep(r#"{"a":"#, "}")),
        Fault::Encoded("gzip", packed),
        Fault::Endless(b"\xff"),
    ];
    for fault in faults {
        engine.fail(Call::List, None, fault.clone());
        agent.judge.until("such a list has failed", |judge| judge.up("engine-0") == Some(0)).await;
        engine.heal(Call::List);
        agent.judge.until_sampled(&["web"]).await;
        engine.fail(Call::Stats, None, fault);
        agent.judge.until_sampled(&[]).await;
        engine.heal(Call::Stats);
        agent.judge.until_sampled(&["web"]).await;
    }
    // The cap of a list is 64 MiB, read with what the reader needs besides.
    assert!(agent.most_memory() < 250, "{} MiB", agent.most_memory());
    agent.judge.check();
}

#[tokio::test]
pub(crate) async fn ten_thousand_bodies_that_are_not_read_to_their_end_leave_no_descriptor_open() {
    let engine = Engine::start();
    engine.run("web");
    let (docker, id, wanted) = (docker(&engine), web(&engine), Wanted::default());
    engine.fail(Call::Stats, None, Fault::Silent);
    let mut calls = FuturesUnordered::new();
    let mut aborted = 0;
    while aborted < 10_000 {
        while calls.len() < 32 {
            let call = docker.stats(&id, Source::OneShot, &wanted);
            calls.push(tokio::time::timeout(Duration::from_millis(5), call));
        }
        let answer = calls.next().await.expect("some are out");
        assert!(answer.is_err(), "it stalls: {answer:?}");
        aborted += 1;
    }
    drop(calls);
    engine.until("all connections are closed", |engine| engine.open() == 0).await;
    engine.heal(Call::Stats);
    assert!(docker.stats(&id, Source::OneShot, &wanted).await.is_ok());
    assert_eq!(engine.open(), 1, "and the next call has one of its own");
}

#[tokio::test]
pub(crate) async fn an_agent_whose_calls_are_aborted_all_the_time_holds_as_many_descriptors_as_before() {
    let engine = Engine::start();
    let names: Vec<String> = (0..40).map(|n| format!("job-{n}")).collect();
    names.iter().for_each(|name| engine.run(name));
    let mut agent = Process::watch(&engine, 1).await;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    agent.judge.until_sampled(&all).await;
    engine.fail(Call::Stats, None, Fault::Silent);
    agent.judge.until_sampled(&[]).await;
    let asked = engine.count("/stats");
    engine.until("many are aborted", |engine| engine.count("/stats") >= asked + 400).await;
    engine.heal(Call::Stats);
    agent.judge.until_sampled(&all).await;
    // At most 64 idle connections and 40 that are out, and what the process has besides.
    assert!(agent.descriptors() < 140, "{} descriptors", agent.descriptors());
}

#[tokio::test]
pub(crate) async fn failures_that_go_on_are_said_once() {
    let engine = Engine::start();
    ["web", "db"].iter().for_each(|name| engine.run(name));
    for (call, path) in [(Call::Info, "/info"), (Call::Events, "/events"), (Call::Inspect, "/containers/{id}/json")] {
        engine.fail(call, None, Fault::Status(403, path));
    }
    engine.fail(Call::Stats, Some("db"), Fault::Body(Vec::new()));
    let mut agent = Process::watch(&engine, AMPLE).await;
    agent.judge.until_sampled(&["web"]).await;
    engine.lists(40).await;
    let log = agent.log();
    let said = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    for words in ["GET /info", "GET /events", "GET /containers/{id}/json", "the engine has no numbers for it now"] {
        assert_eq!(said(words), 1, "{words}: {log:#?}");
    }
    assert!(log.len() <= 8, "{log:#?}");
    // An engine that fails again and again, each time after less than a minute.
    engine.fail(Call::List, None, Fault::Status(500, r#"{"message":"no"}"#));
    engine.lists(6).await;
    assert_eq!(agent.log().iter().filter(|line| line.contains("answered 500")).count(), 1, "{:#?}", agent.log());
    assert!(agent.log().len() <= 12, "{:#?}", agent.log());
}

#[tokio::test]
pub(crate) async fn an_agent_without_an_engine_says_so_once_and_goes_on() {
    let mut engine = Engine::start();
    engine.run("web");
    engine.stop().await;
    let mut agent = Process::watch(&engine, AMPLE).await;
    agent.judge.until("it is down", |judge| judge.up("engine-0") == Some(0)).await;
    // It says how it is with each tick.
    let up = |judge: &crate::agent::Judge| {
        let series = judge.belief.live().find(|e| &*e.id.metric.name == "dockpulse.engine.up");
        series.map_or(0, |e| e.series.points)
    };
    agent.judge.until("many ticks", |judge| up(judge) > 30).await;
    let log = agent.log();
    assert_eq!(log.iter().filter(|line| line.contains("cannot connect")).count(), 1, "{log:#?}");
    assert!(log.len() <= 3, "{log:#?}");
    engine.listen();
    agent.judge.until_sampled(&["web"]).await;
    assert!(agent.log().iter().any(|line| line.contains("answers again")), "{:#?}", agent.log());
}
