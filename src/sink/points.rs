//! The points of an OTLP metric, one shape for all kinds.

use std::hash::{DefaultHasher, Hash, Hasher};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{DataPointFlags, Metric, NumberDataPoint, number_data_point};

use crate::model::time::UnixNanos;

/// The number of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A histogram or summary, by its totals.
    Distribution {
        /// How many were measured.
        count: u64,
        /// Their sum, if it is known.
        sum: Option<f64>,
    },
}

/// One point as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point<'a> {
    pub(super) attributes: &'a [KeyValue],
    pub(super) start: UnixNanos,
    pub(super) time: UnixNanos,
    pub(super) flagged: bool,
    pub(super) value: Option<Value>,
}

impl Value {
    /// As one number: a distribution is worth its count. Integers beyond 2^53 lose their last digits.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Double(d) => d,
            Self::Distribution { count, .. } => count as f64,
        }
    }

    /// Whether it is a number at all.
    pub(super) fn is_finite(self) -> bool {
        match self {
            Self::Double(d) => d.is_finite(),
            Self::Int(_) | Self::Distribution { .. } => true,
        }
    }

    /// Whether it is less than `other`; of different kinds of numbers none is.
    pub(super) fn is_below(self, other: Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a < b,
            (Self::Double(a), Self::Double(b)) => a < b,
            (Self::Distribution { count: a, .. }, Self::Distribution { count: b, .. }) => a < b,
            _ => false,
        }
    }

    pub(super) fn is_same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    fn bits(self) -> (u8, u64, u64) {
        match self {
            Self::Int(i) => (0, i.cast_unsigned(), 0),
            Self::Double(d) => (1, d.to_bits(), 0),
            Self::Distribution { count, sum } => (2, count, sum.map_or(0, f64::to_bits)),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(i) => i.fmt(f),
            Self::Double(d) => d.fmt(f),
            Self::Distribution { count, sum: Some(sum) } => write!(f, "count {count}, sum {sum}"),
            Self::Distribution { count, sum: None } => write!(f, "count {count}"),
        }
    }
}

impl Point<'_> {
    /// Tells whether two points of one series are the same, but for a chance of 1 in 2^64.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.time, self.start, self.flagged, self.value.map(Value::bits)).hash(&mut hasher);
        hasher.finish()
    }
}

/// The points of `metric`.
pub(super) fn of(metric: &Metric) -> Vec<Point<'_>> {
    match &metric.data {
        None => Vec::new(),
        Some(Data::Gauge(gauge)) => gauge.data_points.iter().map(number).collect(),
        Some(Data::Sum(sum)) => sum.data_points.iter().map(number).collect(),
        Some(Data::Histogram(histogram)) => histogram
            .data_points
            .iter()
            .map(|p| distribution(&p.attributes, (p.start_time_unix_nano, p.time_unix_nano), p.flags, (p.count, p.sum)))
            .collect(),
        Some(Data::ExponentialHistogram(histogram)) => histogram
            .data_points
            .iter()
            .map(|p| distribution(&p.attributes, (p.start_time_unix_nano, p.time_unix_nano), p.flags, (p.count, p.sum)))
            .collect(),
        Some(Data::Summary(summary)) => summary
            .data_points
            .iter()
            .map(|p| {
                let times = (p.start_time_unix_nano, p.time_unix_nano);
                distribution(&p.attributes, times, p.flags, (p.count, Some(p.sum)))
            })
            .collect(),
    }
}

fn is_flagged(flags: u32) -> bool {
    flags & DataPointFlags::NoRecordedValueMask as u32 != 0
}

fn number(point: &NumberDataPoint) -> Point<'_> {
    Point {
        attributes: &point.attributes,
        start: UnixNanos(point.start_time_unix_nano),
        time: UnixNanos(point.time_unix_nano),
        flagged: is_flagged(point.flags),
        value: point.value.map(|value| match value {
            number_data_point::Value::AsInt(i) => Value::Int(i),
            number_data_point::Value::AsDouble(d) => Value::Double(d),
        }),
    }
}

fn distribution(
    attributes: &[KeyValue],
    (start, time): (u64, u64),
    flags: u32,
    (count, sum): (u64, Option<f64>),
) -> Point<'_> {
    let flagged = is_flagged(flags);
    // A flagged one has to carry its counts, all zero: that is no value.
    let value = (!flagged || count != 0).then_some(Value::Distribution { count, sum });
    Point { attributes, start: UnixNanos(start), time: UnixNanos(time), flagged, value }
}
