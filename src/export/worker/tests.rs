//! The worker against a scripted transport: order, retries, the end.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tonic::Code;

use super::*;
use crate::export::arbitrary::METRICS;
use crate::export::classify;
use crate::export::retry::Backoff;
use crate::model::Text;
use crate::model::batch::{Group, Mark, Point, Reason};
use crate::model::series::{AttributeInterner, Resource, Value};
use crate::model::time::UnixNanos;

/// Batches that are there from the begin, and none later.
#[derive(Default)]
struct Batches(Mutex<VecDeque<Arc<Batch>>>);

impl BatchSource for Arc<Batches> {
    async fn next(&self) -> Arc<Batch> {
        let front = self.0.lock().unwrap().front().cloned();
        match front {
            Some(batch) => batch,
            None => std::future::pending().await,
        }
    }

    fn acknowledge(&self) {
        self.0.lock().unwrap().pop_front();
    }

    fn left(&self) -> Left {
        let batches = self.0.lock().unwrap();
        Left {
            batches: batches.len(),
            points: batches.iter().map(|b| b.points()).sum(),
            retractions: batches.iter().map(|b| b.retractions()).sum(),
        }
    }
}

/// A collector that answers as scripted, then accepts; `None` is no answer at all.
#[derive(Clone)]
struct Scripted {
    clock: Clock,
    delay: Duration,
    answers: Arc<Mutex<VecDeque<Option<Verdict>>>>,
    requests: Arc<Mutex<Vec<(Duration, Bytes)>>>,
    /// Whether the credentials are others, each time they are read again; none: they are not in files.
    rotated: Arc<Mutex<VecDeque<bool>>>,
}

impl Transport for Scripted {
    fn refresh(&mut self) -> bool {
        self.rotated.lock().unwrap().pop_front().unwrap_or(false)
    }

    fn is_renewable(&self) -> bool {
        !self.rotated.lock().unwrap().is_empty()
    }

    async fn send(&mut self, request: Bytes) -> Verdict {
        self.requests.lock().unwrap().push((self.clock.now().mono.0, request));
        tokio::time::sleep(self.delay).await;
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            None => classify::acked(0, ""),
            Some(Some(verdict)) => verdict,
            Some(None) => std::future::pending().await,
        }
    }

    fn endpoint(&self) -> Text {
        "http://scripted".into()
    }
}

struct Run {
    transport: Scripted,
    shutdown: watch::Sender<Option<Monotonic>>,
    reports: Arc<Mutex<Vec<ExportReport>>>,
    running: JoinSet<Unsent>,
}

impl Run {
    fn start(settings: &Settings, batches: Vec<Batch>, answers: Vec<Option<Verdict>>) -> Self {
        let clock = Clock::start();
        let answers = Arc::new(Mutex::new(answers.into()));
        let transport =
            Scripted { clock, delay: Duration::ZERO, answers, requests: Arc::default(), rotated: Arc::default() };
        let reports = Arc::new(Mutex::new(Vec::new()));
        let observer: Observer = {
            let reports = reports.clone();
            Arc::new(move |report| reports.lock().unwrap().push(report.clone()))
        };
        let source = Arc::new(Batches(Mutex::new(batches.into_iter().map(Arc::new).collect())));
        let (shutdown, asked) = watch::channel(None);
        let mut running = JoinSet::new();
        running.spawn(Worker::with_transport(transport.clone(), settings, source, clock, observer).run(asked));
        Self { transport, shutdown, reports, running }
    }

    /// The seconds at which requests were sent.
    fn times(&self) -> Vec<f64> {
        self.transport.requests.lock().unwrap().iter().map(|(at, _)| at.as_secs_f64()).collect()
    }

    fn reports(&self) -> Vec<ExportReport> {
        self.reports.lock().unwrap().clone()
    }

    fn end_at(&self, seconds: u64) {
        self.shutdown.send(Some(Monotonic(Duration::from_secs(seconds)))).unwrap();
    }

    /// What it left, and when it ended, in hundredths of a second.
    async fn ended(&mut self) -> (Unsent, u128) {
        let ended = tokio::time::timeout(Duration::from_secs(10_000), self.running.join_next());
        let unsent = ended.await.expect("it ends").unwrap().unwrap();
        (unsent, self.transport.clock.now().mono.0.as_millis() / 10)
    }
}

fn unavailable() -> Option<Verdict> {
    Some(classify::grpc(Code::Unavailable, "", None))
}

fn asks_for(seconds: u64) -> Option<Verdict> {
    Some(classify::grpc(Code::Unavailable, "", Some(Duration::from_secs(seconds))))
}

