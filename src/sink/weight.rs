//! How much memory a request takes once it is decoded: a few bytes can stand for many empty messages. Pure.

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// A message of OTLP, as far as it leads to repeated ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `ExportMetricsServiceRequest`.
    Metrics,
    /// `ExportTraceServiceRequest`.
    Traces,
    ResourceMetrics,
    ResourceSpans,
    Resource,
    EntityRef,
    ScopeMetrics,
    ScopeSpans,
    Scope,
    Metric,
    Numbers,
    Histograms,
    Exponentials,
    Summaries,
    Number,
    Histogram,
    Exponential,
    Summary,
    Exemplar,
    Buckets,
    Span,
    Event,
    Link,
    KeyValue,
    AnyValue,
    /// A list of values.
    Array,
    /// A list of keys with values.
    Pairs,
    /// Nothing of interest in it.
    Leaf,
    /// Numbers of a byte or more, of eight bytes each when decoded.
    Packed,
}

/// What a field of a message holds, and the memory of one such, in bytes. Of what there is but one in its message,
/// the memory is the message's own.
const FIELDS: &[(Kind, usize, Kind, usize)] = &[
    (Kind::Metrics, 1, Kind::ResourceMetrics, size_of::<ResourceMetrics>()),
    (Kind::Traces, 1, Kind::ResourceSpans, size_of::<ResourceSpans>()),
    (Kind::ResourceMetrics, 1, Kind::Resource, 0),
    (Kind::ResourceMetrics, 2, Kind::ScopeMetrics, size_of::<ScopeMetrics>()),
    (Kind::ResourceSpans, 1, Kind::Resource, 0),
    (Kind::ResourceSpans, 2, Kind::ScopeSpans, size_of::<ScopeSpans>()),
    (Kind::Resource, 1, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Resource, 3, Kind::EntityRef, size_of::<EntityRef>()),
    (Kind::EntityRef, 3, Kind::Leaf, size_of::<String>()),
    (Kind::EntityRef, 4, Kind::Leaf, size_of::<String>()),
    (Kind::ScopeMetrics, 1, Kind::Scope, 0),
    (Kind::ScopeMetrics, 2, Kind::Metric, size_of::<Metric>()),
    (Kind::ScopeSpans, 1, Kind::Scope, 0),
    (Kind::ScopeSpans, 2, Kind::Span, size_of::<Span>()),
    (Kind::Scope, 3, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Metric, 5, Kind::Numbers, 0),
    (Kind::Metric, 7, Kind::Numbers, 0),
    (Kind::Metric, 9, Kind::Histograms, 0),
    (Kind::Metric, 10, Kind::Exponentials, 0),
    (Kind::Metric, 11, Kind::Summaries, 0),
    (Kind::Metric, 12, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Numbers, 1, Kind::Number, size_of::<NumberDataPoint>()),
    (Kind::Histograms, 1, Kind::Histogram, size_of::<HistogramDataPoint>()),
    (Kind::Exponentials, 1, Kind::Exponential, size_of::<ExponentialHistogramDataPoint>()),
    (Kind::Summaries, 1, Kind::Summary, size_of::<SummaryDataPoint>()),
    (Kind::Number, 5, Kind::Exemplar, size_of::<Exemplar>()),
    (Kind::Number, 7, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Histogram, 8, Kind::Exemplar, size_of::<Exemplar>()),
    (Kind::Histogram, 9, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Exponential, 1, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Exponential, 8, Kind::Buckets, 0),
    (Kind::Exponential, 9, Kind::Buckets, 0),
    (Kind::Exponential, 11, Kind::Exemplar, size_of::<Exemplar>()),
    (Kind::Buckets, 2, Kind::Packed, 0),
    (Kind::Summary, 6, Kind::Leaf, size_of::<ValueAtQuantile>()),
    (Kind::Summary, 7, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Exemplar, 7, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Span, 9, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Span, 11, Kind::Event, size_of::<Event>()),
    (Kind::Span, 13, Kind::Link, size_of::<Link>()),
    (Kind::Event, 3, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::Link, 4, Kind::KeyValue, size_of::<KeyValue>()),
    (Kind::KeyValue, 2, Kind::AnyValue, 0),
    (Kind::AnyValue, 5, Kind::Array, 0),
    (Kind::AnyValue, 6, Kind::Pairs, 0),
    (Kind::Array, 1, Kind::AnyValue, size_of::<AnyValue>()),
    (Kind::Pairs, 1, Kind::KeyValue, size_of::<KeyValue>()),
];

