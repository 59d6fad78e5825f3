//! The pipeline of one engine, driven by hand: when what was found out is handed on.
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::FutureExt;

use dockpulse::convert::{DeviceNames, Profile};
use dockpulse::engine::{Engine, Events};
use dockpulse::model::batch::Batch;
use dockpulse::model::time::{Clock, Now};
use dockpulse::pipeline::{Effect, Pipeline, Settings};
use dockpulse::probe::{Call, Input};
use dockpulse::sim::{ContainerCount, Options, Scenario, SimulatedEngine, Simulation};

/// An agent for which no time passes, so that nothing is handed on because of its age.
struct Agent {
    engine: SimulatedEngine,
    pipeline: Pipeline,
    settings: Settings,
    events: Option<Events>,
    now: Now,
}

impl Agent {
    fn of(containers: usize) -> Self {
        let clock = Clock::start();
        let scenario = Scenario::steady(ContainerCount::try_new(containers).expect("a size"));
        let engine = Simulation::new(1, Options::default(), scenario, clock).engine;
        let settings = Settings::default();
        Self { engine, pipeline: Pipeline::new(settings.clone(), 1), settings, events: None, now: clock.now() }
    }

    /// All batches that come of one input and the answers to the calls that follow.
    fn batches(&mut self, input: Input) -> Vec<Batch> {
        let effects = self.pipeline.apply(input, self.now);
        self.follow(effects)
    }

    /// All batches of a probe whose answers come one after the other, the last of them not at all; then some time passes.
    fn slow_batches(&mut self, each: Duration, then: Duration) -> Vec<Batch> {
        let (mut calls, mut batches) = (VecDeque::new(), Vec::new());
        let mut take = |calls: &mut VecDeque<Call>, effects: Vec<Effect>| {
            for effect in effects {
                match effect {
                    Effect::Call(call) => calls.push_back(call),
                    Effect::Commit(commit) => batches.push(commit.batch),
                    _ => {}
                }
            }
        };
        take(&mut calls, self.pipeline.apply(Input::Trigger, self.now));
        while calls.len() > 1 || matches!(calls.front(), Some(Call::List)) {
            let input = calls.pop_front().map(|call| self.answer(call)).expect("there is one");
            self.pass(each);
            take(&mut calls, self.pipeline.apply(input, self.now));
        }
        self.pass(then);
        take(&mut calls, self.pipeline.apply(Input::Wake, self.now));
        batches
    }

    fn pass(&mut self, time: Duration) {
        self.now = Now { wall: self.now.wall.after(time), mono: self.now.mono + time };
    }

    /// All batches that come of other settings.
    fn change(&mut self, profile: Profile) -> Vec<Batch> {
        self.settings.convert.profile = profile;
        let effects = self.pipeline.change_settings(self.settings.clone(), DeviceNames::new(), self.now);
        self.follow(effects)
    }

    fn follow(&mut self, effects: Vec<Effect>) -> Vec<Batch> {
        let (mut effects, mut batches) = (VecDeque::from(effects), Vec::new());
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Call(call) => {
                    let input = self.answer(call);
                    effects.extend(self.pipeline.apply(input, self.now));
                }
                Effect::Commit(commit) => batches.push(commit.batch),
                _ => {}
            }
        }
        batches
    }

    fn answer(&mut self, call: Call) -> Input {
        let wanted = self.settings.convert.wanted();
        let engine = &self.engine;
        let input = async {
            match call {
                Call::Connect => Input::Connected(engine.connect().await),
                Call::List => Input::Listed(engine.list(&wanted).await),
                Call::Inspect(question) => {
                    let answer = engine.inspect(&question.id, &wanted).await;
                    Input::Inspected(question, answer)
                }
                Call::Stats(question, source) => {
                    let answer = engine.stats(&question.id, source, &wanted).await;
                    Input::Sampled(question, answer)
                }
                Call::Filesystem(id, _) => {
                    let answer = engine.filesystem(&id).await;
                    Input::Sized(id, answer)
                }
                Call::Events => Input::EventsOpened(engine.events().await.map(|events| self.events = Some(events))),
            }
        };
        input.now_or_never().expect("this engine answers at once")
    }
}

