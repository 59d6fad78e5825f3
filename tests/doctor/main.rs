//! `dockpulse doctor` against real sockets: each mistake has its line, with the mend, and all else is said to be well.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/certificates.rs"]
mod certificates;
mod collector;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/container.rs"]
mod container;
mod engine;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/faulty.rs"]
mod faulty;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/front.rs"]
mod front;
mod host;
#[path = "../support/pace.rs"]
mod pace;
#[path = "../support/replies.rs"]
mod replies;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/scripted.rs"]
mod scripted;

use dockpulse::app::{self, DoctorOptions};
use dockpulse::config::{self, Flags, Sources};
use dockpulse::model::time::Clock;
use dockpulse::telemetry::Telemetry;
use serde_json::Value;
use tempfile::TempDir;

use faulty::Faulty;
use scripted::Engine;

/// All that the agent needs: an engine with a container, and a collector.
struct World {
    engine: Engine,
    collector: Faulty,
    folder: TempDir,
}

/// What doctor says.
struct Said {
    lines: Vec<Value>,
    all_is_well: bool,
}

impl World {
    async fn new() -> Self {
        let engine = Engine::start();
        engine.run("web");
        Self { engine, collector: Faulty::start().await, folder: tempfile::tempdir().unwrap() }
    }

    /// Its settings, and `more`, which wins.
    async fn doctor(&self, more: &[(&str, &str)]) -> Said {
        let (engine, collector) = (self.engine.endpoint(), self.collector.url());
        let engines = format!("[{{name: e, endpoint: {engine}, timeout: 1s}}]");
        let usual = [
            ("DOCKPULSE_ENGINES", engines.as_str()),
            ("DOCKPULSE_EXPORT__ENDPOINT", &collector),
            ("DOCKPULSE_EXPORT__TIMEOUT", "1s"),
            ("DOCKPULSE_STATUS__LISTEN", "off"),
            ("DOCKPULSE_CONTROL__LISTEN", "off"),
        ];
        let nowhere = self.folder.path().join("nowhere");
        let sources = Sources {
            flags: Flags::default(),
            environment: usual.iter().chain(more).copied().collect(),
            working_directory: nowhere.clone(),
            system_directory: nowhere,
        };
        let loaded = config::load(&sources, &app::known()).unwrap_or_else(|errors| panic!("{errors}"));
        let options = DoctorOptions { json: true, color: false };
        let clock = Clock::start();
        let mut out = Vec::new();
        let doctor = app::doctor(loaded, "host-1".to_owned(), clock, Telemetry::new(clock), options, &mut out);
        let outcome = Box::pin(doctor).await;
        let took = clock.now().mono.0;
        assert!(took.as_secs() < 11, "it took {took:?}");
        Said { lines: serde_json::from_slice(&out).unwrap(), all_is_well: outcome.is_ok() }
    }

    /// The same for a collector at `endpoint`.
    async fn of_collector(&self, endpoint: &str, more: &[(&str, &str)]) -> Said {
        self.doctor(&[&[("DOCKPULSE_EXPORT__ENDPOINT", endpoint)], more].concat()).await
    }
}

impl Said {
    /// The lines that are not ok. How many agents run on this host is not up to a test.
    fn wrong(&self) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["status"] != "ok" && line["check"] != "agents").collect()
    }

    /// The only line that is not ok is this one, and has these words.
    #[track_caller]
    fn only(&self, check: &str, status: &str, words: &[&str]) {
        let wrong = self.wrong();
        assert_eq!(wrong.len(), 1, "{wrong:#?}");
        self.has(check, status, words);
        assert_eq!(self.all_is_well, status != "fail");
    }

    /// Such a line is there, and has these words.
    #[track_caller]
    fn has(&self, check: &str, status: &str, words: &[&str]) {
        let is = |line: &&Value| line["check"] == check && line["status"] == status;
        let text =
            |line: &Value| format!("{} → {}", line["found"].as_str().unwrap(), line["mend"].as_str().unwrap_or(""));
        let found: Vec<String> = self.lines.iter().filter(is).map(text).collect();
        let said = found.iter().any(|text| words.iter().all(|word| text.contains(word)));
        assert!(said, "no {status} {check} with {words:?}: {found:#?} in {:#?}", self.lines);
    }

    #[track_caller]
    fn is_well(&self) {
        let wrong = self.wrong();
        assert!(wrong.is_empty() && self.all_is_well, "{wrong:#?}");
    }
}

#[tokio::test]
async fn where_all_is_well_every_line_says_so() {
    let world = World::new().await;
    let said = world.doctor(&[]).await;
    said.is_well();
    said.has("source", "ok", &["one_shot (auto: API 1.51 knows it)", "works: one_shot in ", "two_sample in "]);
    said.has("export", "ok", &["takes an export"]);
    let received = world.collector.received();
    let points = received.iter().flat_map(|request| faulty::points(request.taken.as_ref().unwrap()));
    assert_eq!(
        points.map(|point| (point.flags, point.value)).collect::<Vec<_>>(),
        [(1, None)],
        "an export without a value"
    );
    world.engine.until("no connection is left", |engine| engine.open() == 0).await;
}
