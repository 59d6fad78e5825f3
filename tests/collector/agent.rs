//! The agent in this process: a scripted engine → probe → convert → ledger → outbox → export → a collector that fails; and
//! the judge, who compares what was decided with what was taken.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dockpulse::convert::{self, Identity};
use dockpulse::engine::Address;
use dockpulse::engine::docker::DockerEngine;
use dockpulse::export::encode::encode;
use dockpulse::export::retry::Backoff;
use dockpulse::export::{self, ExportReport, Outcome, Protocol, Retry, Unsent, Worker, metrics_url};
use dockpulse::ledger::Commit;
use dockpulse::model::batch::Point;
use dockpulse::model::published::Decision;
use dockpulse::model::series::Resource;
use dockpulse::model::time::{Clock, Monotonic};
use dockpulse::outbox::Queue;
use dockpulse::outbox::memory::MemoryOutbox;
use dockpulse::pipeline::{self, Control, Drive, Pipeline, Until};
use dockpulse::probe;
use dockpulse::sink::belief::Belief;
use dockpulse::sink::rules::Rule;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::faulty::{Fate, Faulty, Received};
use crate::scripted::Engine;

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// A running agent with its engine and its collector.
pub(crate) struct Agent {
    pub(crate) engine: Engine,
    pub(crate) collector: Faulty,
    pub(crate) queue: Queue,
    told: Arc<Mutex<Vec<ExportReport>>>,
    /// Every point that was decided, in order.
    decided: Arc<Mutex<Vec<String>>>,
    control: mpsc::Sender<Control>,
    end: watch::Sender<Option<Monotonic>>,
    clock: Clock,
    probing: JoinSet<()>,
    delivering: JoinSet<Unsent>,
}

/// Quick pauses, so that tests are quick.
pub(crate) fn settings(url: &str, protocol: Protocol) -> export::Settings {
    let endpoint = if protocol == Protocol::Grpc { url.to_owned() } else { metrics_url(url) };
    let backoff = Backoff { initial: Duration::from_millis(20), max: Duration::from_millis(80) };
    export::Settings {
        endpoint,
        protocol,
        timeout: Duration::from_secs(5),
        retry: Retry { backoff, give_up_after: Duration::ZERO },
        ..export::Settings::default()
    }
}

impl Agent {
    /// With the containers `web` and `db`, sending to this collector directly.
    pub(crate) async fn start(collector: Faulty, protocol: Protocol) -> Self {
        let to = settings(&collector.url(), protocol);
        Self::with(collector, to, 64 << 20).await
    }

