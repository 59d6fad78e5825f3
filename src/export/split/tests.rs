//! Requests stay below the limit, and together they are the batch.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::export::arbitrary::batch;
use crate::export::encode::{encode, encode_part};

/// All steps until the end.
fn steps(batch: &Batch, limit: usize) -> Vec<Next> {
    let mut at = Position::default();
    let mut steps = Vec::new();
    loop {
        let next = next(batch, at, limit);
        at = match next {
            Next::Part(part) | Next::TooLarge(part) => part.to,
            Next::End => return steps,
        };
        steps.push(next);
        assert!(steps.len() <= batch.points(), "each step goes on by one point at least");
    }
}

fn bytes(batch: &Batch, part: Part) -> bytes::Bytes {
    let mut out = bytes::BytesMut::new();
    encode_part(batch, part, &mut out);
    out.freeze()
}

/// The points in the order in which they are written, each with its resource and metric.
fn flat(request: bytes::Bytes) -> Vec<(String, NumberDataPoint)> {
    let request = ExportMetricsServiceRequest::decode(request).unwrap();
    let mut out = Vec::new();
    for group in request.resource_metrics {
        let resource = format!("{:?}", group.resource);
        for one in group.scope_metrics.into_iter().flat_map(|s| s.metrics) {
            let points = match one.data {
                Some(metric::Data::Gauge(g)) => g.data_points,
                Some(metric::Data::Sum(s)) => s.data_points,
                _ => vec![],
            };
            out.extend(points.into_iter().map(|p| (format!("{resource} {} {}", one.name, one.unit), p)));
        }
    }
    out
}

proptest! {
    #[test]
    fn the_parts_are_the_whole_in_order_and_each_is_within_the_limit(batch in batch(), limit in 1usize..3000) {
        let (mut parts, mut too_large) = (Vec::new(), 0);
        let mut at = Position::default();
        for step in steps(&batch, limit) {
            let (Next::Part(part) | Next::TooLarge(part)) = step else { unreachable!() };
            prop_assert_eq!(part.from, at.skip_empty(&batch));
            at = part.to;
            if let Next::TooLarge(part) = step {
                prop_assert_eq!(part.points(&batch), 1);
                prop_assert!(bytes(&batch, part).len() > limit);
                too_large += 1;
                continue;
            }
            let sent = bytes(&batch, part);
            prop_assert!(!sent.is_empty() && sent.len() <= limit);
            parts.extend(flat(sent));
        }
        prop_assert_eq!(at.skip_empty(&batch), Position::end(&batch).skip_empty(&batch));
        let whole = flat(encode(&batch));
        prop_assert_eq!(parts.len() + too_large, whole.len());
        if too_large == 0 {
            prop_assert_eq!(parts, whole);
        } else {
            let mut rest = whole.iter();
            prop_assert!(parts.iter().all(|p| rest.any(|w| w == p)), "in order");
        }
    }

    #[test]
    fn a_group_is_cut_only_if_it_is_too_large_by_itself(batch in batch(), limit in 200usize..3000) {
        for step in steps(&batch, limit) {
            let Next::Part(part) = step else { continue };
            if part.to.point > 0 {
                let group = &batch.groups[part.to.group];
                prop_assert!(part.from.group == part.to.group);
                let rest = Part { from: part.from, to: Position { group: part.from.group + 1, point: 0 } };
                prop_assert!(bytes(&batch, rest).len() > limit, "{} points", group.points.len());
            }
        }
    }

    #[test]
    fn takes_as_much_as_fits(batch in batch(), limit in 1usize..6000) {
        for step in steps(&batch, limit) {
            let Next::Part(part) = step else { continue };
            let to = if part.to.point > 0 {
                Position { point: part.to.point + 1, ..part.to }
            } else if part.to.group < batch.groups.len() {
                Position { group: part.to.group + 1, point: 0 }
            } else {
                continue;
            };
            let more = Part { from: part.from, to };
            let grows = more.points(&batch) > part.points(&batch);
            prop_assert!(!grows || bytes(&batch, more).len() > limit);
        }
    }
}

#[test]
fn nothing_is_the_end() {
    assert_eq!(next(&Batch::default(), Position::default(), 100), Next::End);
    let beyond = Position { group: 9, point: 9 };
    assert_eq!(next(&Batch::default(), beyond, 100), Next::End);
}
