//! The form of records does not change unnoticed: what is on somebody's disk has to be read by the next version.
//!
//! If one of these tests fails because the form was changed on purpose: raise `VERSION`, keep what reads the old one or
//! say in the change log that it is left behind, and take what the test prints for a new file beside the old.

use std::fmt::Write;
use std::sync::Arc;

use super::samples::{decoded, encoded};
use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::container::ContainerId;
use crate::model::published::{Owner, Published};
use crate::model::series::{AttributeInterner, AttributeValue, Kind as MetricKind, Metric, Resource, Value};
use crate::model::time::UnixNanos;
use crate::outbox::record::{
    Kind, Rid, StoredOwner, Words, decode_owner, decode_resource, encode_owner, encode_resource, frame, unframe,
};

static FORMAT_1: &str = include_str!("../../../../tests/fixtures/records/format-1.txt");

static METRICS: [Metric; 3] = [
    Metric { name: "container.cpu.usage", unit: "{cpu}", kind: MetricKind::Gauge },
    Metric { name: "container.network.io", unit: "By", kind: MetricKind::Counter },
    Metric { name: "container.status.state", unit: "{container}", kind: MetricKind::UpDownSum },
];

const START: UnixNanos = UnixNanos(1_795_315_523_741_258_365);
const PUSHED: UnixNanos = UnixNanos(1_795_315_533_000_000_000);

fn resource(id: &str) -> Arc<Resource> {
    let attributes = vec![
        ("container.id".into(), id.into()),
        ("container.image.tags".into(), AttributeValue::List(vec!["1.27".into(), "latest".into()])),
        ("service.name".into(), "wéb".into()),
    ];
    Arc::new(Resource::new(attributes, &["service.name".into()]).made_by("0.1.0"))
}

fn series() -> [Published; 3] {
    let mut interner = AttributeInterner::default();
    let network = interner.intern(&[("network.interface.name", "eth0"), ("network.io.direction", "receive")]);
    let state = interner.intern(&[("container.status.state", "running")]);
    let [cpu_metric, network_metric, state_metric] = &METRICS;
    [
        Published { metric: cpu_metric, attributes: interner.intern(&[]), start: UnixNanos::UNKNOWN },
        Published { metric: network_metric, attributes: network, start: START },
        Published { metric: state_metric, attributes: state, start: UnixNanos::UNKNOWN },
    ]
}

fn batch() -> Batch {
    let resources = [resource("0123456789ab"), resource("ba9876543210")];
    let group = |whose: usize, after: u64, marks: &[Mark]| {
        let points = series().into_iter().cycle().zip(marks).map(|(series, mark)| {
            let Published { metric, attributes, start } = series;
            Point { metric, attributes, start, mark: *mark }
        });
        Group { resource: resources[whose].clone(), time: UnixNanos(PUSHED.0 + after), points: points.collect() }
    };
    let retractions = Reason::ALL.map(Mark::Retracted);
    let values = [Mark::First(Value::Double(0.25)), Mark::First(Value::Int(-1)), Mark::Next(Value::Int(i64::MAX))];
    let next = [Mark::Next(Value::Double(-1e300)), Mark::Next(Value::Int(300)), Mark::Next(Value::Int(1))];
    Batch { groups: vec![group(0, 0, &values), group(1, 1, &next), group(0, 2, &retractions)] }
}

fn owner() -> StoredOwner {
    let [cpu, network, state] = series();
    let id = ContainerId::try_new("0123456789ab").expect("an id");
    let facets = [Arc::from([state]), Arc::from([cpu, network]), Arc::from([])];
    StoredOwner { engine: "local".into(), owner: Owner::Container(id), rid: Rid(300), facets }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text has room");
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

/// The records of this version: what each is, and its bytes.
fn records() -> String {
    let StoredOwner { engine, owner, rid, facets } = owner();
    let engine_row = encode_owner("", &Owner::Engine, Rid(0), &[Arc::from([]), Arc::from([]), Arc::from([])]);
    let records = [
        ("batch", frame(Kind::Batch, 7, 6, &encoded(&batch(), PUSHED).0)),
        ("owner", frame(Kind::Owner, u64::MAX, 0, &encode_owner(&engine, &owner, rid, &facets))),
        ("engine", frame(Kind::Owner, 1, 1, &engine_row)),
        ("resource", frame(Kind::Resource, 9, 8, &encode_resource(&resource("0123456789ab")))),
        ("meta", frame(Kind::Meta, 10, 9, b"")),
    ];
    records.into_iter().fold(String::new(), |mut text, (what, bytes)| {
        writeln!(text, "{what} {}", hex(&bytes)).expect("text has room");
        text
    })
}

fn stored(what: &str) -> Vec<u8> {
    let line = FORMAT_1.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    bytes(line.expect("a line of each kind"))
}

#[test]
fn records_are_written_as_ever() {
    assert_eq!(records(), FORMAT_1, "the form of records has changed");
}

#[test]
fn old_records_are_read_as_ever() {
    let [batch_record, owner_record, resource_record] = ["batch", "owner", "resource"].map(stored);
    let content = |record: &'static [u8]| unframe(record).expect("a whole frame").content;
    let [batch_record, owner_record, resource_record] =
        [batch_record, owner_record, resource_record].map(|record| content(record.leak()));
    let resources = [resource("0123456789ab"), resource("ba9876543210")];
    assert_eq!(decoded(batch_record, &resources).batch, batch());
    assert_eq!(decode_owner(owner_record, &mut Words::default()), Ok(owner()));
    assert_eq!(decode_resource(resource_record).as_ref(), Ok(&*resources[0]));
}