/// The largest message of OTLP that can stand in a list.
const LARGEST: usize = {
    let mut largest = 0;
    let mut i = 0;
    while i < FIELDS.len() {
        if FIELDS[i].3 > largest {
            largest = FIELDS[i].3;
        }
        i += 1;
    }
    largest
};

/// As deep as prost decodes; what is deeper it refuses.
const DEPTH: u32 = 100;

/// The memory of a request in protobuf once it is decoded, in bytes. What cannot be read weighs what was read of it:
/// to refuse it is the decoder's part.
pub(super) fn of_protobuf(body: &[u8], kind: Kind) -> usize {
    body.len().saturating_add(fields(body, kind, DEPTH))
}

/// The memory of a request in JSON once it is decoded, in bytes: taking each brace for the largest message.
pub(super) fn of_json(body: &[u8]) -> usize {
    let messages = body.iter().filter(|b| **b == b'{').count();
    body.len().saturating_add(messages.saturating_mul(LARGEST))
}

fn fields(mut body: &[u8], kind: Kind, depth: u32) -> usize {
    let mut weight = 0_usize;
    while let Some((field, payload)) = next(&mut body) {
        let Some((_, _, inner, own)) = FIELDS.iter().find(|(outer, number, ..)| *outer == kind && *number == field)
        else {
            continue;
        };
        let inside = match inner {
            Kind::Leaf => 0,
            Kind::Packed => payload.len().saturating_mul(size_of::<u64>()),
            _ if depth == 0 => 0,
            _ => fields(payload, *inner, depth - 1),
        };
        weight = weight.saturating_add(*own).saturating_add(inside);
    }
    weight
}

