//! Numbers → series. Pure: what a container's series are depends on what is passed in alone.
//!
//! A profile is one table (`profile`: `semconv`, `docker_stats`, `docker_exporter`); a line of it is a metric. To add
//! a metric, add a line.

mod docker_exporter;
mod docker_stats;
mod engine;
mod image;
mod names;
mod orchestrator;
mod profile;
mod rates;
mod resource;
mod semconv;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::Text;
use crate::model::batch::SeriesPoint;
use crate::model::container::State;
use crate::model::engine::Wanted;
use crate::model::observation::{EngineStatus, Facts, Usage};
use crate::model::published::{Facet, Owner};
use crate::model::sample::Filesystem;
use crate::model::series::{AttributeInterner, Attributes, Metric, Resource};
use crate::model::time::UnixNanos;
pub use names::{KNOWN_BY, LISTS, attribute_names};
pub use profile::{KnownMetric, Profile};
pub use rates::cpu_usage;
pub use resource::{Attribute, Identity, Source, built_in, built_in_on};
use table::{ContainerRow, EngineRow, Input, Out, Row};

/// What of a container is published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Whose names, units and attributes the metrics have.
    pub profile: Profile,
    /// Metrics turned on or off by name, against the profile's default.
    pub metrics: BTreeMap<String, bool>,
    /// What the identity is made of.
    pub identity: Identity,
}

impl Settings {
    /// What has to be read for it besides what all need.
    pub fn wanted(&self) -> Wanted {
        Wanted { detail: self.profile.needs_detail(), ..self.identity.wanted() }
    }

    /// Whether anything is published of what containers take of the disk, which is dear to ask for.
    pub fn wants_filesystem(&self) -> bool {
        !self.enabled(self.profile.filesystem()).is_empty()
    }

    fn enabled<F>(&self, rows: impl Iterator<Item = &'static Row<F>>) -> Vec<&'static Row<F>> {
        rows.filter(|row| *self.metrics.get(row.metric.name).unwrap_or(&row.by_default)).collect()
    }
}

/// Names of block devices by number, known only where the engine's host is this host.
pub type DeviceNames = HashMap<(u32, u32), Text>;

/// Makes series of one engine's findings.
#[derive(Debug)]
pub struct Converter {
    profile: Profile,
    identity: Identity,
    engine_name: Text,
    devices: DeviceNames,
    state: Vec<&'static ContainerRow>,
    usage: Vec<&'static ContainerRow>,
    filesystem: Vec<&'static ContainerRow>,
    engine: Vec<&'static EngineRow>,
    attributes: AttributeInterner,
    points: usize,
}

impl Converter {
    /// For the engine that the settings or the engine itself call `engine_name`.
    pub fn new(engine_name: Text, settings: Settings) -> Self {
        let profile = settings.profile;
        Self {
            state: settings.enabled(profile.state()),
            usage: settings.enabled(profile.usage()),
            filesystem: settings.enabled(profile.filesystem()),
            engine: settings.enabled(profile.engine()),
            profile,
            identity: settings.identity,
            engine_name,
            devices: DeviceNames::new(),
            attributes: AttributeInterner::default(),
            points: 0,
        }
    }

    /// Takes the names of the host's block devices; empty if the engine is not on this host.
    pub fn set_devices(&mut self, devices: DeviceNames) {
        self.devices = devices;
    }

    /// Calls the engine by this name from now on.
    pub fn set_engine_name(&mut self, name: Text) {
        self.engine_name = name;
    }

    /// Whose series a container's are.
    pub fn resource(&self, facts: &Facts) -> Resource {
        self.identity.container(self.profile, facts)
    }

    /// The attributes of [`Self::resource`] with where each of them comes from, sorted by name.
    pub fn attributes<'a>(&'a self, facts: &'a Facts) -> Vec<Attribute<'a>> {
        self.identity.attributes(self.profile, facts)
    }

    /// Whose series the engine's own are.
    pub fn engine_resource(&self) -> Resource {
        self.identity.engine(&self.engine_name)
    }

