//! Retractions that an agent leaves in its directory and that the collector refuses to take from the next one: they come
//! again as new points, whatever becomes of that one, unless their series live again. The program itself, with a directory,
//! and a collector that fails as it is told.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dockpulse::model::time::Clock;
use dockpulse::sink::belief::{Belief, Entry};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/container.rs"]
mod container;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/faulty.rs"]
mod faulty;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/pace.rs"]
mod pace;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/replies.rs"]
mod replies;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/scripted.rs"]
mod scripted;

use faulty::{Answer, Fate, Faulty, Received, points, retracts};
use scripted::{Call, Engine, Fault};

/// What is known of a container last: by its second sample, and by what is inspected.
const LAST: [&str; 2] = ["container.cpu.usage", "container.restarts"];
const AWAY: Answer = Answer::Http(503, None);

/// An engine with the containers `db` and `web`, of which nothing is heard but by its list, the agent and the collector.
struct Rig {
    engine: Engine,
    collector: Faulty,
    folder: TempDir,
    agent: Option<Child>,
}

impl Rig {
    async fn start() -> Self {
        let (engine, collector, folder) = (Engine::start(), Faulty::start().await, memory::folder("owed-"));
        engine.with(|state| state.tells = false);
        ["db", "web"].iter().for_each(|name| engine.run(name));
        let settings = format!(
            "interval: 100ms\nengines: [{{ name: engine-0, endpoint: '{}' }}]\ntelemetry: {{ metrics: false, traces: false }}\n\
             export: {{ endpoint: {}, protocol: http/protobuf }}\noutbox: {{ directory: state }}\n\
             retract: {{ on_shutdown: false }}\nshutdown: {{ timeout: 5s }}\n",
            engine.endpoint(),
            collector.url(),
        );
        fs::write(folder.path().join("dockpulse.yaml"), settings).unwrap();
        let mut rig = Self { engine, collector, folder, agent: None };
        rig.begin();
        let known = |belief: &Belief, name| LAST.iter().all(|metric| has(belief, name, metric));
        rig.until("all of both is known", |belief, _| known(belief, "db") && known(belief, "web")).await;
        rig
    }

