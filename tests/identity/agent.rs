//! An agent without I/O: the pipeline of one engine, answered by a list of containers that a test changes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use dockpulse::convert;
use dockpulse::filter::{Filter, Verdict};
use dockpulse::model::batch::{Batch, Mark};
use dockpulse::model::container::{ContainerId, Details, Labels, Listed, Listing, State};
use dockpulse::model::engine::{Action, EngineEvent, EngineInfo};
use dockpulse::model::sample::{Memory, Network, Sample, Traffic};
use dockpulse::model::time::{Monotonic, Now, UnixNanos};
use dockpulse::pipeline::{Effect, Pipeline, Settings};
use dockpulse::probe::{self, Call, Happening, Input};

/// A container as the engine has it.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) listed: Listed,
    pub(crate) details: Details,
}

pub(crate) fn id(digit: char) -> ContainerId {
    ContainerId::try_new(&digit.to_string().repeat(64)).unwrap()
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
}

/// A running container whose id is this digit 64 times.
pub(crate) fn running(digit: char, name: &str) -> Container {
    let listed = Listed {
        id: id(digit),
        name: Some(name.into()),
        image: "nginx:1.27".into(),
        image_id: "sha256:aa".into(),
        state: State::Running,
        up_for: None,
        exit_code: None,
        health: None,
        labels: Labels::default(),
    };
    let details = Details { created: Some(UnixNanos(1)), started_at: Some(UnixNanos(2)), ..Details::default() };
    Container { listed, details }
}

impl Container {
    pub(crate) fn labelled(mut self, pairs: &[(&str, &str)]) -> Self {
        self.listed.labels = labels(pairs);
        self
    }

    pub(crate) fn stopped(mut self) -> Self {
        self.listed.state = State::Exited;
        self
    }

    fn inspected(&self) -> Details {
        let listed = &self.listed;
        Details { state: Some(listed.state), name: listed.name.clone(), ..self.details.clone() }
    }
}

pub(crate) struct Agent {
    pub(crate) containers: Vec<Container>,
    pub(crate) pipeline: Pipeline,
    pub(crate) happened: Vec<Happening>,
    now: Now,
}

/// The settings of an agent with this filter and identity.
pub(crate) fn settings(filter: Filter, identity: convert::Identity) -> Settings {
    Settings {
        name: Some("prod".into()),
        endpoint: "unix:///sock".into(),
        probe: probe::Settings {
            by_state: filter.looks_at_states(),
            admits: Arc::new(move |listed| filter.admits(listed) == Verdict::Admitted),
            ..probe::Settings::default()
        },
        convert: convert::Settings { identity, ..convert::Settings::default() },
    }
}

impl Agent {
    pub(crate) fn new(settings: Settings, containers: Vec<Container>) -> Self {
        let second = 1_000_000_000;
        let now = Now { mono: Monotonic(Duration::from_secs(1)), wall: UnixNanos(1_000 * second) };
        Self { containers, pipeline: Pipeline::new(settings, 1), happened: Vec::new(), now }
    }

    /// The first probe, and all that comes of it.
    pub(crate) fn start(&mut self) -> Vec<Batch> {
        let mut batches = self.tell(Input::Wake);
        batches.extend(self.tell(Input::Trigger));
        batches
    }

    pub(crate) fn event(&mut self, digit: char, action: Action) -> Vec<Batch> {
        self.tell(Input::Event(Some(EngineEvent { container: id(digit), action })))
    }

    /// All batches that come of one input and the answers to the calls that follow. Half a second has passed.
    pub(crate) fn tell(&mut self, input: Input) -> Vec<Batch> {
        let half = Duration::from_millis(500);
        self.now = Now { mono: self.now.mono + half, wall: self.now.wall.after(half) };
        let (mut inputs, mut batches) = (VecDeque::from([input]), Vec::new());
        while let Some(input) = inputs.pop_front() {
            for effect in self.pipeline.apply(input, self.now) {
                match effect {
                    Effect::Call(call) => inputs.push_back(self.answer(call)),
                    Effect::Commit(commit) => batches.push(commit.batch),
                    Effect::Happened(happening) => self.happened.push(happening),
                    Effect::CancelCalls | Effect::Release(_) | Effect::ReleaseAll | Effect::Found(_) => {}
                }
            }
        }
        batches
    }

    fn answer(&self, call: Call) -> Input {
        let find = |id: &ContainerId| self.containers.iter().find(|c| c.listed.id == *id).unwrap();
        match call {
            Call::Connect => Input::Connected(Ok(EngineInfo { host_name: Some("h".into()), ..EngineInfo::default() })),
            Call::List => {
                let containers = self.containers.iter().map(|c| c.listed.clone()).collect();
                Input::Listed(Ok(Listing { containers, skipped: 0 }))
            }
            Call::Inspect(question) => {
                let details = find(&question.id).inspected();
                Input::Inspected(question, Ok(details))
            }
            Call::Stats(question, _) => Input::Sampled(question, Ok(sample())),
            Call::Filesystem(..) => panic!("no size is asked for unless the settings want it"),
            Call::Events => Input::EventsOpened(Ok(())),
        }
    }
}

fn sample() -> Sample {
    let traffic = Traffic { bytes: Some(1), ..Traffic::default() };
    Sample {
        memory: Memory { usage: Some(7), ..Memory::default() },
        networks: vec![Network { interface: "eth0".into(), receive: traffic, transmit: traffic }],
        pids: Some(1),
        ..Sample::default()
    }
}

/// One point of a batch: an attribute of its resource, the metric with its attributes, and whether it is a retraction.
pub(crate) type Said = (String, String, bool);

/// What a batch says of containers, each with the attribute `key` of its resource.
pub(crate) fn said(batch: &Batch, key: &str) -> Vec<Said> {
    let mut out = Vec::new();
    for group in batch.groups.iter().filter(|g| g.resource.text("container.id").is_some()) {
        let whose = group.resource.text(key).map(|t| t.to_string()).unwrap_or_default();
        for point in &group.points {
            let series = format!("{}{:?}", point.metric.name, point.attributes.pairs());
            out.push((whose.clone(), series, matches!(point.mark, Mark::Retracted(_))));
        }
    }
    out
}
