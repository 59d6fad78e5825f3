//! An agent and a collector around a durable outbox, without threads: each job is done when it is due.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::disk::Disk;
use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::container::ContainerId;
use crate::model::published::{Change, Decision, Owner, Published, Standing};
use crate::model::series::{AttributeInterner, Attributes, Kind, Metric, Resource, Value};
use crate::model::time::{Monotonic, Now, UnixNanos};
use crate::outbox::durable::core::Core;
use crate::outbox::durable::job::{Job, Next, Opened, Said};
use crate::outbox::durable::keeper::Keeper;
use crate::outbox::durable::notice::Damage;

static METRICS: [Metric; 2] =
    [Metric { name: "a", unit: "1", kind: Kind::Gauge }, Metric { name: "b", unit: "1", kind: Kind::Counter }];

/// One of twelve series: three owners, two metrics, two sets of attributes.
pub(super) type Series = usize;
pub(super) const ALL: usize = 12;

/// A point as the test sees it: whose, of which push, and what.
pub(super) type Seen = (Series, u64, Mark);

/// The series that are live.
pub(super) type Live = BTreeSet<Series>;

/// What runs.
pub(super) struct Agent {
    pub(super) disk: Disk,
    core: RefCell<Core>,
    keeper: Keeper<Disk>,
    pub(super) now: Now,
    pub(super) said: Vec<Said>,
    pub(super) damage: Vec<Damage>,
    max_bytes: u64,
    /// What the collector does while the next transaction is written.
    meanwhile: Option<Meanwhile>,
    /// What it got then.
    pub(super) taken: Option<Arc<Batch>>,
}

/// What may happen while the disk works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meanwhile {
    Take,
    Acknowledge,
    /// The disk takes so long that it is given up; what it works on is taken from memory before it is done after all.
    Stall,
    /// The same, and newer batches go before what it was to read.
    Overtake,
}

fn attributes(series: Series) -> Attributes {
    let pairs: &[(&str, &str)] = if series / 6 == 0 { &[] } else { &[("x", "y")] };
    AttributeInterner::default().intern(pairs)
}

fn owner(series: Series) -> Owner {
    match series % 3 {
        0 => Owner::Engine,
        n => Owner::Container(ContainerId::try_new(&format!("{n:064x}")).unwrap()),
    }
}

fn resource(series: Series) -> Arc<Resource> {
    Arc::new(Resource::new(vec![("container.id".into(), (series % 3).to_string().as_str().into())], &[]))
}

fn metric(series: Series) -> &'static Metric {
    &METRICS[series / 3 % 2]
}

fn number(resource: &Resource, metric: &Metric, attributes: &Attributes) -> Series {
    let owner: usize = resource.text("container.id").unwrap().parse().unwrap();
    owner + 3 * usize::from(metric.name == "b") + 6 * usize::from(!attributes.pairs().is_empty())
}

pub(super) fn seen(batch: &Batch) -> Vec<Seen> {
    let one = |group: &Group, point: &Point| {
        (number(&group.resource, point.metric, &point.attributes), group.time.0, point.mark)
    };
    batch.groups.iter().flat_map(|g| g.points.iter().map(move |p| one(g, p))).collect()
}

/// What a set of live series is for the owner of one of them.
fn standing(live: &Live, of: Series) -> Option<Standing> {
    let series: Vec<_> = live.iter().filter(|series| **series % 3 == of % 3).collect();
    let published = |series: &&Series| Published {
        metric: metric(**series),
        attributes: attributes(**series),
        start: UnixNanos::UNKNOWN,
    };
    let none: Arc<[Published]> = Arc::new([]);
    let facets = [series.iter().map(published).collect(), none.clone(), none];
    (!series.is_empty()).then(|| Standing { resource: resource(of), facets })
}

/// What `live` becomes by publishing and retracting, and the decision that says so.
pub(super) fn decide(live: &mut Live, actions: &[(Series, bool)], time: u64) -> Decision {
    let (before, mut groups, mut touched) = (live.clone(), Vec::new(), BTreeSet::new());
    let mut valued = BTreeSet::new();
    for (series, publish) in actions {
        // A series has one value at a time.
        if *publish && !valued.insert(*series) {
            continue;
        }
        let value = Value::Int(time.cast_signed());
        let mark = match (*publish, live.contains(series)) {
            (true, true) => Mark::Next(value),
            (true, false) => Mark::First(value),
            (false, true) => Mark::Retracted(Reason::Removed),
            (false, false) => continue,
        };
        if *publish {
            live.insert(*series)
        } else {
            live.remove(series)
        };
        touched.insert(series % 3);
        let (metric, attributes) = (metric(*series), attributes(*series));
        let points = vec![Point { metric, attributes, start: UnixNanos::UNKNOWN, mark }];
        groups.push(Group { resource: resource(*series), time: UnixNanos(time), points });
    }
    let change = |of: &usize| Change { owner: owner(*of), standing: standing(live, *of) };
    let is_other = |of: &&usize| standing(&before, **of) != standing(live, **of);
    let changes = touched.iter().filter(is_other).map(change).collect();
    Decision { engine: "engine".into(), batch: Batch { groups }, changes, latest: UnixNanos(time) }
}

