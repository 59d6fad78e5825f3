//! What tells one received series from another: resource, scope, metric, attributes; compared exactly, type by type.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashSet;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};

use crate::model::Text;

/// A value of an attribute. Doubles are compared by their bits, so that an identity can be a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// No value at all.
    Empty,
    /// A string.
    Text(Text),
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// The bits of a floating-point number.
    Double(u64),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A list.
    List(Box<[Attribute]>),
    /// Keys with values, in the order in which they came.
    Map(Box<[(Text, Attribute)]>),
}

/// Attributes of a resource, a scope or a point: sorted by key. A copy costs a reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attributes(Arc<[(Text, Attribute)]>);

/// What is measured and by whom: all of a series' identity but the resource and the point's attributes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricId {
    /// The scope's name.
    pub scope: Text,
    /// The scope's version.
    pub scope_version: Text,
    /// The scope's attributes.
    pub scope_attributes: Attributes,
    /// The metric's name.
    pub name: Text,
    /// Its unit.
    pub unit: Text,
    /// Its kind.
    pub kind: Kind,
    /// How its points relate to those before.
    pub temporality: Temporality,
    /// Whether it only rises.
    pub monotonic: bool,
}

/// The kind of an OTLP metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A gauge.
    Gauge,
    /// A sum.
    Sum,
    /// A histogram with explicit bounds.
    Histogram,
    /// A histogram with exponential bounds.
    ExponentialHistogram,
    /// Quantiles.
    Summary,
}

/// How a point relates to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// The kind has none, or it was left out.
    None,
    /// Each point counts since the one before.
    Delta,
    /// Each point counts since the start time.
    Cumulative,
}

/// One series of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesId {
    /// What is measured.
    pub metric: Arc<MetricId>,
    /// Which of its series.
    pub attributes: Attributes,
}

impl Attribute {
    fn of(value: Option<&AnyValue>) -> Self {
        match value.and_then(|v| v.value.as_ref()) {
            None => Self::Empty,
            Some(Any::StringValue(text)) => Self::Text(text.as_str().into()),
            Some(Any::BoolValue(b)) => Self::Bool(*b),
            Some(Any::IntValue(i)) => Self::Int(*i),
            Some(Any::DoubleValue(d)) => Self::Double(d.to_bits()),
            Some(Any::BytesValue(bytes)) => Self::Bytes(bytes.as_slice().into()),
            Some(Any::ArrayValue(list)) => Self::List(list.values.iter().map(|v| Self::of(Some(v))).collect()),
            Some(Any::KvlistValue(map)) => Self::Map(map.values.iter().map(Self::pair).collect()),
            // Only profiles have a dictionary that it could point into.
            Some(Any::StringValueStrindex(_)) => Self::Empty,
        }
    }

    fn pair(pair: &KeyValue) -> (Text, Self) {
        (pair.key.as_str().into(), Self::of(pair.value.as_ref()))
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An estimate of the memory it holds, in bytes.
    fn memory(&self) -> usize {
        let held = match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.iter().map(Self::memory).sum(),
            Self::Map(map) => map.iter().map(|(key, value)| key.len() + value.memory()).sum(),
            Self::Empty | Self::Bool(_) | Self::Int(_) | Self::Double(_) => 0,
        };
        size_of::<Self>() + held
    }
}

/// As plain text: `web`, `3`, `[a, b]`, `{k=v}`, bytes in hexadecimal. Not escaped.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Double(bits) => f64::from_bits(*bits).fmt(f),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|b| write!(f, "{b:02x}")),
            Self::List(list) => {
                f.write_str("[")?;
                for (i, value) in list.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Map(map) => write_pairs(f, map),
        }
    }
}

fn write_pairs(f: &mut fmt::Formatter<'_>, pairs: &[(Text, Attribute)]) -> fmt::Result {
    f.write_str("{")?;
    for (i, (key, value)) in pairs.iter().enumerate() {
        write!(f, "{}{key}={value}", if i == 0 { "" } else { "," })?;
    }
    f.write_str("}")
}

impl Attributes {
    /// Takes attributes as they came and sorts them. A key that comes twice is kept twice: such an identity is
    /// wrong, and equal to none that is right.
    pub fn of(pairs: &[KeyValue]) -> Self {
        let mut pairs: Vec<_> = pairs.iter().map(Attribute::pair).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self(pairs.into())
    }

