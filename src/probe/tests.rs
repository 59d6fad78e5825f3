//! Courses of things that are hard to meet from outside.

use super::*;
use crate::model::container::{Labels, State};
use crate::model::engine::Action;
use crate::model::time::{Monotonic, UnixNanos};

struct Course {
    probe: Probe,
    millis: u64,
}

impl Course {
    /// A probe that has reached its engine and waits for the list.
    fn new(settings: Settings) -> Self {
        let mut course = Self { probe: Probe::new(settings, 1), millis: 1000 };
        course.apply(Input::Wake);
        course.apply(Input::Connected(Ok(EngineInfo::default())));
        course
    }

    fn now(&self) -> Now {
        let since = Duration::from_millis(self.millis);
        Now { mono: Monotonic(since), wall: UnixNanos(1).after(since) }
    }

    fn apply(&mut self, input: Input) -> Vec<Output> {
        let now = self.now();
        self.probe.apply(input, now)
    }

    /// The list is answered: these run.
    fn listed(&mut self, ids: &[ContainerId]) -> Vec<Output> {
        let running = |id: &ContainerId| Listed {
            id: id.clone(),
            name: None,
            image: "".into(),
            image_id: "".into(),
            state: State::Running,
            up_for: None,
            exit_code: None,
            health: None,
            labels: Labels::default(),
        };
        let containers = ids.iter().map(running).collect();
        self.apply(Input::Listed(Ok(Listing { containers, skipped: 0 })))
    }
}

fn id(n: u8) -> ContainerId {
    ContainerId::try_new(&format!("{n:012x}")).expect("hexadecimal")
}

fn inspects(outputs: &[Output]) -> Vec<Question> {
    let asked = |output: &Output| match output {
        Output::Call(Call::Inspect(question)) => Some(question.clone()),
        _ => None,
    };
    outputs.iter().filter_map(asked).collect()
}

#[test]
fn a_probe_that_is_given_up_while_inspects_hang_does_not_wake_itself_without_end() {
    let mut course = Course::new(Settings { concurrency: Some(1), ..Settings::default() });
    let outputs = course.listed(&[id(1), id(2), id(3)]);
    assert_eq!(inspects(&outputs).len(), 1, "the others wait for it");
    for millis in [121_000, 121_001] {
        course.millis = millis;
        course.apply(Input::Wake);
        let now = course.now().mono;
        let wake = course.probe.next_wake(now);
        assert!(wake.is_some_and(|at| at > now), "{wake:?} at {now:?}");
    }
}

#[test]
fn a_list_that_is_older_than_a_container_s_end_does_not_bring_it_back() {
    let forbidden = EngineError::Status { path: "/containers/{id}/json", status: 403, message: "".into() };
    let mut course = Course::new(Settings { stopped: false, ..Settings::default() });
    let outputs = course.listed(&[id(1)]);
    for question in inspects(&outputs) {
        course.apply(Input::Inspected(question, Err(forbidden.clone())));
    }
    // The first probe is over but for what is late.
    course.millis += 100;
    course.apply(Input::Trigger);
    let event = EngineEvent { container: id(1), action: Action::Die { exit_code: Some(0) } };
    let outputs = course.apply(Input::Event(Some(event)));
    let is_gone = |o: &Output| matches!(o, Output::Observed(Observation::Gone(..)));
    assert!(outputs.iter().any(is_gone), "{outputs:?}");
    let outputs = course.listed(&[id(1)]);
    let is_shown = |o: &Output| matches!(o, Output::Observed(Observation::State(_)));
    assert!(!outputs.iter().any(is_shown) && course.probe.watched() == 0, "{outputs:?}");

    course.millis += 1000;
    let outputs = course.apply(Input::Wake);
    let lists = outputs.iter().any(|o| matches!(o, Output::Call(Call::List)));
    assert!(lists, "another list tells whether it runs again: {outputs:?}");
    course.listed(&[id(1)]);
    assert_eq!(course.probe.watched(), 1);
}