/// What the rows of a store say is live.
fn believed(opened: &Opened) -> Live {
    let of = |standing: &Standing| -> Vec<Series> {
        let all = standing.facets.iter().flat_map(|series| series.iter());
        all.map(|series| number(&standing.resource, series.metric, &series.attributes)).collect()
    };
    opened.rows.iter().filter_map(|(_, standing)| standing.as_ref()).flat_map(of).collect()
}

impl Agent {
    /// Starts one on what is on the disk; what its collector may believe, and until when, unless the disk cannot be used.
    pub(super) fn start(disk: &Disk, max_bytes: u64, now: Now) -> (Self, Option<(Live, u64)>) {
        let mut agent = Self {
            disk: disk.clone(),
            core: RefCell::new(Core::new(max_bytes, usize::MAX)),
            keeper: Keeper::new(disk.clone(), max_bytes),
            now,
            said: Vec::new(),
            damage: Vec::new(),
            max_bytes,
            meanwhile: None,
            taken: None,
        };
        let live = match agent.keeper.open() {
            Ok(mut opened) => {
                let latest = opened.latest.iter().map(|(_, latest)| latest.0).max().unwrap_or_default();
                let live = (believed(&opened), latest);
                agent.damage.extend(opened.damage.take());
                agent.core.get_mut().opened(opened);
                Some(live)
            }
            Err(trouble) => {
                agent.said.push(agent.core.get_mut().not_opened(trouble, true, now.mono));
                None
            }
        };
        agent.work();
        (agent, live)
    }

    /// Does all jobs that are due.
    pub(super) fn work(&mut self) {
        for _ in 0..1000 {
            let next = self.core.get_mut().next(self.now.mono);
            let Next::Do(job) = next else { return };
            let Self { core, keeper, .. } = self;
            let outcome = keeper.run(&job, &|index| core.borrow().held(index));
            let stalls = matches!(self.meanwhile, Some(Meanwhile::Stall | Meanwhile::Overtake));
            let stalls = stalls && matches!(job, Job::Read(_) | Job::Tidy);
            if matches!(job, Job::Write(_)) || stalls {
                match self.meanwhile.take() {
                    Some(Meanwhile::Take) => self.taken = self.core.get_mut().front(),
                    Some(Meanwhile::Acknowledge) => self.core.get_mut().acknowledge(),
                    Some(stall @ (Meanwhile::Stall | Meanwhile::Overtake)) => {
                        let core = self.core.get_mut();
                        let later = self.now.mono + Duration::from_secs(100);
                        self.said.extend(core.give_up(later));
                        if stall == Meanwhile::Overtake {
                            self.said.extend(core.give_up(later + Duration::from_secs(100)));
                        }
                        self.taken = core.front();
                    }
                    None => {}
                }
            }
            let gave_up = self.core.get_mut().gave_up();
            let outcome = if gave_up { self.keeper.given_up(&job, outcome) } else { outcome };
            self.said.extend(self.core.get_mut().done(outcome, self.now.mono));
            self.damage.extend(self.keeper.damage());
            if self.disk.is_dead() {
                return;
            }
        }
        panic!("it never has enough to do");
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.mono = Monotonic(self.now.mono.0 + time);
        self.work();
    }

    pub(super) fn push(&mut self, decision: Decision) {
        assert_eq!(self.core.get_mut().push(decision, self.now), Default::default());
        self.work();
    }

    /// While it is written, the collector does something; whether it came to that.
    pub(super) fn push_meanwhile(&mut self, decision: Decision, meanwhile: Option<Meanwhile>) -> bool {
        self.meanwhile = meanwhile;
        self.push(decision);
        self.meanwhile.take().is_none()
    }

    /// While the next job is done, the collector does something.
    pub(super) fn meanwhile(&mut self, meanwhile: Meanwhile) {
        self.meanwhile = Some(meanwhile);
    }

    pub(super) fn take(&mut self) -> Option<Arc<Batch>> {
        let batch = self.core.get_mut().front();
        self.work();
        batch
    }

    pub(super) fn acknowledge(&mut self) {
        self.core.get_mut().acknowledge();
        self.work();
    }

    pub(super) fn close(&mut self) {
        self.core.get_mut().close();
        self.work();
        assert!(self.core.get_mut().is_closed() || self.disk.is_dead());
    }

    pub(super) fn core(&self) -> std::cell::Ref<'_, Core> {
        self.core.borrow()
    }

    /// Over the limit by what must not be dropped at most.
    pub(super) fn is_within_limit(&self) -> bool {
        self.core().stats().bytes as u64 <= self.max_bytes
    }
}