    /// The metrics of containers, in the order of the profile: those of [`Self::state`], then those that end with a run, of
    /// [`Self::usage`] and [`Self::filesystem`].
    pub fn metrics(&self) -> [Vec<&'static Metric>; 2] {
        let of_run = self.usage.iter().chain(&self.filesystem);
        [self.state.iter().map(|row| &row.metric).collect(), of_run.map(|row| &row.metric).collect()]
    }

    /// Whether series of this metric may be among those that are made of this facet: of the engine's own or of a container's.
    pub fn makes(&self, owner: &Owner, facet: Facet, metric: &'static Metric) -> bool {
        let rows = match (owner, facet) {
            (Owner::Engine, Facet::State) => return self.engine.iter().any(|row| row.metric.is(metric)),
            (Owner::Engine, _) => return false,
            (Owner::Container(_), Facet::State) => &self.state,
            (Owner::Container(_), Facet::Usage) => &self.usage,
            (Owner::Container(_), Facet::Filesystem) => &self.filesystem,
        };
        rows.iter().any(|row| row.metric.is(metric))
    }

    /// The metrics of usage that a first sample does not tell.
    pub fn from_two(&self) -> Vec<&'static Metric> {
        self.usage.iter().filter(|row| row.takes_two).map(|row| &row.metric).collect()
    }

    /// Whether this metric counts kills for memory.
    pub fn counts_kills(metric: &Metric) -> bool {
        metric.name == semconv::KILLS
    }

    /// Whether this series says that a container has stopped.
    pub fn tells_stop(metric: &Metric, attributes: &Attributes) -> bool {
        const STOPPED: [State; 2] = [State::Exited, State::Dead];
        let is = |value: &str| STOPPED.iter().any(|state| state.as_str() == value);
        metric.name == semconv::STATE_IS
            && attributes.pairs().iter().any(|(key, value)| *key == semconv::STATE_IS && is(value))
    }

    /// What the list and inspect tell: the series that stay after a stop.
    pub fn state(&mut self, facts: &Facts) -> Vec<SeriesPoint> {
        let rows = std::mem::take(&mut self.state);
        let points = self.convert(&rows, Input { facts, usage: None, filesystem: None, devices: &DeviceNames::new() });
        self.state = rows;
        points
    }

    /// What a sample tells.
    pub fn usage(&mut self, facts: &Facts, usage: &Usage) -> Vec<SeriesPoint> {
        let rows = std::mem::take(&mut self.usage);
        let devices = std::mem::take(&mut self.devices);
        let points = self.convert(&rows, Input { facts, usage: Some(usage), filesystem: None, devices: &devices });
        (self.usage, self.devices) = (rows, devices);
        points
    }

    /// What it takes of the disk.
    pub fn filesystem(&mut self, facts: &Facts, filesystem: Filesystem) -> Vec<SeriesPoint> {
        let rows = std::mem::take(&mut self.filesystem);
        let input = Input { facts, usage: None, filesystem: Some(filesystem), devices: &DeviceNames::new() };
        let points = self.convert(&rows, input);
        self.filesystem = rows;
        points
    }

    /// The engine's own series.
    pub fn engine(&mut self, status: &EngineStatus) -> Vec<SeriesPoint> {
        let mut points = Vec::with_capacity(9);
        for row in &self.engine {
            (row.emit)(status, &mut Out::new(&row.metric, UnixNanos::UNKNOWN, &mut self.attributes, &mut points));
        }
        points
    }

    fn convert(&mut self, rows: &[&'static ContainerRow], input: Input<'_>) -> Vec<SeriesPoint> {
        let mut points = Vec::with_capacity(self.points);
        for row in rows {
            let mut out = Out::new(&row.metric, input.facts.run_start, &mut self.attributes, &mut points);
            (row.emit)(&input, &mut out);
        }
        points.shrink_to_fit();
        self.points = self.points.max(points.len()).min(256);
        points
    }
}

/// A resource shared by all who publish under it: made anew only when what it is made of has changed.
pub fn shared(current: Option<&Arc<Resource>>, made: Resource) -> Arc<Resource> {
    match current {
        Some(current) if **current == made => current.clone(),
        _ => Arc::new(made),
    }
}