#[test]
fn a_lower_cap_holds_for_those_too_that_events_alone_know_of() {
    let mut course = Course::new(Settings::default());
    course.listed(&[id(1), id(2)]);
    course.apply(Input::Settings(Settings { max_containers: 1, ..Settings::default() }));
    for n in [1, 2] {
        course.apply(Input::Event(Some(EngineEvent { container: id(n), action: Action::Oom })));
    }
    course.listed(&[]);
    assert_eq!(course.probe.watched(), 1);
    assert!(course.probe.trackers.contains_key(&id(1)), "the younger goes");
}

fn asks_for_list(outputs: &[Output]) -> bool {
    outputs.iter().any(|o| matches!(o, Output::Call(Call::List)))
}

#[test]
fn a_wanted_probe_joins_the_one_that_runs() {
    let mut course = Course::new(Settings { concurrency: Some(1), ..Settings::default() });
    course.listed(&[id(1), id(2), id(3)]);
    let asks = course.probe.cycles;
    course.millis += 1;
    assert!(!asks_for_list(&course.apply(Input::Trigger)), "it runs");
    assert_eq!(course.probe.cycles, asks);
}

#[test]
fn a_wanted_probe_waits_for_one_that_an_event_s_list_has_ended_in_the_books() {
    let mut course = Course::new(Settings { concurrency: Some(1), ..Settings::default() });
    let mut calls = course.listed(&[id(1), id(2), id(3)]);
    course.millis += 2000;
    let event = EngineEvent { container: id(4), action: Action::Start };
    assert!(asks_for_list(&course.apply(Input::Event(Some(event)))), "of the new one");
    calls.extend(course.listed(&[id(1), id(2), id(3)]));
    course.millis += 1;
    assert!(!asks_for_list(&course.apply(Input::Trigger)), "containers still wait to be sampled");

    let refused = |path| EngineError::Status { path, status: 500, message: "".into() };
    let mut asked = false;
    while let Some(call) = calls.pop() {
        let outputs = match call {
            Output::Call(Call::Inspect(of)) => {
                course.apply(Input::Inspected(of, Err(refused("/containers/{id}/json"))))
            }
            Output::Call(Call::Stats(of, _)) => {
                course.apply(Input::Sampled(of, Err(refused("/containers/{id}/stats"))))
            }
            _ => continue,
        };
        asked |= asks_for_list(&outputs);
        calls.extend(outputs);
    }
    assert!(asked, "it follows");
}

#[test]
fn neither_a_long_pause_nor_a_long_grace_outlives_the_settings_that_made_it() {
    let hour = Duration::from_secs(3600);
    let mut course = Course::new(Settings { interval: hour, list_failure_grace: hour, ..Settings::default() });
    course.listed(&[id(1)]);
    let refused = || EngineError::Timeout { path: "/containers/json", after: Duration::from_secs(1) };
    course.apply(Input::Trigger);
    for _ in 0..20 {
        course.millis += 3_600_000;
        course.apply(Input::Wake);
        course.apply(Input::Listed(Err(refused())));
        course.apply(Input::Connected(Err(refused())));
    }
    let short =
        Settings { interval: Duration::from_secs(10), list_failure_grace: Duration::ZERO, ..Settings::default() };
    course.apply(Input::Settings(short));
    course.millis += 10_000;
    let outputs = course.apply(Input::Wake);
    assert!(outputs.iter().any(|o| matches!(o, Output::Call(Call::Connect | Call::List))), "{outputs:?}");
}

#[test]
fn a_wanted_probe_does_not_shorten_the_pause_of_a_failing_engine() {
    let mut course = Course::new(Settings::default());
    course.listed(&[id(1)]);
    course.millis += 20_000;
    course.apply(Input::Wake);
    let refused = EngineError::Timeout { path: "/containers/json", after: Duration::from_secs(1) };
    course.apply(Input::Listed(Err(refused)));
    let connects = |outputs: &[Output]| outputs.iter().filter(|o| matches!(o, Output::Call(Call::Connect))).count();
    assert_eq!(connects(&course.apply(Input::Trigger)), 0, "it waits for the end of its pause");
    course.millis += 20_000;
    assert_eq!(connects(&course.apply(Input::Wake)), 1);
}
