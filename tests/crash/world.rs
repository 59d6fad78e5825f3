//! One world: one or two engines whose containers come and go, a collector that goes wrong, and an agent that is killed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dockpulse::model::container::{ContainerId, State};
use dockpulse::model::time::{Clock, Monotonic, UnixNanos};
use dockpulse::sim::Spec;
use tokio::task::JoinSet;

use crate::outside::agent::Agent;
use crate::outside::collector::Collector;
use crate::outside::ears::{Ears, truth};
use crate::outside::engine::Engine;
use crate::outside::judge::{Kind, Rules, Tally};
use crate::outside::starved;
use crate::plan::{Act, Dice, End};

/// From the start of the process until it asks the engine something. On a busy machine that is more than it takes.
const STARTS_WITHIN: Duration = Duration::from_secs(3);
/// From recovery until what is believed is so, beside the interval, and the time for each request that waited.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);
const FOR_EACH_REQUEST: Duration = Duration::from_millis(100);
/// More than these never wait; requests go on after them.
const MOST_WAIT: u32 = 100;
/// A machine that has no time for us has none for the agent: what is missed is allowed so many times over.
const FOR_STARVED: u32 = 5;
/// No more than this: nothing here takes longer on any machine.
const MOST_EXCUSED: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// How long it is waited for that, to tell slow from never.
const AT_MOST: Duration = Duration::from_secs(20);
/// `shutdown.timeout`.
const SHUTDOWN: Duration = Duration::from_secs(3);
const ENDS_WITHIN: Duration = Duration::from_secs(6);
/// For one call or request: nothing here takes that long that is not held up on purpose, and that ends before.
const TIMEOUT: &str = "30s";

/// What is asked of a world.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) seed: u64,
    pub(crate) kills: u64,
    pub(crate) binary: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) with_directory: bool,
    /// No kills: it ends by SIGTERM once everything is delivered.
    pub(crate) gently: bool,
    pub(crate) durable_after: Duration,
    /// Whether it is told what is done.
    pub(crate) tells: bool,
}

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) findings: Vec<String>,
    pub(crate) starts: Vec<Duration>,
    pub(crate) settles: Vec<Duration>,
    pub(crate) terminated: u64,
}

struct World {
    order: Order,
    dice: Dice,
    clock: Clock,
    ears: Arc<Ears>,
    engines: Vec<Engine>,
    /// The first so many are in the settings.
    watched: usize,
    grpc: bool,
    collector: Collector,
    agent: Agent,
    interval: Duration,
    /// When the present agent was started.
    started: Monotonic,
    /// How much was missed by then.
    starved: Duration,
    _watching: JoinSet<()>,
    names: u64,
    events: bool,
    report: Report,
}

/// Runs one world to its end; `tell` hears after each kill.
pub(crate) async fn run(order: Order, tell: impl Fn(&Report)) -> Report {
    let mut world = World::begin(order).await;
    let kills = world.order.kills;
    for _ in 0..kills {
        world.live_and_die().await;
        world.report.tally = world.ears.judge().tally();
        tell(&world.report);
    }
    world.finish().await
}

impl World {
    async fn begin(order: Order) -> Self {
        let mut dice = Dice::new(order.seed, order.number);
        let clock = Clock::start();
        let rules = Rules { durable_after: order.durable_after, near: Duration::from_secs(3) };
        let ears = Ears::new(clock, rules);
        let watching = starved::watch(clock, ears.clone());
        ears.judge().is_loud = order.tells;
        let watched = if dice.chance(0.4) { 2 } else { 1 };
        let engines: Vec<Engine> = (0..watched)
            .map(|n| {
                let socket = order.folder.join(format!("engine-{n}.sock"));
                Engine::start(&socket, order.seed ^ order.number ^ (n as u64) << 32, clock, ears.clone())
            })
            .collect();
        let collector = Collector::start(ears.clone().told()).await;
        let interval = dice.interval();
        let grpc = dice.chance(0.5);
        write_settings(&order, &engines, &collector, interval, grpc);
        for (engine, n) in engines.iter().flat_map(|engine| (0..2).map(move |n| (engine, n))) {
            let spec = Spec::new(&format!("keep-{n}"), "shop:1");
            engine.with(|world| world.add(spec, Duration::from_secs(7))).expect("room");
        }
        let agent = Agent::start(&order.binary, &order.folder);
        let started = clock.now().mono;
        let report = Report::default();
        Self {
            order,
            dice,
            clock,
            ears,
            engines,
            watched,
            grpc,
            collector,
            agent,
            interval,
            started,
            starved: Duration::ZERO,
            _watching: watching,
            names: 0,
            events: true,
            report,
        }
    }

