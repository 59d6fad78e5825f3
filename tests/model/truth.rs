//! What must be believed when all is quiet: the contract's tables (§2, §3, §4), written down a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dockpulse::model::Text;
use dockpulse::model::container::{Health, State};
use dockpulse::model::series::{AttributeValue, Kind, Resource, Value};

use crate::collector::{Collector, SIZE_METRICS, Series};
use crate::engine::{CPUS, Container, Engine, Numbers, RATE};
use crate::script::{Call, Choice};
use crate::world::OFF;

/// A series by what it is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String, Vec<(String, String)>);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.0, self.1)
    }
}

/// What its value has to be.
#[derive(Debug, Clone, PartialEq)]
enum Worth {
    Int(i64),
    Double(f64),
    /// Near enough.
    Near(f64),
    Between(i64, i64),
    Any,
}

#[derive(Debug, Clone)]
struct Expected {
    kind: Kind,
    unit: &'static str,
    worth: Worth,
    /// It may be missing.
    optional: bool,
}

type Expectations = BTreeMap<Name, Expected>;

/// What is asked of the truth.
pub(crate) struct Question<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) choice: Choice,
    /// Whether the engine answers.
    pub(crate) up: bool,
    /// Whether it ever said its name.
    pub(crate) introduced: bool,
    /// When the last list was answered, by our wall clock.
    pub(crate) last_list: Option<u64>,
    /// Whether inspect was forbidden once: it is never asked again.
    pub(crate) blind: bool,
    /// Whether containers whose inspect hung have been asked again.
    pub(crate) rested: bool,
    /// Whether no clock was ever set.
    pub(crate) clocks_run_true: bool,
    /// Whether a size could not be had once.
    pub(crate) size_trouble: bool,
    /// What the engine was called by the agent before, if that was killed.
    pub(crate) called: Option<Text>,
    /// Whether an agent was killed: what it had counted is forgotten.
    pub(crate) was_killed: bool,
}

/// Compares what is believed with what must be. Returns what is wrong.
pub(crate) fn compare(question: &Question<'_>, collector: &Collector) -> Vec<String> {
    let mut believed: BTreeMap<String, Vec<&Series>> = BTreeMap::new();
    for series in collector.live() {
        let owner = series.container.as_ref().map_or_else(String::new, |c| c.to_string());
        believed.entry(owner).or_default().push(series);
    }
    let mut wrong = Vec::new();
    let own = believed.remove("").unwrap_or_default();
    check_owner("the engine", &engine(question), &own, &mut wrong);
    check_resource("the engine", &own, |r| engine_resource(r, question), &mut wrong);
    let watched = watched(question, &believed, &mut wrong);
    for c in question.engine.containers.iter().filter(|c| watched.contains(c.id.as_str())) {
        let series = believed.remove(c.id.as_str()).unwrap_or_default();
        let who = format!("{} ({})", c.id.short(), c.state.as_str());
        check_owner(&who, &container(question, c), &series, &mut wrong);
        check_resource(&who, &series, |r| container_resource(r, question, c), &mut wrong);
        // It may have been taken for the run before, when the agent was started again.
        let like_another = c.mistaken_run == Some(c.run_since);
        if vague(question, c) || c.inspect_failed || !question.clocks_run_true || like_another {
            continue;
        }
        // Kills are counted anew by an agent that was started again.
        let anew = |s: &Series| question.was_killed && s.metric.name == "container.memory.oom_kill.count";
        for s in series.iter().filter(|s| s.metric.kind == Kind::Counter && !own_start(s) && !anew(s)) {
            let restarts = s.metric.name == "container.restarts";
            // Another run that inspect told of begins with the next numbers.
            let right = match restarts {
                true => c.starts.contains(&s.start.0),
                false => c.started_at.is_some_and(|at| is_start(at, s.start.0, c)) || c.samples == 0,
            };
            if !right {
                wrong.push(format!("{who}: {} starts at {:?}, not at {:?}", s.metric.name, s.start, c.started_at));
            }
        }
    }
    for (owner, series) in believed {
        wrong.push(format!("{} series of {} are live, which must not be watched", series.len(), &owner[..12]));
    }
    wrong
}

