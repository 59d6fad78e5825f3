//! One engine's way from findings to batches: probe → convert → ledger, and the shell that makes the probe's calls.
//!
//! [`Pipeline`] is pure and knows the stages; [`drive`] is the async shell around it and decides nothing.

mod call;
mod drive;
mod resume;
mod window;

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;

pub use self::call::{answer, within};
pub use self::drive::{Change, Control, Drive, Finding, Look, OnCommit, OnFound, OnHappening, Spent, Until, drive};
pub use self::resume::Published;
use self::window::Window;
use crate::convert::{self, Converter, DeviceNames};
use crate::ledger::{Commit, Facet, Ledger, Owner};
use crate::model::Text;
use crate::model::batch::{Point, Reason};
use crate::model::container::ContainerId;
use crate::model::engine::EngineInfo;
use crate::model::observation::{Facts, Observation};
use crate::model::series::{Fingerprint, Resource};
use crate::model::time::{Monotonic, Now, UnixNanos};
use crate::probe::{self, Call, Happening, Input, Output, Probe};

/// How one engine is watched and shown.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the engine is called; `None`: by the host name it reports, or by `endpoint` until it has.
    pub name: Option<Text>,
    /// Where it is.
    pub endpoint: Text,
    /// How it is watched.
    pub probe: probe::Settings,
    /// What is published.
    pub convert: convert::Settings,
}

/// What the pipeline wants done, in this order.
pub enum Effect {
    /// Make this call.
    Call(Call),
    /// Abort all calls and the event stream, and close what is kept open for containers.
    CancelCalls,
    /// Nobody asks for this container's numbers now: see [`Output::Release`].
    Release(ContainerId),
    /// Nobody asks for any container's.
    ReleaseAll,
    /// Hand this to the outbox.
    Commit(Commit),
    /// This is worth telling.
    Happened(Happening),
    /// This was found out, and is in what is decided already: for whoever shows it.
    Found(Observation),
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => f.debug_tuple("Call").field(call).finish(),
            Self::CancelCalls => f.write_str("CancelCalls"),
            Self::Release(id) => f.debug_tuple("Release").field(id).finish(),
            Self::ReleaseAll => f.write_str("ReleaseAll"),
            Self::Commit(commit) => f.debug_tuple("Commit").field(&commit.batch.points()).finish(),
            Self::Happened(happening) => f.debug_tuple("Happened").field(happening).finish(),
            Self::Found(observation) => f.debug_tuple("Found").field(observation).finish(),
        }
    }
}

/// One engine's probe, converter and ledger.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    probe: Probe,
    converter: Converter,
    ledger: Ledger,
    identities: HashMap<ContainerId, (Arc<Facts>, Arc<Resource>)>,
    engine: Option<Arc<Resource>>,
    window: Option<Window>,
    told: Vec<Happening>,
    /// What the engine was called before a restart, until it says it anew.
    called: Option<Text>,
    /// What an agent before this one has published has still to be looked through.
    resumes: bool,
}

impl Pipeline {
    /// A pipeline that begins with the first [`Input::Wake`]. `seed` is for the jitter of pauses.
    pub fn new(settings: Settings, seed: u64) -> Self {
        let name = settings.name.clone().unwrap_or_else(|| settings.endpoint.clone());
        Self {
            probe: Probe::new(settings.probe.clone(), seed),
            converter: Converter::new(name, settings.convert.clone()),
            ledger: Ledger::default(),
            identities: HashMap::new(),
            engine: None,
            window: None,
            told: Vec::new(),
            called: None,
            resumes: false,
            settings,
        }
    }

    /// Its time stamps lie above `floor`: of whoever has published the same containers before.
    #[must_use]
    pub fn after(mut self, floor: UnixNanos) -> Self {
        self.ledger.raise(floor);
        self
    }

