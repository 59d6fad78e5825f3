//! Rows with everything in them, by chance.

use crate::explain::{
    Attribute, EngineFound, Facet, Place, Report, RuleAt, Series, Source, Terms, ToldBy, Watched, endings,
};
use crate::model::Text;
use crate::model::container::{ContainerId, Labels, Listed, State};
use crate::model::series::{AttributeValue, Kind, Value};
use crate::status::{
    Agent, ContainerRow, Delivery, Delta, EngineRow, Export, Gone, Level, Note, Numbers, Outbox, ProbeRow, Requests,
    Retraction, Totals, Whom,
};

/// Makes rows; the same ones from the same seed.
pub(super) struct Maker(fastrand::Rng);

impl Maker {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn count(&mut self) -> u64 {
        // All sizes, the largest included.
        self.0.u64(..) >> self.0.u32(..64)
    }

    fn small(&mut self) -> u32 {
        self.0.u32(..) >> self.0.u32(..32)
    }

    fn signed(&mut self) -> i64 {
        self.count().cast_signed()
    }

    fn float(&mut self) -> f64 {
        let float = f64::from_bits(self.0.u64(..));
        if float.is_nan() { 0.1 } else { float }
    }

    fn text(&mut self) -> Text {
        let length = self.0.usize(..12);
        (0..length).map(|_| self.0.char(..)).collect::<String>().into()
    }

    fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.0.bool().then(|| make(self))
    }

    fn many<T, C: FromIterator<T>>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> C {
        let length = self.0.usize(..4);
        (0..length).map(|_| make(self)).collect()
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())].clone()
    }

    pub(super) fn delta(&mut self) -> Delta {
        Delta {
            revision: self.count(),
            whole: self.0.bool(),
            at: self.count(),
            agent: self.agent(),
            totals: self.totals(),
            engines: self.many(Self::engine),
            containers: self.many(Self::container),
            gone: self.many(|m| Gone { engine: m.small(), id: m.text() }),
            retractions: self.many(Self::retraction),
            missed_retractions: self.0.bool(),
            notes: self.many(Self::note),
            missed_notes: self.0.bool(),
            export: self.export(),
            outbox: self.outbox(),
        }
    }

    fn agent(&mut self) -> Agent {
        Agent {
            version: self.text(),
            host: self.text(),
            pid: self.small(),
            started: self.count(),
            interval: self.float(),
            profile: self.text(),
            settings: self.some(Self::text),
            log_level: self.text(),
        }
    }

    fn totals(&mut self) -> Totals {
        Totals {
            series_live: self.count(),
            probes: self.count(),
            failures: self.many(|m| (m.text(), m.count())),
            retracted: self.many(|m| (m.text(), m.count())),
            dropped: self.many(|m| (m.text(), m.count())),
            rejected: self.count(),
            requests: self.count(),
        }
    }

    fn engine(&mut self) -> EngineRow {
        EngineRow {
            id: self.small(),
            name: self.text(),
            endpoint: self.text(),
            up: self.some(|m| m.0.bool()),
            error: self.some(Self::text),
            failing_since: self.some(Self::count),
            retry_at: self.some(Self::count),
            runtime: self.some(Self::text),
            version: self.some(Self::text),
            api: self.some(Self::text),
            host: self.some(Self::text),
            arch: self.some(Self::text),
            events: self.some(|m| m.0.bool()),
            states: self.many(|m| (m.text(), m.signed())),
            watched: self.small(),
            over_cap: self.small(),
            series: self.small(),
            last_success: self.some(Self::count),
            probes: self.count(),
            probe: self.some(Self::probe),
        }
    }

    pub(super) fn probe(&mut self) -> ProbeRow {
        ProbeRow {
            at: self.count(),
            duration: self.float(),
            list: self.some(Self::float),
            sampled: self.small(),
            failed: self.small(),
            late: self.small(),
        }
    }

    pub(super) fn container(&mut self) -> ContainerRow {
        ContainerRow {
            engine: self.small(),
            id: self.text(),
            name: self.text(),
            image: self.text(),
            state: self.text(),
            health: self.some(Self::text),
            exit_code: self.some(Self::signed),
            created: self.some(Self::count),
            started: self.some(Self::count),
            restarts: self.some(Self::signed),
            oom_kills: self.signed(),
            series: self.small(),
            numbers: self.some(Self::numbers),
            failing: self.some(Self::text),
        }
    }

    fn numbers(&mut self) -> Numbers {
        Numbers {
            at: self.count(),
            cpu: self.some(Self::float),
            cpu_limit: self.some(Self::float),
            throttled: self.some(Self::float),
            memory: self.some(Self::signed),
            memory_limit: self.some(Self::signed),
            received: self.some(Self::signed),
            received_rate: self.some(Self::float),
            sent: self.some(Self::signed),
            sent_rate: self.some(Self::float),
            read: self.some(Self::signed),
            read_rate: self.some(Self::float),
            written: self.some(Self::signed),
            written_rate: self.some(Self::float),
            pids: self.some(Self::signed),
            pids_limit: self.some(Self::signed),
        }
    }

    fn whom(&mut self) -> Whom {
        Whom { id: self.text(), name: self.text() }
    }

    fn retraction(&mut self) -> Retraction {
        Retraction {
            number: self.count(),
            at: self.count(),
            engine: self.text(),
            container: self.some(Self::whom),
            series: self.small(),
            reason: self.text(),
        }
    }

    fn note(&mut self) -> Note {
        Note {
            number: self.count(),
            at: self.count(),
            level: self.one_of(&[Level::Info, Level::Warn, Level::Error]),
            event: self.text(),
            engine: self.some(Self::text),
            container: self.some(Self::whom),
            text: self.text(),
        }
    }

    fn export(&mut self) -> Export {
        use Delivery::{Delivered, Dropped, None, Partial, Retrying};
        Export {
            endpoint: self.text(),
            protocol: self.text(),
            last: self.one_of(&[None, Delivered, Partial, Retrying, Dropped]),
            at: self.some(Self::count),
            duration: self.some(Self::float),
            error: self.some(Self::text),
            failing_since: self.some(Self::count),
            attempts: self.small(),
            retry_at: self.some(Self::count),
            requests: Requests {
                delivered: self.count(),
                points: self.count(),
                retractions: self.count(),
                bytes: self.count(),
                failed: self.count(),
                dropped: self.count(),
            },
        }
    }

    fn outbox(&mut self) -> Outbox {
        Outbox {
            durable: self.0.bool(),
            directory: self.some(Self::text),
            batches: self.count(),
            points: self.count(),
            retractions: self.count(),
            bytes: self.count(),
            max_bytes: self.count(),
            oldest: self.some(Self::count),
        }
    }

    /// A report as an agent gives it.
    pub(super) fn report(&mut self) -> Report {
        let state = self.one_of(&State::KNOWN);
        Report {
            told_by: ToldBy::Agent,
            engine: EngineFound { name: self.text(), endpoint: self.text(), described: self.text().to_string() },
            container: self.listed(state),
            watched: self.watched(state),
            over_cap: self.some(|m| (m.small() as usize, m.small() as usize)),
            identity: self.many(Self::attribute),
            on_points: self.many(Self::text),
            series: self.many(Self::series),
            failures: self.many(|m| m.text().to_string()),
            endings: endings(Terms {
                stopped: self.0.bool(),
                on_shutdown: self.0.bool(),
                grace: std::time::Duration::from_secs(u64::from(self.0.bool())),
                timeout: std::time::Duration::from_secs(10),
            }),
        }
    }

    fn listed(&mut self, state: State) -> Listed {
        Listed {
            id: ContainerId::try_new(&format!("{:064x}", self.0.u128(..))).unwrap(),
            name: self.some(Self::text),
            image: self.text(),
            image_id: "".into(),
            state,
            up_for: None,
            exit_code: None,
            health: None,
            labels: Labels::default(),
        }
    }

    fn place(&mut self) -> Place {
        Place { key: self.text().to_string(), origin: self.text().to_string() }
    }

    fn watched(&mut self, state: State) -> Watched {
        let rule = RuleAt { place: self.place(), rule: self.text().to_string() };
        let rules = self.small() as usize;
        self.one_of(&[
            Watched::Yes,
            Watched::Included(rule.clone()),
            Watched::Disabled,
            Watched::Excluded(rule),
            Watched::NotIncluded(rules),
            Watched::Stopped(state),
        ])
    }

    fn attribute(&mut self) -> Attribute {
        let value = match self.0.bool() {
            true => AttributeValue::Text(self.text()),
            false => AttributeValue::List(self.many(Self::text)),
        };
        let (text, place) = (self.text(), self.place());
        let source = self.one_of(&[
            Source::BuiltIn,
            Source::Orchestrator(text.clone()),
            Source::Label(text.clone(), place.clone()),
            Source::Variable(text, place),
            Source::Standard,
        ]);
        Attribute { key: self.text(), value, source, cut: self.0.bool() }
    }

    fn series(&mut self) -> Series {
        // As a message has them: sorted, each key once.
        let attributes: std::collections::BTreeMap<Text, Text> = self.many(|m| (m.text(), m.text()));
        Series {
            metric: self.text(),
            unit: self.text(),
            kind: self.one_of(&[Kind::Gauge, Kind::UpDownSum, Kind::Counter]),
            attributes: attributes.into_iter().collect(),
            value: if self.0.bool() { Value::Int(self.signed()) } else { Value::Double(self.float()) },
            facet: self.one_of(&[Facet::State, Facet::Usage]),
        }
    }
}