    fn now(&self) -> UnixNanos {
        self.clock.now().wall
    }

    /// No trouble any more if all engines are there.
    fn calm(&self) {
        if self.engines.iter().all(Engine::is_up) {
            self.ears.judge().calm(self.now());
        }
    }

    /// One engine less is in the settings, or all again.
    fn watch_another_number(&mut self) {
        self.watched = if self.watched == 1 { self.engines.len() } else { 1 };
        self.say(|| format!("{} engines in the settings", self.watched));
        self.ears.judge().trouble(self.now());
        self.calm();
        write_settings(&self.order, &self.engines[..self.watched], &self.collector, self.interval, self.grpc);
    }

    /// What is done, for whoever looks for the cause of a finding.
    fn say(&self, what: impl FnOnce() -> String) {
        if self.order.tells {
            let now = self.clock.now();
            let what = what();
            eprintln!("world {} {} {}: {what}", self.order.number, now.mono, now.wall.0);
        }
    }

    fn find(&self, kind: Kind, text: String) {
        self.say(String::new);
        self.ears.judge().find(kind, text);
    }

    /// One life of the agent with what happens meanwhile, its end, and what happens while it is dead.
    async fn live_and_die(&mut self) {
        let settle = self.dice.chance(0.35);
        if settle {
            self.heal().await;
            let recovered = self.clock.now().mono;
            self.check_start().await;
            self.settle(recovered).await;
        }
        let mut end = self.dice.end(settle);
        self.live(end).await;
        if self.order.gently {
            self.heal().await;
            self.settle(self.clock.now().mono).await;
            end = End::Terminated;
        }
        let late = self.lateness().await;
        if let Some(status) = self.agent.ended() {
            self.find(Kind::Agent, format!("it ended by itself: {status}\n{}", tail(&self.agent.log())));
        }
        match end {
            End::Terminated => self.terminate().await,
            _ => self.kill(late + self.agent.waited()).await,
        }
        self.check_log();
        for _ in 0..self.dice.below(3) {
            self.act().await;
        }
        if self.engines.len() > 1 && self.dice.chance(0.15) {
            self.watch_another_number();
        }
        let dead = self.dice.dead();
        tokio::time::sleep(dead).await;
        self.agent = Agent::start(&self.order.binary, &self.order.folder);
        self.started = self.clock.now().mono;
        self.starved = self.ears.judge().starved_in_all();
        self.say(|| "starts".to_owned());
    }

    /// What the present agent may take longer, because there was no time for it or for us.
    fn excused(&self) -> Duration {
        let starved = self.ears.judge().starved_in_all().saturating_sub(self.starved);
        (starved + self.agent.waited()).saturating_mul(FOR_STARVED).min(MOST_EXCUSED)
    }

    /// Lets the agent live until the end that was thrown, doing things meanwhile.
    async fn live(&mut self, end: End) {
        let mut acts: Vec<Duration> = self.dice.times(end.at_most());
        let until = self.clock.now().mono + end.at_most();
        let begun = self.ears.marks();
        while self.clock.now().mono < until && !end.is_reached(begun, self.ears.marks()) {
            let heard = self.ears.heard.notified();
            let next = acts.first().map_or(until, |after| self.started + *after).min(until);
            tokio::select! {
                () = heard => {}
                () = tokio::time::sleep_until(self.clock.instant(next)) => {
                    if !acts.is_empty() && next < until {
                        acts.remove(0);
                        self.act().await;
                    }
                }
            }
        }
        tokio::time::sleep(self.dice.moment(end)).await;
    }

    /// How much later than it should be anything happens here.
    async fn lateness(&self) -> Duration {
        let before = self.clock.now().mono;
        tokio::time::sleep(Duration::from_millis(1)).await;
        let late = self.clock.now().mono.since(before);
        if late > Duration::from_millis(300) {
            self.ears.judge().unsure(self.now());
        }
        late
    }

    async fn kill(&mut self, late: Duration) {
        let at = self.now();
        self.say(|| "SIGKILL".to_owned());
        self.agent.kill().await;
        self.let_go(at, late).await;
    }

    async fn let_go(&self, at: UnixNanos, late: Duration) {
        // What it sent before its end is read before its end counts.
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.ears.judge().ended(at, late * 2, self.now());
    }