    /// Takes news and says what follows, in order.
    pub fn apply(&mut self, input: Input, now: Now) -> Vec<Effect> {
        if std::mem::take(&mut self.resumes) {
            self.end_unmade(now.wall);
        }
        let outputs = self.probe.apply(input, now);
        let mut effects = Vec::with_capacity(outputs.len() + 1);
        for output in outputs {
            match output {
                Output::Call(call) => effects.push(Effect::Call(call)),
                Output::CancelCalls => effects.push(Effect::CancelCalls),
                Output::Release(id) => effects.push(Effect::Release(id)),
                Output::ReleaseAll => effects.push(Effect::ReleaseAll),
                Output::Observed(observation) => {
                    self.observed(&observation, now.wall);
                    effects.push(Effect::Found(observation));
                }
                Output::Happened(happening) => {
                    self.heed(&happening);
                    effects.push(Effect::Happened(happening));
                }
            }
        }
        effects.extend(self.told.drain(..).map(Effect::Happened));
        effects.extend(self.commit_if_due(now).map(Effect::Commit));
        effects
    }

    /// When to wake it at the latest.
    pub fn next_wake(&self, now: Monotonic) -> Option<Monotonic> {
        let closes = self.window.map(|window| window.closes(self.settings.probe.interval));
        [self.probe.next_wake(now), closes].into_iter().flatten().min()
    }

    /// Other settings from now on. What is no longer right is retracted; what is new is published with the probe that
    /// this begins.
    pub fn change_settings(&mut self, settings: Settings, devices: DeviceNames, now: Now) -> Vec<Effect> {
        let name = self.name(&settings);
        self.converter = Converter::new(name, settings.convert.clone());
        self.converter.set_devices(devices);
        self.identities.clear();
        self.engine = None;
        if settings.convert.identity.engine_key != *self.key() {
            self.ledger.tell_all();
        }
        self.settings = settings;
        self.apply(Input::Settings(self.settings.probe.clone()), now)
    }

    fn name(&self, settings: &Settings) -> Text {
        let reported = self.probe.engine().host_name.clone();
        settings.name.clone().or(reported).or_else(|| self.called.clone()).unwrap_or_else(|| settings.endpoint.clone())
    }

    /// Takes the names of the host's block devices; empty if the engine is not on this host.
    pub fn set_devices(&mut self, devices: DeviceNames) {
        self.converter.set_devices(devices);
    }

    /// Retractions that the collector refused for good are owed again: at once if they were not refused before, so that a
    /// series is not believed in for longer than it has to be, and is owed an end in the outbox too. What is refused again
    /// goes with the next commit: a collector that refuses everything is not asked without a pause.
    pub fn owe_again(&mut self, refused: &[(Arc<Resource>, Point)], now: Now) -> Vec<Effect> {
        if !self.ledger.owe_again(refused) {
            return Vec::new();
        }
        self.window = None;
        vec![Effect::Commit(self.ledger.commit(now.wall))]
    }

    /// Under which identities something was published that is over and may not be delivered yet.
    pub fn identities(&self) -> Vec<Fingerprint> {
        self.ledger.identities()
    }

    /// The end: retracts everything if there is a reason to, and returns what is not yet committed.
    pub fn finish(&mut self, retract: Option<Reason>, now: Now) -> Commit {
        if let Some(reason) = retract {
            self.ledger.end_all(reason, now.wall);
        }
        self.ledger.commit(now.wall)
    }

    /// No point bears a later time stamp.
    pub fn latest(&self) -> UnixNanos {
        self.ledger.latest()
    }

    /// How many series are live.
    pub fn live(&self) -> usize {
        self.ledger.live()
    }

    /// How many containers are watched.
    pub fn watched(&self) -> usize {
        self.probe.watched()
    }

    /// What is known of a container that is watched, and published of it.
    pub fn facts(&self, id: &ContainerId) -> Option<&Facts> {
        self.identities.get(id).map(|(facts, _)| &**facts)
    }

    /// The engine, as far as it is known.
    pub fn engine(&self) -> &EngineInfo {
        self.probe.engine()
    }

    /// What makes series of it.
    pub fn converter(&self) -> &Converter {
        &self.converter
    }

    /// The same, to make series of something: it keeps copies of attributes.
    pub fn converter_mut(&mut self) -> &mut Converter {
        &mut self.converter
    }

    /// What tells the engine from others, over restarts of the agent: what is published is kept under it.
    pub fn key(&self) -> &Text {
        &self.settings.convert.identity.engine_key
    }