    /// The next agent begins.
    fn begin(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
        program
            .arg("run")
            .current_dir(self.folder.path())
            .env_clear()
            .env("DOCKPULSE_STATUS__LISTEN", "off")
            .env("DOCKPULSE_CONTROL__LISTEN", "off");
        self.agent = Some(program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// All that is decided is in the directory then.
    async fn terminate(&mut self) {
        assert_eq!(self.ended().await, Some(0), "{}", self.log());
    }

    /// Ends the agent; its exit status.
    async fn ended(&mut self) -> Option<i32> {
        let mut agent = self.agent.take().unwrap();
        kill_process(Pid::from_child(&agent), Signal::TERM).unwrap();
        tokio::task::spawn_blocking(move || agent.wait().unwrap().code()).await.unwrap()
    }

    /// A single probe, however long it takes; whether it went well.
    async fn once(&self) -> bool {
        let mut program = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
        program
            .args(["once", "--interval", "60s"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("DOCKPULSE_STATUS__LISTEN", "off")
            .env("DOCKPULSE_CONTROL__LISTEN", "off");
        program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        tokio::task::spawn_blocking(move || program.status().unwrap().success()).await.unwrap()
    }

    fn kill(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// An agent ends while the collector is away, and what it has decided since waits in its directory.
    async fn leave_behind(&mut self, what: impl FnOnce(&Engine)) {
        self.collector.always(AWAY);
        what(&self.engine);
        self.engine.lists(3).await;
        let mut status = self.ended().await;
        // One that gets no time just before its deadline says that it cannot tell what it keeps; another one can.
        for _ in 0..9 {
            if status == Some(1) {
                self.begin();
                self.engine.lists(3).await;
                status = self.ended().await;
            }
        }
        assert_eq!(status, Some(0), "{}", self.log());
    }

    /// From now on the collector takes everything, but gives this answer to the first request with retractions. Whether
    /// it has.
    fn refuse_once(&self, answer: Answer) -> Arc<AtomicBool> {
        let refused = Arc::<AtomicBool>::default();
        let told = refused.clone();
        self.collector.always(Answer::Take);
        self.collector.judge(move |request, _| {
            let first = retracts(request) && !told.swap(true, Ordering::Relaxed);
            first.then(|| answer.clone())
        });
        refused
    }

    /// Waits until it holds for what the collector believes.
    async fn until(&self, what: &str, holds: impl Fn(&Belief, &[Received]) -> bool) -> Vec<Received> {
        self.collector.until(what, |all| holds(&belief(all), all)).await
    }

    /// The agent ends in order, and nothing that it has ever said was wrong.
    async fn end(mut self) -> Belief {
        self.collector.further(5).await;
        self.terminate().await;
        let belief = belief(&self.collector.received());
        assert_eq!(belief.violations(), [], "{}", self.log());
        belief
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

/// What a collector believes that took this.
fn belief(received: &[Received]) -> Belief {
    let (mut belief, now) = (Belief::default(), Clock::start().now());
    for taken in received.iter().filter_map(|r| r.taken.as_ref()) {
        belief.apply(taken, now);
    }
    belief
}

fn live(belief: &Belief) -> Vec<String> {
    let names = belief.live().filter_map(|entry| Some(entry.resource.text("container.name")?.to_string()));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The times of the retractions of this container's series that were taken.
fn ends(received: &[Received], container: &str) -> Vec<u64> {
    let of = |r: &ResourceMetrics| {
        let mut names = r.resource.iter().flat_map(|of| &of.attributes).filter(|a| a.key == "container.name");
        names.any(|a| matches!(a.value.as_ref().and_then(|v| v.value.as_ref()), Some(Value::StringValue(n)) if n == container))
    };
    let taken = received.iter().filter_map(|r| r.taken.as_ref()).flat_map(|taken| &taken.resource_metrics);
    let alone = taken.filter(|r| of(r)).map(|r| ExportMetricsServiceRequest { resource_metrics: vec![r.clone()] });
    let ends = |r: &ExportMetricsServiceRequest| {
        points(r).filter(|p| p.flags != 0).map(|p| p.time_unix_nano).collect::<Vec<_>>()
    };
    alone.flat_map(|r| ends(&r)).collect()
}

/// Whether the container has a live series of this metric.
fn has(belief: &Belief, container: &str, metric: &str) -> bool {
    let of = |e: &Entry<'_>| e.resource.text("container.name").is_some_and(|name| **name == *container);
    belief.live().any(|e| *e.id.metric.name == *metric && of(&e))
}

/// How many series of the container are live.
fn series(belief: &Belief, container: &str) -> usize {
    belief.live().filter(|e| e.resource.text("container.name").is_some_and(|name| **name == *container)).count()
}

async fn refused_in_the_next_life(answer: Answer) {
    let mut rig = Rig::start().await;
    rig.leave_behind(|engine| engine.remove("web")).await;
    let before = belief(&rig.collector.received());
    assert_eq!(live(&before), ["db", "web"], "its end is not delivered");
    let refused = rig.refuse_once(answer);
    rig.begin();
    rig.until("its end", |belief, _| live(belief) == ["db"]).await;
    assert!(refused.load(Ordering::Relaxed), "it was refused before");
    rig.collector.further(5).await;
    let received = rig.collector.received();
    assert_eq!(ends(&received, "web").len(), series(&before, "web"), "each once");
    let told = received.iter().find(|r| retracts(&decoded(r))).map(decoded).expect("it was told");
    let first = points(&told).filter(|p| p.flags != 0).map(|p| p.time_unix_nano).max().expect("an end");
    assert!(ends(&received, "web").iter().all(|time| *time > first), "as new points");
    assert_eq!(live(&rig.end().await), ["db"]);
}

fn decoded(received: &Received) -> ExportMetricsServiceRequest {
    prost::Message::decode(received.raw.clone()).unwrap()
}

#[tokio::test]
async fn an_end_that_the_collector_refuses_after_a_restart_comes_again_as_new_points() {
    refused_in_the_next_life(Answer::Http(400, None)).await;
}

#[tokio::test]
async fn an_end_that_the_collector_rejects_in_part_after_a_restart_comes_again_as_new_points() {
    refused_in_the_next_life(Answer::RejectRetractions).await;
}

#[tokio::test]
async fn an_end_that_was_refused_after_a_restart_outlives_another_kill_and_another_refusal() {
    let mut rig = Rig::start().await;
    rig.leave_behind(|engine| engine.remove("web")).await;
    let refused = AtomicBool::default();
    // Whatever follows the refused one is not taken.
    rig.collector.always(Answer::Take);
    rig.collector.judge(move |request, _| {
        let before = refused.fetch_or(retracts(request), Ordering::Relaxed);
        let now = retracts(request).then_some(Answer::Http(400, None));
        if before { Some(AWAY) } else { now }
    });
    // Nobody but the refusal can bring the agent to say something.
    rig.engine.fail(Call::Ping, None, Fault::Hang);
    rig.begin();
    let follows = |all: &[Received]| all.iter().skip_while(|r| r.fate != Fate::Refused).count() > 1;
    rig.until("a request after the refused one", |_, all| follows(all)).await;
    rig.kill();
    rig.engine.heal(Call::Ping);
    assert_eq!(live(&belief(&rig.collector.received())), ["db", "web"]);
    let refused = rig.refuse_once(Answer::Http(400, None));
    rig.begin();
    rig.until("its end", |belief, _| live(belief) == ["db"]).await;
    assert!(refused.load(Ordering::Relaxed), "it was refused again");
    assert_eq!(live(&rig.end().await), ["db"]);
}

/// The agent ends while its engine is out of reach, so that all containers have ended in its directory.
async fn everything_ended() -> Rig {
    let mut rig = Rig::start().await;
    rig.leave_behind(|engine| engine.fail(Call::List, None, Fault::Status(500, "no list"))).await;
    rig
}

#[tokio::test]
async fn what_lives_again_when_its_end_is_refused_is_not_ended() {
    let mut rig = everything_ended().await;
    rig.engine.heal(Call::List);
    rig.begin();
    rig.engine.lists(4).await;
    let refused = rig.refuse_once(Answer::Http(400, None));
    rig.until("values", |_, all| refused.load(Ordering::Relaxed) && all.last().is_some_and(|r| r.taken.is_some()))
        .await;
    rig.collector.further(10).await;
    let received = rig.collector.received();
    assert_eq!((ends(&received, "web"), ends(&received, "db")), (vec![], vec![]), "they live");
    assert_eq!(live(&rig.end().await), ["db", "web"]);
}

#[tokio::test]
async fn what_lives_again_after_its_end_was_refused_ends_once_and_before_it_begins() {
    let mut rig = everything_ended().await;
    let before = belief(&rig.collector.received());
    let refused = rig.refuse_once(Answer::Http(400, None));
    rig.begin();
    rig.until("their ends", |belief, _| live(belief).is_empty()).await;
    assert!(refused.load(Ordering::Relaxed), "they were refused before");
    rig.engine.heal(Call::List);
    rig.until("their return", |belief, _| live(belief) == ["db", "web"]).await;
    rig.collector.further(10).await;
    let received = rig.collector.received();
    assert_eq!(ends(&received, "web").len(), series(&before, "web"), "each once");
    assert_eq!(live(&rig.end().await), ["db", "web"]);
}

#[tokio::test]
async fn an_end_that_is_refused_when_a_single_probe_is_over_comes_again_and_what_lives_does_not_end() {
    let mut rig = Rig::start().await;
    rig.terminate().await;
    rig.engine.remove("web");
    let refused = rig.refuse_once(Answer::Http(400, None));
    assert!(!rig.once().await, "values were lost");
    assert!(refused.load(Ordering::Relaxed), "it was refused");
    assert_eq!(live(&belief(&rig.collector.received())), ["db"]);
    assert!(rig.once().await);
    assert_eq!(live(&belief(&rig.collector.received())), ["db"]);
}