    /// It has said that it runs: before that a SIGTERM may end it as it ends any process.
    async fn has_begun(&mut self) {
        let until = self.clock.now().mono + STARTS_WITHIN + AT_MOST;
        while !self.agent.log().contains(" runs: ") && self.agent.ended().is_none() {
            if self.clock.now().mono > until {
                return self.find(Kind::Agent, "it does not say that it runs".to_owned());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn terminate(&mut self) {
        self.has_begun().await;
        let could_deliver = self.collector.is_up();
        let at = self.now();
        self.say(|| "SIGTERM".to_owned());
        self.ears.judge().trouble(at);
        let from = self.clock.now().mono;
        let (excused, starved) = (self.excused(), self.ears.judge().starved_in_all());
        let status = self.agent.terminate(ENDS_WITHIN + excused + AT_MOST).await;
        let took = self.clock.now().mono.since(from);
        let starved = self.ears.judge().starved_in_all().saturating_sub(starved);
        if took > ENDS_WITHIN + excused + starved * FOR_STARVED {
            self.find(Kind::Agent, format!("SIGTERM ended it only after {took:?}"));
        }
        // Who used all of its time had more to deliver than went.
        let had_time = self.clock.now().mono.since(from) < SHUTDOWN.mul_f64(0.8);
        self.let_go(at, Duration::ZERO).await;
        self.calm();
        self.report.terminated += 1;
        match status {
            None => self.find(Kind::Agent, format!("SIGTERM did not end it within {took:?}")),
            Some(status) if !status.success() => {
                let log = tail(&self.agent.log());
                self.find(
                    Kind::Agent,
                    format!("SIGTERM ended it with {status} (collector up: {could_deliver})\n{log}"),
                );
            }
            Some(_) => {}
        }
        let live = self.ears.judge().live();
        if could_deliver && had_time && live > 0 {
            let log = tail(&self.agent.log());
            self.find(Kind::Belief, format!("{live} series are live after SIGTERM\n{log}"));
        }
    }

    /// A mere kill damages nothing, and nothing here makes it panic.
    fn check_log(&self) {
        const COMPLAINTS: [&str; 9] = [
            "panicked",
            "damage",
            "corrupt",
            "torn",
            "cut to",
            "last good",
            "memory mode",
            "in memory instead",
            "repair",
        ];
        let log = self.agent.log();
        let complaint = log.lines().find(|line| {
            let line = line.to_lowercase();
            COMPLAINTS.iter().any(|c| line.contains(c))
        });
        if let Some(line) = complaint.filter(|_| self.order.with_directory) {
            self.find(Kind::Agent, format!("it complains: {line}"));
        }
    }

    /// It asks the engine something soon after its start.
    async fn check_start(&mut self) {
        let begun = self.ears.marks()[0];
        loop {
            let until = self.started + STARTS_WITHIN + self.excused();
            let heard = self.ears.heard.notified();
            let now = self.clock.now().mono;
            if self.ears.marks()[0] > begun {
                self.report.starts.push(now.since(self.started));
                return;
            }
            if now > until {
                let log = tail(&self.agent.log());
                return self.find(Kind::Agent, format!("nothing is asked {STARTS_WITHIN:?} after its start\n{log}"));
            }
            let _ = tokio::time::timeout(Duration::from_millis(20), heard).await;
        }
    }

    /// Engine and collector are there.
    async fn heal(&mut self) {
        for engine in &mut self.engines {
            engine.up();
            engine.tell_events(true);
        }
        self.calm();
        self.events = true;
        self.collector.up().await;
        self.say(|| "healed".to_owned());
    }

    /// Soon what is believed is so.
    async fn settle(&mut self, recovered: Monotonic) {
        let since = self.now();
        let begun = self.ears.marks()[2];
        let excused = self.excused();
        loop {
            let requests = u32::try_from(self.ears.marks()[2] - begun).unwrap_or(u32::MAX);
            let waited = requests.min(MOST_WAIT);
            let excused = self.excused().saturating_sub(excused);
            let allowed = self.interval + SETTLES_WITHIN + FOR_EACH_REQUEST * waited + excused;
            let watched = &self.engines[..self.watched];
            let truth: Vec<_> = watched.iter().flat_map(truth).collect();
            let differs = self.ears.judge().differs(&truth, watched.len(), since);
            let took = self.clock.now().mono.since(recovered);
            match differs {
                None if took <= allowed => {
                    self.say(|| format!("settled {took:?} after recovery, by {requests} requests"));
                    return self.report.settles.push(took);
                }
                None => {
                    return self
                        .find(Kind::Belief, format!("settled only {took:?} after recovery, by {requests} requests"));
                }
                Some(what) if took > allowed + AT_MOST || (took > allowed && !self.order.with_directory) => {
                    let log = tail(&self.agent.log());
                    return self
                        .find(Kind::Belief, format!("{took:?} after recovery, by {requests} requests: {what}\n{log}"));
                }
                Some(_) => {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Something happens to a container, the engine or the collector.
    async fn act(&mut self) {
        let act = self.dice.act();
        let chosen = self.dice.below(self.engines.len());
        self.say(|| format!("{act:?} (engine {chosen})"));
        match act {
            Act::Collector(mode) => {
                self.collector.up().await;
                self.collector.set(mode);
                self.ears.judge().unsure(self.now());
            }
            Act::CollectorDown => {
                self.collector.down().await;
                self.ears.judge().unsure(self.now());
            }
            Act::EngineDown | Act::EngineHangs => {
                self.ears.judge().trouble(self.now());
                let engine = &mut self.engines[chosen];
                match act {
                    _ if !engine.is_up() => engine.up(),
                    Act::EngineHangs => engine.hang(),
                    _ => engine.down().await,
                }
                self.calm();
            }
            Act::Events => {
                self.events = !self.events;
                self.engines[chosen].tell_events(self.events);
            }
            Act::CutEvents => self.engines[chosen].cut_events(),
            _ => self.act_on_container(act, chosen),
        }
    }

    fn act_on_container(&mut self, act: Act, engine: usize) {
        /// More make it slow, fewer make it dull.
        const MOST: usize = 9;
        self.names += 1;
        let new = format!("c-{}", self.names);
        let (dice, ears, now) = (&mut self.dice, &self.ears, self.clock.now().wall);
        self.engines[engine].with(|world| {
            // The others are never touched.
            let names: Vec<String> = world.names().map(ToString::to_string).filter(|n| n.starts_with("c-")).collect();
            let crowded = names.len() >= MOST;
            let chosen = names.get(dice.below(names.len().max(1))).cloned();
            let disturb = |id: Option<&ContainerId>| {
                id.into_iter().for_each(|id| ears.judge().disturbed(id.as_str(), now));
            };
            let (Some(chosen), false) = (chosen, act == Act::Run && !crowded) else {
                let id = world.run(Spec::new(&new, "job:1")).ok();
                return disturb(id.as_ref());
            };
            disturb(world.id(&chosen));
            let runs = world.state(&chosen).is_some_and(|s| s == State::Running);
            // What its state does not allow does not happen.
            let _ = match act {
                Act::Stop if runs => world.stop(&chosen, 3),
                Act::Stop => world.start(&chosen),
                Act::Restart => world.restart(&chosen, 0),
                Act::Rename => world.rename(&chosen, &new),
                Act::Pause if runs => world.pause(&chosen),
                Act::Pause => world.unpause(&chosen),
                Act::Recreate => world.recreate(&chosen, |spec| spec).map(|id| disturb(Some(&id))),
                _ => world.remove(&chosen),
            };
        });
    }

    async fn finish(mut self) -> Report {
        self.heal().await;
        let recovered = self.clock.now().mono;
        self.check_start().await;
        self.settle(recovered).await;
        self.terminate().await;
        self.check_log();
        let mut judge = self.ears.judge();
        judge.finish();
        let number = self.order.number;
        self.report.tally = judge.tally();
        self.report.findings = judge.findings().iter().map(|f| format!("world {number}: {f}")).collect();
        drop(judge);
        self.report
    }
}

fn write_settings(order: &Order, engines: &[Engine], collector: &Collector, interval: Duration, grpc: bool) {
    let protocol = if grpc { "grpc" } else { "http/protobuf" };
    let entry =
        |(n, e): (usize, &Engine)| format!("{{ name: engine-{n}, endpoint: '{}', timeout: {TIMEOUT} }}", e.endpoint());
    let engines: Vec<String> = engines.iter().enumerate().map(entry).collect();
    let mut text = format!(
        "interval: {}ms\nengines: [{}]\n\
         export: {{ endpoint: '{}', protocol: {protocol}, timeout: {TIMEOUT}, retry: {{ initial: 50ms, max: 200ms }} }}\n\
         telemetry: {{ metrics: false, traces: false }}\nshutdown: {{ timeout: {}s }}\n\
         status: {{ listen: 'off' }}\ncontrol: {{ listen: 'off' }}\n",
        interval.as_millis(),
        engines.join(", "),
        collector.url(),
        SHUTDOWN.as_secs(),
    );
    if order.with_directory {
        let _ = writeln!(text, "outbox: {{ directory: '{}' }}", order.folder.join("state").display());
    }
    std::fs::write(order.folder.join("settings.yaml"), text).expect("a folder of our own");
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
