//! A container's live series, by what the pipeline would have sent.

use crate::model::Text;
use crate::model::batch::{Batch, Mark, SeriesPoint};
use crate::model::container::ContainerId;
use crate::model::series::{Attributes, Kind, Metric, Value};

/// Series that come and go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// What the list and inspect tell: it stays after a stop.
    State,
    /// What a sample tells.
    Usage,
}

impl Facet {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Usage => "usage",
        }
    }
}

/// One live series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The metric's name.
    pub metric: Text,
    /// Its unit, in UCUM.
    pub unit: Text,
    /// What kind of series it is.
    pub kind: Kind,
    /// The attributes of its points, sorted by key.
    pub attributes: Vec<(Text, Text)>,
    /// The last number.
    pub value: Value,
    /// With which others it comes and goes.
    pub facet: Facet,
}

impl Series {
    /// What convert makes of a container.
    pub fn of(point: &SeriesPoint, facet: Facet) -> Self {
        Self::from_parts(point.metric, &point.attributes, point.value, facet)
    }

    fn from_parts(metric: &Metric, attributes: &Attributes, value: Value, facet: Facet) -> Self {
        let attributes = attributes.pairs().iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        let (name, unit) = (metric.name.into(), metric.unit.into());
        Self { metric: name, unit, kind: metric.kind, attributes, value, facet }
    }

    /// `counter`, `sum` (one that may fall) or `gauge`.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "counter",
            Kind::UpDownSum => "sum",
            Kind::Gauge => "gauge",
        }
    }
}

/// What is live of one container, after the batches so far.
#[derive(Debug, Default)]
pub struct Live(Vec<(&'static Metric, Attributes, Value)>);

impl Live {
    /// Takes a batch.
    pub fn take(&mut self, batch: &Batch, of: &ContainerId) {
        let of = of.text();
        let groups = batch.groups.iter().filter(|g| g.resource.text("container.id") == Some(&of));
        for point in groups.flat_map(|g| &g.points) {
            let at = self.0.iter().position(|(m, a, _)| std::ptr::eq(*m, point.metric) && *a == point.attributes);
            match (point.mark, at) {
                (Mark::First(value) | Mark::Next(value), Some(at)) => self.0[at].2 = value,
                (Mark::First(value) | Mark::Next(value), None) => {
                    self.0.push((point.metric, point.attributes.clone(), value));
                }
                (Mark::Retracted(_), Some(at)) => drop(self.0.remove(at)),
                (Mark::Retracted(_), None) => {}
            }
        }
    }

    /// The series in the order of these metrics: those of the state, then those of the usage.
    pub fn series(mut self, metrics: &[Vec<&'static Metric>; 2]) -> Vec<Series> {
        let at = |list: &[&'static Metric], of: &Metric| list.iter().position(|metric| std::ptr::eq(*metric, of));
        let place = |metric: &Metric| match at(&metrics[0], metric) {
            Some(at) => (Facet::State, Some(at)),
            None => (Facet::Usage, at(&metrics[1], metric)),
        };
        self.0.sort_by_key(|(metric, ..)| place(metric));
        let series = self.0.iter().map(|(m, a, value)| Series::from_parts(m, a, *value, place(m).0));
        series.collect()
    }
}
