//! OTLP requests for tests, a line each.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::model::time::{Monotonic, Now, UnixNanos};

/// A second, in nanoseconds.
pub(crate) const S: u64 = 1_000_000_000;

/// The moment `secs` after the start of the test, which is at 1,000 s of Unix time.
pub(crate) fn at(secs: f64) -> Now {
    let since = std::time::Duration::from_secs_f64(secs);
    Now { mono: Monotonic(since), wall: UnixNanos(1_000 * S).after(since) }
}

pub(crate) fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) }
}

pub(crate) fn list(values: &[&str]) -> AnyValue {
    let values = values.iter().map(|v| text(v)).collect();
    AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) }
}

pub(crate) fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| pair(key, text(value))).collect()
}

/// The resource of a container.
pub(crate) fn container(name: &str) -> Vec<KeyValue> {
    let id = format!("{:0<64}", name.bytes().map(|b| format!("{b:02x}")).collect::<String>());
    pairs(&[("container.id", &id), ("container.name", name)])
}

/// A number at a time in nanoseconds.
pub(crate) fn point(attributes: &[(&str, &str)], time: u64, value: Number) -> NumberDataPoint {
    NumberDataPoint {
        attributes: pairs(attributes),
        time_unix_nano: time,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

/// A retraction at a time in nanoseconds.
pub(crate) fn retraction(attributes: &[(&str, &str)], time: u64) -> NumberDataPoint {
    NumberDataPoint { attributes: pairs(attributes), time_unix_nano: time, flags: 1, ..NumberDataPoint::default() }
}

pub(crate) fn gauge(name: &str, unit: &str, data_points: Vec<NumberDataPoint>) -> Metric {
    metric(name, unit, Data::Gauge(Gauge { data_points }))
}

/// A cumulative sum.
pub(crate) fn sum(name: &str, unit: &str, is_monotonic: bool, data_points: Vec<NumberDataPoint>) -> Metric {
    let aggregation_temporality = AggregationTemporality::Cumulative as i32;
    metric(name, unit, Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic }))
}

pub(crate) fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

/// The metrics of one resource, in the scope `dockpulse`.
pub(crate) fn of(resource: Vec<KeyValue>, metrics: Vec<Metric>) -> ResourceMetrics {
    let scope = InstrumentationScope { name: "dockpulse".to_owned(), version: "1".to_owned(), ..Default::default() };
    ResourceMetrics {
        resource: Some(Resource { attributes: resource, ..Resource::default() }),
        scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
        ..ResourceMetrics::default()
    }
}

pub(crate) fn request(resource_metrics: Vec<ResourceMetrics>) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest { resource_metrics }
}

/// A request with one number of `container.memory.usage` of the container `name`, `secs` after the start of the test.
pub(crate) fn memory(name: &str, secs: f64, bytes: i64) -> ExportMetricsServiceRequest {
    let points = vec![point(&[], at(secs).wall.0, Number::AsInt(bytes))];
    request(vec![of(container(name), vec![sum("container.memory.usage", "By", false, points)])])
}

/// The retraction of what [`memory`] published.
pub(crate) fn memory_retracted(name: &str, secs: f64) -> ExportMetricsServiceRequest {
    let points = vec![retraction(&[], at(secs).wall.0)];
    request(vec![of(container(name), vec![sum("container.memory.usage", "By", false, points)])])
}

/// Everything that the demo's view shows of a running container.
pub(crate) fn running(name: &str, secs: f64, cpus: f64) -> ExportMetricsServiceRequest {
    let now = at(secs).wall.0;
    let bytes = |name: &str, value: i64| sum(name, "By", false, vec![point(&[], now, Number::AsInt(value))]);
    let traffic = |direction: &str, value: i64| {
        let attributes = [("network.interface.name", "eth0"), ("network.io.direction", direction)];
        sum("container.network.io", "By", true, vec![point(&attributes, now, Number::AsInt(value))])
    };
    let metrics = vec![
        gauge("container.cpu.usage", "{cpu}", vec![point(&[], now, Number::AsDouble(cpus))]),
        bytes("container.memory.usage", 120 << 20),
        bytes("container.memory.limit", 512 << 20),
        traffic("receive", 1_500_000),
        traffic("transmit", 300_000),
        state("running", now),
    ];
    request(vec![of(container(name), metrics)])
}

/// The retraction of what [`running`] published, but for the state: that becomes `exited`.
pub(crate) fn exited(name: &str, secs: f64) -> ExportMetricsServiceRequest {
    let mut request = removed(name, secs);
    request.resource_metrics[0].scope_metrics[0].metrics.push(state("exited", at(secs).wall.0));
    request
}

/// The retraction of what [`running`] published.
pub(crate) fn removed(name: &str, secs: f64) -> ExportMetricsServiceRequest {
    let mut request = running(name, secs, 0.0);
    for metric in &mut request.resource_metrics[0].scope_metrics[0].metrics {
        let points = match &mut metric.data {
            Some(Data::Gauge(gauge)) => &mut gauge.data_points,
            Some(Data::Sum(sum)) => &mut sum.data_points,
            _ => unreachable!("only these are made here"),
        };
        for point in points {
            point.value = None;
            point.flags = 1;
        }
    }
    request
}

fn state(word: &str, time: u64) -> Metric {
    let point = point(&[("container.status.state", word)], time, Number::AsInt(1));
    sum("container.status.state", "{container}", false, vec![point])
}

/// Whether the engine `name` is up.
pub(crate) fn engine(name: &str, secs: f64, up: bool) -> ExportMetricsServiceRequest {
    let resource = pairs(&[("service.name", "dockpulse"), ("dockpulse.engine.name", name)]);
    let point = point(&[], at(secs).wall.0, Number::AsInt(i64::from(up)));
    request(vec![of(resource, vec![gauge("dockpulse.engine.up", "1", vec![point])])])
}