/// Interfaces and devices can start over on their own.
fn own_start(s: &Series) -> bool {
    s.metric.name.starts_with("container.network") || s.metric.name.starts_with("container.disk")
}

/// Which containers have to have series. Which of too many is up to the agent, but not how many.
fn watched<'a>(
    q: &'a Question<'_>,
    believed: &BTreeMap<String, Vec<&Series>>,
    wrong: &mut Vec<String>,
) -> BTreeSet<&'a str> {
    if !q.up {
        return BTreeSet::new();
    }
    let admitted = q.engine.containers.iter().filter(|c| admits(q.choice, c));
    let admitted: BTreeSet<&str> = admitted.map(|c| c.id.as_str()).collect();
    let most = if q.choice.max == 0 { usize::MAX } else { usize::from(q.choice.max) };
    if admitted.len() <= most {
        return admitted;
    }
    let chosen: BTreeSet<&str> = admitted.into_iter().filter(|id| believed.contains_key(*id)).collect();
    // One whose state is not published cannot be seen to be watched while all else of it fails.
    let seen = !OFF[usize::from(q.choice.off) % OFF.len()].contains(&"container.status.state");
    if chosen.len() > most || chosen.len() < most && seen {
        wrong.push(format!("{} containers are watched, {most} may be", chosen.len()));
    }
    chosen
}

/// Whether the settings let it be watched.
pub(crate) fn admits(choice: Choice, c: &Container) -> bool {
    (c.is_running() || !choice.no_stopped)
        && match choice.filter {
            1 => !c.name.as_ref().is_some_and(|n| n.starts_with('b')),
            2 => c.team.is_some(),
            3 => c.state == State::Running,
            _ => true,
        }
}

/// Whether what inspect tells cannot be known to be right.
fn vague(q: &Question<'_>, c: &Container) -> bool {
    q.blind || c.inspect != Call::Works || c.unseen.is_some() || c.inspect_failed && !q.rested
}

fn check_owner(who: &str, expected: &Expectations, series: &[&Series], wrong: &mut Vec<String>) {
    let mut missing: BTreeSet<&Name> = expected.iter().filter(|(_, e)| !e.optional).map(|(name, _)| name).collect();
    for s in series {
        let pairs = s.attributes.pairs().iter().map(|(k, v)| ((*k).to_owned(), v.to_string())).collect();
        let name = Name(s.metric.name.to_owned(), pairs);
        missing.remove(&name);
        match expected.get(&name) {
            None => wrong.push(format!("{who}: {name} is live and must not be")),
            Some(e) if (e.kind, e.unit) != (s.metric.kind, s.metric.unit) => {
                wrong.push(format!("{who}: {name} is {:?} in {}", s.metric.kind, s.metric.unit));
            }
            Some(e) if !is_worth(&e.worth, s.value) => {
                wrong.push(format!("{who}: {name} is {:?}, not {:?}", s.value, e.worth));
            }
            Some(_) => {}
        }
    }
    wrong.extend(missing.into_iter().map(|name| format!("{who}: {name} is missing")));
}

fn is_worth(worth: &Worth, value: Value) -> bool {
    match (worth, value) {
        (Worth::Any, _) => true,
        (Worth::Int(a), Value::Int(b)) => *a == b,
        (Worth::Double(a), Value::Double(b)) => (a - b).abs() <= a.abs() * 1e-12,
        (Worth::Near(a), Value::Double(b)) => (a - b).abs() < a * 1e-3,
        (Worth::Between(a, b), Value::Int(n)) => (*a..=*b).contains(&n),
        _ => false,
    }
}

// -- series -------------------------------------------------------------------------------------------------------------

/// Gathers expectations; leaves out what is turned off.
struct List {
    off: &'static [&'static str],
    out: Expectations,
}

const G: Kind = Kind::Gauge;
const U: Kind = Kind::UpDownSum;
const C: Kind = Kind::Counter;