    /// With settings of its own, and a bound of its outbox.
    pub(crate) async fn with(collector: Faulty, to: export::Settings, outbox: usize) -> Self {
        let (engine, clock) = (Engine::start(), Clock::start());
        ["web", "db"].iter().for_each(|name| engine.run(name));
        let queue = Queue::new(MemoryOutbox::new(outbox));
        let (decided, told) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<ExportReport>>>::default());
        let (control, receiver) = mpsc::channel(64);
        let mut probing = JoinSet::new();
        let drive = drive(&engine, clock, receiver, queue.clone(), decided.clone());
        let settings = pipeline::Settings {
            name: Some("engine".into()),
            endpoint: engine.endpoint().into(),
            probe: probe::Settings { interval: Duration::from_millis(50), ..probe::Settings::default() },
            convert: convert::Settings {
                identity: Identity { agent_host: "agent".to_owned(), ..Identity::default() },
                ..convert::Settings::default()
            },
        };
        probing.spawn(async move {
            pipeline::drive(Pipeline::new(settings, 7), drive, Until::Told).await;
        });
        let observer = observer(queue.clone(), control.clone(), told.clone());
        let (end, asked) = watch::channel(None);
        let mut delivering = JoinSet::new();
        delivering.spawn(Worker::new(&to, queue.clone(), clock, observer).unwrap().run(asked));
        Self { engine, collector, queue, told, decided, control, end, clock, probing, delivering }
    }

    /// What became of each request so far.
    pub(crate) fn reports(&self) -> Vec<ExportReport> {
        self.told.lock().unwrap().clone()
    }

    pub(crate) fn words(&self) -> String {
        self.reports().iter().map(|report| format!("{report}\n")).collect()
    }

    /// Waits until a report is so.
    pub(crate) async fn until_told(&self, what: &str, is: impl Fn(&ExportReport) -> bool) {
        let all = async {
            while !self.reports().iter().any(&is) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), all).await.is_ok(), "{what}: {}", self.words());
    }

    /// The engine goes on being asked: so many more lists, in so many intervals and a bit.
    pub(crate) async fn probes_go_on(&self) {
        let begin = self.clock.now().mono;
        self.engine.lists(4).await;
        let took = self.clock.now().mono.since(begin);
        assert!(took < Duration::from_secs(4), "4 lists took {took:?}");
    }

    /// Ends it: everything is retracted, delivered and compared with what was decided. The collector must behave by now.
    pub(crate) async fn finish(mut self) -> Verdict {
        self.control.send(Control::Finish(true)).await.unwrap();
        self.probing.join_next().await.unwrap().unwrap();
        self.end.send(Some(self.clock.now().mono + Duration::from_secs(10))).unwrap();
        let unsent = self.delivering.join_next().await.unwrap().unwrap();
        assert_eq!(unsent, Unsent::default(), "{}", self.words());
        let verdict = Verdict::of(&self.decided.lock().unwrap(), &self.collector.received());
        verdict.check();
        verdict
    }
}

fn observer(
    queue: Queue,
    control: mpsc::Sender<Control>,
    told: Arc<Mutex<Vec<ExportReport>>>,
) -> dockpulse::export::worker::Observer {
    Arc::new(move |report| {
        told.lock().unwrap().push(report.clone());
        let (Outcome::Dropped { refused, .. } | Outcome::Delivered { refused, .. }) = &report.outcome else { return };
        let refused: Arc<[(Arc<Resource>, Point)]> =
            refused.iter().map(|r| (r.resource.clone(), r.point.clone())).collect();
        queue.refused(&refused);
        // A pipeline that has ended owes nothing.
        let _ = control.try_send(Control::Refused(refused));
    })
}

fn drive(
    engine: &Engine,
    clock: Clock,
    control: mpsc::Receiver<Control>,
    queue: Queue,
    decided: Arc<Mutex<Vec<String>>>,
) -> Drive {
    let address = Address::Unix(engine.socket().to_owned());
    Drive {
        engine: Arc::new(DockerEngine::new(&engine.endpoint(), address, None).unwrap()),
        wanted: Arc::default(),
        timeout: Duration::from_secs(5),
        clock,
        control,
        commit: Box::new(move |commit, _| {
            let Commit { batch, .. } = commit;
            if batch.is_empty() {
                return;
            }
            let message = ExportMetricsServiceRequest::decode(encode(&batch)).unwrap();
            decided.lock().unwrap().extend(lines(&message));
            let _ = queue.push(Decision { batch, ..Decision::default() }, clock.now());
        }),
        observe: Box::new(|_, _, _| ()),
        found: Box::new(|_, _| ()),
        devices: |_| convert::DeviceNames::new(),
    }
}

/// The points of a request, each as a line that says all of it.
pub(crate) fn lines(message: &ExportMetricsServiceRequest) -> Vec<String> {
    let mut out = Vec::new();
    for of_resource in &message.resource_metrics {
        let resource = format!("{:x}", fold(&format!("{:?}", of_resource.resource)));
        for metric in of_resource.scope_metrics.iter().flat_map(|s| &s.metrics) {
            let points = match &metric.data {
                Some(Data::Gauge(gauge)) => &gauge.data_points,
                Some(Data::Sum(sum)) => &sum.data_points,
                _ => panic!("nothing else is sent"),
            };
            out.extend(points.iter().map(|p| {
                let attributes = fold(&format!("{:?}", p.attributes));
                let end = if p.flags == 0 { "" } else { " ends" };
                let (name, time) = (&metric.name, p.time_unix_nano);
                format!(
                    "{resource} {name} {attributes:x} at {time} since {} {:?}{end}",
                    p.start_time_unix_nano, p.value
                )
            }));
        }
    }
    out
}

