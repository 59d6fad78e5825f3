//! The shell around a pipeline: makes its calls, brings it the answers, hands on what it commits. Decides nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::call::{answer, within};
use super::{Effect, Pipeline, Settings};
use crate::convert::DeviceNames;
use crate::engine::{Engine, Events};
use crate::ledger::Commit;
use crate::model::Text;
use crate::model::batch::{Point, Reason};
use crate::model::engine::{Answer, EngineEvent, EngineInfo, Wanted};
use crate::model::observation::Observation;
use crate::model::series::{Fingerprint, Resource};
use crate::model::time::{Clock, Now, UnixNanos};
use crate::probe::{Call, Happening, Input};

/// Takes a look at a running pipeline, between two of its steps.
pub struct Look(pub Box<dyn FnOnce(&mut Pipeline) + Send>);

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// What is asked of a running pipeline from outside.
#[derive(Debug)]
pub enum Control {
    /// Probe now.
    Probe,
    /// Other settings from now on.
    Change(Box<Change>),
    /// Look at the pipeline.
    Look(Look),
    /// These retractions were refused for good.
    Refused(Arc<[(Arc<Resource>, Point)]>),
    /// End: retract everything if true.
    Finish(bool),
    /// The engine is no longer one to watch: retract everything and end.
    Leave,
}

/// How the same engine is watched from now on.
#[derive(Debug)]
pub struct Change {
    /// What is watched and shown.
    pub settings: Settings,
    /// Which labels and variables are read.
    pub wanted: Arc<Wanted>,
    /// The deadline of one call.
    pub timeout: Duration,
}

/// When a pipeline ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is told.
    Told,
    /// After one probe, or when the engine fails.
    Probed {
        /// Whether everything is retracted then.
        retract: bool,
    },
}

/// What a pipeline had when it ended.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What the engine is called.
    pub engine: Text,
    /// Containers that were watched.
    pub containers: usize,
    /// Series that were live before it ended.
    pub series: usize,
    /// Why the engine could not be probed.
    pub error: Option<String>,
    /// Nothing that it has sent bears a later time.
    pub latest: UnixNanos,
    /// Under which identities it sent what is over and may not be delivered yet.
    pub identities: Vec<Fingerprint>,
}

/// How long the pure parts took since the last report of a probe.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Probe, convert and ledger.
    pub convert: Duration,
    /// Handing over to the outbox.
    pub commit: Duration,
}

/// Takes what is committed.
pub type OnCommit = Box<dyn FnMut(Commit, &Pipeline) + Send>;
/// Takes what is worth telling, and how long the pure parts have taken.
pub type OnHappening = Box<dyn FnMut(Happening, &Pipeline, Spent) + Send>;

/// Takes what was found out, after what follows from it was decided.
pub type OnFound = Box<dyn FnMut(Observation, &Pipeline) + Send>;

/// What one engine's shell needs.
pub struct Drive {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Which labels and variables are read.
    pub wanted: Arc<Wanted>,
    /// The deadline of one call, the whole answer included.
    pub timeout: Duration,
    /// The clock.
    pub clock: Clock,
    /// What is asked from outside. When its sender is gone, the pipeline finishes without retracting.
    pub control: mpsc::Receiver<Control>,
    /// Takes what is committed. Must not block.
    pub commit: OnCommit,
    /// Takes what is worth telling. Must not block.
    pub observe: OnHappening,
    /// Takes what was found out. Must not block.
    pub found: OnFound,
    /// Reads the names of the host's block devices if the engine is on this host.
    pub devices: fn(&EngineInfo) -> DeviceNames,
}

enum Done {
    Input(Box<Input>),
    Events(Answer<Events>),
}

enum News {
    Control(Option<Control>),
    Call(Done),
    Event(Option<Answer<Option<EngineEvent>>>),
    Wake,
}

/// Runs the pipeline to its end.
pub async fn drive(pipeline: Pipeline, drive: Drive, until: Until) -> Finding {
    let mut shell = Shell { pipeline, drive, calls: FuturesUnordered::new(), events: None, spent: Spent::default() };
    let mut input = Input::Wake;
    let mut watch = Watch::default();
    loop {
        shell.apply(|pipeline, now| pipeline.apply(input, now), &mut watch);
        if let Until::Probed { retract } = until
            && watch.is_over(&shell.pipeline, shell.drive.clock.now())
        {
            return shell.finish(retract.then_some(Reason::Shutdown), watch.error);
        }
        input = loop {
            match shell.next().await {
                News::Wake => break Input::Wake,
                News::Call(Done::Input(input)) => break *input,
                News::Call(Done::Events(answer)) => {
                    break Input::EventsOpened(answer.map(|stream| shell.events = Some(stream)));
                }
                News::Event(Some(Ok(event))) => break Input::Event(event),
                News::Event(ended) => {
                    shell.events = None;
                    break Input::EventsLost(ended.and_then(Result::err));
                }
                News::Control(Some(Control::Probe)) => break Input::Trigger,
                News::Control(Some(Control::Change(change))) => shell.change(*change, &mut watch),
                News::Control(Some(Control::Look(Look(look)))) => look(&mut shell.pipeline),
                News::Control(Some(Control::Refused(refused))) => {
                    shell.apply(|pipeline, now| pipeline.owe_again(&refused, now), &mut watch);
                }
                News::Control(Some(Control::Finish(retract))) => {
                    return shell.finish(retract.then_some(Reason::Shutdown), None);
                }
                News::Control(Some(Control::Leave)) => return shell.finish(Some(Reason::Unwatched), None),
                News::Control(None) => return shell.finish(None, None),
            }
        };
    }
}

