//! `dockpulse once`: one probe, one push, an answer. For CI and cron.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::engines::{Running, Way, watched};
use super::names::Names;
use super::signals::End;
use super::{AppError, outbox, settings, wiring};
use crate::config::Settings;
use crate::export::{ExportReport, Outcome};
use crate::model::counted;
use crate::model::time::{Clock, Monotonic};
use crate::pipeline::{Control, Finding, Until};
use crate::telemetry::Telemetry;

/// What became of the requests.
#[derive(Debug, Default)]
struct Told {
    requests: u32,
    points: usize,
    rejected: u64,
    /// The last failure that was not made good by a later success.
    failure: Option<String>,
    dropped: bool,
}

/// Probes each engine once, pushes what it found, and waits for the collector's answer; with `retract` takes it all
/// back then. The summary goes to `out`.
///
/// # Errors
/// When an engine could not be probed or the collector did not take everything.
pub async fn once(
    mut settings: Settings,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    retract: bool,
    out: &mut (impl Write + ?Sized),
) -> Result<(), AppError> {
    // There is no later probe that could find the engine well again.
    settings.retract.list_failure_grace = Duration::ZERO;
    let export = settings::export(&settings, &telemetry)?;
    let watched = watched(&settings, &agent_host, &telemetry)?;
    let (mut stop, mut twice) = (End::new()?, End::new()?);
    let (way, believed) = tokio::select! {
        opened = Way::open(&settings, clock, telemetry) => opened?,
        () = stop.asked() => return Err(stopped_early()),
    };
    let way = Way { names: Names::for_good(), ..way };
    let mut running = Running::start(watched, believed, &way, Until::Probed { retract });
    let told = Arc::new(Mutex::new(Told::default()));
    let hear = {
        let told = told.clone();
        let refusals = running.refusals();
        move |report: &ExportReport| {
            heard(&told, report);
            refusals(report);
        }
    };
    let worker = wiring::worker(&export, &way, hear)?;
    let (end, ending) = watch::channel(None);
    let probing = async {
        let (mut findings, mut stopped, mut crash) = (Vec::new(), false, None);
        loop {
            tokio::select! {
                ended = running.tasks.join_next() => match ended {
                    Some(Ok(finding)) => findings.push(way.outlives(finding)),
                    Some(Err(error)) => crash = Some(error.to_string()),
                    None => break,
                },
                () = stop.asked(), if !stopped => {
                    stopped = true;
                    running.tell(|| Control::Finish(retract));
                }
            }
        }
        way.outlives_all();
        let within = if stopped { settings.shutdown.timeout } else { settings.export.timeout };
        let _ = end.send(Some(clock.now().mono + within));
        (findings, stopped, crash)
    };
    let ((findings, stopped, crash), unsent) = tokio::select! {
        done = async { tokio::join!(probing, worker.run(ending)) } => done,
        () = async {
            twice.asked().await;
            hurry(&end, clock.now().mono + settings.shutdown.timeout);
            twice.asked().await;
        } => return Err(AppError::Aborted),
    };
    let kept = outbox::close(&way.queue, clock, clock.now().mono + settings.shutdown.timeout).await;
    let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    let all_retracted = retract && unsent.points == 0 && !told.dropped;
    sum_up(&findings, &told, &settings, all_retracted, out)?;
    let rest = if kept { settings.outbox.directory.as_deref() } else { None };
    let outcome = taken(&told, unsent.points, rest, &settings.export.metrics_url.to_string());
    verdict(crash, stopped, &findings, outcome)
}

/// What went wrong first, of all that did.
fn verdict(
    crash: Option<String>,
    stopped: bool,
    findings: &[Finding],
    outcome: Result<(), AppError>,
) -> Result<(), AppError> {
    let failed: Vec<String> = findings.iter().filter_map(failure).collect();
    match crash {
        Some(crash) => Err(AppError::Crashed(crash)),
        None if stopped => Err(stopped_early()),
        None if !failed.is_empty() => Err(AppError::Once(failed.join("; "))),
        None => outcome,
    }
}

/// A signal ends a delivery that goes on as soon as it ends an agent.
fn hurry(end: &watch::Sender<Option<Monotonic>>, by: Monotonic) {
    end.send_if_modified(|deadline| deadline.as_mut().filter(|at| **at > by).map(|at| *at = by).is_some());
}

/// Whether the collector took everything; what it did not take waits in `rest`, if there is such a directory.
fn taken(told: &Told, lost: usize, rest: Option<&Path>, collector: &str) -> Result<(), AppError> {
    if lost == 0 && !told.dropped && told.rejected == 0 {
        return Ok(());
    }
    let why = told.failure.clone().unwrap_or_else(|| format!("{} points were rejected", told.rejected));
    let rest = rest.filter(|_| lost > 0).map_or_else(String::new, |path| {
        format!(
            "; {} wait in {} for the next run",
            counted(lost as u64, "point", "points"),
            outbox::shown(path).escape_debug()
        )
    });
    Err(AppError::Once(format!("the collector {collector} did not take everything: {why}{rest}")))
}

fn stopped_early() -> AppError {
    AppError::Once("a signal ended it before the probe was over".to_owned())
}

fn failure(finding: &Finding) -> Option<String> {
    let error = finding.error.as_ref()?;
    Some(format!("engine {}: {error}", finding.engine.escape_debug()))
}

fn heard(told: &Mutex<Told>, report: &ExportReport) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    match &report.outcome {
        Outcome::Delivered { rejected, message, .. } => {
            told.requests += 1;
            told.points += report.points;
            told.rejected += rejected;
            if *rejected > 0 {
                told.failure = Some(message.clone());
            }
        }
        Outcome::Retrying { cause, .. } => told.failure = Some(cause.to_string()),
        Outcome::Splitting { .. } => {}
        Outcome::Dropped { cause, .. } => {
            told.failure = Some(cause.to_string());
            told.dropped = true;
        }
    }
}

fn sum_up(
    findings: &[Finding],
    told: &Told,
    settings: &Settings,
    all_retracted: bool,
    out: &mut (impl Write + ?Sized),
) -> std::io::Result<()> {
    for f in findings {
        let name = f.engine.escape_debug();
        match &f.error {
            None => {
                let (containers, series) = (counted(f.containers as u64, "container", "containers"), f.series);
                writeln!(out, "engine {name}: {containers}, {series} series")?;
            }
            Some(_) => writeln!(out, "engine {name}: no probe")?,
        }
    }
    let retracted = if all_retracted { ", all retracted" } else { "" };
    let (points, requests) =
        (counted(told.points as u64, "point", "points"), counted(u64::from(told.requests), "request", "requests"));
    writeln!(out, "collector {}: {points} in {requests}{retracted}", settings.export.metrics_url)
}
