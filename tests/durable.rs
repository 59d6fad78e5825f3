//! The program itself with a directory for its outbox: killed, started again, ended while nobody listens. The judge replays
//! what a collector got and watches the rules.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

use std::fmt::Write as _;
use std::fs;
use std::process::Output;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

#[path = "support/believed.rs"]
mod believed;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/collector.rs"]
mod collector;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/engine.rs"]
mod engine;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/pace.rs"]
mod pace;
#[path = "support/process.rs"]
mod process;

use believed::Rig;
use engine::SmallEngine;

/// What it keeps outlives it, and at its end it has all the time that it needs.
const KEEPS: &str = "outbox: { directory: state }\nshutdown: { timeout: 60s }";

/// A container of an engine that changes.
#[derive(Debug, Clone)]
struct Container {
    name: String,
    started: &'static str,
    samples: u64,
}

/// The containers of one engine; each is known by its name's bytes.
#[derive(Debug, Clone, Default)]
struct World(Arc<Mutex<Vec<Container>>>);

impl World {
    fn of(names: &[&str]) -> Self {
        let world = Self::default();
        names.iter().for_each(|name| world.run(name));
        world
    }

    fn run(&self, name: &str) {
        let container = Container { name: name.to_owned(), started: "2026-01-01T00:00:01Z", samples: 0 };
        self.0.lock().unwrap().push(container);
    }

    fn remove(&self, name: &str) {
        self.0.lock().unwrap().retain(|c| c.name != name);
    }

    fn answer(&self, path: &str) -> Option<String> {
        let mut all = self.0.lock().unwrap();
        let one = path.strip_prefix("/containers/").and_then(|path| path.split_once('/'));
        Some(match (path, one) {
            ("/events", _) => return None,
            ("/_ping", _) => "OK".to_owned(),
            ("/version", _) => r#"{"Version":"28.0.0","ApiVersion":"1.47","MinAPIVersion":"1.24"}"#.to_owned(),
            ("/info", _) => r#"{"Name":"ci","Architecture":"x86_64","MemTotal":8000000000}"#.to_owned(),
            ("/containers/json", _) => {
                let entry = |c: &Container| {
                    let (id, name) = (id(&c.name), &c.name);
                    format!(
                        r#"{{"Id":"{id}","Names":["/{name}"],"Image":"web:1","State":"running","Status":"Up 5 hours"}}"#
                    )
                };
                format!("[{}]", all.iter().map(entry).collect::<Vec<_>>().join(","))
            }
            (_, Some((of, "json"))) => all.iter().find(|c| id(&c.name) == of).map_or_else(String::new, inspected),
            (_, Some((of, _))) => all.iter_mut().find(|c| id(&c.name) == of).map_or_else(String::new, sampled),
            _ => panic!("the engine is asked for {path}"),
        })
    }
}

fn id(name: &str) -> String {
    let mut id: String = name.bytes().fold(String::new(), |mut id, b| {
        write!(id, "{b:02x}").unwrap();
        id
    });
    id.extend(std::iter::repeat_n('0', 64 - id.len()));
    id
}

fn inspected(c: &Container) -> String {
    format!(
        r#"{{"Id":"{}","Name":"/{}","Created":"2026-01-01T00:00:00Z","RestartCount":0,
            "State":{{"Status":"running","StartedAt":"{}","ExitCode":0}},
            "HostConfig":{{"Memory":0,"NanoCpus":0}},"Config":{{"Image":"web:1"}}}}"#,
        id(&c.name),
        c.name,
        c.started
    )
}

fn sampled(c: &mut Container) -> String {
    c.samples += 1;
    let (minute, second, used) = (c.samples / 600, c.samples / 10 % 60, 3_000_000 * c.samples);
    format!(
        r#"{{"read":"2026-01-01T06:{minute:02}:{second:02}.{}Z","pids_stats":{{"current":2}},
            "cpu_stats":{{"cpu_usage":{{"total_usage":{used},"usage_in_kernelmode":0,"usage_in_usermode":{used}}},
            "system_cpu_usage":90000000,"online_cpus":2}},
            "memory_stats":{{"usage":2000000,"limit":8000000000,"stats":{{"inactive_file":500000,"anon":1000000}}}}}}"#,
        c.samples % 10
    )
}

/// A rig with an engine for each world, and the names and endpoints of these; with settings, and not running yet.
async fn rig(worlds: &[&World]) -> (Rig, Vec<(String, String)>) {
    let rig = Rig::new().await;
    let engine = |(i, world): (usize, &&World)| {
        let (name, world) = (format!("engine-{i}"), (*world).clone());
        let at = rig.folder.path().join(&name);
        fs::create_dir(&at).unwrap();
        (name, SmallEngine::answering(&at, move |path| world.answer(path)).endpoint())
    };
    let engines: Vec<_> = worlds.iter().enumerate().map(engine).collect();
    rig.write_settings(&engines, KEEPS);
    (rig, engines)
}