    /// Where the engine is. Other settings do not change it.
    pub fn endpoint(&self) -> &Text {
        &self.settings.endpoint
    }

    /// What the engine is called now.
    pub fn engine_name(&self) -> Text {
        self.name(&self.settings)
    }

    /// Whether all that the probe can find out now is found out and committed; sizes are waited for within a bound.
    pub fn is_settled(&self, now: Monotonic) -> bool {
        self.probe.is_settled() && self.window.is_none() && !self.probe.awaits_sizes(now)
    }

    fn commit_if_due(&mut self, now: Now) -> Option<Commit> {
        if !self.ledger.is_dirty() {
            self.window = None;
            return None;
        }
        let window = self.window.get_or_insert(Window::new(now.mono));
        window.note(self.ledger.waiting(), self.ledger.is_urgent(), || self.probe.is_busy(now.mono), now.mono);
        let due = !self.probe.is_waiting(now.mono) || window.closes(self.settings.probe.interval) <= now.mono;
        due.then(|| {
            self.window = None;
            self.ledger.commit(now.wall)
        })
    }

    /// The engine's name may have become known.
    fn heed(&mut self, happening: &Happening) {
        if let Happening::Connected(_) = happening {
            let name = self.name(&self.settings);
            self.converter.set_engine_name(name);
            self.engine = None;
        }
    }

    fn observed(&mut self, observation: &Observation, now: UnixNanos) {
        match observation {
            Observation::State(facts) => {
                let resource = self.identity(facts);
                let points = self.converter.state(facts);
                self.ledger.publish(container(&facts.listed.id), Facet::State, &resource, points, now);
            }
            Observation::Vouched(facts, usage) => {
                let resource = self.identity(facts);
                let points = self.converter.usage(facts, usage);
                self.ledger.publish(container(&facts.listed.id), Facet::Usage, &resource, points, now);
            }
            Observation::Unvouched(id, reason) => self.ledger.end_usage(&container(id), *reason, now),
            Observation::Gone(id, reason) => {
                self.identities.remove(id);
                self.ledger.remove(&container(id), *reason, now);
            }
            Observation::Measured(facts, filesystem) => {
                let resource = self.identity(facts);
                let points = self.converter.filesystem(facts, *filesystem);
                self.ledger.publish(container(&facts.listed.id), Facet::Filesystem, &resource, points, now);
            }
            Observation::Unmeasured(id, reason) => self.ledger.end_filesystem(&container(id), *reason, now),
            Observation::EngineDown => self.ledger.end_containers(Reason::EngineDown, now),
            Observation::Engine(status) => {
                let made = self.converter.engine_resource();
                let resource = convert::shared(self.engine.as_ref(), made);
                self.engine = Some(resource.clone());
                let points = self.converter.engine(status);
                self.ledger.publish(Owner::Engine, Facet::State, &resource, points, now);
            }
        }
    }

    /// The container's resource: made once, and again when what is known of it has changed.
    fn identity(&mut self, facts: &Arc<Facts>) -> Arc<Resource> {
        let known = self.identities.get(&facts.listed.id);
        if let Some((of, resource)) = known
            && Arc::ptr_eq(of, facts)
        {
            return resource.clone();
        }
        let old = known.map(|(_, resource)| resource);
        let resource = convert::shared(old, self.converter.resource(facts));
        if old.is_none_or(|old| !Arc::ptr_eq(old, &resource)) {
            self.tell_cut(facts);
        }
        self.identities.insert(facts.listed.id.clone(), (facts.clone(), resource.clone()));
        resource
    }
}

impl Pipeline {
    /// Says how many texts of a new identity had to be cut.
    fn tell_cut(&mut self, facts: &Facts) {
        let cut = self.converter.attributes(facts).iter().filter(|attribute| attribute.cut).count();
        if let Some(attributes) = u32::try_from(cut).ok().filter(|cut| *cut > 0) {
            let (id, name) = (facts.listed.id.clone(), facts.listed.display_name());
            self.told.push(Happening::Cut { id, name, attributes });
        }
    }
}

fn container(id: &ContainerId) -> Owner {
    Owner::Container(id.clone())
}
