//! A profile's table: one row a metric, and the small language in which a row says what its series are.

use super::DeviceNames;
use crate::model::batch::SeriesPoint;
use crate::model::observation::{CounterGroup, EngineStatus, Facts, Usage};
use crate::model::sample::{Count, Detail, Filesystem, Sample};
use crate::model::series::{AttributeInterner, Kind, Metric, Value};
use crate::model::time::UnixNanos;

/// One metric of a profile.
pub(super) struct Row<F> {
    /// What it is.
    pub(super) metric: Metric,
    /// Whether it is published unless the settings say otherwise.
    pub(super) by_default: bool,
    /// Whether it takes two samples, so that a first one does not have it.
    pub(super) takes_two: bool,
    /// What its series are.
    pub(super) emit: F,
}

/// A metric of containers.
pub(super) type ContainerRow = Row<fn(&Input<'_>, &mut Out<'_>)>;
/// A metric of engines.
pub(super) type EngineRow = Row<fn(&EngineStatus, &mut Out<'_>)>;

impl<F> std::fmt::Debug for Row<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.metric.name)
    }
}

/// A row of a table.
pub(super) const fn row<F: Copy>(name: &'static str, kind: Kind, unit: &'static str, emit: F) -> Row<F> {
    Row { metric: Metric { name, unit, kind }, by_default: true, takes_two: false, emit }
}

/// A row of which a first sample does not tell.
pub(super) const fn of_two<F: Copy>(name: &'static str, kind: Kind, unit: &'static str, emit: F) -> Row<F> {
    Row { metric: Metric { name, unit, kind }, by_default: true, takes_two: true, emit }
}

/// A row that is published only if the settings say so.
pub(super) const fn optional<F: Copy>(name: &'static str, kind: Kind, unit: &'static str, emit: F) -> Row<F> {
    Row { metric: Metric { name, unit, kind }, by_default: false, takes_two: false, emit }
}

/// What the rows read.
pub(super) struct Input<'a> {
    /// What is known of the container.
    pub(super) facts: &'a Facts,
    /// Its numbers; there are none for state series.
    pub(super) usage: Option<&'a Usage>,
    /// What it takes of the disk; only for the series of that.
    pub(super) filesystem: Option<Filesystem>,
    /// Names of block devices.
    pub(super) devices: &'a DeviceNames,
}

static NOTHING: Sample = Sample {
    read: None,
    cpu: crate::model::sample::Cpu {
        total: None,
        user: None,
        system: None,
        host: None,
        online: None,
        periods: None,
        throttled_periods: None,
        throttled_time: None,
    },
    memory: crate::model::sample::Memory {
        usage: None,
        limit: None,
        working_set: None,
        rss: None,
        faults: None,
        major_faults: None,
        cgroup_limit: None,
    },
    networks: Vec::new(),
    devices: Vec::new(),
    pids: None,
    pids_limit: None,
    detail: None,
    unusable: 0,
};

impl Input<'_> {
    /// The numbers; all absent for state series.
    pub(super) fn sample(&self) -> &Sample {
        self.usage.map_or(&NOTHING, |usage| &usage.sample)
    }

    /// What else the engine tells; `None` also where its source does not.
    pub(super) fn detail(&self) -> Option<&Detail> {
        self.sample().detail.as_deref()
    }

    /// Since when the counters of `group` count.
    pub(super) fn start(&self, group: &CounterGroup) -> UnixNanos {
        let own = self.usage.and_then(|u| u.since.iter().find(|(g, _)| g == group));
        own.map_or(self.facts.run_start, |(_, since)| *since)
    }
}

/// Where a row writes its points.
pub(super) struct Out<'a> {
    metric: &'static Metric,
    start: UnixNanos,
    attributes: &'a mut AttributeInterner,
    points: &'a mut Vec<SeriesPoint>,
}

/// A number as a row has it.
pub(super) trait Number {
    /// The number as it is sent.
    fn value(self) -> Value;
}

impl Number for Count {
    fn value(self) -> Value {
        Value::Int(self)
    }
}

impl Number for f64 {
    fn value(self) -> Value {
        Value::Double(self)
    }
}

impl<'a> Out<'a> {
    /// For the points of one metric; its counters count since `start` unless the row says otherwise.
    pub(super) fn new(
        metric: &'static Metric,
        start: UnixNanos,
        attributes: &'a mut AttributeInterner,
        points: &'a mut Vec<SeriesPoint>,
    ) -> Self {
        Self { metric, start, attributes, points }
    }

    /// The metric's name.
    pub(super) fn name(&self) -> &'static str {
        self.metric.name
    }

    /// The following counters count since `start`.
    pub(super) fn since(&mut self, start: UnixNanos) -> &mut Self {
        self.start = start;
        self
    }

    /// The one series of a metric without attributes. What is not given is left out.
    pub(super) fn one(&mut self, value: Option<impl Number>) {
        self.of(&[], value);
    }

    /// The series with these attributes, sorted by key. What is not given is left out.
    pub(super) fn of(&mut self, attributes: &[(&'static str, &str)], value: Option<impl Number>) {
        let Some(value) = value.map(Number::value) else { return };
        let start = if self.metric.kind == Kind::Counter { self.start } else { UnixNanos::UNKNOWN };
        let attributes = self.attributes.intern(attributes);
        self.points.push(SeriesPoint { metric: self.metric, attributes, start, value });
    }
}
