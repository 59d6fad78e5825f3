//! SIGHUP, with the program itself: what is no longer right is retracted, what is new is published, and nobody else
//! notices. The judge replays what a collector got and watches the rules.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

use rustix::process::Signal;
use tempfile::TempDir;

#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/believed.rs"]
mod believed;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/collector.rs"]
mod collector;
#[path = "support/engine.rs"]
mod engine;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/pace.rs"]
mod pace;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/process.rs"]
mod process;

use believed::Rig;
use engine::SmallEngine;

/// A name and an endpoint.
type Engine = (String, String);

/// A running agent that has these engines.
async fn start(engines: &[&Engine], more: &str) -> Rig {
    let mut rig = Rig::new().await;
    write_settings(&rig, engines, more);
    rig.start();
    rig
}

fn reload(rig: &Rig, engines: &[&Engine], more: &str) {
    write_settings(rig, engines, more);
    rig.agent().signal(Signal::HUP);
}

fn write_settings(rig: &Rig, engines: &[&Engine], more: &str) {
    let engines: Vec<Engine> = engines.iter().map(|engine| (*engine).clone()).collect();
    rig.write_settings(&engines, &format!("{more}\nshutdown: {{ timeout: 60s }}"));
}

struct Engines {
    _folders: [TempDir; 2],
    web: Engine,
    db: Engine,
}

/// Two engines with a container each, `web` and `db`, of one host. Both would be called after that.
fn engines() -> Engines {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let engine = |n: usize, name: &str| (name.to_owned(), SmallEngine::start(folders[n].path(), name).endpoint());
    let (web, db) = (engine(0, "web"), engine(1, "db"));
    Engines { _folders: folders, web, db }
}

#[tokio::test]
async fn engines_come_and_go_and_the_others_go_on() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    reload(&rig, &[&engines.db, &engines.web], "");
    rig.believes(&["db", "web"]).await;
    reload(&rig, &[&engines.db], "");
    rig.believes(&["db"]).await;
    reload(&rig, &[&engines.db, &engines.web], "");
    rig.believes(&["db", "web"]).await;
    assert_eq!((rig.lives("db"), rig.lives("web")), (1, 2), "{}", rig.log());
    rig.end().await;
}

#[tokio::test]
async fn an_engine_that_is_reached_in_another_way_is_retracted_before_it_comes_back() {
    let engines = engines();
    let (name, socket) = &engines.web;
    let other = socket.replace("docker.sock", "other.sock");
    std::os::unix::fs::symlink(socket.trim_start_matches("unix://"), other.trim_start_matches("unix://")).unwrap();
    let other = (name.clone(), other);
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    reload(&rig, &[&other], "");
    rig.until(|rig| rig.lives("web") == 2).await;
    rig.end().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_changes_nothing_and_the_log_says_why() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    reload(&rig, &[&engines.db], "intervall: 1s");
    let seen = rig.read;
    rig.until(|rig| rig.log().contains("intervall") && rig.read > seen + 3).await;
    assert!(rig.log().contains("settings.yaml:3:1: intervall: unknown key, did you mean interval?"), "{}", rig.log());
    assert_eq!((rig.live(), rig.lives("web")), (vec!["web"], 1));
    reload(&rig, &[&engines.db], "");
    rig.believes(&["db"]).await;
    rig.end().await;
}

#[tokio::test]
async fn the_level_of_the_log_changes_and_no_engine_is_disturbed() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    rig.until(|rig| rig.log().contains("INFO")).await;
    reload(&rig, &[&engines.web], "log: { level: error }");
    let seen = rig.read;
    rig.until(|rig| rig.read > seen + 20).await;
    reload(&rig, &[&engines.db], "log: { level: error }");
    rig.believes(&["db"]).await;
    assert!(!rig.log().contains("changed engines"), "{}", rig.log());
    reload(&rig, &[&engines.db], "");
    let seen = rig.read;
    rig.until(|rig| rig.log().contains("changed log.level") && rig.read > seen + 3).await;
    assert_eq!(rig.lives("db"), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_metric_that_is_turned_off_ends_alone() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    rig.until(|rig| rig.has("web", "container.pids.count")).await;
    reload(&rig, &[&engines.web], "metrics: { container.pids.count: false }");
    rig.until(|rig| !rig.has("web", "container.pids.count")).await;
    assert_eq!((rig.live(), rig.lives("web")), (vec!["web"], 1));
    reload(&rig, &[&engines.web], "");
    rig.until(|rig| rig.has("web", "container.pids.count")).await;
    rig.end().await;
}
