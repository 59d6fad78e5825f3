//! SIGHUP, with the program itself: what is no longer right is retracted, what is new is published, and nobody else
//! notices. The judge replays what a collector got and watches the rules.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use dockpulse::model::time::Clock;
use dockpulse::sink::belief::Belief;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/collector.rs"]
mod collector;
#[path = "support/engine.rs"]
mod engine;
#[path = "support/pace.rs"]
mod pace;

use collector::Collector;
use engine::SmallEngine;

/// So many requests, one each interval, until something must have happened.
const PATIENCE: usize = 300;

/// A running agent, its settings, and what its collector believes.
struct Rig {
    folder: TempDir,
    agent: Child,
    log: Arc<Mutex<String>>,
    collector: Collector,
    belief: Belief,
    read: usize,
    clock: Clock,
}

impl Rig {
    async fn start(engines: &[&str], more: &str) -> Self {
        let collector = Collector::start().await;
        let folder = tempfile::tempdir().unwrap();
        write_settings(&folder, &collector, engines, more);
        let mut agent = Command::new(env!("CARGO_BIN_EXE_dockpulse"))
            .args(["run", "--config", "settings.yaml"])
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, to) = (BufReader::new(agent.stderr.take().unwrap()).lines(), log.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                writeln!(to.lock().unwrap(), "{line}").unwrap();
            }
        });
        Self { folder, agent, log, collector, belief: Belief::default(), read: 0, clock: Clock::start() }
    }

    fn reload(&self, engines: &[&str], more: &str) {
        write_settings(&self.folder, &self.collector, engines, more);
        self.hang_up();
    }

    fn hang_up(&self) {
        kill_process(Pid::from_child(&self.agent), Signal::HUP).unwrap();
    }

    /// Reads requests until the collector believes in series of these containers and no others.
    async fn believes(&mut self, containers: &[&str]) {
        self.until(|rig| rig.live() == containers).await;
    }

    async fn until(&mut self, what: impl Fn(&Self) -> bool) {
        let most = self.read + PATIENCE;
        while !what(self) {
            assert!(self.read < most, "not within {PATIENCE} requests: {:?}\n{}", self.live(), self.log());
            let received = self.collector.wait_for(self.read + 1).await;
            self.belief.apply(&received[self.read].message(), self.clock.now());
            self.read += 1;
        }
    }

    /// The containers that have live series, by name.
    fn live(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.belief.live().filter_map(|e| Some(&**e.resource.text("container.name")?)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many lives the container's series have begun at most.
    fn lives(&self, container: &str) -> u32 {
        let of = |e: &dockpulse::sink::belief::Entry<'_>| {
            e.resource.text("container.name").is_some_and(|name| &**name == container)
        };
        self.belief.series().filter(of).map(|e| e.series.lives).max().unwrap_or(0)
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Ends the agent; everything is retracted and no rule was broken.
    async fn end(mut self) {
        kill_process(Pid::from_child(&self.agent), Signal::TERM).unwrap();
        self.until(|rig| rig.belief.live().next().is_none()).await;
        assert!(self.agent.wait().unwrap().success(), "{}", self.log());
        assert_eq!(self.belief.violations(), [], "{}", self.log());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn write_settings(folder: &TempDir, collector: &Collector, engines: &[&str], more: &str) {
    let mut text = format!("interval: 100ms\ntelemetry: {{ metrics: false, traces: false }}\n{more}\nengines:\n");
    for engine in engines {
        // Both would be called after the one host.
        let name = engine.rsplit('/').nth(1).unwrap();
        writeln!(text, "  - {{ name: {name}, endpoint: \"{engine}\" }}").unwrap();
    }
    writeln!(text, "export: {{ endpoint: {} }}", collector.url()).unwrap();
    fs::write(folder.path().join("settings.yaml"), text).unwrap();
}

struct Engines {
    _folders: [TempDir; 2],
    web: String,
    db: String,
}

/// Two engines with a container each, `web` and `db`, of one host.
fn engines() -> Engines {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let web = SmallEngine::start(folders[0].path(), "web").endpoint();
    let db = SmallEngine::start(folders[1].path(), "db").endpoint();
    Engines { _folders: folders, web, db }
}

#[tokio::test]
async fn engines_come_and_go_and_the_others_go_on() {
    let engines = engines();
    let mut rig = Rig::start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    rig.reload(&[&engines.db, &engines.web], "");
    rig.believes(&["db", "web"]).await;
    rig.reload(&[&engines.db], "");
    rig.believes(&["db"]).await;
    rig.reload(&[&engines.db, &engines.web], "");
    rig.believes(&["db", "web"]).await;
    assert_eq!((rig.lives("db"), rig.lives("web")), (1, 2), "{}", rig.log());
    rig.end().await;
}

#[tokio::test]
async fn an_engine_that_is_reached_in_another_way_is_retracted_before_it_comes_back() {
    let engines = engines();
    let (socket, other) = (engines.web.clone(), engines.web.replace("docker.sock", "other.sock"));
    std::os::unix::fs::symlink(socket.trim_start_matches("unix://"), other.trim_start_matches("unix://")).unwrap();
    let mut rig = Rig::start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    rig.reload(&[&other], "");
    rig.until(|rig| rig.lives("web") == 2).await;
    rig.end().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_changes_nothing_and_the_log_says_why() {
    let engines = engines();
    let mut rig = Rig::start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    rig.reload(&[&engines.db], "intervall: 1s");
    let seen = rig.read;
    rig.until(|rig| rig.log().contains("intervall") && rig.read > seen + 3).await;
    assert!(rig.log().contains("settings.yaml:3:1: intervall: unknown key, did you mean interval?"), "{}", rig.log());
    assert_eq!((rig.live(), rig.lives("web")), (vec!["web"], 1));
    rig.reload(&[&engines.db], "");
    rig.believes(&["db"]).await;
    rig.end().await;
}

#[tokio::test]
async fn the_level_of_the_log_changes_and_no_engine_is_disturbed() {
    let engines = engines();
    let mut rig = Rig::start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    assert!(rig.log().contains("INFO"), "{}", rig.log());
    rig.reload(&[&engines.web], "log: { level: error }");
    rig.until(|rig| rig.read > 20).await;
    rig.reload(&[&engines.db], "log: { level: error }");
    rig.believes(&["db"]).await;
    assert!(!rig.log().contains("changed engines"), "{}", rig.log());
    rig.reload(&[&engines.db], "");
    let seen = rig.read;
    rig.until(|rig| rig.log().contains("changed log.level") && rig.read > seen + 3).await;
    assert_eq!(rig.lives("db"), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_metric_that_is_turned_off_ends_alone() {
    let engines = engines();
    let mut rig = Rig::start(&[&engines.web], "").await;
    rig.believes(&["web"]).await;
    let live = |rig: &Rig, metric: &str| rig.belief.live().any(|e| &*e.id.metric.name == metric);
    rig.until(|rig| live(rig, "container.pids.count")).await;
    rig.reload(&[&engines.web], "metrics: { container.pids.count: false }");
    rig.until(|rig| !live(rig, "container.pids.count")).await;
    assert_eq!((rig.live(), rig.lives("web")), (vec!["web"], 1));
    rig.reload(&[&engines.web], "");
    rig.until(|rig| live(rig, "container.pids.count")).await;
    rig.end().await;
}
