//! Long waits and long outages, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dockpulse::export::client::Transport;
use dockpulse::export::encode::encode;
use dockpulse::export::{Settings, Unsent, Verdict, Worker, classify};
use dockpulse::ledger::{Facet, Ledger, Owner};
use dockpulse::model::Text;
use dockpulse::model::batch::{Reason, SeriesPoint};
use dockpulse::model::published::Decision;
use dockpulse::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use dockpulse::model::time::{Clock, Monotonic, UnixNanos};
use dockpulse::outbox::Queue;
use dockpulse::outbox::memory::MemoryOutbox;
use dockpulse::sink::belief::Belief;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use tokio::sync::watch;

static UPTIME: Metric = Metric { name: "container.uptime", unit: "s", kind: Kind::Gauge };
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a collector is asked, and since when it is there.
#[derive(Clone)]
struct Away {
    clock: Clock,
    back: Duration,
    refusal: Verdict,
    tries: Arc<Mutex<Vec<Duration>>>,
    taken: Arc<Mutex<Vec<Bytes>>>,
}

impl Away {
    fn until(back: Duration, refusal: Verdict) -> Self {
        Self { clock: Clock::start(), back, refusal, tries: Arc::default(), taken: Arc::default() }
    }
}

impl Transport for Away {
    async fn send(&mut self, request: Bytes) -> Verdict {
        let now = self.clock.now().mono.0;
        self.tries.lock().unwrap().push(now);
        if now < self.back {
            return self.refusal.clone();
        }
        self.taken.lock().unwrap().push(request);
        classify::acked(0, "")
    }

    fn endpoint(&self) -> Text {
        "http://away".into()
    }
}

/// An engine with one container, a point each ten seconds for a time; then it is removed. What was decided, in order.
async fn live(queue: &Queue, clock: Clock, time: Duration) -> Vec<Bytes> {
    let (mut ledger, mut interner) = (Ledger::default(), AttributeInterner::default());
    let resource = Arc::new(Resource::new(vec![("container.name".into(), "web".into())], &[]));
    let mut decided = Vec::new();
    let mut commit = |ledger: &mut Ledger| {
        let batch = ledger.commit(clock.now().wall).batch;
        decided.push(encode(&batch));
        let _ = queue.push(Decision { batch, ..Decision::default() }, clock.now());
    };
    while clock.now().mono.0 < time {
        let (start, attributes) = (UnixNanos::UNKNOWN, interner.intern(&[]));
        let value = Value::Int(clock.now().mono.0.as_secs().cast_signed());
        let point = SeriesPoint { metric: &UPTIME, attributes, start, value };
        ledger.publish(Owner::Engine, Facet::State, &resource, vec![point], clock.now().wall);
        commit(&mut ledger);
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    ledger.end_all(Reason::Removed, clock.now().wall);
    commit(&mut ledger);
    decided
}

/// What was decided, what was taken, and when it was tried, with a collector that is away at first.
async fn outage(away: Away, room: usize, time: Duration) -> (Vec<Bytes>, Vec<Bytes>, Vec<Duration>) {
    let (clock, queue) = (away.clock, Queue::new(MemoryOutbox::new(room)));
    let (end, asked) = watch::channel(None);
    let worker = Worker::with_transport(away.clone(), &Settings::default(), queue.clone(), clock, Arc::new(|_| ()));
    let living = async {
        let decided = live(&queue, clock, time).await;
        tokio::time::sleep(DAY).await;
        let held = queue.stats().bytes;
        assert!(held < room + (64 << 10), "{held} bytes");
        end.send(Some(Monotonic(clock.now().mono.0 + Duration::from_secs(5)))).unwrap();
        decided
    };
    let (decided, unsent) = tokio::join!(living, worker.run(asked));
    assert_eq!(unsent, Unsent::default());
    let (taken, tries) = (away.taken.lock().unwrap().clone(), away.tries.lock().unwrap().clone());
    (decided, taken, tries)
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_day_s_outage_is_delivered_in_order_with_the_times_at_which_things_happened() {
    let away = Away::until(DAY, classify::grpc(tonic::Code::Unavailable, "", None));
    let (decided, taken, tries) = outage(away, 64 << 20, DAY).await;
    assert!(decided.len() > 8000);
    assert_eq!(taken, decided, "byte for byte");
    let first = tries.iter().take_while(|at| **at < DAY).count();
    assert!((2880..5760).contains(&first), "a try each 15 to 30 s: {first}");
}

#[tokio::test(start_paused = true)]
pub(crate) async fn an_outage_that_fills_the_outbox_ends_with_the_newest_values_and_the_retraction() {
    let away = Away::until(DAY, classify::grpc(tonic::Code::Unavailable, "", None));
    let (decided, taken, _) = outage(away, 16 << 10, DAY).await;
    let mut belief = Belief::default();
    let now = Clock::start().now();
    taken.iter().for_each(|t| drop(belief.apply(&ExportMetricsServiceRequest::decode(t.clone()).unwrap(), now)));
    assert!(taken.len() < decided.len() / 10 && taken.len() > 10, "{}", taken.len());
    assert_eq!(taken[taken.len() - 5..], decided[decided.len() - 5..]);
    assert!(belief.violations().is_empty(), "{:?}", belief.violations());
    assert_eq!((belief.counts().live, belief.counts().retractions), (0, 1));
}

#[tokio::test(start_paused = true)]
pub(crate) async fn a_wait_of_days_is_one_of_ten_minutes() {
    let asked = classify::retry_after("259200", UnixNanos(0));
    let refusal = classify::http(http::StatusCode::SERVICE_UNAVAILABLE, "", asked);
    let away = Away::until(Duration::from_secs(3600), refusal);
    let (decided, taken, tries) = outage(away, 64 << 20, Duration::from_secs(100)).await;
    assert_eq!(taken, decided);
    let waits: Vec<u64> = tries.windows(2).map(|two| (two[1] - two[0]).as_secs()).take(6).collect();
    assert_eq!(waits, [600; 6]);
}
