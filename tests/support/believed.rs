//! The program itself in a folder, with its settings, and a collector with what that believes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use dockpulse::model::time::Clock;
use dockpulse::sink::belief::{Belief, Entry};
use rustix::process::Signal;
use tempfile::TempDir;

use super::collector::Collector;
use super::memory;
use super::process::{Log, Process};

/// So many requests, one each interval, until something must have happened.
const PATIENCE: usize = 300;
/// For a call or a request: more than a busy machine makes of it.
const AMPLE: &str = "60s";

/// An agent, which runs or does not, and what its collector believes.
pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) collector: Collector,
    pub(crate) belief: Belief,
    /// How many requests were read.
    pub(crate) read: usize,
    agent: Option<Process>,
    log: Log,
    clock: Clock,
}

impl Rig {
    /// One that does not run yet and has no settings.
    pub(crate) async fn new() -> Self {
        let (folder, collector) = (memory::folder("agent-"), Collector::start().await);
        let (log, clock) = (Log::default(), Clock::start());
        Self { folder, collector, belief: Belief::default(), read: 0, agent: None, log, clock }
    }

    /// Probes these engines, by name and endpoint, ten times a second; `more` are lines beside that. Nothing is served unless
    /// they say so: all tests would want the same port.
    pub(crate) fn write_settings(&self, engines: &[(String, String)], more: &str) {
        let mut text = format!("interval: 100ms\ntelemetry: {{ metrics: false, traces: false }}\n{more}\n");
        for served in ["status", "control"].iter().filter(|served| !more.contains(&format!("{served}:"))) {
            writeln!(text, "{served}: {{ listen: \"off\" }}").unwrap();
        }
        text.push_str("engines:\n");
        for (name, endpoint) in engines {
            writeln!(text, "  - {{ name: {name}, endpoint: \"{endpoint}\", timeout: {AMPLE} }}").unwrap();
        }
        writeln!(text, "export: {{ endpoint: {}, timeout: {AMPLE} }}", self.collector.url()).unwrap();
        fs::write(self.folder.path().join("settings.yaml"), text).unwrap();
    }

    pub(crate) fn command(&self, command: &str) -> Command {
        self.program(&[command, "--config", "settings.yaml"])
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
        program.args(arguments).current_dir(self.folder.path()).env_clear();
        program
    }

    pub(crate) fn start(&mut self) {
        self.start_as(&["run", "--config", "settings.yaml"]);
    }

    pub(crate) fn start_as(&mut self, arguments: &[&str]) {
        self.agent = Some(Process::start(self.program(arguments), &self.log));
    }

    /// The agent that runs.
    pub(crate) fn agent(&self) -> &Process {
        self.agent.as_ref().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        drop(self.agent.take().unwrap());
    }

    /// Ends the agent in order. Returns its exit status.
    pub(crate) async fn terminate(&mut self) -> Option<i32> {
        let agent = self.agent.take().unwrap();
        agent.signal(Signal::TERM);
        agent.ended().await.code()
    }

    /// Reads requests until the collector believes in series of these containers and no others.
    pub(crate) async fn believes(&mut self, containers: &[&str]) {
        self.until(|rig| rig.live() == containers).await;
    }

    /// Reads requests until it is so.
    pub(crate) async fn until(&mut self, what: impl Fn(&Self) -> bool) {
        let most = self.read + PATIENCE;
        while !what(self) {
            assert!(self.read < most, "not within {PATIENCE} requests: {:?}\n{}", self.live(), self.log());
            let received = self.collector.wait_for(self.read + 1).await;
            self.belief.apply(&received[self.read].message(), self.clock.now());
            self.read += 1;
        }
    }

    /// The containers that have live series, by name.
    pub(crate) fn live(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.belief.live().filter_map(|e| Some(&**e.resource.text("container.name")?)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the container has a live series of this metric.
    pub(crate) fn has(&self, container: &str, metric: &str) -> bool {
        self.belief.live().any(|e| *e.id.metric.name == *metric && is_of(&e, container))
    }

    /// How many lives the container's series have begun at most.
    pub(crate) fn lives(&self, container: &str) -> u32 {
        self.belief.series().filter(|e| is_of(e, container)).map(|e| e.series.lives).max().unwrap_or(0)
    }

    /// What the agent has said, in all its lives.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Ends the agent; everything is retracted and no rule was broken.
    pub(crate) async fn end(mut self) {
        assert_eq!(self.terminate().await, Some(0), "{}", self.log());
        self.until(|rig| rig.belief.live().next().is_none()).await;
        assert_eq!(self.belief.violations(), [], "{}", self.log());
    }
}

fn is_of(entry: &Entry<'_>, container: &str) -> bool {
    entry.resource.text("container.name").is_some_and(|name| &**name == container)
}
