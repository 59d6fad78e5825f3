//! What a collector was sent, held against what the engine truly had. Pure: everything is told to it, with the time.
//!
//! # The rules
//!
//! The engine gives each sample a number of its own (the memory that a container uses), so that a number at the
//! collector tells which sample it was made of. Times are those of the one wall clock that all have here.
//!
//! **Lost.** A decision is durable before it is sent, and there is one queue. From outside that means:
//! 1. A request that was seen and not taken comes again before any other, over kills and all: it was durable when it was
//!    first sent. The same for one that was taken without an answer.
//! 2. Samples of a container arrive in their order. When one arrives, each earlier one that is *owed* has arrived before.
//!    Owed is a sample that (a) was given to the same run of the agent, or (b) was given to an earlier run longer than
//!    [`Rules::durable_after`] before that run was killed, or (c) was in a request that was seen. A sample of (a) and (b) is
//!    not owed if the container or its engine was disturbed near it ([`Rules::near`]): it may have been dropped for a
//!    reason. In the end nothing that is owed may be missing.
//!
//! Times in these rules are those in which somebody here had time: a machine that stands still for two seconds gives nobody
//! two seconds to do something in ([`Judge::starved`]).
//!
//! Between a sample and its being durable no time is promised, so what a kill takes of the last `durable_after` is no
//! loss; all that was longer there is, also where the collector was away all the while and never saw anything of it.
//!
//! **Sent again.** A request that was taken and answered comes again only after a kill, only as the first one after it,
//! and so at most once a kill. An older one never does.
//!
//! **Wrong.** The rules of [`dockpulse::sink::belief`] (one retraction a life, of what was published, times that rise, no
//! counter that falls), and:
//! - a series of a container ends only if the container or its engine was disturbed since the value before (or near
//!   it): a kill is no disturbance;
//! - the start of a series is another than before only in the same case, and goes back only where a life has ended and
//!   whoever knew of it was killed then;
//! - a number that no engine gave;
//! - once engine and collector are there and nothing changes any more, what is believed is just what is so
//!   ([`Judge::differs`]), within the time that the caller allows.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::time::Duration;

use dockpulse::model::container::State;
use dockpulse::model::time::{Now, UnixNanos};
use dockpulse::sink::belief::{Belief, Change, Entry, Limits, What};
use dockpulse::sink::identity::Attributes;
use dockpulse::sink::rules::Rule;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, number_data_point};
use prost::Message;

use super::collector::Fate;
use super::starved::Starved;

/// The metric whose number tells which sample it was made of.
pub(crate) const WITNESS: &str = "container.memory.usage";
/// What stays of a container that has stopped.
const OF_STATE: [&str; 4] =
    ["container.status.state", "container.status.exit_code", "container.restarts", "container.memory.oom_kill.count"];
/// So many findings are kept in words; all are counted.
const KEPT: usize = 40;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// From a sample's being given until it survives a kill.
    pub(crate) durable_after: Duration,
    /// A disturbance counts for whatever happens so much earlier or later.
    pub(crate) near: Duration,
}

/// What is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Something durable did not arrive.
    Lost,
    /// Something was sent again that must not be.
    SentAgain,
    /// A live series was retracted.
    LiveRetracted,
    /// A start time changed for no reason.
    StartChanged,
    /// A number that no engine gave.
    Unknown,
    /// A rule of the protocol.
    Protocol,
    /// What is believed is not what is so.
    Belief,
    /// The agent as a process.
    Agent,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    /// Requests that were taken, each once.
    pub(crate) batches: u64,
    /// Requests that came again after a kill although they had been answered.
    pub(crate) sent_again: u64,
    /// Samples that were owed and are there.
    pub(crate) samples: u64,
    /// Of these, those that outlived the run of the agent that they were given to.
    pub(crate) survived: u64,
    pub(crate) retractions: u64,
    pub(crate) lost: u64,
    pub(crate) wrong: u64,
}

/// A container as it is.
#[derive(Debug, Clone)]
pub(crate) struct Truth {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: State,
}