    /// The pairs, sorted by key.
    pub fn pairs(&self) -> &[(Text, Attribute)] {
        &self.0
    }

    /// The value of one key.
    pub fn get(&self, key: &str) -> Option<&Attribute> {
        self.0.iter().find(|(k, _)| **k == *key).map(|(_, value)| value)
    }

    /// The text of one key.
    pub fn text(&self, key: &str) -> Option<&Text> {
        self.get(key).and_then(Attribute::text)
    }

    /// A key that comes twice, or an empty one.
    pub(super) fn bad_key(&self) -> Option<&Text> {
        let twice = self.0.windows(2).find(|w| w[0].0 == w[1].0).map(|w| &w[0].0);
        twice.or_else(|| self.0.first().map(|(key, _)| key).filter(|key| key.is_empty()))
    }

    /// An estimate of the memory it holds, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.0.iter().map(|(key, value)| size_of::<Text>() + key.len() + value.memory()).sum()
    }
}

/// As `{key=value,…}`; nothing if there are none. Not escaped.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write_pairs(f, &self.0) }
    }
}

impl MetricId {
    /// The identity of a metric of this scope; `None` if the message holds no data at all.
    pub fn of(scope: Option<&InstrumentationScope>, metric: &Metric) -> Option<Self> {
        let cumulative = AggregationTemporality::Cumulative as i32;
        let delta = AggregationTemporality::Delta as i32;
        let temporality = |wire: i32| match wire {
            t if t == cumulative => Temporality::Cumulative,
            t if t == delta => Temporality::Delta,
            _ => Temporality::None,
        };
        let (kind, temporality, monotonic) = match metric.data.as_ref()? {
            Data::Gauge(_) => (Kind::Gauge, Temporality::None, false),
            Data::Sum(sum) => (Kind::Sum, temporality(sum.aggregation_temporality), sum.is_monotonic),
            Data::Histogram(h) => (Kind::Histogram, temporality(h.aggregation_temporality), false),
            Data::ExponentialHistogram(h) => {
                (Kind::ExponentialHistogram, temporality(h.aggregation_temporality), false)
            }
            Data::Summary(_) => (Kind::Summary, Temporality::None, false),
        };
        Some(Self {
            scope: scope.map_or("", |s| &s.name).into(),
            scope_version: scope.map_or("", |s| &s.version).into(),
            scope_attributes: Attributes::of(scope.map_or(&[], |s| &s.attributes)),
            name: metric.name.as_str().into(),
            unit: metric.unit.as_str().into(),
            kind,
            temporality,
            monotonic,
        })
    }
}

/// As `name{key=value,…}`. Not escaped.
impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.metric.name, self.attributes)
    }
}

/// How a resource is called by people: a container's name, else its id, else the service's name.
pub fn display_name(resource: &Attributes) -> Option<&Text> {
    ["container.name", "container.id", "dockpulse.engine.name", "service.name"]
        .iter()
        .find_map(|key| resource.text(key))
}

/// Keeps one copy of each value. Bounded by what is in use: values that nobody else holds are dropped each time it
/// has doubled.
#[derive(Debug)]
pub(super) struct Interner<T: ?Sized> {
    values: HashSet<Arc<T>>,
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1024;

impl<T: ?Sized + Eq + Hash> Interner<T> {
    pub(super) fn new() -> Self {
        Self { values: HashSet::new(), sweep_at: FIRST_SWEEP }
    }

    pub(super) fn intern(&mut self, value: Arc<T>) -> Arc<T> {
        if let Some(kept) = self.values.get(&*value) {
            return kept.clone();
        }
        if self.values.len() >= self.sweep_at {
            self.values.retain(|kept| Arc::strong_count(kept) > 1);
            self.sweep_at = FIRST_SWEEP.max(self.values.len() * 2);
        }
        self.values.insert(value.clone());
        value
    }
}

impl Interner<[(Text, Attribute)]> {
    pub(super) fn attributes(&mut self, pairs: &[KeyValue]) -> Attributes {
        Attributes(self.intern(Attributes::of(pairs).0))
    }
}
