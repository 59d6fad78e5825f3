//! Order and time, whatever happens on the way: an old value never comes after its retraction, and all ends arrive.
//!
//! A model test: random histories of a ledger, an outbox with little room and a worker that is replaced now and then,
//! against random answers, in virtual time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dockpulse::export::client::Transport;
use dockpulse::export::{Failure, Outcome, Settings, Verdict, Worker, classify};
use dockpulse::ledger::{Facet, Ledger, Owner};
use dockpulse::model::Text;
use dockpulse::model::batch::{Point, Reason, SeriesPoint};
use dockpulse::model::container::ContainerId;
use dockpulse::model::published::Decision;
use dockpulse::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use dockpulse::model::time::{Clock, UnixNanos};
use dockpulse::outbox::Queue;
use dockpulse::outbox::memory::MemoryOutbox;
use dockpulse::sink::belief::Belief;
use dockpulse::sink::rules::Rule;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::faulty::{points, retracts, without_retractions};

static METRICS: [Metric; 3] = [
    Metric { name: "a", unit: "1", kind: Kind::Gauge },
    Metric { name: "b", unit: "1", kind: Kind::UpDownSum },
    Metric { name: "c", unit: "1", kind: Kind::Gauge },
];
const OWNERS: usize = 2;
/// 2026-01-01.
const START: u64 = 1_767_225_600_000_000_000;

/// What the collector does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Take,
    /// Takes it; the answer is lost.
    TakeUnheard,
    /// Does not take it; it may come again.
    Fail,
    /// Asks for time.
    Wait,
    Refuse,
    Unauthorized,
    RejectRetractions,
    /// Takes it, and says that it rejected a point.
    RejectUnsaid,
    /// Never answers.
    Hang,
}

