//! New settings for a running agent: what of them is taken, what waits for a restart, and when their file has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};

use crate::config::{Errors, Loaded, Retract, Settings};

/// How settings are read again.
pub struct Reload {
    /// Reads them.
    pub load: Box<dyn FnMut() -> Result<Loaded, Errors> + Send>,
    /// For `--watch`: another number once there is another file, or something else in it.
    pub watched: Option<Fingerprint>,
}

/// Tells one state of a file from another. May block.
pub type Fingerprint = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is decided when the agent starts.
const AT_START: [&str; 6] = ["export", "outbox", "status", "control", "telemetry", "log.format"];

/// What becomes of new settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taken {
    /// The settings from now on.
    pub(super) settings: Settings,
    /// The keys that are another now.
    pub(super) changed: Vec<String>,
    /// The keys that are another in the file and stay as they are until a restart.
    pub(super) waiting: Vec<String>,
}

/// Takes of `new` what can be changed while the agent runs with `old`.
pub(super) fn take(old: &Settings, new: Settings) -> Taken {
    let waits = |key: &String| AT_START.iter().any(|part| is_of(key, part));
    let (waiting, changed) = old.differences(&new).into_iter().partition(waits);
    let mut settings = Settings {
        export: old.export.clone(),
        outbox: old.outbox.clone(),
        status: old.status.clone(),
        control: old.control.clone(),
        telemetry: old.telemetry.clone(),
        ..new
    };
    settings.log.format = old.log.format;
    Taken { settings, changed, waiting }
}

fn is_of(key: &str, part: &str) -> bool {
    key.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What an engine is watched and shown by, besides what is said of itself: where it is the same, nothing changes for it.
pub(super) fn of_engines(settings: &Settings) -> Settings {
    let Settings { interval, profile, containers, attributes, metrics, retract, standard, .. } = settings.clone();
    let any = Settings::default();
    let retract = Retract { on_shutdown: any.retract.on_shutdown, ..retract };
    Settings { interval, profile, containers, attributes, metrics, retract, standard, engines: Vec::new(), ..any }
}

/// The settings' file, if it is watched.
pub(super) struct FileWatch {
    watched: Option<Fingerprint>,
    looks: Interval,
    looking: Option<JoinHandle<u64>>,
    seen: Option<Seen>,
}

/// The states of a file that were seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    taken: u64,
    last: u64,
}

impl Seen {
    /// Whether the file has changed and is complete: it is as it was one look before. Else one that is being written
    /// would be taken for one that sets nothing.
    fn has_settled(&mut self, now: u64) -> bool {
        let still = std::mem::replace(&mut self.last, now) == now;
        still && std::mem::replace(&mut self.taken, now) != now
    }
}

impl FileWatch {
    /// The state that the file has at the first look is known.
    pub(super) fn new(watched: Option<Fingerprint>) -> Self {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { watched, looks, looking: None, seen: None }
    }

