//! What arrives at our own collector, and what it then believes. A body is JSON, gzip or protobuf by how it begins.
#![no_main]

use std::fmt::Debug;

use bytes::Bytes;
use dockpulse::sink::belief::{Belief, Limits};
use dockpulse::sink::fuzzing::{self, Door};
use dockpulse::sink::table::Table;
use dockpulse::sink::{Received, json};
use dockpulse_fuzz::{at, can_be_shown, within};
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;

const LIMITS: Limits = Limits { series: 8, bytes: 16 << 10, retracted: 3, violations: 4 };
const PLAIN: Table = Table { color: false };
/// The largest request that is taken.
const MAX_REQUEST: usize = 16 << 20;

fuzz_target!(|body: &[u8]| {
    let unzipped = body.starts_with(&[0x1f, 0x8b]).then(|| within(3 * MAX_REQUEST, || fuzzing::gunzip(body)));
    let body = match unzipped {
        Some(None) => return,
        Some(Some(body)) => body,
        None => Bytes::copy_from_slice(body),
    };
    assert!(body.len() <= MAX_REQUEST);
    let json = body.first().is_some_and(|byte| b"{[ \n".contains(byte));
    let mut door = Door::default();
    for spans in [true, false] {
        // By estimate: a list that grows is there twice for a moment, and with room for more.
        let most = (64 << 10) + 6 * fuzzing::weight(spans, json, &body);
        let Ok(received) = within(most, || door.read(spans, json, &body)) else { continue };
        match received.expect("what was taken in comes out") {
            Received::Metrics(request) => believe(&request),
            Received::Traces(request) => {
                one_line(json::line(&request));
                assert!(can_be_shown(&PLAIN.spans(&request)));
            }
        }
    }
});

fn believe(request: &ExportMetricsServiceRequest) {
    let again = request.encode_to_vec();
    let read = ExportMetricsServiceRequest::decode(&again[..]).expect("what was written can be read");
    assert_eq!(read.encode_to_vec(), again);
    one_line(json::line(request));
    let mut belief = Belief::new(LIMITS);
    for seconds in 1..3 {
        for change in belief.apply(request, at(seconds)) {
            let line = PLAIN.change(&change);
            assert!(can_be_shown(&line) && line.matches('\n').count() == 1, "{line:?}");
        }
        check(&belief);
    }
    // The same once more changes nothing.
    assert_eq!(belief.counts().requests, 2);
    let mut reversed = request.clone();
    reversed.resource_metrics.reverse();
    belief.apply(&reversed, at(3));
    check(&belief);
}

fn one_line<E: Debug>(line: Result<String, E>) {
    let line = line.expect("what was read can be written");
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
}

fn check(belief: &Belief) {
    let counts = belief.counts();
    assert_eq!(belief.live().count(), counts.live);
    assert_eq!(belief.series().count(), counts.live + counts.retracted);
    assert_eq!(belief.resources().map(|(_, live)| live).sum::<usize>(), counts.live);
    assert!(counts.live + counts.retracted <= LIMITS.series && counts.retracted <= LIMITS.retracted);
    assert!(belief.violations().len() <= LIMITS.violations);
    assert!(belief.violations().iter().all(|v| can_be_shown(&PLAIN.violation(v))));
    assert!(belief.violations().iter().all(|v| v.series.len() <= 512 && v.detail.len() <= 512));
}