/// Whether the first probe is over, and how.
#[derive(Debug, Default)]
struct Watch {
    probed: bool,
    error: Option<String>,
}

impl Watch {
    fn see(&mut self, happening: &Happening) {
        match happening {
            Happening::EngineFailed { error, .. } => self.error = Some(error.to_string()),
            Happening::Probed(_) => self.probed = true,
            _ => {}
        }
    }

    fn is_over(&self, pipeline: &Pipeline, now: Now) -> bool {
        self.error.is_some() || self.probed && pipeline.is_settled(now.mono)
    }
}

/// A running pipeline.
struct Shell {
    pipeline: Pipeline,
    drive: Drive,
    calls: FuturesUnordered<BoxFuture<'static, Done>>,
    events: Option<Events>,
    spent: Spent,
}

impl Shell {
    async fn next(&mut self) -> News {
        let clock = self.drive.clock;
        let wake = self.pipeline.next_wake(clock.now().mono).map(|at| clock.instant(at));
        tokio::select! {
            biased;
            control = self.drive.control.recv() => News::Control(control),
            event = next_event(&mut self.events) => News::Event(event),
            Some(done) = self.calls.next(), if !self.calls.is_empty() => News::Call(done),
            () = sleep_until(wake) => News::Wake,
        }
    }

    fn apply(&mut self, what: impl FnOnce(&mut Pipeline, Now) -> Vec<Effect>, watch: &mut Watch) {
        let now = self.drive.clock.now();
        let effects = what(&mut self.pipeline, now);
        self.spent.convert += self.drive.clock.now().mono.since(now.mono);
        for effect in effects {
            self.perform(effect, watch);
        }
    }

    fn perform(&mut self, effect: Effect, watch: &mut Watch) {
        match effect {
            Effect::Call(call) => {
                let call = self.drive.call(call, self.pipeline.probe.engine());
                self.calls.push(call);
            }
            Effect::CancelCalls => {
                self.calls.clear();
                self.events = None;
                self.drive.engine.release_all();
            }
            Effect::Release(id) => self.drive.engine.release(&id),
            Effect::ReleaseAll => self.drive.engine.release_all(),
            Effect::Commit(commit) => {
                let before = self.drive.clock.now().mono;
                (self.drive.commit)(commit, &self.pipeline);
                self.spent.commit += self.drive.clock.now().mono.since(before);
            }
            Effect::Found(observation) => (self.drive.found)(observation, &self.pipeline),
            Effect::Happened(happening) => {
                watch.see(&happening);
                if let Happening::Connected(info) = &happening {
                    self.pipeline.set_devices((self.drive.devices)(info));
                }
                let spent = match &happening {
                    Happening::Probed(_) => std::mem::take(&mut self.spent),
                    _ => self.spent,
                };
                (self.drive.observe)(happening, &self.pipeline, spent);
            }
        }
    }

    fn change(&mut self, change: Change, watch: &mut Watch) {
        let Change { settings, wanted, timeout } = change;
        (self.drive.wanted, self.drive.timeout) = (wanted, timeout);
        let names = (self.drive.devices)(self.pipeline.probe.engine());
        self.apply(|pipeline, now| pipeline.change_settings(settings, names, now), watch);
    }

    fn finish(mut self, retract: Option<Reason>, error: Option<String>) -> Finding {
        let engine = self.pipeline.engine_name();
        let (containers, series) = (self.pipeline.watched(), self.pipeline.live());
        let before = self.pipeline.finish(None, self.drive.clock.now());
        let after = match retract {
            Some(_) => self.pipeline.finish(retract, self.drive.clock.now()),
            None => Commit::default(),
        };
        for commit in [before, after] {
            (self.drive.commit)(commit, &self.pipeline);
        }
        let (latest, identities) = (self.pipeline.latest(), self.pipeline.identities());
        Finding { engine, containers, series, error, latest, identities }
    }
}

impl Drive {
    fn call(&self, call: Call, info: &EngineInfo) -> BoxFuture<'static, Done> {
        let (engine, wanted, mut limit) = (self.engine.clone(), self.wanted.clone(), self.timeout);
        if let Call::Events = call {
            return async move { Done::Events(within(limit, "/events", engine.events()).await) }.boxed();
        }
        if let Call::Stats(_, source) = &call {
            limit += source.waits(info);
        }
        async move { Done::Input(Box::new(answer(&*engine, &wanted, limit, call).await)) }.boxed()
    }
}

async fn next_event(events: &mut Option<Events>) -> Option<Answer<Option<EngineEvent>>> {
    match events {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