/// Judges one engine and one collector; see the module.
pub(crate) struct Judge {
    rules: Rules,
    belief: Belief,
    broken: usize,
    containers: HashMap<String, Container>,
    /// From, to: nothing of the engine counts.
    troubles: Vec<(UnixNanos, UnixNanos)>,
    /// From, to: nobody had time.
    starved: Starved,
    last: Option<Last>,
    seen: HashSet<u64>,
    series: HashMap<u64, Told>,
    /// Counts kills.
    run: u64,
    kills: Vec<UnixNanos>,
    findings: Vec<Finding>,
    tally: Tally,
    /// Whether findings go to stderr when they are made.
    pub(crate) is_loud: bool,
}

#[derive(Debug, Default)]
struct Container {
    pending: VecDeque<Sample>,
    disturbed: Vec<UnixNanos>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    number: i64,
    at: UnixNanos,
    run: u64,
    was: Was,
}

/// What is known of a sample that has not arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    /// It was given to the present run.
    Given,
    /// It was given to an earlier run, long enough before its end.
    Durable,
    /// It was given to an earlier run, too late to be sure.
    Late,
    /// It was in a request that was seen.
    Seen,
}

/// The last request.
struct Last {
    digest: u64,
    /// What became of it the last time.
    fate: Fate,
    /// Whether it was ever taken.
    taken: bool,
    run: u64,
    at: UnixNanos,
    /// Whether nobody can know what the sender heard.
    unsure: bool,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    time: UnixNanos,
    start: UnixNanos,
    retracted: bool,
}