    /// Waits until it has changed. Can be dropped and called again.
    pub(super) async fn changed(&mut self) {
        let Some(watched) = self.watched.clone() else { return std::future::pending().await };
        loop {
            let looking = match &mut self.looking {
                Some(looking) => looking,
                None => {
                    self.looks.tick().await;
                    let watched = watched.clone();
                    // A disk that hangs holds a thread, and not the agent.
                    self.looking.insert(tokio::task::spawn_blocking(move || watched()))
                }
            };
            let now = looking.await;
            self.looking = None;
            let Ok(now) = now else { continue };
            if self.seen.get_or_insert(Seen { taken: now, last: now }).has_settled(now) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::config::{Environment, Flags, LogFormat, LogLevel, Sources, load};

    fn settings(lines: &[(&str, &str)]) -> Settings {
        let environment: Environment = lines.iter().copied().collect();
        let (working_directory, system_directory) = ("/nonexistent".into(), "/nonexistent".into());
        let sources = Sources { flags: Flags::default(), environment, working_directory, system_directory };
        load(&sources, &crate::app::known()).expect("settings").settings
    }

    #[test]
    fn what_needs_a_restart_waits_and_the_rest_is_taken() {
        let old = settings(&[]);
        let new = settings(&[
            ("DOCKPULSE_INTERVAL", "3s"),
            ("DOCKPULSE_EXPORT__TIMEOUT", "3s"),
            ("DOCKPULSE_EXPORT__ENDPOINT", "http://c:4317"),
            ("DOCKPULSE_OUTBOX__DIRECTORY", "/o"),
            ("DOCKPULSE_STATUS__LISTEN", "off"),
            ("DOCKPULSE_CONTROL__LISTEN", "off"),
            ("DOCKPULSE_TELEMETRY__SAMPLING", "0.5"),
            ("DOCKPULSE_LOG__FORMAT", "json"),
            ("DOCKPULSE_LOG__LEVEL", "debug"),
            ("DOCKPULSE_CONTAINERS__MAX", "3"),
        ]);
        let taken = take(&old, new);
        assert_eq!(taken.changed, ["interval", "containers.max", "log.level"]);
        let waiting = [
            "export.endpoint",
            "export.timeout",
            "outbox.directory",
            "status.listen",
            "control.listen",
            "telemetry.sampling",
            "log.format",
        ];
        assert_eq!(taken.waiting, waiting);
        let expected = settings(&[
            ("DOCKPULSE_INTERVAL", "3s"),
            ("DOCKPULSE_CONTAINERS__MAX", "3"),
            ("DOCKPULSE_LOG__LEVEL", "debug"),
        ]);
        assert_eq!(taken.settings, expected);
        assert_eq!((taken.settings.log.format, taken.settings.log.level), (LogFormat::Text, LogLevel::Debug));
        let again = take(&taken.settings, expected);
        assert_eq!((again.changed.len(), again.waiting.len()), (0, 0));
    }

    #[test]
    fn an_engine_is_touched_by_what_it_is_watched_and_shown_by_alone() {
        let of = |name, value| of_engines(&settings(&[(name, value)]));
        let any = of_engines(&settings(&[]));
        for (name, value) in [
            ("DOCKPULSE_LOG__LEVEL", "debug"),
            ("DOCKPULSE_SHUTDOWN__TIMEOUT", "1s"),
            ("DOCKPULSE_RETRACT__ON_SHUTDOWN", "false"),
            ("DOCKPULSE_ENGINES", "[{endpoint: 'tcp://h:1'}]"),
            ("DOCKPULSE_EXPORT__ENDPOINT", "http://c:4317"),
        ] {
            assert_eq!(of(name, value), any, "{name}");
        }
        for (name, value) in [
            ("DOCKPULSE_INTERVAL", "3s"),
            ("DOCKPULSE_PROFILE", "docker_stats"),
            ("DOCKPULSE_CONTAINERS__STOPPED", "false"),
            ("DOCKPULSE_ATTRIBUTES__ON_POINTS", "[container.name]"),
            ("DOCKPULSE_METRICS", "{container.pids.count: false}"),
            ("DOCKPULSE_RETRACT__LIST_FAILURE_GRACE", "1s"),
        ] {
            assert_ne!(of(name, value), any, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_being_written_is_not_taken_before_it_is_the_same_twice() {
        let mut seen = Seen { taken: 1, last: 1 };
        let settled: Vec<bool> = [1, 2, 3, 3, 3, 4, 3, 3, 4, 4].into_iter().map(|now| seen.has_settled(now)).collect();
        assert_eq!(settled, [false, false, false, true, false, false, false, false, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_file_is_seen_within_two_looks_and_told_once() {
        let state = Arc::new(AtomicU64::new(1));
        let shared = state.clone();
        let mut watch = FileWatch::new(Some(Arc::new(move || shared.load(Ordering::Relaxed))));
        let quiet = LOOK_EVERY * 5;
        assert!(tokio::time::timeout(quiet, watch.changed()).await.is_err(), "it is as it was");
        state.store(2, Ordering::Relaxed);
        assert!(tokio::time::timeout(LOOK_EVERY * 3, watch.changed()).await.is_ok());
        assert!(tokio::time::timeout(quiet, watch.changed()).await.is_err(), "that was all");
        let mut none = FileWatch::new(None);
        assert!(tokio::time::timeout(quiet, none.changed()).await.is_err());
    }
}