/// See `FULL` in the pipeline's window.
const FULL: usize = 50_000;

#[test]
fn a_batch_that_fills_a_request_is_not_waited_for() {
    let mut agent = Agent::of(1_500);
    // No tick yet: it connects, lists, inspects and samples.
    let mut batches = agent.batches(Input::Wake);
    batches.extend(agent.batches(Input::Trigger));
    let points: Vec<usize> = batches.iter().map(Batch::points).collect();
    let all: usize = points.iter().sum();
    assert!(all > 2 * FULL && points.len() > all / FULL, "{points:?}");
    // What one answer adds comes on top.
    assert!(points.iter().all(|points| *points < FULL + 100), "{points:?}");
}

#[test]
fn what_fits_into_a_request_is_handed_on_once_all_have_answered() {
    let mut agent = Agent::of(100);
    assert_eq!(agent.batches(Input::Wake).len(), 1);
    assert_eq!(agent.batches(Input::Trigger).len(), 1);
}

#[test]
fn a_probe_of_a_second_is_one_batch_which_a_container_that_hangs_delays_by_50_ms() {
    let mut agent = Agent::of(100);
    agent.batches(Input::Wake);
    agent.batches(Input::Trigger);
    let (each, window) = (Duration::from_millis(10), Duration::from_millis(50));
    assert_eq!(agent.slow_batches(each, window - Duration::from_millis(1)).len(), 0);
    agent.pass(Duration::from_millis(1));
    let batches = agent.batches(Input::Wake);
    let points: Vec<usize> = batches.iter().map(Batch::points).collect();
    assert!(matches!(points[..], [points] if points > 99 * 30), "{points:?}");
}

/// The names of a profile's metrics that are sent here, and of those that are taken back.
fn names(batches: &[Batch]) -> [BTreeSet<&'static str>; 2] {
    let points = || batches.iter().flat_map(|b| &b.groups).flat_map(|g| &g.points);
    let of = |retracted: bool| {
        let names = points().filter(|p| p.mark.is_retraction() == retracted).map(|p| p.metric.name);
        names.filter(|name| !name.starts_with("dockpulse.")).collect()
    };
    [of(false), of(true)]
}

#[test]
fn another_profile_takes_back_the_old_names_and_sends_the_new_ones() {
    let mut agent = Agent::of(3);
    let mut before = agent.batches(Input::Wake);
    before.extend(agent.batches(Input::Trigger));
    let [mut live, _] = names(&before);
    for (profile, name) in [
        (Profile::DockerStats, "container.memory.file"),
        (Profile::DockerExporter, "docker_container_running_state"),
        (Profile::Semconv, "container.memory.working_set"),
    ] {
        let [sent, retracted] = names(&agent.change(profile));
        assert_eq!(retracted, live, "{profile:?}");
        assert!(sent.contains(name) && sent.is_disjoint(&live), "{profile:?}: {sent:?}");
        let known: BTreeSet<_> = profile.metrics().iter().map(|metric| metric.name).collect();
        assert!(sent.is_subset(&known));
        live = sent;
    }
}

#[test]
fn a_retraction_that_is_refused_comes_again_at_once_and_then_with_the_next_batch() {
    let mut agent = Agent::of(3);
    agent.batches(Input::Wake);
    agent.batches(Input::Trigger);
    let batches = agent.change(Profile::DockerStats);
    let groups = batches.iter().flat_map(|batch| &batch.groups);
    let points = groups.flat_map(|g| g.points.iter().map(|p| (g.resource.clone(), p.clone())));
    let refused: Vec<_> = points.filter(|(_, p)| p.mark.is_retraction()).take(5).collect();
    let owed = |agent: &mut Agent| {
        let effects = agent.pipeline.owe_again(&refused, agent.now);
        names(&agent.follow(effects))
    };
    let wanted: BTreeSet<_> = refused.iter().map(|(_, point)| point.metric.name).collect();
    assert_eq!(owed(&mut agent), [BTreeSet::new(), wanted.clone()]);
    assert_eq!(owed(&mut agent), [BTreeSet::new(), BTreeSet::new()]);
    agent.pass(Duration::from_secs(10));
    assert_eq!(names(&agent.batches(Input::Trigger))[1], wanted);
}
