//! From points straight to the bytes of an `ExportMetricsServiceRequest`. Message structs in between would cost some
//! 16 KB of heap a container; this costs nothing but the bytes, and what repeats (resources, attributes) is encoded once.
//!
//! Field numbers are those of opentelemetry-proto 1.x `metrics.proto`, `common.proto` and `resource.proto`; all are
//! below 16, so that every key is one byte.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_varint, encoded_len_varint};

use super::part::Part;
use crate::model::batch::{Batch, Group, Mark, Point};
use crate::model::series::{AttributeValue, Attributes, Kind, Metric, Resource, ResourceWire, Value};
use crate::model::time::UnixNanos;

const SCOPE_NAME: &str = "dockpulse";

/// `AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;
/// `DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`.
const NO_RECORDED_VALUE: u8 = 1;

/// `NumberDataPoint.attributes`.
const POINT_ATTRIBUTES: u8 = message(7);
/// `Resource.attributes`.
const RESOURCE_ATTRIBUTES: u8 = message(1);

/// A key byte and an 8 byte number.
const FIXED64: usize = 9;
/// A key byte and a one byte varint.
const SMALL: usize = 2;

/// A whole batch.
pub fn encode(batch: &Batch) -> Bytes {
    let mut out = BytesMut::new();
    encode_part(batch, Part::whole(batch), &mut out);
    out.freeze()
}

/// Appends the request with the points of one part. The same part gives the same bytes each time.
pub fn encode_part(batch: &Batch, part: Part, out: &mut BytesMut) {
    let size = part_len(batch, part);
    out.reserve(size);
    let start = out.len();
    for (group, points) in part.groups(batch) {
        put_group(group, points, out);
    }
    debug_assert_eq!(out.len() - start, size, "measured and written sizes agree");
}

/// The length in bytes of the request with the points of one part.
pub fn part_len(batch: &Batch, part: Part) -> usize {
    part.groups(batch)
        .map(|(group, points)| {
            let mut measure = Measure::of(group);
            points.iter().for_each(|point| measure.add(point));
            measure.len()
        })
        .sum()
}

/// How long a group gets, point by point.
#[derive(Clone, Copy)]
pub(super) struct Measure<'a> {
    resource: &'a Resource,
    wire: &'a ResourceWire,
    time: UnixNanos,
    /// Metric messages that are complete, each with its key and length.
    complete: usize,
    /// The metric whose message is open, and whether further values may join it.
    open: Option<(&'static Metric, bool)>,
    /// The data points of the open message, each with its key and length.
    data_points: usize,
}

impl<'a> Measure<'a> {
    /// A group without points: length 0.
    pub(super) fn of(group: &'a Group) -> Self {
        let wire = resource_wire(&group.resource);
        Self { resource: &group.resource, wire, time: group.time, complete: 0, open: None, data_points: 0 }
    }

    /// One more point, as [`runs`] would place it.
    pub(super) fn add(&mut self, point: &Point) {
        let value = !point.mark.is_retraction();
        let joins = matches!(self.open, Some((metric, true)) if value && is_same(metric, point.metric));
        if !joins {
            self.complete = self.metrics_len();
            self.data_points = 0;
            self.open = Some((point.metric, value));
        }
        self.data_points += framed(point_len(point, self.resource, self.wire, self.time));
    }

    /// The length of the `ResourceMetrics`, key and length included.
    pub(super) fn len(&self) -> usize {
        if self.open.is_none() { 0 } else { framed(self.resource_metrics_len()) }
    }

    fn metrics_len(&self) -> usize {
        let open = self.open.map_or(0, |(metric, _)| framed(metric_len(metric, self.data_points)));
        self.complete + open
    }

    fn scope_metrics_len(&self) -> usize {
        framed(scope_len(self.resource)) + self.metrics_len()
    }

    fn resource_metrics_len(&self) -> usize {
        framed(self.wire.resource.len()) + framed(self.scope_metrics_len())
    }
}