/// One probe, however long it takes: a second one would tell what one cannot.
async fn once(rig: &Rig) -> Output {
    let mut command = rig.command("once");
    command.args(["--interval", "60s"]);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn what_vanished_while_the_agent_was_dead_is_retracted_and_the_rest_goes_on_without_a_gap() {
    let world = World::of(&["db", "web"]);
    let (mut rig, _) = rig(&[&world]).await;
    rig.start();
    rig.until(|rig| rig.has("db", "container.cpu.usage") && rig.has("web", "container.cpu.usage")).await;
    rig.kill();
    world.remove("web");
    rig.start();
    rig.believes(&["db"]).await;
    let seen = rig.read;
    rig.until(|rig| rig.read > seen + 5).await;
    assert_eq!((rig.lives("db"), rig.lives("web")), (1, 1), "{}", rig.log());
    assert!(rig.has("db", "container.cpu.usage"), "what needs two samples goes on too");
    rig.end().await;
}

/// An agent that has ended within `timeout` while its collector was away, and its exit status.
async fn ended_alone(world: &World, timeout: &str) -> (Rig, Vec<(String, String)>, Option<i32>) {
    let (mut rig, engines) = rig(&[world]).await;
    rig.write_settings(&engines, &KEEPS.replace("60s", timeout));
    rig.start();
    rig.believes(&["db", "web"]).await;
    rig.collector.stop().await;
    let status = rig.terminate().await;
    (rig, engines, status)
}

#[tokio::test]
async fn what_could_not_be_delivered_at_the_end_waits_for_the_next_start() {
    let world = World::of(&["db", "web"]);
    let (mut rig, mut engines, mut status) = ended_alone(&world, "2s").await;
    for _ in 0..9 {
        // Who gets no time just before the deadline cannot tell what it keeps, and says so.
        if status == Some(1) {
            (rig, engines, status) = ended_alone(&world, "5s").await;
        }
    }
    assert_eq!(status, Some(0), "{}", rig.log());
    assert!(rig.log().contains("retractions) wait in state for the next start"), "{}", rig.log());
    world.remove("web");
    rig.collector.listen().await;
    rig.write_settings(&engines, KEEPS);
    rig.start();
    rig.until(|rig| rig.live() == ["db"] && rig.lives("db") == 2).await;
    rig.end().await;
}

#[tokio::test]
async fn an_engine_that_is_taken_out_of_the_settings_meanwhile_is_retracted_and_may_come_back() {
    let (one, other) = (World::of(&["db"]), World::of(&["web"]));
    let (mut rig, engines) = rig(&[&one, &other]).await;
    rig.start();
    rig.believes(&["db", "web"]).await;
    rig.kill();
    rig.write_settings(&engines[..1], KEEPS);
    rig.start();
    rig.believes(&["db"]).await;
    rig.write_settings(&engines, KEEPS);
    rig.agent().signal(Signal::HUP);
    rig.believes(&["db", "web"]).await;
    assert_eq!((rig.lives("db"), rig.lives("web")), (1, 2), "{}", rig.log());
    rig.kill();
    rig.start();
    let seen = rig.read;
    rig.until(|rig| rig.read > seen + 5).await;
    assert_eq!((rig.lives("db"), rig.lives("web")), (1, 2), "{}", rig.log());
    rig.end().await;
}

#[tokio::test]
async fn a_metric_that_was_turned_off_meanwhile_ends_alone() {
    let world = World::of(&["web"]);
    let (mut rig, engines) = rig(&[&world]).await;
    rig.start();
    rig.until(|rig| rig.has("web", "container.pids.count")).await;
    rig.kill();
    rig.write_settings(&engines, &format!("{KEEPS}\nmetrics: {{ container.pids.count: false }}"));
    rig.start();
    rig.until(|rig| !rig.has("web", "container.pids.count")).await;
    assert_eq!((rig.live(), rig.lives("web")), (vec!["web"], 1), "{}", rig.log());
    rig.end().await;
}

#[tokio::test]
async fn a_second_process_does_not_take_the_directory_and_names_the_first() {
    let world = World::of(&["web"]);
    let (mut rig, _) = rig(&[&world]).await;
    rig.start();
    rig.believes(&["web"]).await;
    let second = once(&rig).await;
    let said = String::from_utf8(second.stderr).unwrap();
    let first = rig.agent().id().to_string();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.lines().count() == 1 && said.contains("state") && said.contains(&first), "{said}");
    rig.end().await;
}

#[tokio::test]
async fn what_vanished_between_two_single_probes_is_retracted_by_the_second() {
    let world = World::of(&["db", "web"]);
    let (mut rig, _) = rig(&[&world]).await;
    assert!(once(&rig).await.status.success());
    rig.believes(&["db", "web"]).await;
    world.remove("web");
    world.run("new");
    assert!(once(&rig).await.status.success());
    rig.believes(&["db", "new"]).await;
    assert_eq!((rig.lives("db"), rig.lives("web")), (1, 1));
    assert_eq!(rig.belief.violations(), []);
}
