//! `dockpulse run`: the agent.

use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

use super::engines::{Running, Way, watched};
use super::services::Services;
use super::settings::OwnWay;
use super::signals::{End, hangup};
use super::{AppError, board, outbox, page, settings, unsupported, wiring};
use crate::config::{Errors, Loaded, Settings};
use crate::export::{Connector, Unsent};
use crate::model::Text;
use crate::model::time::{Clock, Monotonic};
use crate::pipeline::Until;
use crate::status::Handle;
use crate::telemetry::log::Log;
use crate::telemetry::{Event, Telemetry};

/// So much of the time to end is kept for the outbox's directory at most.
const LONGEST_CLOSE: Duration = Duration::from_millis(500);

/// So much of the time to end is kept for answers of the page and the control API that are under way.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// Reads the settings again, for SIGHUP.
pub type Reload = Box<dyn FnMut() -> Result<Loaded, Errors> + Send>;

/// Runs the agent until a signal ends it.
///
/// # Errors
/// When it cannot start, when not everything could be delivered in time, or when a second signal ended it.
pub async fn run(
    loaded: Loaded,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    log: Log,
    reload: Reload,
) -> Result<(), AppError> {
    let (mut end, mut hangup) = (End::new()?, hangup()?);
    let Loaded { settings, file, origins, .. } = loaded;
    let board = board::board(&settings, &agent_host, file.as_deref(), clock, &telemetry);
    let export = settings::export(&settings, &telemetry)?;
    let watched = watched(&settings, &agent_host, &telemetry)?;
    let connector = Connector::new(&export);
    let own = OwnWay { export: &export, connector: &connector, clock };
    telemetry.send_to(&settings::own(&settings, &own, &agent_host, log.clone()), connector.clone())?;
    let (way, believed) = tokio::select! {
        opened = Way::open(&settings, clock, telemetry.clone()) => opened?,
        () = end.asked() => return Ok(()),
    };
    let way = way.shown_on(board.clone(), &settings);
    let mut services = Services::new();
    telemetry.record(&started(&settings));
    page::begin(&mut services, &settings, &origins, &agent_host, &board, &telemetry).await?;
    let running = Running::start(watched, believed, &way, Until::Told);
    let worker = wiring::worker(&export, &way, running.refusals())?;
    let (deadline_to, ending) = watch::channel(None);
    let mut delivering = Box::pin(worker.run(ending));
    let mut agent = Agent { settings, agent_host, telemetry, log, board, running, reload };
    let crash = tokio::select! {
        _ = &mut delivering => return Err(AppError::Crashed("the export".to_owned())),
        crash = agent.serve(&mut end, &mut hangup) => crash,
    };
    let timeout = agent.settings.shutdown.timeout;
    let deadline = clock.now().mono + timeout;
    let Agent { settings, telemetry, running, .. } = agent;
    let queue = way.queue.clone();
    let ended = async {
        running.finish(settings.retract.on_shutdown).await;
        let to_close = if queue.is_durable() { (timeout / 10).min(LONGEST_CLOSE) } else { Duration::ZERO };
        let _ = deadline_to.send(Some(deadline - to_close));
        // The last decisions are durable before long, whether they can be delivered or not.
        let (unsent, ()) = tokio::join!(delivering, within(clock, deadline, queue.written()));
        services.end(LAST_ANSWERS.min(timeout / 10)).await;
        (unsent, outbox::close(&queue, clock, deadline).await)
    };
    let (unsent, kept) = tokio::select! {
        ended = ended => ended,
        () = end.asked() => {
            telemetry.record(&Event::SecondSignal);
            return Err(AppError::Aborted);
        }
    };
    let directory = settings.outbox.directory.as_deref().filter(|_| kept).map(outbox::shown);
    let delivered = farewell(&telemetry, clock, deadline, timeout, unsent, directory).await;
    crash.map_or(delivered, |what| Err(AppError::Crashed(what)))
}

async fn within(clock: Clock, deadline: Monotonic, what: impl Future<Output = ()>) {
    let _ = tokio::time::timeout(deadline.since(clock.now().mono), what).await;
}

async fn farewell(
    telemetry: &Telemetry,
    clock: Clock,
    deadline: Monotonic,
    within: Duration,
    unsent: Unsent,
    kept_in: Option<Text>,
) -> Result<(), AppError> {
    let (points, retractions) = (unsent.points as u64, unsent.retractions as u64);
    let kept = kept_in.filter(|_| points > 0);
    let waits = kept.is_some();
    telemetry.record(&match kept {
        Some(path) => Event::StoppedWithRest { path, points, retractions },
        None => Event::Stopped { unsent: points },
    });
    telemetry.shutdown(deadline.since(clock.now().mono).min(within / 4)).await;
    match unsent.points {
        0 => Ok(()),
        _ if waits => Ok(()),
        points => Err(AppError::Undelivered { within, points, retractions: unsent.retractions }),
    }
}

fn started(settings: &Settings) -> Event {
    let engines: Vec<String> = settings.engines.iter().map(|e| e.endpoint.to_string()).collect();
    let every = settings.interval.as_secs_f64();
    let detail = format!("{} → {} every {every} s", engines.join(", "), settings.export.metrics_url);
    Event::Started { version: env!("CARGO_PKG_VERSION"), detail }
}