#[derive(Debug, Clone)]
enum Step {
    /// An owner has these series from now on, by bits.
    Publish(usize, u8),
    /// All that was decided is committed.
    Commit,
    /// So many seconds pass.
    Pass(u64),
    /// The worker ends at once, and another one takes over.
    Replace,
    /// The wall clock is set, by so many seconds.
    Set(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let publish = (0..OWNERS, 0u8..8).prop_map(|(owner, series)| Step::Publish(owner, series));
    let step = prop_oneof![
        6 => publish,
        5 => Just(Step::Commit),
        3 => (0u64..40).prop_map(Step::Pass),
        1 => Just(Step::Replace),
        1 => prop_oneof![Just(-3600i64), Just(3600)].prop_map(Step::Set),
    ];
    vec(step, 1..60)
}

fn answers() -> impl Strategy<Value = Vec<Does>> {
    let does = prop_oneof![
        6 => Just(Does::Take),
        2 => Just(Does::TakeUnheard),
        2 => Just(Does::Fail),
        1 => Just(Does::Wait),
        2 => Just(Does::Refuse),
        1 => Just(Does::Unauthorized),
        1 => Just(Does::RejectRetractions),
        1 => Just(Does::RejectUnsaid),
        1 => Just(Does::Hang),
    ];
    // A retraction is owed again five times; so seldom is it refused here.
    vec(does, 0..30).prop_map(|mut all| {
        let mut losses = 0;
        for does in &mut all {
            let loses =
                matches!(does, Does::Refuse | Does::Unauthorized | Does::RejectRetractions | Does::RejectUnsaid);
            losses += usize::from(loses);
            if loses && losses > 5 {
                *does = Does::Fail;
            }
        }
        all
    })
}

/// A collector in memory.
#[derive(Clone)]
struct Judge {
    clock: Clock,
    script: Arc<Mutex<VecDeque<Does>>>,
    belief: Arc<Mutex<Belief>>,
    /// Ends may come twice, or for what is not known: something was refused or rejected before.
    unsure: Arc<Mutex<bool>>,
}

impl Transport for Judge {
    async fn send(&mut self, request: Bytes) -> Verdict {
        let message = ExportMetricsServiceRequest::decode(request).unwrap();
        let does = self.script.lock().unwrap().pop_front().unwrap_or(Does::Take);
        let take = |message: &_| drop(self.belief.lock().unwrap().apply(message, self.clock.now()));
        let unavailable = |after| classify::grpc(tonic::Code::Unavailable, "", after);
        // An answer takes its time: the worker may be replaced meanwhile.
        let verdict = match does {
            Does::Take => {
                take(&message);
                classify::acked(0, "")
            }
            Does::TakeUnheard => {
                take(&message);
                unavailable(None)
            }
            Does::Fail => unavailable(None),
            Does::Wait => unavailable(Some(Duration::from_secs(20))),
            Does::Refuse => classify::grpc(tonic::Code::InvalidArgument, "", None),
            Does::Unauthorized => classify::grpc(tonic::Code::Unauthenticated, "", None),
            Does::RejectRetractions => {
                // At the end: a part of a request that is cut and comes again would be no repetition.
                tokio::time::sleep(Duration::from_secs(1)).await;
                let rejected = points(&message).filter(|point| point.flags != 0).count();
                let left = without_retractions(message.clone());
                if !left.resource_metrics.is_empty() {
                    take(&left);
                }
                *self.unsure.lock().unwrap() = true;
                return classify::acked(i64::try_from(rejected).unwrap(), "no");
            }
            Does::RejectUnsaid => {
                take(&message);
                classify::acked(1, "one of them")
            }
            Does::Hang => {
                tokio::time::sleep(Duration::from_secs(9)).await;
                Verdict::Retry { after: None, cause: Failure::Timeout(Duration::from_secs(10)) }
            }
        };
        if matches!(does, Does::Refuse | Does::Unauthorized) || retracts(&message) && does != Does::Take {
            *self.unsure.lock().unwrap() = true;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        verdict
    }

    fn endpoint(&self) -> Text {
        "http://judge".into()
    }
}

/// Retractions that were refused since the last commit.
type Refused = Arc<Mutex<Vec<(Arc<Resource>, Point)>>>;

struct World {
    clock: Clock,
    /// The wall clock's time at the begin; set it to set the clock.
    wall: &'static AtomicU64,
    ledger: Ledger,
    queue: Queue,
    judge: Judge,
    refused: Refused,
    resources: Vec<Arc<Resource>>,
    interner: AttributeInterner,
    end: watch::Sender<Option<dockpulse::model::time::Monotonic>>,
    worker: JoinSet<dockpulse::export::Unsent>,
}

impl World {
    fn new(room: usize, script: Vec<Does>) -> Self {
        let wall: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(START)));
        let clock = Clock::steered(wall);
        let resource = |n| Arc::new(Resource::new(vec![("container.id".into(), format!("{n}").as_str().into())], &[]));
        let judge = Judge {
            clock,
            script: Arc::new(Mutex::new(script.into())),
            belief: Arc::default(),
            unsure: Arc::default(),
        };
        let mut world = Self {
            clock,
            wall,
            ledger: Ledger::default(),
            queue: Queue::new(MemoryOutbox::new(room)),
            judge,
            refused: Arc::default(),
            resources: (0..OWNERS).map(resource).collect(),
            interner: AttributeInterner::default(),
            end: watch::Sender::new(None),
            worker: JoinSet::new(),
        };
        world.work(dockpulse::export::part::Position::default());
        world
    }

