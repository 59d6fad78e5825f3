//! Decides for each event whether it is said aloud and with which addition. Pure.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tracing::Level;

use crate::model::Text;
use crate::model::time::Monotonic;

use super::escape::Took;
use super::event::{Event, Speech, Subject};
use super::say::{Bucket, Limiter, Over, Verdict};

/// Enough for each of the 10,000 containers of the default cap to fail on its own.
const MOST_CONTAINERS: usize = 16_384;
/// More engines than anyone watches from one agent; those beyond share one allowance.
const MOST_ENGINES: usize = 1024;
/// A handful for each engine.
const MOST_SAID: usize = 8 * MOST_ENGINES;
/// How many containers of one engine may be named at once …
const CONTAINERS_BURST: u32 = 20;
/// … and after how long one more, so that an engine whose every container fails does not flood the log.
const CONTAINERS_PERIOD: Duration = Duration::from_secs(30);

/// What was said so far, and so what is still worth saying.
#[derive(Debug)]
pub(super) struct Voice {
    limiter: Limiter<Subject>,
    /// Apart, so that containers in their thousands cannot silence an engine or the export.
    containers: Limiter<Subject>,
    crowds: HashMap<Text, Crowd>,
    said: HashMap<Subject, u64>,
}

/// The containers of one engine that want to be named.
#[derive(Debug)]
struct Crowd {
    bucket: Bucket,
    held_back: u64,
}

/// How one event is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) tail: Tail,
}

/// What is added to the event's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    None,
    Still { lasts: Duration, times: u64 },
    Over { lasted: Duration, times: u64 },
    HeldBack(u64),
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            limiter: Limiter::new(MOST_SAID),
            containers: Limiter::new(MOST_CONTAINERS),
            crowds: HashMap::new(),
            said: HashMap::new(),
        }
    }
}

impl Voice {
    /// How `event` is said now. What is not worth a line is left to the level `debug`, where everything is shown.
    pub(super) fn judge(&mut self, event: &Event, now: Monotonic) -> Line {
        match event.speech() {
            Speech::Always(level) => Line { level, tail: Tail::None },
            Speech::Once(level, subject, value) => self.once(level, subject, value, now),
            Speech::Sparingly(level, subject) => self.sparingly(level, subject, now),
            Speech::Trouble(level, subject, cause) => self.trouble(level, subject, cause, now),
            Speech::Well(subject) => self.well(&subject, now),
        }
    }

    fn once(&mut self, level: Level, subject: Subject, value: u64, now: Monotonic) -> Line {
        let is_known = self.said.contains_key(&subject);
        if self.said.get(&subject) == Some(&value) || !is_known && self.said.len() >= MOST_SAID {
            return Line::HUSHED;
        }
        self.said.insert(subject.clone(), value);
        self.sparingly(level, subject, now)
    }

    fn sparingly(&mut self, level: Level, subject: Subject, now: Monotonic) -> Line {
        let limiter = self.limiter(&subject);
        let verdict = limiter.trouble(subject.clone(), 0, now);
        limiter.over(&subject, now);
        if verdict == Verdict::Hush { Line::HUSHED } else { Line { level, tail: Tail::None } }
    }

    fn trouble(&mut self, level: Level, subject: Subject, cause: u64, now: Monotonic) -> Line {
        let tail = match self.limiter(&subject).trouble(subject.clone(), cause, now) {
            Verdict::Start => Tail::None,
            Verdict::Still { lasts, times } => Tail::Still { lasts, times },
            Verdict::Hush => return Line::HUSHED,
        };
        let Subject::Container(engine, _) = &subject else { return Line { level, tail } };
        match self.crowd(engine, now).may_speak(now) {
            Some(0) => Line { level, tail },
            Some(held_back) => Line { level, tail: Tail::HeldBack(held_back) },
            None => {
                self.limiter(&subject).unsaid(&subject);
                Line::HUSHED
            }
        }
    }

    fn well(&mut self, subject: &Subject, now: Monotonic) -> Line {
        match self.limiter(subject).over(subject, now) {
            Some(Over { lasted, times, said: true }) => Line { level: Level::INFO, tail: Tail::Over { lasted, times } },
            _ => Line::HUSHED,
        }
    }

    fn limiter(&mut self, subject: &Subject) -> &mut Limiter<Subject> {
        if matches!(subject, Subject::Container(..)) { &mut self.containers } else { &mut self.limiter }
    }

    fn crowd(&mut self, engine: &Text, now: Monotonic) -> &mut Crowd {
        let is_known = self.crowds.contains_key(engine) || self.crowds.len() < MOST_ENGINES;
        let engine = if is_known { engine.clone() } else { Text::from("") };
        self.crowds
            .entry(engine)
            .or_insert_with(|| Crowd { bucket: Bucket::new(CONTAINERS_BURST, CONTAINERS_PERIOD, now), held_back: 0 })
    }
}

impl Crowd {
    /// How many were held back before this one may speak.
    fn may_speak(&mut self, now: Monotonic) -> Option<u64> {
        if self.bucket.take(now) {
            return Some(std::mem::take(&mut self.held_back));
        }
        self.held_back += 1;
        None
    }
}