/// The running agent.
struct Agent {
    settings: Settings,
    agent_host: String,
    telemetry: Telemetry,
    log: Log,
    board: Handle,
    running: Running,
    reload: Reload,
}

/// How often it is said that a certificate is not verified, after the start has said it.
const REMEMBER_EVERY: Duration = Duration::from_secs(3600);

/// A collector whose certificate is not verified, if there is one; what is to be said of it.
struct Unchecked {
    collector: Option<Text>,
    again: Interval,
}

impl Unchecked {
    fn new(settings: &Settings) -> Self {
        let collector = settings.export.skips_verify().then(|| settings::collector(settings));
        let mut again = tokio::time::interval(REMEMBER_EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is at once; the start has said it.
        again.reset();
        Self { collector, again }
    }

    /// Waits until it is to be said again.
    async fn due(&mut self) -> Event {
        let Some(peer) = self.collector.clone() else { return std::future::pending().await };
        self.again.tick().await;
        Event::CertificateUnchecked { peer }
    }
}

/// A change of these is none for the engines.
const NOT_OF_ENGINES: [&str; 2] = ["shutdown", "log.level"];

impl Agent {
    /// Serves signals until one asks to end, or until a part has ended by itself, which it tells.
    async fn serve(&mut self, end: &mut End, hangup: &mut Signal) -> Option<String> {
        let mut unchecked = Unchecked::new(&self.settings);
        loop {
            tokio::select! {
                event = unchecked.due() => self.telemetry.record(&event),
                () = end.asked() => {
                    let within = self.settings.shutdown.timeout;
                    self.telemetry.record(&Event::ShuttingDown { within });
                    return None;
                }
                crash = self.running.crashed() => return Some(crash),
                _ = hangup.recv() => self.reload().await,
            }
        }
    }

    /// Takes new settings as far as they can be changed while it runs: what is watched, and what is published.
    async fn reload(&mut self) {
        let loaded = match (self.reload)() {
            Ok(loaded) => loaded,
            Err(errors) => return self.reject(errors.iter().map(ToString::to_string).collect()),
        };
        let mut errors = unsupported(&loaded.settings);
        errors.extend(self.needs_restart(&loaded.settings));
        if !errors.is_empty() {
            return self.reject(errors);
        }
        let watched = match watched(&loaded.settings, &self.agent_host, &self.telemetry) {
            Ok(watched) => watched,
            Err(error) => return self.reject(vec![error.to_string()]),
        };
        let changed = self.changed(&loaded.settings);
        self.settings = loaded.settings;
        board::set(&self.board, &self.settings);
        self.log.set_level(settings::log_level(self.settings.log.level));
        if changed.iter().any(|key| !NOT_OF_ENGINES.contains(&key.as_str())) {
            self.running.change(watched).await;
        }
        self.telemetry.record(&Event::SettingsReloaded { changed });
    }

    fn reject(&self, errors: Vec<String>) {
        self.telemetry.record(&Event::SettingsRejected { errors });
    }

    fn needs_restart(&self, new: &Settings) -> Vec<String> {
        let old = &self.settings;
        let keys = [
            ("export", !old.export.is_same(&new.export)),
            ("outbox", old.outbox != new.outbox),
            ("telemetry", old.telemetry != new.telemetry),
            ("status", old.status != new.status),
            ("log.format", old.log.format != new.log.format),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| format!("{key}: needs a restart")).collect()
    }

    fn changed(&self, new: &Settings) -> Vec<String> {
        let old = &self.settings;
        let keys = [
            ("interval", old.interval != new.interval),
            ("profile", old.profile != new.profile),
            ("engines", old.engines != new.engines),
            ("containers", old.containers != new.containers),
            ("attributes", old.attributes != new.attributes),
            ("metrics", old.metrics != new.metrics),
            ("retract", old.retract != new.retract),
            ("shutdown", old.shutdown != new.shutdown),
            ("log.level", old.log.level != new.log.level),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags, Sources, load};

    fn settings(endpoint: &str) -> Settings {
        let name = "DOCKPULSE_EXPORT__TLS__INSECURE_SKIP_VERIFY";
        let environment: Environment = [("DOCKPULSE_EXPORT__ENDPOINT", endpoint), (name, "true")].into_iter().collect();
        let (working_directory, system_directory) = ("/nonexistent".into(), "/nonexistent".into());
        let sources = Sources { flags: Flags::default(), environment, working_directory, system_directory };
        load(&sources, &settings::known()).expect("settings").settings
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_is_not_verified_is_said_again_each_hour() {
        let clock = Clock::start();
        let mut unchecked = Unchecked::new(&settings("https://c:4317"));
        for hour in 1..4 {
            let event = unchecked.due().await;
            assert_eq!(event, Event::CertificateUnchecked { peer: "collector https://c:4317".into() });
            assert_eq!(clock.now().mono.since(Monotonic::default()).as_secs(), hour * 3600);
        }
        let mut plain = Unchecked::new(&settings("http://c:4317"));
        assert!(tokio::time::timeout(Duration::from_secs(9999), plain.due()).await.is_err(), "there is none");
    }
}
