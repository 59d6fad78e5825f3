//! `dockpulse run`: the agent.

use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

use super::engines::{Running, Way, watched};
use super::operations::{InEffect, Operating, Wish};
use super::reload::{FileWatch, Reload, Taken, take};
use super::services::Services;
use super::settings::OwnWay;
use super::signals::{End, hangup};
use super::{AppError, board, operations, outbox, page, settings, unsupported, wiring};
use crate::config::{Loaded, Settings};
use crate::control::Reloaded;
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
    let board = board::board(&loaded.settings, &agent_host, loaded.file.as_deref(), clock, &telemetry);
    let in_effect = InEffect::new(loaded);
    let settings = in_effect.get().settings.clone();
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
    let control = operations::listen(&in_effect.get(), &telemetry).await?;
    telemetry.record(&started(&settings));
    page::begin(&mut services, &in_effect.get(), &agent_host, &board, &telemetry).await?;
    let running = Running::start(watched, believed, &way, Until::Told);
    let worker = wiring::worker(&export, &way, running.refusals())?;
    let (operating, wishes) = Operating::of(&way, &running, board.clone(), log.clone(), in_effect.clone());
    operations::serve(control, operating, &mut services);
    let (deadline_to, ending) = watch::channel(None);
    let mut delivering = Box::pin(worker.run(ending));
    let mut agent = Agent { settings, agent_host, telemetry, log, board, running, reload, in_effect, wishes };
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
        let answering = LAST_ANSWERS.min(timeout / 10).min(deadline.since(clock.now().mono));
        let ((), kept) = tokio::join!(services.end(answering), outbox::close(&queue, clock, deadline));
        (unsent, kept)
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
    in_effect: InEffect,
    wishes: mpsc::Receiver<Wish>,
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

impl Agent {
    /// Serves signals until one asks to end, or until a part has ended by itself, which it tells.
    async fn serve(&mut self, end: &mut End, hangup: &mut Signal) -> Option<String> {
        let mut unchecked = Unchecked::new(&self.settings);
        let mut file = FileWatch::new(self.reload.watched.clone());
        loop {
            tokio::select! {
                event = unchecked.due() => self.telemetry.record(&event),
                () = end.asked() => {
                    let within = self.settings.shutdown.timeout;
                    self.telemetry.record(&Event::ShuttingDown { within });
                    return None;
                }
                crash = self.running.crashed() => return Some(crash),
                _ = hangup.recv() => {
                    self.reload().await;
                }
                () = file.changed() => {
                    self.reload().await;
                }
                Some(Wish(answer)) = self.wishes.recv() => {
                    // Who does not wait any more has his wish all the same.
                    let _ = answer.send(self.reload().await);
                }
            }
        }
    }

    /// Takes new settings as far as they can be changed while it runs: what is watched, and what is published.
    async fn reload(&mut self) -> Reloaded {
        let loaded = match (self.reload.load)() {
            Ok(loaded) => loaded,
            Err(errors) => return self.reject(errors.iter().map(ToString::to_string).collect()),
        };
        let errors = unsupported(&loaded.settings);
        if !errors.is_empty() {
            return self.reject(errors);
        }
        let odd = loaded.warnings.iter().map(ToString::to_string);
        let odd: Vec<Event> = odd.map(|text| Event::SettingsOdd { text }).collect();
        let Taken { settings, changed, waiting } = take(&self.settings, loaded.settings);
        let watched = match watched(&settings, &self.agent_host, &self.telemetry) {
            Ok(watched) => watched,
            Err(error) => return self.reject(vec![error.to_string()]),
        };
        self.settings = settings.clone();
        self.in_effect.set(Loaded { settings, ..loaded });
        board::set(&self.board, &self.settings);
        self.log.set_level(settings::log_level(self.settings.log.level));
        self.running.change(watched).await;
        odd.iter().for_each(|event| self.telemetry.record(event));
        self.telemetry.record(&Event::SettingsReloaded { changed: changed.clone(), waiting: waiting.clone() });
        Reloaded { applied: true, changed, needs_restart: waiting, errors: Vec::new() }
    }

    fn reject(&self, errors: Vec<String>) -> Reloaded {
        self.telemetry.record(&Event::SettingsRejected { errors: errors.clone() });
        Reloaded { errors, ..Reloaded::default() }
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
