//! Decoded numbers of many containers, and the way from them to the bytes of requests: convert, ledger, encode.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use dockpulse::convert::{Converter, Settings};
use dockpulse::engine::decode;
use dockpulse::export::encode::encode_part;
use dockpulse::export::part::Position;
use dockpulse::export::split::{self, Next};
use dockpulse::ledger::{Facet, Ledger, Owner};
use dockpulse::model::batch::Batch;
use dockpulse::model::engine::EngineInfo;
use dockpulse::model::observation::{Facts, Previous, Usage};
use dockpulse::model::series::Resource;
use dockpulse::model::time::{Monotonic, UnixNanos};

use crate::answers::{self, Cgroup};

/// As large as requests are by default.
const REQUEST: usize = 2 << 20;
const INTERVAL: Duration = Duration::from_secs(10);

/// One container as the probe hands it on.
struct Container {
    facts: Arc<Facts>,
    resource: Arc<Resource>,
    usage: Usage,
}

/// So many containers, all known to the ledger already.
pub(crate) struct Fleet {
    containers: Vec<Container>,
    converter: Converter,
    ledger: Ledger,
    now: UnixNanos,
}

impl Fleet {
    /// Containers whose numbers are decoded from an engine's answers.
    pub(crate) fn new(containers: u64) -> Self {
        let converter = Converter::new("local".into(), Settings::default());
        let wanted = Settings::default().identity.wanted();
        let listing =
            decode::list(answers::list((0..containers).map(answers::listed)).as_bytes(), &wanted).expect("a list");
        let engine = Arc::new(EngineInfo { host_name: Some("host".into()), ..EngineInfo::default() });
        let made = (0..containers).zip(listing.containers).map(|(n, listed)| {
            let details = decode::inspect(answers::inspect(n).as_bytes(), &wanted).expect("an inspect answer");
            let run_start = details.started_at.unwrap_or_default();
            let restarts_start = details.created.unwrap_or_default();
            let details = Some(Arc::new(details));
            let engine = engine.clone();
            let facts =
                Arc::new(Facts { engine, listed, details, run_start, restarts_start, oom_kills: 0, kills_since: None });
            let resource = Arc::new(converter.resource(&facts));
            Container { facts, resource, usage: usage(n) }
        });
        let containers = made.collect();
        let mut fleet = Self { containers, converter, ledger: Ledger::default(), now: UnixNanos(1_795_315_523 << 30) };
        fleet.push();
        fleet
    }

    /// Publishes all numbers once more; returns how many points and bytes that makes.
    pub(crate) fn push(&mut self) -> (usize, usize) {
        let batch = self.batch();
        (batch.points(), encode(&batch))
    }

    /// Publishes all numbers once more.
    pub(crate) fn batch(&mut self) -> Batch {
        self.now = self.now.after(INTERVAL);
        for container in &self.containers {
            let Container { facts, resource, usage } = container;
            let owner = || Owner::Container(facts.listed.id.clone());
            let state = self.converter.state(facts);
            self.ledger.publish(owner(), Facet::State, resource, state, self.now);
            let points = self.converter.usage(facts, usage);
            self.ledger.publish(owner(), Facet::Usage, resource, points, self.now);
        }
        self.ledger.commit(self.now).batch
    }
}

fn usage(n: u64) -> Usage {
    let read =
        |tick| decode::stats(answers::stats(Cgroup::V2, n, tick).as_bytes(), false).ok().flatten().expect("numbers");
    let (before, sample) = (read(0), read(10));
    let previous =
        Previous { cpu_total: before.cpu.total, cpu_host: before.cpu.host, read: before.read, at: Monotonic(INTERVAL) };
    Usage { sample, at: Monotonic(2 * INTERVAL), previous: Some(previous), since: Vec::new() }
}

/// Makes the requests of a batch as the exporter does; returns how many bytes they have.
pub(crate) fn encode(batch: &Batch) -> usize {
    let (mut at, mut bytes) = (Position::default(), 0);
    while let Next::Part(part) = split::next(batch, at, REQUEST) {
        let mut request = BytesMut::new();
        encode_part(batch, part, &mut request);
        bytes += request.freeze().len();
        at = part.to;
    }
    bytes
}