/// `ResourceMetrics`: resource = 1, scope_metrics = 2. `ScopeMetrics`: scope = 1, metrics = 2.
fn put_group(group: &Group, points: &[Point], out: &mut BytesMut) {
    let mut measure = Measure::of(group);
    points.iter().for_each(|point| measure.add(point));
    put_len(message(1), measure.resource_metrics_len(), out);
    put_bytes(message(1), &measure.wire.resource, out);
    put_len(message(2), measure.scope_metrics_len(), out);
    put_len(message(1), scope_len(&group.resource), out);
    put_bytes(message(1), SCOPE_NAME.as_bytes(), out);
    put_bytes(message(2), group.resource.version().as_bytes(), out);
    for run in runs(points) {
        put_metric(run, &measure, out);
    }
}

/// Points that share a `Metric` message: values of one metric in a row. A retraction stands alone, because the
/// Collector's Prometheus exporter skips what follows a flagged point in its message.
fn runs(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(|a, b| !a.mark.is_retraction() && !b.mark.is_retraction() && is_same(a.metric, b.metric))
}

fn is_same(a: &'static Metric, b: &'static Metric) -> bool {
    std::ptr::eq(a, b) || a == b
}

/// `Metric`: name = 1, unit = 3, gauge = 5, sum = 7. `Gauge` and `Sum`: data_points = 1; `Sum`:
/// aggregation_temporality = 2, is_monotonic = 3.
fn put_metric(run: &[Point], group: &Measure<'_>, out: &mut BytesMut) {
    let Some(metric) = run.first().map(|p| p.metric) else { return };
    let lens = |p: &Point| point_len(p, group.resource, group.wire, group.time);
    let data_points = run.iter().map(|p| framed(lens(p))).sum();
    put_len(message(2), metric_len(metric, data_points), out);
    put_bytes(message(1), metric.name.as_bytes(), out);
    if !metric.unit.is_empty() {
        put_bytes(message(3), metric.unit.as_bytes(), out);
    }
    put_len(message(if metric.kind == Kind::Gauge { 5 } else { 7 }), data_len(metric.kind, data_points), out);
    for point in run {
        put_len(message(1), lens(point), out);
        put_point(point, group, out);
    }
    if metric.kind != Kind::Gauge {
        out.put_slice(&[varint(2), CUMULATIVE]);
    }
    if metric.kind == Kind::Counter {
        out.put_slice(&[varint(3), 1]);
    }
}

fn metric_len(metric: &Metric, data_points: usize) -> usize {
    let unit = if metric.unit.is_empty() { 0 } else { framed(metric.unit.len()) };
    framed(metric.name.len()) + unit + framed(data_len(metric.kind, data_points))
}

fn data_len(kind: Kind, data_points: usize) -> usize {
    data_points
        + match kind {
            Kind::Gauge => 0,
            Kind::UpDownSum => SMALL,
            Kind::Counter => 2 * SMALL,
        }
}

/// `NumberDataPoint`: start_time_unix_nano = 2, time_unix_nano = 3, as_double = 4, as_int = 6, attributes = 7, flags = 8.
fn put_point(point: &Point, group: &Measure<'_>, out: &mut BytesMut) {
    if let Some(start) = start_of(point) {
        put_fixed64(2, start.0, out);
    }
    if group.time.is_known() {
        put_fixed64(3, group.time.0, out);
    }
    match value_of(point) {
        Some(Value::Double(value)) => put_fixed64(4, value.to_bits(), out),
        Some(Value::Int(value)) => put_fixed64(6, value.cast_unsigned(), out),
        None => {}
    }
    out.put_slice(point.attributes.wire(attributes_wire));
    if has_own_key(point, group.resource) {
        copied(point, group.resource).for_each(|(key, value)| put_attribute(POINT_ATTRIBUTES, key, value, out));
    } else {
        out.put_slice(&group.wire.on_points);
    }
    if point.mark.is_retraction() {
        out.put_slice(&[varint(8), NO_RECORDED_VALUE]);
    }
}

fn point_len(point: &Point, resource: &Resource, wire: &ResourceWire, time: UnixNanos) -> usize {
    let start = if start_of(point).is_some() { FIXED64 } else { 0 };
    let time = if time.is_known() { FIXED64 } else { 0 };
    let told = if point.mark.is_retraction() { SMALL } else { FIXED64 };
    let on_points = if has_own_key(point, resource) {
        copied(point, resource).map(|(key, value)| framed(attribute_len(key, value))).sum()
    } else {
        wire.on_points.len()
    };
    start + time + told + point.attributes.wire(attributes_wire).len() + on_points
}

