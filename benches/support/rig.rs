//! A whole agent driven by hand: a simulated engine that answers at once, the real pipeline, the real outbox, and the
//! requests that would be sent. No runtime, no sockets, nothing to wait for.

use std::collections::VecDeque;

use futures_util::FutureExt;

use dockpulse::engine::{Engine, Events};
use dockpulse::model::container::ContainerId;
use dockpulse::model::engine::{Source, Wanted};
use dockpulse::model::time::Clock;
use dockpulse::outbox::{MemoryOutbox, Outbox};
use dockpulse::pipeline::{Effect, Pipeline, Settings};
use dockpulse::probe::{Call, Happening, Input};
use dockpulse::sim::{ContainerCount, Options, Scenario, SimulatedEngine, Simulation};

use crate::fleet::encode;

/// As much as the outbox holds by default.
const OUTBOX: usize = 8 << 20;

/// A simulated engine and an agent that watches it.
pub(crate) struct Rig {
    engine: SimulatedEngine,
    pipeline: Pipeline,
    outbox: MemoryOutbox,
    wanted: Wanted,
    clock: Clock,
    events: Option<Events>,
}

/// What a probe led to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Probed {
    /// Containers that were sampled.
    pub(crate) samples: usize,
    /// Points that were sent.
    pub(crate) points: usize,
    /// Bytes of the requests.
    pub(crate) bytes: usize,
}

impl Rig {
    /// An agent that has probed so many containers once.
    pub(crate) fn new(containers: usize) -> Self {
        let clock = Clock::start();
        let scenario = Scenario::steady(ContainerCount::try_new(containers).expect("a size that can be simulated"));
        let Simulation { engine, .. } = Simulation::new(1, Options::default(), scenario, clock);
        let wanted = Settings::default().convert.identity.wanted();
        let pipeline = Pipeline::new(Settings::default(), 1);
        let outbox = MemoryOutbox::new(OUTBOX);
        let mut rig = Self { engine, pipeline, outbox, wanted, clock, events: None };
        rig.apply(Input::Wake);
        let probed = rig.probe();
        assert_eq!(probed.samples, containers, "every container is sampled");
        assert!(rig.events.is_some(), "events are listened to");
        rig
    }

    /// One more probe of all containers.
    pub(crate) fn probe(&mut self) -> Probed {
        self.apply(Input::Trigger)
    }

    /// What the simulated engine alone takes for the answers of one probe. Returns how many containers there were.
    pub(crate) fn ask_only(&self) -> usize {
        let listing = self.engine.list(&self.wanted).now_or_never().expect("no latency").expect("a list");
        let sample =
            |id: &ContainerId| self.engine.stats(id, Source::OneShot, &self.wanted).now_or_never().expect("no latency");
        listing.containers.iter().filter(|listed| sample(&listed.id).is_ok()).count()
    }

    fn apply(&mut self, input: Input) -> Probed {
        let mut probed = Probed::default();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.pipeline.apply(input, self.clock.now()) {
                match effect {
                    Effect::Call(call) => inputs.push_back(self.answer(call)),
                    Effect::Commit(commit) => {
                        let pushed = self.outbox.push(commit.batch, self.clock.now());
                        assert_eq!(pushed.dropped_values, 0, "nothing is dropped");
                        self.deliver(&mut probed);
                    }
                    Effect::Happened(Happening::Probed(report)) => probed.samples += report.sampled as usize,
                    _ => {}
                }
            }
        }
        probed
    }

    fn answer(&mut self, call: Call) -> Input {
        let engine = &self.engine;
        match call {
            Call::Connect => Input::Connected(engine.connect().now_or_never().expect("no latency")),
            Call::List => Input::Listed(engine.list(&self.wanted).now_or_never().expect("no latency")),
            Call::Inspect(question) => {
                let answer = engine.inspect(&question.id, &self.wanted).now_or_never().expect("no latency");
                Input::Inspected(question, answer)
            }
            Call::Stats(question, source) => {
                let answer = engine.stats(&question.id, source, &self.wanted).now_or_never().expect("no latency");
                Input::Sampled(question, answer)
            }
            Call::Filesystem(id, _) => {
                let answer = engine.filesystem(&id).now_or_never().expect("no latency");
                Input::Sized(id, answer)
            }
            Call::Events => {
                let answer = engine.events().now_or_never().expect("no latency");
                Input::EventsOpened(answer.map(|events| self.events = Some(events)))
            }
        }
    }

    fn deliver(&mut self, probed: &mut Probed) {
        while let Some(batch) = self.outbox.front() {
            probed.points += batch.points();
            probed.bytes += encode(&batch);
            self.outbox.acknowledge();
        }
    }
}
