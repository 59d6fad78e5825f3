//! The log on stderr: one line for each thing, for people or as JSON.
//!
//! Whatever is logged passes one formatter, which escapes it. Other crates are let through from `warn` up at most,
//! because at finer levels they print requests with their headers.

mod line;
mod queue;
pub(in crate::telemetry) mod tap;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

pub use tracing::level_filters::LevelFilter as Level;

use crate::model::time::Clock;

use self::line::Lines;
use self::queue::Queue;
use self::tap::Tap;

/// How a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// `TIME LEVEL words key=value`.
    #[default]
    Text,
    /// One object.
    Json,
}

/// What the log can be told while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    level: reload::Handle<Targets, Registry>,
    queue: Arc<Queue>,
    tap: Arc<Tap>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It was started before.
    #[error("the log runs already")]
    Twice,
    /// It has a thread of its own, so that a reader of stderr who stands still stops nothing else.
    #[error("cannot start the thread of the log: {0}; raise the limit of processes")]
    NoThread(#[source] std::io::Error),
}

/// Starts the process' log on stderr. `ansi`: with colours.
pub fn init(level: Level, format: Format, ansi: bool, clock: Clock) -> Result<Log, LogError> {
    let (log, subscriber) = with_writer(level, format, ansi, clock, std::io::stderr())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(log)
}

impl Log {
    /// Changes the level.
    pub fn set_level(&self, level: Level) {
        // It fails only if the subscriber is gone, and then there is nothing to filter.
        let _ = self.level.reload(filter(level));
    }

    /// Waits until everything that was logged so far is written, but not longer than `within`. To be called before
    /// the process ends; blocks.
    pub fn flush(&self, within: Duration) {
        self.queue.flush(within);
    }

    pub(super) fn tap(&self) -> &Tap {
        &self.tap
    }
}

/// The same for any writer; whoever calls it installs the subscriber.
pub fn with_writer(
    level: Level,
    format: Format,
    ansi: bool,
    clock: Clock,
    out: impl Write + Send + 'static,
) -> Result<(Log, impl Subscriber + Send + Sync), LogError> {
    let lines = Lines::new(format, ansi, clock);
    let (queue, tap) = (Arc::new(Queue::default()), Arc::new(Tap::default()));
    queue::start(queue.clone(), out).map_err(LogError::NoThread)?;
    let (filter, level) = reload::Layer::new(filter(level));
    let subscriber = tracing_subscriber::registry().with(filter).with(lines.into_layer(queue.clone(), tap.clone()));
    Ok((Log { level, queue, tap }, subscriber))
}