/// The next field: its number, and its bytes if it has a length. `None` at the end, or where the text makes no sense.
fn next<'a>(body: &mut &'a [u8]) -> Option<(usize, &'a [u8])> {
    if body.is_empty() {
        return None;
    }
    let key = varint(body)?;
    let length = match key & 7 {
        0 => {
            varint(body)?;
            return Some((key >> 3, &[]));
        }
        1 => 8,
        2 => varint(body)?,
        5 => 4,
        _ => return None,
    };
    let (payload, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some((key >> 3, payload))
}

fn varint(body: &mut &[u8]) -> Option<usize> {
    prost::decode_length_delimiter(body).ok()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{KeyValueList, any_value};
    use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, Histogram, Summary, number_data_point::Value as Number,
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::sink::made::{container, gauge, list, metric, of, pair, pairs, point, request, running, sum};

    fn weight(request: &ExportMetricsServiceRequest) -> usize {
        let body = request.encode_to_vec();
        of_protobuf(&body, Kind::Metrics) - body.len()
    }

    #[test]
    fn every_repeated_message_is_weighed() {
        let points = vec![point(&[("a", "b")], 1, Number::AsInt(1)), point(&[], 2, Number::AsInt(1))];
        let all = request(vec![of(container("web"), vec![gauge("g", "1", points)])]);
        let messages = size_of::<ResourceMetrics>()
            + size_of::<ScopeMetrics>()
            + size_of::<Metric>()
            + 2 * size_of::<NumberDataPoint>()
            + 3 * size_of::<KeyValue>();
        assert_eq!(weight(&all), messages);
    }

    #[test]
    fn so_are_those_of_other_kinds_of_metrics() {
        let attributes = || pairs(&[("a", "b")]);
        let exemplars = || vec![Exemplar { filtered_attributes: attributes(), ..Default::default() }];
        let histogram = HistogramDataPoint { attributes: attributes(), exemplars: exemplars(), ..Default::default() };
        let exponential =
            ExponentialHistogramDataPoint { attributes: attributes(), exemplars: exemplars(), ..Default::default() };
        let summary = SummaryDataPoint {
            attributes: attributes(),
            quantile_values: vec![ValueAtQuantile::default(); 2],
            ..Default::default()
        };
        let number = NumberDataPoint { exemplars: exemplars(), ..Default::default() };
        let metrics = vec![
            metric("h", "", Data::Histogram(Histogram { data_points: vec![histogram], ..Default::default() })),
            metric(
                "e",
                "",
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: vec![exponential],
                    ..Default::default()
                }),
            ),
            metric("s", "", Data::Summary(Summary { data_points: vec![summary] })),
            Metric { metadata: attributes(), ..sum("n", "", true, vec![number]) },
        ];
        let mut all = of(attributes(), metrics);
        all.scope_metrics[0].scope.as_mut().unwrap().attributes = attributes();
        let entity = EntityRef { id_keys: vec!["a".into()], description_keys: vec!["b".into()], ..Default::default() };
        all.resource.as_mut().unwrap().entity_refs = vec![entity];
        let messages = size_of::<ResourceMetrics>()
            + size_of::<ScopeMetrics>()
            + size_of::<EntityRef>()
            + 2 * size_of::<String>()
            + 4 * size_of::<Metric>()
            + size_of::<HistogramDataPoint>()
            + size_of::<ExponentialHistogramDataPoint>()
            + size_of::<SummaryDataPoint>()
            + size_of::<NumberDataPoint>()
            + 2 * size_of::<ValueAtQuantile>()
            + 3 * size_of::<Exemplar>()
            + (1 + 1 + 1 + 3 + 3) * size_of::<KeyValue>();
        assert_eq!(weight(&request(vec![all])), messages);
    }

    #[test]
    fn so_are_spans_and_nested_values() {
        let attributes = || pairs(&[("a", "b")]);
        let nested = KeyValueList { values: vec![pair("l", list(&["x", "y"]))] };
        let nested = AnyValue { value: Some(any_value::Value::KvlistValue(nested)) };
        let span = Span {
            attributes: vec![pair("n", nested)],
            events: vec![Event { attributes: attributes(), ..Default::default() }],
            links: vec![Link { attributes: attributes(), ..Default::default() }],
            ..Default::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
        let all =
            ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] };
        let body = all.encode_to_vec();
        let messages = size_of::<ResourceSpans>()
            + size_of::<ScopeSpans>()
            + size_of::<Span>()
            + size_of::<Event>()
            + size_of::<Link>()
            + 2 * size_of::<AnyValue>()
            + (1 + 1 + 1 + 1) * size_of::<KeyValue>();
        assert_eq!(of_protobuf(&body, Kind::Traces) - body.len(), messages);
    }

    #[test]
    fn packed_numbers_are_weighed_as_what_they_become() {
        let positive = Some(Buckets { offset: 0, bucket_counts: vec![1; 1000] });
        let point = ExponentialHistogramDataPoint { positive, ..Default::default() };
        let data =
            Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![point], aggregation_temporality: 2 });
        assert!(weight(&request(vec![of(container("web"), vec![metric("h", "s", data)])])) > 8_000);
    }

    #[test]
    fn empty_messages_weigh_more_than_their_bytes() {
        assert_eq!(of_protobuf(&b"\x0a\x00".repeat(1000), Kind::Metrics), 2000 + 1000 * size_of::<ResourceMetrics>());
        assert_eq!(of_json(br#"{"resourceMetrics":[{},{}]}"#), 27 + 3 * LARGEST);
    }

    #[test]
    fn what_is_not_known_is_stepped_over() {
        let message = b"\x0a\x00";
        for unknown in [&b"\x15abcd"[..], b"\x11abcdefgh", b"\x10\x80\x01", b"\x12\x02\x0a\x00"] {
            let body = [unknown, message].concat();
            assert_eq!(of_protobuf(&body, Kind::Metrics) - body.len(), size_of::<ResourceMetrics>(), "{unknown:?}");
        }
    }

    #[test]
    fn no_nesting_is_too_deep() {
        let mut value = Vec::new();
        for _ in 0..2_000 {
            let mut outer = Vec::new();
            for field in [1_u8, 5] {
                outer.clear();
                outer.push(field << 3 | 2);
                prost::encode_length_delimiter(value.len(), &mut outer).unwrap();
                outer.extend(&value);
                value.clone_from(&outer);
            }
        }
        let weight = fields(&value, Kind::AnyValue, DEPTH);
        assert_eq!(weight, DEPTH as usize / 2 * size_of::<AnyValue>());
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_weight(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            of_protobuf(&bytes, Kind::Metrics);
            of_protobuf(&bytes, Kind::Traces);
        }

        #[test]
        fn a_part_of_a_request_weighs_no_more_than_the_whole(cut in 0..1000_usize) {
            let body = running("web", 1.0, 1.0).encode_to_vec();
            let part = &body[..cut.min(body.len())];
            prop_assert!(of_protobuf(part, Kind::Metrics) <= of_protobuf(&body, Kind::Metrics));
        }
    }
}
