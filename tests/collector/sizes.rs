//! Requests that are too large, and outboxes that are full.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockpulse::export::encode::encode;
use dockpulse::export::{Outcome, Settings, Unsent, Worker};
use dockpulse::ledger::{Facet, Ledger, Owner};
use dockpulse::model::batch::{Batch, Reason, SeriesPoint};
use dockpulse::model::published::Decision;
use dockpulse::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use dockpulse::model::time::{Clock, UnixNanos};
use dockpulse::outbox::Queue;
use dockpulse::outbox::memory::MemoryOutbox;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use tokio::sync::watch;

use crate::agent::{Agent, BOTH, Verdict, lines, settings};
use crate::faulty::{Answer, Fate, Faulty};

static MEMORY: Metric = Metric { name: "container.memory.usage", unit: "By", kind: Kind::UpDownSum };

/// A batch with so many series of one resource, of about 1 KB a point, and one that retracts them.
fn large(series: usize) -> [Batch; 2] {
    let (mut ledger, mut interner) = (Ledger::default(), AttributeInterner::default());
    let resource = Arc::new(Resource::new(vec![("container.name".into(), "web".into())], &[]));
    let point = |n: usize| SeriesPoint {
        metric: &MEMORY,
        attributes: interner.intern(&[("which", &*format!("{n:0>900}"))]),
        start: UnixNanos(1),
        value: Value::Int(n.cast_signed() as i64),
    };
    let points = (0..series).map(point).collect();
    ledger.publish(Owner::Engine, Facet::State, &resource, points, UnixNanos(10_000_000));
    let values = ledger.commit(UnixNanos(10_000_000)).batch;
    ledger.end_all(Reason::Removed, UnixNanos(20_000_000));
    [values, ledger.commit(UnixNanos(20_000_000)).batch]
}

#[tokio::test]
pub(crate) async fn a_request_over_the_collector_s_four_mebibytes_is_split_and_nothing_is_lost() {
    for protocol in BOTH {
        let collector = Faulty::start().await;
        let to = Settings { max_request_bytes: 32 << 20, ..settings(&collector.url(), protocol) };
        let (queue, clock) = (Queue::new(MemoryOutbox::new(64 << 20)), Clock::start());
        let told = Arc::new(Mutex::new(Vec::new()));
        let observer = {
            let told = told.clone();
            Arc::new(move |report: &dockpulse::export::ExportReport| told.lock().unwrap().push(report.clone()))
        };
        let mut decided = Vec::new();
        for batch in large(5000) {
            let bytes = encode(&batch);
            assert!(bytes.len() > 4 << 20);
            decided.extend(lines(&ExportMetricsServiceRequest::decode(bytes).unwrap()));
            let _ = queue.push(Decision { batch, ..Decision::default() }, clock.now());
        }
        let worker = Worker::new(&to, queue, clock, observer).unwrap();
        let (_end, asked) = watch::channel(Some(clock.now().mono + Duration::from_secs(20)));
        assert_eq!(worker.run(asked).await, Unsent::default());
        let told: Vec<_> =
            told.lock().unwrap().iter().map(|r| matches!(r.outcome, Outcome::Splitting { .. })).collect();
        assert_eq!(told.iter().filter(|split| **split).count(), 1, "the limit is kept in mind: {told:?}");
        let received = collector.received();
        assert!(received.iter().skip(1).all(|r| r.fate == Fate::Taken && r.raw.len() <= 4 << 20));
        let verdict = Verdict::of(&decided, &received);
        verdict.check();
        verdict.all();
    }
}

#[tokio::test]
pub(crate) async fn a_full_outbox_loses_the_oldest_values_and_no_retraction_and_stays_small() {
    for protocol in BOTH {
        let collector = Faulty::start().await;
        let (bound, to) = (8 << 10, settings(&collector.url(), protocol));
        let agent = Agent::with(collector, to, bound).await;
        agent.collector.further(2).await;
        agent.collector.always(match protocol {
            dockpulse::export::Protocol::Grpc => Answer::Grpc(14, None),
            dockpulse::export::Protocol::HttpProtobuf => Answer::Http(503, None),
        });
        agent.engine.remove("db");
        for n in 0..4 {
            agent.engine.run(&format!("late-{n}"));
            agent.engine.lists(3).await;
            agent.engine.remove(&format!("late-{n}"));
            let stats = agent.queue.stats();
            assert!(stats.bytes < bound * 8, "a batch, what is given out, and the retractions: {stats:?}");
        }
        agent.collector.always(Answer::Take);
        agent.collector.further(3).await;
        let verdict = agent.finish().await;
        assert!(!verdict.lost.is_empty(), "the outbox is too small for that");
        assert!(verdict.belief.violations().is_empty(), "{:#?}", verdict.belief.violations());
    }
}
