//! An agent with its engine and its collector.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use dockpulse::model::time::Clock;
use dockpulse::sim::Spec;
use tokio::task::JoinSet;

use crate::Wanted;
use crate::outside::agent::Agent;
use crate::outside::collector::Collector;
use crate::outside::ears::Ears;
use crate::outside::engine::Engine;
use crate::outside::judge::Rules;
use crate::outside::starved;

pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) ears: Arc<Ears>,
    pub(crate) engine: Engine,
    pub(crate) collector: Collector,
    pub(crate) agent: Agent,
    pub(crate) folder: tempfile::TempDir,
    _watching: JoinSet<()>,
}

impl Stage {
    /// Everything is there, the collector too, and the agent has just been started.
    pub(crate) async fn set(wanted: &Wanted, interval: Duration, with_directory: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("soak-").tempdir_in(&wanted.folder).expect("a folder");
        let clock = Clock::start();
        // Nothing is killed: what happens to a container has its effect within some probes.
        let rules = Rules { durable_after: Duration::from_secs(3600), near: Duration::from_secs(5).max(interval * 4) };
        let ears = Ears::new(clock, rules);
        let watching = starved::watch(clock, ears.clone());
        let engine = Engine::start(&folder.path().join("engine.sock"), wanted.seed, clock, ears.clone());
        for n in 0..wanted.containers {
            let spec = Spec::new(&format!("c-{n:05}"), "shop:1");
            engine.with(|world| world.add(spec, Duration::from_secs(7))).expect("room");
        }
        let collector = Collector::start(ears.clone().told()).await;
        let mut settings = format!(
            "interval: {}ms\nengines: [{{ name: engine-0, endpoint: '{}', timeout: 30s }}]\n\
             export: {{ endpoint: '{}', timeout: 30s, retry: {{ initial: 100ms, max: 1s }} }}\n\
             telemetry: {{ metrics: false, traces: false }}\nshutdown: {{ timeout: 30s }}\n\
             status: {{ listen: 'off' }}\ncontrol: {{ listen: 'off' }}\n",
            interval.as_millis(),
            engine.endpoint(),
            collector.url(),
        );
        if with_directory {
            let _ = writeln!(settings, "outbox: {{ directory: '{}' }}", folder.path().join("state").display());
        }
        std::fs::write(folder.path().join("settings.yaml"), settings).expect("a folder of our own");
        let agent = Agent::start(&wanted.binary, folder.path());
        Self { clock, ears, engine, collector, agent, folder, _watching: watching }
    }

    /// The last lines of the agent's log.
    pub(crate) fn log(&self) -> String {
        let log = self.agent.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}