impl Line {
    const HUSHED: Self = Self { level: Level::DEBUG, tail: Tail::None };
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Still { lasts, times } => write!(f, " (for {} now, {times} times)", Took(*lasts)),
            Self::Over { lasted, times } => write!(f, " (it lasted {}, {times} failures)", Took(*lasted)),
            Self::HeldBack(1) => f.write_str(" (and one more failure of containers that was not shown)"),
            Self::HeldBack(n) => write!(f, " (and {n} more failures of containers that were not shown)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::Reason;
    use crate::model::container::ContainerId;
    use crate::model::engine::{EngineError, EngineInfo};
    use crate::telemetry::event::{EngineCall, Failure, Feature, Named};

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn refused(path: &'static str) -> EngineError {
        EngineError::Status { path, status: 403, message: "forbidden".into() }
    }

    fn container_failed(i: u64) -> Event {
        let id = ContainerId::try_new(&format!("{i:064x}")).expect("hexadecimal");
        let container = Named { name: format!("c{i}").into(), id };
        let error = refused("/containers/{id}/stats");
        Event::ContainerFailed { engine: "local".into(), container, failure: Failure::Stats, error }
    }

    fn aloud(voice: &mut Voice, events: impl IntoIterator<Item = (u64, Event)>) -> usize {
        events.into_iter().filter(|(t, e)| voice.judge(e, at(*t)).level != Level::DEBUG).count()
    }

    #[test]
    fn containers_in_their_thousands_do_not_silence_an_engine() {
        let mut voice = Voice::default();
        aloud(&mut voice, (0..20_000).map(|i| (0, container_failed(i))));
        let down = Event::EngineFailed {
            engine: "local".into(),
            call: EngineCall::List,
            error: refused("/containers/json"),
            retry_in: Duration::from_secs(10),
        };
        assert_eq!(aloud(&mut voice, [(1, down)]), 1);
    }

    #[test]
    fn an_engine_that_stays_down_is_said_a_few_times_an_hour_and_once_when_it_is_back() {
        let mut voice = Voice::default();
        let down = || Event::EngineFailed {
            engine: "local".into(),
            call: EngineCall::List,
            error: refused("/containers/json"),
            retry_in: Duration::from_secs(10),
        };
        assert_eq!(aloud(&mut voice, (0..360).map(|i| (i * 10, down()))), 4);
        let back = Event::EngineRecovered { engine: "local".into(), after: Duration::from_secs(3600) };
        let line = voice.judge(&back, at(3600));
        assert_eq!(line.level, Level::INFO);
        assert_eq!(line.tail.to_string(), " (it lasted 1 h 0 min, 360 failures)");
        assert_eq!(voice.judge(&back, at(3601)), Line::HUSHED);
    }

    #[test]
    fn hundreds_of_failing_containers_do_not_flood_the_log_and_none_is_forgotten() {
        let mut voice = Voice::default();
        let first = aloud(&mut voice, (0..300).map(|i| (0, container_failed(i))));
        assert_eq!(first, 20);
        let hour = aloud(&mut voice, (1..60).flat_map(|t| (0..300).map(move |i| (t * 60, container_failed(i)))));
        assert!(hour <= 120, "{hour} lines in an hour");
        let mut lines = (0..300).map(|i| voice.judge(&container_failed(i), at(7200)));
        let held_back = lines.find_map(|l| matches!(l.tail, Tail::HeldBack(n) if n > 100).then_some(l.level));
        assert_eq!(held_back, Some(Level::WARN), "a line tells how many were not shown");
    }

    #[test]
    fn a_container_whose_failure_was_held_back_has_no_recovery_to_say() {
        let mut voice = Voice::default();
        aloud(&mut voice, (0..1000).map(|i| (0, container_failed(i))));
        let recovered = |i| {
            let Event::ContainerFailed { engine, container, .. } = container_failed(i) else { unreachable!() };
            (1, Event::ContainerRecovered { engine, container })
        };
        assert_eq!(aloud(&mut voice, (0..1000).map(recovered)), 20);
    }

    #[test]
    fn an_engine_that_comes_and_goes_all_the_time_does_not_flood_the_log() {
        let mut voice = Voice::default();
        let engine = || Text::from("local");
        let flap = || {
            let (call, error) = (EngineCall::Ping, refused("/_ping"));
            let retracted =
                Event::Retracted { engine: engine(), container: None, series: 9, reason: Reason::EngineDown };
            let (endpoint, info) = (Text::from("unix:///x"), EngineInfo::default());
            [
                Event::EngineFailed { engine: engine(), call, error, retry_in: Duration::from_secs(1) },
                Event::EventsLost { engine: engine(), error: None, retry_in: Duration::from_secs(1) },
                retracted,
                Event::EngineConnected { engine: engine(), endpoint, info },
                Event::EngineRecovered { engine: engine(), after: Duration::from_secs(1) },
                Event::EventsResumed { engine: engine() },
            ]
        };
        let first = aloud(&mut voice, flap().map(|e| (0, e)));
        assert_eq!(first, 6, "the first time all of it is said");
        let hour = aloud(&mut voice, (1..1800).flat_map(|i| flap().map(|e| (i * 2, e))));
        assert!(hour <= 6 * 65, "{hour} lines in an hour");
    }

    #[test]
    fn another_engine_behind_the_same_name_is_said() {
        let mut voice = Voice::default();
        let connected = |version: &str| {
            let info = EngineInfo { version: Some(version.into()), ..EngineInfo::default() };
            Event::EngineConnected { engine: "local".into(), endpoint: "unix:///x".into(), info }
        };
        let versions = ["27", "27", "27", "28", "28"];
        assert_eq!(aloud(&mut voice, versions.iter().zip(0..).map(|(v, t)| (t, connected(v)))), 2);
    }

    #[test]
    fn a_missing_feature_is_said_once_for_good() {
        let mut voice = Voice::default();
        let missing = |feature| Event::FeatureMissing { engine: "local".into(), feature, error: refused("/info") };
        assert_eq!(aloud(&mut voice, (0..5000).map(|t| (t * 100, missing(Feature::Info)))), 1);
        assert_eq!(aloud(&mut voice, [(700_000, missing(Feature::Info))]), 0, "nor after days");
        assert_eq!(aloud(&mut voice, [(700_000, missing(Feature::Events))]), 1);
    }
}
