//! SIGHUP, with the program itself: what is no longer right is retracted, what is new is published, and nobody else
//! notices. The judge replays what a collector got and watches the rules.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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

/// An engine whose lists are counted.
fn counted(name: &'static str) -> (TempDir, String, Arc<AtomicUsize>) {
    let (folder, lists) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = lists.clone();
    let engine = SmallEngine::answering(folder.path(), move |path| {
        count.fetch_add(usize::from(path == "/containers/json"), Ordering::Relaxed);
        engine::answer(path, name)
    });
    (folder, engine.endpoint(), lists)
}

#[tokio::test]
async fn new_settings_of_one_engine_disturb_no_other() {
    let ((_web, web, web_lists), (_db, db, db_lists)) = (counted("web"), counted("db"));
    let mut rig = Rig::new().await;
    let write = |rig: &Rig, source: &str| {
        let settings = format!(
            "interval: 1h\ntelemetry: {{ metrics: false, traces: false }}\nexport: {{ endpoint: {} }}\nengines:\n  \
             - {{ endpoint: '{web}', source: {source} }}\n  - {{ endpoint: '{db}' }}\n",
            rig.collector.url()
        );
        std::fs::write(rig.folder.path().join("settings.yaml"), settings).unwrap();
    };
    write(&rig, "auto");
    rig.start();
    rig.believes(&["db", "web"]).await;
    let (web_before, db_before) = (web_lists.load(Ordering::Relaxed), db_lists.load(Ordering::Relaxed));
    write(&rig, "two_sample");
    rig.agent().signal(Signal::HUP);
    rig.until(|_| web_lists.load(Ordering::Relaxed) > web_before).await;
    assert_eq!(db_lists.load(Ordering::Relaxed), db_before, "{}", rig.log());
    rig.end().await;
}

#[tokio::test]
async fn what_needs_a_restart_waits_for_it_by_name_and_the_rest_is_in_force() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    let waiting = "outbox: { max_bytes: 1GiB }\nlog: { format: json }\nstatus: { listen: \"127.0.0.1:1\" }";
    reload(&rig, &[&engines.db], waiting);
    rig.believes(&["db"]).await;
    let said = "settings reloaded: changed engines; not in force before a restart: outbox.max_bytes, status.listen, log.format";
    rig.until(|rig| rig.log().contains(said)).await;
    let seen = rig.read;
    reload(&rig, &[&engines.db], "");
    rig.until(|rig| rig.log().contains("settings reloaded: no change") && rig.read > seen + 3).await;
    assert_eq!(rig.lives("db"), 1);
    rig.end().await;
}

#[tokio::test]
async fn what_is_odd_about_new_settings_is_said() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    reload(&rig, &[&engines.db], "attributes: { on_points: [container.nam] }");
    rig.believes(&["db"]).await;
    let said = "WARN settings.yaml:3:27: attributes.on_points[0]: container.nam: no resource has this attribute, did you mean \
                container.name?";
    rig.until(|rig| rig.log().contains(said)).await;
    rig.end().await;
}

#[tokio::test]
async fn a_watched_file_is_read_again_when_it_changes_or_another_takes_its_place() {
    let engines = engines();
    let mut rig = Rig::new().await;
    write_settings(&rig, &[&engines.web], "");
    rig.start_as(&["run", "--watch", "--config", "settings.yaml"]);
    rig.believes(&["web"]).await;
    write_settings(&rig, &[&engines.db], "");
    rig.believes(&["db"]).await;
    let (file, link) = (rig.folder.path().join("settings.yaml"), rig.folder.path().join("link"));
    write_settings(&rig, &[&engines.web], "");
    std::fs::rename(&file, rig.folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", &link).unwrap();
    std::fs::rename(&link, &file).unwrap();
    rig.believes(&["web"]).await;
    write_settings(&rig, &[&engines.db], "intervall: 1s");
    rig.until(|rig| rig.log().contains("new settings rejected, the old ones stay: ")).await;
    assert_eq!(rig.live(), ["web"]);
    rig.end().await;
}

#[tokio::test]
async fn a_file_that_is_gone_is_no_reason_to_go_back_to_the_defaults() {
    let engines = engines();
    let mut rig = Rig::new().await;
    write_settings(&rig, &[&engines.web], "");
    std::fs::rename(rig.folder.path().join("settings.yaml"), rig.folder.path().join("dockpulse.yaml")).unwrap();
    rig.start_as(&["run"]);
    rig.believes(&["web"]).await;
    std::fs::remove_file(rig.folder.path().join("dockpulse.yaml")).unwrap();
    rig.agent().signal(Signal::HUP);
    let said = "dockpulse.yaml: cannot read the settings file: No such file or directory";
    // With the defaults it would hardly send anything.
    let rejected = rig.until(|rig| rig.log().contains(said));
    tokio::time::timeout(Duration::from_secs(60), rejected).await.expect("it is rejected");
    assert_eq!((rig.live(), rig.lives("web")), (vec!["web"], 1));
    rig.end().await;
}

#[tokio::test]
async fn without_the_flag_nobody_looks_at_the_file() {
    let engines = engines();
    let mut rig = start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    write_settings(&rig, &[&engines.db], "");
    let seen = rig.read;
    rig.until(|rig| rig.read > seen + 30).await;
    assert_eq!(rig.live(), ["web"]);
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