fn fold(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What came of it all.
pub(crate) struct Verdict {
    /// Decided and never taken.
    pub(crate) lost: Vec<String>,
    /// Requests that were taken again.
    pub(crate) repeated: usize,
    /// What a store would believe.
    pub(crate) belief: Belief,
    problems: Vec<String>,
}

impl Verdict {
    /// Compares what was decided with what a collector took.
    pub(crate) fn of(decided: &[String], received: &[Received]) -> Self {
        let mut verdict = Self { lost: Vec::new(), repeated: 0, belief: Belief::default(), problems: Vec::new() };
        verdict.same_bytes(received);
        let taken = verdict.taken(received);
        verdict.in_order(decided, &taken);
        let had: HashSet<&String> = taken.iter().collect();
        verdict.lost = decided.iter().filter(|point| !had.contains(point)).cloned().collect();
        verdict
    }

    /// A point goes out in one request, however often; only one that was too large is cut.
    fn same_bytes(&mut self, received: &[Received]) {
        let mut in_request: HashMap<String, Bytes> = HashMap::new();
        for request in received.iter().filter(|r| r.fate != Fate::TooLarge) {
            for line in lines(&ExportMetricsServiceRequest::decode(request.raw.clone()).unwrap()) {
                let first = in_request.entry(line.clone()).or_insert_with(|| request.raw.clone());
                if *first != request.raw {
                    self.problems.push(format!("in two requests: {line}"));
                }
            }
        }
    }

    /// All points that were taken, each once, in the order of arrival.
    fn taken(&mut self, received: &[Received]) -> Vec<String> {
        let (mut out, mut seen, clock) = (Vec::new(), HashSet::new(), Clock::start());
        for request in received {
            let Some(taken) = &request.taken else { continue };
            self.belief.apply(taken, clock.now());
            if seen.insert(request.raw.clone()) {
                out.extend(lines(taken));
            } else {
                self.repeated += 1;
            }
        }
        out
    }

    fn in_order(&mut self, decided: &[String], taken: &[String]) {
        let place: HashMap<&String, usize> = decided.iter().enumerate().map(|(i, line)| (line, i)).collect();
        let mut last = None;
        for line in taken {
            match place.get(line) {
                None => self.problems.push(format!("nobody decided {line}")),
                Some(at) if last.is_some_and(|last| *at <= last) => self.problems.push(format!("out of order: {line}")),
                Some(at) => last = Some(*at),
            }
        }
    }

    /// In the end nothing is live, no rule was broken, and the ends of all series were taken.
    pub(crate) fn check(&self) {
        assert!(self.problems.is_empty(), "{:#?}", &self.problems[..self.problems.len().min(10)]);
        // The end of what was refused from its first value on tells of a series that nobody knows.
        let broken: Vec<_> = self.belief.violations().iter().filter(|v| v.rule != Rule::NeverPublished).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        let live: Vec<String> = self.belief.live().map(|entry| entry.id.to_string()).collect();
        assert!(live.is_empty(), "still live: {live:#?}");
    }

    /// Nothing is missing.
    pub(crate) fn all(&self) {
        assert!(self.lost.is_empty(), "{} lost: {:#?}", self.lost.len(), &self.lost[..self.lost.len().min(10)]);
        assert!(self.belief.violations().is_empty(), "{:#?}", self.belief.violations());
        assert!(self.belief.counts().points > 100, "{:?}", self.belief.counts());
    }
}
