//! The root of the settings: every key, its default and its documentation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Environment;
use super::attributes::Attributes;
use super::containers::Containers;
use super::engines::Engine;
use super::export::Export;
use super::life::{Retract, Shutdown};
use super::outbox::Outbox;
use super::own::{Log, Telemetry};
use super::serving::{Control, Status};
use super::setting::{Setting, section, words};
use super::standard::StandardAttributes;

section! {
    /// Everything that can be set.
    pub struct Settings {
        /// How often each engine is probed; 100ms or more.
        pub interval: Duration = Duration::from_secs(10),
        /// Whose names the metrics have: semconv (OpenTelemetry's conventions) | docker_stats (the Collector's receiver)
        /// | docker_exporter.
        pub profile: Profile = Profile::Semconv,
        /// The Docker engines that are watched. Default: the one that docker would talk to.
        pub engines: Vec<Engine> = vec![Engine::default()],
        /// Which containers are watched.
        pub containers: Containers = Containers::default(),
        /// What the series carry besides their numbers. Nothing leaves the host unless it is built in or listed here.
        pub attributes: Attributes = Attributes::default(),
        /// Metrics to turn on or off by name: { container.pids.limit: false }.
        pub metrics: BTreeMap<String, bool> = BTreeMap::new(),
        /// Where the points go, and how.
        pub export: Export = Export::default(),
        /// Where points wait for the collector.
        pub outbox: Outbox = Outbox::default(),
        /// What is taken back.
        pub retract: Retract = Retract::default(),
        /// The web page.
        pub status: Status = Status::default(),
        /// The control API.
        pub control: Control = Control::default(),
        /// The agent's own telemetry, sent with the same export settings.
        pub telemetry: Telemetry = Telemetry::default(),
        /// How the agent ends.
        pub shutdown: Shutdown = Shutdown::default(),
        /// The log on stderr.
        pub log: Log = Log::default(),
    }
    beside {
        /// Attributes from OpenTelemetry's variables; no key sets them.
        pub standard: StandardAttributes = StandardAttributes::default(),
        /// Where the user's engines may listen, to name them when the usual one is missing.
        pub user: UserFolders = UserFolders::default(),
    }
}

/// Folders of the user that dockpulse runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFolders {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
}

impl Settings {
    /// The keys that are another in `other`; of a list or a map its own key. Headers whose files alone changed are none.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let as_written = |settings: &Self| Self { export: settings.export.as_written(), ..settings.clone() };
        let (old, new) = (as_written(self), as_written(other));
        let mut keys = Vec::new();
        Setting::differences(&old, &new, "", &mut keys);
        if old.export != new.export && !keys.iter().any(|key| key.starts_with("export.")) {
            // All that is left of it: they come from another file.
            keys.push("export.headers".to_owned());
        }
        keys
    }
}

impl UserFolders {
    pub(super) fn of(environment: &Environment) -> Self {
        let folder = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self { home: folder("HOME"), runtime: folder("XDG_RUNTIME_DIR") }
    }
}

words! {
    /// Whose names, units and attributes the metrics have.
    pub enum Profile {
        /// OpenTelemetry's semantic conventions.
        Semconv = "semconv",
        /// The docker_stats receiver of the OpenTelemetry Collector.
        DockerStats = "docker_stats",
        /// The `docker_container_*` names.
        DockerExporter = "docker_exporter",
    }
}
