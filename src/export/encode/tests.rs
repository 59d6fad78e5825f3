//! The encoder against the official message types.

use std::sync::Arc;

use bytes::BytesMut;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric as WireMetric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource as WireResource;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::export::arbitrary::{METRICS, batch};
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::series::AttributeInterner;

/// The request as the message structs of opentelemetry-proto make it.
fn typed(batch: &Batch) -> ExportMetricsServiceRequest {
    let groups = batch.groups.iter().filter(|group| !group.points.is_empty());
    ExportMetricsServiceRequest { resource_metrics: groups.map(typed_group).collect() }
}

fn typed_group(group: &Group) -> ResourceMetrics {
    let mut metrics: Vec<WireMetric> = Vec::new();
    let mut last: Option<&Point> = None;
    for point in &group.points {
        let one = typed_metric(group, point);
        let joins = last.is_some_and(|last| {
            !last.mark.is_retraction() && !point.mark.is_retraction() && last.metric == point.metric
        });
        match metrics.last_mut() {
            Some(open) if joins => points_of(open).append(points_of(&mut one.clone())),
            _ => metrics.push(one),
        }
        last = Some(point);
    }
    let attributes = group.resource.attributes().iter().map(|(key, value)| KeyValue {
        key: key.to_string(),
        value: Some(AnyValue { value: Some(typed_value(value)) }),
        ..Default::default()
    });
    ResourceMetrics {
        resource: Some(WireResource { attributes: attributes.collect(), ..Default::default() }),
        scope_metrics: vec![ScopeMetrics {
            scope: Some(InstrumentationScope {
                name: "dockpulse".to_owned(),
                version: group.resource.version().to_owned(),
                ..Default::default()
            }),
            metrics,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn typed_metric(group: &Group, point: &Point) -> WireMetric {
    let data_points = vec![typed_point(group, point)];
    let cumulative = AggregationTemporality::Cumulative as i32;
    let data = match point.metric.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points }),
        Kind::UpDownSum => {
            metric::Data::Sum(Sum { data_points, aggregation_temporality: cumulative, is_monotonic: false })
        }
        Kind::Counter => {
            metric::Data::Sum(Sum { data_points, aggregation_temporality: cumulative, is_monotonic: true })
        }
    };
    WireMetric {
        name: point.metric.name.to_owned(),
        unit: point.metric.unit.to_owned(),
        data: Some(data),
        ..Default::default()
    }
}

fn typed_point(group: &Group, point: &Point) -> NumberDataPoint {
    let own = point.attributes.pairs().iter().map(|(key, value)| typed_attribute(key, value));
    let copied = group.resource.on_points().iter().filter(|(key, _)| point.attributes.get(key).is_none());
    let (value, flags) = match point.mark {
        Mark::First(Value::Int(v)) | Mark::Next(Value::Int(v)) => (Some(number_data_point::Value::AsInt(v)), 0),
        Mark::First(Value::Double(v)) | Mark::Next(Value::Double(v)) => {
            (Some(number_data_point::Value::AsDouble(v)), 0)
        }
        Mark::Retracted(_) => (None, 1),
    };
    NumberDataPoint {
        attributes: own.chain(copied.map(|(key, value)| typed_attribute(key, value))).collect(),
        start_time_unix_nano: if point.metric.kind == Kind::Gauge { 0 } else { point.start.0 },
        time_unix_nano: group.time.0,
        flags,
        value,
        ..Default::default()
    }
}

fn typed_attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

fn typed_value(value: &AttributeValue) -> any_value::Value {
    let text = |text: &Text| any_value::Value::StringValue(text.to_string());
    match value {
        AttributeValue::Text(one) => text(one),
        AttributeValue::List(many) => any_value::Value::ArrayValue(ArrayValue {
            values: many.iter().map(|one| AnyValue { value: Some(text(one)) }).collect(),
        }),
    }
}

fn points_of(metric: &mut WireMetric) -> &mut Vec<NumberDataPoint> {
    match &mut metric.data {
        Some(metric::Data::Gauge(gauge)) => &mut gauge.data_points,
        Some(metric::Data::Sum(sum)) => &mut sum.data_points,
        other => panic!("neither a gauge nor a sum: {other:?}"),
    }
}

fn one_of(mark: Mark, attributes: &[(&'static str, &str)], resource: Resource) -> NumberDataPoint {
    let attributes = AttributeInterner::default().intern(attributes);
    let point = Point { metric: &METRICS[0], attributes, start: UnixNanos(5), mark };
    let group = Group { resource: Arc::new(resource), time: UnixNanos(7), points: vec![point] };
    let mut sent = ExportMetricsServiceRequest::decode(encode(&Batch { groups: vec![group] })).unwrap();
    points_of(&mut sent.resource_metrics[0].scope_metrics[0].metrics[0]).remove(0)
}

proptest! {
    #[test]
    fn writes_what_the_message_structs_of_otlp_hold(batch in batch()) {
        let bytes = encode(&batch);
        prop_assert_eq!(bytes.len(), part_len(&batch, Part::whole(&batch)));
        prop_assert_eq!(ExportMetricsServiceRequest::decode(bytes).unwrap(), typed(&batch));
    }

    #[test]
    fn writes_the_same_bytes_each_time_and_appends_them(batch in batch()) {
        let mut twice = BytesMut::new();
        encode_part(&batch, Part::whole(&batch), &mut twice);
        let len = twice.len();
        encode_part(&batch, Part::whole(&batch), &mut twice);
        prop_assert_eq!(&twice[..len], &twice[len..]);
    }
}

#[test]
fn a_retraction_has_a_flag_times_and_attributes_but_no_value() {
    let point = one_of(Mark::Retracted(Reason::Stopped), &[("a", "b")], Resource::new(vec![], &[]));
    let expected = NumberDataPoint {
        attributes: vec![typed_attribute("a", "b")],
        start_time_unix_nano: 5,
        time_unix_nano: 7,
        flags: 1,
        value: None,
        ..Default::default()
    };
    assert_eq!(point, expected);
}

#[test]
fn zero_is_written_as_a_value() {
    let point = one_of(Mark::Next(Value::Int(0)), &[], Resource::new(vec![], &[]));
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(0)));
}

#[test]
fn an_attribute_of_the_point_itself_wins_over_the_resource_s_copy() {
    let resource = || Resource::new(vec![("a".into(), "resource".into())], &["a".to_owned()]);
    let own = one_of(Mark::Next(Value::Int(1)), &[("a", "own")], resource());
    assert_eq!(own.attributes, [typed_attribute("a", "own")]);
    let copied = one_of(Mark::Next(Value::Int(1)), &[], resource());
    assert_eq!(copied.attributes, [typed_attribute("a", "resource")]);
}

#[test]
fn a_batch_without_points_is_no_bytes_at_all() {
    let resource = Arc::new(Resource::new(vec![("a".into(), "b".into())], &[]));
    let empty = Group { resource, time: UnixNanos(1), points: vec![] };
    assert!(encode(&Batch { groups: vec![empty.clone(), empty] }).is_empty());
}