impl Judge {
    pub(crate) fn new(rules: Rules) -> Self {
        let limits = Limits { retracted: 20_000, violations: usize::MAX, ..Limits::default() };
        Self {
            rules,
            belief: Belief::new(limits),
            broken: 0,
            containers: HashMap::new(),
            troubles: Vec::new(),
            starved: Starved::default(),
            last: None,
            seen: HashSet::new(),
            series: HashMap::new(),
            run: 0,
            kills: Vec::new(),
            findings: Vec::new(),
            tally: Tally::default(),
            is_loud: false,
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn find(&mut self, kind: Kind, text: String) {
        if kind == Kind::Lost {
            self.tally.lost += 1;
        } else {
            self.tally.wrong += 1;
        }
        if self.is_loud {
            let _ = writeln!(std::io::stderr(), "{kind:?}: {text}");
        }
        if self.findings.len() < KEPT {
            self.findings.push(Finding { kind, text });
        }
    }

    /// The engine gives a container's numbers.
    pub(crate) fn served(&mut self, container: &str, number: i64, at: UnixNanos) {
        let sample = Sample { number, at, run: self.run, was: Was::Given };
        self.containers.entry(container.to_owned()).or_default().pending.push_back(sample);
    }

    /// Something is done to a container.
    pub(crate) fn disturbed(&mut self, container: &str, at: UnixNanos) {
        self.containers.entry(container.to_owned()).or_default().disturbed.push(at);
    }

    /// The engine fails, or all series end for another reason, until [`Judge::calm`].
    pub(crate) fn trouble(&mut self, at: UnixNanos) {
        if self.troubles.last().is_none_or(|(_, to)| to.0 != u64::MAX) {
            self.troubles.push((at, UnixNanos(u64::MAX)));
        }
    }

    pub(crate) fn calm(&mut self, at: UnixNanos) {
        if let Some((_, to)) = self.troubles.last_mut().filter(|(_, to)| to.0 == u64::MAX) {
            *to = at;
        }
    }

    /// Nobody had time in between: it does not count for how long something took.
    pub(crate) fn starved(&mut self, from: UnixNanos, to: UnixNanos) {
        self.starved.push(from, to);
    }

    /// How much of that there was.
    pub(crate) fn starved_in_all(&self) -> Duration {
        self.starved.in_all()
    }

    /// Whoever sends may not have heard the last answer: connections were cut, or nobody here had time.
    pub(crate) fn unsure(&mut self, now: UnixNanos) {
        const LATELY: Duration = Duration::from_secs(2);
        let own = |at| self.starved.own(at);
        if let Some(last) = self.last.as_mut().filter(|last| own(last.at).after(LATELY) >= own(now)) {
            last.unsure = true;
        }
    }

    /// The agent was killed `at`, or told to end, and is gone by `now`; everything has to be durable that was there
    /// `slack` longer than the rule says.
    pub(crate) fn ended(&mut self, at: UnixNanos, slack: Duration, now: UnixNanos) {
        self.run += 1;
        self.kills.push(now);
        self.tally.kills += 1;
        let (after, own) = (self.rules.durable_after + slack, |at| self.starved.own(at));
        for sample in self.containers.values_mut().flat_map(|c| &mut c.pending).filter(|s| s.was == Was::Given) {
            sample.was = if own(sample.at).after(after) <= own(at) { Was::Durable } else { Was::Late };
        }
    }

    /// A request came.
    pub(crate) fn request(&mut self, message: &ExportMetricsServiceRequest, fate: Fate, now: Now) {
        let digest = digest(message);
        let again = self.order(digest, fate, now);
        if !fate.is_taken() {
            for (container, number) in witnesses(message) {
                let pending = self.containers.get_mut(&container).map(|c| &mut c.pending);
                if let Some(sample) = pending.and_then(|p| p.iter_mut().find(|s| s.number == number)) {
                    sample.was = Was::Seen;
                }
            }
            return;
        }
        if again {
            // What the belief makes of it: nothing, or a finding.
            self.believe(message, now);
            return;
        }
        self.tally.batches += 1;
        for (container, number) in witnesses(message) {
            self.arrived(&container, number);
        }
        self.believe(message, now);
    }

    /// Checks the order of requests; returns whether it was taken before.
    fn order(&mut self, digest: u64, fate: Fate, now: Now) -> bool {
        let run = self.run;
        let was_seen = !self.seen.insert(digest);
        let Some(last) = self.last.take() else {
            self.last = Some(Last { digest, fate, taken: fate.is_taken(), run, at: now.wall, unsure: false });
            return false;
        };
        let is_same = last.digest == digest;
        let taken = is_same && last.taken;
        self.last = Some(Last { digest, fate, taken: taken || fate.is_taken(), run, at: now.wall, unsure: false });
        if !is_same {
            self.follows(&last, was_seen);
            return was_seen;
        }
        if last.fate == Fate::Acknowledged && !last.unsure {
            if last.run == run {
                self.find(Kind::SentAgain, format!("a request that was answered came again in the same run ({run})"));
            } else {
                self.tally.sent_again += 1;
            }
        }
        taken
    }

    /// Another request than the last one came.
    fn follows(&mut self, last: &Last, was_seen: bool) {
        let run = self.run;
        let may_know = last.fate == Fate::Acknowledged || (last.unsure && last.taken);
        if !may_know {
            let when = if last.run == run { "in the same run" } else { "after a kill" };
            self.find(Kind::Lost, format!("a request that was {:?} did not come again {when} ({run})", last.fate));
        }
        if was_seen {
            self.find(Kind::SentAgain, format!("an older request came again (run {run})"));
        }
    }

    fn arrived(&mut self, id: &str, number: i64) {
        let Some(container) = self.containers.get_mut(id) else {
            return self.find(Kind::Unknown, format!("{number} of the unknown container {id}"));
        };
        let Some(at) = container.pending.iter().position(|s| s.number == number) else {
            let short = &id[..12.min(id.len())];
            return self
                .find(Kind::Unknown, format!("{number} of {short}: nobody gave it, or a later one came before"));
        };
        let passed: Vec<Sample> = container.pending.drain(..=at).collect();
        let Some((arrived, before)) = passed.split_last() else { return };
        self.tally.samples += 1;
        self.tally.survived += u64::from(arrived.run < self.run);
        for sample in before {
            self.missing(id, *sample, Some(arrived.run));
        }
    }

    /// A sample that has not arrived and will not.
    fn missing(&mut self, id: &str, sample: Sample, followed_in: Option<u64>) {
        let owed = match sample.was {
            Was::Seen => true,
            Was::Durable => !self.is_disturbed(id, sample.at, sample.at),
            // One of the same run came later.
            Was::Given | Was::Late => followed_in == Some(sample.run) && !self.is_disturbed(id, sample.at, sample.at),
        };
        if owed {
            let Sample { number, at, run, was } = sample;
            let short = &id[..12.min(id.len())];
            let text =
                format!("sample {number} of {short}, given at {} to run {run} ({was:?}), now in {}", at.0, self.run);
            self.find(Kind::Lost, text);
        }
    }

    fn is_disturbed(&self, id: &str, from: UnixNanos, to: UnixNanos) -> bool {
        let near = u64::try_from(self.rules.near.as_nanos()).unwrap_or(u64::MAX);
        let own = |at: &UnixNanos| self.starved.own(*at).0;
        let (from, to) = (own(&from).saturating_sub(near), own(&to).saturating_add(near));
        let within = |at: &UnixNanos| (from..=to).contains(&own(at));
        self.containers.get(id).is_none_or(|c| c.disturbed.iter().any(within))
            || self.troubles.iter().any(|(begin, end)| own(begin) <= to && own(end) >= from)
    }

    fn believe(&mut self, message: &ExportMetricsServiceRequest, now: Now) {
        let changes = self.belief.apply(message, now);
        let broken = &self.belief.violations()[self.broken..];
        self.broken += broken.len();
        // Starts that go back are looked at below, with what is known of lives.
        let broken: Vec<String> =
            broken.iter().filter(|v| v.rule != Rule::StartWentBack).map(ToString::to_string).collect();
        for text in broken {
            self.find(Kind::Protocol, text);
        }
        for change in changes {
            self.changed(&change);
        }
    }

    fn changed(&mut self, change: &Change) {
        let start = self.belief.get(&change.resource, &change.id).map_or(UnixNanos::UNKNOWN, |s| s.start);
        let key = {
            let mut hasher = DefaultHasher::new();
            (&change.resource, &change.id).hash(&mut hasher);
            hasher.finish()
        };
        let told = Told { time: change.time, start, retracted: change.what == What::Retracted };
        let before = self.series.insert(key, told);
        self.tally.retractions += u64::from(change.what == What::Retracted);
        let Some(id) = change.resource.text("container.id").cloned() else { return };
        let Some(before) = before else { return };
        let undisturbed = !self.is_disturbed(&id, before.time, change.time);
        let of = || format!("{} of {}", change.id, name(&change.resource));
        if change.what == What::Retracted && undisturbed {
            self.find(
                Kind::LiveRetracted,
                format!("{} at {}, its value before is of {}", of(), change.time.0, before.time.0),
            );
        }
        // Who was killed after all of it had ended remembers nothing of the life before.
        let forgotten = before.retracted && self.kills.iter().any(|k| (before.time..=change.time).contains(k));
        let went_back = start < before.start && !forgotten;
        if went_back || (change.what == What::Updated && before.start != start && undisturbed) {
            self.find(Kind::StartChanged, format!("{}: from {} to {}", of(), before.start.0, start.0));
        }
    }

    /// How what is believed differs from what is so: every running container has numbers from after `since` under its
    /// name, every other one that is there its state alone, so many engines are up, and nothing else is live.
    pub(crate) fn differs(&self, truth: &[Truth], engines: usize, since: UnixNanos) -> Option<String> {
        let of_engines = |e: &Entry<'_>| &*e.id.metric.name == "dockpulse.engine.up";
        let up = |e: &Entry<'_>| e.series.value.as_f64() > 0.5 && e.series.time >= since;
        let (live, up) =
            self.belief.live().filter(of_engines).fold((0, 0), |(live, n), e| (live + 1, n + usize::from(up(&e))));
        if (live, up) != (engines, engines) {
            return Some(format!("{live} engines are live and {up} of them up, of {engines}"));
        }
        let truth: HashMap<&str, &Truth> = truth.iter().map(|t| (t.id.as_str(), t)).collect();
        let mut sampled: HashSet<&str> = HashSet::new();
        let mut stated: HashSet<&str> = HashSet::new();
        for entry in self.belief.live() {
            let Some(id) = entry.resource.text("container.id") else { continue };
            let metric = &*entry.id.metric.name;
            let of = || format!("{} of {}", entry.id, name(entry.resource));
            let Some(truth) = truth.get(&**id) else { return Some(format!("{} is live, the container is gone", of())) };
            if name(entry.resource) != truth.name {
                return Some(format!("{} is live, the container is called {}", of(), truth.name));
            }
            if !truth.state.is_running() && !OF_STATE.contains(&metric) {
                return Some(format!("{} is live, the container is {}", of(), truth.state.as_str()));
            }
            if metric == WITNESS && entry.series.time >= since {
                sampled.insert(&truth.id);
            }
            if metric == "container.status.state" {
                let state = entry.id.attributes.text("container.status.state").map(ToString::to_string);
                if state.as_deref() != Some(truth.state.as_str()) {
                    return Some(format!("{} is live, the container is {}", of(), truth.state.as_str()));
                }
                if entry.series.time >= since {
                    stated.insert(&truth.id);
                }
            }
        }
        let missing = truth
            .values()
            .find(|t| !stated.contains(t.id.as_str()) || (t.state.is_running() && !sampled.contains(t.id.as_str())));
        missing.map(|t| format!("nothing new of {}, which is {}", t.name, t.state.as_str()))
    }

    /// How many series of containers are live.
    pub(crate) fn live(&self) -> usize {
        self.belief.live().filter(|e| e.resource.text("container.id").is_some()).count()
    }

    /// Everything has been delivered: whatever is owed and not there is lost.
    pub(crate) fn finish(&mut self) {
        if self.last.as_ref().is_some_and(|last| !last.fate.is_taken()) {
            self.find(Kind::Lost, "the last request was not taken and did not come again".to_owned());
        }
        let left: Vec<(String, Sample)> = self
            .containers
            .iter_mut()
            .flat_map(|(id, c)| c.pending.drain(..).map(|s| (id.clone(), s)).collect::<Vec<_>>())
            .collect();
        for (id, sample) in left {
            self.missing(&id, sample, None);
        }
    }
}

fn name(resource: &Attributes) -> &str {
    resource.text("container.name").map_or("", |n| n)
}

/// The containers and numbers of the witness metric.
fn witnesses(message: &ExportMetricsServiceRequest) -> Vec<(String, i64)> {
    let mut out = Vec::new();
    for of_resource in &message.resource_metrics {
        let resource = Attributes::of(of_resource.resource.as_ref().map_or(&[], |r| &r.attributes));
        let Some(id) = resource.text("container.id") else { continue };
        let metrics = of_resource.scope_metrics.iter().flat_map(|s| &s.metrics).filter(|m| m.name == WITNESS);
        for point in metrics.flat_map(numbers) {
            if let Some(number_data_point::Value::AsInt(number)) = point.value {
                out.push((id.to_string(), number));
            }
        }
    }
    out
}

fn numbers(metric: &Metric) -> &[NumberDataPoint] {
    match &metric.data {
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        Some(Data::Sum(sum)) => &sum.data_points,
        _ => &[],
    }
}

/// Tells whether two requests have the same points, in whatever order.
fn digest(message: &ExportMetricsServiceRequest) -> u64 {
    let mut all = 0_u64;
    for of_resource in &message.resource_metrics {
        let resource = of_resource.resource.as_ref().map(Message::encode_to_vec);
        for metric in of_resource.scope_metrics.iter().flat_map(|s| &s.metrics) {
            for point in numbers(metric) {
                let mut hasher = DefaultHasher::new();
                (&resource, &metric.name, point.encode_to_vec()).hash(&mut hasher);
                all = all.wrapping_add(hasher.finish());
            }
        }
    }
    all
}
