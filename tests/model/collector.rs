//! The collector: replays what is committed into beliefs, and knows the rules that always hold (contract §2).

use std::sync::Arc;

use dockpulse::ledger::Commit;
use dockpulse::model::Text;
use dockpulse::model::batch::{Group, Mark, Point, Reason};
use dockpulse::model::series::{Attributes, Kind, Metric, Resource, Value};
use dockpulse::model::time::UnixNanos;
use hashbrown::HashMap;

const STEP: u64 = 1_000_000;

/// A series as the collector knows it.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) resource: Arc<Resource>,
    pub(crate) container: Option<Text>,
    pub(crate) metric: &'static Metric,
    pub(crate) attributes: Attributes,
    pub(crate) live: bool,
    pub(crate) value: Value,
    pub(crate) start: UnixNanos,
    time: UnixNanos,
    /// How often its end was sent, refused ones included.
    pub(crate) ends: u32,
    /// Its end was refused, and has not been sent again.
    pub(crate) refused: bool,
    /// Refused ends that may be sent again although another end came through meanwhile.
    owed: u32,
    /// No value came since the agent was started again: it does not know how high this was.
    resumed: bool,
}

/// The first value since the agent was started again is lower than the last one before, under the same start.
#[derive(Debug)]
pub(crate) struct Fall {
    /// Which series.
    pub(crate) at: usize,
    before: Value,
    value: Value,
}

type Key = (usize, usize, Attributes);

#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) series: Vec<Series>,
    keys: HashMap<Key, usize>,
    resources: HashMap<Arc<Resource>, usize>,
    /// Addresses of resources that were seen; they are kept, so that none is used twice.
    addresses: HashMap<usize, usize>,
    kept: Vec<Arc<Resource>>,
    /// Live series by container, metric and attributes, whatever the identity.
    twins: HashMap<(Text, usize, Attributes), u32>,
    /// Live series of containers, without those whose end was refused.
    pub(crate) live_of_containers: usize,
    refused_once: bool,
    /// The agent may have forgotten containers, and since when they counted, without a word: a filter let them go while
    /// the engine was down and nothing of them was live.
    pub(crate) may_forget: bool,
    /// Whoever knows what happened judges these.
    pub(crate) falls: Vec<Fall>,
    /// What broke a rule.
    pub(crate) wrong: Vec<String>,
}

/// What a commit told, for whoever watches the clock.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Containers whose numbers were in it.
    pub(crate) sampled: Vec<Text>,
    /// Containers whose state was in it.
    pub(crate) stated: Vec<Text>,
    /// Containers of which something ended, and why.
    pub(crate) ended: Vec<(Text, Reason)>,
    /// Ends that were refused.
    pub(crate) refused: Vec<(Arc<Resource>, Point)>,
}

/// Series that stay after a stop.
pub(crate) const STATE_METRICS: [&str; 5] = [
    "container.status.state",
    "container.status.health",
    "container.status.exit_code",
    "container.restarts",
    "container.memory.oom_kill.count",
];

/// Series that are asked for on a timer of their own.
pub(crate) const SIZE_METRICS: [&str; 2] = ["container.filesystem.usage", "container.filesystem.capacity"];

pub(crate) fn is_state(metric: &str) -> bool {
    STATE_METRICS.contains(&metric)
}

fn zero(value: Value) -> Value {
    match value {
        Value::Int(_) => Value::Int(0),
        Value::Double(_) => Value::Double(0.0),
    }
}

fn address(metric: &'static Metric) -> usize {
    std::ptr::from_ref(metric).addr()
}