fn filter(level: Level) -> Targets {
    Targets::new().with_default(level.min(Level::WARN)).with_target(env!("CARGO_CRATE_NAME"), level)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::model::container::ContainerId;
    use crate::model::engine::EngineError;
    use crate::telemetry::event::{Event, Failure, Named};
    use crate::telemetry::{Telemetry, event};

    const EVIL: &str = "web\x1b[2J\x1b]0;owned\x07\r\nERROR fake line \u{9b}31m\u{202e}";

    /// Keeps what is written.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    fn written(level: Level, format: Format, work: impl FnOnce(&Log)) -> String {
        let kept = Kept::default();
        let (log, subscriber) = with_writer(level, format, false, Clock::start(), kept.clone()).expect("it starts");
        tracing::subscriber::with_default(subscriber, || work(&log));
        log.flush(Duration::from_secs(10));
        kept.text()
    }

    fn hostile() -> Event {
        let id = ContainerId::try_new(&"0123456789ab".repeat(5)).expect("an id");
        let error = EngineError::Status { path: "/containers/{id}/stats", status: 500, message: EVIL.into() };
        let container = Named { name: EVIL.into(), id };
        Event::ContainerFailed { engine: EVIL.into(), container, failure: Failure::Stats, error }
    }

    #[test]
    fn a_line_is_time_level_words_and_what_the_words_do_not_say() {
        let text = written(Level::INFO, Format::Text, |_| {
            tracing::warn!(target: "dockpulse", event = "x", engine = "e", n = 3, of = "a b", to = "c", ok = true, "two {}", "words");
            tracing::info!(target: "dockpulse", engine = "e", "no event");
        });
        let (time, rest) = text.split_once(' ').expect("a time");
        assert!(time.parse::<jiff::Timestamp>().is_ok() && time.len() == "2026-11-22T02:45:23.741Z".len(), "{time}");
        let (first, second) = rest.split_once('\n').expect("two lines");
        assert_eq!(first, " WARN two words n=3 of=\"a b\" to=c ok=true");
        assert!(second.ends_with("  INFO no event engine=e\n"), "{second}");
    }

    #[test]
    fn json_is_one_object_a_line_with_the_names_apart() {
        let text = written(Level::INFO, Format::Json, |_| {
            Telemetry::silent().record(&hostile());
            tracing::info!(target: "dockpulse", message = 7, text = "quoted");
            tracing::info!(target: "dockpulse", level = "mine", n = 3, x = 0.5, y = f64::NAN, "say \"hi\"");
        });
        let lines: Vec<serde_json::Value> =
            text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect();
        let [failed, _, hi] = &lines[..] else { panic!("three lines: {text}") };
        assert_eq!((&failed["level"], &failed["event"]), (&"WARN".into(), &"container_failed".into()));
        assert_eq!(failed["container_id"], "0123456789ab".repeat(5));
        assert!(failed["container"].as_str().is_some_and(|name| name.starts_with("web")));
        assert_eq!(
            (&hi["message"], &hi["n"], &hi["x"], &hi["y"]),
            (&"say \"hi\"".into(), &3.into(), &0.5.into(), &"NaN".into())
        );
        assert_eq!((&hi["level"], &hi["level_"]), (&"INFO".into(), &"mine".into()));
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal_or_fakes_a_line() {
        for format in [Format::Text, Format::Json] {
            let text = written(Level::TRACE, format, |_| {
                Telemetry::silent().record(&hostile());
                tracing::error!(target: "dockpulse", name = EVIL, shown = %EVIL, debug = ?EVIL, "{EVIL}");
            });
            assert_eq!(text.lines().count(), 2, "{text}");
            let odd = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!text.contains(odd), "{text:?}");
        }
    }

    #[test]
    fn the_level_can_be_changed_while_it_runs() {
        let text = written(Level::WARN, Format::Text, |log| {
            for level in [Level::WARN, Level::DEBUG, Level::OFF] {
                log.set_level(level);
                tracing::debug!(target: "dockpulse::probe", "fine at {level}");
                tracing::error!(target: "dockpulse", "loud at {level}");
            }
        });
        let words: Vec<&str> = text.lines().map(|l| &l[25..]).collect();
        assert_eq!(words, ["ERROR loud at warn", "DEBUG fine at debug", "ERROR loud at debug"]);
    }

    #[test]
    fn other_crates_are_heard_from_warn_up_at_most() {
        let text = written(Level::TRACE, Format::Text, |_| {
            tracing::trace!(target: "h2::codec", "a header's value");
            tracing::info!(target: "hyper::client", "a header's value");
            tracing::debug!(target: "opentelemetry_sdk", "a header's value");
            tracing::warn!(target: "tonic", "heard");
            tracing::trace!(target: "dockpulse::export", "ours");
        });
        assert!(text.contains("heard") && text.contains("ours") && !text.contains("a header's value"), "{text}");
        let text = written(Level::ERROR, Format::Text, |_| tracing::warn!(target: "tonic", "not asked for"));
        assert_eq!(text, "");
    }

    #[test]
    fn a_value_without_end_is_cut() {
        let text = written(Level::INFO, Format::Text, |_| {
            tracing::info!(target: "dockpulse", x = "y".repeat(1_000_000), "{}", "é".repeat(1_000_000));
        });
        assert!(text.len() < 20_000 && text.ends_with("…\n"), "{} bytes", text.len());
    }

    /// Takes one line, then waits until it is let go.
    struct Stuck(Receiver<()>, Kept);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stuck() -> (SyncSender<()>, Kept, Stuck) {
        let ((hold, held), kept) = (sync_channel(0), Kept::default());
        (hold, kept.clone(), Stuck(held, kept))
    }

    #[test]
    fn a_reader_who_stands_still_costs_lines_that_are_counted_and_nothing_else() {
        let (hold, kept, out) = stuck();
        let (log, subscriber) = with_writer(Level::INFO, Format::Text, false, Clock::start(), out).expect("it starts");
        tracing::subscriber::with_default(subscriber, || {
            for i in 0..20_000 {
                tracing::info!(target: "dockpulse", "line {i} {}", "x".repeat(100));
            }
            log.flush(Duration::from_millis(10));
            drop(hold);
            log.flush(Duration::from_secs(10));
            tracing::info!(target: "dockpulse", "the last line");
            log.flush(Duration::from_secs(10));
        });
        let text = kept.text();
        let written = text.lines().filter(|l| l.contains(" line ") && l.contains("xxx")).count();
        let lost = text.lines().find_map(|l| {
            l.split(" WARN ").nth(1)?.strip_suffix(" lines of the log were lost: stderr is not read fast enough")
        });
        assert_eq!(lost.and_then(|n| n.parse().ok()), Some(20_000 - written), "{written} written");
        assert!(text.len() < 2 * 512 * 1024 && text.trim_end().ends_with("the last line"), "{}", text.len());
    }

    /// A pipe that nobody reads any more.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_stderr_is_no_fault() {
        let (log, subscriber) =
            with_writer(Level::INFO, Format::Text, false, Clock::start(), Broken).expect("it starts");
        tracing::subscriber::with_default(subscriber, || {
            (0..100).for_each(|i| tracing::info!(target: "dockpulse", "line {i}"));
        });
        let clock = Clock::start();
        log.flush(Duration::from_secs(10));
        assert!(clock.now().mono.0 < Duration::from_secs(5), "nothing is left to wait for");
    }

    #[test]
    fn what_was_said_lately_is_left_to_the_level_debug() {
        let missing = || Event::FeatureMissing {
            engine: "local".into(),
            feature: event::Feature::Info,
            error: EngineError::Status { path: "/info", status: 403, message: "".into() },
        };
        for (level, lines) in [(Level::INFO, 1), (Level::DEBUG, 5)] {
            let text = written(level, Format::Text, |_| {
                let telemetry = Telemetry::silent();
                (0..5).for_each(|_| telemetry.record(&missing()));
            });
            assert_eq!(text.lines().count(), lines, "{text}");
        }
    }
}
