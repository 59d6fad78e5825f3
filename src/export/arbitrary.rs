//! Batches of every shape, for property tests.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::model::Text;
use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::series::{AttributeInterner, AttributeValue, Kind, Metric, Resource, Value};
use crate::model::time::UnixNanos;

pub(crate) static METRICS: [Metric; 5] = [
    Metric { name: "cpu.time", unit: "s", kind: Kind::Counter },
    Metric { name: "memory.usage", unit: "By", kind: Kind::UpDownSum },
    Metric { name: "uptime", unit: "s", kind: Kind::Gauge },
    Metric { name: "no.unit", unit: "", kind: Kind::Gauge },
    Metric {
        name: "a.name.that.is.longer.than.one.hundred.and.twenty.seven.bytes.so.that.its.length.takes.two.bytes.on.\
                    the.wire.and.so.do.all.around.it",
        unit: "{thing}",
        kind: Kind::Counter,
    },
];

const KEYS: [&str; 4] = ["a", "container.name", "z", "ключ"];

pub(crate) fn batch() -> impl Strategy<Value = Batch> {
    vec(group(), 0..6).prop_map(|groups| Batch { groups })
}

fn group() -> impl Strategy<Value = Group> {
    (resource(), time(), vec(point(), 0..12)).prop_map(|(resource, time, points)| Group {
        resource: Arc::new(resource),
        time,
        points,
    })
}

fn time() -> impl Strategy<Value = UnixNanos> {
    prop_oneof![Just(UnixNanos::UNKNOWN), any::<u64>().prop_map(UnixNanos)]
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![3 => "\\PC{0,12}", 1 => "[a-z]{120,300}"].prop_map(Text::from)
}

fn resource() -> impl Strategy<Value = Resource> {
    let value =
        prop_oneof![3 => text().prop_map(AttributeValue::Text), 1 => vec(text(), 0..3).prop_map(AttributeValue::List)];
    let key = prop_oneof![select(&KEYS).prop_map(Text::from), "[a-z.]{1,6}".prop_map(Text::from)];
    let version = select(&["", "0.0.9", env!("CARGO_PKG_VERSION")]);
    (vec((key, value), 0..5), vec(select(&KEYS), 0..3), version).prop_map(|(attributes, on_points, version)| {
        let on_points: Vec<String> = on_points.into_iter().map(str::to_owned).collect();
        Resource::new(attributes, &on_points).made_by(version)
    })
}

fn point() -> impl Strategy<Value = Point> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        Just(Value::Int(0)),
        (-1e300..1e300f64).prop_map(Value::Double),
        Just(Value::Double(0.0)),
    ];
    let mark = prop_oneof![
        4 => value.clone().prop_map(Mark::Next),
        1 => value.prop_map(Mark::First),
        2 => Just(Mark::Retracted(Reason::Removed)),
    ];
    let attributes = proptest::collection::btree_map(select(&KEYS), text(), 0..3);
    (any::<Index>(), attributes, time(), mark).prop_map(|(metric, attributes, start, mark)| {
        let pairs: Vec<(&'static str, &str)> = attributes.iter().map(|(k, v)| (*k, &**v)).collect();
        Point { metric: metric.get(&METRICS), attributes: AttributeInterner::default().intern(&pairs), start, mark }
    })
}