impl Collector {
    /// Takes a commit; refuses the ends in it if `refuse`.
    pub(crate) fn take(&mut self, commit: &Commit, refuse: bool) -> Told {
        let mut told = Told::default();
        let mut ends = 0;
        let mut doubled = Vec::new();
        for group in &commit.batch.groups {
            if group.points.is_empty() {
                self.wrong.push("a group without points".to_owned());
            }
            let resource = self.resource(&group.resource);
            let container = group.resource.text("container.id").cloned();
            let (mut sampled, mut stated) = (false, false);
            let mut ended = None;
            for point in &group.points {
                let at = self.find(resource, &container, group, point);
                match point.mark {
                    Mark::Retracted(reason) => {
                        ends += 1;
                        ended = Some(reason);
                        self.end(at, group, refuse);
                        if refuse {
                            told.refused.push((group.resource.clone(), point.clone()));
                        }
                    }
                    Mark::First(value) | Mark::Next(value) => {
                        stated |= is_state(point.metric.name);
                        sampled |= !is_state(point.metric.name) && !SIZE_METRICS.contains(&point.metric.name);
                        self.value(at, group, point, value, &mut doubled);
                    }
                }
            }
            if let Some(container) = container {
                if matches!(ended, Some(Reason::Unwatched | Reason::Removed)) {
                    self.forget_starts(&container);
                }
                told.ended.extend(ended.map(|reason| (container.clone(), reason)));
                if stated {
                    told.stated.push(container.clone());
                }
                if sampled {
                    told.sampled.push(container);
                }
            }
        }
        self.refused_once |= !told.refused.is_empty();
        let counted: u32 = commit.ended.iter().map(|e| e.series).sum();
        if !self.refused_once && counted != ends {
            self.wrong.push(format!("{ends} series ended, {counted} are counted"));
        }
        for twin in doubled {
            if self.twins.get(&twin).is_some_and(|n| *n > 1) {
                self.wrong.push(format!("two identities of {} are live: {:?}", &twin.0[..12], twin.2.pairs()));
            }
        }
        told
    }

    fn resource(&mut self, resource: &Arc<Resource>) -> usize {
        let address = Arc::as_ptr(resource).addr();
        if let Some(known) = self.addresses.get(&address) {
            return *known;
        }
        let next = self.resources.len();
        let number = *self.resources.entry(resource.clone()).or_insert(next);
        self.addresses.insert(address, number);
        self.kept.push(resource.clone());
        number
    }

    fn find(&mut self, resource: usize, container: &Option<Text>, group: &Group, point: &Point) -> usize {
        let key = (resource, address(point.metric), point.attributes.clone());
        if let Some(at) = self.keys.get(&key) {
            return *at;
        }
        self.series.push(Series {
            resource: group.resource.clone(),
            container: container.clone(),
            metric: point.metric,
            attributes: point.attributes.clone(),
            live: false,
            value: Value::Int(0),
            start: UnixNanos::UNKNOWN,
            time: UnixNanos::UNKNOWN,
            ends: 0,
            refused: false,
            owed: 0,
            resumed: false,
        });
        self.keys.insert(key, self.series.len() - 1);
        self.series.len() - 1
    }

    fn bad(&mut self, at: usize, what: &str) {
        let s = &self.series[at];
        let container = s.container.as_ref().map_or("the engine", |c| &c[..12]);
        self.wrong.push(format!("{} {:?} of {container}: {what}", s.metric.name, s.attributes.pairs()));
    }

    fn end(&mut self, at: usize, group: &Group, refuse: bool) {
        self.stamp(at, group.time);
        let s = &mut self.series[at];
        s.ends += 1;
        if !s.live {
            if s.owed == 0 {
                self.bad(at, "retracted, but it is not live");
            } else if !refuse {
                s.owed -= 1;
            }
            return;
        }
        let was_refused = s.refused;
        if refuse {
            s.refused = true;
            s.owed += 1;
        } else {
            (s.live, s.refused) = (false, false);
            s.owed = s.owed.saturating_sub(u32::from(was_refused));
        }
        if !was_refused {
            self.count(at, false);
        }
    }