/// So many groups of one value and one retraction each.
fn batch(groups: usize) -> Batch {
    let attributes = AttributeInterner::default().intern(&[]);
    let resource = Arc::new(Resource::new(vec![], &[]));
    let group = |_| Group {
        resource: resource.clone(),
        time: UnixNanos(1),
        points: [Mark::First(Value::Int(1)), Mark::Retracted(Reason::Removed)]
            .map(|mark| Point { metric: &METRICS[0], attributes: attributes.clone(), start: UnixNanos(1), mark })
            .into(),
    };
    Batch { groups: (0..groups).map(group).collect() }
}

fn settings() -> Settings {
    Settings::default()
}

#[tokio::test(start_paused = true)]
async fn tries_again_after_growing_pauses_and_sends_the_same_bytes() {
    let run = Run::start(&settings(), vec![batch(1)], vec![unavailable(); 5]);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let times = run.times();
    let pauses: Vec<f64> = times.windows(2).map(|t| t[1] - t[0]).collect();
    assert_eq!(pauses.len(), 5);
    for (pause, most) in pauses.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0]) {
        assert!(*pause >= most / 2.0 && *pause <= most + 0.002, "{pauses:?}");
    }
    let requests = run.transport.requests.lock().unwrap();
    assert!(requests.iter().all(|(_, bytes)| *bytes == requests[0].1));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_tries_at_once_and_then_often() {
    let mut run = Run::start(&settings(), vec![batch(1)], vec![asks_for(600); 4]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(run.times().len(), 1);
    run.end_at(15);
    assert_eq!(run.ended().await.0, Unsent::default());
    let times = run.times();
    assert_eq!(times.len(), 5);
    assert!(times[1] < 10.01 && times[4] < 11.5, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn ends_when_the_time_is_up_and_counts_what_was_not_delivered() {
    let settings = Settings { max_request_bytes: 250, ..settings() };
    let accepted = Some(classify::acked(0, ""));
    let mut run = Run::start(&settings, vec![batch(5), batch(5)], vec![accepted, None]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    run.end_at(15);
    let (unsent, at) = run.ended().await;
    let first = run.reports()[0].clone();
    assert_eq!((at, unsent.batches), (1500, 2));
    assert!(first.points > 0 && first.points < 10);
    assert_eq!(unsent.points, 20 - first.points);
    assert_eq!(unsent.from, Position { group: first.points / 2, point: 0 });
    assert_eq!(unsent.retractions, 10 - first.retractions);
}

#[tokio::test(start_paused = true)]
async fn goes_on_where_another_was_cut() {
    let clock = Clock::start();
    let transport = Scripted {
        clock,
        delay: Duration::ZERO,
        answers: Arc::default(),
        requests: Arc::default(),
        rotated: Arc::default(),
    };
    let source = Arc::new(Batches(Mutex::new([batch(3), batch(3)].map(Arc::new).into())));
    let points = Arc::new(Mutex::new(Vec::new()));
    let observer: Observer = {
        let points = points.clone();
        Arc::new(move |report| points.lock().unwrap().push(report.points))
    };
    let (_shutdown, asked) = watch::channel(Some(Monotonic(Duration::from_secs(9))));
    let worker = Worker::with_transport(transport, &settings(), source, clock, observer);
    assert_eq!(worker.resume(Position { group: 1, point: 1 }).run(asked).await, Unsent::default());
    assert_eq!(*points.lock().unwrap(), [3, 6], "the second batch begins at its begin");
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_last_answer_comes_in_the_last_moment_is_delivered() {
    let clock = Clock::start();
    let delay = Duration::from_secs(9);
    let transport =
        Scripted { clock, delay, answers: Arc::default(), requests: Arc::default(), rotated: Arc::default() };
    let source = Arc::new(Batches(Mutex::new([batch(1), batch(1)].map(Arc::new).into())));
    let (_shutdown, asked) = watch::channel(Some(Monotonic(delay)));
    let worker = Worker::with_transport(transport, &settings(), source, clock, Arc::new(|_| {}));
    let left = Unsent { batches: 1, points: 2, retractions: 1, from: Position::default() };
    assert_eq!(worker.run(asked).await, left);
}

#[tokio::test(start_paused = true)]
async fn ends_when_the_time_is_up_also_in_a_pause() {
    let mut run = Run::start(&settings(), vec![batch(1)], vec![unavailable(); 1000]);
    run.end_at(15);
    assert_eq!(run.ended().await, (Unsent { batches: 1, points: 2, retractions: 1, from: Position::default() }, 1500));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_can_be_moved() {
    let mut run = Run::start(&settings(), vec![batch(1)], vec![None]);
    run.end_at(1000);
    tokio::time::sleep(Duration::from_secs(5)).await;
    run.end_at(7);
    assert_eq!(run.ended().await.1, 700);
}

#[tokio::test(start_paused = true)]
async fn ends_at_once_if_there_is_nothing_to_do() {
    let mut run = Run::start(&settings(), vec![], vec![]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    run.end_at(1000);
    assert_eq!(run.ended().await, (Unsent::default(), 300));
}

#[tokio::test(start_paused = true)]
async fn ends_if_nobody_can_ask_it_to_any_more() {
    for answer in [None, asks_for(600)] {
        let mut run = Run::start(&settings(), vec![batch(1)], vec![answer]);
        tokio::time::sleep(Duration::from_secs(3)).await;
        run.shutdown = watch::channel(None).0;
        assert_eq!(run.ended().await.1, 300);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_when_the_one_who_gave_it_is_gone() {
    let mut run = Run::start(&settings(), vec![batch(1)], vec![unavailable(), None]);
    run.end_at(9);
    run.shutdown = watch::channel(None).0;
    assert_eq!(run.ended().await.1, 900);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_given_up_makes_way_and_its_retractions_are_told() {
    let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(1) };
    let retry = Retry { backoff, give_up_after: Duration::from_secs(5) };
    let run = Run::start(&Settings { retry, ..settings() }, vec![batch(2), batch(1)], vec![unavailable(); 11]);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let reports = run.reports();
    let dropped = reports.iter().find_map(|report| match &report.outcome {
        Outcome::Dropped { cause, refused } => Some((cause.label(), report.points, refused.len())),
        _ => None,
    });
    assert_eq!(dropped, Some(("given_up", 4, 2)));
    assert!(matches!(reports.last().unwrap().outcome, Outcome::Delivered { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_collector_has_is_kept_in_mind() {
    let too_large = Some(classify::http(http::StatusCode::PAYLOAD_TOO_LARGE, "", None));
    let run = Run::start(&settings(), vec![batch(2000), batch(2000)], vec![too_large]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sizes: Vec<usize> = run.transport.requests.lock().unwrap().iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(sizes.len() >= 5 && sizes[1..].iter().all(|size| *size <= sizes[0] / 2), "{sizes:?}");
    assert_eq!(run.reports().iter().map(|r| r.points).sum::<usize>(), 12_000, "the first is told twice");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_no_longer_there_is_forgotten_after_a_while() {
    let too_large = Some(classify::http(http::StatusCode::PAYLOAD_TOO_LARGE, "", None));
    let calm = std::iter::repeat_with(|| batch(1)).take(RAISE_AFTER as usize);
    let batches = std::iter::once(batch(2000)).chain(calm).chain([batch(2000)]).collect();
    let run = Run::start(&settings(), batches, vec![too_large]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sizes: Vec<usize> = run.transport.requests.lock().unwrap().iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(sizes.first(), sizes.last(), "the last batch, which is like the first, goes whole");
}

#[tokio::test(start_paused = true)]
async fn a_point_that_fits_nowhere_is_told_and_not_owed_again() {
    let settings = Settings { max_request_bytes: 10, ..settings() };
    let run = Run::start(&settings, vec![batch(1)], vec![]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told: Vec<String> = run.reports().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(told[1].contains("1 point dropped: a point of cpu.time alone"), "{told:?}");
    assert!(run.times().is_empty());
}

#[tokio::test(start_paused = true)]
async fn credentials_that_were_rotated_are_read_at_once_and_waited_for_if_they_are_late() {
    let refused = || Some(classify::http(http::StatusCode::UNAUTHORIZED, "", None));
    let run = Run::start(&settings(), vec![batch(1), batch(1)], vec![refused(), refused(), refused()]);
    run.transport.rotated.lock().unwrap().extend([true, false, true, false]);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let (times, reports) = (run.times(), run.reports());
    assert!(times[1] < 0.01 && times[2] >= 1.0 && times[3] < times[2] + 0.01, "{times:?}");
    assert!(reports.iter().all(|r| !matches!(r.outcome, Outcome::Dropped { .. })), "{reports:?}");
    let requests = run.transport.requests.lock().unwrap();
    assert_eq!(requests.len(), 5);
    assert!(requests[..4].iter().all(|(_, bytes)| *bytes == requests[0].1));
}
