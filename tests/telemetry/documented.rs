//! docs/telemetry.md is right: its tables are what a collector gets when one of everything is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::*;

/// What stands in backquotes in the cells of a table's rows, and the cells.
fn table(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/telemetry.md");
    let text = fs::read_to_string(path).expect("the page");
    let (_, rest) = text.split_once(&format!("<!-- {name} -->")).unwrap_or_else(|| panic!("no part {name}"));
    let (part, _) = rest.split_once(&format!("<!-- /{name} -->")).unwrap_or_else(|| panic!("no end of {name}"));
    let lines = part.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn keys(attributes: &[KeyValue]) -> impl Iterator<Item = String> + '_ {
    attributes.iter().map(|attribute| attribute.key.clone())
}

/// One of everything: each count, each span, each kind of failure.
fn record_all(telemetry: &Telemetry) {
    let (id, engine) = (ContainerId::try_new(&"ab".repeat(32)).expect("an id"), || "local".into());
    let error = EngineError::Timeout { path: "/containers/{id}/stats", after: Duration::from_secs(10) };
    let container = Named { name: "web".into(), id };
    telemetry.record(&Event::ContainerFailed { engine: engine(), container, failure: Failure::Timeout, error });
    telemetry.record(&Event::SamplesDropped { engine: engine(), samples: 1 });
    telemetry.record_probe(&probe());
    let list = phase(1000, 1005, Some("GET /containers/json answered 500"));
    telemetry.record_probe(&ProbeReport { list, sample: None, convert: None, failures: Vec::new(), ..probe() });
    for outcome in Outcome::ALL {
        telemetry.record_export(&export(outcome, (outcome != Outcome::Delivered).then_some("503")));
    }
}

async fn everything(logs: Option<log::Log>) -> Receiver {
    let receiver = Receiver::grpc().await;
    let telemetry = Telemetry::silent();
    let setup = Setup { logs, ..setup(receiver.address, Protocol::Grpc) };
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
    record_all(&telemetry);
    telemetry.shutdown(AMPLE).await;
    receiver
}

#[tokio::test]
async fn the_table_of_own_metrics_is_what_is_sent() {
    let receiver = everything(None).await;
    let mut sent = BTreeMap::new();
    for name in receiver.metric_names() {
        let metric = receiver.metric(&name).expect("it has arrived");
        let unit = metric.unit;
        let (kind, attributes) = match metric.data.expect("points") {
            Data::Sum(sum) if sum.is_monotonic => {
                ("counter", sum.data_points.into_iter().flat_map(|p| p.attributes).collect::<Vec<_>>())
            }
            Data::Gauge(gauge) => ("gauge", gauge.data_points.into_iter().flat_map(|p| p.attributes).collect()),
            Data::Histogram(all) => ("histogram", all.data_points.into_iter().flat_map(|p| p.attributes).collect()),
            other => panic!("{name}: {other:?}"),
        };
        sent.insert(name, (format!("{kind} {unit}"), keys(&attributes).collect::<BTreeSet<_>>()));
    }
    let row = |row: &Vec<String>| (row[0].trim_matches('`').to_owned(), (row[1].clone(), quoted(&row[2])));
    assert_eq!(table("metrics").iter().map(row).collect::<BTreeMap<_, _>>(), sent);
    let of = |resource: &opentelemetry_proto::tonic::resource::v1::Resource| keys(&resource.attributes).collect();
    let told: BTreeSet<String> = table("resource").iter().flat_map(|row| quoted(&row[0])).collect();
    for resource in receiver.resources() {
        let sent: BTreeSet<String> = of(&resource);
        assert_eq!(told, sent);
    }
}

#[test]
fn the_words_of_the_page_are_those_that_are_counted_by() {
    let words = table("words");
    let told = |row: usize| quoted(&words[row][1]);
    let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(told(0), all(&Failure::ALL.map(Failure::as_str)));
    assert_eq!(told(1), all(&Outcome::ALL.map(Outcome::as_str)));
    assert_eq!(told(2), all(&Reason::ALL.map(Reason::as_str)));
    assert_eq!(told(3), all(&DropReason::ALL.map(DropReason::as_str)));
    assert_eq!(words.len(), 4);
}

#[tokio::test]
async fn the_tables_of_spans_and_their_events_are_what_is_sent() {
    let spans = everything(None).await.spans();
    let names: BTreeMap<Vec<u8>, String> = spans.iter().map(|s| (s.span_id.clone(), s.name.clone())).collect();
    let mut sent = BTreeMap::new();
    let mut events: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for span in &spans {
        let under = names.get(&span.parent_span_id).cloned().unwrap_or_default();
        let kind = if span.kind == SpanKind::Client as i32 { "client" } else { "internal" };
        let attributes: BTreeSet<String> = keys(&span.attributes).collect();
        sent.insert(span.name.clone(), (under, kind.to_owned(), attributes));
        for event in &span.events {
            assert_eq!(event.name, "failure");
            events.entry(keys(&event.attributes).collect()).or_default().insert(span.name.clone());
        }
    }
    let row = |row: &Vec<String>| {
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        (bare(&row[0]), (bare(&row[1]), row[2].clone(), quoted(&row[3])))
    };
    assert_eq!(table("spans").iter().map(row).collect::<BTreeMap<_, _>>(), sent);
    let told: BTreeMap<_, _> = table("events").iter().map(|row| (quoted(&row[2]), quoted(&row[1]))).collect();
    assert_eq!(told, events);
}

#[tokio::test]
async fn the_table_of_the_log_s_attributes_is_what_is_sent() {
    let (log, subscriber) =
        log::with_writer(Level::INFO, Format::Text, false, Clock::start(), std::io::sink()).expect("it starts");
    let _here = tracing::subscriber::set_default(subscriber);
    let records = everything(Some(log)).await.records();
    let sent: BTreeSet<String> = records.iter().flat_map(|record| keys(&record.attributes)).collect();
    let told: BTreeSet<String> = table("log").iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(told, sent);
}