    fn work(&mut self, from: dockpulse::export::part::Position) {
        let (queue, refused) = (self.queue.clone(), self.refused.clone());
        let observer = move |report: &dockpulse::export::ExportReport| {
            let (Outcome::Dropped { refused: some, .. } | Outcome::Delivered { refused: some, .. }) = &report.outcome
            else {
                return;
            };
            let some: Vec<_> = some.iter().map(|r| (r.resource.clone(), r.point.clone())).collect();
            queue.refused(&some);
            refused.lock().unwrap().extend(some);
        };
        let settings = Settings { max_request_bytes: 300, ..Settings::default() };
        let worker =
            Worker::with_transport(self.judge.clone(), &settings, self.queue.clone(), self.clock, Arc::new(observer));
        self.end = watch::Sender::new(None);
        self.worker.spawn(worker.resume(from).run(self.end.subscribe()));
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish(owner, series) => self.publish(owner, series),
            Step::Commit => self.commit(),
            Step::Pass(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Step::Set(seconds) => {
                self.wall.fetch_add((seconds * 1_000_000_000).cast_unsigned(), Ordering::Relaxed);
            }
            Step::Replace => {
                self.end.send(Some(self.clock.now().mono)).unwrap();
                let unsent = self.worker.join_next().await.unwrap().unwrap();
                self.work(unsent.from);
            }
        }
    }

    fn publish(&mut self, owner: usize, series: u8) {
        let has = |n: &usize| series & 1 << n != 0;
        let attributes = self.interner.intern(&[]);
        let points = (0..METRICS.len()).filter(has).map(|n| SeriesPoint {
            metric: &METRICS[n],
            attributes: attributes.clone(),
            start: UnixNanos::UNKNOWN,
            value: Value::Int(1),
        });
        let id = Owner::Container(ContainerId::try_new(&format!("{owner:0>12}")).unwrap());
        let resource = self.resources[owner].clone();
        self.ledger.publish(id, Facet::Usage, &resource, points.collect(), self.clock.now().wall);
    }

    fn commit(&mut self) {
        let refused = std::mem::take(&mut *self.refused.lock().unwrap());
        self.ledger.owe_again(&refused);
        let batch = self.ledger.commit(self.clock.now().wall).batch;
        let _ = self.queue.push(Decision { batch, ..Decision::default() }, self.clock.now());
    }

    /// Everything ends, and the collector behaves.
    async fn finish(&mut self) {
        self.ledger.end_all(Reason::Removed, self.clock.now().wall);
        self.commit();
        let script = self.judge.script.clone();
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            self.commit();
            let done = script.lock().unwrap().is_empty() && self.queue.stats().left.batches == 0;
            if done && self.refused.lock().unwrap().is_empty() {
                break;
            }
        }
        assert_eq!(self.queue.stats().left.batches, 0, "all is delivered in the end");
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (belief, unsure) = (self.judge.belief.lock().unwrap(), *self.judge.unsure.lock().unwrap());
        for violation in belief.violations() {
            let may_be = matches!(violation.rule, Rule::NeverPublished | Rule::RetractedTwice) && unsure;
            prop_assert!(may_be, "{violation:?}");
        }
        let live: Vec<String> =
            belief.live().map(|e| format!("{:?} {}", e.resource.text("container.id"), e.id)).collect();
        prop_assert!(live.is_empty(), "still believed in: {live:?}");
        Ok(())
    }
}

fn run(room: usize, steps: &[Step], script: Vec<Does>) -> Result<(), TestCaseError> {
    // The pauses of the worker.
    fastrand::seed(7);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(room, script);
        for step in steps {
            world.step(step).await;
        }
        world.finish().await;
        world.check()
    })
}

#[test]
pub(crate) fn an_old_value_never_comes_after_its_retraction_and_no_end_is_lost() {
    let room = prop_oneof![Just(0usize), 500usize..4000, Just(1 << 20)];
    proptest!(|(room in room, steps in steps(), script in answers())| run(room, &steps, script)?);
}

#[test]
pub(crate) fn late_batches_keep_the_times_at_which_things_happened() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(1 << 20, vec![Does::Fail; 8]);
        let mut times = Vec::new();
        for _ in 0..3 {
            world.publish(0, 1);
            times.push(world.clock.now().wall);
            world.commit();
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
        let belief = world.judge.belief.lock().unwrap();
        let series = belief.live().next().unwrap().series;
        assert_eq!((series.points, series.time), (3, times[2]));
    });
}