/// A gauge has no start.
fn start_of(point: &Point) -> Option<UnixNanos> {
    (point.start.is_known() && point.metric.kind != Kind::Gauge).then_some(point.start)
}

fn value_of(point: &Point) -> Option<Value> {
    match point.mark {
        Mark::First(value) | Mark::Next(value) => Some(value),
        Mark::Retracted(_) => None,
    }
}

/// Whether the point has an attribute itself that the resource would copy onto it. Its own counts.
fn has_own_key(point: &Point, resource: &Resource) -> bool {
    resource.on_points().iter().any(|(key, _)| point.attributes.get(key).is_some())
}

fn copied<'a>(point: &'a Point, resource: &'a Resource) -> impl Iterator<Item = (&'a str, &'a str)> {
    let wanted = resource.on_points().iter().filter(|(key, _)| point.attributes.get(key).is_none());
    wanted.map(|(key, value)| (&**key, &**value))
}

fn attributes_wire(attributes: &Attributes) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in attributes.pairs() {
        put_attribute(POINT_ATTRIBUTES, key, value, &mut out);
    }
    out
}

fn resource_wire(resource: &Resource) -> &ResourceWire {
    resource.wire(|resource| {
        let mut content = Vec::new();
        for (key, value) in resource.attributes() {
            match value {
                AttributeValue::Text(text) => put_attribute(RESOURCE_ATTRIBUTES, key, text, &mut content),
                AttributeValue::List(texts) => put_list(key, texts, &mut content),
            }
        }
        let mut on_points = Vec::new();
        for (key, value) in resource.on_points() {
            put_attribute(POINT_ATTRIBUTES, key, value, &mut on_points);
        }
        ResourceWire { resource: content.into(), on_points: on_points.into() }
    })
}

/// `KeyValue`: key = 1, value = 2. `AnyValue`: string_value = 1.
fn put_attribute(field: u8, key: &str, value: &str, out: &mut impl BufMut) {
    put_len(field, attribute_len(key, value), out);
    put_bytes(message(1), key.as_bytes(), out);
    put_len(message(2), framed(value.len()), out);
    put_bytes(message(1), value.as_bytes(), out);
}

fn attribute_len(key: &str, value: &str) -> usize {
    framed(key.len()) + framed(framed(value.len()))
}

/// `AnyValue`: array_value = 5. `ArrayValue`: values = 1.
fn put_list(key: &str, texts: &[crate::model::Text], out: &mut impl BufMut) {
    let array: usize = texts.iter().map(|text| framed(framed(text.len()))).sum();
    put_len(RESOURCE_ATTRIBUTES, framed(key.len()) + framed(framed(array)), out);
    put_bytes(message(1), key.as_bytes(), out);
    put_len(message(2), framed(array), out);
    put_len(message(5), array, out);
    for text in texts {
        put_len(message(1), framed(text.len()), out);
        put_bytes(message(1), text.as_bytes(), out);
    }
}

/// `InstrumentationScope`: name = 1, version = 2.
fn scope_len(resource: &Resource) -> usize {
    framed(SCOPE_NAME.len()) + framed(resource.version().len())
}

/// The key of a field with a length: a message, string or bytes.
const fn message(field: u8) -> u8 {
    field << 3 | WireType::LengthDelimited as u8
}

const fn varint(field: u8) -> u8 {
    field << 3 | WireType::Varint as u8
}

const fn fixed64(field: u8) -> u8 {
    field << 3 | WireType::SixtyFourBit as u8
}

/// What a field of this content takes with its key and length.
const fn framed(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn put_len(key: u8, len: usize, out: &mut impl BufMut) {
    out.put_u8(key);
    encode_varint(len as u64, out);
}

fn put_bytes(key: u8, content: &[u8], out: &mut impl BufMut) {
    put_len(key, content.len(), out);
    out.put_slice(content);
}

fn put_fixed64(field: u8, bits: u64, out: &mut impl BufMut) {
    out.put_u8(fixed64(field));
    out.put_u64_le(bits);
}

#[cfg(test)]
mod tests;