    fn value(&mut self, at: usize, group: &Group, point: &Point, value: Value, doubled: &mut Vec<Twin>) {
        self.stamp(at, group.time);
        let s = &self.series[at];
        let first = matches!(point.mark, Mark::First(_));
        if first != (!s.live || s.refused) {
            self.bad(at, if first { "begins, but it is live" } else { "goes on, but it is not live" });
        }
        self.check_value(at, group, point, value);
        let s = &mut self.series[at];
        (s.value, s.start, s.resumed) = (value, point.start, false);
        if !s.live || s.refused {
            (s.live, s.refused) = (true, false);
            doubled.extend(self.count(at, true));
        }
    }

    fn check_value(&mut self, at: usize, group: &Group, point: &Point, value: Value) {
        let s = &self.series[at];
        let (start, before, metric) = (s.start, s.value, s.metric);
        let known = s.time != UnixNanos::UNKNOWN && s.start == point.start;
        let sane = match value {
            Value::Int(n) => n >= 0,
            Value::Double(n) => n.is_finite() && n >= 0.0,
        };
        if !sane {
            self.bad(at, &format!("{value:?}"));
        }
        if metric.kind != Kind::Counter {
            if point.start != UnixNanos::UNKNOWN {
                self.bad(at, "is no counter and has a start time");
            }
            return;
        }
        if point.start > group.time {
            self.bad(at, &format!("starts at {:?}, after its time {:?}", point.start, group.time));
        }
        if point.start < start && !self.may_forget {
            self.bad(at, &format!("its start time goes back from {start:?} to {:?}", point.start));
        }
        let fell = match (before, value) {
            (Value::Int(a), Value::Int(b)) => b < a,
            (Value::Double(a), Value::Double(b)) => b < a,
            _ => true,
        };
        if known && self.has_value(at) && fell && !self.may_forget {
            let fall = Fall { at, before, value };
            if self.series[at].resumed { self.falls.push(fall) } else { self.is_wrong(&fall) }
        }
    }

    /// There is no excuse for it.
    pub(crate) fn is_wrong(&mut self, fall: &Fall) {
        self.bad(fall.at, &format!("fell from {:?} to {:?} without a new start time", fall.before, fall.value));
    }

    fn has_value(&self, at: usize) -> bool {
        let s = &self.series[at];
        s.live || s.ends > 0
    }

    fn stamp(&mut self, at: usize, time: UnixNanos) {
        let before = self.series[at].time;
        // The very first time is set by the caller's point, whatever it is.
        if before != UnixNanos::UNKNOWN && time.0 < before.0 + STEP {
            self.bad(at, &format!("its time goes from {before:?} to {time:?}"));
        }
        self.series[at].time = time;
    }

    /// A series begins or ends.
    fn count(&mut self, at: usize, begins: bool) -> Option<Twin> {
        let s = &self.series[at];
        let container = s.container.clone()?;
        let twin = (container, address(s.metric), s.attributes.clone());
        let n = self.twins.entry(twin.clone()).or_insert(0);
        if begins {
            *n += 1;
            self.live_of_containers += 1;
        } else {
            *n -= 1;
            self.live_of_containers -= 1;
        }
        (*n > 1).then_some(twin)
    }

    /// Forgets since when a container's counters counted: it was forgotten by the agent too.
    fn forget_starts(&mut self, container: &str) {
        for s in self.series.iter_mut().filter(|s| s.container.as_deref() == Some(container)) {
            s.start = UnixNanos::UNKNOWN;
            s.value = zero(s.value);
        }
    }

    /// Another agent goes on: it knows what is live and since when it counts. It does not know how high counters were, and
    /// nothing of what has ended.
    pub(crate) fn resume(&mut self) {
        for s in &mut self.series {
            (s.resumed, s.owed) = (s.live, 0);
            if !s.live {
                s.start = UnixNanos::UNKNOWN;
                s.value = zero(s.value);
            }
        }
    }

    /// Live series, without those whose end was refused.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|s| s.live && !s.refused)
    }
}

type Twin = (Text, usize, Attributes);