impl List {
    fn put(&mut self, name: &str, (kind, unit): (Kind, &'static str), attributes: &[(&str, &str)], worth: Worth) {
        self.add(name, (kind, unit), attributes, worth, false);
    }

    fn add(
        &mut self,
        name: &str,
        (kind, unit): (Kind, &'static str),
        attributes: &[(&str, &str)],
        worth: Worth,
        optional: bool,
    ) {
        if self.off.contains(&name) {
            return;
        }
        let pairs = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.out.insert(Name(name.to_owned(), pairs), Expected { kind, unit, worth, optional });
    }
}

fn list(choice: Choice) -> List {
    List { off: OFF[usize::from(choice.off) % OFF.len()], out: Expectations::new() }
}

fn engine(q: &Question<'_>) -> Expectations {
    let mut out = list(q.choice);
    out.put("dockpulse.engine.up", (G, "{engine}"), &[], Worth::Int(i64::from(q.up)));
    if let Some(at) = q.last_list {
        out.put("dockpulse.probe.last_success", (G, "s"), &[], Worth::Double(at as f64 / 1e9));
    }
    for state in
        ["created", "running", "paused", "restarting", "removing", "exited", "dead"].into_iter().filter(|_| q.up)
    {
        let n = q.engine.containers.iter().filter(|c| c.state.as_str() == state).count();
        let worth = Worth::Int(i64::try_from(n).unwrap());
        out.put("dockpulse.engine.containers", (U, "{container}"), &[("container.status.state", state)], worth);
    }
    out.out
}

fn container(q: &Question<'_>, c: &Container) -> Expectations {
    let mut out = list(q.choice);
    state_series(q, c, &mut out);
    if let Some(numbers) = c.told.as_ref().filter(|_| c.is_running() && c.stats == Call::Works) {
        limits(q, c, numbers, &mut out);
        usage_series(numbers, &mut out);
        size_series(q, c, &mut out);
        // A rate needs two samples.
        out.add("container.cpu.usage", (G, "{cpu}"), &[], Worth::Near(RATE), c.samples < 2);
    }
    // With few calls at once, those that hang leave little time for the others.
    let hangs = |c: &Container| [c.stats, c.inspect].contains(&Call::Hangs);
    if q.choice.concurrency > 0 && q.engine.containers.iter().any(hangs) {
        out.out.values_mut().for_each(|e| e.optional = true);
    }
    out.out
}

fn state_series(q: &Question<'_>, c: &Container, out: &mut List) {
    let vague = vague(q, c);
    let one = Worth::Int(1);
    out.put("container.status.state", (U, "{container}"), &[("container.status.state", c.state.as_str())], one.clone());
    // The list's words do not tell it of a paused container: there it is the last that was known, if any.
    let guessed = vague && c.state == State::Paused;
    for health in Health::ALL.into_iter().filter(|h| c.is_running() && (c.health == Some(*h) || guessed)) {
        let attributes = [("container.status.health", health.as_str())];
        out.add("container.status.health", (U, "{container}"), &attributes, one.clone(), guessed);
    }
    if c.state == State::Exited {
        out.put("container.status.exit_code", (G, "1"), &[], Worth::Int(c.exit_code));
    }
    let restarts = if vague { Worth::Any } else { Worth::Int(c.restarts) };
    out.add("container.restarts", (C, "{restarts}"), &[], restarts, vague);
    // Kills before the events were there are one to inspect.
    let kills = if vague || c.kills == 0 || q.was_killed { Worth::Any } else { Worth::Between(1, i64::MAX) };
    // Late news of kills of the run before cannot be told from those of this one.
    if c.ever_killed || vague {
        out.add("container.memory.oom_kill.count", (C, "{event}"), &[], kills, vague || c.kills == 0);
    }
}

/// What it takes of the disk: one of the last answers, because another is published with the next numbers only.
fn size_series(q: &Question<'_>, c: &Container, out: &mut List) {
    let last = &c.sizes[c.sizes.len().saturating_sub(3)..];
    let (oldest, newest) = (last.first(), last.last());
    let told = oldest.and_then(|size| size.usage).zip(newest.and_then(|size| size.usage));
    let usage = told.map_or(Worth::Any, |(least, most)| Worth::Between(least, most));
    if q.choice.sizes > 0 {
        out.add(SIZE_METRICS[0], (U, "By"), &[], usage, q.size_trouble);
    }
    if let Some(capacity) = newest.and_then(|size| size.capacity).filter(|_| q.choice.sizes > 1) {
        out.add(SIZE_METRICS[1], (U, "By"), &[], Worth::Int(capacity), q.size_trouble);
    }
}

/// What inspect tells.
fn limits(q: &Question<'_>, c: &Container, n: &Numbers, out: &mut List) {
    // What inspect tells of limits is published with the next numbers.
    let vague = vague(q, c) || c.described.is_some_and(|at| n.taken < at);
    let worth = |exact: Worth| if vague { Worth::Any } else { exact };
    if let Some(limit) = c.cpu_limit.or(vague.then_some(0.0)) {
        out.add("container.cpu.limit", (G, "{cpu}"), &[], worth(Worth::Double(limit)), vague);
    }
    if let Some(limit) = c.memory_limit.or(vague.then_some(0)) {
        out.add("container.memory.limit", (U, "By"), &[], worth(Worth::Int(limit)), vague);
        let left = (limit - n.working_set).max(0);
        out.add("container.memory.available", (U, "By"), &[], worth(Worth::Int(left)), vague);
    }
    let up = n.read.saturating_sub(c.started_at.unwrap_or(n.read)) as f64 / 1e9;
    out.add("container.uptime", (G, "s"), &[], worth(Worth::Double(up)), vague);
}

fn usage_series(n: &Numbers, out: &mut List) {
    match n.split {
        Some((user, system)) => {
            out.put("container.cpu.time", (C, "s"), &[("cpu.mode", "user")], Worth::Double(user as f64 / 1e9));
            out.put("container.cpu.time", (C, "s"), &[("cpu.mode", "system")], Worth::Double(system as f64 / 1e9));
        }
        None => out.put("container.cpu.time", (C, "s"), &[], Worth::Double(n.total as f64 / 1e9)),
    }
    let [periods, throttled, time] = n.periods.map(Worth::Int);
    out.put("container.cpu.throttling_data.periods", (C, "{periods}"), &[], periods);
    out.put("container.cpu.throttling_data.throttled_periods", (C, "{periods}"), &[], throttled);
    out.put("container.cpu.throttling_data.throttled_time", (C, "ns"), &[], time);
    out.put("container.memory.usage", (U, "By"), &[], Worth::Int(n.usage));
    out.put("container.memory.working_set", (U, "By"), &[], Worth::Int(n.working_set));
    out.put("container.memory.rss", (U, "By"), &[], Worth::Int(n.rss));
    let fault = "system.paging.fault.type";
    out.put("container.paging.faults", (C, "{fault}"), &[(fault, "major")], Worth::Int(n.major));
    out.put("container.paging.faults", (C, "{fault}"), &[(fault, "minor")], Worth::Int(n.faults - n.major));
    if let Some(((major, minor), [read, written, reads])) = n.device {
        let device = format!("{major}:{minor}");
        let of = |direction| [("disk.io.direction", direction), ("system.device", &*device)];
        out.put("container.disk.io", (C, "By"), &of("read"), Worth::Int(read));
        out.put("container.disk.io", (C, "By"), &of("write"), Worth::Int(written));
        out.put("container.disk.operations", (C, "{operation}"), &of("read"), Worth::Int(reads));
    }
    for (name, numbers) in &n.links {
        for (direction, numbers) in ["receive", "transmit"].into_iter().zip(numbers.chunks(4)) {
            let of = [("network.interface.name", *name), ("network.io.direction", direction)];
            out.put("container.network.io", (C, "By"), &of, Worth::Int(numbers[0]));
            out.put("container.network.packet.count", (C, "{packet}"), &of, Worth::Int(numbers[1]));
            out.put("container.network.packet.dropped", (C, "{packet}"), &of, Worth::Int(numbers[2]));
            out.put("container.network.errors", (C, "{error}"), &of, Worth::Int(numbers[3]));
        }
    }
    out.put("container.pids.count", (U, "{pids}"), &[], Worth::Int(n.pids));
    if let Some(limit) = n.pids_limit {
        out.put("container.pids.limit", (U, "{pids}"), &[], Worth::Int(limit));
    }
    assert!(RATE < f64::from(CPUS));
}

// -- resources ----------------------------------------------------------------------------------------------------------

fn check_resource(
    who: &str,
    series: &[&Series],
    wrong_in: impl Fn(&Resource) -> Option<String>,
    out: &mut Vec<String>,
) {
    let mut seen: Vec<&Resource> = Vec::new();
    for s in series {
        if !seen.contains(&&*s.resource) {
            seen.push(&s.resource);
            out.extend(wrong_in(&s.resource).map(|wrong| format!("{who}: {wrong}")));
        }
    }
    if seen.len() > 1 {
        out.push(format!("{who}: {} identities", seen.len()));
    }
}

fn difference(
    resource: &Resource,
    expected: &[(&str, AttributeValue)],
    on_points: &[&str],
    may_lack: &str,
) -> Option<String> {
    let mut expected: BTreeMap<&str, &AttributeValue> = expected.iter().map(|(k, v)| (*k, v)).collect();
    let have: BTreeMap<&str, &AttributeValue> = resource.attributes().iter().map(|(k, v)| (&**k, v)).collect();
    if !have.contains_key(may_lack) {
        expected.remove(may_lack);
    }
    if have != expected {
        return Some(format!("identity is {have:?}, not {expected:?}"));
    }
    let copied: Vec<&str> = resource.on_points().iter().map(|(k, _)| &**k).collect();
    (copied != on_points).then(|| format!("{copied:?} are copied onto points, not {on_points:?}"))
}

fn engine_resource(resource: &Resource, q: &Question<'_>) -> Option<String> {
    let name = match (q.choice.named, q.introduced) {
        (true, _) => "prod",
        (false, true) => "host-1",
        (false, false) => q.called.as_deref().unwrap_or("unix:///sock"),
    };
    let expected = [
        ("dockpulse.engine.name", name.into()),
        ("service.instance.id", (&*format!("agent-host/{name}")).into()),
        ("service.name", "dockpulse".into()),
    ];
    difference(resource, &expected, &[], "")
}

fn container_resource(resource: &Resource, q: &Question<'_>, c: &Container) -> Option<String> {
    let id: AttributeValue = c.id.as_str().into();
    let name: AttributeValue = c.name.as_deref().unwrap_or(c.id.short()).into();
    let mut expected = vec![
        ("container.id", id.clone()),
        ("service.instance.id", id),
        ("container.name", name.clone()),
        ("service.name", name),
    ];
    if q.choice.attributes & 8 == 0 {
        expected.push(("container.image.id", "sha256:aa".into()));
    }
    if c.tagged {
        expected.push(("container.image.name", "registry:5000/web".into()));
        expected.push(("container.image.tags", AttributeValue::List(vec!["1.2".into()])));
    }
    if q.introduced {
        for (key, value) in [("container.runtime.name", "docker"), ("host.name", "host-1"), ("host.arch", "amd64")] {
            expected.push((key, value.into()));
        }
    }
    if let Some(team) = c.team.filter(|_| q.choice.attributes & 1 != 0) {
        expected.push(("team", team.into()));
    }
    if q.choice.attributes & 2 != 0 {
        expected.push(("color", c.color.into()));
    }
    let on_points: &[&str] = if q.choice.attributes & 4 != 0 { &["container.name"] } else { &[] };
    difference(resource, &expected, on_points, if vague(q, c) { "color" } else { "" })
}

/// Whether a run that began `at` may have this start. If an agent was killed when it had published kills of the run and no
/// numbers, the next one lets the run begin just after: what it counts of kills starts over, and nobody remembers how many
/// there were.
fn is_start(at: u64, start: u64, c: &Container) -> bool {
    at == start || c.kills_since.iter().any(|since| at <= *since && start == since + MILLISECOND)
}

const MILLISECOND: u64 = 1_000_000;
